"""What opens an organisation's keys: a key file or a passphrase, and where they are looked for."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from hashlib import scrypt
from pathlib import Path
from typing import Final, Literal, Self

from counterfoil.errors import InvalidInput, Locked
from counterfoil.store.durable import sync_folder, write_all
from counterfoil.store.private_file import read_private
from counterfoil.store.sealing import KEY_BYTES, encoded

__all__ = ["ENV_KEY_FILE", "ENV_PASSPHRASE", "ENV_PASSPHRASE_FILE", "SCRYPT_N", "WAYS", "Unlock", "derive_key"]

ENV_KEY_FILE: Final = "COUNTERFOIL_KEY_FILE"
ENV_PASSPHRASE_FILE: Final = "COUNTERFOIL_PASSPHRASE_FILE"  # noqa: S105 - a variable's name
ENV_PASSPHRASE: Final = "COUNTERFOIL_PASSPHRASE"  # noqa: S105 - a variable's name

SCRYPT_N: Final = 2**17
"""Cost of trying one passphrase: with r = 8, 128 MiB of memory and about half a second."""

SCRYPT_R: Final = 8
SCRYPT_P: Final = 1

WAYS: Final = f"set {ENV_KEY_FILE}, {ENV_PASSPHRASE_FILE} or {ENV_PASSPHRASE}, or name key_file in counterfoil.toml"

_MAX_SECRET_BYTES: Final = 4_096

Method = Literal["key_file", "passphrase"]


class Unlock:
    """A secret that opens the keys. Its text never shows in repr, errors or logs.

    Attributes:
        method: `key_file` or `passphrase`.
        source: The file it was read from, as people named it.
        scrypt_n: Cost used when keys are sealed under this passphrase; reading uses the stored cost.
    """

    __slots__ = ("_secret", "method", "scrypt_n", "source")

    def __init__(self, method: Method, secret: bytes, *, scrypt_n: int = SCRYPT_N, source: str = "") -> None:
        """For `from_key_file`, `from_passphrase` and `from_environment`."""
        self.method: Method = method
        self.scrypt_n = scrypt_n
        self.source = source
        self._secret = secret

    def __repr__(self) -> str:
        return f"Unlock({self.method})"

    @classmethod
    def create_key_file(cls, path: Path) -> Self:
        """Writes a new key file (32 random bytes in base64, mode 0600) and returns what it unlocks with.

        Raises:
            InvalidInput: There is a file already, or the folder cannot be written.
        """
        secret = os.urandom(KEY_BYTES)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                write_all(fd, b64encode(secret) + b"\n", 0)
                os.fsync(fd)
            finally:
                os.close(fd)
            sync_folder(path.absolute().parent)
        except FileExistsError as error:
            raise InvalidInput(f"there is a file already: {path}", hint="a key file is never overwritten") from error
        except OSError as error:
            raise InvalidInput(f"the key file cannot be written: {error}") from error
        return cls("key_file", secret)

    @classmethod
    def from_key_file(cls, path: Path) -> Self:
        """Reads a key file.

        Raises:
            Locked: It is missing, others may read it, or it holds something else.
        """
        try:
            secret = b64decode(read_private(path, "key file", _MAX_SECRET_BYTES, hint=WAYS).strip(), validate=True)
        except (Base64Error, ValueError):
            secret = b""
        if len(secret) != KEY_BYTES:
            raise Locked(f"{path} is not a key file", hint="a key file holds 32 bytes in base64, and nothing else")
        return cls("key_file", secret, source=str(path))

    @classmethod
    def from_passphrase(cls, passphrase: str, *, scrypt_n: int = SCRYPT_N) -> Self:
        """Takes a passphrase as typed.

        Raises:
            InvalidInput: It is empty or not text.
        """
        secret = encoded(passphrase)
        if not secret:
            raise InvalidInput("the passphrase is empty, or not text that UTF-8 can hold")
        return cls("passphrase", secret, scrypt_n=scrypt_n)

    @classmethod
    def from_passphrase_file(cls, path: Path, *, scrypt_n: int = SCRYPT_N) -> Self:
        """Reads a passphrase from a file that only its owner may read; a last line break is not part of it.

        Raises:
            Locked: The file is missing, empty, not text, or others may read it.
        """
        data = (
            read_private(path, "passphrase file", _MAX_SECRET_BYTES, hint=WAYS).removesuffix(b"\n").removesuffix(b"\r")
        )
        text = data.decode(errors="ignore")
        if not text or text.encode() != data:
            raise Locked(f"the passphrase file {path} is empty or not text")
        return cls.from_passphrase(text, scrypt_n=scrypt_n)

    @classmethod
    def from_environment(
        cls,
        key_file: Path | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        prompt: Callable[[], str] | None = None,
    ) -> Self:
        """Finds what unlocks, in this order; the first that is named counts, even when it does not fit.

        1. COUNTERFOIL_KEY_FILE  2. COUNTERFOIL_PASSPHRASE_FILE  3. COUNTERFOIL_PASSPHRASE
        4. `key_file`, the one that the home's counterfoil.toml names  5. `prompt`

        Args:
            key_file: `home.key_file`.
            environ: The environment, by default the process's own.
            prompt: Asks a person; None where nobody is there to answer.

        Raises:
            Locked: None of these is there, or the one named cannot be used.
        """
        environ = os.environ if environ is None else environ
        if path := environ.get(ENV_KEY_FILE):
            return cls.from_key_file(Path(path))
        if path := environ.get(ENV_PASSPHRASE_FILE):
            return cls.from_passphrase_file(Path(path))
        if text := environ.get(ENV_PASSPHRASE):
            return cls.from_passphrase(text)
        if key_file is not None:
            return cls.from_key_file(key_file)
        if prompt is not None:
            return cls.from_passphrase(prompt())
        raise Locked("nothing to unlock the keys with", hint=WAYS)


def derive_key(unlock: Unlock, salt: bytes, n: int, r: int = SCRYPT_R, p: int = SCRYPT_P) -> bytes:
    """Returns the 32-byte key that seals the keys: the key file's bytes, or scrypt (RFC 7914) of the passphrase."""
    if unlock.method == "key_file":
        return unlock._secret
    return scrypt(unlock._secret, salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=KEY_BYTES)
