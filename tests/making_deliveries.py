"""What delivering needs around it in tests: a seller's key, an offer sheet, orders that stand as they are told to."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from counterfoil.core.age import recipient_of
from counterfoil.core.delivery import Content
from counterfoil.core.mismatch_file import OFFER_FORMAT
from counterfoil.core.signed_document import SignedDocument, read_document, sign_document
from counterfoil.errors import NotFound
from counterfoil.market.delivery.deliveries import Deliveries, SourceChanged
from counterfoil.market.delivery.orders import PaidOrder
from counterfoil.market.delivery.sources import FileSource
from counterfoil.market.delivery.tickets import Tickets

__all__ = ["CHAIN_ID", "KEY_NAME", "MARKET", "SELLER_KEY", "Seller", "made_bytes", "sheet_for", "word"]

SELLER_KEY = bytes(range(1, 33))
KEY_NAME = "clinic.example/market"
MARKET = "0x" + "ab" * 20
CHAIN_ID = 31337
NOW = "2027-01-31T12:00:00Z"


def word(number: int) -> str:
    return f"0x{number:064x}"


def made_bytes(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def sheet_for(content: Content, key: bytes = SELLER_KEY, title: str = "Scans") -> SignedDocument:
    """A signed offer sheet that publishes a content, with what delivering looks at."""
    told = content.to_json() | {"name": "scans.bin", "mediaType": "application/octet-stream", "version": "1"}
    document = {"format": OFFER_FORMAT, "title": title, "market": MARKET, "chainId": CHAIN_ID, "content": told}
    return read_document(sign_document(document, key, KEY_NAME), OFFER_FORMAT)


class Seller:
    """A seller's side of deliveries over files; `Orders` with a ledger in memory.

    Attributes:
        told: What was said of sources that changed.
        key: The market key; may be changed.
    """

    def __init__(self, folder: Path, opened: Callable[[Path], Any] = FileSource) -> None:
        self.folder = folder
        self.key = SELLER_KEY
        self.told: list[SourceChanged] = []
        self.paid: dict[str, PaidOrder] = {}
        self.paths: dict[str, Path] = {}
        self._opened = opened
        self.time_s = 1_000.0
        self.deliveries = Deliveries(
            folder,
            secret=bytes(range(40, 72)),
            sign=lambda document: sign_document(document, self.key, KEY_NAME),
            orders=self,
            now=lambda: NOW,
            told=self.told.append,
        )
        self.tickets = Tickets(folder / "tickets", lambda: self.time_s)

    def offer(self, path: Path) -> SignedDocument:
        """Publishes what lies at a path."""
        source = self._opened(path)
        content = self.deliveries.index(source)
        source.close()
        sheet = sheet_for(content, self.key)
        self.paths[sheet.digest_hex] = path
        return sheet

    def sell(self, sheet: SignedDocument, secret: bytes, number: int = 1, **more: Any) -> PaidOrder:
        """Puts an order on the ledger in memory."""
        content = sheet.document["content"]
        paid = PaidOrder(
            *(word(number), word(7), CHAIN_ID, MARKET, recipient_of(secret), sheet.digest_hex),
            Content(bytes.fromhex(content["root"]), content["size"]),
            **({"is_final": True, "state": "paid"} | more),
        )
        self.paid[paid.order] = paid
        return paid

    def order(self, order_id: str) -> PaidOrder:
        if order_id not in self.paid:
            raise NotFound("no such order")
        return self.paid[order_id]

    def source(self, order: PaidOrder) -> Any:
        return self._opened(self.paths[order.sheet])

    def app(self) -> Any:
        """The routes as an app, with errors as problems."""
        from fastapi import FastAPI

        from counterfoil.errors import CounterfoilError
        from counterfoil.market.delivery.api import DeliveryRoutes
        from counterfoil.web.problem import problem_response

        app = FastAPI()
        app.include_router(DeliveryRoutes(self.deliveries, self.tickets).router())
        app.add_exception_handler(CounterfoilError, lambda _request, error: problem_response(error))
        return app

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serves on loopback by the node's own server; yields the address."""
        from counterfoil.node.server import Server, bind
        from counterfoil.node.settings import NodeSettings

        settings = NodeSettings(listen="127.0.0.1:0")
        found = bind(settings)
        server = Server(self.app(), settings)
        thread = Thread(target=lambda: server.run([found]))
        thread.start()
        try:
            yield f"http://127.0.0.1:{found.getsockname()[1]}"
        finally:
            server.stop()
            thread.join()
            self.deliveries.close()
