"""Records of gate, desk and budget say what happened, and nothing of what stayed or of who was there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import making_gate
import pytest

from counterfoil.core.statement import parse_record
from counterfoil.errors import MalformedEvidence
from counterfoil.market.compute.gate import Settled
from counterfoil.market.compute.gate.privacy import Cost
from counterfoil.market.compute.gate.records import GateRecord, ReleaseRecord, SpendingRecord

NOW = "2026-11-23T19:00:00Z"


def draft_of(record: Any) -> Any:
    return record.draft({}) if isinstance(record, ReleaseRecord) else record.draft()


def as_read(draft: Any) -> Any:
    return parse_record(draft.template("shop.example+1a2b3c4d").entry(0, NOW))


def records(folder: Path) -> list[Any]:
    gated = making_gate.gated(folder, making_gate.rules(making_gate.json_rule()), result_json={"count": 1}, a_b=b"")
    kept = Settled("5e" * 32, "notes.txt", "ab" * 32, 3, "withheld", "anna", "it names people", NOW)
    return [
        GateRecord.of(gated.decision),
        ReleaseRecord.of(kept),
        ReleaseRecord.of(replace(kept, verdict="released")),
        SpendingRecord("5e" * 32, "0x" + "ab" * 32, "cd" * 32, Cost(500_000), Cost(100_000, 5), "discrete Laplace"),
    ]


def test_each_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    found = records(tmp_path)
    assert [type(each).read(as_read(draft_of(each))) for each in found] == found
    assert [draft_of(each).kind for each in found] == ["gate-decision", "release", "release", "privacy-spending"]
    assert (found[0].passed, found[0].held, found[0].refused) == (1, 0, 1)


def test_no_record_names_people_or_what_stayed(tmp_path: Path) -> None:
    assert all("anna" not in str(draft_of(each).about) for each in records(tmp_path))
    assert [draft_of(each).about["sha256"] for each in records(tmp_path)[1:3]] == [None, "ab" * 32]


def test_a_record_that_lacks_a_part_is_refused(tmp_path: Path) -> None:
    for each in records(tmp_path):
        spoiled = as_read(replace(draft_of(each), about={"other": 1}))
        with pytest.raises(MalformedEvidence, match="lacks a part"):
            type(each).read(spoiled)
