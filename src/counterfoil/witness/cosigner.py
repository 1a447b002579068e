"""The serving side: signs heads of other organisations' logs, each only as an extension of the last."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, NamedTuple

from counterfoil.core.note import COSIGNATURE, Signer, VerifierKey
from counterfoil.core.witness import NOTHING_SEEN, SIZE_TYPE, AddCheckpoint, Refusal, judge
from counterfoil.errors import CounterfoilError, MalformedEvidence, row_for
from counterfoil.store.keyring import Keyring
from counterfoil.store.streams import time_text
from counterfoil.store.witnessed import Contradiction, Witnessed
from counterfoil.witness.settings import WitnessPaths

__all__ = ["Answer", "Cosigner", "witness_name"]

_PLAIN: Final = "text/plain; charset=utf-8"


class Answer(NamedTuple):
    """What goes back over HTTP: status, content type, body."""

    status: int
    content_type: str
    body: bytes


def witness_name(origin: str) -> str:
    """Returns the name a home signs under as a witness: its own log's, and `/witness`."""
    return f"{origin}/witness"


class Cosigner:
    """Answers `add-checkpoint` (C2SP tlog-witness). Safe to use from several threads.

    Args:
        paths: Where the home keeps what belongs to witnesses.
        keyring: Holds the key `witness`; it is made on first need.
        origin: Name of the home's own log.
        now: Returns Unix seconds.
    """

    def __init__(self, paths: WitnessPaths, keyring: Keyring, origin: str, now: Callable[[], float]) -> None:
        self._paths = paths
        self._keyring = keyring
        self._name = witness_name(origin)
        self._now = now
        self._lock = threading.Lock()  # owns what is opened, and the keyring's witness key
        self._signer: Signer | None = None
        self._witnessed: Witnessed | None = None
        keyring.confirm("witness")  # a rotation that a crash interrupted: nothing has to be handed over
        self.keys: dict[str, tuple[VerifierKey, ...]] = {}  # of the logs it watches; replaced, never changed

    @property
    def key(self) -> VerifierKey:
        """The public key of its cosignatures; made now if there is none."""
        return self._signing().key

    @property
    def has_key(self) -> bool:
        """Whether it has a key already."""
        return self._keyring.has("witness")

    @property
    def witnessed(self) -> Witnessed:
        """What it has signed."""
        with self._lock:
            if self._witnessed is None:
                self._witnessed = Witnessed.open(self._paths.witnessed)
            return self._witnessed

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answers one request. Never raises for what somebody else sent, nor when this home is at fault.

        The new head is on disk before the signature is made.

        Args:
            body: The request's body, at most `MAX_REQUEST_BYTES`.

        Returns:
            200 with the cosignature's line; 400, 403, 404, 409 and 422 as the protocol says; 500 or 503 when this
            home cannot keep what it would sign.
        """
        try:
            request = AddCheckpoint.parse(body)
        except MalformedEvidence as error:
            return _told(400, error.message)
        keys = self.keys.get(request.signed.head.origin, ())
        try:
            refusal, time_s = self._judged(request, keys)
        except CounterfoilError as error:
            return _told(row_for(error).http_status, "this witness cannot sign now")
        if refusal is None:
            line = self._signing().line(request.signed.note.text, time_s=time_s)
            return Answer(200, _PLAIN, line.encode())
        return _refused(refusal)

    def contradictions(self) -> list[Contradiction]:
        """Returns the pairs of heads by which logs contradicted themselves before this witness."""
        return self.witnessed.contradictions() if self._paths.witnessed.exists() else []

    def rotate_key(self) -> VerifierKey:
        """Makes a new key; the old secret is destroyed. Policies must name the new key."""
        with self._lock:
            if self._keyring.has("witness"):
                self._keyring.rotate("witness", self._time())
                self._keyring.confirm("witness")
            self._signer = None
        return self.key

    def close(self) -> None:
        """Lets go of the file."""
        with self._lock:
            if self._witnessed is not None:
                self._witnessed.close()
                self._witnessed = None

    def _signing(self) -> Signer:
        with self._lock:
            if self._signer is None:
                self._keyring.add("witness", self._time())
                self._signer = Signer(self._name, self._keyring.secret("witness"), COSIGNATURE)
            return self._signer

    def _judged(self, request: AddCheckpoint, keys: tuple[VerifierKey, ...]) -> tuple[Refusal | None, int]:
        seen = self.witnessed.seen(request.signed.head.origin) if keys else NOTHING_SEEN
        refusal = judge(request, keys, seen)
        if refusal is not None and not refusal.is_contradiction:
            return refusal, 0  # strangers' requests cost no write
        self._signing()  # before anything is kept: without a key nothing can be signed
        return self.witnessed.advance(request, lambda seen: judge(request, keys, seen), int(self._now()))

    def _time(self) -> str:
        return time_text(int(self._now()))


def _refused(refusal: Refusal) -> Answer:
    if refusal.size is not None:
        return Answer(refusal.status, SIZE_TYPE, f"{refusal.size}\n".encode())
    return _told(refusal.status, refusal.reason)


def _told(status: int, reason: str) -> Answer:
    return Answer(status, _PLAIN, f"{reason}\n".encode())
