"""Reading 1,000 offers from a ledger into the market's tables, and asking for some of them.

The offers stand on an embedded ledger, a hundred of each of ten assets. Reading is what a
home does that sees the market for the first time: asking for events, decoding, writing
rows. Questions go the way users' do, the look at the newest block included.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import bank
from measure import Figure, Run, start

from counterfoil.ledger.market.book import MarketBook, read_topics
from counterfoil.ledger.market.contract import MarketContract
from counterfoil.ledger.market.terms import KINDS, UNLIMITED, Terms
from counterfoil.ledger.sending.scanner import Scanner
from counterfoil.organisation import Organisation

OFFERS = 1_000
ASSETS = 10
LOOKS = 20
PAGE = 100
ASKED_MS = 20.0

QUESTIONS = {
    "open": "The first 100 that can be bought",
    "asset": "Those of one asset",
    "seller": "The first 100 of one seller",
    "price": "Those below a price, of one kind",
    "one": "One, by its id",
}
FIGURES = (
    Figure("indexed_s", "seconds", "1,000 offers read from the ledger into the tables", "lower", 3.0),
    *(Figure(f"{name}_ms", "milliseconds", says, "lower", ASKED_MS) for name, says in QUESTIONS.items()),
    Figure("all_ms", "milliseconds", "All 1,000, as objects", "lower"),
)


def main() -> None:
    run = start("market_offers", __doc__, FIGURES)
    for _ in range(run.repeat):
        with run.folder() as folder, bank.home(folder) as org:
            org.ledger.connect()
            _offer(run, org)
            run.add("indexed_s", _read(org, folder / "book.db"))
            _ask(run, org)
    run.finish()


def _offer(run: Run, org: Organisation) -> None:
    """Puts the offers there, many in a block."""
    opened, count = org.ledger.opened, run.count(OFFERS, least=ASSETS)
    market, outbox = org.ledger.market.opened, opened.outbox
    assets = [int(org.ledger.assets.register("dataset", f"{place + 1:064x}").asset, 16) for place in range(ASSETS)]
    row = 0
    for number in range(count):
        kind = KINDS["job"] if number % 2 else KINDS["licence"]
        waits_s = 3_600 if number % 2 else 0
        price = (number + 1) * 10**6
        terms = Terms(opened.account.address, market.credits, price, kind, 0, waits_s, 0, 0, b"\x5e" * 32, bytes(32))
        calldata = MarketContract.offer(assets[number % ASSETS], number, UNLIMITED, terms)
        row = outbox.submit(market.contract.address, calldata, gas=200_000, purpose="a benchmark")
    outbox.wait(row, timeout_s=600)
    run.say(f"{count:,} offers stand on the ledger")


def _read(org: Organisation, path: Path) -> float:
    market, chain = org.ledger.market.opened, org.ledger.opened.chain
    addresses = [market.contract.address, market.assets]
    with MarketBook.open(path, market.assets) as book:
        scanner = Scanner(book.engine, chain, "market", addresses, [read_topics()], book)
        began = time.perf_counter()
        scanner.step()
        return time.perf_counter() - began


def _ask(run: Run, org: Organisation) -> None:
    market = org.ledger.market
    found = market.offers(limit=10 * OFFERS)
    first = found[0]
    questions: dict[str, Callable[[], object]] = {
        "open": lambda: market.offers(is_open=True, limit=PAGE),
        "asset": lambda: market.offers(asset=first.asset),
        "seller": lambda: market.offers(seller=first.seller, limit=PAGE),
        "price": lambda: market.offers(kind="licence", most="50"),
        "one": lambda: market.offer(first.offer),
        "all": lambda: market.offers(limit=10 * OFFERS),
    }
    for name, ask in questions.items():
        run.add(f"{name}_ms", statistics.median(_ms(ask) for _ in range(LOOKS)))


def _ms(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1_000


if __name__ == "__main__":
    main()
