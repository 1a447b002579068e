"""The lock of an embedded ledger's single writer, and where that writer serves the ledger.

`ledger.lock` beside the file is locked while a process has the ledger open; the kernel
frees it when the process ends, however it ends. Its text says who that is, and under
which URL others can use the ledger meanwhile.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final, Self

from counterfoil.errors import LedgerBusy, LogUnavailable

__all__ = ["LOCK_NAME", "LedgerLock", "served_at"]

LOCK_NAME: Final = "ledger.lock"

_TRIES: Final = 10
_TRY_AGAIN_S: Final = 0.01
"""`served_at` holds the lock for a moment to see whether somebody has it; a writer waits that moment."""

_MOST_BYTES: Final = 400


class LedgerLock:
    """The lock, held by this process until `release`."""

    def __init__(self, fd: int) -> None:
        """For `take`."""
        self._fd = fd
        self.announce(None)

    @classmethod
    def take(cls, folder: Path) -> Self:
        """Takes the lock.

        Raises:
            LedgerBusy: Another process, or another part of this one, has the ledger open.
            LogUnavailable: The folder is not writable.
        """
        path = folder / LOCK_NAME
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LogUnavailable(f"the ledger in {folder} cannot be locked: {error.strerror}") from error
        for _ in range(_TRIES):
            if _lock(fd, fcntl.LOCK_EX):
                return cls(fd)
            time.sleep(_TRY_AGAIN_S)
        pid, url = _read(fd)
        os.close(fd)
        who = f"process {pid}" if pid else "another process"
        if pid == os.getpid():
            who = f"this process ({pid}) itself"
        raise LedgerBusy(
            f"the ledger in {folder} is in use by {who}" + (f", which serves it at {url}" if url else ""),
            hint=f"use it there: --rpc {url}" if url else "close it there first: one process opens a ledger at a time",
        )

    def announce(self, url: str | None) -> None:
        """Writes down where this process serves the ledger; None says that it does not. After `release` nothing."""
        if self._fd < 0:
            return
        text = f"{os.getpid()} {url or ''}\n".encode()
        os.pwrite(self._fd, text, 0)
        os.ftruncate(self._fd, len(text))

    def release(self) -> None:
        """Lets others open the ledger. The file stays: somebody could be about to lock it."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1


def served_at(folder: Path) -> str | None:
    """Returns the URL at which a process that has the ledger open serves it, None when none does."""
    try:
        fd = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if _lock(fd, fcntl.LOCK_SH) else _read(fd)[1]
    finally:
        os.close(fd)


def _lock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(fd: int) -> tuple[int, str | None]:
    """Returns who has the lock, 0 when that is not told, and where it serves the ledger."""
    pid, _, url = os.pread(fd, _MOST_BYTES, 0).decode("ascii", "replace").strip().partition(" ")
    is_url = url.startswith("http://") and url.isprintable() and " " not in url
    return int(pid) if pid.isdigit() and len(pid) < 20 else 0, url if is_url else None
