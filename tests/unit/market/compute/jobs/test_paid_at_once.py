"""A job without a window: what its node tells the ledger pays it out, and its result is fetched as any other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from making_market import market, offered
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


def test_a_job_without_a_window_is_paid_out_with_its_delivery(tmp_path: Path) -> None:
    path, found = tmp_path / "doses.csv", Algorithm.of({"main.py": COUNT.encode()})
    path.write_text("person,dose\n" + "".join(f"p-{each},{each % 7}\n" for each in range(100)))
    rules = {"gate": GATE, "algorithms": {"digests": [found.digest_hex]}}
    with market(tmp_path / "market") as stall:
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
