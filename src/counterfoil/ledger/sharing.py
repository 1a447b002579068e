"""Lets other homes of this machine onto a ledger of one's own: to try things out with two organisations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from counterfoil.errors import InvalidInput
from counterfoil.ledger.accounts.account import parse_address
from counterfoil.ledger.connecting import Wanted
from counterfoil.ledger.connection import Connection
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.embedded.server import serve
from counterfoil.ledger.ledger import Ledger

__all__ = ["GIFT_WEI", "SharedLedger", "sharing"]

GIFT_WEI: Final = 10**20
"""What whoever joins is given for fees."""


@dataclass(frozen=True, slots=True)
class SharedLedger:
    """A home's embedded ledger, as others of this machine reach it.

    Attributes:
        ledger: Of the home that holds it.
        url: Where it answers.
    """

    ledger: Ledger
    url: str

    def join(self, guest: Ledger, credits: str = "0") -> Connection:
        """Connects another home to it: with an account, funds for fees, and so many credits of its market.

        Args:
            guest: Of the other home; not connected yet.
            credits: What it is given to pay with, decimal text.

        Raises:
            InvalidInput: It is connected already.
        """
        ours, opened = self.ledger.require_connection(), self.ledger.opened
        account = guest.joining.accounts.choose(None)
        opened.outbox.wait(opened.outbox.submit(account, b"", value_wei=GIFT_WEI, gas=21_000, purpose="a gift"))
        wanted = Wanted(
            Connection.draft(rpc=(self.url,)),
            parse_address(ours.contract),
            assets=parse_address(ours.assets),
            assets_from=ours.assets_from,
            market=parse_address(ours.market),
            market_from=ours.market_from,
            credits=parse_address(ours.credits),
        )
        made = guest.connect(wanted)
        if float(credits):
            quote, mint = self.ledger.market.minting(made.account, credits)
            quote.require_funds()
            mint(lambda _: None)
        return made


@contextmanager
def sharing(ledger: Ledger, port: int = 0) -> Iterator[SharedLedger]:
    """Serves a home's embedded ledger on loopback, for other homes to join.

    Args:
        ledger: Connected to a ledger of its own, which this process holds.
        port: 0 takes a free one.

    Raises:
        InvalidInput: It is connected to another ledger, or the port cannot be had.
    """
    rpc = ledger.opened.chain.rpc
    if not isinstance(rpc, EmbeddedLedger):
        raise InvalidInput(
            "this home's ledger is not its own, or another process holds it", hint="others join it where it is served"
        )
    with serve(rpc, port=port) as server:
        yield SharedLedger(ledger, server.url)
