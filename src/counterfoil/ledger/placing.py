"""Puts a contract on a home's ledger, or takes one that is there, for homes that were connected without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from counterfoil.errors import InvalidInput
from counterfoil.ledger.accounts.account import checksummed, parse_address
from counterfoil.ledger.placed import Placed, Told, placed_at
from counterfoil.ledger.sending.quote import Quote

if TYPE_CHECKING:
    from counterfoil.ledger.connection import Connection
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.rpc.chain import Chain
    from counterfoil.ledger.sending.outbox import Outbox

__all__ = ["Placement", "placing"]


@dataclass(frozen=True, slots=True)
class Placement:
    """What a home may be given beside its log's contract.

    Attributes:
        name: The contract's, `Assets`.
        setting: Under which the settings name it.
        gas: Most gas that putting it there takes.
        stays: What stays in the one that is used already, in words.
        require_genuine: Makes sure that the contract at 20 bytes of an address is one.
        put: Puts one there, once, and returns it with the settings that name it.
    """

    name: str
    setting: Literal["assets", "market"]
    gas: int
    stays: str
    require_genuine: Callable[[Chain, bytes], None]
    put: Callable[[Outbox, Connection, Told], Connection]


def placing(
    ledger: Ledger, placement: Placement, contract: str | None, from_block: int | None
) -> tuple[Quote, Callable[[Told], str]]:
    """Returns what that would cost, and what does it and returns the contract's address.

    Args:
        ledger: The home's ledger.
        placement: What is put there.
        contract: Address of one that is there; None deploys one.
        from_block: Height of the block from which on that one is there; None looks for it.

    Raises:
        InvalidInput: The home uses another one already; or the named one is older than the block named.
        NotFound: There is no contract at this address.
        LedgerContradicts: It is another contract.
    """
    named = parse_address(contract) if contract else None
    connection, opened = ledger.require_connection(), ledger.opened
    used = getattr(connection, placement.setting)
    if used and (named is None or checksummed(named) != used):
        raise InvalidInput(
            f"this home uses the {placement.name} contract {used} already", hint=f"{placement.stays} stays in it"
        )
    there: Placed | None = None
    if named is not None:
        placement.require_genuine(opened.chain, named)
        there = placed_at(opened.chain, named, from_block)
    gas = 0 if named is not None else placement.gas
    title = f"use the {placement.name} contract that is there"
    if named is None:
        title = f"put the {placement.name} contract on the ledger"
    quote = Quote(
        title=title,
        chain_id=opened.chain.chain_id,
        contract=named,
        account=opened.account.address,
        gas=gas,
        most_wei=gas * opened.chain.offered().max_wei if gas else 0,
        balance_wei=opened.chain.balance_wei(opened.account.address),
        left_wei=opened.outbox.left_today_wei,
    )

    def carry_out(tell: Told) -> str:
        settings = ledger.require_connection()
        made = there.named_in(settings, placement.setting) if there else placement.put(opened.outbox, settings, tell)
        ledger.use_contracts(made)
        return str(getattr(made, placement.setting))

    return quote, carry_out
