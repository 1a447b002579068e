"""The catalogue over HTTP, for staff: what is offered on the ledger, by what the offer sheets say.

The node reads on by itself every half minute; what is shown of one offer is asked of the ledger now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query

from counterfoil.ledger.packages import require_packages
from counterfoil.market.catalogue.shapes import CataloguePage, OfferShown
from counterfoil.market.shown import shown_offer
from counterfoil.web.desk import Desk
from counterfoil.web.roles import READERS
from counterfoil.web.room import Room

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["CatalogueRoutes"]

OfferId = Annotated[str, Path(max_length=80, description="The offer's id, 0x and 64 digits.")]
Words = Annotated[str, Query(max_length=400, description="All of them; each also finds longer words that begin so.")]
Tags = Annotated[list[str] | None, Query(description="All of them; may be repeated.")]
Any_ = Annotated[list[str] | None, Query(description="Any of them; may be repeated.")]
Most = Annotated[str | None, Query(max_length=80, description="At most this price, in the token of the settings.")]
Free = Annotated[bool, Query(description="Only what costs nothing.")]
Rows = Annotated[int | None, Query(ge=0, le=2**53, description="At least so many rows.")]
Everything = Annotated[bool, Query(alias="all", description="Also what cannot be bought now.")]
Order = Annotated[str, Query(max_length=20, description="relevance, newest, price or rating.")]
Limit = Annotated[int, Query(ge=1, le=100, description="At most so many.")]
After = Annotated[str, Query(max_length=400, description="`next` of the page before.")]


class CatalogueRoutes:
    """The routes of this room.

    Args:
        org: The organisation.
        desk: The node that serves them.
    """

    def __init__(self, org: Organisation, desk: Desk) -> None:
        self._org = org
        self._desk = desk

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = Room("market")
        room.reads("/market/offers", self.search, READERS, CataloguePage)
        room.reads("/market/offers/{offer}", self.show, READERS, OfferShown)
        return room.router

    def search(
        self,
        words: Words = "",
        kind: Any_ = None,
        category: Any_ = None,
        tag: Tags = None,
        licence: Any_ = None,
        origin: Any_ = None,
        max_price: Most = None,
        free: Free = False,
        least_rows: Rows = None,
        everything: Everything = False,
        order: Order = "",
        limit: Limit = 20,
        after: After = "",
    ) -> dict[str, Any]:
        """Searches what is offered on the ledger, as far as this node read it."""
        require_packages()
        from counterfoil.market.catalogue import Query as Wanted

        most, token = None, ""
        if max_price is not None:
            price = self._org.ledger.market.amount(max_price)
            most, token = price.units, price.token.lower()
        query = Wanted(
            words=words,
            tags=tuple(tag or ()),
            kinds=tuple(kind or ()),
            categories=tuple(category or ()),
            licences=tuple(licence or ()),
            origins=tuple(origin or ()),
            token=token,
            most_units=most,
            is_free=free,
            least_rows=least_rows,
            is_open=not everything,
            order=order,
            limit=limit,
            after=after,
        )
        return self._org.market.catalogue.search(query).to_json()

    def show(self, offer: OfferId) -> dict[str, Any]:
        """Shows an offer as it stands now: on the ledger, by its sheet, and with its reviews."""
        require_packages()
        return shown_offer(self._org, offer).to_json()
