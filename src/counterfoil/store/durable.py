"""Writing bytes so that they are still there after the power fails.

A write is durable only when the data was synced and, for a new or renamed file,
the folder that names it was synced too.
"""

from __future__ import annotations

import os
import re
import time as clock
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

__all__ = ["clear_unfinished", "replace_file", "sync_data", "sync_folder", "write_all"]

_TOKEN_BYTES: Final = 8
_UNFINISHED: Final = re.compile(r"\.[0-9a-f]{16}\.new\Z")
_WRITING_S: Final = 3_600


def write_all(fd: int, data: bytes | bytearray | memoryview, offset: int) -> None:
    """Writes all of `data` at `offset`; the kernel may take it in several bites.

    Raises:
        OSError: When the kernel refuses. Part of the data may have been written.
    """
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        if written == 0:
            raise OSError("the disk accepted no more bytes and gave no reason")
        view = view[written:]
        offset += written


def sync_data(fd: int) -> None:
    """Returns once the file's bytes and length are on the disk (OSError otherwise)."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:  # macOS has no fdatasync
        os.fsync(fd)


def sync_folder(folder: Path) -> None:
    """Makes the names in `folder` durable: created, renamed and deleted files."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace_file(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Writes `path` so that after a crash it holds the old bytes or the new, never a mixture.

    Several may write it at once: each writes a file of its own beside it, and the last one stays.

    Raises:
        OSError: The old file is then still in place, unless only the last sync failed.
    """
    temporary = path.with_name(f"{path.name}.{token_hex(_TOKEN_BYTES)}.new")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            write_all(fd, data, 0)
            os.fsync(fd)
        finally:
            os.close(fd)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def clear_unfinished(*folders: Path) -> None:
    """Deletes what writers of `replace_file` that were killed have left in these folders, where they exist.

    What is younger than an hour stays: somebody may be writing it.
    """
    before_s = clock.time() - _WRITING_S
    for path in (each for folder in folders for each in folder.glob("*.new")):
        with suppress(OSError):  # gone by now, or not ours to delete
            if _UNFINISHED.search(path.name) and path.stat().st_mtime < before_s:
                path.unlink()
