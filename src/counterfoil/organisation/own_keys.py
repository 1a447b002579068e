"""Keys that a home makes when they are first used, each put on record as it is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.core.note import ED25519, VerifierKey
from counterfoil.core.statement import Draft
from counterfoil.organisation.erasures import STREAM
from counterfoil.store.keyring import KeyEntry, Keyring
from counterfoil.store.recorder import Recorder
from counterfoil.store.streams import time_text

__all__ = ["OwnKeys"]

_Use: TypeAlias = Literal["node", "model", "pseudonym", "rows", "market"]
_KIND: Final = "key"


class OwnKeys:
    """The keys of one home beside those of its log and vault. Safe to use from several threads.

    Args:
        keyring: Keeps them, sealed.
        recorder: Puts on record which there are.
        origin: The log's name.
    """

    def __init__(self, keyring: Keyring, recorder: Recorder, origin: str) -> None:
        self._keyring = keyring
        self._recorder = recorder
        self._origin = origin

    def node(self) -> bytes:
        """Returns the secret Ed25519 key that signs requests to other nodes."""
        return self._made("node", self._verifier)

    def market(self) -> bytes:
        """Returns the secret Ed25519 key that signs what buyers and sellers are told."""
        return self._made("market", self._verifier)

    def model(self) -> ec.EllipticCurvePrivateKey:
        """Returns the key on P-256 that signs models for others' tools."""
        secret = self._made("model", lambda entry: entry.public.hex())
        return ec.derive_private_key(int.from_bytes(secret), ec.SECP256R1())

    def pseudonym(self, key_id: str = "") -> tuple[str, bytes]:
        """Returns id and secret of the key that makes pseudonyms; on record is its id."""
        secret = self._keyring.secret("pseudonym", key_id) if key_id else self._made("pseudonym", lambda e: e.id)
        return key_id or self._keyring.current("pseudonym").id, secret

    def rows(self) -> bytes:
        """Returns the key that wraps the secrets behind rows of datasets; on record is its id."""
        return self._made("rows", lambda entry: entry.id)

    def put_on_record(self, use: str, key: str, handover: str = "") -> None:
        """Writes the record of a key; `handover` is the note by which the former one names it, if there is one."""
        about = {"handover": handover, "key": key, "use": use}
        self._recorder.write(Draft(_KIND, STREAM, use, about=about))

    def _verifier(self, entry: KeyEntry) -> str:
        return str(VerifierKey(self._origin, ED25519, entry.public))

    def _made(self, use: _Use, told: Callable[[KeyEntry], str]) -> bytes:
        with self._recorder.exclusive():
            if not self._keyring.has(use):
                self.put_on_record(use, told(self._keyring.add(use, time_text(self._recorder.now_s()))))
            return self._keyring.secret(use)
