"""Jobs of a home whose settings name a fleet: two real workers run them, and what leaves is the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from making_fleet import tls_files, two_workers
from making_market import market, offered
from making_node import settled

from counterfoil.market.buying.computing import ToCompute
from counterfoil.market.compute.algorithms import Algorithm
from counterfoil.market.compute.jobs.job_book import JobState

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

COUNT = (
    '# /// counterfoil\n# name = "count"\n# version = "1"\n# ///\n'
    "import json\nprint('begun')\njson.dump(len(open('/in/data').readlines()), open('/out/count.json', 'w'))\n"
)
RULE = {"name": "count.json", "type": "json", "maxBytes": 100, "schema": {"type": "integer"}}


def test_workers_run_what_was_bought_and_a_fleet_that_is_away_is_waited_for(tmp_path: Path) -> None:
    folder, found = tmp_path / "fleet", Algorithm.of({"main.py": COUNT.encode()})
    folder.mkdir()
    tls = tls_files(folder)
    for name, place in (("ca", tls.authority), ("cert", tls.certificate), ("key", tls.key)):
        shutil.copy(place, folder / f"{name}.pem")
    with two_workers(folder, tls) as address:
        own = f'fleet_scheduler = "{address}"\nfleet_tls = "{folder}"\n'
        with market(tmp_path, own) as stall:
            path = tmp_path / "doses.csv"
            path.write_text("person,dose\n" + "".join(f"p-{each},{each}\n" for each in range(40)))
            rules = {"gate": {"maxBytes": 100, "files": [RULE]}, "algorithms": {"digests": [found.digest_hex]}}
            offer, _ = offered(stall, path, kind="job", delivery_s=3_600, window_s=600, compute=rules)
            order = stall.buyer.market.computing.planning(offer.offer, ToCompute(found)).carry_out(print).order
            jobs = stall.seller.market.jobs

            def is_delivered() -> bool:
                jobs.step()
                return jobs.book.at(order).state is JobState.DELIVERED

            settled(is_delivered, within_s=120)
            result = stall.buyer.market.computing.fetch(order)
            assert json.loads(result.outputs["count.json"]) == 41
            assert b"begun" in jobs.log(order)
