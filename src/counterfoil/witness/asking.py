"""Asking one witness for its cosignature, in the words of the protocol (C2SP tlog-witness)."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from counterfoil.core.note import parse_note
from counterfoil.core.witness import SIZE_TYPE, AddCheckpoint
from counterfoil.core.witness_policy import PolicyWitness
from counterfoil.errors import MalformedEvidence
from counterfoil.store.archive import Archive
from counterfoil.witness.endpoint import Reply, Unanswered, post_checkpoint

__all__ = ["Asking", "Given"]

MAX_TRIES: Final = 3
"""Requests to one witness for one head: it may have been told of a newer head in between."""

Post = Callable[[str, bytes, float], Reply]

_REFUSALS: Final = {
    400: "found the request malformed",
    403: "does not know the key that this log signs with; its operator adds issuer.vkey",
    404: "does not watch this log; its operator adds issuer.vkey",
    429: "was asked too often",
}


@dataclass(frozen=True, slots=True)
class Given:
    """What came of asking one witness.

    Attributes:
        name: The witness, as the policy calls it.
        line: Its cosignature's line for the head, newline included; empty when it gave none.
        acknowledged: Size of the newest head that it is known to have signed.
        fault: Why it gave none, in words.
        is_alarm: Whether the fault says that the log and what the witness saw of it do not fit.
    """

    name: str
    line: str = ""
    acknowledged: int = 0
    fault: str = ""
    is_alarm: bool = False


class Asking:
    """Asks witnesses for their cosignatures on one head.

    Args:
        archive: Proves that the head extends what a witness saw.
        checkpoint: The signed head, as text.
        timeout_s: Longest that one witness may take, however often it is asked.
        post: Sends a request.
    """

    def __init__(self, archive: Archive, checkpoint: str, timeout_s: float, post: Post = post_checkpoint) -> None:
        self._archive = archive
        self._checkpoint = checkpoint
        self._timeout_s = timeout_s
        self._post = post
        self._request = AddCheckpoint.make(0, (), checkpoint)
        self._size = self._request.signed.head.size

    def ask(self, witness: PolicyWitness, known: int) -> Given:
        """Asks one witness.

        Args:
            witness: Whom.
            known: Size of the newest head it is known to have signed; where it says otherwise, it is believed.
        """
        if known > self._size:
            return self._later(witness, known)
        deadline_s = clock.monotonic() + self._timeout_s
        for _ in range(MAX_TRIES):
            proof = self._archive.consistency(known, self._size) if known else ()
            body = AddCheckpoint(known, proof, self._checkpoint, self._request.signed).encode()
            try:
                reply = self._post(witness.url, body, max(0.1, deadline_s - clock.monotonic()))
            except Unanswered as error:
                return Given(witness.name, acknowledged=known, fault=f"does not answer: {error}")
            told = _told_size(reply)
            if told is None or told == known:
                return self._judged(witness, known, reply)
            known = told
            if known > self._size:
                return self._later(witness, known)
        return Given(witness.name, acknowledged=known, fault="names another size each time it is asked")

    def _later(self, witness: PolicyWitness, known: int) -> Given:
        """It has signed a head beyond this one: a newer one of this home, or one this home has forgotten."""
        if known <= self._archive.size:
            return Given(witness.name, acknowledged=known, fault="has signed a newer head meanwhile")
        return Given(
            witness.name,
            acknowledged=known,
            fault=f"has signed a head over {known:,} records, and this log has {self._archive.size:,}: "
            "an older copy of the home is open, or somebody else signs with its key",
            is_alarm=True,
        )

    def _judged(self, witness: PolicyWitness, known: int, reply: Reply) -> Given:
        if reply.status == 200:
            line = self._valid_line(witness, reply.body)
            if line:
                return Given(witness.name, line, self._size)
            return Given(witness.name, acknowledged=known, fault="answers with a cosignature that does not hold")
        if reply.status == 422 or (reply.status == 409 and reply.content_type != SIZE_TYPE):
            fault = f"has seen another history of this log, of which {self._size:,} records are no continuation"
            return Given(witness.name, acknowledged=known, fault=fault, is_alarm=True)
        fault = _REFUSALS.get(reply.status, f"answers with HTTP status {reply.status}")
        return Given(witness.name, acknowledged=known, fault=fault)

    def _valid_line(self, witness: PolicyWitness, body: bytes) -> str:
        """Returns the line that is this witness's valid cosignature on the head; empty without one."""
        try:
            note = parse_note(f"{self._request.signed.note.text}\n{body.decode()}")
        except (MalformedEvidence, UnicodeDecodeError):
            return ""
        if note.text != self._request.signed.note.text:
            return ""
        return next((str(line) for line in note.signatures if note.only(line).cosigned_at(witness.key) is not None), "")


def _told_size(reply: Reply) -> int | None:
    """Returns the size that a witness names in a 409, None in any other answer."""
    text = reply.body[:32].decode("ascii", "replace")
    digits = text.removesuffix("\n")
    if reply.status != 409 or reply.content_type != SIZE_TYPE or len(reply.body) > 20 or not digits.isdigit():
        return None
    return int(digits) if str(int(digits)) == digits and int(digits) < 2**53 else None
