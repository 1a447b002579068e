"""What delivering needs around it in tests: a seller's key, an offer sheet, orders that stand as they are told to."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

from counterfoil.core.age import recipient_of
from counterfoil.core.delivery import (
    CHUNK_BYTES,
    Content,
    DeliveryPlan,
    DeliveryStatement,
    delivery_secrets,
    read_statement,
    seal_chunk,
)
from counterfoil.core.merkle import inclusion_path, leaf_hash, root_of
from counterfoil.core.mismatch_file import OFFER_FORMAT, ChunkShown, MismatchFile, PieceShown
from counterfoil.core.signed_document import SignedDocument, read_document, sign_document
from counterfoil.errors import NotFound
from counterfoil.market.delivery.deliveries import Deliveries, SourceChanged
from counterfoil.market.delivery.orders import PaidOrder
from counterfoil.market.delivery.sources import FileSource
from counterfoil.market.delivery.tickets import Tickets

__all__ = [
    "CHAIN_ID",
    "CHUNKS",
    "DATA",
    "KEY_NAME",
    "MARKET",
    "SECRET",
    "SELLER_KEY",
    "MadeDelivery",
    "Seller",
    "made_bytes",
    "sheet_for",
    "word",
]

SELLER_KEY = bytes(range(1, 33))
KEY_NAME = "clinic.example/market"
MARKET = "0x" + "ab" * 20
CHAIN_ID = 31337
NOW = "2027-01-31T12:00:00Z"


DATA = random.Random(5).randbytes(2 * CHUNK_BYTES + 1000)
CHUNKS = [DATA[at : at + CHUNK_BYTES] for at in range(0, len(DATA), CHUNK_BYTES)]
SECRET = bytes(range(100, 132))


def word(number: int) -> str:
    return f"0x{number:064x}"


def made_bytes(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def sheet_for(content: Content, key: bytes = SELLER_KEY, title: str = "Scans") -> SignedDocument:
    """A signed offer sheet that publishes a content, with what delivering looks at."""
    told = content.to_json() | {"name": "scans.bin", "mediaType": "application/octet-stream", "version": "1"}
    document = {"format": OFFER_FORMAT, "title": title, "market": MARKET, "chainId": CHAIN_ID, "content": told}
    return read_document(sign_document(document, key, KEY_NAME), OFFER_FORMAT)


def proof(leaves, number):
    return tuple(inclusion_path(number, len(leaves), lambda start, end: root_of(leaves[start:end])))


class MadeDelivery:
    """A delivery as a seller would make it, with whatever chunks and first piece it likes."""

    def __init__(self, sent=CHUNKS, *, head=None, number=1, key=SELLER_KEY, content=None, title="Scans"):
        self.leaves = [leaf_hash(each) for each in CHUNKS]
        self.published = Content(root_of(self.leaves), len(DATA))
        self.sheet = sheet_for(self.published, key, title)
        secrets = delivery_secrets(bytes(32), bytes([number]) * 32, self.published, recipient_of(SECRET))
        plan = DeliveryPlan(len(DATA))
        self.pieces = [head or secrets.head]
        for at, chunk in enumerate(sent):
            self.pieces.append(b"".join(seal_chunk(secrets.payload, at, chunk, is_last=plan.is_last(at))))
        self.piece_leaves = [leaf_hash(each) for each in self.pieces]
        recipient = f"0x{recipient_of(SECRET).hex()}"
        told = DeliveryStatement(
            *(word(number), word(7), CHAIN_ID, MARKET, recipient, self.sheet.digest_hex),
            content or self.published,
            Content(root_of(self.piece_leaves), plan.sent_bytes),
            "2027-01-31T12:00:00Z",
        )
        self.statement, self.signed = read_statement(sign_document(told.to_json(), key, KEY_NAME))

    def head(self):
        return PieceShown(self.pieces[0], proof(self.piece_leaves, 0))

    def chunk(self, at):
        shown = PieceShown(self.pieces[at + 1], proof(self.piece_leaves, at + 1))
        return ChunkShown(at, self.leaves[at], proof(self.leaves, at), shown)

    def evidence(self, at=1, **change):
        file = MismatchFile(
            self.sheet, self.published, self.statement, self.signed, SECRET, self.head(), self.chunk(at)
        )
        return replace(file, **change)


class Seller:
    """A seller's side of deliveries over files; `Orders` with a ledger in memory.

    Attributes:
        told: What was said of sources that changed.
        recorded: Digests of the statements that were put on record.
        key: The market key; may be changed.
    """

    def __init__(self, folder: Path, opened: Callable[[Path], Any] = FileSource, record: Any = None) -> None:
        self.folder = folder
        self.key = SELLER_KEY
        self.told: list[SourceChanged] = []
        self.recorded: list[str] = []
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
            record=record or (lambda _statement, signed: self.recorded.append(signed.digest_hex)),
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
        app.include_router(DeliveryRoutes(lambda: self).router())
        app.add_exception_handler(CounterfoilError, lambda _request, error: problem_response(error))
        return app

    @contextmanager
    def serving(self, **tls: str) -> Iterator[str]:
        """Serves on loopback by the node's own server; yields the address."""
        from counterfoil.node.server import Server, bind
        from counterfoil.node.settings import NodeSettings

        settings = NodeSettings(listen="127.0.0.1:0", **tls)
        found = bind(settings)
        server = Server(self.app(), settings)
        thread = Thread(target=lambda: server.run([found]))
        thread.start()
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{found.getsockname()[1]}"
        finally:
            server.stop()
            thread.join()
            self.deliveries.close()
