"""Logs, receipts, promises and bundles made in memory with the real core.

Deterministic: keys and record keys are derived from small numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from counterfoil.core.bundle import Manifest, ShownLine, entry_tiles, hash_tiles
from counterfoil.core.checkpoint import Checkpoint
from counterfoil.core.fields import FieldTree
from counterfoil.core.merkle import inclusion_path, leaf_hash, root_of
from counterfoil.core.note import Signer
from counterfoil.core.proofs import LogProof
from counterfoil.core.receipt import Promise, Receipt, Shown
from counterfoil.core.schema import Schema, SchemaField
from counterfoil.core.statement import Draft
from counterfoil.core.tiles import encode_bundle, tile_path
from counterfoil.errors import MalformedEvidence

ORIGIN = "bank.example/credit"
STREAM = "decisions/credit"
SCHEMA = Schema(
    "credit",
    (
        SchemaField("/input/age", "Age in years", "integer"),
        SchemaField("/input/amount", "Amount", "number"),
        SchemaField("/input/purpose", "Purpose", "string"),
        SchemaField("/output/label", "Decision", "string"),
        SchemaField("/reasons", "Reasons", "array"),
    ),
)
VALUES: dict[str, Any] = {
    "/input/age": 41,
    "/input/amount": 1234.5,
    "/input/purpose": "a car, used",
    "/output/label": "granted",
}
"""Values of one decision; the reasons are absent."""


def signer(number: int = 1, origin: str = ORIGIN) -> Signer:
    """Returns a key that is the same in every run."""
    return Signer(origin, sha256(b"signer %d" % number).digest())


def record_key(number: int) -> bytes:
    """Returns the record key of record `number`."""
    return sha256(b"record key %d" % number).digest()


def time_at(number: int) -> str:
    """Returns a time, one second later for every record."""
    return f"2026-11-23T{19 + number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"


class Members(dict[str, bytes]):
    """A bundle as a dictionary."""

    def names(self) -> frozenset[str]:
        """Returns all member names."""
        return frozenset(self)

    def read(self, name: str, limit_bytes: int) -> bytes:
        """Returns one member."""
        if name not in self or len(self[name]) > limit_bytes:
            raise MalformedEvidence(f"no {name} of at most {limit_bytes} bytes")
        return self[name]

    def lines(self, name: str, limit_bytes: int) -> Iterator[bytes]:
        """Yields a member's lines."""
        for line in self.read(name, len(self[name])).splitlines():
            if len(line) > limit_bytes:
                raise MalformedEvidence(f"a line of {name} has more than {limit_bytes} bytes")
            yield line


@dataclass
class BankLog:
    """A log in memory: entries, and the private values behind them."""

    key: Signer = field(default_factory=signer)
    entries: list[bytes] = field(default_factory=list)
    trees: dict[int, FieldTree] = field(default_factory=dict)
    seqs: dict[str, int] = field(default_factory=dict)
    schema: Schema = SCHEMA
    handovers: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.key.key.name

    def append(self, draft: Draft, *, seq: int | None = None, time: str | None = None) -> int:
        """Appends a record and returns its place."""
        index = len(self.entries)
        number = self.seqs.get(draft.stream, 0) if seq is None else seq
        self.entries.append(draft.template(self.key.key.fingerprint).entry(number, time or time_at(index)))
        self.seqs[draft.stream] = number + 1
        return index

    def decide(
        self, values: Mapping[str, Any] = VALUES, *, seq: int | None = None, time: str | None = None, key: int = -1
    ) -> int:
        """Appends a decision with private values and returns its place."""
        index = len(self.entries)
        tree = FieldTree.commit(self.schema, record_key(index if key < 0 else key), values)
        draft = Draft("decision", STREAM, f"decision {index}", schema=self.schema.digest, fields_root=tree.root)
        self.append(draft, seq=seq, time=time)
        self.trees[index] = tree
        return index

    def epoch(self, first: int, following: int, stream: str = STREAM) -> int:
        """Appends an epoch record."""
        about = {"first": first, "next": following, "stream": stream}
        return self.append(Draft("epoch", "epochs", "epoch", about=about))

    def fill(self, count: int) -> BankLog:
        """Appends decisions until there are `count` records."""
        while len(self.entries) < count:
            self.decide()
        return self

    def leaves(self) -> list[bytes]:
        """Returns all leaf hashes."""
        return [leaf_hash(entry) for entry in self.entries]

    def root(self, size: int | None = None) -> bytes:
        """Returns the root over the first `size` records."""
        return root_of(self.leaves()[:size])

    def checkpoint(self, size: int | None = None) -> str:
        """Returns a signed head over the first `size` records."""
        size = len(self.entries) if size is None else size
        return Checkpoint(self.origin, size, self.root(size)).signed(self.key)

    def path(self, index: int, size: int) -> tuple[bytes, ...]:
        """Returns an inclusion path."""
        leaves = self.leaves()
        return tuple(inclusion_path(index, size, lambda start, end: root_of(leaves[start:end])))

    def shown(self, index: int, pointers: Iterable[str] | None = None) -> Shown:
        """Returns a record with fields shown."""
        disclosure = self.trees[index].disclose(pointers)
        return Shown(self.origin, self.entries[index], self.schema, disclosure, self.handovers)

    def receipt(self, index: int, size: int | None = None, pointers: Iterable[str] | None = None) -> Receipt:
        """Returns a receipt under the head over `size` records."""
        size = len(self.entries) if size is None else size
        return Receipt(self.shown(index, pointers), index, self.path(index, size), self.checkpoint(size))

    def promise(self, index: int, append_by: str) -> Promise:
        """Returns a promise of a record."""
        return Promise.make(self.shown(index), append_by, self.key)

    def range_bundle(self, start: int = 0, end: int | None = None, *, show: bool = True) -> Members:
        """Returns every record from `start` (a multiple of 256) to `end`."""
        size = len(self.entries)
        end = size if end is None else end
        members = self._members(Manifest(self.origin, start, end, None, self.handovers), range(start, end), show)
        place = start
        for name, width in entry_tiles(start, end):
            members[name] = encode_bundle(self.entries[place : place + width])
            place += width
        leaves = self.leaves()
        for level, number, width in hash_tiles(start, end, size):
            step = 256**level
            first = number * 256
            members[tile_path(level, number, width)] = b"".join(
                root_of(leaves[i * step : (i + 1) * step]) for i in range(first, first + width)
            )
        return members

    def scattered_bundle(self, indices: Sequence[int], *, show: bool = True) -> Members:
        """Returns single records, each with its proof."""
        size = len(self.entries)
        members = self._members(Manifest(self.origin, indices=tuple(indices), handovers=self.handovers), indices, show)
        for index in indices:
            members[f"records/{index}.json"] = self.entries[index]
            proof = LogProof(index, self.path(index, size), self.checkpoint())
            members[f"proofs/{index}.tlog-proof"] = proof.text().encode()
        return members

    def _members(self, manifest: Manifest, indices: Iterable[int], show: bool) -> Members:
        members = Members({"bundle.json": manifest.encode(), "checkpoint": self.checkpoint().encode()})
        if show:
            lines = [ShownLine(i, self.trees[i].disclose()).encode() for i in indices if i in self.trees]
            members["disclosures.ndjson"] = b"".join(lines)
            members[f"schemas/{self.schema.digest}.json"] = self.schema.encoded
        return members
