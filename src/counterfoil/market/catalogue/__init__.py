"""The catalogue: what is offered on the ledger, with the sheets behind it, to be searched."""

from counterfoil.market.catalogue.catalogue import Catalogue, Refreshed
from counterfoil.market.catalogue.listing import Detail, Found, Listing, ShownReview
from counterfoil.market.catalogue.query import ORDERS, Query
from counterfoil.market.catalogue.source import Change, LedgerOffer, LedgerReview, OfferSource

__all__ = [
    "ORDERS",
    "Catalogue",
    "Change",
    "Detail",
    "Found",
    "LedgerOffer",
    "LedgerReview",
    "Listing",
    "OfferSource",
    "Query",
    "Refreshed",
    "ShownReview",
]
