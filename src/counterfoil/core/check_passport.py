"""Checks a passport file, offline, step by step.

Steps 1 to 8 are those of the receipt in it (see `check_receipt`): format, record,
fields, log, issuer, kept, anchor, witnesses. Then

9.  passport     the record is a passport, issued by the log it stands in; not checked where step 4 failed
10. fingerprint  the whole fingerprint in the file is the one the record names

Whoever has the data goes on with step 11, `data`: whether they are what the passport
is about. Trust comes from the checker: a passport that claims another's name stands in
its own log, under its own key, and fails at step 5 or 9.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from counterfoil.core.check_anchor import LedgerView
from counterfoil.core.check_receipt import LogView, check_receipt
from counterfoil.core.note import VerifierKey
from counterfoil.core.passport_file import PassportFile, parse_passport_file
from counterfoil.core.statement import Record, parse_record
from counterfoil.core.steps import TITLES, Report, Status, Step, failed, not_checked, passed
from counterfoil.core.witness_policy import WitnessPolicy
from counterfoil.errors import CounterfoilError

__all__ = ["check_passport"]

_TITLES: Final = {
    "passport": "Is it the passport of whoever keeps that log?",
    "fingerprint": "Is the fingerprint in the file the one on record?",
}
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_LIMIT: Final = "that what the passport says is true: it is the issuer's word"


def check_passport(
    data: bytes,
    *,
    issuer: VerifierKey | None = None,
    log: LogView | None = None,
    now: str = "",
    ledger: LedgerView | None = None,
    witnesses: WitnessPolicy | None = None,
) -> Report:
    """Checks a passport file; the arguments are those of `check_receipt`.

    Returns:
        A report. Hostile input yields failed steps, never an exception.
    """
    try:
        file = parse_passport_file(data)
    except (CounterfoilError, RecursionError) as error:
        return Report("passport", (failed("format", TITLES["format"], str(error)),))
    inner = check_receipt(file.receipt.encode(), issuer=issuer, log=log, now=now, ledger=ledger, witnesses=witnesses)
    steps = tuple(_renamed(step) for step in inner.steps)
    if any(step.id in ("format", "record") and step.status is Status.FAILED for step in steps):
        return replace(inner, what="passport", steps=steps)
    record = parse_record(file.receipt.shown.entry)
    log_step = inner.step("log")
    is_in_log = log_step is not None and log_step.status is Status.PASSED
    steps += (_passport_step(record, file, is_in_log), _fingerprint_step(record, file))  # steps 9 and 10
    return replace(inner, what="passport", steps=steps)


def _renamed(step: Step) -> Step:
    """Returns step 1 in this file's words."""
    return replace(step, detail=step.detail.replace("a receipt", "a passport", 1)) if step.id == "format" else step


def _passport_step(record: Record, file: PassportFile, is_in_log: bool) -> Step:
    title = _TITLES["passport"]
    if record.kind != "passport":
        return failed("passport", title, f"the record is no passport; its kind is {record.kind}")
    issuers = [each.get("origin") for each in _tables(record.about.get("who")) if each.get("role") == "issuer"]
    if len(issuers) != 1:
        return failed("passport", title, f"it names {len(issuers)} issuers; a passport has one")
    origin = file.receipt.shown.origin
    if issuers[0] != origin:
        told = str(issuers[0])[:80]
        return failed(
            "passport",
            title,
            f"it says that {told!r} issued it, and stands in the log of {origin}",
        )
    subject = record.about.get("subject")
    if not isinstance(subject, Mapping) or not isinstance(subject.get("name"), str):
        return failed("passport", title, "it does not say what it is about")
    told = f"{subject.get('kind')} {subject['name']} {subject.get('version', '')}".rstrip()
    if not is_in_log:
        return not_checked("passport", title, f"it says it is about {told[:300]}, and stands in no log as it is here")
    return passed("passport", title, f"it is about {told[:300]}", _LIMIT)


def _fingerprint_step(record: Record, file: PassportFile) -> Step:
    title, named = _TITLES["fingerprint"], _named(record)
    if file.fingerprint is None:
        return not_checked("fingerprint", title, "the file carries none; the record names at most its digest")
    if not isinstance(named, Mapping):
        return failed("fingerprint", title, "the file carries a fingerprint, and the record names none")
    root = named.get("root")
    if not isinstance(root, str) or not _DIGEST.fullmatch(root):
        return failed("fingerprint", title, "the record names a fingerprint without a root")
    if named.get("sha256") != file.fingerprint_sha256 or root != file.fingerprint.get("root"):
        return failed("fingerprint", title, "the fingerprint in the file is another than the record names")
    return passed("fingerprint", title, f"it is the one whose root is {root[:16]}…")


def _named(record: Record) -> Any:
    subject = record.about.get("subject")
    return subject.get("fingerprint") if isinstance(subject, Mapping) else None


def _tables(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
