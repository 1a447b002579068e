"""Purchases in the console: how each stands, fetching what was bought, accepting it, taking money back, reviewing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastapi import Request
from starlette.responses import FileResponse, Response

from counterfoil.errors import CounterfoilError, NotFound
from counterfoil.market.buying.purchases import Purchase, PurchaseState
from counterfoil.market.page_frame import MarketFrame
from counterfoil.market.sheets.sheet import read_sheet
from counterfoil.store.streams import time_text
from counterfoil.web.answer import as_file
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import Form
from counterfoil.web.roles import JOBS, STAFF

if TYPE_CHECKING:
    from counterfoil.ledger.market.offer import Order

__all__ = ["PurchasePages"]

MOST_READ: Final = 10_000


class PurchasePages:
    """These pages.

    Args:
        frame: What the market's pages share.
    """

    def __init__(self, frame: MarketFrame) -> None:
        self._frame = frame

    def add_to(self, room: PageRoom) -> None:
        """Adds them."""
        one = "/market/purchases/{order}"
        room.shows("/market/purchases", self.list_purchases, STAFF)
        room.shows(one, self.show, STAFF)
        room.shows(f"{one}/file", self.file, JOBS["fetch"])
        room.does(f"{one}/fetch", self.fetch, JOBS["fetch"])

    def list_purchases(self, request: Request) -> Response:
        """Shows everything that was bought, newest first."""
        if not self._frame.org.market.is_open:
            return self._frame.render(request, "purchases.html")
        trading = self._frame.org.ledger.market
        newest = trading.orders(buyer=f"0x{trading.account.hex()}", newest_first=True, limit=MOST_READ)
        orders = {each.order: each for each in newest}
        found = [(each, orders.get(each.order)) for each in self._frame.org.market.purchases.all()]
        return self._frame.render(request, "purchases.html", found=found, time_text=time_text)

    def show(self, order: str, request: Request) -> Response:
        """Shows one purchase, and what can be done with it as the ledger stands now."""
        if not self._frame.org.market.is_open:
            return self._frame.render(request, "purchase.html")
        purchase = self._frame.org.market.purchases.at(order)
        now_s, on_ledger = self._frame.org.recorder.now_s(), self._order(purchase)
        state = on_ledger.state if on_ledger is not None else ""
        return self._frame.render(
            request,
            "purchase.html",
            file=self._file(purchase),
            is_overdue=on_ledger is not None and state == "held" and on_ledger.due <= now_s,
            is_open_window=on_ledger is not None and state == "delivered" and on_ledger.ends > now_s,
            may_fetch=state in ("paid", "held", "delivered", "settled") and purchase.kind != "sale",
            may_review=state in ("paid", "held", "delivered", "settled"),
            order=on_ledger,
            purchase=purchase,
            time_text=time_text,
            wares=read_sheet(purchase.sheet).sheet.wares,
        )

    def fetch(self, request: Request, form: Form) -> Response:
        """Begins fetching what was bought, in the background."""
        purchase = self._frame.org.market.purchases.at(str(request.path_params["order"]))
        begun = self._frame.desk.start_job(request, "fetch", {"order": purchase.order})
        return self._frame.pages.see(request, f"/market/doing/{begun['id']}")

    def file(self, order: str, request: Request) -> Response:
        """Hands over the file that was bought. Who took it is recorded."""
        purchase = self._frame.org.market.purchases.at(order)
        path = self._frame.org.market.fetched(purchase.order)
        self._frame.desk.looked(request, f"the file bought with the order {purchase.order}")
        return FileResponse(path, media_type="application/octet-stream", headers=as_file(path.name))

    def _order(self, purchase: Purchase) -> Order | None:
        try:
            return self._frame.org.ledger.market.order(purchase.order)
        except CounterfoilError:  # it is not on the ledger yet, or the ledger does not answer
            return None

    def _file(self, purchase: Purchase) -> Path | None:
        if purchase.state is not PurchaseState.FETCHED:
            return None
        try:
            return self._frame.org.market.fetched(purchase.order)
        except NotFound:  # it is a folder, or was fetched elsewhere by the command line
            return None
