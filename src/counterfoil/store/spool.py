"""Decisions that wait while the log is away: a durable, encrypted queue.

A decision whose record cannot reach the log is not lost when its caller chose to
spool: the complete entry, number and time included, is encrypted, written and
fsynced here, and goes to the log in order as soon as that is back. What the queue
holds is unreadable without the organisation's keys.

A frame is a 4-byte length, 4 bytes of the length's SHA-256, a 12-byte nonce and
AES-256-GCM ciphertext, bound to the frame's number. What a crash tore off at the end is
told from what somebody altered: a torn frame is short, or zeros; an altered one is wrong.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from counterfoil.core import canonical
from counterfoil.errors import HomeDamaged, LogUnavailable
from counterfoil.store.durable import sync_folder, write_all

__all__ = ["Spool", "SpooledEntry"]

_NONCE_BYTES: Final = 12
_LENGTH_BYTES: Final = 4
_CHECK_BYTES: Final = 4
_HEAD_BYTES: Final = _LENGTH_BYTES + _CHECK_BYTES
_COPY_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class SpooledEntry:
    """One waiting record.

    Attributes:
        entry: The complete bytes for the log.
        subject: Reference of the person, or the tag of one already known; None without one.
        record_key: 32 bytes, or empty for a record without private fields.
        sealed: Encrypted private values, empty without any.
        retain_until_s: End of the retention lock, Unix seconds, 0 without one.
    """

    entry: bytes
    subject: str | bytes | None
    record_key: bytes
    sealed: bytes
    retain_until_s: int


class Spool:
    """The queue file. Not thread-safe: the recorder's commit lock covers it.

    Args:
        path: The file; its folder may lie on another disk than the log.
        vault_key: 32 bytes; the queue's own key is derived from it.
    """

    def __init__(self, path: Path, vault_key: bytes) -> None:
        self._path = path
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"counterfoil spool 1").derive(vault_key)
        self._cipher = AESGCM(key)
        self._end, self.count = 0, 0
        self._is_spent = False  # whether its frames were overwritten, at least in part
        for frame in self._frames():
            self._end += _HEAD_BYTES + len(frame)
            self.count += 1

    def append(self, entries: Sequence[SpooledEntry]) -> None:
        """Makes entries durable at the end of the queue; all or none.

        Raises:
            LogUnavailable: When even the queue cannot be written.
        """
        if self._is_spent:
            self.clear()
        frames = b"".join(self._seal(entry, number) for number, entry in enumerate(entries, self.count))
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            is_new = not self._path.exists()
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.ftruncate(fd, self._end)  # a torn frame of a crash must not stay in between
                try:
                    write_all(fd, frames, self._end)
                    os.fsync(fd)
                except OSError:
                    with suppress(OSError):  # whole frames in it would be recorded at the next start
                        os.ftruncate(fd, self._end)
                        os.fsync(fd)
                    raise
            finally:
                os.close(fd)
            if is_new:
                sync_folder(self._path.parent)
        except OSError as error:
            raise LogUnavailable(
                f"neither the log nor the waiting queue could be written: {error.strerror}",
                hint="free space on the disk that holds the home, or set spool_dir to another disk",
            ) from error
        self._end += len(frames)
        self.count += len(entries)

    def entries(self) -> Iterator[SpooledEntry]:
        """Yields what waits, oldest first.

        Raises:
            HomeDamaged: When a frame was altered or belongs to other keys.
        """
        for number, frame in enumerate(self._frames()):
            try:
                data = self._cipher.decrypt(frame[:_NONCE_BYTES], frame[_NONCE_BYTES:], _position(number))
            except InvalidTag as error:
                raise _altered() from error
            value = canonical.loads(data)
            yield SpooledEntry(
                value["entry"].encode(),
                bytes.fromhex(value["tag"]) if value["tag"] else value["subject"],
                b64decode(value["recordKey"]),
                b64decode(value["sealed"]),
                value["retainUntil"],
            )

    def clear(self) -> None:
        """Empties the queue, after everything in it reached the log; what it held is overwritten.

        Raises:
            LogUnavailable: When the disk refuses. Nothing is added until it succeeds.
        """
        try:
            if self._path.exists():
                with self._path.open("r+b", buffering=0) as file:
                    self._is_spent = True
                    # The first head by itself: a power failure in the middle of the rest then leaves an empty queue.
                    for end in (min(_HEAD_BYTES, self._end), self._end):
                        _overwrite(file.fileno(), end)  # an erasure must not leave a copy here
                        os.fsync(file.fileno())
                    file.truncate(0)
        except OSError as error:
            raise LogUnavailable(f"the waiting queue could not be emptied: {error.strerror}") from error
        self._end = self.count = 0
        self._is_spent = False

    def _seal(self, item: SpooledEntry, number: int) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        data = canonical.dumps(
            {
                "entry": item.entry.decode(),
                "recordKey": b64encode(item.record_key).decode(),
                "retainUntil": item.retain_until_s,
                "sealed": b64encode(item.sealed).decode(),
                "subject": item.subject if isinstance(item.subject, str) else None,
                "tag": item.subject.hex() if isinstance(item.subject, bytes) else None,
            }
        )
        frame = nonce + self._cipher.encrypt(nonce, data, _position(number))
        length = len(frame).to_bytes(_LENGTH_BYTES, "big")
        return length + _check(length) + frame

    def _frames(self) -> Iterator[bytes]:
        """Yields whole frames; a torn one at the end was never acknowledged."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            while len(head := file.read(_HEAD_BYTES)) == _HEAD_BYTES and any(head):
                length = head[:_LENGTH_BYTES]
                if head[_LENGTH_BYTES:] != _check(length):
                    raise _altered()
                frame = file.read(int.from_bytes(length, "big"))
                if len(frame) != int.from_bytes(length, "big"):
                    return
                yield frame


def _overwrite(fd: int, end: int) -> None:
    for offset in range(0, end, _COPY_BYTES):
        write_all(fd, bytes(min(_COPY_BYTES, end - offset)), offset)


def _check(length: bytes) -> bytes:
    return sha256(b"counterfoil spool frame" + length).digest()[:_CHECK_BYTES]


def _position(number: int) -> bytes:
    return number.to_bytes(8, "big")


def _altered() -> HomeDamaged:
    return HomeDamaged(
        "the waiting queue was altered, or was written with other keys",
        hint="keep a copy of the spool folder, then restore it from a backup or move its file away",
    )
