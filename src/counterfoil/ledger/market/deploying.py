"""Puts the Market on a ledger, and Credits to pay in; whoever does is governor and minter, and gets some credits."""

from __future__ import annotations

from typing import Final

from counterfoil.core.wording import counted
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.market.contract import artefact, credits_artefact, mint
from counterfoil.ledger.placed import Placed, Told, deployed, sent_once
from counterfoil.ledger.sending.outbox import Outbox

__all__ = ["CREDITS_GAS", "FIRST_CREDITS", "MARKET_GAS", "market_steps", "put_market"]

MARKET_GAS: Final = 4_900_000
CREDITS_GAS: Final = 1_300_000
MINT_GAS: Final = 80_000

FIRST_CREDITS: Final = 1_000_000
"""What whoever puts Credits there is given, so that something can be bought with them."""

_UNITS: Final = 10**6


def market_steps(token: bytes | None) -> list[tuple[str, int]]:
    """Returns what putting a Market there sends, in words, and the most gas of each.

    Args:
        token: 20 bytes of the token that prices are to be in; None puts Credits there.
    """
    steps = [("put the Market contract on the ledger", MARKET_GAS)]
    if token is None:
        steps.append(("put the Credits contract on the ledger, a token to pay in", CREDITS_GAS))
        steps.append((f"make {counted(FIRST_CREDITS, 'credit')} for this account", MINT_GAS))
    return steps


def put_market(outbox: Outbox, assets: bytes, token: bytes | None, tell: Told) -> tuple[Placed, bytes]:
    """Puts a Market there, once; returns it, and the token that prices are in, when all is final.

    Args:
        outbox: Sends it.
        assets: 20 bytes of the Assets contract whose assets it sells.
        token: 20 bytes of the token that prices are to be in; None puts Credits there.
        tell: Told what is being done.
    """
    market = deployed(outbox, artefact(), tell, assets.rjust(32, b"\0"))
    if token is not None:
        return market, token
    made = deployed(outbox, credits_artefact(), tell).address
    account = outbox.account.address
    key = f"mint {made.hex()} for {account.hex()} on {outbox.chain.chain_id}"
    tell(f"Making {counted(FIRST_CREDITS, 'credit')} for {checksummed(account)} ...")
    sent_once(outbox, made, mint(account, FIRST_CREDITS * _UNITS), "mint", key, tell)
    return market, made
