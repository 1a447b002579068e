"""Orders that are taken back before a job of theirs is here: nobody has to wait until they were due."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from making_jobs import CHANCE, COUNT, GATE, algorithm
from making_market import Stall, offered
from making_node import settled
from two_traders import done

from counterfoil.errors import CounterfoilError, NotAllowed, NotFound, Stale
from counterfoil.market.buying.computing import ToCompute
from counterfoil.market.compute.jobs.job_book import JobState

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@pytest.fixture
def doses(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "doses.csv"
    path.write_text(f"dose of {request.node.name}\n" + "7\n" * 40)
    return path


def refused(stall: Stall, path: Path) -> tuple[str, NotAllowed]:
    """Buys a job whose algorithm the seller did not approve; returns the order and what the buyer is told."""
    rules = {"gate": GATE, "algorithms": {"digests": [algorithm(COUNT).digest_hex]}}
    draft = {"kind": "job", "delivery_s": 86_400, "window_s": 600}
    offer, _ = offered(stall, path, name=path.parent.name, compute=rules, **draft)
    planned = stall.buyer.market.computing.planning(offer.offer, ToCompute(algorithm(CHANCE)))
    with pytest.raises(NotAllowed, match="is not approved") as caught:
        planned.carry_out(lambda _: None)
    return planned.order, caught.value


def test_an_order_whose_job_was_refused_is_taken_back_and_refunded_by_the_node(stall: Stall, doses: Path) -> None:
    order, told = refused(stall, doses)
    computing, jobs = stall.buyer.market.computing, stall.seller.market.jobs
    assert order in told.message
    assert f"`counterfoil market job {order} --cancel`" in told.hint
    assert computing.status(order)["state"] == "awaited"
    before = stall.buys.owed().units
    digest = computing.status(order)["job"]
    assert computing.cancel(order) in [
        {"job": digest, "order": order, "state": each} for each in ("cancelled", "refunded")
    ]
    settled(lambda: jobs.step() >= 0 and jobs.book.at(order).state is JobState.REFUNDED)
    assert stall.buys.order(order).state == "refunded"
    assert stall.buys.owed().units - before == stall.buys.order(order).price.units
    assert computing.status(order) == {"job": digest, "order": order, "state": "refunded"}
    with pytest.raises(Stale):
        jobs.cancel(order)
    with pytest.raises(Stale, match="taken back before its job was handed in"):
        jobs.hand_in(order, stall.buyer.market.purchases.at(order).job, algorithm(CHANCE).to_tar())


def test_what_is_no_held_order_for_a_job_is_not_taken_back(stall: Stall, doses: Path) -> None:
    jobs = stall.seller.market.jobs
    order, _ = refused(stall, doses)
    done(stall.sells.refunding(order))
    table = doses.with_name("table.csv")
    table.write_text("a table\n1\n")
    offer, _ = offered(stall, table, name="table")
    licence = stall.buyer.market.buying.planning(offer.offer).carry_out(lambda _: None).order
    for each in (order, licence):
        with pytest.raises((NotAllowed, Stale)):
            jobs.cancel(each)
    with pytest.raises(NotFound):
        jobs.cancel("0x" + "7" * 64)
    for each in (order, licence):
        assert jobs.book.find(each) is None


def test_an_order_that_is_being_delivered_is_not_taken_back(stall: Stall, doses: Path) -> None:
    """As where the book of jobs is older than the ledger: the seller's node has lost what it delivered."""
    order, _ = refused(stall, doses)
    found = stall.sells.order(order)
    done(stall.sells.delivering(order, "77" * 32))
    with pytest.raises(CounterfoilError, match="can no longer be taken back"):
        stall.seller.market.jobs._closing.give_up(found, "its buyer took it back")
    assert stall.seller.market.jobs.book.find(order) is None
