"""kill -9 at every step of a job that is bought, on either side: it is paid once, runs, and comes back once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from making_jobs import COUNT, GATE, algorithm
from making_market import Stall, offered
from market_town import KILLED, Town, kinds, opened_town

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

ROWS = 40
BUYING = [
    ("compute", "Computing._keep", 1),  # nothing was done
    ("compute", "Purchases.keep", 1),  # the algorithm is kept, the purchase is not
    ("compute", "ContractCalls._submitted", 1),  # kept, and not sent
    ("compute", "awaited", 1),  # in the outbox
    ("resume", "Trades._record", 1),  # final, and not on record
    ("resume", "Computing.hand_in", 1),  # bought, and not handed in
    ("resume", "Computing.fetch", 1),  # delivered, and not asked for
    ("resume", "Result.write", 1),  # read, and not written
    ("resume", "Computing._record", 1),  # written, and not on record
    ("resume", "Computing._forget", 1),  # on record, and not known as fetched
]
SELLING = [
    ("JobFiles.put_algorithm", 1),  # handed in, and not kept
    ("JobBook.add", 1),  # kept, and not queued
    ("JobRunner._ran", 1),  # begun
    ("_Running.outcome", 1),  # locked in, held back before its first instruction
    ("_Running._after", 1),  # it has ended, and nobody knows
    ("JobFiles.put_run", 1),  # what came of it is not kept
    ("Desk.put", 1),  # kept, and not at the gate
    ("JobRunner.goes_on", 1),  # at the gate, and not known as ended
    ("JobDelivery._receipt", 1),  # ended, and no receipt signed
    ("JobDelivery._record", 1),  # signed, and not on record
    ("ContractCalls._submitted", 1),  # on record, and the ledger not told
    ("awaited", 1),  # in the outbox
    ("Trades._record", 1),  # the ledger knows, and the log does not
    ("Trades._record", 2),  # delivered is on record, and paid out is not
    ("Jobs.result", 1),  # before the first byte
]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    def offer_all(stall: Stall) -> dict[str, str]:
        rules = {"gate": GATE, "algorithms": {"digests": [algorithm(COUNT).digest_hex]}}
        found = {}
        for name in ("bought from", "sold to"):
            data = tmp_path_factory.mktemp(name.replace(" ", "-")) / "doses.csv"
            data.write_text(f"dose of {name}\n" + "7\n" * ROWS)
            found[name] = offered(stall, data, name=name, kind="job", delivery_s=3_600, compute=rules)[0].offer
        return found

    with opened_town(tmp_path_factory.mktemp("town"), offer_all) as made:
        yield made


def require_one(town: Town, offer: str, to: Path) -> None:
    """Holds that a job was bought, run, delivered, paid and fetched once, and is on record so."""
    assert json.loads((to / "out" / "count.json").read_text()) == ROWS + 1
    with town.opened() as (seller, buyer):
        [order] = buyer.ledger.market.orders(offer=offer)
        assert order.state == "settled"
        assert kinds(buyer, order.order) == {"bought": 1, "received": 1}
        sold = kinds(seller, order.order)
        assert {name: sold[name] for name in ("execution", "delivered", "settled")} == dict.fromkeys(
            ("execution", "delivered", "settled"), 1
        )
        assert seller.ledger.market.owed().units == len(buyer.ledger.market.orders()) * 125 * 10**5
        assert buyer.ledger.market.balance().units == 10**9 - len(buyer.ledger.market.orders()) * 125 * 10**5


def test_a_buyer_killed_at_every_step_pays_once_and_has_the_result(town: Town) -> None:
    offer, to = town.offers["bought from"], town.folder / "bought"
    serving = town.sell()
    for do, at, nth in BUYING:
        town.buy(do, offer, to, at, nth)
        assert town.buys.hear() == KILLED, f"{at} was not reached"
    town.buy("resume", offer, to)
    assert {each["state"] for each in town.bought()} == {"fetched"}
    town.stop(serving)
    require_one(town, offer, to)


def test_a_seller_killed_at_every_step_runs_it_and_is_paid_once(town: Town) -> None:
    offer, to = town.offers["sold to"], town.folder / "sold"
    first = town.sell(*SELLING[0])
    town.buy("compute", offer, to)
    for place, (at, _) in enumerate(SELLING):
        assert town.sells.hear() == KILLED, f"{at} was not reached"
        first = town.sell(*SELLING[place + 1]) if place + 1 < len(SELLING) else town.sell()
        if place == 0:
            town.buys.hear()
            town.buy("resume", offer, to)
    assert {each["state"] for each in town.bought()} == {"fetched"}
    town.stop(first)
    require_one(town, offer, to)
