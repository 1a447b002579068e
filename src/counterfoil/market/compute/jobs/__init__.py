"""Jobs that were bought: taken, run next to the data, gated, delivered, and their receipts."""
