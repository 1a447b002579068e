"""Receipts of jobs, checked by whoever may see the data: by running the job again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from making_jobs import CHANCE, COUNT, algorithm, bought, step
from making_market import Stall

from counterfoil.cli.main import run
from counterfoil.core import canonical
from counterfoil.core.signed_document import read_document, sign_document
from counterfoil.market.compute.jobs.checking import check_execution
from counterfoil.market.compute.jobs.job_book import JobState
from counterfoil.market.compute.jobs.job_spec import JobSpec
from counterfoil.market.compute.jobs.receipt import RECEIPT_FORMAT

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


def test_whoever_holds_the_data_can_check_a_receipt_by_running_it_again(
    stall: Stall, doses: Path, tmp_path: Path
) -> None:
    order, folder = bought(stall, doses, COUNT), tmp_path / "fetched"
    step(stall, order, JobState.DELIVERED)
    receipt = stall.buyer.market.computing.fetch(order, folder).signed.encode()
    sheet = stall.seller.market.sheets.sheet_of(stall.sells.offer(stall.sells.order(order).offer))
    spec, found = JobSpec.decode(stall.buyer.market.purchases.at(order).job), algorithm(COUNT)
    told = dict(read_document(receipt, RECEIPT_FORMAT).document)

    def resigned(document: dict[str, Any]) -> bytes:
        return canonical.dumps(sign_document(document, stall.seller.own_keys.market(), sheet.key.name))

    def outcome(**changed: Any) -> dict[str, str]:
        given = {"receipt": receipt, "sheet": sheet, "spec": spec, "algorithm": found, "data": doses, "folder": folder}
        given |= changed
        return {each.id: each.status.value for each in check_execution(**given).steps}

    names = ("format", "issuer", "job", "outputs", "algorithm", "data", "environment", "rerun")
    own, other = stall.seller.market.key, stall.buyer.market.key
    assert outcome(issuer=own) == dict.fromkeys(names, "passed")
    assert outcome() == dict.fromkeys(names, "passed") | {"issuer": "not checked"}
    assert outcome(folder=None) == dict.fromkeys(names, "passed") | dict.fromkeys(("issuer", "outputs"), "not checked")
    assert (outcome(issuer=other)["issuer"], outcome(sheet=replace(sheet, key=other))["issuer"]) == ("failed", "failed")
    assert outcome(receipt=receipt.replace(b"finished", b"failed!!")) == {"format": "failed"}
    assert outcome(spec=replace(spec, nonce="0" * 64))["job"] == "failed"
    assert outcome(algorithm=algorithm(CHANCE))["algorithm"] == "failed"
    rules, content = sheet.sheet.wares.compute, sheet.sheet.wares.content
    assert rules is not None
    assert content is not None
    unreadable: tuple[tuple[dict[str, Any], str], ...] = (
        ({"compute": None}, "job"),
        ({"compute": rules | {"gate": 7}}, "rerun"),
        ({"compute": rules | {"algorithms": {"publishers": ["x"]}}}, "rerun"),
        ({"content": replace(content, media_type="application/vnd.apache.parquet")}, "rerun"),
    )
    for changed, step_id in unreadable:
        signed = replace(sheet, sheet=replace(sheet.sheet, wares=replace(sheet.sheet.wares, **changed)))
        assert outcome(sheet=signed)[step_id] == "failed"
    silent = told | {"outputs": []}  # one that passed the gate was kept back
    assert outcome(receipt=resigned(silent), folder=None)["rerun"] == "failed"
    assert outcome(receipt=resigned(silent))["outputs"] == "failed"
    for name in ("algorithm", "ended", "inputs"):
        assert outcome(receipt=resigned(told | {name: 7})) == {"format": "failed"}
    elsewhere = check_execution(resigned(told | {"environment": "0" * 64}), sheet, spec, found, doses).step(
        "environment"
    )
    assert elsewhere is not None
    assert (elsewhere.status.value, "another sandbox (try --sandbox gvisor)" in elsewhere.detail) == (
        "not checked",
        True,
    )
    doses.write_text("person,dose\n")
    assert (outcome()["data"], outcome()["rerun"]) == ("failed", "not checked")


def test_a_folder_that_was_fetched_is_all_an_auditor_needs_but_the_data(
    stall: Stall, doses: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order, code = bought(stall, doses, COUNT), tmp_path / "main.py"
    step(stall, order, JobState.DELIVERED)
    fetched = tmp_path / "fetched"
    stall.buyer.market.computing.fetch(order, fetched)
    stall.buyer.market.computing.fetch(order, fetched)  # again: it holds just this already
    code.write_text(COUNT)

    def rerun(*more: str, **changed: Path) -> tuple[int, str, str]:
        given = {"folder": fetched, "code": code, "data": doses} | changed
        ended = run(["market", "rerun", *map(str, given.values()), *more])
        said = capsys.readouterr()
        return ended, said.out, said.err

    own, key = stall.seller.market.key, tmp_path / "seller.vkey"
    key.write_text(f"{own}\n")
    ended, said, _ = rerun()
    assert (ended, said.count("PASSED"), "NOT CHECKED  [issuer]" in said, f"sheet: {own}" in said) == (0, 7, True, True)
    assert "Verdict: intact, issuer unknown" in said
    for named in (str(own), str(key)):
        ended, said, _ = rerun("--issuer", named)
        assert (ended, said.count("PASSED"), "signed by the issuer you named" in said) == (0, 8, True), said
    ended, said, _ = rerun("--issuer", str(stall.buyer.market.key))
    assert (ended, "FAILED  [issuer]" in said, "NOT CHECKED  [rerun]" in said) == (4, True, True), said
    assert "the signer's market key (`counterfoil market key` prints it)" in said
    for slip in (f"{own}A", "nowhere.vkey"):
        ended, _, told = rerun("--issuer", slip)
        assert (ended in (2, 3), "error:" in told) == (True, True), told
    (tmp_path / "other.py").write_text(CHANCE)
    ended, said, _ = rerun(code=tmp_path / "other.py")
    assert (ended, "FAILED  [algorithm]" in said, "NOT CHECKED  [rerun]" in said) == (4, True, True), said
    assert "a file's name counts" in said
    ended, said, told = rerun(data=tmp_path / "mistyped.csv")
    assert (ended, said, "mistyped.csv is not there" in told) == (3, "", True), told
    assert ("hint: name the data" in told, "runs again" in told) == (True, False), told
    ended, _, told = rerun(folder=tmp_path)
    assert (ended, "hint: name the folder that a job's result was fetched into" in told) == (2, True), told
    sheet = fetched / "sheet.json"
    sheet.write_bytes(sheet.read_bytes().replace(b"bank.example", b"bonk.example"))
    ended, _, told = rerun()
    assert (ended, "altered" in told) == (4, True), told
    sheet.write_bytes(b"{" * (2**24 + 1))
    ended, _, told = rerun()
    assert (ended, "too large" in told) == (2, True), told


def test_what_lies_beside_a_receipt_is_held_against_it(
    stall: Stall, doses: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order, code = bought(stall, doses, COUNT), tmp_path / "main.py"
    step(stall, order, JobState.DELIVERED)
    code.write_text(COUNT)

    def fetched(name: str) -> Path:
        stall.buyer.market.computing.fetch(order, tmp_path / name)
        return tmp_path / name

    def fails(folder: Path, culprit: str) -> bool:
        ended = run(["market", "rerun", str(folder), str(code), str(doses), "--issuer", str(stall.seller.market.key)])
        said = capsys.readouterr().out
        told = f"{culprit} is missing, more than it names, or another"
        return (ended, "FAILED  [outputs]" in said, "NOT CHECKED  [rerun]" in said, told in said) == (4, *[True] * 3)

    name = next(each.name for each in (fetched("whole") / "out").iterdir())
    (fetched("altered") / "out" / name).write_bytes(b"{}")
    (fetched("more") / "out" / "more.json").write_bytes(b"{}")
    shutil.rmtree(fetched("bare") / "out")
    (fetched("decided") / "gate.json").write_bytes(b"{}")
    (fetched("undecided") / "gate.json").unlink()
    assert fails(tmp_path / "altered", name)
    assert fails(tmp_path / "more", "more.json")
    assert fails(tmp_path / "bare", name)
    assert fails(tmp_path / "decided", "gate.json")
    assert fails(tmp_path / "undecided", "gate.json")
