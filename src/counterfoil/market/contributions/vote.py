"""What reviewers and contributors say of a proposal afterwards, signed: a vote, or that it is withdrawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.note import Signer, VerifierKey
from counterfoil.core.signed_document import read_document, sign_document
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence
from counterfoil.market.sheets.members import Members

__all__ = ["VOTE_FORMAT", "WITHDRAWAL_FORMAT", "Vote", "read_vote", "read_withdrawal", "sign_vote", "sign_withdrawal"]

VOTE_FORMAT: Final = "counterfoil proposal vote 1"
WITHDRAWAL_FORMAT: Final = "counterfoil proposal withdrawal 1"
MOST_VOTE_BYTES: Final = 2**14
MOST_WORDS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Vote:
    """One reviewer's word.

    Attributes:
        proposal: Digest of the proposal, hex.
        agrees: Whether it should be accepted.
        words: Why; may be empty.
        created: UTC.
        key: Who signed.
        digest_hex: Of the vote.
        data: The vote's file.
    """

    proposal: str
    agrees: bool
    words: str
    created: str
    key: VerifierKey
    digest_hex: str
    data: bytes


def sign_vote(proposal: str, agrees: bool, words: str, created: str, secret: bytes, key_name: str) -> Vote:
    """Returns a vote as it is handed in (InvalidInput where something in it is not usable)."""
    document: dict[str, Any] = {
        "agrees": agrees,
        "created": created,
        "format": VOTE_FORMAT,
        "proposal": proposal,
        "reviewer": str(Signer(key_name, secret).key),
    }
    document |= {"words": words} if words else {}
    try:
        return read_vote(canonical.dumps(sign_document(document, secret, key_name)))
    except MalformedEvidence as error:
        raise InvalidInput(error.message, hint=error.hint) from error


def read_vote(given: bytes | Mapping[str, Any]) -> Vote:
    """Reads a signed vote and checks its signature.

    Raises:
        MalformedEvidence: It is none, or too large.
        DoesNotMatch: The signature is not the key's.
    """
    signed = read_document(given, VOTE_FORMAT, max_bytes=MOST_VOTE_BYTES)
    signed.require_members({"agrees", "created", "proposal", "reviewer"}, {"words"})
    if type(signed.document["agrees"]) is not bool:
        raise MalformedEvidence("the vote's agrees is neither true nor false")
    told = Members(signed.document, whose="the vote")
    try:
        words = told.text("words", MOST_WORDS, lines=True, needed="words" in signed.document)
        proposal, created = told.digest("proposal"), told.time("created")
    except InvalidInput as error:
        raise MalformedEvidence(error.message, hint=error.hint) from error
    if signed.document["reviewer"] != str(signed.key):
        raise DoesNotMatch("the vote is signed by another key than it names")
    agrees = signed.document["agrees"]
    return Vote(proposal, agrees, words, created, signed.key, signed.digest_hex, signed.encode())


def sign_withdrawal(proposal: str, created: str, secret: bytes, key_name: str) -> bytes:
    """Returns a contributor's word that a proposal is withdrawn."""
    document = {"created": created, "format": WITHDRAWAL_FORMAT, "proposal": proposal}
    return canonical.dumps(sign_document(document, secret, key_name))


def read_withdrawal(given: bytes | Mapping[str, Any]) -> tuple[str, VerifierKey]:
    """Reads that a proposal is withdrawn: (digest of the proposal, who signed).

    Raises:
        MalformedEvidence: It is something else.
        DoesNotMatch: The signature is not the key's.
    """
    signed = read_document(given, WITHDRAWAL_FORMAT, max_bytes=MOST_VOTE_BYTES)
    signed.require_members({"created", "proposal"})
    told = Members(signed.document, whose="the withdrawal")
    try:
        told.time("created")
        return told.digest("proposal"), signed.key
    except InvalidInput as error:
        raise MalformedEvidence(error.message, hint=error.hint) from error
