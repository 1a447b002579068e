"""What becomes of each column: a rule and what it needs, applied to one batch of rows after the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from counterfoil.errors import InvalidInput
from counterfoil.provenance.deidentification.keys import ProjectKey
from counterfoil.provenance.deidentification.lattice import at_level
from counterfoil.provenance.deidentification.levels import ANY
from counterfoil.provenance.deidentification.settings import Generalise, Mask, Pseudonym, Rule
from counterfoil.provenance.privacy.patterns import PATTERNS
from counterfoil.provenance.text_table import as_texts, mapped

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ColumnPlan", "Shift"]

MOST_COUNTED: Final = 100_000
"""Different values of a column that are counted; beyond, it is said that there are more."""

_DATE: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?$"
)


_FIRST_DAY: Final = -719_162
_LAST_DAY: Final = 2_932_896
"""0001-01-01 and 9999-12-31 in days since 1970: what can be written with four digits of a year."""


@dataclass(frozen=True, slots=True)
class Shift:
    """How dates move: by each person's own number of days, drawn with a key.

    Attributes:
        key: The project's.
        most_days: Earlier or later, at most.
    """

    key: ProjectKey
    most_days: int

    def days(self, persons: pa.Array) -> pa.Array:
        """Returns each row's days, int32; null where it is not known whose row it is."""
        import pyarrow as pa

        coded = persons.dictionary_encode()
        of_person = [self.key.shift_days(person, self.most_days) for person in coded.dictionary.to_pylist()]
        return pa.array(of_person, pa.int32()).take(coded.indices)


@dataclass(slots=True)
class ColumnPlan:
    """One column on its way: its rule, and what was counted so far.

    Attributes:
        name: Of the column.
        rule: What becomes of it.
        kind: Its type in the table.
        level: Of a generalised column, the one in use.
        key: The project's secret; None where nothing depends on it.
        is_counted: Whether its values tell groups apart, so that what is counted as one value is written as one.
        rows: Rows that stayed.
        missing_before: Of those, where it held nothing.
        missing_after: The same afterwards; more where a value could not be read.
    """

    name: str
    rule: Rule
    kind: pa.DataType
    level: int = 0
    key: ProjectKey | None = None
    is_counted: bool = False
    rows: int = 0
    missing_before: int = 0
    missing_after: int = 0
    _before: set[str] = field(default_factory=set)
    _after: set[str] = field(default_factory=set)

    @property
    def is_dropped(self) -> bool:
        """Whether the column goes."""
        return self.rule == "drop"

    @property
    def is_emptied(self) -> bool:
        """Whether every value becomes one and the same."""
        return isinstance(self.rule, Generalise) and self.level > len(self.rule.levels)

    def new_type(self) -> pa.DataType:
        """Returns its type afterwards: its own where it is kept or its dates move, else text."""
        import pyarrow as pa

        if self.rule == "shift" and pa.types.is_temporal(self.kind):
            return self.kind
        if self.rule != "keep" or (self.is_counted and pa.types.is_nested(self.kind)):
            return pa.string()
        return _without_dictionaries(self.kind)

    def apply(self, column: pa.Array, days: pa.Array | None) -> pa.Array:
        """Returns what the column becomes, and counts; `days` is each row's shift."""
        texts = as_texts(column)
        new = self._new(column, texts, days)
        self.rows += len(column)
        self.missing_before += texts.null_count
        self.missing_after += new.null_count if self.rule != "keep" else texts.null_count
        _note(self._before, texts)
        _note(self._after, texts if self.rule == "keep" else as_texts(new))
        return new

    def different(self) -> tuple[int, int]:
        """Returns how many different values there were and are, `MOST_COUNTED` for that many or more."""
        return min(len(self._before), MOST_COUNTED), min(len(self._after), MOST_COUNTED)

    def _new(self, column: pa.Array, texts: pa.Array, days: pa.Array | None) -> pa.Array:
        rule = self.rule
        if rule == "drop":
            return column
        if rule == "keep":
            return self._kept(column, texts)
        if rule == "shift":
            assert days is not None
            return self._shifted(column, texts, days)
        if isinstance(rule, Pseudonym):
            key = self.key
            assert key is not None
            return mapped(texts, lambda value: key.pseudonym(rule.of, value))
        if isinstance(rule, Mask):
            return mapped(texts, _masking(rule))
        assert isinstance(rule, Generalise)
        new = mapped(texts, at_level(rule.levels, self.level))
        return new.fill_null(ANY) if self.is_emptied else new

    def _kept(self, column: pa.Array, texts: pa.Array) -> pa.Array:
        """Returns the values as they are, but with no dictionary: it would list those of rows that were left out."""
        import pyarrow as pa
        import pyarrow.compute as pc

        kind = self.new_type()
        if not self.is_counted:
            return column if column.type == kind else _decoded(column, kind)
        if pa.types.is_floating(kind):
            numbers = _decoded(column, kind)
            zero = pa.scalar(0, pa.int8()).cast(kind)
            numbers = pc.if_else(pc.equal(numbers, zero), zero, numbers)  # there is a zero with a minus, too
            return pc.if_else(pc.is_nan(numbers), pa.scalar(None, kind), numbers)
        is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
        return texts.cast(kind) if is_text else _decoded(column, kind)

    def _shifted(self, column: pa.Array, texts: pa.Array, days: pa.Array) -> pa.Array:
        """Returns dates moved by whole days; what is no date, or nobody's, becomes a missing value."""
        import pyarrow as pa

        kind = column.type
        try:
            if pa.types.is_timestamp(kind):
                return _moved_instants(column, days)
            if pa.types.is_date(kind):
                return _moved_days(column, days).cast(kind)
        except pa.ArrowInvalid:
            raise InvalidInput(
                f"in the column {self.name!r} a date would move beyond what its type can hold",
                hint="give a type with room, such as a date of days",
            ) from None
        if pa.types.is_temporal(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
            raise InvalidInput(
                f"the column {self.name!r} holds no dates that can be shifted; its type is {kind}",
                hint="shifted are texts like 2026-11-25, and dates and instants of the file itself",
            )
        return _moved_texts(texts, days)


def _without_dictionaries(kind: pa.DataType) -> pa.DataType:
    """Returns a type whose values stand for themselves, all the way down."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _without_dictionaries(kind.value_type)
    if pa.types.is_struct(kind):
        return pa.struct([each.with_type(_without_dictionaries(each.type)) for each in kind.fields])
    if pa.types.is_map(kind):
        return pa.map_(_without_dictionaries(kind.key_type), _without_dictionaries(kind.item_type))
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_without_dictionaries(kind.value_type)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_without_dictionaries(kind.value_type)))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(_without_dictionaries(kind.value_type)), kind.list_size)
    return kind


def _decoded(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Returns a column with a type that has no dictionaries."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        return _decoded(column.dictionary_decode(), kind)
    if column.type == kind:
        return column
    return pa.array(column.to_pylist(), kind)  # within a struct or a list


def _masking(rule: Mask) -> Callable[[str], str | None]:
    if not rule.within:
        return lambda _: rule.shown
    patterns = [re.compile(each.within) for each in PATTERNS if each.name in rule.within]

    def masked(value: str) -> str:
        for pattern in patterns:
            value = pattern.sub(lambda _: rule.shown, value)
        return value

    return masked


def _moved_texts(texts: pa.Array, days: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    dates = pc.if_else(pc.match_substring_regex(texts, _DATE), texts, pa.scalar(None, pa.string()))
    said = pc.utf8_slice_codeunits(dates, 0, 10)
    found = pc.strptime(said, format="%Y-%m-%d", unit="s", error_is_null=True).cast(pa.date32())
    # The system's reader takes 30 February for 2 March.
    found = pc.if_else(pc.equal(found.cast(pa.string()), said), found, pa.scalar(None, pa.date32()))
    moved_days = _moved_days(found, days)
    number = moved_days.cast(pa.int32())
    written = pc.and_(pc.greater_equal(number, _FIRST_DAY), pc.less_equal(number, _LAST_DAY))
    moved = pc.if_else(written, moved_days, pa.scalar(None, pa.date32())).cast(pa.string())
    return pc.binary_join_element_wise(moved, pc.utf8_slice_codeunits(dates, 10, 64), "")


def _moved_instants(column: pa.Array, days: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    seconds = pc.multiply(days.cast(pa.int64()), 86_400).cast(pa.duration("s"))
    return pc.add_checked(column, seconds.cast(pa.duration(column.type.unit)))


def _moved_days(dates: pa.Array, days: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.add_checked(dates.cast(pa.date32()).cast(pa.int32()), days).cast(pa.date32())


def _note(known: set[str], texts: pa.Array) -> None:
    if len(known) < MOST_COUNTED:
        known.update(value for value in texts.unique().to_pylist() if value is not None)
