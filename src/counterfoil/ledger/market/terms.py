"""What is offered and what was agreed, as the Market contract packs and hashes it.

The contract holds terms, shares and agreements as hashes. Whoever calls it says them in
full, so they are kept here as the ledger told them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from eth_abi.abi import encode

from counterfoil.core.keccak import keccak256
from counterfoil.errors import InvalidInput
from counterfoil.ledger.accounts.account import checksummed, parse_address
from counterfoil.ledger.market.prices import MAX_PRICE

__all__ = [
    "DEAL_TYPE",
    "FOR_GOOD",
    "KINDS",
    "MAX_FEE_BPS",
    "MAX_SHARES",
    "NO_SPLIT",
    "SHARES_TYPE",
    "TERMS_TYPE",
    "UNLIMITED",
    "Deal",
    "OfferKind",
    "Share",
    "Terms",
    "kind_word",
    "offer_id",
    "order_id",
    "split_of",
]

OfferKind = Literal["licence", "period", "job", "sale"]

KINDS: Final[Mapping[str, int]] = {"licence": 1, "period": 2, "job": 3, "sale": 4}
"""A licence for good, a licence for a period, a job next to the data, the asset itself."""

_WORDS: Final = {number: word for word, number in KINDS.items()}

UNLIMITED: Final = 2**32 - 1
"""The supply of what may be bought any number of times."""

FOR_GOOD: Final = 2**256 - 1
"""Until when a licence for good gives access."""

MAX_FEE_BPS: Final = 1_000
MAX_SHARES: Final = 32
MAX_WAIT_S: Final = 366 * 86_400
NO_SPLIT: Final = bytes(32)
"""The hash of no shares: all goes to the seller."""

TERMS_TYPE: Final = "(address,address,uint256,uint256,bytes32,bytes32)"
DEAL_TYPE: Final = "(uint256,address,address,uint256,address,bytes32)"
SHARES_TYPE: Final = "(bytes32,uint256)[]"

_BITS_32: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Share:
    """A part of what a sale brings after fees.

    Attributes:
        payee: 32 bytes: an account behind 12 zero bytes, or the root of a tree of claims.
        bps: In hundredths of a percent.
    """

    payee: bytes
    bps: int

    @classmethod
    def of(cls, payee: str, bps: int) -> Self:
        """Reads a share as people write it: an account's address, or a root's 64 digits.

        Raises:
            InvalidInput: It is neither, or the part is none.
        """
        digits = payee.removeprefix("0x")
        if len(digits) == 64 and not set(digits.lower()) - set("0123456789abcdef"):
            word = bytes.fromhex(digits)
        else:
            word = parse_address(payee).rjust(32, b"\0")
        if not any(word) or not 0 < bps <= 10_000:
            raise InvalidInput(
                f"a share of {bps} for {payee[:70]!a} cannot be",
                hint="an address or a root of claims, and from 1 to 10,000 hundredths of a percent",
            )
        return cls(word, bps)

    @property
    def is_account(self) -> bool:
        """Whether it is an account's, and no tree's."""
        return not any(self.payee[:12])

    def to_json(self) -> dict[str, Any]:
        """Returns the share as JSON."""
        payee = checksummed(self.payee[12:]) if self.is_account else f"0x{self.payee.hex()}"
        return {"bps": self.bps, "payee": payee}


@dataclass(frozen=True, slots=True)
class Terms:
    """What an offer asks and promises.

    Attributes:
        seller: 20 bytes of the asset's owner.
        token: 20 bytes; zeros where nothing is asked.
        price: In the token's smallest unit.
        kind: 1 licence, 2 period, 3 job, 4 sale.
        duration_s: Of the access that a period gives; else 0.
        delivery_s: So long after the order it is due; 0 where it is paid at once.
        window_s: So long after the delivery the money is still held.
        referrer_bps: Of the price, for whoever brought the buyer, in hundredths of a percent.
        sheet: SHA-256 of the offer sheet, 32 bytes.
        split: Hash of the shares, 32 bytes; zeros for none.
    """

    seller: bytes
    token: bytes
    price: int
    kind: int
    duration_s: int
    delivery_s: int
    window_s: int
    referrer_bps: int
    sheet: bytes
    split: bytes

    @classmethod
    def told(cls, seller: bytes, token: bytes, price: int, rules: int, sheet: bytes, split: bytes) -> Self:
        """Reads terms as the contract tells them."""
        duration_s, delivery_s, window_s = (rules >> place & _BITS_32 for place in (8, 40, 72))
        kind, referrer_bps = rules & 0xFF, rules >> 104 & 0xFFFF
        return cls(seller, token, price, kind, duration_s, delivery_s, window_s, referrer_bps, sheet, split)

    @property
    def rules(self) -> int:
        """Kind, times and the referrer's part as the contract packs them."""
        times = self.duration_s << 8 | self.delivery_s << 40 | self.window_s << 72
        return self.kind | times | self.referrer_bps << 104

    @property
    def is_held(self) -> bool:
        """Whether the money is held until what was bought is delivered."""
        return self.delivery_s != 0

    def tuple(self) -> tuple[str, str, int, int, bytes, bytes]:
        """Returns what the contract takes as `Terms`."""
        return (checksummed(self.seller), checksummed(self.token), self.price, self.rules, self.sheet, self.split)

    def require_sound(self) -> None:
        """Refuses what the contract would refuse, in words.

        Raises:
            InvalidInput: It cannot be offered so.
        """
        for is_wrong, found, hint in (
            (self.kind not in KINDS.values(), f"there is no kind {self.kind} of offer", f"one of {', '.join(KINDS)}"),
            (not 0 <= self.price <= MAX_PRICE, "the price is out of range", "from 0 to 2^96 - 1 smallest units"),
            (self.price > 0 and not any(self.token), "a price needs a token", "name the token's address"),
            (not any(self.sheet), "an offer needs a sheet", "name the SHA-256 digest of the offer sheet"),
            (
                (self.duration_s > 0) != (self.kind == KINDS["period"]) or self.duration_s > _BITS_32,
                f"a duration of {self.duration_s:,} seconds does not fit a {kind_word(self.kind)}",
                "a period has one (--period 30d), at most 136 years, and nothing else has",
            ),
            (
                not 0 <= self.window_s <= MAX_WAIT_S or not 0 <= self.delivery_s <= MAX_WAIT_S,
                "the times to deliver and to object are out of range",
                "each at most 366 days",
            ),
            (
                (self.kind == KINDS["job"] or self.window_s > 0) and self.delivery_s == 0,
                "there is no time to deliver",
                "a job, and whatever has a window, is delivered within delivery_s seconds",
            ),
            (
                self.delivery_s > 0 and self.window_s == 0 and self.kind != KINDS["job"],
                "what is paid at once is not delivered on the ledger",
                "leave delivery_s out, or give a window_s",
            ),
            (
                self.kind == KINDS["sale"] and self.is_held,
                "a sale is paid at once",
                "leave window_s and delivery_s out",
            ),
            (
                not 0 <= self.referrer_bps <= MAX_FEE_BPS,
                f"{self.referrer_bps} hundredths of a percent for a referrer cannot be",
                f"from 0 to {MAX_FEE_BPS:,}",
            ),
        ):
            if is_wrong:
                raise InvalidInput(found, hint=hint)


@dataclass(frozen=True, slots=True)
class Deal:
    """What an order whose money is held was bought for.

    Attributes:
        offer: The offer's id.
        buyer: 20 bytes.
        token: 20 bytes.
        price: In the token's smallest unit.
        referrer: 20 bytes; zeros for nobody.
        split: Hash of the shares, 32 bytes.
    """

    offer: int
    buyer: bytes
    token: bytes
    price: int
    referrer: bytes
    split: bytes

    def tuple(self) -> tuple[int, str, str, int, str, bytes]:
        """Returns what the contract takes as `Deal`."""
        buyer, token, referrer = (checksummed(each) for each in (self.buyer, self.token, self.referrer))
        return (self.offer, buyer, token, self.price, referrer, self.split)

    @property
    def hash(self) -> bytes:
        """32 bytes by which the contract knows it."""
        return keccak256(encode([DEAL_TYPE], [self.tuple()]))


def kind_word(number: int) -> str:
    """Returns what is offered in a word."""
    return _WORDS.get(number, f"kind {number}")


def offer_id(asset: int, number: int) -> int:
    """Returns an offer's id: keccak256 of its asset and number."""
    return int.from_bytes(keccak256(encode(["uint256", "uint256"], [asset, number])), "big")


def order_id(offer: int, buyer: bytes, recipient: bytes) -> bytes:
    """Returns an order's id, 32 bytes: keccak256 of offer, buyer and the key made for it."""
    return keccak256(encode(["uint256", "address", "bytes32"], [offer, checksummed(buyer), recipient]))


def split_of(shares: Sequence[Share]) -> bytes:
    """Returns the hash of shares as terms name it, 32 bytes; zeros for none.

    Raises:
        InvalidInput: There are too many, or they are more than the whole.
    """
    if not shares:
        return NO_SPLIT
    if len(shares) > MAX_SHARES or sum(share.bps for share in shares) > 10_000:
        raise InvalidInput(
            f"{len(shares)} shares of {sum(share.bps for share in shares):,} hundredths of a percent cannot be",
            hint=f"at most {MAX_SHARES}, of 10,000 together; many are paid through a root of claims",
        )
    return keccak256(encode([SHARES_TYPE], [[(share.payee, share.bps) for share in shares]]))
