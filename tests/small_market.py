"""A market in memory, as a catalogue is fed from one: offers are made, bought, reviewed, and taken back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from making_offers import CHAIN, MARKET, SELLER, TOKEN, signed

from counterfoil.market.catalogue import Change, LedgerOffer, LedgerReview
from counterfoil.market.catalogue.fetching import Answered, Wanted
from counterfoil.market.catalogue.taking import MarketPlace
from counterfoil.market.sheets.sheet import SignedSheet

PLACE = MarketPlace(CHAIN, MARKET)
BUYER = "0x" + "b0" * 20
OTHER = "0x" + "b1" * 20
NOW = 1_800_000_000


@dataclass
class _Told:
    change: Change
    apply: Any


@dataclass
class SmallMarket:
    """A list of events; everything else is worked out from it, each time anew."""

    told: list[_Told] = field(default_factory=list)
    final: int = -1
    places: dict[str, str] = field(default_factory=dict)
    block: int = 0

    # What happens

    def mine(self) -> int:
        """Begins the next block."""
        self.block += 1
        return self.block

    def say(self, name: str, offer: str, asset: str, apply: Any, **says: Any) -> None:
        place = sum(1 for each in self.told if each.change.block == self.block)
        tx = sha256(f"{self.block} {place} {len(self.told)}".encode()).hexdigest()
        change = Change(self.block, place, tx, name, offer, asset, json.dumps(says, sort_keys=True))
        self.told.append(_Told(change, apply))

    def offer(self, sheet: SignedSheet, price: int = 100, left: int | None = None, **changes: Any) -> str:
        """Offers what a sheet says."""
        said = sheet.sheet
        kind = {"licence": 1, "period": 2, "job": 3, "sale": 4}[said.wares.kind]
        made = LedgerOffer(
            said.offer,
            said.asset,
            said.number,
            SELLER,
            kind,
            TOKEN,
            price,
            0,
            0,
            0,
            0,
            sheet.digest_hex,
            left,
            True,
            0,
            0,
        )
        made = replace(made, **changes)
        self.places.setdefault(said.asset, "")
        self.say("Offered", made.offer, made.asset, ("offer", made), price=price, sheet=made.sheet)
        return made.offer

    def withdraw(self, offer: str) -> None:
        self.say("Withdrawn", offer, "", ("change", offer, {"is_open": False, "left": 0}))

    def buy(self, offer: str, buyer: str = BUYER) -> None:
        self.say("Bought", offer, "", ("buy", offer, buyer), buyer=buyer)

    def refund(self, offer: str, buyer: str = BUYER) -> None:
        self.say("Refunded", offer, "", ("refund", offer, buyer), buyer=buyer)

    def review(self, offer: str, stars: int, by: str = BUYER, digest: str = "00" * 32) -> None:
        self.say("Reviewed", offer, "", ("review", offer, by, stars, digest), stars=stars, by=by)

    def recall(self, asset: str) -> None:
        self.say("StateSet", "", asset, ("asset", asset, {"is_open": False}), state=2)

    def take_back(self, after_block: int) -> None:
        """The ledger exchanges its newest blocks."""
        self.told = [each for each in self.told if each.change.block <= after_block]
        self.block = after_block

    # What a catalogue asks

    def settled(self) -> int:
        return self.final

    def changes(self, block: int, event: int, most: int) -> Sequence[Change]:
        return [each.change for each in self.told if (each.change.block, each.change.event) > (block, event)][:most]

    def offers(self, ids: Sequence[str]) -> Sequence[LedgerOffer]:
        return [each for offer, each in self._state()[0].items() if offer in set(ids)]

    def offers_of(self, assets: Sequence[str]) -> Sequence[str]:
        return [each.offer for each in self._state()[0].values() if each.asset in set(assets)]

    def reviews(self, ids: Sequence[str]) -> Sequence[LedgerReview]:
        return [each for each in self._state()[1] if each.offer in set(ids)]

    def uris(self, assets: Sequence[str]) -> Mapping[str, str]:
        return {asset: self.places[asset] for asset in assets if self.places.get(asset)}

    def _state(self) -> tuple[dict[str, LedgerOffer], list[LedgerReview]]:
        offers: dict[str, LedgerOffer] = {}
        kept: dict[tuple[str, str], int] = {}
        reviews: list[LedgerReview] = []
        for each in self.told:
            kind, *told = each.apply
            if kind == "offer":
                offers[told[0].offer] = replace(told[0], block=each.change.block, event=each.change.event)
            elif kind == "change":
                offers[told[0]] = replace(offers[told[0]], **told[1])
            elif kind == "asset":
                offers |= {key: replace(one, **told[1]) for key, one in offers.items() if one.asset == told[0]}
            elif kind == "buy":
                one = offers[told[0]]
                left = None if one.left is None else one.left - 1
                offers[told[0]] = replace(one, left=left, is_open=one.is_open and left != 0)
                kept[told[0], told[1]] = kept.get((told[0], told[1]), 0) + 1
            elif kind == "refund":
                kept[told[0], told[1]] -= 1
            else:
                offer, by, stars, digest = told
                reviews.append(LedgerReview(offer, by, stars, digest, False, each.change.block, each.change.event))
        return offers, [replace(each, is_refunded=not kept.get((each.offer, each.by))) for each in reviews]


@dataclass
class Pile:
    """Files by digest that are there at once, or are not; remembers what was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[Wanted] = field(default_factory=list)

    def put(self, *sheets: Any) -> None:
        self.files |= {each.digest_hex: each.data for each in sheets}

    def fetch(self, wanted: Sequence[Wanted]) -> Iterable[Answered]:
        for each in wanted:
            self.asked.append(each)
            data = self.files.get(each.digest)
            yield Answered(each, data, "" if data is not None else "the node says that it has no such file")


def filled(count: int, **changes: Any) -> tuple[SmallMarket, Pile, list[str]]:
    """Returns a market with so many offers, one a block, all of whose sheets are there."""
    market, pile, ids = SmallMarket(), Pile(), []
    for number in range(1, count + 1):
        market.mine()
        sheet = signed(number, asset=number, title=f"Title {number}", **changes)
        pile.put(sheet)
        ids.append(market.offer(sheet, price=number * 10))
    return market, pile, ids
