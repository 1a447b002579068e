"""`counterfoil ledger`, as people type it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from anvil import Anvil, needs_anvil

import counterfoil
from counterfoil.cli.main import run
from counterfoil.core.checkpoint import Checkpoint
from counterfoil.ledger.accounts.account import LocalAccount, checksummed

PROGRAM = "import sys; from counterfoil.cli.main import main; sys.exit(main())"
ORIGIN = "bank.example/credit"


@pytest.fixture
def bank(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A home made by its own command."""
    assert run(["init", str(tmp_path / "bank"), "--name", "Example Bank", "--origin", ORIGIN]) == 0
    capsys.readouterr()
    return tmp_path / "bank"


class Typed:
    """Runs commands and reads what they print."""

    def __init__(self, capsys: pytest.CaptureFixture[str], home: Path) -> None:
        self._capsys = capsys
        self._home = home

    def __call__(self, *args: str, code: int = 0) -> tuple[str, str]:
        assert run([*args, "--home", str(self._home)]) == code, self._capsys.readouterr()
        return self._capsys.readouterr()

    def json(self, *args: str, code: int = 0) -> Any:
        out, _ = self(*args, "--json", code=code)
        return json.loads(out)


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], bank: Path) -> Typed:
    return Typed(capsys, bank)


@contextmanager
def serving(*args: str) -> Iterator[dict[str, Any]]:
    """Runs `ledger up` as a program of its own; yields what it says first."""
    command = [sys.executable, "-c", PROGRAM, "ledger", "up", *args, "--port", "0", "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]}
    )
    try:
        assert process.stdout is not None
        said = ""
        while not said.endswith("}\n"):
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            said += line
        yield json.loads(said)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0


@contextmanager
def sharing(typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[Typed, list[str], str]]:
    """Serves a ledger to two homes; yields the second home, an account of each that can pay, and where it answers."""
    assert run(["init", str(tmp_path / "other"), "--name", "Other Bank", "--origin", "other.example"]) == 0
    capsys.readouterr()
    other = Typed(capsys, tmp_path / "other")
    accounts = [each.json("ledger", "accounts", "create")["address"] for each in (typed, other)]
    with serving(str(tmp_path / "shared"), "--fund", accounts[0], "--fund", accounts[1]) as served:
        assert served["funded"] == 2
        yield other, accounts, served["url"]


def test_a_home_that_is_not_connected_is_told_how(typed: Typed) -> None:
    for command in ("status", "anchor", "log"):
        _, err = typed("ledger", command, code=5)
        assert "error: this home is not connected to a ledger" in err
        assert "counterfoil ledger connect" in err


def test_a_dry_run_sends_nothing(typed: Typed, bank: Path) -> None:
    out, _ = typed("ledger", "connect", "--dry-run")
    assert "  make a ledger in this home, which costs no money\n  put the Evidence contract on it\n" in out
    assert not (bank / "ledger").exists()


def test_from_connecting_to_a_checked_bundle(typed: Typed, bank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = typed("ledger", "connect")
    assert "it proves nothing to outsiders" in out
    assert "Opening the log bank.example/credit" in err
    anchored = typed.json("ledger", "anchor")
    assert anchored["final_size"] == anchored["log_size"]
    out, _ = typed("ledger", "status")
    assert "it proves nothing to outsiders" in out
    bundle = str(bank.with_name("all.zip"))
    typed("bundle", bundle)
    block = anchored["block"]["hash"]
    issuer = str(bank / "issuer.vkey")
    assert run(["check", bundle, "--issuer", issuer, "--block", block, "--require", "anchor"]) == 0
    capsys.readouterr()
    assert run(["check", bundle, "--issuer", issuer, "--require", "anchor"]) == 4
    assert "you named no block of the ledger" in capsys.readouterr().out
    other = "0x" + "12" * 32
    assert run(["check", bundle, "--issuer", issuer, "--block", other]) == 4


def test_status_tells_what_is_wrong_by_its_exit_code(typed: Typed, bank: Path) -> None:
    typed("ledger", "connect")
    typed("ledger", "anchor")
    assert typed.json("ledger", "status")["problems"] == []
    (bank / "ledger" / "embedded").rename(bank / "ledger" / "elsewhere")
    status = typed.json("ledger", "status", code=1)  # what is known here, and why there is no more
    assert status["final_size"] == status["log_size"]
    assert "no ledger" in status["problems"][0] or "is not there" in status["problems"][0]


def test_keeping_and_looking_back(typed: Typed) -> None:
    typed("ledger", "connect")
    out, _ = typed("ledger", "anchor", "--keep")
    assert "for good" in out
    told = typed.json("ledger", "log")
    assert [each["name"] for each in told["events"]] == ["Kept", "Anchored", "SignerNamed", "WriterAssigned", "Opened"]
    assert [each["purpose"] for each in told["transactions"]] == [
        "keep",
        "anchor",
        "mint",
        "deploy",
        "deploy",
        "deploy",
        "open",
        "deploy",
    ]
    out, _ = typed("ledger", "log")
    assert "is kept for good" in out


def test_accounts_are_listed_made_and_brought_along(typed: Typed, tmp_path: Path) -> None:
    assert "no account yet" in typed("ledger", "accounts", "list")[0]
    made = typed.json("ledger", "accounts", "create")["address"]
    secret = tmp_path / "secret"
    other = LocalAccount.create()
    secret.write_text(other.secret.hex())
    secret.chmod(0o600)
    brought = typed.json("ledger", "accounts", "import", str(secret))["address"]
    assert brought == checksummed(other.address)
    assert {row["address"] for row in typed.json("ledger", "accounts", "list")["accounts"]} == {made, brought}
    _, err = typed("ledger", "connect", code=2)
    assert "several accounts" in err
    typed("ledger", "connect", "--account", brought)
    assert typed.json("ledger", "status")["account"] == brought


def test_the_cost_is_estimated_without_a_home(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ledger", "cost", "--records-per-day", "1000000", "--interval-s", "600"]) == 0
    out = capsys.readouterr().out
    assert "4,320 anchors in 30 days, for 30,000,000 records." in out
    assert "Assumed, not measured" in out


def test_two_organisations_share_a_ledger(typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sharing(typed, tmp_path, capsys) as (other, _, url):
        way = ("--rpc", url, "--yes")
        contract = typed.json("ledger", "connect", *way)["contract"]
        joined = other.json("ledger", "connect", *way, "--contract", contract)
        assert joined["contract"] == contract
        assert "an embedded ledger that somebody serves" in typed("ledger", "status")[0]
        blocks = [each.json("ledger", "anchor")["block"]["number"] for each in (typed, other)]
        assert blocks[0] < blocks[1]
        bundle = str(tmp_path / "all.zip")
        typed("bundle", bundle)
        assert run(["check", bundle, "--issuer", str(tmp_path / "bank" / "issuer.vkey"), "--rpc", url]) == 0
        assert re.search(r"shared ledger\? PASSED", capsys.readouterr().out)
    _, err = typed("ledger", "anchor", code=5)  # it is gone
    assert "error: " in err


def test_the_homes_own_ledger_may_be_served_meanwhile(typed: Typed, bank: Path) -> None:
    typed("ledger", "connect")
    with serving("--home", str(bank)):
        state = typed.json("ledger", "anchor")
        out, _ = typed("ledger", "status")
        assert "proves nothing to outsiders" in out
    assert state["final_size"] == state["log_size"]


@needs_anvil
def test_a_real_chain_asks_for_a_yes_and_for_funds(typed: Typed) -> None:
    with Anvil(options=["--slots-in-an-epoch", "1"]) as anvil:
        account = typed.json("ledger", "accounts", "create")["address"]
        _, err = typed("ledger", "connect", "--rpc", anvil.url, code=5)
        assert f"the account {account} holds nothing" in err
        anvil.call("anvil_setBalance", account, hex(10**18))
        _, err = typed("ledger", "connect", "--rpc", anvil.url, code=2)
        assert "this needs a yes" in err
        out, _ = typed("ledger", "connect", "--rpc", anvil.url, "--dry-run")
        assert "Chain 31337; the account" in out


@needs_anvil
def test_a_signer_elsewhere_holds_the_key(typed: Typed, bank: Path) -> None:
    with Anvil() as anvil:
        account = checksummed(LocalAccount(anvil.keys[0]).address)
        way = ("--rpc", anvil.url, "--signer", anvil.url, "--finality", "confirmations", "--confirmations", "1")
        _, err = typed("ledger", "connect", *way, "--yes", code=2)
        assert "name it with --account" in err
        typed("ledger", "connect", *way, "--account", account, "--yes")
        assert typed.json("ledger", "anchor")["fault"] is None
        assert not (bank / "ledger" / "accounts").exists()
        assert typed.json("ledger", "status")["problems"] == []


@needs_anvil
def test_two_nodes_are_compared_and_shown(typed: Typed) -> None:
    with Anvil() as anvil:
        account = typed.json("ledger", "accounts", "create")["address"]
        anvil.call("anvil_setBalance", account, hex(10**20))
        nodes = ("--rpc", anvil.url, "--rpc", anvil.url.replace("127.0.0.1", "localhost"))
        typed("ledger", "connect", *nodes, "--finality", "confirmations", "--confirmations", "1", "--yes")
        typed("ledger", "anchor")
        status = typed.json("ledger", "status")
        assert len(status["nodes"]) == 2
        assert all("answers" in node for node in status["nodes"])


def test_a_home_lets_go_and_connects_anew(typed: Typed, bank: Path) -> None:
    first = typed.json("ledger", "connect")["chain_id"]
    _, err = typed("ledger", "connect", code=2)
    assert "counterfoil ledger disconnect" in err
    assert typed.json("ledger", "disconnect")["settings"].endswith(f"connection-{first}.toml")
    assert typed.json("ledger", "connect")["chain_id"] == first  # the ledger in the home is still there
    assert typed.json("ledger", "anchor")["final_size"] > 0


def test_heads_that_are_the_same_are_not_judged(typed: Typed, tmp_path: Path) -> None:
    typed("ledger", "connect")
    typed("ledger", "anchor")
    head = tmp_path / "head"
    head.write_text(typed.json("log", "head")["head"])
    _, err = typed("ledger", "judge", str(head), str(head), code=4)
    assert "they contradict nothing" in err


def test_contradicting_heads_are_judged(typed: Typed, bank: Path, tmp_path: Path) -> None:
    made = typed.json("ledger", "connect")
    typed("ledger", "anchor")
    true, false = tmp_path / "true", tmp_path / "false"
    true.write_text(typed.json("log", "head")["head"])
    with counterfoil.open(bank) as org:  # its holder signs another history of the same size
        size = org.archive.size
        lie = Checkpoint(ORIGIN, size, b"\7" * 32)
        false.write_text(lie.signed(org.recorder.signer) + org.ledger.line(lie))
    judging = ("ledger", "judge", str(true), str(false), "--contract", made["contract"], "--log-id", made["log_id"])
    out, _ = typed(*judging, "--dry-run")
    assert out.startswith(f"They show that two different heads over {size} records of the log {made['log_id']}")
    assert out.endswith("Nothing was sent.\n")
    out, _ = typed(*judging)
    assert out == (
        f"Marked: the ledger shows for ever that two different heads over {size} records of {ORIGIN} were signed.\n"
    )
    again = typed.json(*judging)  # once is enough
    named = {"contract": made["contract"], "done": True, "log_id": made["log_id"], "origin": ORIGIN, "size": size}
    assert {name: again[name] for name in named} == named
    assert [each["purpose"] for each in typed.json("ledger", "log")["transactions"]].count("judge") == 1
    [problem] = typed.json("ledger", "status", code=1)["problems"]
    assert problem.startswith("the ledger has marked this log")


def test_that_the_log_is_anchored_is_said_once(typed: Typed) -> None:
    typed("ledger", "connect")
    for wait in ("--wait", "--no-wait"):
        out, err = typed("ledger", "anchor", wait)
        assert out.startswith("Anchored: all ")
        assert "Anchored" not in err


def test_roles_are_handed_over_in_two_steps(typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sharing(typed, tmp_path, capsys) as (other, accounts, url):
        way = ("--rpc", url, "--yes")
        made = typed.json("ledger", "connect", *way)
        other("ledger", "connect", *way, "--contract", made["contract"])
        assert typed.json("ledger", "roles", "show")["writer"] == accounts[0]
        _, err = other("ledger", "roles", "accept", "writer", "--log-id", made["log_id"], code=6)
        assert "the contract refused: not offered to this account" in err
        typed("ledger", "roles", "offer", "writer", accounts[1])
        assert typed.json("ledger", "roles", "show")["pending_writer"] == accounts[1]
        other("ledger", "roles", "accept", "writer", "--log-id", made["log_id"])
        assert typed.json("ledger", "roles", "show")["writer"] == accounts[1]
        assert any("anchor this log" in each for each in typed.json("ledger", "status", code=1)["problems"])
        typed("ledger", "roles", "revoke")
        assert typed.json("ledger", "roles", "show")["writer"] is None
