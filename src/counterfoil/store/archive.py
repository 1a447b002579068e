"""The reading side of one organisation's truth: records, private values, proofs.

Reads share the recorder's lock, because the log's files are not made for several
threads; long runs over millions of records take it for a batch at a time. What is in
the log never changes, so such a run sees one state however much is added meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from counterfoil.core import canonical
from counterfoil.core.checkpoint import Checkpoint, SignedCheckpoint
from counterfoil.core.fields import Disclosure, FieldTree
from counterfoil.core.merkle import leaf_hash
from counterfoil.core.receipt import Receipt, Shown
from counterfoil.core.schema import Schema
from counterfoil.core.statement import Record, parse_record, read_record
from counterfoil.errors import HomeDamaged, InvalidInput, LogUnavailable, MalformedEvidence, NotFound
from counterfoil.store.depot import Depot
from counterfoil.store.durable import replace_file
from counterfoil.store.recorder import Recorder
from counterfoil.store.streams import time_text
from counterfoil.store.vault_rows import Opened
from counterfoil.store.working_records import WorkingRecords

if TYPE_CHECKING:
    from counterfoil.core.anchor import Anchor

__all__ = ["Archive", "OnLedger", "is_record", "read_checkpoint"]

READ_BATCH: Final = 2_000
_NOTHING: Final = Disclosure((), ())


def is_record(entry: bytes) -> bool:
    """Whether bytes at the end of the log are a whole record (for crash recovery)."""
    try:
        parse_record(entry)
    except MalformedEvidence:
        return False
    return True


def read_checkpoint(path: Path) -> SignedCheckpoint | None:
    """Returns the newest head a home has signed, None before the first.

    Raises:
        HomeDamaged: When the file holds something else.
    """
    if not path.exists():
        return None
    try:
        return SignedCheckpoint.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, MalformedEvidence) as error:
        raise HomeDamaged(f"{path.name} cannot be read", hint="restore it from a backup") from error


class OnLedger(Protocol):
    """What a shared ledger adds to heads, receipts and bundles."""

    @property
    def within_s(self) -> int:
        """Seconds within which a new record is meant to be on the ledger."""

    def line(self, head: Checkpoint) -> str:
        """Returns one more signature line for a head, newline included."""

    def newest(self, size: int) -> Anchor | None:
        """Returns the newest final anchor of at most `size` records, its consistency path left empty."""


class OnWitnesses(Protocol):
    """What witnesses add to heads, receipts and bundles."""

    def lines(self, head: Checkpoint) -> str:
        """Returns the cosignature lines there are for exactly this head, newlines included; never waits."""

    def covering(self, index: int) -> SignedCheckpoint | None:
        """Returns the newest head that a quorum has signed and that has this record under it; None without one."""

    def ask(self) -> None:
        """Asks the witnesses for the head of now, within a time limit; fails in silence."""


class Archive:
    """Reads what the recorder has written.

    Args:
        recorder: The writer of the same home.
        schemas: Folder of the schemas, one file each, named by digest.
        head_file: Where the newest signed head is kept.
        depot: Where old records and values may be.
        working: Records that stay readable while the depot is away.
    """

    def __init__(
        self, recorder: Recorder, schemas: Path, head_file: Path, depot: Depot, working: WorkingRecords
    ) -> None:
        self._recorder = recorder
        self._depot = depot
        self._working = working
        self.lock = recorder.lock  # covers the log's files
        self._schemas = schemas
        self._head_file = head_file
        self._known: dict[str, Schema] = {}
        self._signed: tuple[int, str] = (-1, "")
        self._head: Checkpoint | None = None  # what `_signed` is about
        self.handovers: tuple[str, ...] = ()
        self.ledger: OnLedger | None = None
        self.witnesses: OnWitnesses | None = None

    @property
    def size(self) -> int:
        """Number of records in the log."""
        return self._recorder.log.size

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._recorder.signer.key.name

    def checkpoint(self) -> str:
        """Returns the signed head over everything that is durable now.

        The head is kept on disk before anyone gets it, so that a home that lost
        records it had signed for can be told from one that never had them. It carries
        the cosignatures that witnesses have given for exactly this head so far.

        Raises:
            LogUnavailable: When the disk refuses to keep the head.
        """
        with self._recorder.lock:
            self._recorder.require_sound()
            log, signer = self._recorder.log, self._recorder.signer
            if self._signed[0] != log.size:
                head = Checkpoint(signer.key.name, log.size, log.root())
                note = head.signed(signer) + (self.ledger.line(head) if self.ledger and head.size else "")
                _replace(self._head_file, note.encode())
                self._signed = (log.size, note)
                self._head = head
            lines = self.witnesses.lines(self._head) if self.witnesses and self._head else ""
            return self._signed[1] + lines

    def own_checkpoint(self) -> str:
        """Returns the signed head as `checkpoint` does, with the signatures of this home alone."""
        with self._recorder.lock:
            self.checkpoint()
            return self._signed[1]

    def witnessed_checkpoint(self) -> str:
        """Returns the signed head as `checkpoint` does, after asking the witnesses, if there are any, to sign it."""
        if self.witnesses is not None:
            self.witnesses.ask()
        return self.checkpoint()

    def forget_signature(self) -> None:
        """Makes the next `checkpoint` sign anew: the signing key changed."""
        with self._recorder.lock:
            self._signed = (-1, "")

    def entry(self, index: int) -> bytes:
        """Returns the bytes of record `index`.

        Raises:
            NotFound: When the log has no such place.
            LogUnavailable: When it is in a depot that is away.
        """
        kept = self._working.find(index)
        if kept is not None and leaf_hash(kept) == self.leaf(index):
            return kept
        with self.holding():
            self._recorder.log.bring(max(index, 0), index + 1)  # nobody who records waits for a depot
            return self._entry(index)

    def _entry(self, index: int) -> bytes:
        with self._recorder.lock:
            if not 0 <= index < self.size:
                raise NotFound(f"there is no record {index}; the log has {self.size}")
            return self._recorder.log.entry(index)

    def holding(self) -> AbstractContextManager[None]:
        """Keeps here what this thread fetches from a depot meanwhile, however small the cache is.

        For whoever reads first, so that the depot is asked, and then again under the recorder's lock.
        """
        return self._depot.holding()

    def record(self, index: int) -> Record:
        """Returns record `index` (NotFound when there is none)."""
        return read_record(self.entry(index))

    def tree(self, index: int, *, even_withheld: bool = False) -> FieldTree:
        """Returns the private values of a record, as a tree that can disclose them.

        Args:
            index: The record's place.
            even_withheld: For whoever erases fields of it.

        Raises:
            NotFound: When the record has none, or they were erased.
            NotAllowed: When they are locked away until their retention ends.
            LogUnavailable: When they are in a depot that is away.
            HomeDamaged: When they are not the ones the record commits to.
        """
        record = self.record(index)
        if record.schema is None:
            raise NotFound(f"record {index} has no private fields")
        opened = self._recorder.vault.get(index, record.digest, even_withheld=even_withheld)
        tree = FieldTree.restore(self.schema(record.schema), opened.rk, opened.body)
        if tree.root != record.digest:
            raise HomeDamaged(f"the private values of record {index} are not the ones the log commits to")
        return tree

    def values(self, index: int, record: Record) -> dict[str, Any]:
        """Returns the private values of a record by pointer, for this home's own use.

        Raises:
            NotFound: When the record has none, or they were erased.
            NotAllowed: When they are locked away until their retention ends.
        """
        if record.schema is None:
            raise NotFound(f"record {index} has no private fields")
        return FieldTree.values_in(self.schema(record.schema), self._recorder.vault.get(index, record.digest).body)

    def values_many(self, wanted: Iterable[tuple[int, Record]]) -> dict[int, tuple[dict[str, Any], bytes | None]]:
        """Returns private values and the person's tag by place, of the records whose values are still there."""
        records = {index: record for index, record in wanted if record.schema is not None}
        pairs = ((index, record.digest) for index, record in records.items())
        return {
            index: (FieldTree.values_in(self.schema(records[index].schema or ""), found.body), found.subject)
            for index, found in self._recorder.vault.get_many(pairs)
            if isinstance(found, Opened)
        }

    def receipt(self, index: int, pointers: Iterable[str] | None = None) -> Receipt:
        """Returns the receipt of a record, showing `pointers` (all fields when None).

        Its head is the newest one that a quorum of witnesses has signed, where that has the
        record under it; otherwise the newest one.
        """
        with self.holding():
            self._recorder.log.bring(max(index, 0), index + 1)
            return self._receipt(index, pointers)

    def _receipt(self, index: int, pointers: Iterable[str] | None) -> Receipt:
        with self._recorder.lock:
            entry = self._entry(index)
            record = read_record(entry)
            schema = self.schema(record.schema) if record.schema else None
            checkpoint, size = self._head_over(index)
            path = tuple(self._recorder.log.inclusion(index, size))
        disclosure = _NOTHING
        if schema is not None:
            wanted = None if pointers is None else list(pointers)
            # What shows nothing needs no values: it goes on to prove a record that was erased.
            disclosure = Disclosure((), (record.digest,)) if wanted == [] else self.tree(index).disclose(wanted)
        anchor, anchor_by = self.anchor(size), None
        if self.ledger is not None and (anchor is None or anchor.size <= index):
            anchor_by = time_text(self._recorder.now_s() + self.ledger.within_s)
        return Receipt(
            Shown(self.origin, entry, schema, disclosure, self.handovers), index, path, checkpoint, anchor_by, anchor
        )

    def _head_over(self, index: int) -> tuple[str, int]:
        """Returns the head for a receipt, and its size: one that witnesses signed, unless that costs the anchor."""
        newest = self.checkpoint()
        size = self._signed[0]
        found = self.witnesses.covering(index) if self.witnesses is not None else None
        if found is None or (self._is_anchored(index, size) and not self._is_anchored(index, found.head.size)):
            return newest, size
        return found.data(), found.head.size

    def _is_anchored(self, index: int, size: int) -> bool:
        anchor = self.ledger.newest(size) if self.ledger is not None else None
        return anchor is not None and anchor.size > index

    def anchor(self, size: int) -> Anchor | None:
        """Returns the newest final anchor, with the path from its head to the log's at `size`; None without one."""
        found = self.ledger.newest(size) if self.ledger is not None else None
        if found is None:
            return None
        return replace(found, consistency=self.consistency(found.size, size))

    @property
    def identity(self) -> bytes:
        """The 32 bytes by which this log differs from every other: its first record's leaf hash; empty before that."""
        return self.leaf(0) if self.size else b""

    def leaf(self, index: int) -> bytes:
        """Returns the leaf hash of a record, 32 bytes, without reading the record."""
        with self._recorder.lock:
            return self._recorder.log.leaf_hash(index)

    def leaf_hex(self, index: int) -> str:
        """Returns the leaf hash of a record, as other records refer to it."""
        return self.leaf(index).hex()

    def schema(self, digest: str) -> Schema:
        """Returns a schema by digest.

        Raises:
            HomeDamaged: When its file is missing or altered.
        """
        schema = self._known.get(digest) or self._read_schema(digest)
        if schema is None:
            self.restore_schemas()  # the files are derived; the log has them all
            schema = self._read_schema(digest)
        if schema is None:
            raise HomeDamaged(
                f"the schema {digest[:12]}… cannot be read, and is not in the log",
                hint="restore the schemas folder from a backup",
            )
        self._known[digest] = schema
        return schema

    def _read_schema(self, digest: str) -> Schema | None:
        """Returns a schema from its file, None when that is missing or altered."""
        try:
            schema = Schema.from_json(canonical.loads((self._schemas / f"{digest}.json").read_bytes()))
        except (OSError, InvalidInput, MalformedEvidence):
            return None
        return schema if schema.digest == digest else None

    def has_schema(self, schema: Schema) -> bool:
        """Whether this home has used the schema before."""
        return schema.digest in self._known or (self._schemas / f"{schema.digest}.json").exists()

    def keep_schema(self, schema: Schema) -> bool:
        """Writes a schema's file; returns False when it is already there."""
        if schema.digest in self._known:
            return False
        path = self._schemas / f"{schema.digest}.json"
        is_new = not path.exists()
        if is_new:
            _replace(path, schema.encoded)
        self._known[schema.digest] = schema
        return is_new

    def restore_schemas(self) -> None:
        """Writes the files of all schemas anew from their records in the log."""
        for about in self.abouts("schema"):
            schema = Schema.from_json(dict(about))
            _replace(self._schemas / f"{schema.digest}.json", schema.encoded)

    def abouts(self, kind: str) -> Iterator[Mapping[str, Any]]:
        """Yields the public bodies of all records of a kind, oldest first; reads the whole log."""
        mark = f"/{kind}/v1".encode()
        for entry in self.entries():
            if mark in entry and (record := read_record(entry)).kind == kind:
                yield record.about

    def entries(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yields entries start..end-1, a batch at a time; writers go on in between."""
        end = self.size if end is None else end
        for first in range(start, end, READ_BATCH):
            last = min(first + READ_BATCH, end)
            with self.holding():
                self._recorder.log.bring(first, last)
                with self._recorder.lock:
                    batch = list(self._recorder.log.entries(first, last))
            yield from batch

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Returns the inclusion path of a record in the log as it was at `size`."""
        with self._recorder.lock:
            return tuple(self._recorder.log.inclusion(index, size))

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """Returns the proof that the log at `old` records is the beginning of the log at `new`."""
        with self._recorder.lock:
            return tuple(self._recorder.log.consistency(old, new))

    def root(self, size: int) -> bytes:
        """Returns the root of the log as it was at `size` records."""
        with self._recorder.lock:
            return self._recorder.log.root(size)

    def tile(self, level: int, number: int, width: int) -> bytes:
        """Returns a hash tile of the log (C2SP tlog-tiles)."""
        with self._recorder.lock:
            return self._recorder.log.tile(level, number, width)

    def entry_bundle(self, number: int, width: int) -> bytes:
        """Returns an entry bundle of the log (C2SP tlog-tiles)."""
        with self._recorder.lock:
            return self._recorder.log.entry_bundle(number, width)


def _replace(path: Path, data: bytes) -> None:
    try:
        replace_file(path, data, mode=0o644)
    except OSError as error:
        raise LogUnavailable(
            f"{path.name} could not be saved: {error.strerror or error}", hint="free some disk space, then try again"
        ) from error
