"""Reviewing what was bought: stars and the digest of a text on the ledger, the text at the seller's node.

1. the text is signed with the market key and kept on the shelf; the same review again is that one;
2. the ledger is told the stars and its digest, after a look at what that costs;
3. the seller's node is handed the text; it takes one that the ledger names. Where it does not answer, the text
   can be handed over again by repeating the command.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterfoil.errors import CounterfoilError
from counterfoil.market.catalogue.review import Review, SignedReview, read_review, sign_review
from counterfoil.market.delivery.wire import NodeWire
from counterfoil.market.sheets.shelf import Shelf
from counterfoil.provenance.snapshots.addresses import Reach
from counterfoil.store.recorder import Recorder
from counterfoil.store.streams import time_text

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.market.quote import TradeQuote
    from counterfoil.market.buying.sheet_finder import SheetFinder

__all__ = ["Reviewed", "Reviews"]

MOST_ANSWER_BYTES = 65_536
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review that is on the ledger.

    Attributes:
        offer: The offer's id.
        stars: 1 to 5.
        digest: SHA-256 of the signed text, 64 hexadecimal digits.
        is_handed_over: Whether the seller's node has the text.
        why: Why it has not; empty where it has.
    """

    offer: str
    stars: int
    digest: str
    is_handed_over: bool
    why: str

    def to_json(self) -> dict[str, Any]:
        """Returns it as the API shows it."""
        return {
            "digest": self.digest,
            "done": True,
            "fault": self.why or None,
            "offer": self.offer,
            "stars": self.stars,
        }


class Reviews:
    """The reviews that one home gives.

    Args:
        ledger: The home's ledger.
        shelf: Keeps texts.
        recorder: Has the clock.
        sheets: Finds the seller's node.
        secret: Returns the secret market key.
        origin: The home's origin, under which it signs.
        reach: Which addresses may be asked.
    """

    def __init__(
        self,
        ledger: Ledger,
        shelf: Shelf,
        recorder: Recorder,
        sheets: SheetFinder,
        secret: Callable[[], bytes],
        origin: str,
        reach: Reach,
    ) -> None:
        self._ledger = ledger
        self._shelf = shelf
        self._recorder = recorder
        self._sheets = sheets
        self._secret = secret
        self._origin = origin
        self._reach = reach

    def planning(self, offer: str, stars: int, text: str) -> tuple[TradeQuote, Callable[[Tell], Reviewed]]:
        """Does step 1; returns what step 2 costs and shows, and what does steps 2 and 3.

        Raises:
            NotFound: There is no such offer.
            NotAllowed: This account bought nothing of it.
            InvalidInput: The text cannot be shown.
        """
        signed = self._signed(offer, stars, text)
        self._shelf.put_review(signed.digest_hex, signed.data)
        quote, tell_ledger = self._ledger.market.reviewing(offer, stars, signed.digest_hex)

        def carry_out(tell: Tell) -> Reviewed:
            tell_ledger(tell)
            why = self._handed_over(offer, signed)
            return Reviewed(offer, stars, signed.digest_hex, not why, why)

        return quote, carry_out

    def _signed(self, offer: str, stars: int, text: str) -> SignedReview:
        opened, account = self._ledger.market.opened, self._ledger.market.account
        now = time_text(self._recorder.now_s())
        chain_id = self._ledger.require_connection().chain_id
        market = f"0x{opened.contract.address.hex()}"
        review = Review(chain_id, market, offer, f"0x{account.hex()}", stars, text, now)
        for digest in self._shelf.reviews():
            known = read_review(self._shelf.raw("reviews", digest))
            if {**known.review.to_json(), "created": now} == review.to_json():
                return known
        return sign_review(review, self._secret(), self._origin)

    def _handed_over(self, offer: str, signed: SignedReview) -> str:
        """Gives the seller's node the text; returns why it does not take it, empty where it does."""
        try:
            sheet = self._sheets.sheet_of(self._ledger.market.offer(offer))
            body = json.dumps({"review": json.loads(signed.data)}).encode()
            wire = NodeWire(sheet.sheet.wares.node, self._reach)
            wire.post(f"/market/offers/{offer}/reviews", body, most_bytes=MOST_ANSWER_BYTES)
        except CounterfoilError as error:
            return f"the seller's node does not have its text: {error.message}"
        return ""
