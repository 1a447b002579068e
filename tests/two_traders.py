"""A seller with a ledger of its own, which it serves, and a buyer on it; each test sells an asset of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from lying_node import LyingNode
from organisations import Clock, copy_home, open_home

from counterfoil.ledger.accounts.account import checksummed, parse_address
from counterfoil.ledger.connecting import Wanted
from counterfoil.ledger.connection import Connection
from counterfoil.ledger.market.buying import ToBuy
from counterfoil.ledger.market.contract import credits_artefact, mint
from counterfoil.ledger.market.offer import Offer
from counterfoil.ledger.market.quote import TradeQuote
from counterfoil.ledger.market.records import TradeRecord
from counterfoil.ledger.market.selling import OfferDraft
from counterfoil.ledger.market.trading import Trading
from counterfoil.organisation import Organisation

T = TypeVar("T")

SHEET = "5e" * 32


def done(planned: tuple[TradeQuote, Callable[[Callable[[str], None]], T]]) -> T:
    """Pays for a plan and carries it out."""
    quote, carry_out = planned
    quote.require_funds()
    return carry_out(lambda _: None)


def digest(of: object) -> str:
    return sha256(repr(of).encode()).hexdigest()


def trades(org: Organisation) -> list[TradeRecord]:
    found = [org.archive.record(place) for place in range(org.archive.size)]
    return [TradeRecord.from_about(each.about, (*each.builds_on, "")[0]) for each in found if each.kind == "trade"]


def sent(org: Organisation) -> list[str]:
    """Returns what was sent to the market and to tokens, oldest first, in a word each."""
    rows = reversed(org.ledger.opened.outbox.rows())
    return [row.purpose.split(" ")[1] for row in rows if row.purpose.startswith("trade ")]


@dataclass
class Fair:
    """Two homes on one ledger.

    Attributes:
        seller: Holds the ledger, governs the market, makes credits.
        buyer: Reaches it through a node.
        node: The node.
        clock: Of both and of the ledger.
    """

    seller: Organisation
    buyer: Organisation
    node: LyingNode
    clock: Clock

    @property
    def sells(self) -> Trading:
        return self.seller.ledger.market

    @property
    def buys(self) -> Trading:
        return self.buyer.ledger.market

    def asset(self, name: str) -> str:
        return self.seller.ledger.assets.register("dataset", digest(name)).asset

    def offer(self, name: str, **more: object) -> Offer:
        draft = OfferDraft(**{"kind": "licence", "price": "12.50", "sheet": SHEET} | more)  # type: ignore[arg-type]
        return done(self.sells.offering(self.asset(name), draft))

    def to_buy(self, offer: Offer, key: object = 1, **more: object) -> ToBuy:
        most = offer.price.amount
        return ToBuy(offer.offer, digest(key), most, offer.sheet, **more)  # type: ignore[arg-type]


def another_token(fair: Fair) -> str:
    """Puts another token there that calls itself CREDIT, gives the buyer 1,000 of it; returns its address."""
    outbox, buyer = fair.seller.ledger.opened.outbox, fair.buyer.ledger.opened.account.address
    row = outbox.wait(outbox.submit(None, credits_artefact().bytecode, purpose="another token"))
    receipt = outbox.chain.receipt(row.transaction_hash)
    outbox.wait(outbox.submit(receipt.contract, mint(buyer, 1_000 * 10**6), purpose="another token"))
    return checksummed(receipt.contract)


@contextmanager
def joined(
    folder: Path, seller: Organisation, node: LyingNode, clock: Clock, settings: str = ""
) -> Iterator[Organisation]:
    """Opens another home on the seller's ledger, with funds, 1,000 credits, and settings of its own."""
    contracts = seller.ledger.require_connection()
    with open_home(copy_home(folder, settings), clock) as org:
        account = org.ledger.joining.accounts.create().address
        assert account is not None
        outbox = seller.ledger.opened.outbox
        outbox.wait(outbox.submit(account, b"", value_wei=10**20, gas=21_000, purpose="a gift"))
        org.ledger.connect(
            Wanted(
                Connection.draft(rpc=(node.url,)),
                parse_address(contracts.contract),
                assets=parse_address(contracts.assets),
                assets_from=contracts.assets_from,
                market=parse_address(contracts.market),
                market_from=contracts.market_from,
                credits=parse_address(contracts.credits),
            )
        )
        done(seller.ledger.market.minting(org.ledger.require_connection().account, "1000"))
        yield org
