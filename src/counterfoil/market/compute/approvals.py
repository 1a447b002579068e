"""Which algorithms may run on a dataset: by their digest, by who publishes them, or by a vote of the council.

Asked when a job is taken and again right before it runs, about the bytes that will run:
an algorithm that was changed after it was approved is another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from counterfoil.core.note import VerifierKey
from counterfoil.core.signed_document import SignedDocument, sign_document
from counterfoil.errors import NotAllowed
from counterfoil.market.compute.algorithms import Algorithm

__all__ = ["PUBLICATION_FORMAT", "Approval", "Approvals", "publish"]

PUBLICATION_FORMAT: Final = "counterfoil algorithm 1"
"""Of the signed document by which a publisher stands for an algorithm."""


@dataclass(frozen=True, slots=True)
class Approval:
    """Why an algorithm may run.

    Attributes:
        by: The way it was approved.
        reference: The digest, the publisher's key, or the vote's record.
    """

    by: Literal["digest", "publisher", "vote"]
    reference: str


@dataclass(frozen=True, slots=True)
class Approvals:
    """An owner's list. Nothing is approved by an empty one.

    Attributes:
        digests: Of algorithms the owner has looked at.
        publishers: Keys whose publications are trusted; whatever they publish may run.
        votes: Digest of an algorithm to the record of the council's vote for it.
    """

    digests: frozenset[str] = frozenset()
    publishers: tuple[VerifierKey, ...] = ()
    votes: Mapping[str, str] = field(default_factory=dict)

    def approval_of(self, algorithm: Algorithm, publication: SignedDocument | None = None) -> Approval | None:
        """Returns why this algorithm may run, or None when it may not.

        Args:
            algorithm: The bytes that would run.
            publication: The publisher's document, its signature checked by whoever read it.
        """
        if algorithm.digest_hex in self.digests:
            return Approval("digest", algorithm.digest_hex)
        if algorithm.digest_hex in self.votes:
            return Approval("vote", self.votes[algorithm.digest_hex])
        if publication is not None and self._stands_for(publication, algorithm):
            return Approval("publisher", publication.key.fingerprint)
        return None

    def require(self, algorithm: Algorithm, publication: SignedDocument | None = None) -> Approval:
        """Returns why this algorithm may run.

        Raises:
            NotAllowed: When nobody approved exactly these bytes.
        """
        found = self.approval_of(algorithm, publication)
        if found is None:
            raise NotAllowed(
                f"the algorithm {algorithm.name} {algorithm.version} with the digest {algorithm.digest_hex} "
                "is not approved",
                hint="an approval is for exactly these bytes; have the digest approved, or publish it with a key "
                "that the owner trusts",
            )
        return found

    def _stands_for(self, publication: SignedDocument, algorithm: Algorithm) -> bool:
        told = publication.document
        trusted = any(publication.key.public == each.public for each in self.publishers)
        return (
            trusted
            and told.get("format") == PUBLICATION_FORMAT
            and told.get("digest") == algorithm.digest_hex
            and told.get("name") == algorithm.name
            and told.get("version") == algorithm.version
        )


def publish(algorithm: Algorithm, secret: bytes, key_name: str) -> dict[str, object]:
    """Returns the signed document by which the holder of a key stands for an algorithm.

    Args:
        algorithm: What is published.
        secret: 32 bytes of an Ed25519 secret key.
        key_name: The name the key signs under.
    """
    document = {
        "digest": algorithm.digest_hex,
        "format": PUBLICATION_FORMAT,
        "name": algorithm.name,
        "version": algorithm.version,
    }
    return sign_document(document, secret, key_name)
