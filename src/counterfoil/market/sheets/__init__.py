"""Offer sheets: what a seller says about an offer, signed, in one file that the ledger names by its digest."""
