"""The Market contract on an EVM in this process, over Assets, with Credits to pay; and what tests sell there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import boa
from contract.assets.harness import deploy as deploy_assets
from contract.assets.harness import digest, register
from contract.evidence.harness import NOBODY, Account, compiled
from eth_abi import encode

from counterfoil.core.keccak import keccak256
from counterfoil.ledger.contracts.build import FOLDER

__all__ = [
    "BUYER", "DAY_S", "DELIVERED", "FOR_GOOD", "GOVERNOR", "HELD", "JOB", "LICENCE", "NOBODY", "OPERATOR", "OTHER",
    "PAYEES", "PERIOD", "PRICE", "PRICER", "REFERRER", "REFUNDED", "SALE", "SELLER", "SETTLED", "STRANGER",
    "UNLIMITED", "Account", "Bench", "Offer", "Order", "account_share", "digest", "encode", "events", "load", "now",
    "pass_time", "refused", "register", "rules_of", "split_of", "struct_hash",
]  # fmt: skip

SELLER, BUYER, OTHER, GOVERNOR, REFERRER, OPERATOR, PRICER, STRANGER = (
    Account(f"market {name}")
    for name in ("seller", "buyer", "other", "governor", "referrer", "operator", "pricer", "stranger")
)
PAYEES = [Account(f"payee {number}") for number in range(32)]
LICENCE, PERIOD, JOB, SALE = 1, 2, 3, 4
UNKNOWN, HELD, DELIVERED, SETTLED, REFUNDED = range(5)
UNLIMITED = 2**32 - 1
FOR_GOOD = 2**256 - 1
PRICE = 2_500_000
"""Two and a half credits."""
DAY_S = 86_400
NO_JOB = bytes(32)
_deployers = count()

Share = tuple[bytes, int]
"""Payee, 32 bytes, and its part in hundredths of a percent."""


def rules_of(kind: int, duration_s: int = 0, delivery_s: int = 0, window_s: int = 0, referrer_bps: int = 0) -> int:
    """Packs rules as the documents say."""
    return kind | duration_s << 8 | delivery_s << 40 | window_s << 72 | referrer_bps << 104


def account_share(account: Account, bps: int) -> Share:
    return bytes(12) + bytes.fromhex(account.address[2:]), bps


def split_of(shares: Sequence[Share]) -> bytes:
    """Works out the hash of shares as the documents say it."""
    return keccak256(encode(["(bytes32,uint256)[]"], [list(shares)])) if shares else bytes(32)


def struct_hash(types: str, *values: Any) -> bytes:
    return keccak256(encode(types.split(), values))


def load(name: str, *arguments: Any) -> Any:
    """Returns a fresh contract that only tests use, at an address that none had before.

    titanoboa remembers what was stored by address, for longer than it was.
    """
    deployer = Account(f"deployer {next(_deployers)}")
    return compiled(Path(__file__).parent / "contracts" / f"{name}.vy").deploy(*arguments, sender=deployer.address)


def refused(reason: str) -> AbstractContextManager[None]:
    """Expects a call to be refused with these words, by the market or by a contract that it calls."""
    expected: AbstractContextManager[None] = boa.reverts(reason)
    return expected


def events(contract: Any) -> list[tuple[Any, ...]]:
    """Returns what a contract emitted in its last call, without what others did: (name, value of each field)."""
    return [(type(event).__name__, *event[1:]) for event in contract.get_logs(include_child_logs=False)]


def now() -> int:
    timestamp: int = boa.env.timestamp
    return timestamp


def pass_time(seconds: int) -> None:
    boa.env.time_travel(seconds=seconds)


@dataclass(frozen=True)
class Offer:
    """An offer, with the terms that it was made with."""

    asset: int
    number: int
    seller: str
    token: str
    price: int
    rules: int
    sheet: bytes
    shares: tuple[Share, ...] = ()

    @property
    def id(self) -> int:
        return int.from_bytes(struct_hash("uint256 uint256", self.asset, self.number), "big")

    @property
    def terms(self) -> tuple[Any, ...]:
        return self.seller, self.token, self.price, self.rules, self.sheet, split_of(self.shares)

    def purchase(
        self, recipient: bytes, job: bytes | None = None, referrer: str = NOBODY, terms: tuple[Any, ...] | None = None
    ) -> tuple[Any, ...]:
        job = job if job is not None else digest("job") if self.rules & 255 == JOB else NO_JOB
        return self.asset, self.number, terms or self.terms, recipient, job, referrer


@dataclass(frozen=True)
class Order:
    """An order, with all that has to be said of it."""

    offer: Offer
    buyer: str
    recipient: bytes
    rules: int
    charge: int
    referrer: str = NOBODY

    @property
    def id(self) -> bytes:
        return struct_hash("uint256 address bytes32", self.offer.id, self.buyer, self.recipient)

    @property
    def deal(self) -> tuple[Any, ...]:
        return (
            self.offer.id, self.buyer, self.offer.token, self.offer.price, self.referrer, split_of(self.offer.shares),
        )  # fmt: skip

    @property
    def deal_hash(self) -> bytes:
        return struct_hash("uint256 address address uint256 address bytes32", *self.deal)

    @property
    def ends(self) -> tuple[Any, ...]:
        """What `settle` takes, without the shares."""
        return self.id, self.offer.seller, self.rules, self.charge, self.deal


class Bench:
    """A market with an asset of SELLER in it, and accounts that hold credits and allow the market to take them."""

    def __init__(self) -> None:
        self.assets = deploy_assets()
        self.credits = compiled(FOLDER / "Credits.vy").deploy(sender=GOVERNOR.address)
        self.market = compiled(FOLDER / "Market.vy").deploy(self.assets.address, sender=GOVERNOR.address)
        self.asset = register(self.assets, "for sale", by=SELLER)
        self._recipients = 0
        for account in (BUYER, OTHER, STRANGER):
            self.fund(account)

    def fund(self, account: Account, token: Any = None, amount: int = 10**12) -> None:
        """Gives an account tokens, all of which the market may take."""
        token = token or self.credits
        token.mint(account.address, amount, sender=GOVERNOR.address)
        token.approve(self.market.address, amount, sender=account.address)

    def recipient(self) -> bytes:
        """Returns a fresh key."""
        self._recipients += 1
        return sha256(f"recipient {self._recipients}".encode()).digest()

    def draft(self, rules: int = LICENCE, *, number: int = 1, price: int = PRICE, **others: Any) -> Offer:
        """Returns an offer that is not made."""
        made = Offer(self.asset, number, SELLER.address, self.credits.address, price, rules, digest("sheet"))
        return replace(made, **others)

    def make(self, offer: Offer, supply: int = UNLIMITED, by: Account = SELLER) -> Offer:
        """Makes an offer."""
        assert self.market.offer(offer.asset, offer.number, supply, offer.terms, sender=by.address) == offer.id
        return offer

    def offer(self, rules: int = LICENCE, *, supply: int = UNLIMITED, **others: Any) -> Offer:
        """Makes an offer of SELLER's asset."""
        return self.make(self.draft(rules, **others), supply)

    def buy(
        self, offer: Offer, by: Account = BUYER, *, recipient: bytes | None = None, referrer: str = NOBODY,
        way: str = "buy",
    ) -> Order:  # fmt: skip
        """Buys what is offered; returns the order."""
        key = recipient or self.recipient()
        fee_bps = self.market.market()[1]
        purchase = offer.purchase(key, referrer=referrer)
        found = getattr(self.market, way)(purchase, list(offer.shares), sender=by.address)
        beginning = self.market.access(offer.id, by.address)[1] if offer.rules & 255 == PERIOD else 0
        rules = offer.rules | fee_bps << 120 | beginning << 136
        order = Order(offer, by.address, key, rules, offer.price, referrer)
        assert found == order.id
        return order

    def deliver(self, order: Order, charge: int | None = None, by: Account = SELLER) -> Order:
        charge = order.offer.price if charge is None else charge
        said = (order.id, order.rules, order.offer.price, order.deal_hash, charge, digest("delivered"))
        self.market.deliver(*said, sender=by.address)
        return replace(order, charge=charge)

    def deliver_and_settle(self, order: Order, charge: int | None = None, by: Account = SELLER) -> Order:
        charge = order.offer.price if charge is None else charge
        said = (order.id, order.rules, charge, order.deal, list(order.offer.shares), digest("delivered"))
        self.market.deliver_and_settle(*said, sender=by.address)
        return replace(order, charge=charge)

    def settle(self, order: Order, by: Account = STRANGER) -> None:
        self.market.settle(*order.ends, list(order.offer.shares), sender=by.address)

    def refund(self, order: Order, by: Account = SELLER) -> None:
        order_id, *others = order.ends
        self.market.refund(order_id, order.offer.asset, order.offer.number, *others, sender=by.address)

    def owed(self, account: Account | str, token: Any = None) -> int:
        address = account if isinstance(account, str) else account.address
        amount: int = self.market.owed((token or self.credits).address, address)[0]
        return amount

    def fees(self, account: Account = SELLER, token: Any = None) -> int:
        amount: int = self.market.owed((token or self.credits).address, account.address)[1]
        return amount

    def until(self, offer: Offer, account: Account = BUYER) -> int:
        until: int = self.market.access_until(offer.id, account.address)
        return until

    def state(self, order: Order) -> int:
        state: int = self.market.order(order.id)[0]
        return state
