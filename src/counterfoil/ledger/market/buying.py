"""Buying on the market: one thing or several, paid with an allowance, a signature, or what the market owes.

A signature (ERC-2612, ERC-3009) saves a transaction. It takes an account whose secret is in
this home: a signer elsewhere signs transactions alone, and allows the price in one of its own.
Whoever brings such a signature before this home does cannot take anything with it: a permit
that is used up leaves its allowance, and an authorization pays for this purchase alone. But an
authorization does buy; so nobody is shown one, no node asked for an estimate either, before it
is carried out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Row

from counterfoil.errors import InvalidInput, NotAllowed, OutOfFunds, Reverted
from counterfoil.ledger.accounts.account import LocalAccount, checksummed, parse_address
from counterfoil.ledger.market.allowances import Allowances
from counterfoil.ledger.market.contract import MarketContract, Purchase
from counterfoil.ledger.market.offer import MarketEvent, Order, Price
from counterfoil.ledger.market.quote import TradeQuote
from counterfoil.ledger.market.terms import KINDS, Share, kind_word, order_id
from counterfoil.ledger.market.token import Authorization, Permit, Token
from counterfoil.ledger.market.trades import Done, Trade, read_word, terms_of
from counterfoil.ledger.sending.contract_calls import ContractCall, Tell

__all__ = ["Buying", "ToBuy", "Way"]

Way = Literal["auto", "allowance", "permit", "authorization", "balance"]
"""How it is paid. `balance` is what the market owes this account. `auto` takes the first of these that can be: an
allowance that is there, an authorization (it has a number of its own, so that several purchases can be under way at
once), a permit, an allowance that is given first."""

MOST_AT_ONCE: Final = 8
SIGNED_S: Final = 86_400
"""So long a signature holds: it may wait for a block, and is worthless afterwards."""

BUY_GAS: Final = 260_000
"""Of buying where the price is still to be allowed, or what pays is not to be shown yet: it cannot be estimated."""

SHARE_GAS: Final = 25_000
"""Of each share that is credited, besides."""


@dataclass(frozen=True, slots=True)
class ToBuy:
    """What is to be bought, as the buyer read it.

    Attributes:
        offer: The offer's id, `0x` and 64 digits.
        recipient: A fresh X25519 key made for this order alone, 64 hexadecimal digits.
        most: The most it may cost, decimal text in the token it is priced in.
        sheet: SHA-256 of the offer sheet that the buyer read, 64 hexadecimal digits.
        job: SHA-256 of the job's specification; empty for what is no job.
        referrer: Address of whoever brought the buyer; empty for nobody.
        shares: The offer's shares; None takes them from the ledger.
        token: Address of the token that the buyer read the price in; empty takes any.
    """

    offer: str
    recipient: str
    most: str
    sheet: str
    job: str = ""
    referrer: str = ""
    shares: tuple[Share, ...] | None = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be bought, found on the ledger: its purchase, its shares, its order's id, what it costs.

    Where it is bought already, price and sheet are those of the order, and shares are not looked for.
    """

    purchase: Purchase
    shares: tuple[Share, ...]
    order: str
    price: Price
    sheet: str
    row: Row[Any]


class Buying(Allowances):
    """What this home buys; see `Trades`."""

    def buying(self, wanted: ToBuy, way: Way = "auto") -> tuple[TradeQuote, Callable[[Tell], Order]]:
        """Returns what buying costs, moves and shows, and what does it.

        Args:
            wanted: What is to be bought.
            way: How it is paid.

        Raises:
            NotFound: There is no such offer.
            NotAllowed: It costs more, in another token or under another sheet than the buyer read; or its shares were
                not shown and are not named; or it cannot be bought now.
            OutOfFunds: The account holds less than the price, or the market owes it less.
            InvalidInput: It cannot be bought so.
        """
        found = self._found(wanted)
        title = f"buy the {kind_word(found.purchase.terms.kind)} for {found.price.text}"
        calls, signs = self._paid(found, way, title)
        trade = self._trade(title, calls, (found,), signs, is_from_owed=way == "balance")
        return self.plan(trade, lambda: self.shown_order(self.require_order(found.order)))

    def buying_several(self, wanted: Sequence[ToBuy]) -> tuple[TradeQuote, Callable[[Tell], tuple[Order, ...]]]:
        """Returns what buying several, all or nothing in one transaction, costs, and what does it; see `buying`.

        They are paid with an allowance, which is given first where it is missing; all in one token.

        Args:
            wanted: Two to eight, of one token.
        """
        if not 1 < len(wanted) <= MOST_AT_ONCE:
            raise InvalidInput(f"{len(wanted)} are to be bought at once", hint=f"two to {MOST_AT_ONCE}")
        found = [self._found(each) for each in wanted]
        if len({each.order for each in found}) != len(found):
            raise InvalidInput("two of them have the same key and the same offer", hint="make a fresh key for each")
        tokens = {each.purchase.terms.token for each in found if each.purchase.terms.price}
        if len(tokens) > 1:
            raise InvalidInput("they are priced in several tokens", hint="buy those of one token at a time")
        token = next(iter(tokens), bytes(20))
        price = self.price(token, sum(each.purchase.terms.price for each in found))
        title = f"buy {len(found)} for {price.text}"
        calldata = MarketContract.buy_many([each.purchase for each in found], [each.shares for each in found])

        def is_made() -> bool:
            return all(self._order(each.order) is not None for each in found)

        is_made_now = is_made()
        bought = [each.order for each in found if self._order(each.order) is not None]
        if bought and not is_made_now:
            raise InvalidInput(
                f"{bought[0]} of them is bought already, and would be paid again", hint="leave it out of what is left"
            )
        if not is_made_now:
            self._require_open(found)
        allowed = self.allowing(token, price, found[0].order, is_made) if not is_made_now else ()
        gas = sum(map(_gas, found)) if allowed else None
        call = self.call(f"bought {found[0].order}", calldata, title, is_made, gas=gas)
        trade = self._trade(title, (*allowed, call), found, "")
        return self.plan(trade, lambda: tuple(self.shown_order(self.require_order(each.order)) for each in found))

    # Inner parts

    def _trade(
        self,
        title: str,
        calls: tuple[ContractCall, ...],
        found: Sequence[_Wanted],
        signs: str,
        *,
        is_from_owed: bool = False,
    ) -> Trade:
        done = tuple(
            Done(
                "bought",
                each.row.asset,
                each.row.offer,
                each.order,
                each.price.token,
                each.price.amount,
                each.sheet,
            )
            for each in found
        )

        def told(of: Done) -> MarketEvent | None:
            return self.newest("Bought", "Ordered", order=of.order)

        first = found[0]
        total = sum(each.price.units for each in found)
        token = next((each.purchase.terms.token for each in found if each.price.units), bytes(20))
        pays = self.price(token, total)
        public = {
            "offer": " ".join(each.row.offer for each in found),
            "order": " ".join(each.order for each in found),
            "recipient": " ".join(each.purchase.recipient.hex() for each in found),
            "price": " ".join(each.price.text for each in found),
            "token": pays.token,
            "job": first.purchase.job.hex() if any(first.purchase.job) else "",
            "referrer": checksummed(first.purchase.referrer) if any(first.purchase.referrer) else "",
        }
        held = sum(each.price.units for each in found if each.purchase.terms.is_held)
        moves = tuple(
            f"{self.price(token, units).text}, {whither}"
            for units, whither in (
                (total - held, "paid to the seller at once"),
                (held, "held by the market until it is delivered"),
            )
            if units
        )
        return Trade(title, calls, done, told, public, moves, pays if total else None, is_from_owed, signs)

    def _found(self, wanted: ToBuy) -> _Wanted:
        """Returns what is wanted as it is offered now; refuses other terms than the buyer read."""
        row = self.require_offer(wanted.offer)
        terms = terms_of(row)
        price = self.price(terms.token, terms.price)
        recipient = read_word(wanted.recipient, "an X25519 key")
        job = read_word(wanted.job, "the SHA-256 digest of a job") if wanted.job else bytes(32)
        referrer = parse_address(wanted.referrer) if wanted.referrer else bytes(20)
        order = f"0x{order_id(int(row.offer, 16), self.account, recipient).hex()}"
        purchase = Purchase(int(row.asset, 16), int(row.number), terms, recipient, job, referrer)
        bought = self._order(order)
        if bought is not None:
            price = self.price(bytes.fromhex(bought.token[2:]), int(bought.price))
            return _Wanted(purchase, wanted.shares or (), order, price, bought.sheet[2:], row)
        if read_word(wanted.sheet, "the SHA-256 digest of an offer sheet") != terms.sheet:
            raise NotAllowed(
                f"it is offered under the sheet {terms.sheet.hex()}, and not the one that was named",
                hint="its terms have changed: read them again",
            )
        self._require_price(price, wanted)
        if any(job) != (terms.kind == KINDS["job"]):
            raise InvalidInput(
                f"it is a {kind_word(terms.kind)}", hint="a job's digest is named for a job, and for nothing else"
            )
        shares = self.opened.book.shares(row.split) if wanted.shares is None else wanted.shares
        if shares is None:
            raise NotAllowed(
                "who gets a part of the price was not shown on the ledger, and a buyer has to name them",
                hint="ask the seller for the offer's shares, and give them",
            )
        return _Wanted(purchase, shares, order, price, terms.sheet.hex(), row)

    def _require_price(self, price: Price, wanted: ToBuy) -> None:
        """Refuses a price above the most that may be paid, or in another token than the buyer read it in."""
        if not price.units:
            return
        token = parse_address(price.token)
        if wanted.token and parse_address(wanted.token) != token:
            raise NotAllowed(
                f"it costs {price.text} of the token {price.token}, and not of the one that was named",
                hint="its terms may have changed: read them again, and name the token that you mean",
            )
        if price.units > self.facts(token).units(wanted.most):
            raise NotAllowed(
                f"it costs {price.text}, and at most {wanted.most[:40]} may be paid",
                hint="allow more with --max, or leave it",
            )

    def _paid(self, found: _Wanted, way: Way, title: str) -> tuple[tuple[ContractCall, ...], str]:
        """Returns the calls that buy one thing, and what the account signs for them."""
        purchase, shares = found.purchase, found.shares
        terms, token = purchase.terms, self.token(purchase.terms.token)

        def is_made() -> bool:
            return self._order(found.order) is not None

        def buy(calldata: bytes, gas: int | None = None) -> ContractCall:
            return self.call(f"bought {found.order}", calldata, title, is_made, is_any=True, gas=gas)

        plain = buy(MarketContract.buy(purchase, shares))
        if not self._calls.is_left(plain):
            return (plain,), ""
        self._require_open([found])
        if way == "balance":
            self._require_owed(found.price, terms.token)
            return (buy(MarketContract.buy_from_balance(purchase, shares)),), ""
        if not terms.price:
            return (plain,), ""
        self.require_balance(token, found.price)
        is_allowed = token.allowance(self.account, self.opened.contract.address) >= terms.price
        if is_allowed and way in ("auto", "allowance"):
            return (plain,), ""
        for name, signed in (("authorization", self._authorized), ("permit", self._permitted)):
            calldata = signed(token, found) if way in ("auto", name) else None
            if calldata is not None:
                what = f"leave for the market to take {found.price.text}, for a day ({name})"
                return (buy(calldata, _gas(found) if name == "authorization" else None),), what
        if way not in ("auto", "allowance"):
            raise InvalidInput(
                f"this token and this account cannot pay by {way}", hint="leave the way out, and what can be is chosen"
            )
        return (
            *self.allowing(terms.token, found.price, found.order, is_made),
            buy(MarketContract.buy(purchase, shares), _gas(found)),
        ), ""

    def _permitted(self, token: Token, found: _Wanted) -> bytes | None:
        """Returns the calldata that buys with a permit signed now; None where token or account take none."""
        account, market = self._signer, self.opened.contract.address
        nonce, domain = token.permits_given(self.account), token.domain()
        if account is None or nonce is None or domain is None:
            return None
        permit = Permit(self.account, market, found.purchase.terms.price, nonce, self._deadline_s)
        signature = account.sign_digest(permit.digest(domain))
        try:
            token.chain.call(token.address, permit.calldata(signature))
        except Reverted:  # another form of permit than ERC-2612
            return None
        return MarketContract.buy_with_permit(found.purchase, found.shares, permit.deadline_s, signature)

    def _authorized(self, token: Token, found: _Wanted) -> bytes | None:
        """Returns the calldata that buys with a payment signed now; None where token or account know none."""
        account, nonce = self._signer, found.purchase.nonce
        if account is None or not token.takes_authorizations(self.account, nonce):
            return None
        domain, before_s = token.domain(), self._deadline_s
        if domain is None:
            return None
        payment = Authorization(self.account, self.opened.contract.address, found.purchase.terms.price, before_s, nonce)
        signature = account.sign_digest(payment.digest(domain))
        return MarketContract.buy_with_authorization(found.purchase, found.shares, self.account, before_s, signature)

    def _require_open(self, found: Sequence[_Wanted]) -> None:
        for each in found:
            purchase = each.purchase
            if self.opened.contract.offered(purchase.asset, purchase.number, purchase.terms):
                continue
            row = each.row
            why = "the market is paused" if self.opened.contract.rule().is_paused else ""
            why = why or ("it was withdrawn" if row.is_withdrawn else "it is sold out" if not row.left else "")
            raise NotAllowed(
                f"the offer {row.offer} cannot be bought: {why or 'its asset has another owner, or is recalled'}",
                hint="look at the offer again",
            )

    def _require_owed(self, price: Price, token: bytes) -> None:
        owed = self.opened.contract.owed(token, self.account)[0]
        if owed < price.units:
            raise OutOfFunds(
                f"the market owes this account {self.price(token, owed).text}, and {price.text} are to be paid",
                hint="pay in another way, or deposit more",
            )

    def _order(self, order: str) -> Row[Any] | None:
        self.opened.scanner.step()
        return self.opened.book.order(order)

    @property
    def _signer(self) -> LocalAccount | None:
        """The account where its secret is here; None where a signer elsewhere signs transactions alone."""
        account = self._ledger.opened.account
        return account if isinstance(account, LocalAccount) else None

    @property
    def _deadline_s(self) -> int:
        return self._ledger.opened.chain.require_block("latest").time_s + SIGNED_S


def _gas(found: _Wanted) -> int:
    return BUY_GAS + SHARE_GAS * len(found.shares)
