"""An opening: an owner's signed word that proposals for an asset are taken, from whom, and how they are decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from counterfoil.core import canonical
from counterfoil.core.note import ED25519, VerifierKey
from counterfoil.core.signed_document import read_document, sign_document
from counterfoil.errors import CounterfoilError, InvalidInput, MalformedEvidence
from counterfoil.market.contributions.proposal import require_spelled
from counterfoil.market.sheets.members import Members

__all__ = [
    "MOST_OPENING_BYTES",
    "MOST_SENT_BYTES",
    "OPENING_FORMAT",
    "Opening",
    "Rule",
    "SignedOpening",
    "Who",
    "read_opening",
    "sign_opening",
]

OPENING_FORMAT: Final = "counterfoil opening 1"
MOST_OPENING_BYTES: Final = 2**16
MOST_REVIEWERS: Final = 32
MOST_OFFERS: Final = 8
MOST_SENT_BYTES: Final = 2**24
"""Largest contents that are sent along with a proposal, 16 MiB; larger ones are had under an offer."""

Who = Literal["anybody", "known"]
Rule = Literal["dilute", "fixed"]


@dataclass(frozen=True, slots=True)
class Opening:
    """What an owner promises to whoever proposes a change to an asset. All of it is public.

    Attributes:
        chain_id: Of the ledger.
        asset: The asset, `0x` and 64 digits.
        offers: Offers of it whose proceeds are shared with whoever contributed.
        who: `anybody`, or `known`: whose market key the owner's home knows.
        reviewers: Keys that decide, in note form.
        needed: How many of them must agree; 0 leaves it to the owner alone.
        licences: SHA-256 of the licence texts under which contributions are taken, hex.
        rule: What becomes of earlier shares: `dilute` makes all of them smaller alike, `fixed` leaves them.
        most_bps: Largest share that a proposal may ask.
        most_bytes: Largest contents that are sent along.
        recipient: X25519 key that contents are encrypted to, hex.
        is_open: Whether proposals are taken now.
        created: UTC.
    """

    chain_id: int
    asset: str
    offers: tuple[str, ...]
    who: Who
    reviewers: tuple[str, ...]
    needed: int
    licences: tuple[str, ...]
    rule: Rule
    most_bps: int
    most_bytes: int
    recipient: str
    is_open: bool
    created: str

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Reads the document that is signed; InvalidInput names the member that is wrong."""
        told = Members(document, whose="the opening")
        told.one_of("format", (OPENING_FORMAT,))
        made = cls(
            told.whole("chainId", least=1),
            told.asset("asset"),
            _listed(told, "offers", MOST_OFFERS),
            told.one_of("who", ("anybody", "known")),  # type: ignore[arg-type]
            told.texts("reviewers", MOST_REVIEWERS, 400),
            told.whole("needed", most=MOST_REVIEWERS),
            _listed(told, "licences", 8),
            told.one_of("rule", ("dilute", "fixed")),  # type: ignore[arg-type]
            told.whole("mostBps", most=9_999),
            told.whole("mostBytes", most=MOST_SENT_BYTES),
            told.digest("recipient"),
            document.get("open") is True,
            told.time("created"),
        )
        if type(document.get("open")) is not bool:
            raise told.error("open", "is neither true nor false")
        require_spelled("the opening", made.to_json(), document)
        made._require_sound()
        return made

    def _require_sound(self) -> None:
        keys = [_key(each) for each in self.reviewers]
        if len({key.public for key in keys}) != len(keys):
            raise InvalidInput("one key reviews twice", hint="name each reviewer once")
        if self.needed > len(keys) or (keys and not self.needed):
            raise InvalidInput(
                f"{self.needed} of {len(keys)} reviewers cannot be needed",
                hint="from 1 to as many as there are; without reviewers the owner decides alone",
            )
        if not self.offers or not self.licences:
            raise InvalidInput("an opening names an offer and a licence", hint="a contribution has a licence")

    def to_json(self) -> dict[str, Any]:
        """Returns the document that is signed."""
        return {
            "asset": self.asset,
            "chainId": self.chain_id,
            "created": self.created,
            "format": OPENING_FORMAT,
            "licences": list(self.licences),
            "mostBps": self.most_bps,
            "mostBytes": self.most_bytes,
            "needed": self.needed,
            "offers": list(self.offers),
            "open": self.is_open,
            "recipient": self.recipient,
            "reviewers": list(self.reviewers),
            "rule": self.rule,
            "who": self.who,
        }

    def is_reviewer(self, key: VerifierKey) -> bool:
        """Whether a key reviews; its public key counts, not its name."""
        return any(_key(each).public == key.public for each in self.reviewers)


@dataclass(frozen=True, slots=True)
class SignedOpening:
    """An opening whose signature holds: what it says, the owner's key, its digest and its file."""

    opening: Opening
    key: VerifierKey
    digest_hex: str
    data: bytes


def sign_opening(opening: Opening, secret: bytes, key_name: str) -> SignedOpening:
    """Returns an opening as the file that is handed out (InvalidInput where something in it is not usable)."""
    document = canonical.loads(canonical.dumps(opening.to_json()))
    Opening.read(document)
    return read_opening(canonical.dumps(sign_document(document, secret, key_name)))


def read_opening(given: bytes | Mapping[str, Any]) -> SignedOpening:
    """Reads a signed opening and checks its signature.

    Raises:
        MalformedEvidence: It is none, or too large; the message names what is wrong.
        DoesNotMatch: The signature is not the key's.
    """
    signed = read_document(given, OPENING_FORMAT, max_bytes=MOST_OPENING_BYTES)
    try:
        opening = Opening.read(signed.document)
    except InvalidInput as error:
        raise MalformedEvidence(error.message, hint=error.hint) from error
    return SignedOpening(opening, signed.key, signed.digest_hex, signed.encode())


def _listed(told: Members, key: str, most: int) -> tuple[str, ...]:
    """Returns a list of digests, or of ids on the ledger for `offers`."""
    found = told.texts(key, most, 66)
    each = told.places(key, found)
    for place in range(1, len(found) + 1):
        each.asset(str(place)) if key == "offers" else each.digest(str(place))
    return found


def _key(text: str) -> VerifierKey:
    try:
        key = VerifierKey.parse(text)
    except CounterfoilError as error:
        raise InvalidInput(f"a reviewer is no key in note form: {text[:60]!r}") from error
    if key.kind != ED25519:
        raise InvalidInput("a reviewer's key is an Ed25519 key", hint="`counterfoil market key` prints a home's own")
    return key
