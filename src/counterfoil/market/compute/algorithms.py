"""Algorithms: a few files with a description, named by the digest of exactly the bytes that will run.

A folder holds `algorithm.toml` beside its code; a single Python file carries the same
lines in a comment block at its top:

    # /// counterfoil
    # name = "mean income"
    # version = "1"
    # ///

All of it is read into memory once; the digest is taken from those bytes, and those
bytes are what is laid out for the sandbox. There is no second look at the place they
came from, so nothing can be put there in between. The digest is the root that
`counterfoil fingerprint` gives for the same folder or file.
"""

from __future__ import annotations

import io
import os
import re
import stat
import tarfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, Final, Self

from counterfoil.errors import InvalidInput, NotFound, TooLarge
from counterfoil.provenance.fingerprints import Entry, Fingerprint

__all__ = ["ALGORITHM_FILE", "MAX_ALGORITHM_BYTES", "MAX_ALGORITHM_FILES", "Algorithm"]

ALGORITHM_FILE: Final = "algorithm.toml"
"""Beside the code of a folder."""

MAX_ALGORITHM_BYTES: Final = 32 * 2**20
"""Most bytes of all files together: code, and a model it may bring along."""

MAX_ALGORITHM_FILES: Final = 1_000
_MEMBERS: Final = {"name", "version", "entry", "python", "packages", "parameters"}
_BLOCK: Final = re.compile(r"^# /// counterfoil\n((?:#(?: .*)?\n)+?)# ///$", re.MULTILINE)
_LONGEST: Final = 200
_READ_ONLY: Final = 0o444


@dataclass(frozen=True, slots=True)
class Algorithm:
    """An algorithm, whole, in memory.

    Attributes:
        name: As its author calls it.
        version: Likewise.
        entry: File that is run.
        files: Path below its folder to the bytes, ascending by path.
        digest_hex: What it is named by, 64 hexadecimal digits.
        python: Lowest version of Python it runs with, as "3.11"; empty where it does not say.
        packages: What it imports, as "numpy" or "numpy>=2".
        parameters: File with the JSON Schema of its parameters; empty where it has none.
    """

    name: str
    version: str
    entry: str
    files: tuple[tuple[str, bytes], ...] = field(repr=False)
    digest_hex: str
    python: str = ""
    packages: tuple[str, ...] = ()
    parameters: str = ""

    @classmethod
    def read(cls, place: Path | str) -> Self:
        """Reads an algorithm from a folder or a single file, once.

        Raises:
            NotFound: There is nothing there.
            InvalidInput: It is no algorithm: no description, an unknown member, links or special files in it.
            TooLarge: It is more than is taken.
        """
        place = Path(place)
        if place.is_dir():
            return cls.of(_folder(place))
        if not place.is_file():
            raise NotFound(f"there is no algorithm at {place}", hint="name a folder with algorithm.toml, or a .py file")
        return cls.of({place.name: _file(place, MAX_ALGORITHM_BYTES)})

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> Self:
        """Returns the algorithm that these files are, whose paths have `/` between folders.

        Raises:
            InvalidInput: They are none.
            TooLarge: They are more than is taken.
        """
        _require_size(files)
        for name in files:
            _require_path(name)
        told = _description(files)
        entry = told.get("entry", "main.py" if ALGORITHM_FILE in files else next(iter(files)))
        schema = told.get("parameters", "")
        for each in filter(None, (entry, schema)):
            if each not in files:
                raise InvalidInput(f"the algorithm names {each!r}, which is none of its files")
        ordered = tuple(sorted(files.items()))
        return cls(
            name=_text(told, "name"),
            version=_text(told, "version"),
            entry=entry,
            files=ordered,
            digest_hex=_digest(ordered),
            python=_optional(told, "python"),
            packages=_packages(told),
            parameters=schema,
        )

    def lay_out(self, folder: Path) -> Path:
        """Writes the files into a new folder, for reading only, and returns it."""
        folder.mkdir(mode=0o755)
        for name, content in self.files:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            target.write_bytes(content)
            target.chmod(_READ_ONLY)
        return folder

    def to_tar(self) -> bytes:
        """Returns the files as one uncompressed tar, equal for equal files: how an algorithm travels."""
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, content in self.files:
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(content), _READ_ONLY
                archive.addfile(member, io.BytesIO(content))
        return made.getvalue()

    @classmethod
    def from_tar(cls, packed: bytes) -> Self:
        """Reads what `to_tar` made; nothing is written anywhere.

        Raises:
            InvalidInput: It is no such archive, or no algorithm.
            TooLarge: It is more than is taken.
        """
        if len(packed) > 2 * MAX_ALGORITHM_BYTES:
            raise _too_large(len(packed))
        files: dict[str, bytes] = {}
        try:
            with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as archive:
                for member in archive:
                    if not member.isreg() or member.issparse() or member.name in files:
                        raise InvalidInput(f"{member.name[:_LONGEST]!r} in an algorithm is no plain file")
                    if member.size > len(packed) or len(files) >= MAX_ALGORITHM_FILES:
                        raise _too_large(member.size)
                    content = archive.extractfile(member)
                    files[member.name] = content.read() if content is not None else b""
        except (
            tarfile.TarError,
            ValueError,
            OverflowError,
            EOFError,
        ) as error:  # of odd headers, tarfile raises them all
            raise InvalidInput(f"an algorithm that travels is a tar file: {error}") from error
        return cls.of(files)


def _folder(folder: Path) -> dict[str, bytes]:
    """Reads all files below a folder; links and special files are refused, caches of Python left out."""
    files: dict[str, bytes] = {}
    left = MAX_ALGORITHM_BYTES
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if each != "__pycache__")
        for each in folders:
            if (Path(top) / each).is_symlink():
                raise InvalidInput(f"{Path(top) / each} is a link, and an algorithm holds files alone")
        for name in names:
            place = Path(top) / name
            content = _file(place, left)
            left -= len(content)
            files[place.relative_to(folder).as_posix()] = content
            if len(files) > MAX_ALGORITHM_FILES:
                raise InvalidInput(f"an algorithm has at most {MAX_ALGORITHM_FILES:,} files")
    return files


def _file(place: Path, most_bytes: int) -> bytes:
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InvalidInput(f"{place} cannot be read as a file of an algorithm: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidInput(f"{place} is no plain file, and an algorithm holds files alone")
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise _too_large(MAX_ALGORITHM_BYTES + 1)
    return content


def _require_size(files: Mapping[str, bytes]) -> None:
    if not files:
        raise InvalidInput("an algorithm without files")
    size_bytes = sum(map(len, files.values()))
    if size_bytes > MAX_ALGORITHM_BYTES or len(files) > MAX_ALGORITHM_FILES:
        raise _too_large(size_bytes)


def _too_large(size_bytes: int) -> TooLarge:
    return TooLarge(
        f"an algorithm of {size_bytes:,} bytes or more; {MAX_ALGORITHM_BYTES:,} bytes in "
        f"{MAX_ALGORITHM_FILES:,} files are taken"
    )


def _require_path(name: str) -> None:
    path = PurePosixPath(name)
    plain = name.isprintable() and "\\" not in name and len(name.encode("utf-8", "replace")) <= _LONGEST // 2
    if not plain or path.is_absolute() or str(path) != name or {".", ".."} & set(path.parts) or name == ".":
        raise InvalidInput(f"{name[:_LONGEST]!r} cannot be the path of an algorithm's file")


def _description(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Reads algorithm.toml, or the block at the top of a single file."""
    if ALGORITHM_FILE in files:
        lines = files[ALGORITHM_FILE]
    elif len(files) == 1:
        lines = _block(next(iter(files.values())))
    else:
        raise InvalidInput(f"the algorithm has no {ALGORITHM_FILE}", hint="it names at least `name` and `version`")
    try:
        told = tomllib.loads(lines.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"an algorithm's description cannot be read: {error}") from error
    if unknown := sorted(set(told) - _MEMBERS):
        raise InvalidInput(
            f"an algorithm's description has the unknown member {unknown[0][:_LONGEST]!r}",
            hint=f"known are {', '.join(sorted(_MEMBERS))}",
        )
    return told


def _block(content: bytes) -> bytes:
    found = _BLOCK.search(content.decode("utf-8", "replace"))
    if found is None:
        raise InvalidInput(
            "a single file describes its algorithm in a comment at its top, and this one does not",
            hint="# /// counterfoil, then # name = … and # version = …, then # ///",
        )
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in found[1].splitlines()).encode()


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST or not value.isprintable():
        raise InvalidInput(f"an algorithm's {name} is a text of one line, at most {_LONGEST} signs")
    return value


def _optional(told: Mapping[str, Any], name: str) -> str:
    return _text(told, name) if name in told else ""


def _packages(told: Mapping[str, Any]) -> tuple[str, ...]:
    packages = told.get("packages", [])
    if not isinstance(packages, list) or not all(isinstance(each, str) for each in packages):
        raise InvalidInput('an algorithm\'s packages are a list of texts, as ["numpy", "pandas>=2"]')
    return tuple(packages)


def _digest(files: tuple[tuple[str, bytes], ...]) -> str:
    entries = [Entry(name.encode(), len(content), "whole", sha256(content).digest()) for name, content in files]
    return Fingerprint.of(entries, "sha256").root.hex()
