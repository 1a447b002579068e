"""Checks a receipt or a promise, offline, step by step.

1. format     the file is a receipt or promise that can be read
2. record     it holds one well-formed record of the log it names
3. fields     the values shown belong to that record
4. log        the record stands in the log under the head in the file (receipts)
5. issuer     that head, or the promise, is signed by the issuer the checker named
6. kept       held against the log as it is today: kept, overdue, unanswered, convicted
7. anchor     the head is on a shared ledger
8. witnesses  enough witnesses of the checker's policy saw the head

A step that needs something the checker did not give reads "not checked".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.check_anchor import LedgerView, anchor_facts, check_anchor, no_anchor
from counterfoil.core.check_witnesses import check_witnesses, no_witnesses
from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.core.fields import ABSENT, open_disclosure
from counterfoil.core.merkle import is_included
from counterfoil.core.note import VerifierKey, parse_note
from counterfoil.core.receipt import Promise, Receipt, Shown, parse_receipt, promise_text
from counterfoil.core.statement import Record, is_time, parse_record
from counterfoil.core.steps import TITLES, Report, Status, Step, failed, not_checked, passed
from counterfoil.core.trust import Trust
from counterfoil.core.witness_policy import WitnessPolicy
from counterfoil.errors import CounterfoilError, MalformedEvidence

__all__ = ["LogView", "check_receipt", "shown_values"]

_TITLES: Final = {
    "record": "Does it hold one well-formed record?",
    "fields": "Do the values shown belong to that record?",
}


@dataclass(frozen=True, slots=True)
class LogView:
    """What somebody else shows of the log today, as far as it proves itself.

    Attributes:
        checkpoint: Its signed head.
        root_at: Root of the log when it had this many records; None if not shown.
        leaf_at: Leaf hash at an index; None if not shown.
        find: Index of a leaf hash; None if not there.
        is_whole: Whether every record up to the head is shown.
        last_time: Time of the newest record shown, empty without any.
        handovers: Key hand-overs it carries; an older receipt cannot know of them.
    """

    checkpoint: SignedCheckpoint
    root_at: Callable[[int], bytes | None]
    leaf_at: Callable[[int], bytes | None]
    find: Callable[[bytes], int | None]
    is_whole: bool = False
    last_time: str = ""
    handovers: tuple[str, ...] = ()


def check_receipt(
    data: bytes,
    *,
    issuer: VerifierKey | None = None,
    log: LogView | None = None,
    now: str = "",
    ledger: LedgerView | None = None,
    witnesses: WitnessPolicy | None = None,
) -> Report:
    """Checks a receipt or promise file.

    Args:
        data: The bytes of the file.
        issuer: The key the checker trusts; None leaves the issuer unknown.
        log: The log as shown today, to hold the receipt against.
        now: The checker's time, UTC, `2026-11-23T19:00:00Z`, for overdue promises.
        ledger: What the checker knows of the ledger that the log's heads are on.
        witnesses: Whose cosignatures the checker demands on the head.

    Returns:
        A report. Hostile input yields failed steps, never an exception.
    """
    try:  # step 1
        stub = parse_receipt(data)
        trust = Trust.following(issuer, stub.shown.handovers)
    except (CounterfoilError, RecursionError) as error:
        return Report("receipt", (failed("format", TITLES["format"], str(error)),))
    what = "receipt" if isinstance(stub, Receipt) else "promise of a receipt"
    steps = [passed("format", TITLES["format"], f"it is a {what} from {stub.shown.origin}")]
    try:  # step 2
        record = parse_record(stub.shown.entry)
        steps.append(_record_step(record, stub.shown))
    except CounterfoilError as error:
        steps.append(failed("record", _TITLES["record"], str(error)))
        return Report(what, tuple(steps))
    step, values = _fields_step(record, stub.shown)  # step 3
    steps.append(step)
    steps += _receipt_steps(stub, trust) if isinstance(stub, Receipt) else _promise_steps(stub, trust)
    kept, answer = _kept_step(stub, trust, log, now, tuple(steps))  # step 6
    steps.append(kept)
    steps.append(_anchor_step(stub, ledger))  # step 7
    steps.append(_witnesses_step(stub, witnesses))  # step 8
    return Report(what, tuple(steps), _facts(stub, record, values), answer)


def shown_values(values: dict[str, Any]) -> dict[str, Any]:
    """Returns shown values for people: an absent field reads None."""
    return {pointer: None if value is ABSENT else value for pointer, value in values.items()}


def _record_step(record: Record, shown: Shown) -> Step:
    if record.issuer.partition("+")[0] != shown.origin:
        return failed("record", _TITLES["record"], f"the record was issued for {record.issuer}, not for {shown.origin}")
    return passed(
        "record",
        _TITLES["record"],
        f"{record.kind} number {record.seq} of {record.stream}, {record.time}",
        "that the time is right; it is the issuer's own clock",
    )


def _fields_step(record: Record, shown: Shown) -> tuple[Step, dict[str, Any]]:
    title = _TITLES["fields"]
    if not record.has_fields:
        if shown.disclosure.shown or shown.disclosure.proof or shown.schema:
            return failed("fields", title, "values are shown for a record that has no private fields"), {}
        return passed("fields", title, "the record has no private fields"), {}
    if shown.schema is None or shown.schema.digest != record.schema:
        return failed("fields", title, "the schema in the file is not the one the record names"), {}
    try:
        root, values = open_disclosure(shown.schema, shown.disclosure)
    except CounterfoilError as error:
        return failed("fields", title, error.message), {}
    if root != record.digest:
        return failed("fields", title, "a value, or its salt, is not the one that was recorded"), {}
    count = len(shown.schema.fields)
    return passed(
        "fields",
        title,
        f"{len(values)} of {count} fields are shown, each exactly as recorded",
        "that a value was true when it was recorded",
    ), values


def _receipt_steps(receipt: Receipt, trust: Trust) -> list[Step]:
    """Steps 4 and 5 for a receipt."""
    try:
        signed = SignedCheckpoint.parse(receipt.checkpoint)
    except MalformedEvidence as error:
        return [failed("log", TITLES["log"], error.message)]
    head = signed.head
    if head.origin != receipt.shown.origin:
        step = failed("log", TITLES["log"], f"the head is of another log, {head.origin}")
    elif not is_included(receipt.leaf, receipt.index, head.size, receipt.path, head.root):
        step = failed("log", TITLES["log"], "the record is not in the log under the head in this file")
    else:
        step = passed("log", TITLES["log"], f"it is record {receipt.index} of the {head.size} under this head")
    return [step, trust.step(signed.note, "the log's head", head.origin)]


def _promise_steps(promise: Promise, trust: Trust) -> list[Step]:
    """Steps 4 and 5 for a promise."""
    pending = not_checked("log", TITLES["log"], "this is a promise; the record was not yet in the log")
    try:
        note = parse_note(promise.note)
        _append_by(promise, note.text)
    except MalformedEvidence as error:
        return [pending, failed("issuer", TITLES["issuer"], error.message)]
    return [pending, trust.step(note, "the promise", promise.shown.origin)]


def _append_by(promise: Promise, text: str) -> str:
    """Returns the time the promise names; MalformedEvidence when it is about something else."""
    lines = text.split("\n")
    if len(lines) != 5 or promise_text(promise.shown.origin, promise.leaf, lines[3]) != text:
        raise MalformedEvidence("the promise was signed for another record or another log")
    if not is_time(lines[3]):
        raise MalformedEvidence("the promise names no time")
    return lines[3]


def _kept_step(
    stub: Receipt | Promise, trust: Trust, log: LogView | None, now: str, before: tuple[Step, ...]
) -> tuple[Step, str]:
    """Step 6: what today's log says.

    Only a file that holds by itself and that the issuer signed can speak against the
    issuer; otherwise whoever alters a receipt could accuse.
    """
    title = TITLES["kept"]
    if log is None:
        return not_checked("kept", title, "no newer state of the log was given (--against)"), ""
    if any(step.status is Status.FAILED for step in before):
        return not_checked("kept", title, "unanswered: the file does not hold by itself"), "unanswered"
    if (
        log.checkpoint.head.origin != stub.shown.origin
        or _widened(trust, stub, log).signed(log.checkpoint.note) is None
    ):
        why = "what was given is not a log signed by the issuer you named"
        if not trust.keys:
            why = "you did not say whose key to expect (--issuer), so nobody's log can answer"
        return not_checked("kept", title, f"unanswered: {why}"), "unanswered"
    answer, detail = _receipt_answer(stub, log) if isinstance(stub, Receipt) else _promise_answer(stub, log, now)
    if answer == "kept":
        return passed("kept", title, f"kept: {detail}"), answer
    make = not_checked if answer == "unanswered" else failed
    return make("kept", title, f"{answer}: {detail}"), answer


def _widened(trust: Trust, stub: Receipt | Promise, log: LogView) -> Trust:
    """Returns the keys that count for `log`: those of the receipt, and those handed over to since."""
    if not trust.keys or not log.handovers:
        return trust
    try:
        return Trust.following(trust.keys[0], tuple(dict.fromkeys((*stub.shown.handovers, *log.handovers))))
    except MalformedEvidence:
        return trust


def _receipt_answer(receipt: Receipt, log: LogView) -> tuple[str, str]:
    """Holds a receipt whose steps 1 to 5 passed against the log."""
    head, theirs = SignedCheckpoint.parse(receipt.checkpoint).head, log.checkpoint.head
    if theirs.size < head.size:
        return "unanswered", f"the log shown has {theirs.size} records, the receipt knows of {head.size}"
    root = theirs.root if theirs.size == head.size else log.root_at(head.size)
    if root is not None and root != head.root:
        return "convicted", f"the issuer signed two different histories of {head.size} records"
    leaf = log.leaf_at(receipt.index)
    if leaf is not None and leaf != receipt.leaf:
        return "convicted", f"the issuer signed another record at place {receipt.index}"
    if root is None and leaf is None:
        return "unanswered", "what was given does not show this part of the log"
    return "kept", f"the record is at place {receipt.index} of the log with {theirs.size} records"


def _promise_answer(promise: Promise, log: LogView, now: str) -> tuple[str, str]:
    """Holds a promise whose steps 1 to 5 passed against the log."""
    append_by = _append_by(promise, parse_note(promise.note).text)
    index = log.find(promise.leaf)
    if index is not None:
        return "kept", f"the promised record is at place {index}"
    if not log.is_whole:
        return "unanswered", "not every record of the log was given"
    if max(log.last_time, now) <= append_by:
        return "unanswered", f"the record is not there yet; it was promised by {append_by}"
    newest = f"whose newest record is of {log.last_time}" if log.last_time else "which has no records"
    return "overdue", f"the record was promised by {append_by} and is not in the log that was given, {newest}"


def _anchor_step(stub: Receipt | Promise, ledger: LedgerView | None) -> Step:
    if isinstance(stub, Promise):
        return no_anchor("this is a promise; the record was not yet in the log")
    if stub.anchor is None:
        due = f"; it says, unsigned, that one is due by {stub.anchor_by}" if stub.anchor_by else ""
        return no_anchor(f"the file carries no anchor{due}")
    try:
        head = SignedCheckpoint.parse(stub.checkpoint).head
    except MalformedEvidence:
        return no_anchor("the head that the anchor leads to cannot be read")
    return check_anchor(stub.anchor, head, ledger, stub.index)


def _witnesses_step(stub: Receipt | Promise, policy: WitnessPolicy | None) -> Step:
    if isinstance(stub, Promise):
        return no_witnesses("this is a promise; the record was not yet in the log")
    try:
        signed = SignedCheckpoint.parse(stub.checkpoint)
    except MalformedEvidence:
        return no_witnesses("the head cannot be read")
    return check_witnesses(signed, policy, stub.shown.handovers)


def _facts(stub: Receipt | Promise, record: Record, values: dict[str, Any]) -> dict[str, Any]:
    schema = stub.shown.schema
    titles = {field.pointer: field.title for field in schema.fields} if schema else {}
    return {
        "origin": stub.shown.origin,
        "kind": record.kind,
        "stream": record.stream,
        "seq": record.seq,
        "time": record.time,
        "index": getattr(stub, "index", None),
        "leaf": stub.leaf.hex(),
        "anchor": anchor_facts(getattr(stub, "anchor", None)),
        "fields": [
            {"pointer": pointer, "title": titles[pointer], "value": value}
            for pointer, value in shown_values(values).items()
        ],
        "about": canonical.loads(canonical.dumps(record.about)),
    }
