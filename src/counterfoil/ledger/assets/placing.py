"""Puts an Assets contract on a home's ledger, or takes one that is there, for homes that were connected without."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from counterfoil.errors import InvalidInput
from counterfoil.ledger.accounts.account import checksummed, parse_address
from counterfoil.ledger.assets.contract import AssetsContract, artefact
from counterfoil.ledger.connecting import ASSETS_GAS, deployed, placed_at
from counterfoil.ledger.sending.quote import Quote

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger

__all__ = ["placing"]

_Tell: TypeAlias = Callable[[str], None]


def placing(
    ledger: Ledger, contract: str | None = None, from_block: int | None = None
) -> tuple[Quote, Callable[[_Tell], str]]:
    """Returns what that would cost, and what does it and returns the contract's address.

    Args:
        ledger: The home's ledger.
        contract: Address of an Assets contract that is there; None deploys one.
        from_block: Height of the block from which on that one is there; None looks for it.

    Raises:
        InvalidInput: The home uses another one already; or the named one is older than the block named.
        NotFound: There is no contract at this address.
        LedgerContradicts: It is another contract.
    """
    named = parse_address(contract) if contract else None
    connection, opened = ledger.require_connection(), ledger.opened
    if connection.assets and (named is None or checksummed(named) != connection.assets):
        raise InvalidInput(
            f"this home uses the Assets contract {connection.assets} already", hint="what is registered stays in it"
        )
    there = None
    if named is not None:
        AssetsContract(opened.chain, named).require_genuine()
        there = placed_at(opened.chain, named, from_block)
    gas = 0 if named is not None else ASSETS_GAS
    quote = Quote(
        title="use the Assets contract that is there" if named else "put the Assets contract on the ledger",
        chain_id=opened.chain.chain_id,
        contract=named,
        account=opened.account.address,
        gas=gas,
        most_wei=gas * opened.chain.offered().max_wei if gas else 0,
        balance_wei=opened.chain.balance_wei(opened.account.address),
        left_wei=opened.outbox.left_today_wei,
    )

    def carry_out(tell: _Tell) -> str:
        placed = there or deployed(opened.outbox, artefact(), tell)
        ledger.use_assets(placed)
        return checksummed(placed.address)

    return quote, carry_out
