"""Remembers the hashes of files by what the disk says of them, so that what was not changed is not read again.

A file counts as unchanged while its size, times of change, inode and device are those of the time it was read. The
time of the last change of the inode (ctime) cannot be set by programs, so a content that was put back under its old
time is read again. A file whose times are so new that another write could bear the same ones is not remembered.

    magic line, SHA-256 of the rest (32), number of files (8), root (32),
    of each file: stamp (5 x 8), length of its chunks (8), kind (1), digest (32);
    the paths, each with a 0x00 behind it; what links say, likewise; the chunks
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from counterfoil.core.merkle import HASH_SIZE_BYTES
from counterfoil.provenance.fingerprints.algorithm import Algorithm
from counterfoil.provenance.fingerprints.entry import Entry, Kind
from counterfoil.provenance.fingerprints.fingerprint import Fingerprint
from counterfoil.provenance.fingerprints.walk import Found, Stamp

__all__ = ["FINE_NS", "Known", "StatCache"]

_MAGIC: Final = b"counterfoil stat cache 1\n"
_HEAD: Final = struct.Struct(">Q32s")
_ROW: Final = struct.Struct(">QQQQQQB32s")
_KINDS: Final[tuple[Kind, ...]] = ("whole", "chunks", "link")

FINE_NS: Final = 100_000_000
"""A write this long after another bears another time, where the disk keeps fractions of seconds."""

_COARSE_NS: Final = 2_500_000_000
"""The same where it keeps whole seconds, or every second one."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the cache vouches for.

    Attributes:
        entries: Of unchanged files, ascending by path.
        root: Over all of them, where they are all there is.
    """

    entries: tuple[Entry, ...]
    root: bytes | None


class StatCache:
    """The cache of one file or folder. What cannot be read or written is as if it were not there.

    Args:
        folder: Where caches are kept; made when it is missing.
        path: The file or folder whose hashes they are.
        options: Everything that changes what the walk finds.
    """

    def __init__(self, folder: Path, path: Path, options: Sequence[str] = ()) -> None:
        self._folder = folder
        whose = b"\x00".join([os.path.realpath(os.fsencode(path)), *map(os.fsencode, options)])
        self._name = sha256(whose).hexdigest()[:32]

    @classmethod
    def of(cls, path: Path, options: Sequence[str] = ()) -> StatCache:
        """Returns the cache in this user's own folder for such things (XDG_CACHE_HOME, or ~/.cache)."""
        base = os.environ.get("XDG_CACHE_HOME")
        caches = Path(base) if base else Path("~/.cache").expanduser()
        return cls(caches / "counterfoil" / "fingerprints", path, options)

    def load(self, files: Sequence[Found], algorithm: Algorithm) -> Known | None:
        """Returns what is known of `files`, which ascend by path; None where there is no cache."""
        found = self._read(algorithm)
        if found is None:
            return None
        root, rows = found
        if len(rows) == len(files) and all(
            each.path == entry.path and each.stamp == stamp for each, (stamp, entry) in zip(files, rows, strict=True)
        ):
            return Known(tuple(entry for _, entry in rows), root)
        known = {entry.path: (stamp, entry) for stamp, entry in rows}
        unchanged = [pair[1] for each in files if (pair := known.get(each.path)) is not None and pair[0] == each.stamp]
        return Known(tuple(unchanged), None)

    def save(self, files: Sequence[Found], made: Fingerprint) -> None:
        """Remembers what was read, but for files whose times are too new to tell another write by."""
        now_ns = time.time_ns()
        settled = [
            (each.stamp, entry) for each, entry in zip(files, made.entries, strict=True) if _is_settled(each, now_ns)
        ]
        body = b"".join(
            [
                _HEAD.pack(len(settled), made.root if len(settled) == len(files) else bytes(HASH_SIZE_BYTES)),
                *(_ROW.pack(*stamp, len(e.chunks), _KINDS.index(e.kind), e.digest) for stamp, e in settled),
                *(entry.path + b"\x00" for _, entry in settled),
                *(entry.target + b"\x00" for _, entry in settled if entry.kind == "link"),
                *(entry.chunks for _, entry in settled),
            ]
        )
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._path(made.algorithm)
            fresh = path.with_name(f"{path.name}.{os.getpid()}")
            fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(_MAGIC + sha256(body).digest() + body)
            fresh.replace(path)

    def _read(self, algorithm: Algorithm) -> tuple[bytes | None, list[tuple[Stamp, Entry]]] | None:
        try:
            data = self._path(algorithm).read_bytes()
            start = len(_MAGIC) + HASH_SIZE_BYTES
            if not data.startswith(_MAGIC) or sha256(data[start:]).digest() != data[len(_MAGIC) : start]:
                return None  # torn, or of another version
            count, root = _HEAD.unpack_from(data, start)
            first = start + _HEAD.size
            rows = list(_ROW.iter_unpack(data[first : first + count * _ROW.size]))
            names = data[first + count * _ROW.size :].split(b"\x00", count)
        except (OSError, struct.error):
            return None
        links = sum(row[6] == _KINDS.index("link") for row in rows)
        targets = iter((rest := names[count].split(b"\x00", links))[:links])
        return root if any(root) else None, list(_entries(rows, names, targets, rest[links]))

    def _path(self, algorithm: Algorithm) -> Path:
        return self._folder / f"{self._name}.{algorithm}"


def _entries(
    rows: list[tuple[int, int, int, int, int, int, int, bytes]],
    paths: list[bytes],
    targets: Iterator[bytes],
    chunks: bytes,
) -> Iterator[tuple[Stamp, Entry]]:
    place = 0
    for (size, mtime, ctime, inode, device, length, code, digest), path in zip(rows, paths, strict=False):
        stamp, kind = Stamp(size, mtime, ctime, inode, device), _KINDS[code]
        if kind == "whole":
            yield stamp, Entry(path, size, kind, digest)
        elif kind == "link":
            target = next(targets)
            yield stamp, Entry(path, len(target), kind, digest, target=target)
        else:
            yield stamp, Entry(path, size, kind, digest, chunks[place : place + length])
            place += length


def _is_settled(found: Found, now_ns: int) -> bool:
    """Whether a later write would bear a later time."""
    newest = max(found.stamp.mtime_ns, found.stamp.ctime_ns)
    return newest < now_ns - (_COARSE_NS if found.stamp.ctime_ns % 1_000_000_000 == 0 else FINE_NS)
