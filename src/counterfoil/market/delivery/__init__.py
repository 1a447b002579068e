"""Delivering what was bought: the seller's side, the buyer's side, and where content comes from."""

from __future__ import annotations

from counterfoil.market.delivery.deliveries import Deliveries, SourceChanged
from counterfoil.market.delivery.extracting import extract
from counterfoil.market.delivery.fetching import Fetched, fetch
from counterfoil.market.delivery.folder import FolderSource
from counterfoil.market.delivery.orders import Orders, PaidOrder
from counterfoil.market.delivery.purchase import Purchase
from counterfoil.market.delivery.source import Source, content_of
from counterfoil.market.delivery.sources import FileSource, OpenedSource, StoreSource
from counterfoil.market.delivery.tickets import Tickets, is_ticket, sealed_for
from counterfoil.market.delivery.wire import SellerWire

__all__ = [
    "Deliveries",
    "Fetched",
    "FileSource",
    "FolderSource",
    "OpenedSource",
    "Orders",
    "PaidOrder",
    "Purchase",
    "SellerWire",
    "Source",
    "SourceChanged",
    "StoreSource",
    "Tickets",
    "content_of",
    "extract",
    "fetch",
    "is_ticket",
    "sealed_for",
]
