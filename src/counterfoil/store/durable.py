"""Writing bytes so that they are still there after the power fails.

A write is durable only when the data was synced and, for a new or renamed file,
the folder that names it was synced too.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["replace_file", "sync_data", "sync_folder", "write_all"]


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

    Raises:
        OSError: The old file is then still in place, unless only the last sync failed.
    """
    temporary = path.with_name(path.name + ".new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        write_all(fd, data, 0)
        os.fsync(fd)
    finally:
        os.close(fd)
    temporary.replace(path)
    sync_folder(path.parent)
