"""A change to somebody's dataset, as it is typed: handed in from one home, decided and shared in the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lying_node import LyingNode
from making_market import LICENCE, Stall, free_port, offered
from making_node import running
from organisations import Clock, copy_home, open_home
from two_traders import joined

from counterfoil.cli.main import run
from counterfoil.node.app import build_app
from counterfoil.node.node import Node
from counterfoil.node.settings import NodeSettings

Typed = Callable[..., Any]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Typed:
    def typed(who: str, *args: object, code: int = 0, json_: bool = True) -> Any:
        capsys.readouterr()
        more = ["--json"] if json_ else []
        found = run([*map(str, args), "--home", str(tmp_path / who / "home"), *more])
        said = capsys.readouterr()
        assert found == code, said
        return json.loads(said.out) if json_ and not code else said.out + said.err

    return typed


def test_a_change_is_proposed_reviewed_accepted_and_shared(typed: Typed, tmp_path: Path) -> None:
    clock, url = Clock(), f"http://127.0.0.1:{free_port()}"
    own = f'public_url = "{url}"\nmarket_networks = ["127.0.0.0/8"]\n'
    home, base = copy_home(tmp_path / "seller", own), tmp_path / "scans.csv"
    base.write_text("person,dose\n" + "".join(f"{each},{each % 7}\n" for each in range(300)))
    licence = tmp_path / "licence.txt"
    licence.write_bytes(LICENCE)
    with open_home(home, clock) as seller:
        seller.ledger.connect()
        stall = Stall(seller, seller, None, clock, url)  # type: ignore[arg-type]
        offer, _ = offered(stall, base)
    key = typed("seller", "market", "key")["key"]
    opening = ("market", "proposals", "open", offer.asset, "--offer", offer.offer, "--licence", licence, "--anybody")
    opened = typed("seller", *opening, "--reviewer", key, "--needed", 1)
    assert opened["needed"] == 1

    changed = tmp_path / "corrected.csv"
    changed.write_text(base.read_text().replace("\n299,5\n", "\n299,4\n300,1\n"))
    with (
        open_home(home, clock) as seller,
        LyingNode(seller.ledger.opened.chain.rpc) as node,
        running(build_app(Node(seller, NodeSettings())), NodeSettings(), listen=url.removeprefix("http://")),
    ):
        with joined(tmp_path / "buyer", seller, node, clock, own):
            pass
        called = typed("buyer", "market", "proposals", "call", offer.asset)
        assert (called["digest"], called["node"]) == (opened["digest"], url)
        proposing = ("market", "propose", offer.asset, changed, "--base", base, "--bps", 1_000, "--words", "A typo.")
        under = ("--licence", opened["licences"][0])
        dry = typed("buyer", *proposing, *under, "--dry-run", json_=False)
        assert "rows        300 before, 301 now" in dry
        assert dry.endswith("Nothing was handed in.\n")
        assert typed("buyer", "market", "proposals", "list", "--sent") == {"proposals": []}
        handed = typed("buyer", *proposing, *under)
        digest = handed["proposal"]
        assert typed("buyer", "market", "proposals", "standing", digest)["state"] == "open"
        assert [each["proposal"] for each in typed("buyer", "market", "proposals", "list", "--sent")["proposals"]] == [
            digest
        ]
        resumed = typed("buyer", "market", "proposals", "resume", digest, changed)
        assert resumed["state"] == "open"
        refused = typed("buyer", "market", "review-proposal", digest, "--agree", "--node", url, code=6, json_=False)
        assert "not one of those that review" in refused

    accept = ("market", "proposals", "accept", digest)
    assert "0 of 1 reviewers" in typed("seller", *accept, code=6, json_=False)
    saved = tmp_path / "to-look-at.csv"
    assert typed("seller", "market", "proposals", "show", digest, "--save", saved)["checked"] is True
    assert saved.read_bytes() == changed.read_bytes()
    assert typed("seller", "market", "review-proposal", digest, "--agree")["state"] == "reviewed"
    assert "another sheet, and the shares 10 percent" in typed("seller", *accept, "--dry-run", json_=False)
    made = typed("seller", *accept, "--yes")
    assert (made["done"], made["version"]) == (True, 2)
    [share] = typed("seller", "market", "shares", "show", offer.offer)["shares"]
    assert share["bps"] == 1_000
    gone = ("market", "proposals", "show", digest, "--save", tmp_path / "gone.csv")
    assert "contents of the proposal are not here" in typed("seller", *gone, code=3, json_=False)
    assert "is accepted" in typed("seller", "market", "proposals", "decline", digest, code=6, json_=False)
    assert typed("seller", "market", "proposals", "list", "--active") == {"proposals": []}
