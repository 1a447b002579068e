"""Asking a seller's node to be let in: what its terms would say, and the ticket for what was bought.

Nothing that a node sends is opened for it: with the order's key only a challenge's word is read, and only that goes
back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from counterfoil.core.age_payload import decrypt
from counterfoil.errors import DoesNotMatch, NodeUnreachable, NotAllowed
from counterfoil.market.buying.node_wire import BuyersWire
from counterfoil.market.buying.purchases import Purchase, Purchases
from counterfoil.market.delivery.tickets import is_ticket
from counterfoil.market.selling.challenges import is_challenge_word
from counterfoil.market.sheets.sheet import SignedSheet
from counterfoil.market.terms import Credential, sign_claims
from counterfoil.provenance.snapshots.addresses import Reach
from counterfoil.store.streams import time_text

__all__ = ["Entrance"]


class Entrance:
    """How one home asks to be let in. Safe to use from several threads.

    Args:
        purchases: Has the keys of orders.
        secret: Returns the secret market key.
        origin: The home's origin, under which it signs.
        now: Returns Unix seconds.
        reach: Which addresses may be asked.
    """

    def __init__(
        self, purchases: Purchases, secret: Callable[[], bytes], origin: str, now: Callable[[], int], reach: Reach
    ) -> None:
        self._purchases = purchases
        self._secret = secret
        self._origin = origin
        self._now = now
        self._reach = reach

    def preview(self, purchase: Purchase, signed: SignedSheet) -> str:
        """Asks whether the seller's terms would let us in, and returns why, in its words.

        Raises:
            NotAllowed: They would not.
            NodeUnreachable: Its node does not answer.
        """
        preview = self._wire(signed).preview(purchase.offer, self.claims(purchase))
        if not preview.is_allowed:
            raise NotAllowed(
                f"the seller's terms would not let you in: {preview.why}",
                hint="`counterfoil market show` says each rule; what lacks is stated with --purpose, --jurisdiction, "
                "--accept-licence or --credential",
            )
        return preview.why

    def ticket(self, purchase: Purchase, signed: SignedSheet) -> str:
        """Asks for a ticket.

        Raises:
            NotAllowed: The order gives no access, or the terms do not.
            NodeUnreachable: The seller's node does not answer, or does not know the order yet.
        """
        secret, wire = self._purchases.secret_of(purchase), self._wire(signed)
        try:
            word = decrypt(wire.challenge(purchase.order), secret).decode("ascii", "replace")
        except DoesNotMatch as error:
            raise NodeUnreachable(
                "the seller's node does not know this order, or not yet",
                hint="it counts when its block is final for the seller, too: try again in a moment",
            ) from error
        if not is_challenge_word(word):
            raise NodeUnreachable("the seller's node hands out something else than a challenge", hint="ask the seller")
        ticket = decrypt(wire.ticket(purchase.order, self.claims(purchase), word), secret).decode("ascii", "replace")
        if not is_ticket(ticket):
            raise NotAllowed("the seller's node handed out something else than a ticket", hint="ask the seller")
        return ticket

    def claims(self, purchase: Purchase) -> dict[str, Any]:
        """Returns, freshly signed, what is stated for a purchase."""
        stated = purchase.stated
        return sign_claims(
            self._secret(),
            self._origin,
            order=purchase.order,
            account=purchase.account,
            organisation=self._origin,
            created=time_text(self._now()),
            purpose=stated.purpose,
            jurisdiction=stated.jurisdiction,
            accepts=stated.accepts,
            credentials=[Credential.read(each) for each in stated.credentials],
        )

    def _wire(self, signed: SignedSheet) -> BuyersWire:
        return BuyersWire(signed.sheet.wares.node, self._reach)
