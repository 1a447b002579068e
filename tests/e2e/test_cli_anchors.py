"""`counterfoil check` of files with an anchor: offline, with a block, and with a node to ask."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from live_anchors import LiveLog
from making import BankLog
from making_anchors import path_of

import counterfoil
from counterfoil.cli.main import run
from counterfoil.core.anchor import Anchor
from counterfoil.errors import InvalidInput
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.embedded.server import serve
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.store.bundle_file import BundleWriter
from counterfoil.store.check_file import read_anchor, read_hash

SECRET = b"\7" * 32
LOG = BankLog().fill(9)
KEY = str(LOG.key.key)


@dataclass
class Anchored:
    """A log whose first 5 records are on a ledger that answers at `url`, and files of it."""

    url: str
    live: LiveLog
    anchor: Anchor
    receipt: Path
    bundle: Path

    @property
    def block(self) -> str:
        return "0x" + self.anchor.block_hash.hex()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anchored]:
    folder = tmp_path_factory.mktemp("anchored")
    funded = {LocalAccount(SECRET).address: 10**24}
    with EmbeddedLedger.create(folder / "ledger", funded=funded) as ledger, serve(ledger) as server:
        live = LiveLog(Chain.connect(ledger), SECRET, LOG)
        live.anchor(5)
        anchor = replace(live.event_proof(), consistency=path_of(LOG, 5))
        receipt, bundle = folder / "receipt.json", folder / "bundle.zip"
        receipt.write_bytes(replace(LOG.receipt(2), anchor=anchor).encode())
        with BundleWriter(bundle) as file:
            for name, data in (LOG.scattered_bundle([1, 4]) | {"anchor.json": anchor.encode()}).items():
                file.write(name, data)
        yield Anchored(server.url, live, anchor, receipt, bundle)


def check(capsys: pytest.CaptureFixture[str], *arguments: Any, code: int = 0) -> dict[str, Any]:
    assert run(["check", *map(str, arguments), "--issuer", KEY, "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def step(report: dict[str, Any]) -> dict[str, Any]:
    return next(row for row in report["steps"] if row["id"] == "anchor")


def test_without_a_block_it_is_not_checked(made: Anchored, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (made.receipt, made.bundle):
        assert step(check(capsys, path))["status"] == "not checked"
        assert "--block HASH or --rpc URL" in step(check(capsys, path, "--require", "anchor", code=4))["detail"]


def test_with_a_block_it_passes_offline(made: Anchored, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (made.receipt, made.bundle):
        for block in (made.block, made.block.upper().replace("X", "x")):
            report = check(capsys, path, "--block", block, "--require", "anchor")
            assert step(report)["status"] == "passed"
        assert report["facts"]["anchor"]["size"] == 5
        assert "you named 0x" in step(check(capsys, path, "--block", "0x" + "00" * 32, code=4))["detail"]


def test_with_a_log_id_and_a_contract(made: Anchored, capsys: pytest.CaptureFixture[str]) -> None:
    log_id, contract = "0x" + made.anchor.log_id.hex(), "0x" + made.anchor.contract.hex()
    pins = ("--block", made.block, "--log-id", log_id, "--contract", contract)
    check(capsys, made.receipt, *pins, "--require", "anchor")
    check(capsys, made.receipt, "--log-id", "0x" + "00" * 32, code=4)
    check(capsys, made.bundle, "--contract", "0x" + "00" * 20, code=4)


def test_a_node_is_asked(made: Anchored, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (made.receipt, made.bundle):
        found = step(check(capsys, path, "--rpc", made.url, "--require", "anchor"))
        assert "the ledger itself says that this block stands and is final" in found["detail"]
    both = check(
        capsys,
        made.receipt,
        "--rpc",
        made.url,
        "--rpc",
        made.url.replace("127.0.0.1", "localhost"),
        "--require",
        "anchor",
    )
    assert step(both)["status"] == "passed"
    other = check(capsys, made.receipt, "--rpc", made.url, "--block", "0x" + "00" * 32, code=4)
    assert "you named 0x0000" in step(other)["detail"]


def test_people_read_it_in_words(made: Anchored, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(made.receipt), "--issuer", KEY, "--rpc", made.url]) == 0
    text = capsys.readouterr().out
    assert "7. Is the log's head on a shared ledger? PASSED  [anchor]" in text
    assert f"the first 5 of 9 records were on ledger {made.anchor.chain_id} in block" in text
    assert "cannot show: that the issuer keeps no second log" in text


def test_a_node_says_that_the_file_names_no_block_of_its(
    made: Anchored, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "receipt.json"
    for wrong, words in (
        (replace(made.anchor, chain_id=1), "speaks of ledger 1"),
        (replace(made.anchor, block_hash=b"\1" * 32), "not the one its hash names"),
    ):
        path.write_bytes(replace(LOG.receipt(2), anchor=wrong).encode())
        assert words in step(check(capsys, path, "--rpc", made.url, code=4))["detail"]


def test_where_there_is_nothing_to_ask_about_nobody_is_asked(
    made: Anchored, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Port 9 would refuse the connection."""
    path = tmp_path / "receipt.json"
    path.write_bytes(LOG.receipt(2).encode())
    assert step(check(capsys, path, "--rpc", "http://127.0.0.1:9"))["detail"] == "the file carries no anchor"
    path.write_bytes(LOG.promise(2, "2026-11-23T23:00:00Z").encode())
    assert "promise" in step(check(capsys, path, "--rpc", "http://127.0.0.1:9"))["detail"]
    path.write_bytes(b"neither")
    check(capsys, path, "--rpc", "http://127.0.0.1:9", code=4)


def error(capsys: pytest.CaptureFixture[str], *arguments: Any, code: int) -> str:
    assert run(["check", *map(str, arguments)]) == code
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "Traceback" not in said
    return said


def test_a_node_that_does_not_answer_is_an_error(made: Anchored, capsys: pytest.CaptureFixture[str]) -> None:
    error(capsys, made.receipt, "--rpc", "http://127.0.0.1:9", code=5)
    error(capsys, made.receipt, "--rpc", "ftp://127.0.0.1", code=2)
    error(capsys, "nowhere.json", "--rpc", made.url, code=3)


@pytest.mark.parametrize("text", ["", "0x", "abc", "0x" + "0" * 63, "0x" + "g" * 64, "0" * 64, "0x" + "0" * 66])
def test_what_is_no_hash_is_a_slip(text: str, made: Anchored, capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--block", "--log-id", "--contract"):
        assert error(capsys, made.receipt, option, text, code=2).startswith(f"error: {option}: ")


def test_the_same_from_python(made: Anchored) -> None:
    report = counterfoil.check(made.receipt, issuer=KEY, block=made.block, log_id="0x" + made.anchor.log_id.hex())
    assert report.exit_code(["anchor"]) == 0
    assert counterfoil.check(made.bundle, contract="0x" + "00" * 20).exit_code() == 4
    with pytest.raises(InvalidInput):
        counterfoil.check(made.receipt, block="soon")


def test_an_anchor_is_read_out_of_a_file(made: Anchored, tmp_path: Path) -> None:
    assert read_anchor(made.receipt) == read_anchor(made.bundle) == made.anchor
    path = tmp_path / "file"
    for data in (b"", b"{}", b"PK", LOG.receipt(2).encode(), made.bundle.read_bytes()[:-40]):
        path.write_bytes(data)
        assert read_anchor(path) is None
    assert read_hash(" 0x" + "AB" * 20 + "\n", 20) == b"\xab" * 20


def test_without_rpc_no_package_of_the_ledger_is_loaded(made: Anchored) -> None:
    code = (
        "import sys; from counterfoil.cli.main import run; "
        f"code = run(['check', {str(made.receipt)!r}, '--block', {made.block!r}, '--require', 'anchor']); "
        "print(code, sorted({'web3', 'eth', 'eth_abi', 'Crypto', 'trie', 'rlp', 'requests', 'coincurve', "
        "'counterfoil.ledger'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
