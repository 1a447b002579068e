"""Reports: verdicts and exit codes never flatter."""

from __future__ import annotations

import json

import pytest

from counterfoil.core.steps import EXIT_MATCHES, EXIT_MISMATCH, Report, Step, failed, not_checked, passed
from counterfoil.errors import InvalidInput

OK, NO, OPEN = passed("log", "?", "fine"), failed("fields", "?", "wrong"), not_checked("anchor", "?", "none")
SIGNED = passed("issuer", "?", "signed")


@pytest.mark.parametrize(
    ("steps", "intact", "verdict"),
    [
        ((), False, "nothing was checked"),
        ((OK,), True, "intact, issuer unknown"),
        ((OK, OPEN), True, "intact, issuer unknown"),
        ((OK, not_checked("issuer", "?", "no key")), True, "intact, issuer unknown"),
        ((OK, SIGNED), True, "intact, and signed by the issuer you named"),
        ((SIGNED, NO), False, "does not match: wrong"),
    ],
)
def test_verdicts(steps: tuple[Step, ...], intact: bool, verdict: str) -> None:
    report = Report("receipt", steps)
    assert (report.is_intact, report.verdict) == (intact, verdict)
    assert report.exit_code() == (EXIT_MATCHES if intact else EXIT_MISMATCH)


def test_a_required_step_must_have_passed() -> None:
    report = Report("receipt", (OK, OPEN))
    assert report.exit_code(["log"]) == EXIT_MATCHES
    assert report.exit_code(["log", "anchor"]) == EXIT_MISMATCH
    with pytest.raises(InvalidInput, match="no step 'ancor'") as caught:
        report.exit_code(["ancor"])
    assert caught.value.hint == "its steps are log, anchor"


def test_a_check_that_broke_off_is_a_mismatch_whatever_is_required() -> None:
    assert Report("receipt", (NO,)).exit_code(["issuer"]) == EXIT_MISMATCH


def test_json() -> None:
    value = json.loads(json.dumps(Report("receipt", (OK, NO), {"a": 1}, "kept").to_json()))
    assert (value["intact"], value["answer"], value["facts"]) == (False, "kept", {"a": 1})
    assert [(step["number"], step["status"]) for step in value["steps"]] == [(1, "passed"), (2, "failed")]
    assert Report("receipt", (OK,)).to_json()["answer"] is None
