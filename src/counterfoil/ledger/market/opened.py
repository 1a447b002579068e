"""The Market contract of a home's ledger, and the book of what it told, while both are open."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from counterfoil.ledger.accounts.account import parse_address
from counterfoil.ledger.connection import Connection, LedgerPaths
from counterfoil.ledger.market.book import MarketBook, read_topics
from counterfoil.ledger.market.contract import MarketContract
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.sending.scanner import Scanner

__all__ = ["OpenedMarket", "open_market"]


@dataclass(frozen=True, slots=True)
class OpenedMarket:
    """What talks to the Market contract.

    Attributes:
        contract: The contract.
        assets: 20 bytes of the Assets contract whose assets are sold there.
        credits: 20 bytes of the token that prices are in where none is named; empty without one.
        book: What it told.
        scanner: Reads that into the book, and who owns the assets and how they stand.
    """

    contract: MarketContract
    assets: bytes
    credits: bytes
    book: MarketBook
    scanner: Scanner


def open_market(paths: LedgerPaths, connection: Connection, chain: Chain, stack: ExitStack) -> OpenedMarket | None:
    """Opens the contract that the settings name; None where they name none, or no Assets contract."""
    if not connection.market or not connection.assets:
        return None
    contract = MarketContract(chain, parse_address(connection.market))
    assets = parse_address(connection.assets)
    book = stack.enter_context(MarketBook.open(paths.market_book(chain.chain_id, contract.address), assets))
    start = min(connection.assets_from, connection.market_from)  # an asset is older than what offers it
    scanner = Scanner(book.engine, chain, "market", [contract.address, assets], [read_topics()], book, start=start)
    token = parse_address(connection.credits) if connection.credits else b""
    return OpenedMarket(contract, assets, token, book, scanner)
