"""Jobs that are bought at a stall and moved on: counting rows, and what is otherwise each time."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from making_market import Stall, offered
from making_node import settled

from counterfoil.cli.session import Session
from counterfoil.market.buying.computing import ToCompute
from counterfoil.market.compute.algorithms import Algorithm
from counterfoil.market.compute.jobs.job_book import JobState, KeptJob
from counterfoil.organisation import Organisation

__all__ = ["CHANCE", "COUNT", "GATE", "HEAD", "AtHome", "algorithm", "bought", "step"]

HEAD = '# /// counterfoil\n# name = "count"\n# version = "1"\n# ///\n'
COUNT = (
    HEAD + "import json\njson.dump(len(open('/in/data').readlines()), open('/out/count.json', 'w'))\nprint('a log')\n"
)
CHANCE = HEAD + "import json, os\njson.dump(int.from_bytes(os.urandom(4)), open('/out/count.json', 'w'))\n"
GATE = {
    "maxBytes": 1_000,
    "files": [
        {"name": "count.json", "type": "json", "maxBytes": 100, "schema": {"type": "integer"}},
        {"name": "note.txt", "type": "text", "maxBytes": 100},
    ],
}


def algorithm(text: str) -> Algorithm:
    """Returns an algorithm of one file."""
    return Algorithm.of({"main.py": text.encode()})


def bought(stall: Stall, path: Path, text: str, **compute: Any) -> str:
    """Offers jobs on a file, buys one that runs `text`, and returns the order."""
    found, draft = algorithm(text), {"kind": "job", "delivery_s": 3_600, "window_s": 600}
    rules = {"gate": GATE, "algorithms": {"digests": [found.digest_hex]}, **compute}
    offer, _ = offered(stall, path, name=path.parent.name, compute=rules, **draft)
    return stall.buyer.market.computing.planning(offer.offer, ToCompute(found)).carry_out(lambda _: None).order


def step(stall: Stall, order: str, *until: JobState) -> KeptJob:
    """Returns a job when it is so far; the serving node moves it, too."""
    jobs = stall.seller.market.jobs

    def is_there() -> bool:
        jobs.step()
        return jobs.book.at(order).state in until

    settled(is_there)
    return jobs.book.at(order)


class AtHome(Session):
    """A command line whose home is one that is open here already."""

    def __init__(self, org: Organisation) -> None:
        super().__init__()
        self._org = org

    def open(self) -> Any:
        return nullcontext(self._org)
