"""What the steps of a receipt say; refusals are in tests/hostile/test_receipts.py."""

from __future__ import annotations

from dataclasses import replace

from making import BankLog, time_at

from counterfoil.core.check_receipt import check_receipt, shown_values
from counterfoil.core.fields import ABSENT, Disclosure
from counterfoil.core.receipt import Receipt, Shown
from counterfoil.core.statement import Draft
from counterfoil.core.steps import Report, Status

BANK = BankLog().fill(5)
KEY = BANK.key.key
STEPS = ["format", "record", "fields", "log", "issuer", "kept", "anchor", "witnesses"]


def statuses(report: Report) -> list[Status]:
    return [step.status for step in report.steps]


def test_the_steps_of_a_receipt() -> None:
    report = check_receipt(BANK.receipt(2).encode(), issuer=KEY)
    assert [step.id for step in report.steps] == STEPS
    assert statuses(report) == [Status.PASSED] * 5 + [Status.NOT_CHECKED] * 3
    assert report.verdict == "intact, and signed by the issuer you named"
    assert report.facts["fields"][0] == {"pointer": "/input/age", "title": "Age in years", "value": 41}
    assert (report.facts["index"], report.facts["seq"], report.facts["kind"]) == (2, 2, "decision")


def test_the_steps_of_a_promise() -> None:
    report = check_receipt(BANK.promise(2, time_at(60)).encode(), issuer=KEY)
    assert [step.id for step in report.steps] == STEPS
    unchecked = [step.id for step in report.steps if step.status is Status.NOT_CHECKED]
    assert unchecked == ["log", "kept", "anchor", "witnesses"]
    assert report.facts["index"] is None


def test_a_record_without_private_fields() -> None:
    log = BankLog()
    log.append(Draft("model", "models", "m", about={"rows": 5}))
    shown = Shown(log.origin, log.entries[0], None, Disclosure((), ()), ())
    good = Receipt(shown, 0, (), log.checkpoint())
    report = check_receipt(good.encode(), issuer=KEY)
    assert report.is_intact
    assert report.facts["about"] == {"rows": 5}
    extra = replace(shown, disclosure=BANK.trees[0].disclose())
    assert not check_receipt(replace(good, shown=extra).encode(), issuer=KEY).is_intact


def test_an_announced_anchor_is_called_unsigned() -> None:
    step = check_receipt(replace(BANK.receipt(2), anchor_by=time_at(9)).encode()).step("anchor")
    assert step is not None
    assert step.status is Status.NOT_CHECKED
    assert "unsigned" in step.detail


def test_absent_fields_read_as_nothing() -> None:
    assert shown_values({"/a": ABSENT, "/b": 0}) == {"/a": None, "/b": 0}
