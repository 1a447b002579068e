"""Salted field trees: commit to private values, show any one without the others.

Per record one random 32-byte record key rk. For the field at position i:

    salt_i = SHA-256(0x02 || rk || pointer_i)[:16]
    D_i    = JCS([b64url(salt_i), pointer_i, value_i])    the string an SD-JWT disclosure uses
    leaf_i = SHA-256(0x00 || D_i)                         RFC 6962

An absent field is JCS([salt, pointer]), the padding up to a power of two is
JCS([salt]) with pointer "#<position>". The root over the leaves is what the record's
statement names as `counterfoilFields1`. Without its salt, a leaf tells nothing about
the value, however few values are possible; without rk, nobody can find the salt.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.merkle import HASH_SIZE_BYTES, root_of
from counterfoil.core.schema import Schema
from counterfoil.errors import InvalidInput, MalformedEvidence

__all__ = [
    "ABSENT",
    "MAX_FIELD_BYTES",
    "MAX_RECORD_BYTES",
    "RECORD_KEY_BYTES",
    "Disclosure",
    "FieldTree",
    "Plan",
    "encode_value",
    "open_disclosure",
    "plan_of",
]

SALT_BYTES: Final = 16
RECORD_KEY_BYTES: Final = 32
MAX_FIELD_BYTES: Final = 1_048_576
"""Largest encoded value of one private field; larger content belongs in a file."""
MAX_RECORD_BYTES: Final = 4 * 1_048_576
"""Largest sum over the fields of one record, so that a receipt can always show them all."""
_SALT_CHARS: Final = 22
_SALT: Final = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")  # 16 bytes: the last character holds two bits
_GAP: Final = b"\0\0"  # pads a 16-byte salt to 18, so that all salts encode in one call


class _Absent:
    """The one value that means "this optional field was not given"."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Some fields of one record, with what is needed to check them.

    Attributes:
        shown: The strings D_i of the shown fields, by position.
        proof: 32-byte hashes of the largest parts of the tree with nothing shown,
            from left to right.
    """

    shown: tuple[str, ...]
    proof: tuple[bytes, ...]


@dataclass(frozen=True)
class Plan:
    """What does not change from record to record of one schema."""

    schema: Schema

    @cached_property
    def pointers(self) -> tuple[bytes, ...]:
        """Salt inputs by position, padding included."""
        names = [field.pointer.encode() for field in self.schema.fields]
        return tuple(names + [b"#%d" % position for position in range(len(names), self.schema.width)])

    @cached_property
    def middles(self) -> tuple[bytes, ...]:
        """What stands between salt and value: `","/pointer"`."""
        return tuple(b'",' + canonical.dumps(field.pointer) for field in self.schema.fields)

    def salts(self, record_key: bytes) -> list[bytes]:
        """Returns all salts as base64url text, padding included."""
        head = b"\x02" + record_key
        raw = _GAP.join([sha256(head + pointer).digest()[:SALT_BYTES] for pointer in self.pointers])
        text = urlsafe_b64encode(raw + _GAP)
        return [text[start : start + _SALT_CHARS] for start in range(0, len(text), 24)]

    def strings(self, salts: Sequence[bytes], values: Sequence[bytes]) -> list[bytes]:
        """Returns the strings D_i from salts and encoded values (empty: absent)."""
        shown = [
            b'["%b%b,%b]' % (salt, middle, value) if value else b'["%b%b]' % (salt, middle)
            for salt, middle, value in zip(salts, self.middles, values, strict=False)
        ]
        shown += [b'["%b"]' % salt for salt in salts[len(values) :]]
        return shown


_MAX_PLANS: Final = 256  # files bring schemas of their own; nobody's should stay for good
_plans: dict[str, Plan] = {}


def plan_of(schema: Schema) -> Plan:
    """Returns the plan of a schema, made once."""
    plan = _plans.get(schema.digest)
    if plan is None:
        if len(_plans) >= _MAX_PLANS:
            _plans.clear()
        plan = _plans.setdefault(schema.digest, Plan(schema))
    return plan


class FieldTree:
    """The private values of one record, committed to under one root.

    Made by `commit` from values, or by `restore` from the body that the vault kept.
    After a field was erased its leaf stays as a bare hash.
    """

    __slots__ = ("_leaves", "_salts", "_values", "plan", "root")

    def __init__(self, plan: Plan, salts: list[bytes], values: list[bytes], erased: Mapping[int, bytes]) -> None:
        self.plan = plan
        self._salts = salts
        self._values = values
        strings = plan.strings(salts, values)
        self._leaves = [sha256(b"\x00" + text).digest() for text in strings]
        for position, leaf in erased.items():
            self._leaves[position] = leaf
        self.root = root_of(self._leaves)

    @classmethod
    def commit(cls, schema: Schema, record_key: bytes, values: Mapping[str, Any]) -> FieldTree:
        """Commits to `values` (pointer -> value; a missing pointer is an absent field).

        Args:
            schema: Fixes positions and count.
            record_key: 32 random bytes, never used for another record.
            values: Canonical JSON values by pointer.

        Raises:
            InvalidInput: For a pointer the schema does not have, a value that is not
                canonical JSON, too large or of another type than the schema says, or a
                key of another size.
        """
        if len(record_key) != RECORD_KEY_BYTES:
            raise InvalidInput("a record key is 32 bytes")
        plan = plan_of(schema)
        encoded = [b""] * len(schema.fields)
        positions = schema.positions
        for pointer, value in values.items():
            position = positions.get(pointer)
            if position is None:
                raise InvalidInput(f"the schema {schema.name!r} has no field {pointer!r}")
            if value is not ABSENT:
                if not schema.fields[position].accepts(value):
                    raise InvalidInput(f"the field {pointer!r} is not of type {schema.fields[position].type}")
                encoded[position] = data = encode_value(value)
                if len(data) > MAX_FIELD_BYTES:
                    raise InvalidInput(
                        f"the field {pointer!r} has {len(data)} bytes; {MAX_FIELD_BYTES} is the limit",
                        hint="keep large content in a file and record its digest",
                    )
        if sum(map(len, encoded)) > MAX_RECORD_BYTES:
            raise InvalidInput(
                f"the fields of one record have {sum(map(len, encoded))} bytes; {MAX_RECORD_BYTES} is the limit",
                hint="keep large content in a file and record its digest",
            )
        return cls(plan, plan.salts(record_key), encoded, {})

    def body(self) -> bytes:
        """Returns the values as the vault keeps them next to a live record key.

        JSON: a list with `[value]` per field, `[]` where absent.
        """
        return b"[[" + b"],[".join(self._values) + b"]]"

    @classmethod
    def restore(cls, schema: Schema, record_key: bytes, body: bytes) -> FieldTree:
        """Rebuilds the tree from what the vault kept.

        Raises:
            MalformedEvidence: When the body does not fit the schema.
        """
        plan = plan_of(schema)
        try:
            value = canonical.loads(body)
            if isinstance(value, list):
                return cls(plan, plan.salts(record_key), _encoded(schema, value), {})
            erased = {int(position): bytes.fromhex(leaf) for position, leaf in value["erased"].items()}
            salts = [salt.encode() for salt in value["salts"]]
            encoded = _encoded(schema, value["values"])
        except (InvalidInput, ValueError, TypeError, KeyError, AttributeError) as error:
            raise MalformedEvidence("the private values of a record have an unknown form") from error
        gone = {position for position, salt in enumerate(salts) if not salt}
        sizes = {len(leaf) for leaf in erased.values()}
        if (
            set(value) != {"erased", "salts", "values"}
            or len(salts) != schema.width
            or gone != set(erased)
            or not sizes <= {HASH_SIZE_BYTES}
        ):
            raise MalformedEvidence("the private values of a record do not fit its schema")
        return cls(plan, salts, encoded, erased)

    @staticmethod
    def values_in(schema: Schema, body: bytes) -> dict[str, Any]:
        """Returns the values of a vault body by pointer, without rebuilding the tree.

        Enough for whoever trusts the vault: its cipher binds the body to the root.
        """
        value = canonical.loads(body)
        rows = value if isinstance(value, list) else value["values"]
        return {field.pointer: row[0] for field, row in zip(schema.fields, rows, strict=True) if row}

    def without(self, pointers: Iterable[str]) -> bytes:
        """Returns a vault body in which some fields are gone for good.

        The other salts are kept as they are, so the record key can be destroyed; the
        erased leaves stay as hashes and the root does not change.
        """
        positions = [self._position(pointer) for pointer in pointers]
        gone = set(positions) | {i for i, salt in enumerate(self._salts) if not salt}
        return canonical.dumps(
            {
                "erased": {str(i): self._leaves[i].hex() for i in sorted(gone)},
                "salts": ["" if i in gone else salt.decode() for i, salt in enumerate(self._salts)],
                "values": [
                    [] if i in gone or not value else [canonical.loads(value)] for i, value in enumerate(self._values)
                ],
            }
        )

    def value(self, pointer: str) -> Any:
        """Returns a field's value, `ABSENT` when it was not given or is erased."""
        encoded = self._values[self._position(pointer)]
        return canonical.loads(encoded) if encoded else ABSENT

    def values(self) -> dict[str, Any]:
        """Returns all values that are there, by pointer."""
        present = [
            (field.pointer, encoded)
            for field, encoded in zip(self.plan.schema.fields, self._values, strict=True)
            if encoded
        ]
        decoded = canonical.loads(b"[" + b",".join(encoded for _, encoded in present) + b"]")
        return dict(zip((pointer for pointer, _ in present), decoded, strict=True))

    def erased(self) -> tuple[str, ...]:
        """Returns the pointers of fields that were erased."""
        return tuple(
            field.pointer for field, salt in zip(self.plan.schema.fields, self._salts, strict=False) if not salt
        )

    def disclose(self, pointers: Iterable[str] | None = None) -> Disclosure:
        """Shows some fields (all when None) and proves them; erased ones are left out.

        Raises:
            InvalidInput: For a pointer the schema does not have.
        """
        names = [f.pointer for f in self.plan.schema.fields] if pointers is None else list(dict.fromkeys(pointers))
        wanted = sorted(self._position(name) for name in names)
        shown = [position for position in wanted if self._salts[position]]
        strings = self.plan.strings(self._salts, self._values)
        proof: list[bytes] = []
        if len(shown) < len(self._leaves):
            _prove(self._leaves, shown, 0, len(self._leaves), proof)
        return Disclosure(tuple(strings[position].decode() for position in shown), tuple(proof))

    def _position(self, pointer: str) -> int:
        try:
            return self.plan.schema.positions[pointer]
        except KeyError:
            raise InvalidInput(f"the schema {self.plan.schema.name!r} has no field {pointer!r}") from None


def open_disclosure(schema: Schema, disclosure: Disclosure) -> tuple[bytes, dict[str, Any]]:
    """Returns the root that a disclosure leads to, and the values it shows.

    The caller compares the root with the record's. The order of steps:
    1. every string is a canonical list of salt, pointer and at most one value;
    2. the pointer is in the schema, none twice, in the order of the schema;
    3. the value is of the field's type;
    4. shown leaves and proof hashes fill the tree exactly.

    Raises:
        MalformedEvidence: Naming the first thing that is wrong.
    """
    rows = _parse_strings(disclosure.shown)
    leaves: dict[int, bytes] = {}
    values: dict[str, Any] = {}
    last = -1
    for text, row in zip(disclosure.shown, rows, strict=True):
        position = _require_row(schema, row)
        if position <= last:
            raise MalformedEvidence(f"the field {row[1]!r} is shown twice or out of order")
        last = position
        leaves[position] = sha256(b"\x00" + text.encode()).digest()
        values[row[1]] = row[2] if len(row) == 3 else ABSENT
    if len(leaves) == schema.width and not disclosure.proof:
        return root_of(list(leaves.values())), values
    proof = list(reversed(disclosure.proof))
    root = _fold(leaves, sorted(leaves), 0, schema.width, proof)
    if proof:
        raise MalformedEvidence("a disclosure carries more hashes than the schema has room for")
    return root, values


def encode_value(value: Any) -> bytes:
    """Returns one field's canonical bytes; the common types without detours."""
    kind = type(value)
    if kind is str:
        if value.isascii() and value.isprintable() and '"' not in value and "\\" not in value:
            return b'"%b"' % value.encode()
    elif kind is int or kind is float:
        return canonical.encode_number(value).encode()
    # A value is read back inside up to three lists and objects, which count as depth.
    return canonical.dumps([[[value]]])[3:-3]


def _encoded(schema: Schema, value: Any) -> list[bytes]:
    if len(value) != len(schema.fields) or not all(isinstance(item, list) and len(item) <= 1 for item in value):
        raise MalformedEvidence("the private values of a record do not fit its schema")
    return [encode_value(item[0]) if item else b"" for item in value]


def _parse_strings(shown: Sequence[str]) -> list[Any]:
    try:
        return canonical.loads_all(shown)
    except InvalidInput as error:
        raise MalformedEvidence(f"a disclosure cannot be read: {error.message}") from error


def _require_row(schema: Schema, row: Any) -> int:
    """Checks steps 1 to 3 for one parsed string and returns the field's position."""
    count = len(row) if type(row) is list else 0
    if not (count == 3 or count == 2) or type(row[0]) is not str or type(row[1]) is not str:
        raise MalformedEvidence("a disclosure is not a list of salt, field and value")
    pointer = row[1]
    position = schema.positions.get(pointer)
    if position is None:
        raise MalformedEvidence(f"a disclosure shows {pointer[:80]!r}, which the schema does not have")
    if not _SALT.fullmatch(row[0]):
        raise MalformedEvidence(f"the salt of {pointer!r} is not 16 bytes in base64url")
    if count == 3 and not schema.fields[position].accepts(row[2]):
        raise MalformedEvidence(f"the value of {pointer!r} is not of the type that the schema gives it")
    return position


def _prove(leaves: list[bytes], shown: list[int], start: int, end: int, proof: list[bytes]) -> None:
    """Appends the hashes of the largest parts of leaves[start:end] with nothing shown."""
    if not _is_any_within(shown, start, end):
        proof.append(root_of(leaves[start:end]))
    elif end - start > 1:
        middle = (start + end) // 2
        _prove(leaves, shown, start, middle, proof)
        _prove(leaves, shown, middle, end, proof)


def _fold(leaves: Mapping[int, bytes], shown: list[int], start: int, end: int, proof: list[bytes]) -> bytes:
    """Returns the hash over start..end-1, taking hashes off the end of `proof`."""
    if not _is_any_within(shown, start, end):
        if not proof or len(proof[-1]) != HASH_SIZE_BYTES:
            raise MalformedEvidence("a disclosure carries too few hashes, or one of another size than 32 bytes")
        return proof.pop()
    if end - start == 1:
        return leaves[start]
    middle = (start + end) // 2
    left = _fold(leaves, shown, start, middle, proof)
    return sha256(b"\x01" + left + _fold(leaves, shown, middle, end, proof)).digest()


def _is_any_within(positions: list[int], start: int, end: int) -> bool:
    """Whether one of the ascending `positions` lies in start..end-1."""
    following = bisect_left(positions, start)
    return following < len(positions) and positions[following] < end
