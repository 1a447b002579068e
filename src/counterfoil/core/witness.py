"""What a log asks of a witness, and how the witness judges it (C2SP tlog-witness).

    old <size>                 the size the witness saw last, as far as the log knows
    <hash in base64>           up to 63 lines: the head below extends that size
    <empty line>
    <the log's signed head>

A witness signs a head only as an extension of the one it signed before, so whoever
asks for its cosignature cannot have been shown another history of the same log. The
judgement is here; what was seen, and the key, are elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.core.merkle import EMPTY_ROOT, is_consistent
from counterfoil.core.note import MAX_NOTE_BYTES, VerifierKey
from counterfoil.core.proofs import MAX_PROOF_HASHES, decode_hashes, encode_hashes
from counterfoil.errors import MalformedEvidence

__all__ = ["MAX_REQUEST_BYTES", "NOTHING_SEEN", "SIZE_TYPE", "AddCheckpoint", "Refusal", "Seen", "judge"]

MAX_REQUEST_BYTES: Final = 4_096 + MAX_NOTE_BYTES
"""Largest request a witness reads: 63 hashes of 45 bytes, the first line, and the largest head."""

SIZE_TYPE: Final = "text/x.tlog.size"
"""Content type of the answer that names the size the witness saw last."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest head of one log that a witness has signed.

    Attributes:
        size: Number of records.
        root: 32-byte root over them.
        time_s: When it was signed, in Unix seconds.
    """

    size: int
    root: bytes
    time_s: int = 0


NOTHING_SEEN: Final = Seen(0, EMPTY_ROOT)


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """One request for a cosignature.

    Attributes:
        old_size: Size of the head that the proof starts from; 0 without a proof.
        proof: Consistency path from there (RFC 9162 2.1.4.1), hashes of 32 bytes.
        checkpoint: The signed head, as text.
        signed: The same, read.
    """

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: str
    signed: SignedCheckpoint

    def encode(self) -> bytes:
        """Returns the request's body."""
        hashes = "".join(f"{digest}\n" for digest in encode_hashes(self.proof))
        return f"old {self.old_size}\n{hashes}\n{self.checkpoint}".encode()

    @classmethod
    def make(cls, old_size: int, proof: tuple[bytes, ...], checkpoint: str) -> AddCheckpoint:
        """Returns the request for a head (MalformedEvidence when that cannot be read)."""
        return cls(old_size, proof, checkpoint, SignedCheckpoint.parse(checkpoint))

    @classmethod
    def parse(cls, body: bytes) -> AddCheckpoint:
        """Reads a request's body. Nothing in it is trusted yet.

        Raises:
            MalformedEvidence: When it is larger than `MAX_REQUEST_BYTES` or has another shape.
        """
        if len(body) > MAX_REQUEST_BYTES:
            raise MalformedEvidence(f"the request is larger than {MAX_REQUEST_BYTES:,} bytes")
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise MalformedEvidence("the request is not UTF-8 text") from error
        head, blank, checkpoint = text.partition("\n\n")
        first, *hashes = head.split("\n")
        word, _, digits = first.partition(" ")
        if not blank or word != "old" or not _is_size(digits):
            raise MalformedEvidence("the request does not start with `old`, a size, hashes and an empty line")
        if len(hashes) > MAX_PROOF_HASHES:
            raise MalformedEvidence(f"the request has {len(hashes)} hashes; {MAX_PROOF_HASHES} is the limit")
        return cls.make(int(digits), decode_hashes(hashes, "the request"), checkpoint)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a witness does not sign.

    Attributes:
        status: HTTP status, as the protocol gives it.
        reason: In words.
        size: The size the witness saw last, where the log went by another one.
        is_contradiction: Whether the log signed two different heads of one size.
    """

    status: int
    reason: str
    size: int | None = None
    is_contradiction: bool = False


def judge(request: AddCheckpoint, keys: Collection[VerifierKey], seen: Seen) -> Refusal | None:
    """Says whether a witness may sign this head; None when it may.

    1. the log is one that this witness watches
    2. one of the keys it knows for the log signed the head
    3. the size it asks to extend is not beyond the head
    4. it is the size of the head this witness signed last
    5. of the same size, it is the same head
    6. the proof leads from that head to this one

    Args:
        request: What was asked.
        keys: The keys known for the log that the head names; empty when the log is not known.
        seen: The newest head of that log that this witness has signed.
    """
    head, note = request.signed.head, request.signed.note
    if not keys:  # step 1
        return Refusal(404, "this witness does not watch that log")
    if not any(key.name == head.origin and note.signed_by(key) for key in keys):  # step 2
        return Refusal(403, "the head is not signed by a key that this witness knows for the log")
    if request.old_size > head.size:  # step 3
        return Refusal(400, f"a head over {head.size} records cannot extend one over {request.old_size}")
    if request.old_size != seen.size:  # step 4
        return Refusal(409, f"the newest head this witness signed has {seen.size} records", seen.size)
    if head.size == seen.size and head.root != seen.root:  # step 5
        return Refusal(409, f"another head over {head.size} records was signed before", is_contradiction=True)
    if not is_consistent(seen.size, seen.root, head.size, head.root, request.proof):  # step 6
        return Refusal(422, f"the proof does not lead from {seen.size} records to {head.size}")
    return None


def _is_size(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and len(digits) <= 16 and str(int(digits)) == digits
