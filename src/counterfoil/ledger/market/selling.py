"""Offering assets on the market: an offer, its price, its shares, and taking it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Row

from counterfoil.errors import InvalidInput, NotAllowed
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.assets.changes import missing
from counterfoil.ledger.assets.contract import AssetsContract, HeldAsset, asset_id
from counterfoil.ledger.assets.kinds import KINDS as ASSET_KINDS
from counterfoil.ledger.assets.kinds import ROLES, Kind, asset_text, read_asset
from counterfoil.ledger.contracts.abi import ContractAbi
from counterfoil.ledger.market.contract import MarketContract, registration
from counterfoil.ledger.market.offer import MarketEvent, Offer
from counterfoil.ledger.market.quote import TradeQuote
from counterfoil.ledger.market.terms import KINDS, NO_SPLIT, UNLIMITED, OfferKind, Share, Terms, offer_id, split_of
from counterfoil.ledger.market.trades import Done, Trade, Trades, read_word, terms_of
from counterfoil.ledger.sending.contract_calls import ContractCall, Tell

__all__ = ["OfferDraft", "Selling"]

_ASSETS: Final = ContractAbi("Assets")
_MOST_NUMBER: Final = 2**256


@dataclass(frozen=True, slots=True)
class OfferDraft:
    """What is to be offered of an asset.

    Attributes:
        kind: `licence` (access for good), `period` (access for `duration_s`), `job` (next to the data) or `sale`.
        price: In the token, decimal text such as `12.50`; `0` is free. For a job the most it costs.
        sheet: SHA-256 of the offer sheet, 64 hexadecimal digits.
        number: The seller's number for it: each stands for one offer of the asset.
        token: Address of the token; empty takes the one of the settings.
        duration_s: Of the access, for a period.
        delivery_s: So long after the order it is due; for a job, and for what has a window.
        window_s: So long after the delivery the money is still held.
        referrer_bps: For whoever brings a buyer, in hundredths of a percent of the price, at most 1,000.
        shares: Who gets which part after fees; the rest is the seller's.
        supply: How many can be bought; None for any number.
    """

    kind: OfferKind
    price: str
    sheet: str
    number: int = 1
    token: str = ""
    duration_s: int = 0
    delivery_s: int = 0
    window_s: int = 0
    referrer_bps: int = 0
    shares: tuple[Share, ...] = ()
    supply: int | None = None


class Selling(Trades):
    """Offers of this home; see `Trades`."""

    def offering(self, asset: str, draft: OfferDraft) -> tuple[TradeQuote, Callable[[Tell], Offer]]:
        """Returns what offering an asset costs and shows, and what does it.

        What was offered under the same number before is replaced; the same again is not sent again.

        Raises:
            NotFound: There is no such asset.
            NotAllowed: This home's account may not offer it.
            InvalidInput: It cannot be offered so.
        """
        held = self._require_held(asset)
        self._require_pricer(held)
        terms, supply = self._terms(held.owner, draft), _supply(draft)
        offer = offer_id(held.asset, draft.number)

        def is_made() -> bool:
            row = self._row(offer)
            return row is not None and not row.is_withdrawn and (terms_of(row), row.supply) == (terms, supply)

        title = f"offer the asset as a {draft.kind}"
        calls = (
            *self._split_calls(held.asset, draft.shares),
            *self._handing_over(held.asset, draft),
            self._offer(held.asset, draft, supply, terms, is_made),
        )
        return self._offer_plan(title, calls, held.asset, offer, terms, supply)

    def repricing(self, offer: str, price: str) -> tuple[TradeQuote, Callable[[Tell], Offer]]:
        """Returns what asking another price costs, and what does it; as many can be bought as are left when it is sent.

        What is sold between the sending and its block is not counted: the contract takes the number as it is given.

        Raises:
            NotFound: There is no such offer.
            NotAllowed: This home's account may not offer the asset.
            InvalidInput: It is withdrawn or sold out.
        """
        row = self._require_live(offer)
        terms = terms_of(row)
        if not any(terms.token):
            raise InvalidInput("it is free, and names no token to ask a price in", hint="offer it again with a token")
        new = replace(terms, price=self.facts(terms.token).units(price))
        return self._reoffered(row, new, f"ask {self.price(new.token, new.price).text} for it", ())

    def setting_shares(self, offer: str, shares: Sequence[Share]) -> tuple[TradeQuote, Callable[[Tell], Offer]]:
        """Returns what sharing what an offer brings from now on costs, and what does it; orders keep their shares.

        Args:
            offer: The offer.
            shares: Who gets which part after fees, accounts or roots of claims; none gives all to the seller.
        """
        row = self._require_live(offer)
        new = replace(terms_of(row), split=split_of(shares))
        return self._reoffered(row, new, f"share what it brings in {len(shares)} parts", shares)

    def setting_share_root(self, offer: str, root: str, bps: int) -> tuple[TradeQuote, Callable[[Tell], Offer]]:
        """Returns what sharing with many, through a root of claims, costs, and what does it; see `setting_shares`."""
        return self.setting_shares(offer, (Share.of(f"0x{read_word(root, 'a root of claims').hex()}", bps),))

    def withdrawing_offer(self, offer: str) -> tuple[TradeQuote, Callable[[Tell], Offer]]:
        """Returns what withdrawing an offer costs, and what does it; what was bought stays bought.

        Raises:
            NotFound: There is no such offer.
            NotAllowed: This home's account may not offer the asset.
        """
        row = self.require_offer(offer)
        asset, number = int(row.asset, 16), int(row.number)
        self._require_pricer(self._require_held(row.asset))
        title = "withdraw the offer"

        def is_made() -> bool:
            return bool(self.require_offer(row.offer).is_withdrawn)

        call = self.call(f"withdrawn {row.offer}", MarketContract.withdraw_offer(asset, number), title, is_made)
        done = (Done("withdrawn", row.asset, row.offer),)
        trade = Trade(title, (call,), done, lambda _: self.newest("Withdrawn", offer=row.offer))
        return self.plan(trade, lambda: self.shown_offer(self.require_offer(row.offer)))

    def registering_and_offering(
        self,
        kind: Kind,
        manifest_sha256: str,
        draft: OfferDraft,
        *,
        uri: str = "",
        parents: Sequence[str] = (),
        royalty_bps: int = 0,
        of: str = "",
    ) -> tuple[TradeQuote, Callable[[Tell], Offer]]:
        """Returns what registering an asset and offering it in one transaction costs, and what does it.

        Args:
            kind: As for `Assets.register`, and so are the next ones.
            manifest_sha256: SHA-256 of the document that says what it is, 64 hexadecimal digits.
            draft: What is offered.
            uri: Where the manifest is found.
            parents: Ids of up to 16 assets that it was made from.
            royalty_bps: What its creator asks of each sale.
            of: Leaf hash of the record in this log that the manifest is, hex.

        Raises:
            InvalidInput: It cannot be registered, or offered so.
        """
        assets = self._ledger.assets
        quote, _ = assets.registering(kind, manifest_sha256, uri=uri, parents=parents, royalty_bps=royalty_bps, of=of)
        manifest = read_word(manifest_sha256, "a SHA-256 digest")
        asset = asset_id(self.account, manifest)
        purpose = f"registered {asset_text(asset)}"
        if not quote.gas and self._calls.under_way(f"trade {purpose}", self.opened.assets) is None:
            planned, carry_out = self.offering(asset_text(asset), draft)  # it is registered already
        else:
            ids = sorted(read_asset(each) for each in parents)
            first = (ASSET_KINDS[kind], manifest, uri, royalty_bps, ids)
            planned, carry_out = self._registering(purpose, asset, f"register the {kind} and offer it", first, draft)

        def all_of_it(tell: Tell) -> Offer:
            made = carry_out(tell)
            assets.register(kind, manifest_sha256, uri=uri, parents=parents, royalty_bps=royalty_bps, of=of, tell=tell)
            return made

        return replace(planned, public=dict(quote.public) | dict(planned.public)), all_of_it

    # Inner parts

    def _registering(
        self, purpose: str, asset: int, title: str, first: tuple[Any, ...], draft: OfferDraft
    ) -> tuple[TradeQuote, Callable[[Tell], Offer]]:
        terms, supply, offer = self._terms(self.account, draft), _supply(draft), offer_id(asset, draft.number)
        types = ("uint256", "bytes32", "string", "uint256", "uint256[]", "address", "bytes")
        market = checksummed(self.opened.contract.address)
        values = (*first, market, registration(draft.number, supply, terms))
        calldata = _ASSETS.calldata("register_and_offer", types, values)
        contract = self.opened.assets
        call = self.call(purpose, calldata, title, lambda: self._row(offer) is not None, contract=contract)
        after = (*self._split_calls(asset, draft.shares, gas=_SPLIT_GAS), *self._handing_over(asset, draft, _HAND_GAS))
        return self._offer_plan(title, (call, *after), asset, offer, terms, supply)

    def _offer_plan(
        self, title: str, calls: tuple[ContractCall, ...], asset: int, offer: int, terms: Terms, supply: int
    ) -> tuple[TradeQuote, Callable[[Tell], Offer]]:
        price, named = self.price(terms.token, terms.price), asset_text(offer)
        digest = terms.sheet.hex()
        done = Done("offered", asset_text(asset), named, "", price.token, price.amount, digest)
        public = {
            "asset": asset_text(asset),
            "offer": named,
            "price": price.text,
            "token": price.token,
            "sheet": digest,
            "supply": "any number" if supply == UNLIMITED else str(supply),
            "duration_s": str(terms.duration_s or ""),
            "delivery_s": str(terms.delivery_s or ""),
            "window_s": str(terms.window_s or ""),
            "referrer_bps": str(terms.referrer_bps or ""),
            "shares": f"0x{terms.split.hex()}" if terms.split != NO_SPLIT else "",
            "handed over by": "the market, to whoever buys it" if terms.kind == KINDS["sale"] else "",
        }

        def told(_: Done) -> MarketEvent | None:
            return self.newest("Offered", offer=named)

        trade = Trade(title, calls, (done,), told, public)
        return self.plan(trade, lambda: self.shown_offer(self.require_offer(named)))

    def _reoffered(
        self, row: Row[Any], terms: Terms, title: str, shares: Sequence[Share]
    ) -> tuple[TradeQuote, Callable[[Tell], Offer]]:
        """Returns what says an offer anew under other terms, with as many as are left when it is sent."""
        asset, number = int(row.asset, 16), int(row.number)
        held = self._require_held(row.asset)
        self._require_pricer(held)
        new = replace(terms, seller=held.owner)
        new.require_sound()

        def is_made() -> bool:
            return terms_of(self.require_offer(row.offer)) == new

        calldata = MarketContract.offer(asset, number, row.left, new)
        call = self.call(f"offered {row.offer}", calldata, title, is_made)
        calls = (*self._split_calls(asset, shares), call)
        quote, send = self._offer_plan(title, calls, asset, int(row.offer, 16), new, row.left)

        def carry_out(tell: Tell) -> Offer:
            if is_made() or self.require_offer(row.offer).left == row.left:
                return send(tell)
            return self._reoffered(self._require_live(row.offer), terms, title, shares)[1](tell)  # some were sold since

        return quote, carry_out

    def _offer(
        self, asset: int, draft: OfferDraft, supply: int, terms: Terms, is_made: Callable[[], bool]
    ) -> ContractCall:
        named = asset_text(offer_id(asset, draft.number))
        calldata = MarketContract.offer(asset, draft.number, supply, terms)
        return self.call(f"offered {named}", calldata, f"offer the asset as a {draft.kind}", is_made)

    def _split_calls(self, asset: int, shares: Sequence[Share], gas: int | None = None) -> tuple[ContractCall, ...]:
        """Returns what puts shares on the ledger, where buyers can read them; nothing where there are none."""
        if not shares:
            return ()
        split = f"0x{split_of(shares).hex()}"

        def is_made() -> bool:
            self.opened.scanner.step()
            newest = self.newest("SplitSet", asset=asset_text(asset))
            return newest is not None and newest.told["split"] == split

        calldata = MarketContract.set_split(asset, shares)
        return (self.call(f"shared {asset_text(asset)}", calldata, "show its shares", is_made, gas=gas),)

    def _handing_over(self, asset: int, draft: OfferDraft, gas: int | None = None) -> tuple[ContractCall, ...]:
        """Returns what lets the market hand an asset over to whoever buys it; nothing where it is not for sale."""
        if draft.kind != "sale":
            return ()
        contract, market = AssetsContract(self._ledger.opened.chain, self.opened.assets), self.opened.contract.address

        def is_made() -> bool:
            held = contract.held(asset)
            return held is not None and contract.may_transfer(asset, held.owner, market)

        title = "let the market hand the asset over to whoever buys it"
        calldata = AssetsContract.approve(market, asset)
        purpose = f"for sale {asset_text(asset)}"
        return (self.call(purpose, calldata, title, is_made, contract=contract.address, gas=gas),)

    def _terms(self, seller: bytes, draft: OfferDraft) -> Terms:
        if draft.kind not in KINDS:
            raise InvalidInput(f"{ascii(draft.kind)[:40]} is no kind of offer", hint=f"one of {', '.join(KINDS)}")
        if not 0 <= draft.number < _MOST_NUMBER:
            raise InvalidInput(f"{draft.number} is no number for an offer", hint="a whole number from 0 on")
        is_free = not draft.price.strip("0.") and draft.price.replace(".", "", 1).isdigit()
        token = bytes(20) if is_free else self.named_token(draft.token)
        terms = Terms(
            seller=seller,
            token=token,
            price=0 if is_free else self.facts(token).units(draft.price),
            kind=KINDS[draft.kind],
            duration_s=draft.duration_s,
            delivery_s=draft.delivery_s,
            window_s=draft.window_s,
            referrer_bps=draft.referrer_bps,
            sheet=read_word(draft.sheet, "the SHA-256 digest of an offer sheet"),
            split=split_of(draft.shares),
        )
        terms.require_sound()
        return terms

    def _row(self, offer: int) -> Row[Any] | None:
        self.opened.scanner.step()
        return self.opened.book.offer(asset_text(offer))

    def _require_live(self, offer: str) -> Row[Any]:
        row = self.require_offer(offer)
        if row.is_withdrawn or row.left == 0:
            what, hint = "sold out", "offer the asset under another number, or with another supply"
            if row.is_withdrawn:
                what, hint = "withdrawn", "offer the asset anew"
            raise InvalidInput(f"the offer {row.offer} is {what}", hint=hint)
        return row

    def _require_held(self, asset: str) -> HeldAsset:
        number = read_asset(asset)
        held = AssetsContract(self._ledger.opened.chain, self.opened.assets).held(number)
        if held is None:
            raise missing(asset_text(number))
        return held

    def _require_pricer(self, held: HeldAsset) -> None:
        contract = AssetsContract(self._ledger.opened.chain, self.opened.assets)
        if not contract.may(held.asset, self.account, ROLES["pricer"]):
            raise NotAllowed(
                f"this home's account {checksummed(self.account)} may not offer it",
                hint=f"its owner may, {checksummed(held.owner)}, and gives others the role of a pricer",
            )


_SPLIT_GAS: Final = 90_000
"""Of showing shares of an asset that is not registered yet: it cannot be estimated."""

_HAND_GAS: Final = 80_000
"""Of letting the market hand over an asset that is not registered yet, likewise."""


def _supply(draft: OfferDraft) -> int:
    if draft.supply is None:
        return UNLIMITED
    if not 0 < draft.supply < UNLIMITED:
        raise InvalidInput(f"{draft.supply} cannot be offered", hint=f"from 1 to {UNLIMITED - 1:,}, or any number")
    return draft.supply
