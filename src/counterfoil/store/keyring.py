"""The organisation's secret keys in one file, each sealed under what unlocks them.

    {"version":1,
     "unlock":{"method":"passphrase","scrypt":{"n":..,"p":1,"r":8,"salt":b64},"check":b64},
     "keys":[{"use":"log","algorithm":"Ed25519","id":hex,"public":b64,"sealed":b64,
              "created":"2026-11-23T19:00:00Z","retired":null}, ..]}

A retired key keeps its secret until the hand-over is confirmed: the log's old key
signs for the new one, the vault's old key opens what is wrapped again. After that
only its public part stays, so that what it signed can still be checked.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from typing import Any, Final, Literal, Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from counterfoil.core import canonical
from counterfoil.errors import HomeDamaged, InvalidInput, Locked, LogUnavailable, NotFound, NotSetUp, Stale
from counterfoil.store.durable import replace_file
from counterfoil.store.sealing import KEY_BYTES, cipher, unwrap, wrap
from counterfoil.store.unlock import SCRYPT_P, SCRYPT_R, WAYS, Unlock, derive_key

__all__ = ["KEYRING_VERSION", "KeyEntry", "Keyring"]

KEYRING_VERSION: Final = 1

Use = Literal["log", "vault", "head", "account", "witness", "node", "model", "rows", "pseudonym", "market"]
_ALGORITHMS: Final[dict[str, str]] = {
    "log": "Ed25519",
    "vault": "AES-256-GCM",
    "head": "secp256k1",
    "account": "passphrase",
    "witness": "Ed25519",
    "node": "Ed25519",
    "model": "P-256",
    "rows": "AES-256-GCM",
    "pseudonym": "HMAC-SHA-256",
    "market": "Ed25519",
}
_CURVES: Final[dict[str, Callable[[], ec.EllipticCurve]]] = {"head": ec.SECP256K1, "model": ec.SECP256R1}
_NEEDED: Final = frozenset({"log", "vault"})
_CHECK: Final = b"counterfoil unlock key"
_RESTORE: Final = "restore keys.json from a backup"


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """What may be shown of a key.

    Attributes:
        use: `log` (signs heads), `vault` (wraps the keys of private values); once connected to a ledger also
            `head` (signs heads for its contract) and `account` (opens the account's key file unattended); once it
            watches others' logs also `witness` (cosigns their heads); `node` signs requests to other nodes; `model`
            signs models for others' tools; `rows` wraps the secrets behind commitments to rows of datasets; `pseudonym`
            makes pseudonyms of persons; `market` signs what is said to buyers and sellers, and the keys that purchases
            are encrypted to come from it.
        algorithm: `Ed25519`, `AES-256-GCM`, `secp256k1`, `P-256`, `HMAC-SHA-256` or `passphrase`.
        id: 16 random hex digits.
        public: 32 bytes for `log`, `witness`, `node` and `market`, 33 for `head` (SEC 1, compressed), else empty.
        created: UTC, `2026-11-23T19:00:00Z`.
        retired: When a newer key took over, None while in use.
        has_secret: Whether the secret part is still kept.
    """

    use: str
    algorithm: str
    id: str
    public: bytes
    created: str
    retired: str | None
    has_secret: bool


class Keyring:
    """The keys of one home, unlocked. Safe to use from several threads; the home's lock keeps out other processes."""

    def __init__(self, path: Path, unlock: dict[str, Any], entries: list[KeyEntry], secrets: dict[str, bytes]) -> None:
        """For `create` and `open`."""
        self._path = path
        self._unlock = unlock
        self._entries = entries
        self._secrets = secrets
        self._sealing: AESGCM | None = None
        self._lock = RLock()  # one change at a time; lists and tables are replaced, never altered, for those who read

    def __repr__(self) -> str:
        return f"Keyring({str(self._path)!r}, {len(self._entries)} keys)"

    @classmethod
    def create(cls, path: Path, unlock: Unlock, now: str) -> Self:
        """Makes a log key and a vault key and writes them, sealed.

        Args:
            path: `keys.json`; it must not exist.
            unlock: What will open it.
            now: UTC, `2026-11-23T19:00:00Z`.
        """
        if path.exists():
            raise InvalidInput(f"there are keys already: {path}", hint="keys are rotated, never overwritten")
        ring = cls(path, {}, [], {})
        for use in ("log", "vault"):
            ring._add(use, now)
        ring.change_unlock(unlock)
        return ring

    @classmethod
    def open(cls, path: Path, unlock: Unlock) -> Self:
        """Reads and unlocks the keys.

        Raises:
            NotSetUp: No file, or one of another version.
            Locked: A wrong key file or passphrase.
            HomeDamaged: The file was altered or cut.
        """
        parts = _read(path)
        settings = parts["unlock"]
        sealing = _unlocked(settings, unlock)
        entries, secrets = [], {}
        for row in parts["keys"]:
            entry, sealed = _entry(row)
            entries.append(entry)
            if sealed is not None:
                secret = unwrap(sealing, sealed, _purpose(entry))
                if secret is None or len(secret) != KEY_BYTES:
                    raise HomeDamaged(f"the {entry.use} key {entry.id} in keys.json was altered", hint=_RESTORE)
                secrets[entry.id] = secret
        in_use = [e.use for e in entries if e.retired is None and e.has_secret]
        if not set(in_use) >= _NEEDED or len(in_use) != len(set(in_use)):
            raise HomeDamaged("keys.json does not hold one log key and one vault key in use", hint=_RESTORE)
        ring = cls(path, settings, entries, secrets)
        ring._sealing = sealing
        return ring

    def entries(self) -> tuple[KeyEntry, ...]:
        """Returns every key, retired ones included, oldest first."""
        return tuple(self._entries)

    def current(self, use: Use) -> KeyEntry:
        """Returns the key in use."""
        return next(entry for entry in self._entries if entry.use == use and entry.retired is None)

    def pending(self, use: Use) -> KeyEntry | None:
        """Returns the retired key whose hand-over was not confirmed yet, if there is one."""
        return next((e for e in self._entries if e.use == use and e.retired is not None and e.has_secret), None)

    def has(self, use: Use) -> bool:
        """Whether there is a key in use for this."""
        return any(entry.use == use and entry.retired is None for entry in self._entries)

    def use_of(self, public: bytes) -> str | None:
        """Returns what a public key is for, be it retired; None where it is none of these."""
        return next((entry.use for entry in self._entries if public and entry.public == public), None)

    def add(self, use: Use, now: str) -> KeyEntry:
        """Makes the first key for a use that has none; returns the one there is otherwise."""
        with self._lock:
            if self.has(use):
                return self.current(use)
            with self._changing():
                return self._add(use, now)

    def secret(self, use: Use, key_id: str | None = None) -> bytes:
        """Returns 32 secret bytes: an Ed25519 seed, a scalar (`head`, `model`), or a key for AES-256 or HMAC.

        Args:
            use: What the key is for.
            key_id: A retired key that is still pending; by default the key in use.

        Raises:
            NotFound: That key's secret is not kept any more.
        """
        wanted = self.current(use).id if key_id is None else key_id
        if wanted not in self._secrets or not any(e.id == wanted and e.use == use for e in self._entries):
            raise NotFound(f"no secret of a {use} key {wanted} is kept")
        return self._secrets[wanted]

    def public(self, use: Use) -> bytes:
        """Returns the public part of the key in use, 32 bytes; empty for `vault`."""
        return self.current(use).public

    def rotate(self, use: Use, now: str) -> tuple[KeyEntry, KeyEntry]:
        """Makes a new key and retires the old one, whose secret stays until `confirm`.

        Args:
            use: Which key.
            now: UTC, `2026-11-23T19:00:00Z`.

        Returns:
            (old, new). For `log`, the old key signs the record that names the new one; for
            `vault`, `Vault.rotate_key` wraps everything again. Then call `confirm`.

        Raises:
            Stale: An earlier rotation of this key was not confirmed.
        """
        with self._changing():
            if self.pending(use) is not None:
                raise Stale(
                    f"the last rotation of the {use} key is not finished", hint="open the home once to finish it"
                )
            old = replace(self.current(use), retired=now)
            self._entries = [old if entry.id == old.id else entry for entry in self._entries]
            return old, self._add(use, now)

    def confirm(self, use: Use) -> None:
        """Deletes the retired key's secret: the hand-over is done. Without one pending, does nothing."""
        with self._lock:
            old = self.pending(use)
            if old is None:
                return
            with self._changing():
                self._entries = [replace(e, has_secret=False) if e.id == old.id else e for e in self._entries]
                self._secrets = {key: secret for key, secret in self._secrets.items() if key != old.id}

    def change_unlock(self, unlock: Unlock) -> None:
        """Seals every key again under another key file or passphrase. The keys stay the same."""
        salt = os.urandom(16)
        settings: dict[str, Any] = {"method": unlock.method}
        if unlock.method == "passphrase":
            settings["scrypt"] = {"n": unlock.scrypt_n, "r": SCRYPT_R, "p": SCRYPT_P, "salt": _b64(salt)}
        sealing = cipher(derive_key(unlock, salt, unlock.scrypt_n))
        settings["check"] = _b64(wrap(sealing, _CHECK, b"check"))
        with self._changing():
            self._unlock, self._sealing = settings, sealing

    def _add(self, use: str, now: str) -> KeyEntry:
        secret, public = _drawn(use)
        entry = KeyEntry(use, _ALGORITHMS[use], os.urandom(8).hex(), public, now, None, True)
        self._entries = [*self._entries, entry]
        self._secrets = self._secrets | {entry.id: secret}
        return entry

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Holds the lock while keys are changed, and saves them; where that fails, all is as it was."""
        with self._lock:
            before = self._unlock, self._sealing, self._entries, self._secrets
            try:
                yield
                self._write()
            except BaseException:
                self._unlock, self._sealing, self._entries, self._secrets = before
                raise

    def _write(self) -> None:
        assert self._sealing is not None
        sealing = self._sealing
        keys = [
            {
                "use": entry.use,
                "algorithm": entry.algorithm,
                "id": entry.id,
                "public": _b64(entry.public),
                "sealed": _b64(wrap(sealing, self._secrets[entry.id], _purpose(entry))) if entry.has_secret else None,
                "created": entry.created,
                "retired": entry.retired,
            }
            for entry in self._entries
        ]
        data = canonical.dumps({"version": KEYRING_VERSION, "unlock": self._unlock, "keys": keys})
        try:
            replace_file(self._path, data + b"\n", mode=0o600)
        except OSError as error:
            raise LogUnavailable(f"the keys cannot be saved: {error}", hint="nothing was changed") from error


def _drawn(use: str) -> tuple[bytes, bytes]:
    """Draws a new secret; returns it with its public part."""
    if use in _CURVES:
        key = ec.generate_private_key(_CURVES[use]())
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        return key.private_numbers().private_value.to_bytes(KEY_BYTES, "big"), point
    secret = os.urandom(KEY_BYTES)
    if _ALGORITHMS[use] != "Ed25519":
        return secret, b""
    return secret, Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def _unlocked(settings: dict[str, Any], unlock: Unlock) -> AESGCM:
    method = settings["method"]
    names = {"key_file": "a key file", "passphrase": "a passphrase"}
    if method != unlock.method:
        raise Locked(f"these keys open with {names[method]}, and {names[unlock.method]} was given", hint=WAYS)
    if method == "passphrase":
        cost = settings["scrypt"]
        key = derive_key(unlock, _unb64(cost["salt"]), cost["n"], cost["r"], cost["p"])
    else:
        key = derive_key(unlock, b"", 0)
    sealing = cipher(key)
    if unwrap(sealing, _unb64(settings["check"]), b"check") != _CHECK:
        given = f"the key file {unlock.source}" if unlock.source else names[method]
        hint = f"name the right one with --key-file, or {WAYS}" if method == "key_file" else WAYS
        raise Locked(f"{given} was given, and it is not the one these keys open with", hint=hint)
    return sealing


def _read(path: Path) -> dict[str, Any]:
    """Returns the file's parts, checked for shape."""
    try:
        value = canonical.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise NotSetUp(f"there are no keys at {path}", hint=_RESTORE) from error
    except OSError as error:
        raise NotSetUp(f"the keys cannot be read: {error}") from error
    except InvalidInput as error:
        raise HomeDamaged(f"keys.json cannot be read: {error.message}", hint=_RESTORE) from error
    parts: dict[str, Any] = value if isinstance(value, dict) else {}
    version = parts.get("version")
    if type(version) is not int:
        raise HomeDamaged("keys.json does not name its version", hint=_RESTORE)
    if version > KEYRING_VERSION:
        raise NotSetUp("these keys were written by a newer Counterfoil", hint="install the newer version")
    if version < KEYRING_VERSION:
        raise NotSetUp("these keys were written by an older Counterfoil", hint="run `counterfoil migrate`")
    if not _has_shape(parts):
        raise HomeDamaged("keys.json has another shape than expected", hint=_RESTORE)
    return parts


def _has_shape(parts: dict[str, Any]) -> bool:
    unlock, keys = parts.get("unlock"), parts.get("keys")
    if parts.keys() != {"version", "unlock", "keys"} or not isinstance(unlock, dict) or not isinstance(keys, list):
        return False
    method = unlock.get("method")
    if method == "passphrase":
        cost = unlock.get("scrypt")
        return unlock.keys() == {"method", "scrypt", "check"} and isinstance(cost, dict) and _is_affordable(cost)
    return method == "key_file" and unlock.keys() == {"method", "check"}


def _is_affordable(cost: dict[str, Any]) -> bool:
    """Whether a scrypt cost is well formed, and below 2 GiB of memory: the file may have been altered."""
    n, r, p = (cost.get(name) for name in ("n", "r", "p"))
    if cost.keys() != {"n", "r", "p", "salt"} or not (type(n) is int and type(r) is int and type(p) is int):
        return False
    return 1 < n <= 2**20 and n & (n - 1) == 0 and 1 <= r <= 16 and 1 <= p <= 16


def _entry(row: Any) -> tuple[KeyEntry, bytes | None]:
    """Reads one key: (what may be shown, the sealed secret or None)."""
    names = {"use", "algorithm", "id", "public", "sealed", "created", "retired"}
    if not isinstance(row, dict) or row.keys() != names or _ALGORITHMS.get(str(row["use"])) != row["algorithm"]:
        raise HomeDamaged("keys.json lists something that is not a key", hint=_RESTORE)
    texts: Sequence[Any] = (row["id"], row["created"], row["retired"] or "")
    if not all(isinstance(text, str) for text in texts):
        raise HomeDamaged("keys.json lists something that is not a key", hint=_RESTORE)
    sealed = None if row["sealed"] is None else _unb64(row["sealed"])
    public = _unb64(row["public"])
    return (
        KeyEntry(row["use"], row["algorithm"], row["id"], public, row["created"], row["retired"], sealed is not None),
        sealed,
    )


def _purpose(entry: KeyEntry) -> bytes:
    """What a sealed secret is bound to: swapping public parts or uses in the file is noticed."""
    return canonical.dumps([entry.use, entry.id, _b64(entry.public)])


def _b64(data: bytes) -> str:
    return b64encode(data).decode()


def _unb64(text: Any) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (TypeError, ValueError) as error:
        raise HomeDamaged("keys.json holds something that is not base64", hint=_RESTORE) from error
