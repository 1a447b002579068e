"""A change to somebody's dataset, as it is typed: handed in from one home, decided and shared in the other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lying_node import LyingNode
from making_market import LICENCE, Stall, free_port, offered
from making_node import running
from organisations import Clock, copy_home, open_home
from two_traders import digest, done, joined

from counterfoil.cli.main import run
from counterfoil.ledger.market.terms import Share
from counterfoil.market.contributions.share_file import ShareFile
from counterfoil.node.app import build_app
from counterfoil.node.chores import Chores
from counterfoil.node.node import Node
from counterfoil.node.settings import NodeSettings
from counterfoil.organisation import Organisation

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


def serving(org: Organisation) -> Node:
    """Returns a node that does nothing by itself: what is delivered and settled, is so by what is typed."""
    node = Node(org, NodeSettings())
    node.chores = Chores(node.state, [])
    return node


def taken_back(typed: Typed, proposing: tuple[object, ...], file: Path) -> None:
    """Proposes another change in the same way, and withdraws it; once is enough."""
    other = file.with_name("another.csv")
    other.write_text(file.read_text().replace("\n300,1\n", "\n300,2\n"))
    digest = typed("buyer", *(other if each == file else each for each in proposing))["proposal"]
    withdraw = ("market", "proposals", "withdraw", digest)
    assert typed("buyer", *withdraw)["state"] == "withdrawn"
    assert typed("buyer", "market", "proposals", "standing", digest)["state"] == "withdrawn"
    assert typed("buyer", *withdraw)["state"] == "withdrawn"


def settled_and_claimed(typed: Typed, stall: Stall, folder: Path) -> None:
    """Sells what is shared under one root: the window over, anybody has it paid out, and claims a part."""
    table, parts, shares = folder / "labels.csv", folder / "parts.csv", folder / "shares.json"
    table.write_text("person,label\n" + "".join(f"{each},{each % 3}\n" for each in range(50)))
    account = typed("buyer", "ledger", "status")["account"]
    parts.write_text(f"account,part\n{account},1\n0x{'12' * 20},3\n")
    assert run(["market", "shares", "make", str(parts), "--out", str(shares)]) == 0
    root = ShareFile.read(shares.read_bytes()).root
    held = {"delivery_s": 3_600, "window_s": 600}
    offer, _ = offered(stall, table, name="labels", shares=(Share.of(root, 8_000),), **held)
    stall.clock.now_s = time.time()  # what is typed is said at the time that it is
    order = typed("buyer", "market", "buy", offer.offer, "--no-download", "--accept-licence", "--yes")["order"]
    done(stall.sells.delivering(order, digest("delivered")))
    stall.clock.move(601)
    settle, claim = ("market", "settle", order), ("market", "shares", "claim", shares)
    assert typed("buyer", "market", "purchases", order)["on_ledger"]["state"] == "delivered"
    for _ in range(2):  # once is enough
        assert typed("buyer", *settle, "--dry-run", json_=False).endswith("Nothing was sent.\n")
        assert typed("buyer", *settle, "--yes")["state"] == "settled"
    assert typed("buyer", "market", "credits", "balance")["amount"] == "987.50"
    for _ in range(2):
        assert typed("buyer", *claim, "--yes")["holds"]["amount"] == "990.00"


def test_a_change_is_proposed_reviewed_accepted_and_shared_and_a_share_is_claimed(typed: Typed, tmp_path: Path) -> None:
    clock, url = Clock(time.time()), f"http://127.0.0.1:{free_port()}"
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
        running(build_app(serving(seller)), NodeSettings(), listen=url.removeprefix("http://")),
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
        taken_back(typed, (*proposing, *under), changed)
        settled_and_claimed(typed, Stall(seller, seller, node, clock, url), tmp_path)

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
