"""A job without a window: what its node tells the ledger pays it out, and its result is fetched as any other."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from making_market import Stall, market, offered
from making_node import settled
from two_traders import sent, trades

from counterfoil.market.buying.computing import ToCompute
from counterfoil.market.compute.algorithms import Algorithm
from counterfoil.market.compute.jobs.closing import KEPT_S
from counterfoil.market.compute.jobs.job_book import JobState

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

COUNT = (
    '# /// counterfoil\n# name = "count"\n# version = "1"\n# ///\n'
    "import json\njson.dump(len(open('/in/data').readlines()), open('/out/count.json', 'w'))\n"
)
GATE = {
    "maxBytes": 1_000,
    "files": [{"name": "count.json", "type": "json", "maxBytes": 100, "schema": {"type": "integer"}}],
}


@pytest.fixture
def stall(tmp_path: Path) -> Iterator[Stall]:
    with market(tmp_path / "market") as made:
        yield made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "doses.csv"
    made.write_text("person,dose\n" + "".join(f"p-{each},{each % 7}\n" for each in range(100)))
    return made


class Killed(Exception):
    """The home is, right after it sent something."""


def kill(_: str) -> None:
    raise Killed


def test_a_job_that_is_due_while_its_delivery_is_not_final_yet_is_not_given_up(stall: Stall, path: Path) -> None:
    """The ledger may pay it out still; who gave it up would keep the money and the result."""
    found = Algorithm.of({"main.py": COUNT.encode()})
    rules = {"gate": GATE, "algorithms": {"digests": [found.digest_hex]}}
    jobs = stall.seller.market.jobs
    with jobs._running:
        offer, _ = offered(stall, path, name="late", kind="job", delivery_s=3_600, compute=rules)
        order = stall.buyer.market.computing.planning(offer.offer, ToCompute(found)).carry_out(lambda _: None).order
        job = jobs._run(jobs.book.at(order))
        with pytest.raises(Killed):
            stall.sells.delivering(order, "ab" * 32)[1](kill)
        stall.clock.move(3_601)
        assert jobs._closing.wait(job).state is JobState.READY

        row = stall.seller.ledger.opened.outbox.rows(purpose=f"trade delivered {order}")[0]
        stall.seller.ledger.opened.outbox.wait(row.id)  # the ledger refuses: it was due
        assert jobs._closing.wait(job).state is JobState.CANCELLED
        assert jobs._closing.refund(jobs.book.at(order)).state is JobState.REFUNDED


def test_a_job_without_a_window_is_paid_out_with_its_delivery(stall: Stall, path: Path) -> None:
    found = Algorithm.of({"main.py": COUNT.encode()})
    rules = {"gate": GATE, "algorithms": {"digests": [found.digest_hex]}}
    jobs = stall.seller.market.jobs
    offer, _ = offered(stall, path, name="doses", kind="job", delivery_s=3_600, compute=rules)
    order = stall.buyer.market.computing.planning(offer.offer, ToCompute(found)).carry_out(lambda _: None).order

    def is_there(state: JobState) -> bool:
        jobs.step()
        return jobs.book.at(order).state is state

    settled(lambda: is_there(JobState.DELIVERED))
    assert stall.sells.order(order).state == "settled"
    assert set(stall.buyer.market.computing.fetch(order).outputs) == {"count.json"}
    jobs.step()
    assert [each for each in sent(stall.seller) if each in ("delivered", "settled")] == ["delivered"]
    assert [each.action for each in trades(stall.seller) if each.order == order] == ["delivered", "settled"]
    stall.clock.move(KEPT_S + 1)
    settled(lambda: is_there(JobState.FORGOTTEN))
