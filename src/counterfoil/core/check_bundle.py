"""Checks a bundle, offline, step by step.

1. format     the file is a bundle that can be read
2. records    every record in it is well formed and of this log
3. log        the records lead to the head in the bundle
4. issuer     the head is signed by the issuer the checker named
5. complete   nothing is missing or doubled (ranges only)
6. fields     the values shown belong to their records
7. earlier    an earlier head the checker kept is a prefix of this log
8. anchor     the head is on a shared ledger
9. witnesses  enough witnesses of the checker's policy saw the head

A range is read once, tile by tile; memory does not grow with its length.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from counterfoil.core.bundle import (
    ENTRY_TILE_BYTES,
    MAX_MANIFEST_BYTES,
    Contents,
    Manifest,
    Members,
    Progress,
    Rebuilt,
    ShownLine,
    entry_tiles,
)
from counterfoil.core.check_anchor import LedgerView, anchor_facts, check_anchor
from counterfoil.core.check_receipt import LogView
from counterfoil.core.check_witnesses import check_witnesses
from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.core.fields import open_disclosure
from counterfoil.core.merkle import EMPTY_ROOT, is_included, leaf_hash, root_of
from counterfoil.core.note import MAX_NOTE_BYTES, VerifierKey
from counterfoil.core.proofs import LogProof
from counterfoil.core.sequence import Sequence
from counterfoil.core.statement import Record, parse_record
from counterfoil.core.steps import TITLES, Report, Step, failed, not_checked, passed
from counterfoil.core.tiles import TILE_WIDTH, cover, decode_bundle
from counterfoil.core.trust import Trust
from counterfoil.core.witness_policy import WitnessPolicy
from counterfoil.errors import CounterfoilError, MalformedEvidence

__all__ = ["Watch", "check_bundle", "view_of_bundle"]

_TITLES: Final = {
    "records": "Is every record in it well formed?",
    "log": "Do the records lead to the log's head?",
    "complete": "Is nothing missing or doubled?",
    "fields": "Do the values shown belong to their records?",
    "earlier": "Does the log extend the head you kept from before?",
}
_PROOF_BYTES: Final = 128 * 1024


@dataclass
class Watch:
    """Things to note while a range goes by, so that it need not be kept.

    Attributes:
        sizes: Sizes at which the root is wanted.
        indices: Places whose leaf hash is wanted.
        leaves: Leaf hashes whose place is wanted.
    """

    sizes: frozenset[int] = frozenset()
    indices: frozenset[int] = frozenset()
    leaves: frozenset[bytes] = frozenset()
    roots: dict[int, bytes] = field(default_factory=dict)
    seen: dict[int, bytes] = field(default_factory=dict)
    places: dict[bytes, int] = field(default_factory=dict)

    def note(self, start: int, leaves: list[bytes]) -> None:
        """Takes the leaf hashes of records from `start` on."""
        for index in self.indices:
            if start <= index < start + len(leaves):
                self.seen[index] = leaves[index - start]
        for leaf in self.leaves.intersection(leaves):
            self.places.setdefault(leaf, start + leaves.index(leaf))


@dataclass
class _Tally:
    """What went by: for the later steps and for the facts."""

    sequence: Sequence
    last: int = -1  # place of the last record that is more than a count of streams
    shown_records: int = 0
    shown_fields: int = 0
    field_fault: str = ""


def check_bundle(
    members: Members,
    *,
    issuer: VerifierKey | None = None,
    earlier: SignedCheckpoint | None = None,
    watch: Watch | None = None,
    ledger: LedgerView | None = None,
    witnesses: WitnessPolicy | None = None,
    progress: Progress | None = None,
) -> Report:
    """Checks an opened bundle.

    Args:
        members: The opened file.
        issuer: The key the checker trusts; None leaves the issuer unknown.
        earlier: A signed head the checker kept from before.
        watch: Filled with what a receipt wants to know of this log.
        ledger: What the checker knows of the ledger that the log's heads are on.
        witnesses: Whose cosignatures the checker demands on the head.
        progress: Called with (records done, records in all).

    Returns:
        A report. Hostile input yields failed steps, never an exception.
    """
    steps: list[Step] = []
    try:  # step 1
        contents = Contents.open(members)
        note = members.read("checkpoint", MAX_NOTE_BYTES).decode("utf-8")
        signed = SignedCheckpoint.parse(note)
        trust = Trust.following(issuer, contents.manifest.handovers)
        _require_fitting(contents, signed)
        contents.require_no_strays(signed.head.size)
    except (CounterfoilError, UnicodeDecodeError, RecursionError) as error:
        return Report("bundle", (failed("format", TITLES["format"], str(error)),))
    manifest = contents.manifest
    count = manifest.end - manifest.start if manifest.indices is None else len(manifest.indices)
    steps.append(passed("format", TITLES["format"], f"a bundle of {count:,} records from {manifest.origin}"))
    watch = watch or Watch()
    if earlier is not None:
        watch.sizes |= {earlier.head.size}
    tally = _Tally(Sequence(from_start=manifest.is_range and manifest.start == 0))
    stage = "records"
    try:  # steps 2 and 3
        if manifest.is_range:
            root = _read_range(contents, signed, tally, watch, progress)
        else:
            root = _read_scattered(contents, signed, note, tally, progress)
        steps.append(passed("records", _TITLES["records"], _counted(tally.sequence.kinds)))
        stage = "log"
        _require_root(root, signed)
        steps.append(passed("log", _TITLES["log"], f"they lead to the head over {signed.head.size:,} records"))
    except (CounterfoilError, RecursionError) as error:
        steps.append(failed(stage, _TITLES[stage], str(error)))
        return Report("bundle", tuple(steps))
    steps.append(trust.step(signed.note, "the log's head", signed.head.origin))  # step 4
    steps.append(_complete_step(contents, tally, signed.head.size))  # step 5
    steps.append(_fields_step(tally))  # step 6
    steps.append(_earlier_step(earlier, signed, trust, watch))  # step 7
    steps.append(check_anchor(contents.anchor, signed.head, ledger, tally.last))  # step 8
    steps.append(check_witnesses(signed, witnesses, manifest.handovers))  # step 9
    return Report("bundle", tuple(steps), _facts(contents, signed, tally))


def view_of_bundle(members: Members, watch: Watch, report: Report) -> LogView:
    """Returns what a checked bundle shows of the log, for holding a receipt against it.

    Raises:
        MalformedEvidence: When the bundle's own check failed.
    """
    if not report.is_intact:
        raise MalformedEvidence(f"the log to compare with does not hold by itself: {report.verdict}")
    signed = SignedCheckpoint.parse(members.read("checkpoint", MAX_NOTE_BYTES).decode("utf-8"))
    start, end = report.facts.get("start"), report.facts.get("end")
    return LogView(
        signed,
        watch.roots.get,
        watch.seen.get,
        watch.places.get,
        start == 0 and end == signed.head.size,
        str(report.facts.get("last_time", "")),
        Manifest.parse(members.read("bundle.json", MAX_MANIFEST_BYTES)).handovers,
    )


def _require_fitting(contents: Contents, signed: SignedCheckpoint) -> None:
    manifest, head = contents.manifest, signed.head
    if head.origin != manifest.origin:
        raise MalformedEvidence(f"the bundle is from {manifest.origin}, its head from {head.origin}")
    last = manifest.end if manifest.indices is None else max(manifest.indices, default=-1) + 1
    if last > head.size or (manifest.is_range and manifest.end % TILE_WIDTH and manifest.end != head.size):
        raise MalformedEvidence(f"the bundle holds records up to {last}, which the head over {head.size} cannot cover")


def _read_range(
    contents: Contents, signed: SignedCheckpoint, tally: _Tally, watch: Watch, progress: Progress | None
) -> bytes:
    """Reads every record of a range and returns the root that it leads to."""
    manifest, size = contents.manifest, signed.head.size
    tree = Rebuilt(contents, size)
    for level, index in cover(0, manifest.start):
        _push(tree, level, contents.subtree(level, index, size), watch)
    shown = _merged(contents)
    place = manifest.start
    for name, width in entry_tiles(manifest.start, manifest.end):
        entries = decode_bundle(contents.members.read(name, ENTRY_TILE_BYTES))
        if len(entries) != width:
            raise MalformedEvidence(f"{name} holds {len(entries)} records, not {width}")
        leaves = [leaf_hash(entry) for entry in entries]
        watch.note(place, leaves)
        for index, entry in enumerate(entries, place):
            _take(contents, index, entry, tally, shown)
        wanted = any(place < at < place + width for at in watch.sizes)
        if width == TILE_WIDTH and not wanted:
            _push(tree, 1, root_of(leaves), watch)
        else:
            for leaf in leaves:
                _push(tree, 0, leaf, watch)
        place += width
        if progress is not None:
            progress(place - manifest.start, manifest.end - manifest.start)
    _require_none_left(shown)
    for level, index in cover(manifest.end, size):
        _push(tree, level, contents.subtree(level, index, size), watch)
    return tree.edge.root()


def _read_scattered(
    contents: Contents, signed: SignedCheckpoint, note: str, tally: _Tally, progress: Progress | None
) -> bytes:
    """Reads every scattered record, each under the bundle's one head."""
    indices = contents.manifest.indices or ()
    shown = _merged(contents)
    for done, index in enumerate(indices, 1):
        entry = contents.members.read(f"records/{index}.json", ENTRY_TILE_BYTES)
        text = contents.members.read(f"proofs/{index}.tlog-proof", _PROOF_BYTES).decode("utf-8", "replace")
        proof = LogProof.parse(text)
        if proof.index != index or proof.checkpoint != note:
            raise MalformedEvidence(f"the proof of record {index} is for another place or another head")
        head = signed.head
        if not is_included(leaf_hash(entry), index, head.size, proof.path, head.root):
            raise MalformedEvidence(f"record {index} is not in the log under the bundle's head")
        _take(contents, index, entry, tally, shown)
        if progress is not None:
            progress(done, len(indices))
    _require_none_left(shown)
    return signed.head.root


def _push(tree: Rebuilt, level: int, digest: bytes, watch: Watch) -> None:
    tree.push(level, digest)
    if tree.edge.size in watch.sizes:
        watch.roots[tree.edge.size] = tree.edge.root()


class _Shown:
    """The disclosures, one line ahead of the records they belong to."""

    def __init__(self, lines: Iterator[ShownLine]) -> None:
        self._lines = lines
        self.ahead = next(lines, None)

    def at(self, index: int) -> ShownLine | None:
        """Returns the line for record `index`, None when nothing of it is shown."""
        line = self.ahead
        if line is None or line.index != index:
            return None
        self.ahead = next(self._lines, None)
        return line


def _merged(contents: Contents) -> _Shown:
    return _Shown(contents.shown_lines())


def _require_none_left(shown: _Shown) -> None:
    if shown.ahead is not None:
        raise MalformedEvidence(
            f"fields of record {shown.ahead.index} are shown twice, out of order, or without the record"
        )


def _take(contents: Contents, index: int, entry: bytes, tally: _Tally, shown: _Shown) -> None:
    """Takes one record: its form, its place in its stream, and its fields if shown."""
    try:
        record = parse_record(entry)
    except MalformedEvidence as error:
        raise MalformedEvidence(f"record {index}: {error.message}") from error
    if not record.issuer.startswith(contents.manifest.origin + "+"):
        raise MalformedEvidence(f"record {index} was issued for {record.issuer}, not for {contents.manifest.origin}")
    tally.sequence.add(index, record)
    if record.kind != "epoch":
        tally.last = index
    line = shown.at(index)
    if line is not None and not tally.field_fault:
        tally.field_fault = _open_line(contents, record, line, tally)


def _open_line(contents: Contents, record: Record, line: ShownLine, tally: _Tally) -> str:
    """Returns what is wrong with the fields shown of one record, empty when nothing is."""
    schema = contents.schemas.get(record.schema or "")
    if schema is None:
        return f"fields of record {line.index} are shown without the schema it names"
    try:
        root, values = open_disclosure(schema, line.disclosure)
    except CounterfoilError as error:
        return f"record {line.index}: {error.message}"
    if root != record.digest:
        return f"record {line.index}: a value, or its salt, is not the one that was recorded"
    tally.shown_records += 1
    tally.shown_fields += len(values)
    return ""


def _require_root(root: bytes, signed: SignedCheckpoint) -> None:
    if root != signed.head.root:
        raise MalformedEvidence("the records do not lead to the signed head; one was changed, added, removed or moved")


def _complete_step(contents: Contents, tally: _Tally, size: int) -> Step:
    title, manifest, sequence = _TITLES["complete"], contents.manifest, tally.sequence
    if not manifest.is_range:
        return not_checked(
            "complete",
            title,
            "the bundle holds selected records; only every record between two places can show this",
        )
    if sequence.faults:
        return failed("complete", title, "; ".join(sequence.faults[:3]))
    limit = "that every decision the issuer took was recorded; receipts and counts held by others can show that"
    if manifest.end < size:
        limit = f"what came after record {manifest.end - 1}; {limit}"
    if manifest.start:
        limit = f"what came before record {manifest.start}; {limit}"
    return passed(
        "complete",
        title,
        f"places {manifest.start} to {manifest.end - 1}, {len(sequence.streams())} streams, {sequence.epochs} epochs: "
        "every number once, in order",
        limit,
    )


def _fields_step(tally: _Tally) -> Step:
    title = _TITLES["fields"]
    if tally.field_fault:
        return failed("fields", title, tally.field_fault)
    if not tally.shown_records:
        return not_checked("fields", title, "the bundle shows no private fields")
    return passed(
        "fields",
        title,
        f"{tally.shown_fields:,} values of {tally.shown_records:,} records are exactly as recorded",
        "that a value was true when it was recorded",
    )


def _earlier_step(earlier: SignedCheckpoint | None, signed: SignedCheckpoint, trust: Trust, watch: Watch) -> Step:
    title = _TITLES["earlier"]
    if earlier is None:
        return not_checked("earlier", title, "no earlier head was given (--since)")
    head = earlier.head
    if head.origin != signed.head.origin:
        return failed("earlier", title, f"the earlier head is of another log, {head.origin}")
    if head.size > signed.head.size:
        return failed(
            "earlier",
            title,
            f"the log had {head.size:,} records and has {signed.head.size:,} here: records were taken away, "
            "or this file is older than the head you kept",
        )
    if trust.keys and trust.signed(earlier.note) is None:
        return failed("earlier", title, "the earlier head is not signed by the issuer you named")
    root = signed.head.root if head.size == signed.head.size else watch.roots.get(head.size)
    if head.size == 0:
        root = EMPTY_ROOT
    if root is None:
        return not_checked("earlier", title, f"the bundle does not show the log at {head.size:,} records")
    if root != head.root:
        return failed("earlier", title, f"the first {head.size:,} records are not the ones they were")
    return passed("earlier", title, f"the first {head.size:,} records are unchanged")


def _counted(kinds: Counter[str]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items())) or "no records"


def _facts(contents: Contents, signed: SignedCheckpoint, tally: _Tally) -> dict[str, Any]:
    manifest = contents.manifest
    return {
        "origin": manifest.origin,
        "start": manifest.start if manifest.is_range else None,
        "end": manifest.end if manifest.is_range else None,
        "records": sum(tally.sequence.kinds.values()),
        "kinds": dict(sorted(tally.sequence.kinds.items())),
        "shown_fields": tally.shown_fields,
        "size": signed.head.size,
        "root": signed.head.root.hex(),
        "first_time": tally.sequence.first_time,
        "last_time": tally.sequence.last_time,
        "anchor": anchor_facts(contents.anchor),
        "checkpoint_sha256": sha256(signed.head.text().encode()).hexdigest(),
    }
