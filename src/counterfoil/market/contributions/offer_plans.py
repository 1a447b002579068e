"""What offers become when a proposal is accepted: worked out and written down before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.market.checks import SHEET_CHECKS
from counterfoil.market.contributions.dilution import with_contribution
from counterfoil.market.contributions.opening import Rule
from counterfoil.market.contributions.registry import Held
from counterfoil.market.contributions.tables import ALL, plans
from counterfoil.market.selling.goods import Place
from counterfoil.market.selling.selling import Selling
from counterfoil.market.sheets.sheet import sign_sheet
from counterfoil.market.sheets.shelf import Shelf
from counterfoil.market.sheets.wares import Content
from counterfoil.market.state import MarketState
from counterfoil.provenance.datasets import Dataset
from counterfoil.store.streams import time_text

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.market.offer import Offer
    from counterfoil.ledger.market.selling import OfferDraft

__all__ = ["OfferPlans", "plan_draft"]


class OfferPlans:
    """The plans of one home, one for each proposal and offer.

    Args:
        state: Keeps them.
        selling: Delivers what is offered.
        shelf: Takes sheets.
        ledger: The home's ledger.
        secret: Returns the secret market key.
        origin: The name that it signs under.
        now_s: Returns Unix seconds.
    """

    def __init__(
        self,
        state: MarketState,
        selling: Selling,
        shelf: Shelf,
        ledger: Ledger,
        secret: Callable[[], bytes],
        origin: str,
        now_s: Callable[[], int],
    ) -> None:
        state.make(*ALL)
        self._state = state
        self._selling = selling
        self._shelf = shelf
        self._ledger = ledger
        self._secret = secret
        self._origin = origin
        self._now_s = now_s

    def known(self, held: Held) -> dict[str, dict[str, Any]]:
        """Returns what is written down for a proposal, by offer."""
        query = select(plans.c.offer, plans.c.plan).where(plans.c.proposal == held.signed.digest_hex)
        with self._state.reading() as connection:
            return {row.offer: json.loads(row.plan) for row in connection.execute(query)}

    def planned(self, held: Held, rule: Rule, offer: Offer, sheet: str) -> dict[str, Any]:
        """Returns what an offer is to become.

        Raises:
            InvalidInput: The shares leave no room, or the offer cannot be bought any more.
            NotFound: How it is shared now is not known.
        """
        from counterfoil.ledger.market.terms import Share

        told = held.signed.proposal
        _require_open(offer)
        if offer.shares is None:
            raise NotFound(
                f"the ledger does not show how the offer {offer.offer} is shared now",
                hint="say it anew with `counterfoil market shares set`",
            )
        shares = offer.shares
        if told.bps:
            shares = with_contribution(shares, Share.of(told.account, told.bps), rule)
        return {
            "delivery_s": offer.delivery_s,
            "duration_s": offer.duration_s,
            "kind": offer.kind,
            "number": str(offer.number),
            "price": offer.price.amount,
            "referrer_bps": offer.referrer_bps,
            "shares": [each.to_json() for each in shares],
            "sheet": sheet,
            "supply": offer.left,
            "token": offer.price.token,
            "window_s": offer.window_s,
        }

    def write(self, held: Held, rule: Rule, offer_id: str, path: Path, dataset: Dataset) -> dict[str, Any]:
        """Signs an offer's next sheet, puts it on the shelf, and writes down what the offer is to become."""
        offer = self._ledger.market.offer(offer_id)
        place = Place("path", str(path))
        with closing(self._selling.goods.open(place)) as source:
            found = self._selling.deliveries.index(source)
        self._selling.goods.put(found.root.hex(), place)
        told = held.signed.proposal.content
        content = Content(
            root=found.root.hex(),
            size_bytes=found.size_bytes,
            name=told.name,
            media_type=told.media_type,
            version=dataset.record.version,
            record=dataset.leaf,
            fingerprint=dataset.record.root,
        )
        before = self._shelf.sheet(offer.sheet).sheet
        # What was said of the contents before is not said of these: sample, figures, passport.
        wares = replace(before.wares, content=content, sample=None, profile=None, quality=None, passport=None)
        sheet = replace(before, wares=wares, created=time_text(self._now_s()))
        signed = sign_sheet(sheet, self._secret(), self._origin, SHEET_CHECKS)
        self._shelf.put_sheet(signed)
        planned = self.planned(held, rule, self._ledger.market.offer(offer_id), signed.digest_hex)  # as it is by now
        with self._state.writing() as connection:
            row = {"offer": offer_id, "plan": json.dumps(planned), "proposal": held.signed.digest_hex}
            connection.execute(plans.insert().values(**row))
        return planned

    def next(self, held: Held, rule: Rule, offer_id: str, path: Path, dataset: Dataset) -> dict[str, Any]:
        """Returns what an offer is to become, written down; with as many as are left now, until the ledger has it.

        Raises:
            InvalidInput: The shares leave no room, or the offer cannot be bought any more.
            NotFound: How it is shared now is not known.
        """
        planned = self.known(held).get(offer_id)
        if planned is None:
            return self.write(held, rule, offer_id, path, dataset)
        offer = self._ledger.market.offer(offer_id)
        if offer.sheet == planned["sheet"] or offer.left == planned["supply"]:
            return planned
        _require_open(offer)
        planned |= {"supply": offer.left}
        mine = (plans.c.proposal == held.signed.digest_hex) & (plans.c.offer == offer_id)
        with self._state.writing() as connection:
            connection.execute(plans.update().where(mine).values(plan=json.dumps(planned)))
        return planned

    def is_past(self, held: Held, named: Sequence[str], offer: str) -> bool:
        """Whether an offer was changed before: the next one is planned when all of it is final and on record."""
        return bool(self.known(held).keys() & set(named[named.index(offer) + 1 :]))


def _require_open(offer: Offer) -> None:
    if not offer.is_open:
        raise InvalidInput(
            f"the offer {offer.offer} cannot be bought any more, and accepting would offer it anew",
            hint="offer the asset again, and open it to proposals with that offer",
        )


def plan_draft(planned: Mapping[str, Any]) -> OfferDraft:
    """Returns a plan as it is put on the ledger."""
    from counterfoil.ledger.market.selling import OfferDraft
    from counterfoil.ledger.market.terms import Share

    told = dict(planned) | {
        "number": int(planned["number"]),
        "shares": tuple(Share.of(each["payee"], each["bps"]) for each in planned["shares"]),
    }
    return OfferDraft(**told)
