"""What a passport is about: one version of a dataset or model, by its digests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

from counterfoil.provenance.passports.parts import filled
from counterfoil.provenance.passports.told import MOST_ITEMS, Told

__all__ = ["KINDS", "MOST_COLUMNS", "FingerprintOf", "Subject", "SubjectFile"]

KINDS: Final = ("dataset", "model")
MOST_COLUMNS: Final = 1_000


@dataclass(frozen=True, slots=True)
class FingerprintOf:
    """Which fingerprint it has.

    Attributes:
        algorithm: Hash of the files' contents.
        root: 64 hex digits, over all files; see the fingerprint's format.
        sha256: Of the whole fingerprint in canonical JSON, hex: it also binds its rows and what was left out.
        ignored: Patterns of what was left out.
    """

    algorithm: str
    root: str
    sha256: str
    ignored: tuple[str, ...] = ()

    @classmethod
    def read(cls, told: Told) -> Self:
        """Reads it; InvalidInput names the key that is wrong."""
        made = cls(
            told.one_of("algorithm", ("sha256", "blake3")),
            told.digest("root"),
            told.digest("sha256"),
            told.texts("ignored"),
        )
        told.require_known()
        for key in ("algorithm", "root", "sha256"):
            if not getattr(made, key):
                raise told.error(key, "is left out; a fingerprint has it")
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns it as the record has it."""
        told = {"algorithm": self.algorithm, "ignored": list(self.ignored)}
        return filled(told | {"root": self.root, "sha256": self.sha256})


@dataclass(frozen=True, slots=True)
class SubjectFile:
    """One of its files: name, size, and SHA-256 (hex) of its bytes where that is known."""

    name: str
    bytes: int
    sha256: str = ""

    @classmethod
    def read(cls, told: Told) -> Self:
        """Reads it; InvalidInput names the key that is wrong."""
        made = cls(told.text("name"), told.whole("bytes") or 0, told.digest("sha256"))
        told.require_known()
        if not made.name:
            raise told.error("name", "is left out; a file has one")
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns it as the record has it."""
        return filled({"bytes": self.bytes, "name": self.name, "sha256": self.sha256})


@dataclass(frozen=True, slots=True)
class Subject:
    """One version of a dataset or model.

    Attributes:
        kind: `dataset` or `model`.
        name: Its name.
        version: In the owner's own numbering; may be empty for a dataset.
        leaf: Leaf hash (hex) of the record that registered it; empty before it is registered.
        fingerprint: Of its files; None where only a file's digest is known.
        files: Each of them, where there are at most 64; else none.
        count: Number of files.
        bytes: Of all files together.
        rows: Of its table; None where it has none.
        columns: (name, type) of each column of its table.
        meaning: SHA-256 (hex) of what a model means, however it was saved.
    """

    kind: str
    name: str
    version: str = ""
    leaf: str = ""
    fingerprint: FingerprintOf | None = None
    files: tuple[SubjectFile, ...] = ()
    count: int = 0
    bytes: int = 0
    rows: int | None = None
    columns: tuple[tuple[str, str], ...] = ()
    meaning: str = ""

    @classmethod
    def read(cls, told: Told) -> Self:
        """Reads it; InvalidInput names the key that is wrong."""
        fingerprint = told.table("fingerprint")
        made = cls(
            told.one_of("kind", KINDS),
            told.text("name", most=200),
            told.text("version", most=200),
            told.digest("leaf"),
            FingerprintOf.read(fingerprint) if fingerprint is not None else None,
            tuple(SubjectFile.read(each) for each in told.tables("files", MOST_ITEMS)),
            told.whole("count") or 0,
            told.whole("bytes") or 0,
            told.whole("rows"),
            tuple(_column(each) for each in told.tables("columns", MOST_COLUMNS)),
            told.digest("meaning"),
        )
        told.require_known()
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns it as the record has it."""
        return filled(
            {
                "bytes": self.bytes,
                "columns": [{"name": name, "type": kind} for name, kind in self.columns],
                "count": self.count,
                "files": [each.to_json() for each in self.files],
                "fingerprint": self.fingerprint.to_json() if self.fingerprint else None,
                "kind": self.kind,
                "leaf": self.leaf,
                "meaning": self.meaning,
                "name": self.name,
                "rows": self.rows,
                "version": self.version,
            }
        )


def _column(told: Told) -> tuple[str, str]:
    made = told.text("name", most=300), told.text("type", most=100)
    told.require_known()
    return made
