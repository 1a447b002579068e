"""Large files kept encrypted by what they contain, written and read in chunks.

For each file two lie in the folder, named by the SHA-256 (hex) of the contents:

<sha256>.sealed  header (24 bytes) || chunks; each chunk is AES-256-GCM over 1 MiB of the contents
<sha256>.key     the file's own key, wrapped under a key derived from the organisation's vault key

Chunk i has the nonce i (11 bytes, big-endian) || 1 where it is the last, 0 otherwise: none can be
left out, moved or added (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015).
The key is written last and deleted first, so a file counts as kept while its key is there, and a
new vault key changes the small files only.
"""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes, token_hex
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from counterfoil.errors import HomeDamaged, InvalidInput, LogUnavailable, NotFound, Stale
from counterfoil.store.durable import replace_file, sync_folder
from counterfoil.store.sealing import KEY_BYTES, NONCE_BYTES, unwrap, wrap

__all__ = ["CHUNK_BYTES", "SealedFiles"]

CHUNK_BYTES: Final = 1 << 20
HEADER: Final = b"counterfoil sealed 1\n\0\0\0"
_TAG_BYTES: Final = 16
_FULL_BYTES: Final = CHUNK_BYTES + _TAG_BYTES
_SEALED: Final = ".sealed"
_KEY: Final = ".key"
_NAME: Final = re.compile(r"([0-9a-f]{64})\.(?:key|sealed)")
_WORK: Final = "work"

Progress = Callable[[int, int], None]
"""Told (bytes done, bytes in all)."""


class SealedFiles:
    """A folder of encrypted files. Safe to use from several threads; one process at a time.

    Args:
        folder: The folder; made at first use.
        vault_key: 32 bytes; the key that wraps the files' keys is derived from it.
    """

    def __init__(self, folder: Path, vault_key: bytes) -> None:
        self._folder = folder
        self._ciphers: tuple[AESGCM, ...] = (_cipher(vault_key),)  # two while keys are wrapped anew
        self._lock = threading.Lock()  # held while a key is wrapped, so that none is left under an old one
        self._putting = threading.Lock()  # two who keep the same contents would leave one's key beside the other's file

    def work_folder(self) -> Path:
        """Returns a new folder for files that are still in clear; it goes with `clear`, or when its user deletes it.

        Raises:
            LogUnavailable: When the disk refuses.
        """
        folder = self._folder / _WORK / token_hex(8)
        try:
            for each in (self._folder, folder.parent, folder):
                each.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise LogUnavailable(f"no folder can be made for a snapshot: {error.strerror}") from error
        return folder

    def clear(self) -> None:
        """Deletes what a process that was killed has left: files in clear, and sealed files without a key.

        Only whoever holds the home's lock may call it, before others work.
        """
        work = self._folder / _WORK
        for path in sorted(work.rglob("*"), reverse=True) if work.is_dir() else ():
            with suppress(OSError):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        kept = self.kept()
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            found = _NAME.fullmatch(path.name)
            is_orphan = path.suffix == _SEALED and found is not None and found[1] not in kept
            if is_orphan or path.suffix == ".new":
                path.unlink(missing_ok=True)

    def kept(self) -> set[str]:
        """Returns the digests (hex) of the files that are here."""
        if not self._folder.is_dir():
            return set()
        names = {path.name for path in self._folder.iterdir() if _NAME.fullmatch(path.name)}
        return {name.removesuffix(_KEY) for name in names if name.endswith(_KEY)}

    def size_bytes(self) -> int:
        """Returns what the folder takes on the disk."""
        if not self._folder.is_dir():
            return 0
        return sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())

    def put(self, path: Path, digest: str, progress: Progress | None = None) -> bool:
        """Keeps the contents of a file durably; returns False where they were kept already.

        Args:
            path: The file, in clear; it stays.
            digest: SHA-256 (hex) that its contents had when they were looked at.
            progress: Told how far it is.

        Raises:
            Stale: The contents are others by now. Nothing was kept.
            LogUnavailable: When the disk refuses. Nothing was kept.
        """
        with self._putting:
            return self._put(path, digest, progress)

    def _put(self, path: Path, digest: str, progress: Progress | None) -> bool:
        key_path = self._path(digest, _KEY)
        target = self._path(digest, _SEALED)
        if key_path.exists() and target.exists():
            return False
        temporary = target.with_name(f"{target.name}.{token_hex(8)}.new")
        key = token_bytes(KEY_BYTES)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("rb") as source, _private(temporary) as sealed:
                if _seal(source, sealed, AESGCM(key), path.stat().st_size, progress) != digest:
                    raise Stale("the file was changed while it was kept", hint="try again")
                sealed.flush()
                os.fsync(sealed.fileno())
            temporary.replace(target)
            sync_folder(self._folder)
            with self._lock:
                replace_file(key_path, wrap(self._ciphers[-1], key, digest.encode()))
        except OSError as error:
            raise LogUnavailable(f"a snapshot could not be kept: {error.strerror or error}") from error
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def open(self, digest: str) -> io.BufferedReader:
        """Returns the contents as a file to be read, in any order; every chunk is authenticated as it is read.

        Raises:
            NotFound: They are not here (any more).
            HomeDamaged: They were altered, or sealed with other keys; also while they are read.
            LogUnavailable: When the disk refuses.
        """
        try:
            wrapped = self._path(digest, _KEY).read_bytes()
            file = self._path(digest, _SEALED).open("rb")
        except FileNotFoundError:
            raise NotFound(f"the contents with the digest {digest[:12]}… are not in this home") from None
        except OSError as error:
            raise LogUnavailable(f"a snapshot cannot be read: {error.strerror}") from error
        key = self._unwrapped(wrapped, digest)
        if key is None or file.read(len(HEADER)) != HEADER:
            file.close()
            raise _damaged(digest)
        return io.BufferedReader(_Reader(file, AESGCM(key), digest), CHUNK_BYTES)

    def chunks(self, digest: str) -> Iterator[bytes]:
        """Yields all contents and holds them against their digest; what was yielded counts once this has ended.

        Raises:
            NotFound: They are not here.
            HomeDamaged: They are not what they were.
        """
        hashed = sha256()
        with self.open(digest) as file:
            while data := file.read(CHUNK_BYTES):
                hashed.update(data)
                yield data
        if hashed.hexdigest() != digest:
            raise _damaged(digest)

    def remove(self, digest: str) -> int:
        """Destroys the key and deletes the contents; returns the bytes this freed. Doing it again is safe.

        Raises:
            LogUnavailable: When the disk refuses.
        """
        freed = 0
        try:
            with self._putting:
                for suffix in (_KEY, _SEALED):
                    path = self._path(digest, suffix)
                    if path.exists():
                        freed += path.stat().st_size
                        path.unlink()
                        sync_folder(self._folder)
        except OSError as error:
            raise LogUnavailable(f"a snapshot could not be removed: {error.strerror}") from error
        return freed

    def rotate(self, new_vault_key: bytes) -> int:
        """Wraps every file's key under a new vault key; returns how many. Doing it again is safe.

        Raises:
            LogUnavailable: When the disk refuses.
        """
        new, done = _cipher(new_vault_key), 0
        with self._lock:
            self._ciphers = (*self._ciphers, new)
            for digest in sorted(self.kept()):
                path = self._path(digest, _KEY)
                try:
                    key = self._unwrapped(path.read_bytes(), digest)
                    if key is not None:
                        replace_file(path, wrap(new, key, digest.encode()))
                        done += 1
                except OSError as error:
                    raise LogUnavailable(f"a snapshot could not be sealed anew: {error.strerror}") from error
            self._ciphers = (new,)
        return done

    def _unwrapped(self, wrapped: bytes, digest: str) -> bytes | None:
        for cipher in self._ciphers:
            key = unwrap(cipher, wrapped, digest.encode())
            if key is not None:
                return key
        return None

    def _path(self, digest: str, suffix: str) -> Path:
        if not _NAME.fullmatch(digest + suffix):
            raise InvalidInput(f"{digest[:80]!r} is not a SHA-256 in hex")
        return self._folder / (digest + suffix)


class _Reader(io.RawIOBase):
    """The contents of a sealed file; holds one chunk at a time."""

    def __init__(self, file: io.BufferedReader, cipher: AESGCM, digest: str) -> None:
        self._file = file
        self._cipher = cipher
        self._digest = digest
        sealed = os.fstat(file.fileno()).st_size - len(HEADER)
        self._count = max(1, -(-sealed // _FULL_BYTES))
        self._size = sealed - self._count * _TAG_BYTES
        if self._size < 0:
            raise _damaged(digest)
        self._place = 0
        self._number = -1
        self._chunk = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._place >= self._size and not (self._size == 0 and self._number < 0):
            return 0
        number, start = divmod(self._place, CHUNK_BYTES)
        if number != self._number:
            self._chunk, self._number = self._opened(number), number
        data = self._chunk[start : start + len(buffer)]
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()

    def _opened(self, number: int) -> bytes:
        self._file.seek(len(HEADER) + number * _FULL_BYTES)
        sealed = self._file.read(_FULL_BYTES)
        try:
            return self._cipher.decrypt(_nonce(number, is_last=number == self._count - 1), sealed, None)
        except (InvalidTag, ValueError) as error:
            raise _damaged(self._digest) from error


def _seal(
    source: io.BufferedReader, sealed: io.BufferedWriter, cipher: AESGCM, total: int, progress: Progress | None
) -> str:
    """Writes the sealed form of a file; returns the SHA-256 (hex) of what was read."""
    hashed, number, done = sha256(), 0, 0
    sealed.write(HEADER)
    data = source.read(CHUNK_BYTES)
    while True:
        following = source.read(CHUNK_BYTES)
        hashed.update(data)
        sealed.write(cipher.encrypt(_nonce(number, is_last=not following), data, None))
        number, done = number + 1, done + len(data)
        if progress is not None:
            progress(done, max(done, total))
        if not following:
            return hashed.hexdigest()
        data = following


def _private(path: Path) -> io.BufferedWriter:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    return os.fdopen(fd, "wb")


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(NONCE_BYTES - 1, "big") + bytes([is_last])


def _cipher(vault_key: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=b"counterfoil sealed files 1").derive(vault_key))


def _damaged(digest: str) -> HomeDamaged:
    return HomeDamaged(
        f"the contents with the digest {digest[:12]}… were altered, or sealed with other keys",
        hint="restore the folder snapshots and keys.json from the same backup",
    )
