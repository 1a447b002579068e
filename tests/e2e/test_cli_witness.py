"""`counterfoil witness`: two organisations set up to watch each other, from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from serving_witness import GrowingLog, serving

import counterfoil
from counterfoil.cli.main import run
from counterfoil.core.steps import Status
from counterfoil.store.check_file import read_head


class Cli:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        for name in ("bank", "club"):
            counterfoil.create(folder / name, name=name, origin=f"{name}.example").close()

    def __call__(self, home: str, *args: str, code: int = 0) -> Any:
        found = run([*args, "--home", str(self.folder / home), "--json"])
        out = self._capsys.readouterr().out
        assert found == code, out
        return json.loads(out)

    def words_of_last(self) -> str:
        return self._capsys.readouterr().out

    def words(self, home: str, *args: str, code: int = 0) -> str:
        found = run([*args, "--home", str(self.folder / home)])
        out = self._capsys.readouterr()
        assert found == code, out
        return out.out + out.err

    @contextmanager
    def club(self) -> Iterator[str]:
        with counterfoil.open(self.folder / "club") as org, serving(org.witness.add_checkpoint) as url:
            yield url


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(tmp_path, capsys)


def test_from_nothing_to_a_receipt_that_two_have_seen(cli: Cli) -> None:
    issuer = str(cli.folder / "bank" / "issuer.vkey")
    key = cli("club", "witness", "add-log", issuer)["key"]
    with cli.club() as url:
        would = cli("bank", "witness", "add-witness", "club", key, url, "--dry-run")
        assert would["done"] is False
        assert not (cli.folder / "bank" / "witness").exists()
        made = cli("bank", "witness", "add-witness", "club", key, url)
        assert made["quorum"] == "club"
        assert "is not enough" not in cli.words("bank", "witness", "collect")
        found = cli("bank", "witness", "collect")
        assert (found["enough"], found["signed"]) == (True, ["club"])
    status = cli("bank", "witness", "status")
    assert status["enough_size"] == status["log_size"] == 1
    assert status["problems"] == []
    listed = cli("club", "witness", "list")
    assert (listed["logs"][0]["origin"], listed["logs"][0]["size"]) == ("bank.example", 1)
    with counterfoil.open(cli.folder / "bank") as org:
        (cli.folder / "receipt.json").write_bytes(org.archive.receipt(0).encode())
    policy = made["file"]
    assert run(["check", str(cli.folder / "receipt.json"), "--witnesses", policy, "--require", "witnesses"]) == 0
    assert "Did independent witnesses see this head? PASSED" in cli.words_of_last()
    assert run(["check", str(cli.folder / "receipt.json"), "--require", "witnesses"]) == 4


def test_too_few_is_5_and_another_history_is_4(cli: Cli) -> None:
    key = cli("club", "witness", "add-log", str(cli.folder / "bank" / "issuer.vkey"))["key"]
    cli("bank", "witness", "add-witness", "club", key, "http://127.0.0.1:1")
    found = cli("bank", "witness", "collect", code=5)
    assert "does not answer" in found["witnesses"][0]["fault"]
    cli("bank", "witness", "remove", "--witness", "club")
    with counterfoil.open(cli.folder / "club") as org:
        log = GrowingLog().grow(9)
        org.witness.add_log(str(log.signer.key))
        assert org.witness.add_checkpoint(log.request(0)).status == 200
        assert org.witness.add_checkpoint(log.fork(3).grow(6, "other ").request(9)).status == 409
    status = cli("club", "witness", "status", code=1)
    assert "signed two different heads over 9 records" in status["problems"][0]
    doctor = {each["id"]: each for each in cli("club", "doctor", code=1)["findings"]}
    assert "two different heads" in doctor["witnesses"]["found"]


def test_the_two_heads_that_convict_a_log_become_files(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log = GrowingLog().grow(9)
    with counterfoil.open(cli.folder / "club") as org:
        org.witness.add_log(str(log.signer.key))
        org.witness.add_checkpoint(log.request(0))
        org.witness.add_checkpoint(log.fork(3).grow(6, "other ").request(9))
    saved = cli("club", "witness", "status", "--save", log.signer.key.name)
    first, second = (read_head(Path(path)) for path in saved["files"])
    assert first.head.size == second.head.size == 9
    assert first.head.root != second.head.root
    assert first.note.signed_by(log.signer.key)
    assert second.note.signed_by(log.signer.key)
    cli("club", "witness", "status", "--save", "bank.example", code=3)


def test_what_is_removed_can_be_added_again(cli: Cli) -> None:
    issuer = str(cli.folder / "bank" / "issuer.vkey")
    cli("club", "witness", "add-log", issuer)
    cli("club", "witness", "add-log", issuer, code=2)
    assert "would be removed" in cli.words("club", "witness", "remove", "--log", "bank.example", "--dry-run")
    assert "was removed" in cli.words("club", "witness", "remove", "--log", "bank.example")
    cli("club", "witness", "remove", "--log", "bank.example", code=3)
    cli("club", "witness", "remove", code=2)
    cli("club", "witness", "add-log", issuer)


def test_the_keys_of_witnesses_are_listed_and_replaced(cli: Cli) -> None:
    key = cli("club", "witness", "add-log", str(cli.folder / "bank" / "issuer.vkey"))["key"]
    listed = [each for each in cli("club", "keys", "list")["keys"] if each["use"] == "witness"]
    assert [each["public"] for each in listed] == [key]
    assert "policies that name the old one" in cli.words("club", "keys", "rotate", "witness")
    assert cli("club", "witness", "status")["key"] != key


def test_empty_states_say_what_to_do(cli: Cli) -> None:
    told = cli.words("bank", "witness", "list") + cli.words("bank", "witness", "status")
    assert "add-log" in told
    assert "add-witness" in told
    assert "add-witness" in cli.words("bank", "witness", "collect", code=5)


def test_a_policy_that_cannot_be_read_is_the_checkers_slip(cli: Cli, tmp_path: Path) -> None:
    with counterfoil.open(cli.folder / "bank") as org:
        (tmp_path / "receipt.json").write_bytes(org.archive.receipt(0).encode())
    (tmp_path / "bad.policy").write_text("quorum nobody-i-know\n")
    for policy, code in (("bad.policy", 2), ("missing.policy", 3)):
        assert run(["check", str(tmp_path / "receipt.json"), "--witnesses", str(tmp_path / policy)]) == code
    report = counterfoil.check(tmp_path / "receipt.json")
    assert report.step("witnesses").status is Status.NOT_CHECKED
