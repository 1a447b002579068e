"""Key files: an account's secret, sealed under a passphrase (Web3 Secret Storage, version 3).

Wallets and nodes of Ethereum read and write the same files. Every value in one is read
strictly, and a file that asks for an absurd amount of work is refused before any is done.
"""

from __future__ import annotations

import builtins
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput, Locked, NotFound
from counterfoil.ledger.accounts.account import SECRET_BYTES, LocalAccount, checksummed
from counterfoil.ledger.accounts.passphrase import Passphrase
from counterfoil.ledger.recursion import keeping_recursion_limit
from counterfoil.store.durable import sync_folder, write_all
from counterfoil.store.private_file import read_private

__all__ = ["SCRYPT_N", "Keyfile", "read_secret_key"]

SCRYPT_N: Final = 2**18
"""Cost of trying one passphrase: with r = 8, 256 MiB of memory and about a second."""

MAX_SCRYPT_BYTES: Final = 2**29
"""Most memory that a file may ask for, 128 * n * r: twice what wallets use."""

MAX_SCRYPT_WORK: Final = 2**23
"""Largest n * r * p: four times what wallets use."""

MAX_PBKDF2_ROUNDS: Final = 10_000_000
"""Most rounds that a file may ask for; wallets use 262,144 to 1,000,000."""

_MAX_FILE_BYTES: Final = 16_384
_HEX: Final = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2})*)")
_SECRET_TEXT: Final = re.compile(rb"\s*(?:0x)?([0-9a-fA-F]{64})\s*")


@dataclass(frozen=True, slots=True)
class Keyfile:
    """A key file that is there; opening it takes the passphrase.

    Attributes:
        path: The file.
        address: 20 bytes that it says it is for, checked when it is opened; None when it does not say.
    """

    path: Path
    address: bytes | None

    @classmethod
    def create(cls, folder: Path, account: LocalAccount, passphrase: Passphrase, *, scrypt_n: int = SCRYPT_N) -> Self:
        """Writes an account's secret, sealed, to `folder`/0x….json with mode 0600; it is on the disk on return.

        Args:
            folder: Made, readable by its owner only, where it is missing.
            account: Whose secret it is; `LocalAccount.create()` makes a new one.
            passphrase: What will open it.
            scrypt_n: Cost of trying one passphrase; a power of two. Lower it where nobody could guess it anyway.

        Raises:
            InvalidInput: There is a file for this account already, or it cannot be written.
        """
        with keeping_recursion_limit():
            from eth_keyfile.keyfile import create_keyfile_json
        if scrypt_n < 2 or scrypt_n & (scrypt_n - 1) or 128 * 8 * scrypt_n > MAX_SCRYPT_BYTES:
            raise InvalidInput(f"scrypt_n is {scrypt_n}", hint=f"a power of two, such as {SCRYPT_N}")
        sealed = create_keyfile_json(account.secret, passphrase.secret, kdf="scrypt", iterations=scrypt_n)
        sealed["address"] = account.address.hex()
        path = folder / f"{checksummed(account.address)}.json"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(folder.absolute().parent)
            _write_new(path, json.dumps(sealed, indent=1).encode() + b"\n")
        except OSError as error:
            if isinstance(error, FileExistsError) and path.exists():
                raise InvalidInput(
                    f"there is a file already: {path}", hint="a key file is never overwritten"
                ) from error
            raise InvalidInput(f"the key file {path} cannot be written: {error.strerror}") from error
        return cls(path, account.address)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads whose key file it is, without opening it.

        Raises:
            Locked: The file is missing, or others may read it.
            InvalidInput: It is no key file of version 3.
        """
        return cls(path, _address(_parsed(path), path))

    @classmethod
    def list(cls, folder: Path) -> builtins.list[Self]:
        """Returns the key files of a folder by name, without opening any; what is none is passed over."""
        found = []
        for path in sorted(each for each in folder.glob("*") if each.is_file()):
            try:
                found.append(cls.read(path))
            except (InvalidInput, Locked):
                continue
        return found

    @classmethod
    def find(cls, folder: Path, address: bytes) -> Self:
        """Returns the key file of an account.

        Raises:
            NotFound: There is none in the folder.
        """
        for keyfile in cls.list(folder):
            if keyfile.address == address:
                return keyfile
        raise NotFound(
            f"no key file of {checksummed(address)} is in {folder}",
            hint="only its owner may read it (chmod 600), or it is not seen",
        )

    def open(self, passphrase: Passphrase) -> LocalAccount:
        """Returns the account.

        Raises:
            Locked: Another passphrase, or the file was altered, is missing, or others may read it.
            InvalidInput: It is no key file of version 3, asks for too much work, or names another account.
        """
        with keeping_recursion_limit():
            from eth_keyfile.keyfile import decode_keyfile_json
        parts = _parsed(self.path)
        sealed = _sealed(parts["crypto"], self.path)
        try:
            secret = decode_keyfile_json(sealed, passphrase.secret)
        except ValueError:  # the library's own says "MAC mismatch"; it is not chained, being about a secret
            raise Locked(
                f"the passphrase does not open the key file {self.path}",
                hint="check the passphrase; an altered file does not open either",
            ) from None
        account = LocalAccount(bytes(secret))
        claimed = _address(parts, self.path)
        if claimed is not None and claimed != account.address:
            raise InvalidInput(f"the key file {self.path} is for another account than it says")
        return account


def read_secret_key(path: Path) -> LocalAccount:
    """Reads an account's secret as other tools give it away: 64 hexadecimal digits in a file.

    Raises:
        Locked: The file is missing, or others may read it.
        InvalidInput: It holds something else.
    """
    found = _SECRET_TEXT.fullmatch(read_private(path, "secret key's file", _MAX_FILE_BYTES))
    if found is None:
        raise InvalidInput(
            f"{path} holds no secret key", hint="a secret key is 64 hexadecimal digits, and nothing else"
        )
    return LocalAccount(bytes.fromhex(found[1].decode()))


def _write_new(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        write_all(fd, data, 0)
        os.fsync(fd)
        sync_folder(path.parent)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)


def _parsed(path: Path) -> dict[str, Any]:
    """Returns the file's values under lower-case names, as old wallets wrote `Crypto`."""
    data = read_private(path, "key file", _MAX_FILE_BYTES)
    try:
        found = canonical.loads(data)
    except InvalidInput:  # not chained: its words may quote the file, which may be a bare secret key
        found = None
    parts = _lowered(found, path)
    if parts.get("version") != 3 or not isinstance(parts.get("crypto"), Mapping):
        raise _unusable(path, "it is no key file of version 3")
    parts["crypto"] = _lowered(parts["crypto"], path)
    for name in ("kdfparams", "cipherparams"):
        parts["crypto"][name] = _lowered(parts["crypto"].get(name), path)
    return parts


def _lowered(value: Any, path: Path) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _unusable(path, "it is no key file of version 3")
    lowered = {name.lower(): each for name, each in value.items()}
    if len(lowered) < len(value):
        raise _unusable(path, "it says something twice")
    return lowered


def _sealed(crypto: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Returns what the library opens, made anew from values that were checked; it checks none of them itself."""
    if crypto.get("cipher") != "aes-128-ctr":
        raise _unusable(path, "its cipher is unknown")
    kdf = crypto.get("kdf")
    if kdf not in ("scrypt", "pbkdf2"):
        raise _unusable(path, "its key derivation is unknown")
    salt = _hex(crypto["kdfparams"], "salt", path)
    work = _scrypt(crypto["kdfparams"], path) if kdf == "scrypt" else _pbkdf2(crypto["kdfparams"], path)
    sealed = {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": _hex(crypto["cipherparams"], "iv", path, 16)},
        "ciphertext": _hex(crypto, "ciphertext", path, SECRET_BYTES),
        "kdf": kdf,
        "kdfparams": work | {"dklen": 32, "salt": salt},
        "mac": _hex(crypto, "mac", path, 32),
    }
    return {"version": 3, "crypto": sealed}


def _scrypt(params: Mapping[str, Any], path: Path) -> dict[str, Any]:
    n, r, p = (_number(params, name, path) for name in ("n", "r", "p"))
    if n < 2 or n & (n - 1):
        raise _unusable(path, "its scrypt cost is no power of two")
    if 128 * n * r > MAX_SCRYPT_BYTES or n * r * p > MAX_SCRYPT_WORK:
        raise _unusable(path, f"it asks for absurd work (scrypt with n = {n}, r = {r}, p = {p})")
    return {"n": n, "r": r, "p": p}


def _pbkdf2(params: Mapping[str, Any], path: Path) -> dict[str, Any]:
    rounds = _number(params, "c", path)
    if params.get("prf") != "hmac-sha256":
        raise _unusable(path, "its key derivation is unknown")
    if rounds > MAX_PBKDF2_ROUNDS:
        raise _unusable(path, f"it asks for absurd work ({rounds:,} rounds of PBKDF2)")
    return {"c": rounds, "prf": "hmac-sha256"}


def _number(params: Mapping[str, Any], name: str, path: Path) -> int:
    value = params.get(name)
    if type(value) is not int or value < 1:
        raise _unusable(path, f"its {name} is no number from 1")
    return value


def _hex(values: Mapping[str, Any], name: str, path: Path, size_bytes: int | None = None) -> str:
    value = values.get(name)
    found = _HEX.fullmatch(value) if isinstance(value, str) else None
    if found is None or (size_bytes is not None and len(found[1]) != 2 * size_bytes):
        raise _unusable(path, f"its {name} has another shape")
    return found[1]


def _address(parts: Mapping[str, Any], path: Path) -> bytes | None:
    """Returns the address that the file names; the format leaves it out where it should stay private."""
    return bytes.fromhex(_hex(parts, "address", path, 20)) if parts.get("address") else None


def _unusable(path: Path, why: str) -> InvalidInput:
    return InvalidInput(f"the key file {path} cannot be used: {why}", hint="name a key file of version 3")
