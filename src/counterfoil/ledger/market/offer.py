"""An offer, an order and an event of the market, as whoever asks holds them; loads nothing of the ledger itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from counterfoil.ledger.market.terms import Share

__all__ = ["ORDER_STATES", "MarketEvent", "Offer", "Order", "Price"]

ORDER_STATES: Final = ("paid", "held", "delivered", "settled", "refunded")
"""How an order stands: paid at once; or held, delivered, then settled or refunded."""

_EXACT: Final = 2**53
"""From here on a double does not hold every whole number."""


@dataclass(frozen=True, slots=True)
class Price:
    """An amount of a token.

    Attributes:
        token: The token's address; empty where nothing is asked.
        units: In its smallest unit.
        amount: The same as decimal text, `12.50`.
        symbol: What the token calls itself.
    """

    token: str
    units: int
    amount: str
    symbol: str

    @property
    def text(self) -> str:
        """The amount for people, `12.50 CREDIT`."""
        return f"{self.amount} {self.symbol}" if self.token else "nothing"

    def to_json(self) -> dict[str, Any]:
        """Returns the amount as JSON."""
        return {"amount": self.amount, "symbol": self.symbol or None, "token": self.token or None}


@dataclass(frozen=True, slots=True)
class Offer:
    """What somebody offers of an asset, as it was said last.

    Attributes:
        offer: Its id, `0x` and 64 digits.
        asset: Id of the asset.
        number: The seller's number for it.
        kind: `licence`, `period`, `job` or `sale`.
        price: What it costs; for a job the most it can.
        seller: Address of the asset's owner when it was offered.
        sheet: SHA-256 of the offer sheet, 64 hexadecimal digits.
        duration_s: Of the access that a period gives; else 0.
        delivery_s: So long after the order it is due; 0 where it is paid at once.
        window_s: So long after the delivery the money is still held.
        referrer_bps: For whoever brought the buyer, in hundredths of a percent of the price.
        shares: Who gets which part after fees; None where that was not shown on the ledger.
        supply: How many could be bought; None for any number.
        left: How many can be bought still; None for any number.
        is_open: Whether it can be bought: not withdrawn, not sold out, the asset still the seller's and in use.
        block: Height of the block in which it was said.
        is_ours: Whether this home's account is the seller.
    """

    offer: str
    asset: str
    number: int
    kind: str
    price: Price
    seller: str
    sheet: str
    duration_s: int
    delivery_s: int
    window_s: int
    referrer_bps: int
    shares: tuple[Share, ...] | None
    supply: int | None
    left: int | None
    is_open: bool
    block: int
    is_ours: bool

    def to_json(self) -> dict[str, Any]:
        """Returns the offer as JSON."""
        return {
            "asset": self.asset,
            "block": self.block,
            "delivery_s": self.delivery_s,
            "duration_s": self.duration_s,
            "kind": self.kind,
            "left": self.left,
            "number": self.number,
            "offer": self.offer,
            "open": self.is_open,
            "ours": self.is_ours,
            "price": self.price.to_json(),
            "referrer_bps": self.referrer_bps,
            "seller": self.seller,
            "shares": None if self.shares is None else [each.to_json() for each in self.shares],
            "sheet": self.sheet,
            "supply": self.supply,
            "window_s": self.window_s,
        }


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody bought.

    Attributes:
        order: Its id, `0x` and 64 digits.
        offer: Id of the offer.
        asset: Id of the asset.
        kind: `licence`, `period`, `job` or `sale`.
        state: `paid` at once; or `held`, `delivered`, `settled`, `refunded`.
        price: What was paid, or is held.
        charge: What the seller asks in the end: the price, for a job also less.
        buyer: Address.
        seller: Address.
        recipient: The buyer's X25519 key for this order, 64 hexadecimal digits.
        sheet: SHA-256 of the offer sheet it was bought under.
        job: SHA-256 of what is to be run; empty where nothing is.
        digest: SHA-256 of the delivery statement or execution receipt; empty before.
        until: Until when there was access right after it, Unix seconds; None for good, 0 where it gives none.
        due: Until when it has to be delivered, Unix seconds; 0 where nothing has to be.
        ends: When the window is over, Unix seconds; 0 before delivery.
        block: Height of its block.
        transaction: Hash of the transaction that bought it, `0x` and 64 digits.
    """

    order: str
    offer: str
    asset: str
    kind: str
    state: str
    price: Price
    charge: Price
    buyer: str
    seller: str
    recipient: str
    sheet: str
    job: str
    digest: str
    until: int | None
    due: int
    ends: int
    block: int
    transaction: str

    def to_json(self) -> dict[str, Any]:
        """Returns the order as JSON."""
        return {
            "asset": self.asset,
            "block": self.block,
            "buyer": self.buyer,
            "charge": self.charge.to_json(),
            "digest": self.digest or None,
            "due": self.due or None,
            "ends": self.ends or None,
            "job": self.job or None,
            "kind": self.kind,
            "offer": self.offer,
            "order": self.order,
            "price": self.price.to_json(),
            "recipient": self.recipient,
            "seller": self.seller,
            "sheet": self.sheet,
            "state": self.state,
            "transaction": self.transaction,
            "until": self.until,
        }


@dataclass(frozen=True, slots=True)
class MarketEvent:
    """One thing the ledger told of the market.

    Attributes:
        cursor: Its place among all, `block-event`: what comes later is asked for with it.
        block: Height of its block.
        name: The event's name in the contract.
        offer: Id of the offer it is about, `0x…`; empty for none.
        order: Id of the order, likewise.
        asset: Id of the asset, likewise.
        transaction: Hash of its transaction.
        told: Its values by name, as JSON has them.
    """

    cursor: str
    block: int
    name: str
    offer: str
    order: str
    asset: str
    transaction: str
    told: dict[str, Any] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Returns the event as JSON."""
        return {
            "asset": self.asset or None,
            "block": self.block,
            "cursor": self.cursor,
            "name": self.name,
            "offer": self.offer or None,
            "order": self.order or None,
            "told": {name: _exact(value) for name, value in self.told.items()},
            "transaction": self.transaction,
        }


def _exact(value: Any) -> Any:
    """Returns a whole number that programs which count in doubles would spoil as text, and everything else as it is."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= _EXACT:
        return str(value)
    return [_exact(each) for each in value] if isinstance(value, list) else value
