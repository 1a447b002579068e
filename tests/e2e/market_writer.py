"""Sells or buys until it is killed at a named step.

    python market_writer.py

For every line of JSON on standard input a child is forked, so that a run costs no imports: {"do": "serve" | "buy" |
"compute" | "resume", "home": "…", "now": Unix seconds, "at": name of a function, or "", "nth": 1}. A child kills
itself with SIGKILL when that function of the product is called for the nth time: nothing of the product is changed
for it. Standard output gets what a child says, one line of JSON each, and {"ended": status}.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from making_jobs import COUNT, algorithm
from making_node import running
from organisations import Clock, open_home

from counterfoil.errors import CounterfoilError
from counterfoil.ledger.embedded.server import serve
from counterfoil.market.buying import buying, entrance
from counterfoil.market.buying.computing import ToCompute
from counterfoil.market.buying.purchases import Purchase
from counterfoil.market.compute.jobs import jobs
from counterfoil.market.compute.sandbox import Sandbox
from counterfoil.market.selling import selling
from counterfoil.node.app import build_app
from counterfoil.node.node import Node
from counterfoil.node.settings import NodeSettings
from counterfoil.organisation import Organisation

__all__ = ["buying", "entrance", "jobs", "selling"]

PAUSE_S = 0.05
HEAVY = (
    "anyio.streams.tls",
    "argon2",
    "counterfoil.ledger.accounts.passphrase",
    "counterfoil.ledger.anchors.anchoring",
    "counterfoil.ledger.joining",
    "counterfoil.ledger.opening",
    "counterfoil.ledger.rpc.endpoints",
    "counterfoil.market.buying.resuming",
    "counterfoil.market.buying.sheet_finder",
    "counterfoil.market.catalogue.book_source",
    "counterfoil.provenance.fingerprints.csv_source",
    "counterfoil.provenance.models.semantic",
    "cryptography.hazmat.backends.openssl.backend",
    "encodings.idna",
    "eth_keyfile",
    "jsonschema",
    "pandas",
    "pyarrow.csv",
    "pydantic.v1",
    "sklearn.pipeline",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
)
"""What sellers and buyers import on their way, to a job's end."""


def say(told: dict[str, Any]) -> None:
    """One short write to a pipe is never torn."""
    os.write(1, (json.dumps(told) + "\n").encode())


def arm(name: str, nth: int) -> None:
    """Has the kernel end this process when a function is called."""
    left = nth

    def watch(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal left
        if frame.f_code.co_qualname == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    if name:
        threading.settrace(watch)
        sys.settrace(watch)


def run_seller(told: dict[str, Any]) -> None:
    with open_home(Path(told["home"]), Clock(told["now"])) as org:
        rpc = org.ledger.opened.chain.rpc
        settings = NodeSettings()
        app = build_app(Node(org, settings))
        arm(told["at"], told["nth"])
        with serve(rpc, port=told["rpc"]), running(app, settings, listen=told["listen"]):
            say({"serving": os.getpid()})
            while True:
                org.market.step()
                time.sleep(4 * PAUSE_S)


def run_buyer(told: dict[str, Any]) -> None:
    with open_home(Path(told["home"]), Clock(told["now"])) as org:
        arm(told["at"], told["nth"])
        if told["do"] == "buy":
            planned = org.market.buying.planning(told["offer"], to=Path(told["to"]))
            bought = planned.carry_out(lambda _: None)
            org.market.buying.fetch(bought.order)
        elif told["do"] == "compute":
            wanted = ToCompute(algorithm(COUNT))
            org.market.computing.planning(told["offer"], wanted, to=Path(told["to"])).carry_out(lambda _: None)
        else:
            while {each.state for each in purchases_of(org, told["offer"])} != {"fetched"}:
                try:
                    org.market.buying.resume()
                    org.market.computing.resume()
                except CounterfoilError:  # the seller, whose ledger it is, is not there
                    pass
                time.sleep(PAUSE_S)
        say({"purchases": [each.to_json() for each in purchases_of(org, told["offer"])]})


def purchases_of(org: Organisation, offer: str) -> list[Purchase]:
    return [each for each in org.market.purchases.all() if each.offer == offer]


def main() -> None:
    for each in HEAVY:  # once for all children
        import_module(each)
    if shutil.which("bwrap"):
        Sandbox.open()
    gc.freeze()
    for line in sys.stdin:
        told = json.loads(line)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                (run_seller if told["do"] == "serve" else run_buyer)(told)
                status = 0
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        say({"ended": os.waitstatus_to_exitcode(ended)})


if __name__ == "__main__":
    main()
