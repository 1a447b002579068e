"""Files kept by what they contain: models in clear, rows about people sealed.

A sealed file is named by the digest of its contents too, so it is found the same way;
its bytes are `nonce (12) || AES-256-GCM ciphertext`, under a key derived from the
organisation's vault key.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from counterfoil.errors import HomeDamaged, InvalidInput, LogUnavailable, NotFound
from counterfoil.store.depot import Depot
from counterfoil.store.durable import replace_file

__all__ = ["Objects"]

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


_SEALED: Final = ".sealed"
_NONCE_BYTES: Final = 12


def key_of(digest: str) -> str:
    """Returns what a file is called in a depot."""
    return f"artefacts/{digest}"


class Objects:
    """A folder of files, each named by the SHA-256 (hex) of its bytes.

    Args:
        folder: The folder; it exists.
        vault_key: 32 bytes; the sealing key is derived from it.
        depot: Where models may be instead; sealed files stay here, for they change with the vault's key.
    """

    def __init__(self, folder: Path, vault_key: bytes, depot: Depot | None = None) -> None:
        self._folder = folder
        self._depot = depot
        self._sealing = threading.Lock()  # nothing is sealed under a key that is being replaced
        self._ciphers: tuple[AESGCM, ...] = (
            _cipher(vault_key),
        )  # two while files are sealed anew, for others read meanwhile

    def put(self, data: bytes) -> str:
        """Keeps `data` durably and returns its digest. Putting it again changes nothing.

        Raises:
            LogUnavailable: When the disk refuses.
        """
        digest = sha256(data).hexdigest()
        path = self._folder / digest
        if not path.exists() and not self._is_away(digest):
            try:
                replace_file(path, data)
            except OSError as error:
                raise LogUnavailable(f"a file could not be kept: {error.strerror}") from error
        return digest

    def get(self, digest: str) -> bytes:
        """Returns the bytes with this digest.

        Raises:
            NotFound: When this home does not have them.
            LogUnavailable: When they are in a depot that is away.
            HomeDamaged: When the file no longer has the digest it is named by.
        """
        if not _DIGEST.fullmatch(digest):
            raise InvalidInput(f"{digest[:80]!r} is not a SHA-256 in hex")
        try:
            with self._depot.holding() if self._depot is not None else nullcontext():
                data = self._path(digest).read_bytes()
        except FileNotFoundError:
            raise NotFound(
                f"the file with the digest {digest[:12]}… is not in this home",
                hint="restore the artefacts folder from a backup",
            ) from None
        if sha256(data).hexdigest() != digest:
            raise HomeDamaged(f"the file {digest[:12]}… was altered: it no longer has the digest it is named by")
        return data

    def plain(self) -> dict[str, Path]:
        """Returns the files here that never change, by what they are called in a depot."""
        return {key_of(path.name): path for path in sorted(self._folder.iterdir()) if _DIGEST.fullmatch(path.name)}

    def _is_away(self, digest: str) -> bool:
        return self._depot is not None and self._depot.find(key_of(digest)) is not None

    def _path(self, digest: str) -> Path:
        path = self._folder / digest
        if self._depot is not None and not path.exists() and self._is_away(digest):
            return self._depot.local(key_of(digest))
        return path

    def put_sealed(self, data: bytes) -> str:
        """Keeps `data` encrypted and returns the digest of its contents; a file that does not open is replaced."""
        digest = sha256(data).hexdigest()
        path = self._folder / (digest + _SEALED)
        with self._sealing:
            try:
                if not self._opens(path, digest):
                    replace_file(path, _sealed(self._ciphers[-1], digest, data))
            except OSError as error:
                raise LogUnavailable(f"a file could not be kept: {error.strerror}") from error
        return digest

    def _opens(self, path: Path, digest: str) -> bool:
        """Whether a sealed file is there and can be read."""
        if not path.exists():
            return False
        try:
            _opened(self._ciphers, path.read_bytes(), digest)
        except (InvalidTag, ValueError):
            return False
        return True

    def get_sealed(self, digest: str) -> bytes:
        """Returns the contents of a sealed file by their digest.

        Raises:
            NotFound: When this home does not have it.
            HomeDamaged: When it was altered, or sealed with other keys.
        """
        if not _DIGEST.fullmatch(digest):
            raise InvalidInput(f"{digest[:80]!r} is not a SHA-256 in hex")
        path = self._folder / (digest + _SEALED)
        try:
            ciphers = self._ciphers
            try:
                return _opened(ciphers, path.read_bytes(), digest)
            except InvalidTag:
                if ciphers is self._ciphers:
                    raise
                return _opened(self._ciphers, path.read_bytes(), digest)  # sealed anew between the two
        except FileNotFoundError:
            raise NotFound(f"what has the digest {digest[:12]}… is not kept in this home") from None
        except (InvalidTag, ValueError) as error:
            raise HomeDamaged(f"the file {digest[:12]}… was altered, or sealed with other keys") from error

    def reseal(self, new_vault_key: bytes) -> int:
        """Seals every sealed file under a new key; returns how many. Doing it again is safe.

        Raises:
            LogUnavailable: When the disk refuses.
        """
        with self._sealing:
            old, new = self._ciphers, _cipher(new_vault_key)
            self._ciphers = (*old, new)
            done = 0
            for path in self._sealed_files():
                digest = path.name.removesuffix(_SEALED)
                try:
                    data = _opened(old, path.read_bytes(), digest)
                except (InvalidTag, ValueError):
                    continue  # an interrupted run had already reached this one
                try:
                    replace_file(path, _sealed(new, digest, data))
                except OSError as error:
                    raise LogUnavailable(f"a file could not be sealed anew: {error.strerror}") from error
                done += 1
            self._ciphers = (new,)
            return done

    def _sealed_files(self) -> Iterable[Path]:
        return sorted(self._folder.glob("*" + _SEALED))


def _cipher(vault_key: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=b"counterfoil objects 1").derive(vault_key))


def _opened(ciphers: Sequence[AESGCM], raw: bytes, digest: str) -> bytes:
    """Returns what a sealed file holds (InvalidTag where none of the keys opens it)."""
    for cipher in ciphers[:-1]:
        with suppress(InvalidTag):
            return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], digest.encode())
    return ciphers[-1].decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], digest.encode())


def _sealed(cipher: AESGCM, digest: str, data: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, data, digest.encode())
