"""Holds data against a passport: step 11 of its check, and what `counterfoil fingerprint --against` needs of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from counterfoil.core.passport_file import MAX_PASSPORT_BYTES, PassportFile, is_passport_file, parse_passport_file
from counterfoil.core.statement import parse_record
from counterfoil.core.steps import Report, Step, failed, not_checked, passed
from counterfoil.errors import CounterfoilError, InvalidInput, NotAllowed, NotFound
from counterfoil.provenance.fingerprints.algorithm import require_algorithm
from counterfoil.provenance.fingerprints.content import file_sha256
from counterfoil.provenance.fingerprints.difference import Difference, difference_of
from counterfoil.provenance.fingerprints.fingerprint import Fingerprint
from counterfoil.provenance.fingerprints.model import model_digest
from counterfoil.provenance.fingerprints.reading import fingerprint_of
from counterfoil.provenance.fingerprints.report import difference_lines
from counterfoil.provenance.fingerprints.table_source import table_of
from counterfoil.provenance.passports.passport import Passport
from counterfoil.provenance.passports.subject import Subject

__all__ = ["Held", "passport_in", "read_passport_file", "with_data"]

_TITLE: Final = "Are the data what the passport is about?"
_LIMIT: Final = "that the data are right; only that they are the same"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Held:
    """A passport file that data are held against.

    Attributes:
        subject: What it is about.
        fingerprint: The whole one; None where the file carries none.
    """

    subject: Subject
    fingerprint: Fingerprint | None


def read_passport_file(path: Path) -> PassportFile | None:
    """Returns the passport in a file; None where the file is something else.

    Raises:
        NotFound: It cannot be read.
        MalformedEvidence: It begins like a passport and is none.
    """
    try:
        with path.open("rb") as file:
            start = file.read(16)
            data = start + file.read(MAX_PASSPORT_BYTES) if is_passport_file(start) else b""
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from error
    return parse_passport_file(data) if data else None


def passport_in(file: PassportFile) -> Held:
    """Returns what data are held against.

    Raises:
        InvalidInput: Its record is no passport, or its fingerprint is not the one the record names.
        MalformedEvidence: Its record cannot be read.
    """
    record = parse_record(file.receipt.shown.entry)
    if record.kind != "passport":
        raise InvalidInput(f"the record in the file is no passport; its kind is {record.kind}")
    subject = Passport.read(record.about).subject
    if file.fingerprint is None:
        return Held(subject, None)
    if subject.fingerprint is None or subject.fingerprint.sha256 != file.fingerprint_sha256:
        raise InvalidInput(
            "the fingerprint in the file is not the one its record names",
            hint="counterfoil check tells what is wrong with the file",
        )
    return Held(subject, Fingerprint.from_json(file.fingerprint))


def with_data(report: Report, passport: Path, data: Path, progress: Progress | None = None) -> Report:
    """Returns a passport's report with step 11: whether the data are what it is about.

    Args:
        report: Of the passport.
        passport: Its file.
        data: The file or folder.
        progress: Told (bytes read, bytes in all).

    Raises:
        NotFound: There are no such data.
        InvalidInput: They cannot be read; or what was checked is no passport.
    """
    if report.what != "passport":
        raise InvalidInput("data (--data) are held against a passport", hint="for a model's signature: model check")
    if not report.is_intact:
        step = not_checked("data", _TITLE, "the passport itself does not hold")
        return replace(report, steps=(*report.steps, step))
    try:
        file = read_passport_file(passport)
        held = passport_in(file) if file is not None else None
    except CounterfoilError as error:
        step = failed("data", _TITLE, f"what the passport is about cannot be read: {error.message}")
        return replace(report, steps=(*report.steps, step))
    assert held is not None  # the report says that it is a passport
    if held.fingerprint is not None:
        step = _by_fingerprint(held.fingerprint, data, progress)
    else:
        step = _by_digest(held.subject, data, progress)
    return replace(report, steps=(*report.steps, step))


def _by_fingerprint(before: Fingerprint, data: Path, progress: Progress | None) -> Step:
    after = fingerprint_of(data, algorithm=before.algorithm, ignore=before.ignored, progress=progress)
    if after.root == before.root:
        return _same(before.root.hex())
    with suppress(InvalidInput, NotAllowed):  # what is no table or model any more is told by its files
        if before.table is not None:
            after = replace(after, table=table_of(data, order=before.table.order))
        if before.model_sha256:
            after = replace(after, model_sha256=model_digest(data).hex())
    found = difference_of(before, after)
    lines = [line.strip() for line in difference_lines(Path("the passport"), found) if line]
    told = " ".join(line if line.endswith(".") else f"{line};" for line in lines)
    if found.is_same or (before.files == after.files == 1 and _is_renamed(found)):
        return passed("data", _TITLE, told, _LIMIT)
    return failed("data", _TITLE, told)


def _is_renamed(found: Difference) -> bool:
    """Whether a file that stands alone has got another name: what it is called where it lies is nobody's concern."""
    return len(found.changes) == 1 and found.changes[0].what == "renamed"


def _by_digest(subject: Subject, data: Path, progress: Progress | None) -> Step:
    """Compares where the file carries no whole fingerprint: same or other is all there is to know."""
    if len(subject.files) == 1 and subject.count <= 1 and subject.files[0].sha256 and data.is_file():
        wanted = subject.files[0].sha256
        if file_sha256(data) == wanted:
            return passed("data", _TITLE, f"the file has the SHA-256 on record, {wanted[:16]}…", _LIMIT)
        if subject.meaning and _meaning(data) == subject.meaning:
            return passed("data", _TITLE, "it means the same model; only its file is another", _LIMIT)
        return failed("data", _TITLE, "the file has another SHA-256 than the one on record")
    named = subject.fingerprint
    if named is None:
        return not_checked("data", _TITLE, "the passport names no digest that these data could have")
    algorithm = require_algorithm(named.algorithm)
    root = fingerprint_of(data, algorithm=algorithm, ignore=named.ignored, progress=progress).root.hex()
    if root == named.root:
        return _same(root)
    return failed(
        "data", _TITLE, "they are others; the passport carries no whole fingerprint to say which file changed"
    )


def _meaning(data: Path) -> str:
    """Returns what a model means, as a digest; empty where it cannot be read as one."""
    try:
        return model_digest(data).hex()
    except (InvalidInput, NotAllowed):
        return ""


def _same(root_hex: str) -> Step:
    told = f"every name, size and content is as it was; the root is {root_hex[:16]}…"
    return passed("data", _TITLE, told, _LIMIT)
