"""Datasets and models on the ledger: what their tokens say, and how they are registered."""
