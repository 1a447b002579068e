"""What a privacy check found, as canonical JSON and as lines; never a value of the table, only columns and counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.wording import counted
from counterfoil.errors import MalformedEvidence
from counterfoil.provenance.privacy.identifiers import Finding
from counterfoil.provenance.privacy.measures import Diversity
from counterfoil.provenance.privacy.singling_out import Uniqueness

__all__ = ["MOST_FINDINGS", "REPORT_VERSION", "Groups", "PrivacyReport", "SizeBand"]

REPORT_VERSION: Final = 1
MOST_FINDINGS: Final = 100
"""Findings that a report lists; how many more there are is said."""


@dataclass(frozen=True, slots=True)
class SizeBand:
    """Groups of about the same size.

    Attributes:
        least: Rows in a group, at least.
        most: At most; None for no end.
        groups: How many there are.
        rows: In all of them together.
    """

    least: int
    most: int | None
    groups: int
    rows: int

    @property
    def label(self) -> str:
        """The band in a few characters."""
        if self.most is None:
            return f"{self.least}+"
        return str(self.least) if self.least == self.most else f"{self.least}\N{EN DASH}{self.most}"

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return {"from": self.least, "groups": self.groups, "rows": self.rows, "to": self.most}


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of rows that agree in the quasi-identifiers.

    Attributes:
        quasi: The columns.
        k: Rows in the smallest group.
        groups: How many there are.
        unique_rows: Rows that are alone.
        sizes: The groups by their size.
        diversity: What the groups tell about each sensitive column.
    """

    quasi: tuple[str, ...]
    k: int
    groups: int
    unique_rows: int
    sizes: tuple[SizeBand, ...]
    diversity: tuple[Diversity, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return {
            "diversity": [each.to_json() for each in self.diversity],
            "groups": self.groups,
            "k": self.k,
            "quasi": list(self.quasi),
            "sizes": [each.to_json() for each in self.sizes],
            "uniqueRows": self.unique_rows,
        }


@dataclass(frozen=True, slots=True)
class PrivacyReport:
    """What a privacy check found.

    Attributes:
        sha256: Of the table's file, hex; of a folder, the root of its fingerprint.
        rows: Of the table.
        columns: How many it has.
        findings: What looks like an identifier, `MOST_FINDINGS` at most.
        more: Findings beyond.
        pseudonyms: Columns of pseudonyms that this program made.
        groups: None where no quasi-identifiers were named.
        uniqueness: Which columns single out rows.
    """

    sha256: str
    rows: int
    columns: int
    findings: tuple[Finding, ...]
    more: int
    pseudonyms: tuple[str, ...]
    groups: Groups | None
    uniqueness: Uniqueness

    @property
    def is_clean(self) -> bool:
        """Whether nothing looks like an identifier of Safe Harbor's list."""
        return not self.findings and not self.more

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values; docs/reference/dataset-reports.md says what they mean."""
        return {
            "columns": self.columns,
            "groups": self.groups.to_json() if self.groups is not None else None,
            "rows": self.rows,
            "safeHarbor": {
                "clean": self.is_clean,
                "findings": [each.to_json() for each in self.findings],
                "more": self.more,
                "pseudonyms": list(self.pseudonyms),
            },
            "sha256": self.sha256,
            "uniqueness": self.uniqueness.to_json(),
            "version": REPORT_VERSION,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> PrivacyReport:
        """Reads it back.

        Raises:
            MalformedEvidence: A part is missing or of another type.
        """
        from counterfoil.provenance.privacy.reading import read_privacy

        try:
            return read_privacy(told)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MalformedEvidence("a privacy check lacks a part or holds another type") from error

    def lines(self) -> Iterator[str]:
        """Yields it for people."""
        yield f"{counted(self.rows, 'row')}, {counted(self.columns, 'column')}."
        yield from self._finding_lines()
        if self.groups is None:
            yield "k, l and t were not worked out: no quasi-identifiers were named (--quasi COLUMN)."
        else:
            yield from _group_lines(self.groups)
        yield from self._uniqueness_lines()

    def _finding_lines(self) -> Iterator[str]:
        if self.is_clean:
            yield "Safe Harbor: nothing looks like one of the 18 identifiers, by name or by pattern."
        else:
            yield f"Safe Harbor: {counted(len(self.findings) + self.more, 'finding')}. It looks so; look yourself."
        for each in self.findings:
            by = "by its name" if each.by == "name" else "by its values"
            yield f"  {each.column}: looks like {each.what}, {by}, in {counted(each.rows, 'row')} ({each.letter})"
        if self.more:
            yield f"  and {self.more:,} more"
        if self.pseudonyms:
            yield f"  pseudonyms of Counterfoil's: {', '.join(self.pseudonyms)}"

    def _uniqueness_lines(self) -> Iterator[str]:
        found = self.uniqueness
        if found.own:
            yield f"Each row has a value of its own in {', '.join(found.own[:8])}."
        for each in found.combinations[:8]:
            yield f"  {' + '.join(each.columns)}: {counted(each.unique_rows, 'row')} stand alone"
        yield f"Looked at {found.looked_at:,} of {counted(found.possible, 'combination')} of up to 3 columns."


def _group_lines(groups: Groups) -> Iterator[str]:
    yield (
        f"k = {groups.k:,}: {counted(groups.groups, 'group')} of rows alike in {', '.join(groups.quasi)}, "
        f"the smallest of {counted(groups.k, 'row')}; {counted(groups.unique_rows, 'row')} alone."
    )
    for band in groups.sizes:
        yield f"  groups of {band.label}: {band.groups:,}, {counted(band.rows, 'row')}"
    for each in groups.diversity:
        c = "none" if each.c_micro is None else f"{each.c_micro / 1e6:g}"
        yield (
            f"{each.column}: l = {each.distinct_l:,} (entropy {each.entropy_l_micro / 1e6:.3f}, c > {c}), "
            f"t = {each.t_micro / 1e6:.3f} by {'ordered' if each.ordered else 'equal'} distance"
        )
    if groups.diversity:
        yield "  l: different values that each group has at least; entropy and c say how evenly they are spread."
        yield "  t: how far a group's values are from the whole table's, 0 to 1; ordered where values are numbers."
        yield "  Exactly: docs/reference/dataset-reports.md"
