"""What a search finds: an offer as the ledger has it, with what its sheet says where that was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from counterfoil.market.sheets.sheet import SignedSheet

__all__ = ["Detail", "Found", "Listing", "ShownReview", "Told"]


@dataclass(frozen=True, slots=True)
class Told:
    """What an offer's sheet says, in short; empty texts where it was not found.

    Attributes:
        title: In a few words.
        category: `dataset`, `model` or `service`.
        licence: Its name.
        seller_name: The seller's.
        origin: Of the seller's log.
        tags: In order.
        rows: Of its table; None where that is not told, as with the next three.
        missing_micro: Rows that the column with the most lacks, in millionths.
        duplicates_micro: Rows that equal an earlier one, likewise.
        size_bytes: Of the content.
    """

    title: str = ""
    category: str = ""
    licence: str = ""
    seller_name: str = ""
    origin: str = ""
    tags: tuple[str, ...] = ()
    rows: int | None = None
    missing_micro: int | None = None
    duplicates_micro: int | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """One offer.

    Attributes:
        offer: Its id, `0x` and 64 digits.
        asset: Id of the asset.
        number: The seller's number for it.
        kind: `licence`, `period`, `job` or `sale`.
        seller: Address.
        token: Address of the token of the price.
        price_units: In the token's smallest unit.
        duration_s: Of the access that a period gives.
        sheet: SHA-256 of its sheet, hex.
        sheet_state: `found`, `not found` or `does not match`.
        why: Why it was not found, or what does not match; empty where it was.
        left: How many can be bought still; None for any number.
        is_open: Whether it can be bought now: the ledger allows it, and its sheet was found.
        block: Height of the block in which it was said.
        stars_micro: Mean of the reviews that count, in millionths of a star; None without any.
        reviews: How many count.
        told: What its sheet says.
    """

    offer: str
    asset: str
    number: int
    kind: str
    seller: str
    token: str
    price_units: int
    duration_s: int
    sheet: str
    sheet_state: str
    why: str
    left: int | None
    is_open: bool
    block: int
    stars_micro: int | None
    reviews: int
    told: Told

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values; a price is text, for it can be beyond JSON's numbers."""
        return {
            "asset": self.asset,
            "block": self.block,
            "category": self.told.category,
            "duplicates_micro": self.told.duplicates_micro,
            "duration_s": self.duration_s,
            "kind": self.kind,
            "left": self.left,
            "licence": self.told.licence,
            "missing_micro": self.told.missing_micro,
            "number": self.number,
            "offer": self.offer,
            "open": self.is_open,
            "origin": self.told.origin,
            "price_units": str(self.price_units),
            "reviews": self.reviews,
            "rows": self.told.rows,
            "seller": self.seller,
            "seller_name": self.told.seller_name,
            "sheet": self.sheet,
            "sheet_state": self.sheet_state,
            "size_bytes": self.told.size_bytes,
            "stars": None if self.stars_micro is None else self.stars_micro / 1_000_000,
            "tags": list(self.told.tags),
            "title": self.told.title,
            "token": self.token,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what a search found.

    Attributes:
        listings: In the order asked for.
        total: How many there are on all pages.
        next: Where the next page begins; empty on the last.
        facets: For each of `kind`, `category`, `licence`, `origin`, `tag`, `token` and `sheet`: (value, how many), the
            most frequent first.
        without_sheet: Offers on the ledger whose sheet was not found or does not match: no word finds them.
    """

    listings: tuple[Listing, ...]
    total: int
    next: str
    facets: Mapping[str, tuple[tuple[str, int], ...]]
    without_sheet: int

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return {
            "facets": {
                name: [{"count": count, "value": value} for value, count in values]
                for name, values in self.facets.items()
            },
            "listings": [each.to_json() for each in self.listings],
            "next": self.next or None,
            "total": self.total,
            "without_sheet": self.without_sheet,
        }


@dataclass(frozen=True, slots=True)
class ShownReview:
    """A review, as it is shown.

    Attributes:
        author: Address.
        stars: 1 to 5.
        text: Its words; empty where its document was not found.
        hidden: Why it does not count; empty for one that does. Its text is not shown then.
        block: Height of its block.
    """

    author: str
    stars: int
    text: str
    hidden: str
    block: int

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return {
            "author": self.author,
            "block": self.block,
            "hidden": self.hidden or None,
            "stars": self.stars,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class Detail:
    """All that is known of one offer: the listing, its sheet (None where it was not found), and its reviews."""

    listing: Listing
    sheet: SignedSheet | None
    reviews: tuple[ShownReview, ...]
