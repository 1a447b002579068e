"""What `counterfoil check` prints of a record's public part, which never hides the verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest
from making import BankLog
from making_passports import handed_out, whole_passport

from counterfoil.cli.main import run
from counterfoil.core.fields import Disclosure
from counterfoil.core.passport_file import PassportFile
from counterfoil.core.receipt import Receipt, Shown
from counterfoil.core.statement import Draft


def receipt_of(about: dict[str, object], kind: str = "dataset") -> Receipt:
    log = BankLog().fill(2)
    index = log.append(Draft(kind, "provenance", "x", ("a" * 64,), about))
    size = len(log.entries)
    shown = Shown(log.origin, log.entries[index], None, Disclosure((), ()), log.handovers)
    return Receipt(shown, index, log.path(index, size), log.checkpoint(size))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (receipt_of({"name": "small"}).encode(), 'Its public part\n  {"name": "small"}\n'),
        (receipt_of({"columns": ["income"] * 200}).encode(), "\n  2,013 characters of JSON; --json shows them\n"),
        (PassportFile(receipt_of({"who": 7}, "passport"), None).encode(), 'Its public part\n  {"who": 7}\n'),
        (handed_out(whole_passport()).encode(), "\nPassport of dataset people 2\n  who "),
        (handed_out(replace(whole_passport(), notes="word " * 700)).encode(), "\n  notes       word word"),
    ],
    ids=["small", "large", "no passport in this version", "passport", "long passport"],
)
def test_the_public_part_is_shown_as_far_as_it_can_be_read(tmp_path, capsys, data, words):
    (tmp_path / "file.json").write_bytes(data)
    run(["check", str(tmp_path / "file.json")])
    out = capsys.readouterr().out
    assert words in out
    assert out.split("\n")[-2].startswith("Verdict: ")
    assert max(len(line) for line in out.split("\n")) < 200
