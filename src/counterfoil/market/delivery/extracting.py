"""Unpacking a folder that was delivered as a tar file.

Whoever made it is not trusted: only folders and regular files are made, below a new folder that
gets its name when all of it is there. Links, devices, names that lead elsewhere or stand twice,
and more entries or bytes than allowed are refused before anything is left behind.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Final

from counterfoil.errors import InvalidInput, MalformedEvidence
from counterfoil.market.delivery.folder import MOST_ENTRIES
from counterfoil.store.new_file import require_new

__all__ = ["extract"]

_MOST_DEPTH: Final = 64
_PIECE_BYTES: Final = 1 << 20


def extract(file: Path, to: Path, *, most_bytes: int | None = None) -> int:
    """Unpacks a tar file into a new folder; returns how many files there are in it.

    Args:
        file: The tar, uncompressed.
        to: The folder to be.
        most_bytes: Most that may be unpacked; by default the length of the tar, which no honest one exceeds.

    Raises:
        MalformedEvidence: It is no such tar, or holds what must not be unpacked. Nothing is left behind.
        InvalidInput: The folder is there already, or cannot be written.
    """
    require_new(to)
    work = to.with_name(f"{to.name}.unpacking")
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        count = _unpack(file, work, file.stat().st_size if most_bytes is None else most_bytes)
        require_new(to)
        work.rename(to)
    except OSError as error:
        raise InvalidInput(f"{to} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return count


def _unpack(file: Path, work: Path, most_bytes: int) -> int:
    seen: set[str] = set()
    count, left = 0, most_bytes
    try:
        with tarfile.open(file, "r:", errors="strict") as tar:
            for entry in _entries(tar):
                name = _safe_name(entry)
                if name in seen:
                    raise MalformedEvidence(f"the tar has the name {name[:80]!r} twice")
                seen.add(name)
                left -= entry.size
                if left < 0:
                    raise MalformedEvidence(f"the tar unpacks to more than {most_bytes:,} bytes")
                path = work / name
                if entry.isdir():
                    path.mkdir(mode=0o755, parents=True, exist_ok=True)
                else:
                    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                    _write(tar.extractfile(entry), path, entry.size)
                    count += 1
    except (tarfile.TarError, UnicodeDecodeError, ValueError, EOFError) as error:
        raise MalformedEvidence(f"that is no tar of a delivered folder: {error}") from error
    return count


def _entries(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yields the entries, forgetting each after the next was asked for, so that many take no memory."""
    for _ in range(MOST_ENTRIES):
        entry = tar.next()
        if entry is None:
            return
        yield entry
        tar.members.clear()  # type: ignore[attr-defined]  # read as the next entry needs none of them
    raise MalformedEvidence(f"the tar has more than {MOST_ENTRIES:,} entries")


def _safe_name(entry: tarfile.TarInfo) -> str:
    """Returns the name of a folder or regular file that lies below."""
    if not (entry.isreg() or entry.isdir()) or entry.issparse():
        raise MalformedEvidence(f"the tar holds {entry.name[:80]!r}, which is neither a file nor a folder")
    parts = entry.name.rstrip("/").split("/")
    if (
        any(part in ("", ".", "..") or "\0" in part or "\\" in part for part in parts)
        or len(parts) > _MOST_DEPTH
        or PurePosixPath(entry.name).is_absolute()
    ):
        raise MalformedEvidence(f"the tar holds the name {entry.name[:80]!r}, which may lead elsewhere")
    return "/".join(parts)


def _write(source: IO[bytes] | None, path: Path, size: int) -> None:
    if source is None:
        raise MalformedEvidence(f"the tar does not hold the file {path.name[:80]!r}")
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "wb") as file:
        while data := source.read(min(_PIECE_BYTES, size)):
            file.write(data)
            size -= len(data)
    if size:
        raise MalformedEvidence(f"the tar ends within the file {path.name[:80]!r}")
