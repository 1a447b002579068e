"""Mixed load on a node that is killed again and again: nothing acknowledged may be lost, nothing doubled.

    python tests/e2e/node_soak.py --seconds 600

Clients repeat a request under its own name until it is answered, as `counterfoil.connect` does. At the end the
home is opened, every acknowledged record is looked for at its place, records are counted, and everything is
anchored on the home's own ledger. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from organisations import ROW, copy_home, open_home, put_to_work

from counterfoil.core.statement import read_record

CLIENTS = 8
LINES = 20
START_S = 60.0
TOKEN = re.compile(r"cf_\S+")


@dataclass
class Node:
    """The node under load, in a process of its own that may be killed at any time."""

    home: Path
    port: int = 0
    token: str = ""
    kills: int = 0
    process: subprocess.Popen[str] | None = None
    ready: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        run = "from counterfoil.cli.main import main; main()"
        command = [sys.executable, "-c", run, "up", "--home", str(self.home), "--json"]
        self.process = subprocess.Popen(
            [*command, "--listen", f"127.0.0.1:{self.port}"],
            stdout=subprocess.PIPE,
            stderr=(self.home.parent / "node.log").open("a"),
            text=True,
            env=environment,
        )
        assert self.process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            line = self.process.stdout.readline()
            if not line:
                raise AssertionError(f"the node did not start: {(self.home.parent / 'node.log').read_text()[-2000:]}")
            text += line
        told = json.loads(text)
        self.port = int(told["url"].rpartition(":")[2])
        self.token = told["admin_key"] or self.token
        self.ready.set()

    def kill(self) -> None:
        assert self.process is not None
        self.ready.clear()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.kills += 1

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.process.stdout.close()
        return code


@dataclass
class Client:
    """One client: sends, and repeats under the same name until it is answered."""

    node: Node
    number: int
    deployment: int
    ends_s: float
    acknowledged: dict[str, tuple[int, str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def run(self) -> None:
        try:
            draw = random.Random(self.number)
            serial = 0
            while time.monotonic() < self.ends_s:
                serial += 1
                self._one(draw, f"{self.number}-{serial}")
        except BaseException as error:  # noqa: BLE001 - told with the other findings
            self.faults.append(repr(error))

    def _one(self, draw: random.Random, name: str) -> None:
        kind = draw.random()
        path = f"/api/v1/deployments/{self.deployment}/decisions"
        decided = [index for key, (index, _) in self.acknowledged.items() if key.startswith("d")]
        if kind < 0.70 or not decided:
            told = self._send("POST", path, {"applicant": self._applicant(draw), "subject": name}, f"d{name}")
            self._acknowledge(f"d{name}", json.loads(told))
        elif kind < 0.82:
            rows = [{"applicant": self._applicant(draw), "subject": f"{name}/{line}"} for line in range(LINES)]
            body = b"\n".join(json.dumps(row).encode() for row in rows)
            lines = self._send("POST", f"{path}/batch", body, f"b{name}").splitlines()
            for line, answer in enumerate(lines):
                self._acknowledge(f"d{name}/{line}", json.loads(answer))
        elif kind < 0.94:
            word = draw.choice(["appeals", "outcomes"])
            values = {"text": "please look again", "by": "desk"} if word == "appeals" else {"outcome": "repaid"}
            told = self._send("POST", f"/api/v1/decisions/{draw.choice(decided)}/{word}", values, f"f{name}")
            self._acknowledge(f"f{name}", json.loads(told))
        else:
            self._send("GET", "/api/v1/decisions?limit=10", None, "")
            self.counts["searches"] += 1

    def _applicant(self, draw: random.Random) -> dict[str, Any]:
        return ROW | {"credit_amount": draw.randint(500, 9_000), "duration_in_month": draw.randint(6, 48)}

    def _acknowledge(self, name: str, told: dict[str, Any]) -> None:
        if told.get("index") is None:
            raise AssertionError(f"{name}: {told}")
        self.acknowledged[name] = (told["index"], told["leaf"])

    def _send(self, method: str, path: str, body: Any, key: str) -> bytes:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {self.node.token}", "content-type": "application/json"}
        if key:
            headers["idempotency-key"] = key
        gives_up_s = time.monotonic() + START_S * 3
        while True:
            self.node.ready.wait(START_S)
            connection = http.client.HTTPConnection("127.0.0.1", self.node.port, timeout=20)
            try:
                connection.request(method, path, data, headers)
                answer = connection.getresponse()
                told = answer.read()
            except (OSError, http.client.HTTPException):
                self.counts["repeats"] += 1
                if time.monotonic() > gives_up_s:
                    raise
                time.sleep(0.05)
                continue
            finally:
                connection.close()
            if answer.status in (200, 201):
                return told
            if answer.status != 503:
                raise AssertionError(f"{method} {path}: {answer.status} {told[:300]!r}")
            self.counts["repeats"] += 1


def soak(folder: Path, seconds: float, seed: int = 1, pause_s: tuple[float, float] = (2.0, 8.0)) -> dict[str, Any]:
    """Runs the load and the kills, then checks the home; returns what was found."""
    home = copy_home(folder)
    with open_home(home, time.time) as org:
        put_to_work(org)
        org.ledger.connect()
        deployment = org.decisions.deployments()[-1].index
    node = Node(home)
    node.start()
    ends_s = time.monotonic() + seconds
    clients = [Client(node, number, deployment, ends_s) for number in range(CLIENTS)]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    draw = random.Random(seed)
    while time.monotonic() < ends_s:
        time.sleep(min(draw.uniform(*pause_s), max(0.0, ends_s - time.monotonic())))
        if time.monotonic() < ends_s:
            node.kill()
            node.start()
    for thread in threads:
        thread.join()
    exit_code = node.stop()
    return _found(home, node, clients) | {"exit_code": exit_code, "seconds": seconds}


def _found(home: Path, node: Node, clients: list[Client]) -> dict[str, Any]:
    acknowledged = {name: place for client in clients for name, place in client.acknowledged.items()}
    with open_home(home, time.time) as org:
        lost = sum(
            index >= org.archive.size or org.archive.leaf_hex(index) != leaf for index, leaf in acknowledged.values()
        )
        kinds = Counter(read_record(entry).kind for entry in org.archive.entries())
        written = sum(kinds[kind] for kind in ("decision", "appeal", "outcome"))
        places = [index for index, _ in acknowledged.values()]
        org.ledger.anchor()
        proof = org.ledger.newest(org.archive.size)
        anchored = sum(index < (proof.size if proof else 0) for index in places)
        rebuilt = org.rebuild()
    return {
        "acknowledged": len(acknowledged),
        "anchored": anchored,
        "doubled": written - len(set(places)),
        "faults": [fault for client in clients for fault in client.faults],
        "kills": node.kills,
        "lost": lost,
        "rebuilt": rebuilt,
        "records": dict(sorted(kinds.items())),
        "repeats": sum(client.counts["repeats"] for client in clients),
        "searches": sum(client.counts["searches"] for client in clients),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps(soak(Path(place), options.seconds, options.seed), indent=2))  # noqa: T201
