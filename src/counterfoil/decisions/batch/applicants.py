"""Applicants from a CSV table: text becomes values as the policy's features say, and nothing is guessed."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any, Final

from counterfoil.core.wording import did_you_mean
from counterfoil.decisions.policy import Policy
from counterfoil.decisions.policy.features import Feature
from counterfoil.errors import InvalidInput, NotFound

__all__ = ["Applicant", "read_applicants", "read_background", "tell_doubled"]

_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_MAX_DIGITS: Final = 400
_TOLD_REFERENCES: Final = 3
_TOLD_ROWS: Final = 6
_LOG: Final = logging.getLogger("counterfoil")


@dataclass(frozen=True, slots=True)
class Applicant:
    """One row of the table.

    Attributes:
        row: Its number, from 1.
        values: Checked feature values by name.
        subject: The person's reference.
    """

    row: int
    values: dict[str, Any]
    subject: str


def read_applicants(path: Path, policy: Policy, subject_column: str, ignored: Sequence[str] = ()) -> list[Applicant]:
    """Reads and checks every row.

    Args:
        path: A CSV file with a header, UTF-8.
        policy: Says which features there are and of which kind.
        subject_column: The column with the people's references. It is a feature too
            only where the policy has one of that name.
        ignored: Columns to leave out.

    Raises:
        NotFound: When there is no such file.
        InvalidInput: For a table or a value that cannot be used, naming the row.
    """
    rows = _rows(path)
    header = next(rows)
    known = {feature.name: feature for feature in policy.features}
    for name in (subject_column, *ignored):
        if name not in header:
            hint = _separator_hint(header) or did_you_mean(name, header) or f"it has {', '.join(header)}"
            raise InvalidInput(f"{path.name} has no column {name!r}", hint=hint)
    columns = [name for name in header if name not in ignored and (name != subject_column or name in known)]
    _require_known([name for name in columns if name not in known], known, path, policy)
    return [_applicant(number, row, columns, known, policy, subject_column) for number, row in enumerate(rows, 1)]


def _require_known(unknown: Sequence[str], known: Mapping[str, Feature], path: Path, policy: Policy) -> None:
    """Refuses columns that are no features, all of them at once."""
    if not unknown:
        return
    names, options = ", ".join(map(repr, unknown)), " ".join(f"--ignore {quote(name)}" for name in unknown)
    near = did_you_mean(unknown[0], known) if len(unknown) == 1 else ""
    columns, features = ("column", "feature") if len(unknown) == 1 else ("columns", "features")
    raise InvalidInput(
        f"{path.name} has the {columns} {names}, and the policy {policy.name!r} has no such {features}",
        hint=near or f"leave {'it' if len(unknown) == 1 else 'them'} out with {options}",
    )


def read_background(path: Path, policy: Policy) -> list[dict[str, Any]]:
    """Reads rows that reasons compare an applicant with; columns that are no features are left out."""
    rows = _rows(path)
    next(rows)
    known = {feature.name: feature for feature in policy.features if not feature.protected}
    background = []
    for number, row in enumerate(rows, 1):
        try:
            background.append({name: known[name].check(_value(known[name], row.get(name, ""))) for name in known})
        except InvalidInput as error:
            raise InvalidInput(f"{path.name}, row {number}: {error.message}", hint=error.hint) from error
    return background


def tell_doubled(applicants: Sequence[Applicant]) -> None:
    """Notes which references stand in several rows; that is allowed, and may be a slip."""
    rows: dict[str, list[int]] = {}
    for each in applicants:
        rows.setdefault(each.subject, []).append(each.row)
    doubled = {subject: places for subject, places in rows.items() if len(places) > 1}
    for subject, places in list(doubled.items())[:_TOLD_REFERENCES]:
        shown = ", ".join(f"{place:,}" for place in places[:-1]) + f" and {places[-1]:,}"
        if len(places) > _TOLD_ROWS:
            shown = f"{places[0]:,}, {places[1]:,} and {len(places) - 2:,} more"
        _LOG.warning("%r stands in rows %s; each row is decided", subject, shown)
    if len(doubled) > _TOLD_REFERENCES:
        _LOG.warning("%s more references stand in several rows", f"{len(doubled) - _TOLD_REFERENCES:,}")


def _applicant(
    number: int, row: dict[str, str], columns: Sequence[str], known: dict[str, Feature], policy: Policy, subject: str
) -> Applicant:
    try:
        checked = policy.check_applicant({name: _value(known[name], row[name]) for name in columns})
        if not row[subject].strip():
            raise InvalidInput(f"the person's reference in {subject!r} is empty")
    except InvalidInput as error:
        raise InvalidInput(f"row {number}: {error.message}", hint=error.hint) from error
    return Applicant(number, checked, row[subject])


def _value(feature: Feature, text: str) -> Any:
    """Returns the Python value that a cell stands for; what does not fit stays text, for the policy to refuse."""
    if text == "" and "" not in feature.categories:
        return None
    if feature.kind in ("number", "integer") and len(text) <= _MAX_DIGITS and _NUMBER.fullmatch(text.strip()):
        number = text.strip()
        return int(number) if number.lstrip("+-").isdigit() else float(number)
    if feature.kind == "boolean":
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    return text


def _separator_hint(header: Sequence[str]) -> str:
    """Returns a guess at why a header is one long name, or an empty text."""
    if len(header) == 1:
        for sign, name in ((";", "semicolons"), ("\t", "tabs")):
            if sign in header[0]:
                return f"are the columns separated by {name}? Separate them by commas"
    return ""


def _rows(path: Path) -> Iterator[Any]:
    """Yields the header, then each row by column."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, None)
            if not header or not any(header):
                raise InvalidInput(f"{path.name} has no header row")
            doubled = next((name for name in header if header.count(name) > 1), None)
            if doubled is not None:
                raise InvalidInput(f"{path.name} has two columns named {doubled!r}")
            yield header
            for number, row in enumerate(reader, 1):
                if len(row) != len(header):
                    raise InvalidInput(
                        f"row {number} of {path.name} has {len(row)} values, the header {len(header)}",
                        hint=_separator_hint(header),
                    )
                yield dict(zip(header, row, strict=True))
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    except IsADirectoryError as error:
        raise NotFound(f"{path} is a folder, not a file") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{path.name} is not a CSV table in UTF-8: {error}") from error
