"""What this home buys: written down before anything is sent, so that a crash loses neither money nor what it bought.

A purchase is kept with the number (nonce) that its own X25519 key is made from, before the order
exists. From offer, account and key the order's id follows, so whatever happens in between, the
ledger says whether the order was made, and the key to open it is there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from secrets import token_bytes
from typing import Any, Final

from sqlalchemy import Column, Integer, LargeBinary, Row, String, Table, Text, select

from counterfoil.core.age import derived, recipient_of
from counterfoil.errors import NotFound, Stale
from counterfoil.ledger.market.terms import order_id
from counterfoil.market.state import MarketState, metadata
from counterfoil.store.streams import time_text

__all__ = ["Purchase", "PurchaseState", "Purchases", "Stated", "order_secret"]

NONCE_BYTES: Final = 32

purchases: Final = Table(
    "purchases",
    metadata,
    Column("order", String(66), primary_key=True),
    Column("offer", String(66), nullable=False, index=True),
    Column("asset", String(66), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("sheet", LargeBinary, nullable=False),
    Column("account", String(42), nullable=False),
    Column("nonce", LargeBinary(NONCE_BYTES), nullable=False),
    Column("stated", Text, nullable=False),
    Column("job", LargeBinary, nullable=False),
    Column("path", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("fault", Text, nullable=False),
    Column("made_s", Integer, nullable=False),
    Column("changed_s", Integer, nullable=False),
)
"""One row a purchase; `sheet` is the signed offer sheet, `job` the specification that was bought, empty without one."""


class PurchaseState(StrEnum):
    """How far a purchase is, as this home knows."""

    PLANNED = "planned"
    """Its key is kept; whether the order was made, the ledger says."""
    BOUGHT = "bought"
    """The order is on the ledger, final."""
    FETCHED = "fetched"
    """What was bought is here, checked."""
    REFUNDED = "refunded"
    """The money came back, for good; it gives no access."""
    DROPPED = "dropped"
    """It was never sent, and will not be."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What the buyer says about itself when it asks to be let in.

    Attributes:
        purpose: One word, or None.
        jurisdiction: An ISO 3166 code, or None.
        accepts: SHA-256 (hex) of the licence texts it accepts.
        credentials: Signed credentials, as they were handed out.
    """

    purpose: str | None = None
    jurisdiction: str | None = None
    accepts: tuple[str, ...] = ()
    credentials: tuple[Mapping[str, Any], ...] = ()

    def encode(self) -> str:
        """Returns it as JSON text."""
        told = {"accepts": self.accepts, "credentials": [dict(each) for each in self.credentials]}
        return json.dumps(told | {"jurisdiction": self.jurisdiction, "purpose": self.purpose})

    @classmethod
    def decode(cls, text: str) -> Stated:
        """Reads it back."""
        told = json.loads(text)
        return cls(told["purpose"], told["jurisdiction"], tuple(told["accepts"]), tuple(told["credentials"]))


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase of this home.

    Attributes:
        order: The order's id, `0x` and 64 digits.
        offer: The offer's id, likewise.
        asset: The asset's id, likewise.
        kind: `licence`, `period`, `job` or `sale`.
        title: As the offer sheet has it.
        sheet: The signed offer sheet it was bought under.
        account: Address that pays, `0x` in small letters.
        nonce: 32 bytes that the order's key is made from.
        stated: What the buyer says about itself.
        job: The specification of a job, canonical JSON; empty without one.
        path: Where the contents are to be, or are; empty where nobody said so yet.
        state: How far it is.
        fault: Why it could not go on last, in words; empty when nothing is wrong.
        made_s: When it was begun, Unix seconds.
    """

    order: str
    offer: str
    asset: str
    kind: str
    title: str
    sheet: bytes = field(repr=False)
    account: str
    nonce: bytes = field(repr=False)
    stated: Stated
    job: bytes
    path: str
    state: PurchaseState
    fault: str
    made_s: int

    @property
    def is_under_way(self) -> bool:
        """Whether there is something left to be done for it."""
        return self.state in (PurchaseState.PLANNED, PurchaseState.BOUGHT)

    def to_json(self) -> dict[str, Any]:
        """Returns it as the API shows it."""
        return {
            "asset": self.asset,
            "fault": self.fault or None,
            "kind": self.kind,
            "made": time_text(self.made_s),
            "offer": self.offer,
            "order": self.order,
            "path": self.path or None,
            "state": self.state.value,
            "title": self.title,
        }


class Purchases:
    """The purchases of one home. Safe to use from several threads.

    Args:
        state: Where they are kept.
        secret: Returns the secret market key, 32 bytes.
        now: Returns Unix seconds.
    """

    def __init__(self, state: MarketState, secret: Callable[[], bytes], now: Callable[[], int]) -> None:
        state.make(purchases)
        self._state = state
        self._secret = secret
        self._now = now

    def begin(
        self,
        *,
        offer: str,
        asset: str,
        kind: str,
        title: str,
        sheet: bytes,
        account: bytes,
        stated: Stated,
        job: bytes = b"",
    ) -> Purchase:
        """Returns a purchase with a key of its own; nothing is kept yet."""
        nonce = token_bytes(NONCE_BYTES)
        recipient = recipient_of(order_secret(self._secret(), nonce))
        order = f"0x{order_id(int(offer, 16), account, recipient).hex()}"
        address, state = f"0x{account.hex()}", PurchaseState.PLANNED
        return Purchase(
            order, offer, asset, kind, title, sheet, address, nonce, stated, job, "", state, "", self._now()
        )

    def keep(self, purchase: Purchase, seen: Collection[str] | None = None) -> Purchase:
        """Keeps a purchase that was begun, durably; its key must be there before the order is. Safe to repeat.

        Args:
            purchase: The purchase; where it is kept already, what it states, and where it is put, is taken from here.
            seen: The orders of this offer that were known when it was planned: what was begun for it before and never
                sent is dropped. None where several may be under way at once, as of jobs.

        Raises:
            Stale: The same was bought meanwhile, or is being bought.
        """
        own = purchases.c.order == purchase.order
        others = (purchases.c.offer == purchase.offer) & (purchases.c.account == purchase.account) & ~own
        with self._state.writing() as connection:
            known = connection.execute(select(purchases.c.order).where(own)).first()
            if known is None:
                there = set(connection.execute(select(purchases.c.order).where(others)).scalars())
                if seen is not None:
                    if not there <= set(seen):
                        raise Stale(
                            "this offer was bought meanwhile, or is being bought",
                            hint="repeat it: it goes on with that one",
                        )
                    unsent = others & (purchases.c.state == PurchaseState.PLANNED)
                    dropped = {"state": PurchaseState.DROPPED.value, "changed_s": self._now()}
                    connection.execute(purchases.update().where(unsent).values(**dropped))
                connection.execute(purchases.insert().values(**_row(purchase), changed_s=self._now()))
            else:
                said = {"stated": purchase.stated.encode(), "path": purchase.path, "changed_s": self._now()}
                connection.execute(purchases.update().where(own).values(**said))
        return purchase

    def change(self, order: str, **changes: Any) -> Purchase:
        """Changes `state`, `path` or `fault` of a purchase, that alone, and returns it."""
        with self._state.writing() as connection:
            values = changes | {"changed_s": self._now()}
            connection.execute(purchases.update().where(purchases.c.order == order.lower()).values(**values))
        return self.at(order)

    def at(self, order: str) -> Purchase:
        """Returns a purchase by its order (NotFound where there is none)."""
        found = self._where(purchases.c.order == order.lower())
        if not found:
            raise NotFound(
                f"this home has no purchase of the order {order[:80]!a}",
                hint="`counterfoil market purchases` lists them",
            )
        return found[0]

    def all(self) -> list[Purchase]:
        """Returns all purchases, newest first."""
        return self._where(purchases.c.order != "")

    def under_way(self, offer: str, account: bytes) -> Purchase | None:
        """Returns the newest purchase of an offer that was begun and is not known to be made; None without one."""
        begun = (each for each in self.of_offer(offer, account) if each.state is PurchaseState.PLANNED)
        return next(begun, None)

    def of_offer(self, offer: str, account: bytes) -> list[Purchase]:
        """Returns the purchases of an offer by an account, newest first."""
        return self._where((purchases.c.offer == offer) & (purchases.c.account == f"0x{account.hex()}"))

    def secret_of(self, purchase: Purchase) -> bytes:
        """Returns the X25519 secret of a purchase, 32 bytes."""
        return order_secret(self._secret(), purchase.nonce)

    def _where(self, condition: Any) -> list[Purchase]:
        with self._state.reading() as connection:
            query = select(purchases).where(condition).order_by(purchases.c.made_s.desc(), purchases.c.order)
            return [_read(row) for row in connection.execute(query)]


def order_secret(market_secret: bytes, nonce: bytes) -> bytes:
    """Returns the X25519 secret of one order: HKDF-SHA-256 of the market key, so that only the nonce is kept."""
    return derived(market_secret, b"counterfoil order 1" + nonce)


def _row(purchase: Purchase) -> dict[str, Any]:
    names: Sequence[str] = [name for name in Purchase.__slots__ if name != "stated"]
    return {name: getattr(purchase, name) for name in names} | {"stated": purchase.stated.encode()}


def _read(row: Row[Any]) -> Purchase:
    told = {name: value for name, value in row._mapping.items() if name != "changed_s"}
    told |= {"stated": Stated.decode(row.stated), "state": PurchaseState(row.state)}
    return Purchase(**told)
