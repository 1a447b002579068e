"""The market: selling and lending data, models and computation without giving up control."""
