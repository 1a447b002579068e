"""The auditor's file: records, their proofs, and the fields the issuer chose to show.

A bundle is a set of named members (a zip on disk). A *range* holds every record
between two places of the log, as tiles; only a range can show that nothing is
missing. *Scattered* records each carry a proof of their own.

    bundle.json                 format, kind, origin, range or indices, key hand-overs
    checkpoint                  the signed head
    tile/entries/…  tile/L/…    range: the records, and the hashes that cover the rest
    records/N.json proofs/N.tlog-proof      scattered: a record and its proof
    schemas/<sha256>.json       the schemas of the private fields
    disclosures.ndjson          the fields shown, one line a record, in log order
    anchor.json                 the proof that a head of the log is on a shared ledger
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from counterfoil.core import canonical
from counterfoil.core.anchor import MAX_ANCHOR_BYTES, Anchor
from counterfoil.core.fields import Disclosure
from counterfoil.core.merkle import Frontier, root_of
from counterfoil.core.note import require_origin
from counterfoil.core.proofs import decode_hashes, encode_hashes
from counterfoil.core.schema import MAX_SCHEMA_BYTES, Schema
from counterfoil.core.tiles import TILE_WIDTH, cover, entries_path, tile_path, tile_width
from counterfoil.errors import InvalidInput, MalformedEvidence

__all__ = [
    "ANCHOR_MEMBER",
    "FORMAT",
    "Contents",
    "Manifest",
    "Members",
    "Rebuilt",
    "ShownLine",
    "entry_tiles",
    "hash_tiles",
    "parse_line",
    "read_schemas",
]

FORMAT: Final = "counterfoil-bundle/1"
ANCHOR_MEMBER: Final = "anchor.json"
MAX_MANIFEST_BYTES: Final = 4 * 1_048_576
MAX_SCHEMAS: Final = 1000
MAX_SCHEMAS_BYTES: Final = 16 * 1_048_576
MAX_SCATTERED: Final = 100_000
HASH_TILE_BYTES: Final = 32 * TILE_WIDTH
ENTRY_TILE_BYTES: Final = 65_537 * TILE_WIDTH


class Members(Protocol):
    """Named byte strings: an opened bundle file."""

    def names(self) -> frozenset[str]:
        """Returns all member names."""

    def read(self, name: str, limit_bytes: int) -> bytes:
        """Returns one member; MalformedEvidence when absent, larger or damaged."""

    def lines(self, name: str, limit_bytes: int) -> Iterator[bytes]:
        """Yields a member's lines, none above the limit."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says it holds.

    Attributes:
        origin: The log's origin.
        start: First record of the range; 0 for scattered records.
        end: One past the last record of the range; 0 for scattered records.
        indices: The scattered records, ascending; None for a range.
        handovers: Key hand-overs, oldest first.
    """

    origin: str
    start: int = 0
    end: int = 0
    indices: tuple[int, ...] | None = None
    handovers: tuple[str, ...] = ()

    @property
    def is_range(self) -> bool:
        """Whether the bundle holds a contiguous range."""
        return self.indices is None

    def encode(self) -> bytes:
        """Returns `bundle.json`."""
        kind: dict[str, Any] = (
            {"end": self.end, "start": self.start} if self.indices is None else {"indices": list(self.indices)}
        )
        return canonical.dumps({"format": FORMAT, "handovers": list(self.handovers), "origin": self.origin} | kind)

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Reads `bundle.json`.

        Raises:
            MalformedEvidence: For another format or impossible numbers.
        """
        value = _json(data)
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise MalformedEvidence("not a bundle this version can read", hint=f"expected {FORMAT}")
        origin, handovers = value.get("origin"), value.get("handovers")
        if not isinstance(origin, str) or not isinstance(handovers, list):
            raise MalformedEvidence("a bundle names its log and its key hand-overs")
        if not all(isinstance(item, str) for item in handovers):
            raise MalformedEvidence("a bundle's key hand-overs are texts")
        require_origin(origin)
        rest = set(value) - {"format", "handovers", "origin"}
        if rest == {"end", "start"}:
            start, end = _number(value["start"]), _number(value["end"])
            if start % TILE_WIDTH or end < start:
                raise MalformedEvidence(f"a bundle cannot hold the records from {start} to {end}")
            return cls(origin, start, end, None, tuple(handovers))
        if rest == {"indices"} and isinstance(value["indices"], list) and len(value["indices"]) <= MAX_SCATTERED:
            indices = tuple(_number(item) for item in value["indices"])
            if not indices or list(indices) != sorted(set(indices)):
                raise MalformedEvidence("a bundle lists no record, or one twice or out of order")
            return cls(origin, indices=indices, handovers=tuple(handovers))
        raise MalformedEvidence("a bundle holds either a range or a list of records")


@dataclass(frozen=True, slots=True)
class ShownLine:
    """One line of `disclosures.ndjson`: the fields shown of one record."""

    index: int
    disclosure: Disclosure

    def encode(self) -> bytes:
        """Returns the line, newline included."""
        return (
            canonical.dumps(
                {
                    "index": self.index,
                    "proof": encode_hashes(self.disclosure.proof),
                    "shown": list(self.disclosure.shown),
                }
            )
            + b"\n"
        )


def parse_line(data: bytes) -> ShownLine:
    """Reads one line of `disclosures.ndjson`.

    Raises:
        MalformedEvidence: When it has another shape.
    """
    value = _json(data)
    if not isinstance(value, dict) or set(value) != {"index", "proof", "shown"}:
        raise MalformedEvidence("a line of disclosures has exactly an index, the strings shown and a proof")
    shown = value["shown"]
    if not isinstance(shown, list) or not all(isinstance(item, str) for item in shown):
        raise MalformedEvidence("a line of disclosures shows something that is not text")
    return ShownLine(
        _number(value["index"]), Disclosure(tuple(shown), decode_hashes(value["proof"], "a line of disclosures"))
    )


def read_schemas(members: Members) -> dict[str, Schema]:
    """Returns the schemas of a bundle by digest.

    Raises:
        MalformedEvidence: When one does not have the digest its name says.
    """
    names = sorted(name for name in members.names() if name.startswith("schemas/"))
    if len(names) > MAX_SCHEMAS:
        raise MalformedEvidence(f"the bundle carries {len(names)} schemas; {MAX_SCHEMAS} is the limit")
    schemas: dict[str, Schema] = {}
    left = MAX_SCHEMAS_BYTES
    for name in names:
        data = members.read(name, min(left, MAX_SCHEMA_BYTES))
        left -= len(data)
        schema = Schema.from_json(_json(data))
        if name != f"schemas/{schema.digest}.json":
            raise MalformedEvidence(f"the schema {name[:80]!r} is not the one its name says")
        schemas[schema.digest] = schema
    return schemas


def entry_tiles(start: int, end: int) -> Iterator[tuple[str, int]]:
    """Yields (member name, number of records) of the entry tiles of a range."""
    for first in range(start, end, TILE_WIDTH):
        width = min(TILE_WIDTH, end - first)
        yield entries_path(first // TILE_WIDTH, width), width


def hash_tiles(start: int, end: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Yields (level, number, width) of the hash tiles that cover all but the range."""
    seen: set[tuple[int, int]] = set()
    for first, last in ((0, start), (end, size)):
        for level, index in cover(first, last):
            tile = (level, index // TILE_WIDTH)
            if tile not in seen:
                seen.add(tile)
                yield level, tile[1], tile_width(size, level, tile[1])


@dataclass(frozen=True, slots=True)
class Contents:
    """A bundle's manifest, schemas and anchor, and its hash tiles as they are asked for."""

    members: Members
    manifest: Manifest
    schemas: dict[str, Schema]
    anchor: Anchor | None = None
    _tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)

    @classmethod
    def open(cls, members: Members) -> Contents:
        """Reads what every check needs.

        Raises:
            MalformedEvidence: When manifest, schemas or anchor cannot be read.
        """
        manifest = Manifest.parse(members.read("bundle.json", MAX_MANIFEST_BYTES))
        has_anchor = ANCHOR_MEMBER in members.names()
        anchor = Anchor.parse(members.read(ANCHOR_MEMBER, MAX_ANCHOR_BYTES)) if has_anchor else None
        return cls(members, manifest, read_schemas(members), anchor)

    def require_no_strays(self, size: int) -> None:
        """Refuses members that no step looks at: people who unpack the file would believe them.

        Every expected member is read later, so that comparing the counts is enough.

        Raises:
            MalformedEvidence: When there are more than the manifest accounts for.
        """
        manifest, names = self.manifest, self.members.names()
        expected = 2 + len(self.schemas) + len(names & {ANCHOR_MEMBER, "disclosures.ndjson"})
        if manifest.indices is None:
            expected += -(-(manifest.end - manifest.start) // TILE_WIDTH)
            expected += sum(1 for _ in hash_tiles(manifest.start, manifest.end, size))
        else:
            expected += 2 * len(manifest.indices)
        if len(names) > expected:
            raise MalformedEvidence(f"the bundle has {len(names)} members where {expected} belong; some are strangers")

    def subtree(self, level: int, index: int, size: int) -> bytes:
        """Returns the tile hash over 256^level records from index * 256^level."""
        number, offset = divmod(index, TILE_WIDTH)
        tile = self._tiles.get((level, number))
        if tile is None:
            width = tile_width(size, level, number)
            tile = self.members.read(tile_path(level, number, width), HASH_TILE_BYTES)
            if len(tile) != 32 * width:
                raise MalformedEvidence(f"hash tile {level}/{number} holds {len(tile) // 32} hashes, not {width}")
            self._tiles[level, number] = tile
        return tile[32 * offset : 32 * offset + 32]

    def kept(self, level: int, index: int) -> bytes | None:
        """Returns a tile hash that was read before, None otherwise."""
        number, offset = divmod(index, TILE_WIDTH)
        tile = self._tiles.get((level, number))
        return None if tile is None else tile[32 * offset : 32 * offset + 32]

    def shown_lines(self) -> Iterator[ShownLine]:
        """Yields the disclosures in log order."""
        if "disclosures.ndjson" in self.members.names():
            for line in self.members.lines("disclosures.ndjson", 2 * ENTRY_TILE_BYTES):
                yield parse_line(line)


class Rebuilt:
    """A log's tree as a range rebuilds it, from hashes in log order.

    A hash tile beside the range also holds hashes of parts of the range, which the
    root does not need. They are held against the records too: no byte of a bundle is
    left unchecked.

    Args:
        contents: The bundle.
        size: Number of records under its head.
    """

    def __init__(self, contents: Contents, size: int) -> None:
        self.edge = Frontier()
        self._contents = contents
        self._rows: dict[int, list[bytes]] = {}
        for level, number, _ in hash_tiles(contents.manifest.start, contents.manifest.end, size):
            contents.subtree(level, number * TILE_WIDTH, size)

    def push(self, level: int, digest: bytes) -> None:
        """Appends the hash over the next 256^level records.

        Raises:
            MalformedEvidence: When a hash tile says otherwise.
        """
        index = self.edge.size >> 8 * level
        self.edge.push(digest, 256**level)
        self._hold(level, index, digest)

    def _hold(self, level: int, index: int, digest: bytes) -> None:
        if self._contents.kept(level, index) not in (None, digest):
            raise MalformedEvidence(f"hash {index} of level {level} is not the one of the records in the bundle")
        row = self._rows.setdefault(level, [])
        row.append(digest)
        if len(row) == TILE_WIDTH:
            self._rows[level] = []
            self._hold(level + 1, index // TILE_WIDTH, root_of(row))


Progress = Callable[[int, int], None]
"""Called with (records done, records in all)."""


def _json(data: bytes) -> Any:
    try:
        return canonical.loads_canonical(data)
    except InvalidInput as error:
        raise MalformedEvidence(error.message, hint=error.hint) from error


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MalformedEvidence(f"{str(value)[:40]!r} is not a place in a log")
    return value
