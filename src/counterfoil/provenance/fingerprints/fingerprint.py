"""A fingerprint: the entries of a file or folder, and the root that stands for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Self
from unicodedata import normalize

from counterfoil.core import canonical
from counterfoil.core.merkle import root_of
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.fingerprints.algorithm import Algorithm, require_algorithm
from counterfoil.provenance.fingerprints.entry import Entry
from counterfoil.provenance.fingerprints.table import TableFingerprint
from counterfoil.store.new_file import write_new

__all__ = ["FINGERPRINT_VERSION", "MAX_FILE_BYTES", "Fingerprint", "root_over"]

FINGERPRINT_VERSION: Final = 1

MAX_FILE_BYTES: Final = 2**30
"""Largest file with a fingerprint that is read: some four million entries."""

_DOMAIN: Final = b"counterfoil fingerprint 1\n"
_AGAIN: Final = "make it again: counterfoil fingerprint"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a file or folder holds, at one moment.

    Attributes:
        algorithm: Of the contents' hashes; the tree over the entries is always SHA-256.
        entries: Ascending by path, compared as bytes; no path twice.
        root: 32 bytes; it changes with any name, size or content.
        ignored: Patterns of what was left out.
        table: Of its rows, where they were asked for.
        model_sha256: Of what a model means (see `model`), 64 hex digits; empty where that was not asked for.
    """

    algorithm: Algorithm
    entries: tuple[Entry, ...]
    root: bytes
    ignored: tuple[str, ...] = ()
    table: TableFingerprint | None = None
    model_sha256: str = ""

    @classmethod
    def of(cls, entries: Iterable[Entry], algorithm: Algorithm, ignored: Iterable[str] = ()) -> Self:
        """Returns the fingerprint over entries in any order."""
        ordered = tuple(sorted(entries, key=lambda each: each.path))
        return cls(algorithm, ordered, root_over(ordered, algorithm), tuple(ignored))

    @property
    def files(self) -> int:
        """Number of entries."""
        return len(self.entries)

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return sum(each.size_bytes for each in self.entries)

    def alike(self) -> list[tuple[str, str]]:
        """Returns pairs of names that look the same, to people and to some disks: only Unicode tells them apart."""
        if all(each.path.isascii() for each in self.entries):
            return []
        seen: dict[str, str] = {}
        pairs = [(seen.setdefault(normalize("NFC", each.name), each.name), each.name) for each in self.entries]
        return [(known, name) for known, name in pairs if known != name]

    def to_json(self) -> dict[str, Any]:
        """Returns the fingerprint as its file has it."""
        told: dict[str, Any] = {
            "algorithm": self.algorithm,
            "entries": [each.to_json(self.algorithm) for each in self.entries],
            "ignored": list(self.ignored),
            "root": self.root.hex(),
            "version": FINGERPRINT_VERSION,
        }
        if self.table is not None:
            told["table"] = self.table.to_json()
        return told | ({"modelSha256": self.model_sha256} if self.model_sha256 else {})

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Reads a fingerprint back, and holds its root against its entries.

        Raises:
            InvalidInput: It is none, or one of a newer version, or it was altered.
        """
        try:
            version, algorithm = told["version"], require_algorithm(told["algorithm"])
            if version != FINGERPRINT_VERSION:
                raise InvalidInput(
                    f"this is a fingerprint of version {str(version)[:20]}", hint="install the newer Counterfoil"
                )
            entries = tuple(Entry.from_json(each, algorithm) for each in told["entries"])
            ignored, root = tuple(str(each) for each in told["ignored"]), str(told["root"])
            table = TableFingerprint.from_json(told["table"]) if "table" in told else None
            model_sha256 = str(told.get("modelSha256", ""))
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInput("this is no fingerprint: a part is missing, or of another type", hint=_AGAIN) from error
        if any(one.path >= other.path for one, other in pairwise(entries)):
            raise InvalidInput("the fingerprint's entries are not in order, or one stands there twice", hint=_AGAIN)
        made = cls(algorithm, entries, root_over(entries, algorithm), ignored, table, model_sha256)
        if made.root.hex() != root:
            raise InvalidInput("the fingerprint was altered: its entries do not lead to its root", hint=_AGAIN)
        return made

    def save(self, path: Path) -> None:
        """Writes the fingerprint to a new file.

        Raises:
            InvalidInput: There is one already, or it cannot be written.
        """
        write_new(path, canonical.dumps(self.to_json()) + b"\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads the fingerprint in a file.

        Raises:
            NotFound: There is no such file.
            InvalidInput: It holds no fingerprint.
        """
        try:
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise NotFound(f"{path} cannot be read: {error.strerror}") from error
        if len(data) > MAX_FILE_BYTES:
            raise InvalidInput(f"{path.name} is larger than {MAX_FILE_BYTES:,} bytes, so it is no fingerprint")
        told = canonical.loads(data)
        if not isinstance(told, dict):
            raise InvalidInput(f"{path.name} is no fingerprint", hint=_AGAIN)
        return cls.from_json(told)


def root_over(entries: Iterable[Entry], algorithm: Algorithm) -> bytes:
    """Returns SHA-256 of a line that names this format, and the tree of RFC 6962 over the entries' leaf hashes."""
    return sha256(_DOMAIN + root_of([each.leaf(algorithm) for each in entries])).digest()
