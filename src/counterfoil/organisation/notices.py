"""The notice list of a recall: whom it affects, one line a person, with the decisions to tell them about.

The list is private: it names people. That somebody makes it is on record before the first reference is
read, the file can be read by its owner only, and it appears when it is whole or not at all.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from secrets import token_hex
from typing import IO, Any, Final, TypeAlias

from sqlalchemy import func, select

from counterfoil.core import canonical
from counterfoil.decisions.tables import decisions
from counterfoil.errors import InvalidInput, LogUnavailable
from counterfoil.organisation.looks import Looks
from counterfoil.organisation.reach import Reach, these
from counterfoil.provenance import Recall
from counterfoil.store.archive import Archive
from counterfoil.store.durable import sync_folder
from counterfoil.store.streams import time_text
from counterfoil.store.views import Views

__all__ = [
    "CSV_COLUMNS",
    "Affected",
    "AffectedDecision",
    "Notices",
    "Progress",
    "Written",
    "require_new_list",
    "write_list",
]

CSV_COLUMNS: Final = ("person", "decisions", "places", "first", "last", "labels", "models", "policies")

_AT_ONCE: Final = 500
_REFERENCE: Final = "/subject"
_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet take a cell for a formula, also in full width (OWASP, CSV Injection)."""

Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class AffectedDecision:
    """A decision that a recall affects.

    Attributes:
        index: Its place in the log.
        time: When, UTC.
        label: As it stands now; None where that was erased.
        model: Name and version of the model.
        policy: Name and version of the policy.
        receipt: Where staff take the receipt from; None where the node has no address.
    """

    index: int
    time: str
    label: str | None
    model: str
    policy: str
    receipt: str | None


@dataclass(frozen=True, slots=True)
class Affected:
    """A person whom a recall affects, by your reference, and the decisions, oldest first."""

    person: str
    decisions: tuple[AffectedDecision, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A notice list that was written.

    Attributes:
        path: The file.
        people: Lines in it.
        gone: People left out because their reference was erased or locked away.
        unnamed: Decisions left out because they name nobody.
        erased: Decisions left out because their values were erased or locked away before.
        look: Place of the record that says who made the list.
    """

    path: Path
    people: int
    gone: int
    unnamed: int
    erased: int
    look: int


class Notices:
    """Writes notice lists of one home.

    Args:
        archive: Reads references.
        views: Finds decisions.
        looks: Records who makes a list.
        public_url: Where the node is reached, so that a list says where staff take receipts from; may be empty.
    """

    def __init__(self, archive: Archive, views: Views, looks: Looks, public_url: str) -> None:
        self._archive = archive
        self._views = views
        self._looks = looks
        self._public_url = public_url.rstrip("/")

    def write(
        self, path: Path | str, recall: Recall, reach: Reach, *, by: str, progress: Progress | None = None
    ) -> Written:
        """Writes the list to a new file: CSV, or with the ending .ndjson one JSON object a line.

        Args:
            path: The new file.
            recall: The recall.
            reach: What it reaches.
            by: Who makes the list.
            progress: Called with (people written, people in all).

        Raises:
            InvalidInput: The file exists, or cannot be written.
            LogUnavailable: That the list is made could not be recorded; or the disk is full.
        """
        path = require_new_list(Path(path))
        places = self._places(reach)
        look = self._looks.record(by=by, what=f"notice list of recall {recall.index}", places=places)
        gone = _Gone()
        people = write_list(path, self._people(reach, gone), reach.people, progress)
        return Written(path, people, gone.people, reach.unnamed, reach.erased, look)

    def _places(self, reach: Reach) -> list[int]:
        query = select(decisions.c.idx).where(decisions.c.deployment_idx.in_(these(_known(reach))))
        with self._views.reading() as connection:
            return [int(index) for index in connection.execute(query.order_by(decisions.c.idx)).scalars()]

    def _people(self, reach: Reach, gone: _Gone) -> Iterator[Affected]:
        """Yields people whose reference can be read, holding 500 at a time."""
        source = self._by_person(reach)
        while some := list(islice(source, _AT_ONCE)):
            firsts = [(each[0].index, self._archive.record(each[0].index)) for each in some]
            found = self._archive.values_many(firsts)
            for theirs in some:
                values, _ = found.get(theirs[0].index, ({}, None))
                person = values.get(_REFERENCE)
                if isinstance(person, str):
                    yield Affected(person, theirs)
                else:
                    gone.people += 1

    def _by_person(self, reach: Reach) -> Iterator[tuple[AffectedDecision, ...]]:
        """Yields the decisions about each person; whose first came first stands first."""
        names = {each.index: (each.model.name, each.policy.name) for each in reach.deployments}
        columns = decisions.c
        first = func.min(columns.idx).over(partition_by=columns.subject)
        query = (
            select(columns.subject, columns.idx, columns.time_s, columns.label_now, columns.deployment_idx)
            .where(columns.deployment_idx.in_(these(names)), columns.subject.is_not(None))
            .order_by(first, columns.idx)
        )
        with self._views.reading() as connection:
            rows = connection.execution_options(stream_results=True, yield_per=2_000).execute(query)
            for _, theirs in groupby(rows, lambda row: bytes(row.subject)):
                yield tuple(self._decision(row, *names[int(row.deployment_idx)]) for row in theirs)

    def _decision(self, row: Any, model: str, policy: str) -> AffectedDecision:
        index = int(row.idx)
        receipt = f"{self._public_url}/decisions/{index}/receipt.html" if self._public_url else None
        return AffectedDecision(index, time_text(row.time_s), row.label_now or None, model, policy, receipt)


def require_new_list(path: Path) -> Path:
    """Returns where a notice list may be written.

    Raises:
        InvalidInput: There is a file, no folder, or another ending than .csv and .ndjson.
    """
    if path.suffix not in (".csv", ".ndjson"):
        raise InvalidInput(f"{path.name} says no form", hint="name the notice list .csv or .ndjson")
    if path.exists():
        raise InvalidInput(f"{path} already exists", hint="choose another name or remove it first")
    if not path.parent.is_dir():
        raise InvalidInput(f"there is no folder {path.parent}", hint="make it first")
    return path


@dataclass(slots=True)
class _Gone:
    """People whose reference could not be read."""

    people: int = 0


def write_list(path: Path, people: Iterable[Affected], total: int, progress: Progress | None = None) -> int:
    """Writes a list of people to a new file that only its owner can read; returns how many.

    It is written beside the file, synced, and gets its name at the end: a list that was interrupted is not there.

    Args:
        path: The new file, .csv or .ndjson.
        people: Whom to write.
        total: How many there are, for the progress.
        progress: Called with (people written, people in all).

    Raises:
        LogUnavailable: The disk refuses.
    """
    temporary = path.with_name(f".{path.name}.{token_hex(8)}.new")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "w", encoding="utf-8", newline="") as file:
                written = _put_all(file, path.suffix, people, total, progress)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise LogUnavailable(
            f"{path} could not be written: {error.strerror or error}",
            hint="free some space; the recall is on record, and counterfoil recall notices writes the list again",
        ) from error
    return written


def _put_all(file: IO[str], ending: str, people: Iterable[Affected], total: int, progress: Progress | None) -> int:
    put = _csv_writer(file) if ending == ".csv" else _ndjson_writer(file)
    written = 0
    for written, each in enumerate(people, 1):
        put(each)
        if progress is not None and (written % _AT_ONCE == 0 or written == total):
            progress(written, total)
    return written


def _csv_writer(file: IO[str]) -> Callable[[Affected], Any]:
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)  # so that no sign within a value separates cells
    writer.writerow(CSV_COLUMNS)
    return lambda each: writer.writerow(map(_cell, _row(each)))


def _ndjson_writer(file: IO[str]) -> Callable[[Affected], Any]:
    return lambda each: file.write(_line(each))


def _line(each: Affected) -> str:
    told = [
        {
            "index": one.index,
            "label": one.label,
            "model": one.model,
            "policy": one.policy,
            "receipt": one.receipt,
            "time": one.time,
        }
        for one in each.decisions
    ]
    return canonical.dumps({"decisions": told, "person": each.person}).decode() + "\n"


def _row(each: Affected) -> Sequence[str]:
    theirs = each.decisions
    return (
        each.person,
        str(len(theirs)),
        " ".join(str(one.index) for one in theirs),
        theirs[0].time,
        theirs[-1].time,
        "; ".join(one.label or "erased" for one in theirs),
        "; ".join(dict.fromkeys(one.model for one in theirs)),
        "; ".join(dict.fromkeys(one.policy for one in theirs)),
    )


def _cell(text: str) -> str:
    is_formula = text.lstrip().startswith(_FORMULA) or text.startswith(("\t", "\r", "\n"))
    return f"'{text}" if is_formula else text


def _known(reach: Reach) -> list[int]:
    return [each.index for each in reach.deployments]
