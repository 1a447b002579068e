"""Bundles on disk: one zip file, read with suspicion, written in one go."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from counterfoil.errors import InvalidInput, MalformedEvidence

__all__ = ["BundleReader", "BundleWriter", "Show", "Written"]

MAX_MEMBERS: Final = 2_000_000
MAX_RATIO: Final = 1_000
"""A member that unpacks to more than this times its packed size is refused."""

_END_BYTES: Final = 22
_ZIP64_COUNT: Final = 0xFFFF
_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the same content gives the same file


Show = Literal["nothing", "everything"] | tuple[str, ...]
"""Fields to show: none, all that still exist, or those whose pointer starts with one of these."""


@dataclass(frozen=True, slots=True)
class Written:
    """What went into a bundle.

    Attributes:
        path: The file.
        records: How many records it holds.
        shown: How many of them show fields.
        withheld: How many have fields that were erased or are locked away.
    """

    path: Path
    records: int
    shown: int
    withheld: int


class BundleReader:
    """The members of a bundle file. Use as a context manager.

    Raises:
        MalformedEvidence: When the file is no zip, has too many members, doubled
            names, names that leave the folder, or members that unpack to far more
            than they weigh.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
            raise MalformedEvidence(
                f"{path.name} is not a bundle: {_told(error)}", hint="it may have been cut off"
            ) from error
        try:
            _require_whole(path, self._zip)
            self._members = _vetted(self._zip.infolist())
        except MalformedEvidence:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._zip.close()

    def names(self) -> frozenset[str]:
        """Returns all member names."""
        return frozenset(self._members)

    def read(self, name: str, limit_bytes: int) -> bytes:
        """Returns one member.

        Raises:
            MalformedEvidence: When it is absent, larger than the limit or damaged.
        """
        info = self._info(name)
        if info.file_size > limit_bytes:
            raise MalformedEvidence(f"{name} has {info.file_size} bytes; {limit_bytes} is the limit")
        try:
            with self._zip.open(info) as file:
                data = file.read(limit_bytes + 1)
        except _DAMAGE as error:
            raise MalformedEvidence(f"{name[:80]} is damaged: {_told(error)}") from error
        if len(data) > limit_bytes:
            raise MalformedEvidence(f"{name} unpacks to more than {limit_bytes} bytes")
        return data

    def lines(self, name: str, limit_bytes: int) -> Iterator[bytes]:
        """Yields the lines of a member, without their newlines.

        Raises:
            MalformedEvidence: When a line is longer than the limit or does not end, or the member is damaged.
        """
        try:
            with self._zip.open(self._info(name)) as file:
                while line := file.readline(limit_bytes + 1):
                    if len(line) > limit_bytes:
                        raise MalformedEvidence(f"a line of {name} is longer than {limit_bytes} bytes")
                    if not line.endswith(b"\n"):
                        raise MalformedEvidence(f"the last line of {name} does not end")
                    yield line[:-1]
        except _DAMAGE as error:
            raise MalformedEvidence(f"{name[:80]} is damaged: {_told(error)}") from error

    def _info(self, name: str) -> zipfile.ZipInfo:
        try:
            return self._members[name]
        except KeyError:
            raise MalformedEvidence(f"the bundle has no {name}") from None


class BundleWriter:
    """Writes a bundle beside its final name and renames it when it is whole.

    Raises:
        InvalidInput: When the file already exists, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise InvalidInput(f"{path} already exists", hint="choose another name or remove it first")
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        try:
            self._zip = zipfile.ZipFile(self._partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        except OSError as error:
            raise _unwritable(path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            self._zip.close()
            if kind is None:
                self._partial.rename(self._path)
        except OSError as fault:
            if kind is None:
                raise _unwritable(self._path, fault) from fault
        finally:
            self._partial.unlink(missing_ok=True)

    def write(self, name: str, data: bytes) -> None:
        """Adds one member."""
        try:
            self._zip.writestr(_named(name), data)
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def write_lines(self, name: str, lines: Iterator[bytes]) -> None:
        """Adds one member from lines that bring their newlines; it may exceed memory."""
        try:
            with self._zip.open(_named(name), "w", force_zip64=True) as file:
                for line in lines:
                    file.write(line)
        except OSError as error:
            raise _unwritable(self._path, error) from error


_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError)


def _told(error: BaseException) -> str:
    return ascii(str(error))[1:-1][:200]  # it may quote the file


def _unwritable(path: Path, error: OSError) -> InvalidInput:
    return InvalidInput(f"{path} cannot be written: {error.strerror or error}", hint="nothing was left behind")


def _named(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _require_whole(path: Path, opened: zipfile.ZipFile) -> None:
    """Refuses a directory that hides members: zipfile does not hold it against the count at the file's end."""
    with path.open("rb") as file:
        file.seek(-_END_BYTES, 2)
        end = file.read()
    told, found = int.from_bytes(end[10:12], "little"), len(opened.infolist())
    if opened.comment or not end.startswith(b"PK\x05\x06") or (told != _ZIP64_COUNT and told != found):
        raise MalformedEvidence(f"the file ends as bundles do not, or lists {told} members and holds {found}")


def _vetted(infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Returns members by name, refusing files made to trick or to flood a reader."""
    if len(infos) > MAX_MEMBERS:
        raise MalformedEvidence(f"the file has {len(infos)} members; {MAX_MEMBERS} is the limit")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename
        if name in members:
            raise MalformedEvidence(f"the file has two members named {name[:80]!r}")
        if name.startswith("/") or "\\" in name or ".." in name.split("/") or ":" in name or "\0" in name:
            raise MalformedEvidence(f"a member is named {name[:80]!r}, which points outside the bundle")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise MalformedEvidence(f"{name[:80]!r} is packed in a way that bundles do not use")
        if info.file_size > 4096 and info.file_size > MAX_RATIO * max(1, info.compress_size):
            raise MalformedEvidence(f"{name[:80]!r} unpacks to {info.file_size} bytes from {info.compress_size}")
        members[name] = info
    return members
