"""Takes a job's files out of its scratch space: regular files under plain names, byte for byte, and nothing else.

Every process of the job is gone by then, so nothing changes meanwhile. Nothing is
followed, expanded or interpreted: an archive is copied as the bytes it is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from counterfoil.market.compute.sandbox.limits import Limits
from counterfoil.market.compute.sandbox.outcome import Output

__all__ = ["Taken", "take_outputs"]

_PIECE_BYTES: Final = 2**20
_BLOCK_BYTES: Final = 512
"""Unit of `st_blocks`, whatever the file system (stat(2))."""

_PAGE_BYTES: Final = 4096
_LONGEST_NAME: Final = 255
_DEEPEST: Final = 16
_MOST_REFUSALS: Final = 20
_KINDS: Final = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken.

    Attributes:
        outputs: Ascending by name; empty when anything was refused.
        refused: A sentence for each thing refused, twenty at most.
    """

    outputs: tuple[Output, ...]
    refused: tuple[str, ...]


class _Refused(Exception):
    """One thing in `/out` that is not taken, with the sentence that says why."""


def take_outputs(scratch_fd: int, into: Path, limits: Limits) -> Taken:
    """Copies every file below `out` of the scratch space into a new folder; all of them, or none.

    Args:
        scratch_fd: Descriptor of the scratch space's folder.
        into: A folder that exists and is empty; files in it will be readable by their owner alone.
        limits: Of the job.
    """
    refused: list[str] = []
    outputs: list[Output] = []
    try:
        out = os.open("out", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=scratch_fd)
    except OSError:
        return Taken((), ("/out is no folder any more",))
    try:
        for folder_fd, prefix, name in _walk(out, "", 0, refused):
            if len(outputs) + len(refused) >= limits.output_files:
                refused.append(f"more than {limits.output_files:,} files")
                break
            try:
                outputs.append(_take(folder_fd, name, prefix + name, into, limits))
            except _Refused as error:
                refused.append(str(error))
            if len(refused) >= _MOST_REFUSALS:
                break
    finally:
        os.close(out)
    if refused:
        return Taken((), tuple(refused))
    return Taken(tuple(sorted(outputs)), ())


def _walk(folder_fd: int, prefix: str, depth: int, refused: list[str]) -> Iterator[tuple[int, str, str]]:
    """Yields (descriptor of its folder, path of that folder, name) of everything that is no folder."""
    try:
        names = sorted(os.listdir(folder_fd))
        folders = {name for name in names if stat.S_ISDIR(_mode(folder_fd, name))}
    except OSError as error:
        refused.append(f"{prefix or '/out'}: cannot be listed ({error.strerror})")
        return
    for name in names:
        if fault := _fault_of(name):
            refused.append(f"{ascii(prefix + name)[:200]}: {fault}")
            continue
        if name not in folders:
            yield folder_fd, prefix, name
            continue
        if depth >= _DEEPEST:
            refused.append(f"{prefix + name!r}: folders lie more than {_DEEPEST} deep")
            continue
        try:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder_fd)
        except OSError as error:
            refused.append(f"{prefix + name!r}: cannot be opened ({error.strerror})")
            continue
        try:
            yield from _walk(inner, f"{prefix}{name}/", depth + 1, refused)
        finally:
            os.close(inner)


def _fault_of(name: str) -> str:
    """Returns what is wrong with the name of a file, or an empty text."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "its name is no UTF-8"
    if size > _LONGEST_NAME or not name.isprintable():
        return "its name is too long or holds signs that cannot be shown"
    if name in {".", ".."} or "/" in name or "\\" in name or ":" in name or name != name.strip():
        return "its name means something else on other systems"
    return ""


def _take(folder_fd: int, name: str, whole: str, into: Path, limits: Limits) -> Output:
    """Copies one file while hashing it."""
    try:
        source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder_fd)
    except OSError as error:
        raise _Refused(
            f"{whole!r}: {_KINDS.get(stat.S_IFMT(_mode(folder_fd, name)), error.strerror)}, not a file that can be read"
        ) from error
    try:
        _require_plain(os.fstat(source), whole, limits)
        return _copy(source, whole, into, limits)
    finally:
        os.close(source)


def _mode(folder_fd: int, name: str) -> int:
    return os.stat(name, dir_fd=folder_fd, follow_symlinks=False).st_mode


def _require_plain(found: os.stat_result, whole: str, limits: Limits) -> None:
    """Raises _Refused unless it is a regular file under one name, without holes, within the limit."""
    if not stat.S_ISREG(found.st_mode):
        raise _Refused(f"{whole!r}: {_KINDS.get(stat.S_IFMT(found.st_mode), 'something else')}, not a file")
    if found.st_nlink != 1:
        raise _Refused(f"{whole!r}: it has {found.st_nlink} names (hard links), and one is allowed")
    if found.st_size > limits.disk_bytes:
        raise _Refused(f"{whole!r}: {found.st_size:,} bytes, and {limits.disk_bytes:,} are allowed")
    if found.st_blocks * _BLOCK_BYTES < found.st_size - _PAGE_BYTES:
        raise _Refused(f"{whole!r}: it claims {found.st_size:,} bytes and holds fewer (a sparse file)")


def _copy(source: int, whole: str, into: Path, limits: Limits) -> Output:
    target = into / whole
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest, size_bytes = sha256(), 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while piece := os.read(source, _PIECE_BYTES):
            size_bytes += len(piece)
            if size_bytes > limits.disk_bytes:
                raise _Refused(f"{whole!r}: it is larger than {limits.disk_bytes:,} bytes")
            digest.update(piece)
            file.write(piece)
    return Output(whole, size_bytes, digest.hexdigest())
