"""Records of terms, gate, desk and budget say what happened, and nothing of what stayed or of who was there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import making_gate
import making_terms
import pytest

from counterfoil.core.statement import parse_record
from counterfoil.errors import MalformedEvidence
from counterfoil.market.compute.gate import Settled
from counterfoil.market.compute.gate.privacy import Cost
from counterfoil.market.compute.gate.records import GateRecord, ReleaseRecord, SpendingRecord
from counterfoil.market.terms import Access
from counterfoil.market.terms.records import AccessRecord


def as_read(draft: Any) -> Any:
    if draft.kind == "release":  # its private field is committed to when it is written
        draft = replace(draft, schema=None)
    return parse_record(draft.template("shop.example+1a2b3c4d").entry(0, making_terms.NOW))


def records(folder: Path) -> list[Any]:
    claims = making_terms.claims(purpose="research", jurisdiction="DE")
    gated = making_gate.gated(
        folder, making_gate.rules(making_gate.json_rule()), None, result_json={"count": 1}, a_b=b""
    )
    kept = Settled("5e" * 32, "notes.txt", "ab" * 32, 3, "withheld", "anna", "it names people", making_terms.NOW)
    return [
        AccessRecord.of(Access(True, 2, "allowed by rule 2 'research'"), claims, "cd" * 32),
        AccessRecord.of(Access(False, None, "no rule allows it"), making_terms.claims(), "cd" * 32),
        GateRecord.of(gated.decision),
        ReleaseRecord.of(kept),
        ReleaseRecord.of(replace(kept, verdict="released")),
        SpendingRecord("5e" * 32, "ab" * 32, "cd" * 32, Cost(500_000), Cost(100_000, 5), "discrete Laplace"),
    ]


def test_each_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    found = records(tmp_path)
    assert [type(each).read(as_read(each.draft())) for each in found] == found
    kinds = ["grant", "refusal", "gate-decision", "release", "release", "privacy-spending"]
    assert [each.draft().kind for each in found] == kinds
    assert (found[2].passed, found[2].held, found[2].refused) == (1, 0, 1)


def test_no_record_names_people_accounts_or_what_stayed(tmp_path: Path) -> None:
    for each in records(tmp_path):
        about = str(each.draft().about)
        assert "anna" not in about
        assert making_terms.ACCOUNT not in about
    assert records(tmp_path)[3].draft().about["sha256"] is None
    assert records(tmp_path)[4].draft().about["sha256"] == "ab" * 32


def test_a_record_that_lacks_a_part_is_refused(tmp_path: Path) -> None:
    for each in records(tmp_path):
        draft = each.draft()
        spoiled = as_read(replace(draft, about={"other": 1}))
        with pytest.raises(MalformedEvidence, match="lacks a part"):
            type(each).read(spoiled)
