"""Computing next to somebody's data, as it is typed: approved, bought, run, looked at, let out; or taken back."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from making_market import Stall, free_port, offered
from making_node import running
from organisations import copy_home, open_home
from two_traders import joined

from counterfoil.cli.main import run
from counterfoil.ledger.embedded.server import serve
from counterfoil.node.app import build_app
from counterfoil.node.chores import Chores
from counterfoil.node.node import Node
from counterfoil.node.settings import NodeSettings

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

Typed = Callable[..., Any]
COUNT = (
    '# /// counterfoil\n# name = "count"\n# version = "1"\n# ///\n'
    "import json\n"
    "rows = len(open('/in/data').readlines()) - 1\n"
    "json.dump({'rows': rows}, open('/out/count.json', 'w'))\n"
    "open('/out/notes.txt', 'w').write('nobody is named')\n"
    "print('counted', rows)\n"
)
SCHEMA = {"type": "object", "properties": {"rows": {"type": "integer"}}, "additionalProperties": False}
GATE = {
    "maxBytes": 1_000,
    "files": [
        {"name": "count.json", "type": "json", "maxBytes": 100, "schema": SCHEMA},
        {"name": "notes.txt", "type": "text", "maxBytes": 100},
    ],
}


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Typed:
    def typed(who: str, *args: object, code: int = 0, json_: bool = True) -> Any:
        capsys.readouterr()
        more = ["--json"] if json_ else []
        found = run(["market", *map(str, args), "--home", str(tmp_path / who / "home"), *more])
        said = capsys.readouterr()
        assert found == code, said
        return json.loads(said.out) if json_ and not code else said.out + said.err

    return typed


def test_an_algorithm_comes_to_the_data_and_what_may_leave_goes_back(typed: Typed, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    own = f'public_url = "{url}"\nmarket_networks = ["127.0.0.0/8"]\n'
    home, data, code = copy_home(tmp_path / "seller", own), tmp_path / "scans.csv", tmp_path / "count.py"
    data.write_text("person,dose\n" + "".join(f"{each},{each % 7}\n" for each in range(300)))
    code.write_text(COUNT)
    with open_home(home, time.time) as seller:
        seller.ledger.connect()
        stall = Stall(seller, seller, None, time.time, url)  # type: ignore[arg-type]
        ways = {"kind": "job", "window_s": 3_600, "compute": {"gate": GATE}}
        offer, late = (
            offered(stall, data, name=name, delivery_s=due_s, **ways)[0].offer
            for name, due_s in (("scans", 3_600), ("late", 2))
        )

    @contextmanager
    def served() -> Iterator[None]:
        """Serves the seller's home, which runs no job by itself then, and its ledger."""
        with open_home(home, time.time) as seller:
            answers = Node(seller, NodeSettings())
            answers.chores = Chores(answers.state, [])
            with (
                serve(seller.ledger.opened.chain.rpc, port=ledger_port) as node,
                running(build_app(answers), NodeSettings(), listen=url.removeprefix("http://")),
            ):
                if not (tmp_path / "buyer").exists():
                    with joined(tmp_path / "buyer", seller, node, time.time, own):  # type: ignore[arg-type]
                        pass
                yield

    ledger_port = free_port()
    digest = typed("seller", "algorithm", code)["digest"]
    assert typed("seller", "approved") == {"approved": []}
    assert "market algorithm" in typed("seller", "approve", code, code=2)
    assert "neither an algorithm's digest" in typed("seller", "approve", digest[:16], code=2)
    assert typed("seller", "approve", digest)["approved"] is True
    assert typed("seller", "approved") == {"approved": [digest]}

    buying = ("compute", offer, code, "--accept-licence")
    with served():
        dry = typed("buyer", *buying, "--dry-run", json_=False)
        assert "neither this algorithm nor its publisher" in dry
        assert "Nothing was sent.\n" in dry
        ways_to = [("--yes", "--to", tmp_path / f"resumed {each}") for each in range(2)]
        orders = [typed("buyer", *buying, *to)["order"] for to in ways_to]
        lost = typed("buyer", "compute", late, code, "--accept-licence", "--yes")["order"]
        assert typed("buyer", "job", orders[0])["state"] == "queued"
        assert typed("buyer", "job", orders[1], "--cancel")["state"] == "cancelled"
        time.sleep(2)
        assert "CREDIT" in typed("buyer", "reclaim", lost, "--yes", json_=False)

    assert next(each["state"] for each in typed("seller", "jobs")["jobs"]) == "queued"
    jobs_are(typed, {orders[0]: "held", orders[1]: "refunded", lost: "refunded"})
    assert "counted 300" in typed("seller", "jobs", orders[0], "--log")["log"]
    [waiting] = typed("seller", "release")["waiting"]
    looking = ("release", waiting["job"], waiting["name"])
    assert typed("seller", "release", orders[0])["waiting"] == [waiting]
    assert typed("seller", *looking)["preview"] == "nobody is named"
    assert "--reason" in typed("seller", *looking, "--yes", code=2)
    deciding = (*looking, "--reason", "it names nobody", "--by", "Dr Weiss")
    typed("seller", *deciding, code=2)
    assert typed("seller", *deciding, "--yes")["verdict"] == "released"
    assert typed("seller", "release") == {"waiting": []}
    jobs_are(typed, {orders[0]: "delivered"})

    with served():
        resumed = typed("buyer", "resume")
        assert resumed["faults"] == []
        assert {each["order"]: each["state"] for each in resumed["moved"]} == {
            orders[0]: "fetched",
            orders[1]: "refunded",
            lost: "refunded",
        }
        assert (tmp_path / "resumed 0" / "out" / "count.json").read_text() == '{"rows":300}'
        assert typed("buyer", "job", orders[0], "--to", tmp_path / "result")["state"] == "delivered"
        left = {each.name: each.read_text() for each in (tmp_path / "result" / "out").iterdir()}
        assert left == {"count.json": '{"rows":300}', "notes.txt": "nobody is named"}
        typed("buyer", "accept", orders[0], "--yes")
        assert typed("buyer", "purchases", orders[0])["on_ledger"]["state"] == "settled"
        assert typed("buyer", "purchases", lost)["on_ledger"]["state"] == "refunded"


def jobs_are(typed: Typed, wanted: dict[str, str]) -> None:
    """Has the seller's home run what waits until its jobs stand so."""
    until = time.monotonic() + 60
    while True:
        found = {each["order"]: each["state"] for each in typed("seller", "jobs", "--run")["jobs"]}
        if all(found.get(order) == state for order, state in wanted.items()):
            return
        assert time.monotonic() < until, (found, wanted)
        time.sleep(0.2)
