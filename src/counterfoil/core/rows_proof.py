"""The file that proves that a person's rows are in one version of a dataset, or that there are none.

Canonical JSON. `kind` is `present` or `absent`, for an id, or `row`, for a row by its number. `record` holds the
receipt of the record that commits to the tree; without it the file is small, and whose tree it is stays open.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from counterfoil.core import canonical
from counterfoil.core.ecvrf import PROOF_BYTES, SUITE, gamma_of
from counterfoil.core.merkle import HASH_SIZE_BYTES
from counterfoil.core.p256 import POINT_BYTES
from counterfoil.core.rows import SALT_BYTES, ShownRow, is_id, tag_of
from counterfoil.core.tag_tree import TAG_BITS, Place, Step
from counterfoil.errors import InvalidInput, MalformedEvidence

__all__ = [
    "MAX_PROOF_BYTES",
    "IdProof",
    "IdTree",
    "RowProof",
    "RowTree",
    "Shown",
    "is_rows_proof",
    "parse_rows_proof",
    "receipt_in_proof",
]

MAX_PROOF_BYTES: Final = 16 * 1_048_576
_FORMAT: Final = "counterfoil-rows/1"
_START: Final = b'{"format":"counterfoil-rows/'
"""Members are sorted, and this is the first of them."""

_STEP_BYTES: Final = 1 + HASH_SIZE_BYTES
_MOST_LEVELS: Final = 53


@dataclass(frozen=True, slots=True)
class IdTree:
    """The tree over a dataset's ids, as a record names it.

    Attributes:
        column: Where the ids stand.
        count: How many different ones there are.
        key: Of the verifiable random function, 33 bytes, of this tree alone.
        root: 32 bytes.
    """

    column: str
    count: int
    key: bytes
    root: bytes

    def to_json(self) -> dict[str, Any]:
        """Returns it as records and proofs have it."""
        told = {"column": self.column, "count": self.count, "key": _b64(self.key), "root": _b64(self.root)}
        return told | {"vrf": SUITE}

    @classmethod
    def from_json(cls, told: Any) -> IdTree:
        """Reads it back.

        Raises:
            MalformedEvidence: It is something else.
        """
        _require_members(told, {"column", "count", "key", "root", "vrf"})
        if told["vrf"] != SUITE:
            raise MalformedEvidence(f"the ids are hidden by another function than {SUITE}")
        column, count = _text(told["column"]), _count(told["count"])
        return cls(column, count, _bytes(told["key"], POINT_BYTES), _bytes(told["root"], HASH_SIZE_BYTES))


@dataclass(frozen=True, slots=True)
class RowTree:
    """The tree over a dataset's rows, as a record names it.

    Attributes:
        columns: 32 bytes, for the names of the columns.
        count: How many rows there are.
        root: 32 bytes.
    """

    columns: bytes
    count: int
    root: bytes

    def to_json(self) -> dict[str, Any]:
        """Returns it as records and proofs have it."""
        return {"columns": _b64(self.columns), "count": self.count, "root": _b64(self.root)}

    @classmethod
    def from_json(cls, told: Any) -> RowTree:
        """Reads it back.

        Raises:
            MalformedEvidence: It is something else.
        """
        _require_members(told, {"columns", "count", "root"})
        columns, root = (_bytes(told[name], HASH_SIZE_BYTES) for name in ("columns", "root"))
        return cls(columns, _count(told["count"]), root)


@dataclass(frozen=True, slots=True)
class Shown:
    """Rows that a proof shows: the names of the columns, and the rows."""

    columns: tuple[str, ...]
    rows: tuple[ShownRow, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns them as proofs have them."""
        rows = [{"cells": [_cell_json(cell) for cell in row.cells], "salt": _b64(row.salt)} for row in self.rows]
        return {"columns": list(self.columns), "rows": rows}

    @classmethod
    def from_json(cls, told: Any) -> Shown:
        """Reads them back.

        Raises:
            MalformedEvidence: They are something else.
        """
        _require_members(told, {"columns", "rows"})
        columns = tuple(_text(each) for each in _list(told["columns"]))
        rows = tuple(_row(each, len(columns)) for each in _list(told["rows"]))
        if not rows:
            raise MalformedEvidence("a proof that shows rows shows none")
        return cls(columns, rows)


@dataclass(frozen=True, slots=True)
class IdProof:
    """What one version of a dataset has under an id.

    Attributes:
        tree: The tree over its ids.
        id: Whose rows this is about.
        vrf: 81 bytes, which lead from the id to its tag, and nowhere else.
        place: The leaf that looking for the tag ends at: that of the id, or another one's.
        steps: From there to the root.
        is_present: Whether the file says that the leaf is that of the id.
        shown: All rows of the id; None where they are not shown, or there are none.
        record: The receipt of the record with the root, as JSON values; None without.
    """

    tree: IdTree
    id: str
    vrf: bytes
    place: Place
    steps: tuple[Step, ...]
    is_present: bool
    shown: Shown | None = None
    record: Mapping[str, Any] | None = None

    def encode(self) -> bytes:
        """Returns the file."""
        place = {"count": self.place.count, "root": _b64(self.place.root)}
        if not self.is_present:
            place["tag"] = _b64(self.place.tag)
        steps = b"".join([bytes((bit,)) + other for bit, other in self.steps])
        told: dict[str, Any] = {"id": self.id, "place": place, "steps": _b64(steps), "vrf": _b64(self.vrf)}
        told |= {"format": _FORMAT, "ids": self.tree.to_json(), "kind": "present" if self.is_present else "absent"}
        told |= {"record": self.record} if self.record is not None else {}
        return canonical.dumps(told | ({"shown": self.shown.to_json()} if self.shown else {}))


@dataclass(frozen=True, slots=True)
class RowProof:
    """That one row stands at one place of a dataset.

    Attributes:
        tree: The tree over its rows.
        index: Number of the row, from 0.
        path: Hashes of 32 bytes, leaf to root (RFC 9162 2.1.3.1).
        shown: The row.
        record: As in `IdProof`.
    """

    tree: RowTree
    index: int
    path: tuple[bytes, ...]
    shown: Shown
    record: Mapping[str, Any] | None = None

    def encode(self) -> bytes:
        """Returns the file."""
        told: dict[str, Any] = {
            "format": _FORMAT,
            "index": self.index,
            "kind": "row",
            "path": _b64(b"".join(self.path)),
        }
        told |= {"record": self.record} if self.record is not None else {}
        return canonical.dumps(told | {"rows": self.tree.to_json(), "shown": self.shown.to_json()})


RowsProof: TypeAlias = IdProof | RowProof


def is_rows_proof(data: bytes) -> bool:
    """Whether a file means to be such a proof, be it well formed or not."""
    return data.lstrip().startswith(_START)


def parse_rows_proof(data: bytes) -> RowsProof:
    """Reads a proof. Nothing in it is trusted yet.

    Raises:
        MalformedEvidence: When it is none.
    """
    if len(data) > MAX_PROOF_BYTES:
        raise MalformedEvidence(f"a proof of {len(data)} bytes is too large; {MAX_PROOF_BYTES} is the limit")
    try:
        told = canonical.loads_canonical(data.rstrip())
    except InvalidInput as error:
        raise MalformedEvidence(error.message, hint=error.hint) from error
    if not isinstance(told, dict) or told.get("format") != _FORMAT:
        raise MalformedEvidence("not a proof about rows that this version can read", hint=f"expected {_FORMAT}")
    record = told.pop("record", None)
    if record is not None and not isinstance(record, dict):
        raise MalformedEvidence("the record in a proof is not a receipt")
    kind = told.get("kind")
    if kind == "row":
        return _row_proof(told, record)
    if kind in ("present", "absent"):
        return _id_proof(told, kind == "present", record)
    raise MalformedEvidence("a proof about rows is of the kind present, absent or row")


def receipt_in_proof(data: bytes) -> bytes:
    """Returns the receipt that a proof carries; empty where there is none, or the proof cannot be read."""
    try:
        record = parse_rows_proof(data).record
    except (MalformedEvidence, RecursionError):
        return b""  # the proof's own check says why
    return b"" if record is None else canonical.dumps(record)


def _id_proof(told: dict[str, Any], is_present: bool, record: dict[str, Any] | None) -> IdProof:
    shown = told.pop("shown", None)
    _require_members(told, {"format", "id", "ids", "kind", "place", "steps", "vrf"})
    if not isinstance(told["id"], str) or not is_id(told["id"]):
        raise MalformedEvidence("the id in a proof is not a text of a usable length")
    if shown is not None and not is_present:
        raise MalformedEvidence("a proof that there are no rows shows some")
    steps = _bytes(told["steps"])
    if len(steps) % _STEP_BYTES or len(steps) > TAG_BITS * _STEP_BYTES:
        raise MalformedEvidence("the way to the root is cut off, or too long")
    place, vrf = told["place"], _bytes(told["vrf"], PROOF_BYTES)
    _require_members(place, {"count", "root"} if is_present else {"count", "root", "tag"})
    # The place of an id that is there has the id's own tag, which the function's proof names already.
    tag = tag_of(gamma_of(vrf)) if is_present else _bytes(place["tag"], HASH_SIZE_BYTES)
    return IdProof(
        IdTree.from_json(told["ids"]),
        told["id"],
        vrf,
        Place(tag, _count(place["count"]), _bytes(place["root"], HASH_SIZE_BYTES)),
        tuple((steps[at], steps[at + 1 : at + _STEP_BYTES]) for at in range(0, len(steps), _STEP_BYTES)),
        is_present,
        None if shown is None else Shown.from_json(shown),
        record,
    )


def _row_proof(told: dict[str, Any], record: dict[str, Any] | None) -> RowProof:
    _require_members(told, {"format", "index", "kind", "path", "rows", "shown"})
    path, index, shown = _bytes(told["path"]), told["index"], Shown.from_json(told["shown"])
    if type(index) is not int or index < 0:
        raise MalformedEvidence("a proof about a row names no row")
    if len(path) % HASH_SIZE_BYTES or len(path) > _MOST_LEVELS * HASH_SIZE_BYTES:
        raise MalformedEvidence("the way to the root is cut off, or too long")
    if len(shown.rows) != 1:
        raise MalformedEvidence("a proof about one row shows several")
    hashes = tuple(path[at : at + HASH_SIZE_BYTES] for at in range(0, len(path), HASH_SIZE_BYTES))
    return RowProof(RowTree.from_json(told["rows"]), index, hashes, shown, record)


def _row(told: Any, columns: int) -> ShownRow:
    _require_members(told, {"cells", "salt"})
    cells = tuple(_cell(each) for each in _list(told["cells"]))
    if len(cells) != columns:
        raise MalformedEvidence("a row in a proof has another number of cells than there are columns")
    return ShownRow(_bytes(told["salt"], SALT_BYTES), cells)


def _cell_json(cell: bytes) -> Any:
    """Returns a cell as text, or in base64 where it is none."""
    try:
        return cell.decode()
    except UnicodeDecodeError:
        return {"base64": _b64(cell)}


def _cell(told: Any) -> bytes:
    if isinstance(told, str):
        return told.encode()
    _require_members(told, {"base64"})
    cell = _bytes(told["base64"])
    if _cell_json(cell) != told:
        raise MalformedEvidence("a cell is in base64 that could be text")
    return cell


def _require_members(told: Any, expected: set[str]) -> None:
    if not isinstance(told, dict):
        raise MalformedEvidence("a part of a proof is not an object")
    if told.keys() != expected:
        wrong = sorted(told.keys() ^ expected)[0]
        raise MalformedEvidence(f"a proof has a missing or unknown part: {wrong[:60]!r}")


def _count(told: Any) -> int:
    if type(told) is not int or told < 1:
        raise MalformedEvidence("a count in a proof is not a number from 1")
    return told


def _text(told: Any) -> str:
    if not isinstance(told, str):
        raise MalformedEvidence("the name of a column in a proof is not text")
    return told


def _list(told: Any) -> list[Any]:
    if not isinstance(told, list):
        raise MalformedEvidence("a part of a proof is not a list")
    return told


def _bytes(told: Any, size: int | None = None) -> bytes:
    try:
        data = b64decode(told, validate=True)
    except (Base64Error, ValueError, TypeError) as error:
        raise MalformedEvidence("a part of a proof is not base64") from error
    # Base64 has spare bits at the end; written in two ways, one proof would have two texts.
    if _b64(data) != told or (size is not None and len(data) != size):
        raise MalformedEvidence("bytes in a proof are not as many as they must be, or spelt in another way")
    return data


def _b64(data: bytes) -> str:
    return b64encode(data).decode()
