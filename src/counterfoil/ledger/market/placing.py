"""Puts a Market on a home's ledger, or takes one that is there, for homes that were connected without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from counterfoil.errors import NotSetUp
from counterfoil.ledger.accounts.account import checksummed, parse_address
from counterfoil.ledger.market.contract import MarketContract
from counterfoil.ledger.market.deploying import market_steps, put_market
from counterfoil.ledger.placed import Told
from counterfoil.ledger.placing import Placement, placing
from counterfoil.ledger.sending.quote import Quote

if TYPE_CHECKING:
    from counterfoil.ledger.connection import Connection
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.sending.outbox import Outbox

__all__ = ["placing_market"]


def placing_market(
    ledger: Ledger, contract: str | None = None, from_block: int | None = None, token: str | None = None
) -> tuple[Quote, Callable[[Told], str]]:
    """Returns what that would cost, and what does it and returns the contract's address; see `ledger.placing`.

    Args:
        ledger: The home's ledger.
        contract: Address of a Market that is there; None deploys one, and Credits unless a token is named.
        from_block: Height of the block from which on that one is there; None looks for it.
        token: Address of the token that prices are in where none is named; None leaves what the settings say.

    Raises:
        NotSetUp: The home uses no Assets contract, whose assets a market sells.
    """
    settings = ledger.require_connection()
    if not settings.assets:
        raise NotSetUp(
            "this home's ledger settings name no Assets contract, and a market sells what is registered there",
            hint="`counterfoil asset deploy` puts one on the ledger, or takes one with --contract",
        )
    assets, named = parse_address(settings.assets), token or settings.credits
    credits = parse_address(named) if named else None

    def put(outbox: Outbox, connection: Connection, tell: Told) -> Connection:
        market, made = put_market(outbox, assets, credits, tell)
        return replace(market.named_in(connection, "market"), credits=checksummed(made))

    placement = Placement(
        name="Market",
        setting="market",
        gas=sum(gas for _, gas in market_steps(credits)),
        stays="what is offered and bought",
        require_genuine=lambda chain, address: MarketContract(chain, address).require_genuine(assets),
        put=put,
    )
    quote, place = placing(ledger, placement, contract, from_block)

    def carry_out(tell: Told) -> str:
        address = place(tell)
        if named:
            ledger.use_contracts(replace(ledger.require_connection(), credits=checksummed(parse_address(named))))
        return address

    return quote, carry_out
