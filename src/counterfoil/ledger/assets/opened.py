"""The Assets contract of a home's ledger, and the book of what it told, while both are open."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from counterfoil.ledger.accounts.account import parse_address
from counterfoil.ledger.assets.book import AssetBook
from counterfoil.ledger.assets.contract import AssetsContract
from counterfoil.ledger.connection import Connection, LedgerPaths
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.sending.scanner import Scanner

__all__ = ["OpenedAssets", "open_assets"]


@dataclass(frozen=True, slots=True)
class OpenedAssets:
    """What talks to the Assets contract.

    Attributes:
        contract: The contract.
        book: What it told.
        scanner: Reads that into the book; every event of the contract, whoever's asset it is about.
    """

    contract: AssetsContract
    book: AssetBook
    scanner: Scanner


def open_assets(paths: LedgerPaths, connection: Connection, chain: Chain, stack: ExitStack) -> OpenedAssets | None:
    """Opens the contract that the settings name; None where they name none."""
    if not connection.assets:
        return None
    contract = AssetsContract(chain, parse_address(connection.assets))
    book = stack.enter_context(AssetBook.open(paths.asset_book(chain.chain_id, contract.address)))
    scanner = Scanner(book.engine, chain, "assets", [contract.address], [], book, start=connection.assets_from)
    return OpenedAssets(contract, book, scanner)
