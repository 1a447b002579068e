"""A folder as one file: an uncompressed tar, the same bytes every time, made as it is read.

Entries are folders and regular files, in the order of their names' bytes, with the time 0,
no owner, and the mode 0644 (0755 for folders). The plan of the tar holds names and lengths
only, so any part of it is made alone. How the bytes lie is in docs/reference/delivery.md.
"""

from __future__ import annotations

import os
import stat
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from counterfoil.errors import InvalidInput, NodeUnreachable, NotFound, Stale

__all__ = ["MOST_ENTRIES", "FolderSource"]

MOST_ENTRIES: Final = 1_000_000
_BLOCK: Final = 512
_NAME_BYTES: Final = 100
_OCTAL_SIZE: Final = 8**11
"""Longer files have their length in an extended header."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Bytes of the tar: ready made, or those of a file."""

    data: bytes
    path: Path | None = None
    size_bytes: int = 0


class FolderSource:
    """The tar of a folder as it is now; a file that changes its length later is noticed, others by their hash.

    Raises:
        NotFound: There is no such folder.
        InvalidInput: It holds links, pipes or devices, names that are no UTF-8, or too much.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise NotFound(f"there is no folder {folder}")
        self._parts: list[_Part] = []
        self._starts: list[int] = []
        self.size_bytes = 0
        for name, path, size in sorted(_walk(folder)):
            self._add(_Part(_header(name, size, is_folder=path is None)))
            if path is not None and size:
                self._add(_Part(b"", path, size))
                self._add(_Part(bytes(-size % _BLOCK)))
        self._add(_Part(bytes(2 * _BLOCK)))

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """See `Source.read_into`."""
        done = 0
        while done < len(buffer) and offset + done < self.size_bytes:
            at = bisect_right(self._starts, offset + done) - 1
            part, start = self._parts[at], offset + done - self._starts[at]
            count = min(len(buffer) - done, (part.size_bytes or len(part.data)) - start)
            target = buffer[done : done + count]
            if part.path is None:
                target[:] = part.data[start : start + count]
            else:
                _read_file(part.path, part.size_bytes, start, target)
            done += count
        return done

    def close(self) -> None:
        """Nothing stays open."""

    def _add(self, part: _Part) -> None:
        size = part.size_bytes or len(part.data)
        if size:
            self._parts.append(part)
            self._starts.append(self.size_bytes)
            self.size_bytes += size


def _walk(folder: Path) -> list[tuple[bytes, Path | None, int]]:
    """Returns (name in the tar, path of a file or None for a folder, length) of all that is in a folder."""
    found: list[tuple[bytes, Path | None, int]] = []
    waiting = [(b"", folder)]
    while waiting:
        prefix, here = waiting.pop()
        try:
            entries = list(os.scandir(here))
        except OSError as error:
            raise NotFound(f"{here} cannot be read: {error.strerror}") from error
        for entry in entries:
            name = prefix + _encoded(entry.name)
            if entry.is_dir(follow_symlinks=False):
                found.append((name + b"/", None, 0))
                waiting.append((name + b"/", Path(entry.path)))
            elif entry.is_file(follow_symlinks=False):
                found.append((name, Path(entry.path), entry.stat(follow_symlinks=False).st_size))
            else:
                raise InvalidInput(f"{entry.path} is a link, a pipe or a device", hint="deliver files and folders only")
        if len(found) > MOST_ENTRIES:
            raise InvalidInput(f"the folder has more than {MOST_ENTRIES:,} entries", hint="deliver it in parts")
    return found


def _encoded(name: str) -> bytes:
    try:
        return name.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"the name {name!r} is not UTF-8", hint="rename the file") from error


def _read_file(path: Path, size: int, start: int, target: memoryview) -> None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Stale(f"{path.name} is no longer the file it was: {error.strerror}") from error
    try:
        now = os.fstat(fd)
        if not stat.S_ISREG(now.st_mode) or now.st_size != size:
            raise Stale(f"{path.name} is no longer {size:,} bytes long", hint="publish a new version")
        done = 0
        while done < len(target):
            count = os.preadv(fd, [target[done:]], start + done)
            if not count:
                raise Stale(f"{path.name} became shorter while it was read")
            done += count
    except OSError as error:
        raise NodeUnreachable(f"{path.name} cannot be read: {error.strerror}") from error
    finally:
        os.close(fd)


def _header(name: bytes, size: int, *, is_folder: bool) -> bytes:
    """Returns the header of an entry (POSIX.1-1988 ustar), after an extended one (POSIX.1-2001 pax) where needed."""
    records: dict[bytes, bytes] = {}
    if len(name) > _NAME_BYTES or not name.isascii():
        records[b"path"] = name
    if size >= _OCTAL_SIZE:
        records[b"size"] = b"%d" % size
    plain = _ustar(name, size % _OCTAL_SIZE, b"5" if is_folder else b"0", 0o755 if is_folder else 0o644)
    if not records:
        return plain
    data = b"".join(_record(key, value) for key, value in sorted(records.items()))
    return _ustar(b"pax", len(data), b"x", 0o644) + data + bytes(-len(data) % _BLOCK) + plain


def _ustar(name: bytes, size: int, kind: bytes, mode: int) -> bytes:
    numbers = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, 0, 0, size, 0)
    start = name[:_NAME_BYTES].ljust(_NAME_BYTES, b"\0") + numbers
    end = kind + bytes(100) + b"ustar\x0000" + bytes(64) + b"%07o\0%07o\0" % (0, 0) + bytes(155 + 12)
    total = sum(start) + 8 * ord(" ") + sum(end)
    return start + b"%06o\0 " % total + end


def _record(key: bytes, value: bytes) -> bytes:
    """Returns `length key=value` and a newline, where the length counts itself."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    if len(str(length)) > len(str(rest)):
        length += 1
    return b"%d %s=%s\n" % (length, key, value)
