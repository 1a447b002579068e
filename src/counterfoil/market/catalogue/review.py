"""The text of a review: a signed document that the ledger names by its digest, beside the stars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from counterfoil.core import canonical
from counterfoil.core.note import VerifierKey
from counterfoil.core.signed_document import read_document, sign_document
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence
from counterfoil.market.sheets.members import Members

__all__ = ["MOST_REVIEW_BYTES", "REVIEW_FORMAT", "Review", "SignedReview", "read_review", "sign_review"]

REVIEW_FORMAT: Final = "counterfoil review 1"
MOST_REVIEW_BYTES: Final = 2**16
MOST_TEXT: Final = 4_000


@dataclass(frozen=True, slots=True)
class Review:
    """What a buyer says of an offer. All of it is public.

    Attributes:
        chain_id: Of the ledger.
        market: Address of the Market contract, in lower case.
        offer: Id of the offer, `0x` and 64 digits.
        account: Address of the author, `0x…` in lower case.
        stars: 1 to 5.
        text: In words; may be empty.
        created: When it was written, UTC.
    """

    chain_id: int
    market: str
    offer: str
    account: str
    stars: int
    text: str
    created: str

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Reads the document that is signed; InvalidInput names the member that is wrong."""
        told = Members(document, whose="the review")
        told.one_of("format", (REVIEW_FORMAT,))
        made = cls(
            told.whole("chainId", least=1),
            told.address("market"),
            told.asset("offer"),
            told.address("account"),
            told.whole("stars", least=1, most=5),
            told.text("text", MOST_TEXT, lines=True, needed=False),
            told.time("created"),
        )
        told.require_known()
        if made.to_json() != document:
            raise InvalidInput("the review spells out members that are empty", hint="leave out what there is not")
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns the document that is signed."""
        told = {
            "account": self.account,
            "chainId": self.chain_id,
            "created": self.created,
            "format": REVIEW_FORMAT,
            "market": self.market,
            "offer": self.offer,
            "stars": self.stars,
        }
        return told | ({"text": self.text} if self.text else {})


@dataclass(frozen=True, slots=True)
class SignedReview:
    """A review whose signature holds: what it says, the author's key, its digest and its file."""

    review: Review
    key: VerifierKey
    digest_hex: str
    data: bytes

    def require_event(self, *, offer: str, account: str, stars: int) -> Self:
        """Returns it where it is the one that the ledger has.

        Raises:
            DoesNotMatch: It is of another offer, author or number of stars.
        """
        says = (self.review.offer, self.review.account, self.review.stars)
        if says != (offer, account, stars):
            raise DoesNotMatch("the review's text is of another offer, author or number of stars than the ledger has")
        return self


def sign_review(review: Review, secret: bytes, key_name: str) -> SignedReview:
    """Returns a review as the file that is handed out.

    Args:
        review: The review; it is read back before it is signed.
        secret: 32 bytes of the author's market key.
        key_name: The name it signs under.

    Raises:
        InvalidInput: Something in it is not usable.
    """
    Review.read(review.to_json())
    return read_review(canonical.dumps(sign_document(review.to_json(), secret, key_name)))


def read_review(given: bytes) -> SignedReview:
    """Reads a signed review and checks its signature.

    Raises:
        MalformedEvidence: It is no review, or too large.
        DoesNotMatch: The signature is not the key's.
    """
    signed = read_document(given, REVIEW_FORMAT, max_bytes=MOST_REVIEW_BYTES)
    try:
        review = Review.read(signed.document)
    except InvalidInput as error:
        raise MalformedEvidence(error.message, hint=error.hint) from error
    return SignedReview(review, signed.key, signed.digest_hex, signed.encode())
