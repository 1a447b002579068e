"""Orders whose money is held: delivering, accepting, settling, refunding, reclaiming, and reviewing what was bought."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Row

from counterfoil.errors import InvalidInput, NotAllowed
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.market.book import OrderFilter
from counterfoil.ledger.market.contract import Agreed, MarketContract
from counterfoil.ledger.market.folding import OrderState
from counterfoil.ledger.market.offer import ORDER_STATES, MarketEvent, Order
from counterfoil.ledger.market.quote import TradeQuote
from counterfoil.ledger.market.terms import KINDS, Deal, Share
from counterfoil.ledger.market.trades import Done, Trade, Trades, lower, read_word
from counterfoil.ledger.sending.contract_calls import ContractCall, Tell
from counterfoil.ledger.token_amounts import token_units

__all__ = ["Fulfilling"]

_Planned = tuple[TradeQuote, Callable[[Tell], Order]]
_OPEN_STATES: Final = (OrderState.HELD, OrderState.DELIVERED)
_EVENTS: Final = {"delivered": "Delivered", "settled": "Settled", "refunded": "Refunded"}
"""By what is done, how the market tells of it."""
_FINEST_DIGITS: Final = 18
"""So many digits behind the point are read of an amount where no token says how many there are."""


class Fulfilling(Trades):
    """What becomes of orders; see `Trades`."""

    def delivering(
        self, order: str, digest: str, charge: str | None = None, *, wait_s: float | None = None
    ) -> _Planned:
        """Returns what saying that an order is delivered costs, and what does it; the window begins then.

        An order without a window is paid out by the same transaction, where this account sold it and its shares
        are known.

        Args:
            order: The order.
            digest: SHA-256 of the delivery statement or execution receipt, 64 hexadecimal digits.
            charge: What is asked for a job, at most its price, decimal text: `0` alone where it is free. None asks
                the price.
            wait_s: How long it is waited for, where not as long as a ledger may take.

        Raises:
            NotFound: There is no such order.
            NotAllowed: It is not waited for.
            Reverted: It is another's, or was due before.
            InvalidInput: It asks more than was agreed, or less for what is no job.
        """
        row, word = self.require_order(order), read_word(digest, "a SHA-256 digest")
        token = bytes.fromhex(row.token[2:])
        units, shares = self._asked(row, charge), self._shares_at_once(row)
        title = "say that the order is delivered" if shares is None else "deliver the order and pay it out"

        def is_made() -> bool:
            now = self.require_order(row.order)
            return (now.digest, int(now.charge)) == (f"0x{word.hex()}", units) and now.state != OrderState.HELD

        calldata = self._delivered(row, units, word, shares)
        call = self.call(f"delivered {row.order}", calldata, title, is_made)
        if self._calls.is_left(call):
            self._require_state(row, (OrderState.HELD,), "delivered")
        if shares is not None:
            parts, actions = self._parted(row, units), ("delivered", "settled")
            return self._order_plan(actions, title, row, call, units, word.hex(), parts, wait_s)
        moves = (f"{self.price(token, units).text} to the seller when the window is over",) if units else ()
        return self._order_plan(("delivered",), title, row, call, units, word.hex(), moves, wait_s)

    def is_delivery_under_way(self, order: str) -> bool:
        """Says whether this home sent that an order is delivered, and no final block tells what became of that."""
        row = self.require_order(order)
        return self._calls.under_way(f"trade delivered {row.order}", self.opened.contract.address) is not None

    def accepting(self, order: str, shares: tuple[Share, ...] | None = None) -> _Planned:
        """Returns what paying the seller before the window is over costs, and what does it; only the buyer can.

        Args:
            order: The order, delivered.
            shares: The shares it was bought with; None takes them from the ledger.
        """
        row = self.require_order(order)
        if row.buyer != lower(self.account):
            raise NotAllowed(f"it was bought by {_address(row.buyer)}", hint="only its buyer accepts it")
        return self._settled(row, shares, "accept what was delivered")

    def settling(self, order: str, shares: tuple[Share, ...] | None = None, *, wait_s: float | None = None) -> _Planned:
        """Returns what paying out an order whose window is over costs, and what does it; anybody can.

        The buyer's own account can before: that is accepting it.

        Args:
            order: The order, delivered.
            shares: The shares it was bought with; None takes them from the ledger.
            wait_s: How long it is waited for, where not as long as a ledger may take.

        Raises:
            Reverted: Its window is open, and this account is not the buyer's.
        """
        return self._settled(self.require_order(order), shares, "pay out the order", wait_s)

    def refunding(self, order: str) -> _Planned:
        """Returns what giving the buyer everything back costs, and what does it; the access that it gave ends.

        The seller or an operator of the asset can before it is settled, the governor inside its window.
        """
        row = self.require_order(order)
        return self._refunded(row, "refund the order")

    def reclaiming(self, order: str) -> _Planned:
        """Returns what taking the money back costs, where an order was due and is not delivered; only the buyer can.

        Raises:
            Reverted: It is not due yet.
        """
        row = self.require_order(order)
        if row.buyer != lower(self.account):
            raise NotAllowed(f"it was bought by {_address(row.buyer)}", hint="only its buyer takes the money back")
        if row.state == OrderState.DELIVERED:
            raise NotAllowed("the order is delivered", hint="its seller, or the governor inside the window, refunds it")
        return self._refunded(row, "take the money back")

    def reviewing(self, offer: str, stars: int, digest: str) -> tuple[TradeQuote, Callable[[Tell], MarketEvent]]:
        """Returns what reviewing an offer that was bought costs, and what does it; a later review replaces it.

        Args:
            offer: The offer.
            stars: 1 to 5.
            digest: SHA-256 of the review, 64 hexadecimal digits.

        Raises:
            NotAllowed: This account has not bought it.
        """
        row, word = self.require_offer(offer), read_word(digest, "a SHA-256 digest")
        if not 1 <= stars <= 5:
            raise InvalidInput(f"{stars} stars cannot be given", hint="from 1 to 5")
        title = f"review the offer with {stars} of 5 stars"

        def told(_: Done | None = None) -> MarketEvent | None:
            self.opened.scanner.step()
            return self.newest("Reviewed", offer=row.offer, account=lower(self.account))

        def is_made() -> bool:
            newest = told()
            return newest is not None and newest.told["stars"] == stars and newest.told["digest"] == f"0x{word.hex()}"

        call = self.call(f"reviewed {row.offer}", self._review(row, stars, word), title, is_made)
        done = (Done("reviewed", row.asset, row.offer, digest=word.hex()),)
        public = {"offer": row.offer, "stars": str(stars), "digest": word.hex()}

        def shown() -> MarketEvent:
            newest = told()
            assert newest is not None  # it is final, and the book has read on since
            return newest

        return self.plan(Trade(title, (call,), done, told, public), shown)

    # Inner parts

    def _settled(
        self, row: Row[Any], shares: tuple[Share, ...] | None, title: str, wait_s: float | None = None
    ) -> _Planned:
        shares = self.opened.book.shares(row.split) if shares is None else shares
        if shares is None:
            raise NotAllowed(
                "who gets a part of it was not shown on the ledger, and whoever settles has to name them",
                hint="give the shares it was bought with",
            )
        calldata = MarketContract.settle(self._agreed(row), shares)
        call = self._closing(row, OrderState.SETTLED, "settled", calldata, title)
        if self._calls.is_left(call):
            self._require_state(row, (OrderState.DELIVERED,), "settled")
        units = int(row.charge)
        return self._order_plan(("settled",), title, row, call, units, row.digest[2:], self._parted(row, units), wait_s)

    def _parted(self, row: Row[Any], units: int) -> tuple[str, ...]:
        """Returns in words where the money of an order goes that is settled."""
        token, back = bytes.fromhex(row.token[2:]), int(row.price) - units
        moves = [f"{self.price(token, units).text} to the seller, contributors and fees"] if units else []
        moves += [f"{self.price(token, back).text} back to the buyer"] if back else []
        return tuple(moves)

    def _shares_at_once(self, row: Row[Any]) -> tuple[Share, ...] | None:
        """Returns the shares by which an order can be paid out with its delivery, None where it cannot."""
        if self._agreed(row).window_s or row.seller != lower(self.account):
            return None
        return self.opened.book.shares(row.split)

    def _refunded(self, row: Row[Any], title: str) -> _Planned:
        calldata = MarketContract.refund(self._agreed(row), int(row.asset, 16), int(row.number))
        call = self._closing(row, OrderState.REFUNDED, "refunded", calldata, title)
        if self._calls.is_left(call):
            self._require_state(row, _OPEN_STATES, "refunded")
        units, token = int(row.price), bytes.fromhex(row.token[2:])
        moves = (f"{self.price(token, units).text} back to the buyer",) if units else ()
        return self._order_plan(("refunded",), title, row, call, units, "", moves)

    def _closing(self, row: Row[Any], state: int, word: str, calldata: bytes, title: str) -> ContractCall:
        def is_made() -> bool:
            return bool(self.require_order(row.order).state == state)

        return self.call(f"{word} {row.order}", calldata, title, is_made)

    def _order_plan(
        self,
        actions: tuple[str, ...],
        title: str,
        row: Row[Any],
        call: ContractCall,
        units: int,
        digest: str,
        moves: tuple[str, ...],
        wait_s: float | None = None,
    ) -> _Planned:
        amount = self.price(bytes.fromhex(row.token[2:]), units)
        done = tuple(
            Done(action, row.asset, row.offer, row.order, amount.token, amount.amount, digest) for action in actions
        )
        public = {"order": row.order, "digest": digest, "amount": amount.text}

        def told(done: Done) -> MarketEvent | None:
            return self.newest(_EVENTS[done.action], order=row.order)

        trade = Trade(title, (call,), done, told, public, moves)
        return self.plan(trade, lambda: self.shown_order(self.require_order(row.order)), wait_s)

    def _delivered(self, row: Row[Any], units: int, digest: bytes, shares: tuple[Share, ...] | None) -> bytes:
        agreed = self._agreed(row)
        if shares is not None:
            return MarketContract.deliver_and_settle(agreed, shares, units, digest)
        if agreed.seller == self.account:
            return MarketContract.deliver(agreed, units, digest)
        recipient = bytes.fromhex(row.recipient[2:])
        return MarketContract.deliver_as_operator(agreed, int(row.asset, 16), int(row.number), recipient, units, digest)

    def _review(self, row: Row[Any], stars: int, digest: bytes) -> bytes:
        """Returns the calldata that reviews: by the access that was bought, else by an order that was settled."""
        offer = int(row.offer, 16)
        if self.opened.contract.access_until(offer, self.account):
            return MarketContract.review(offer, stars, digest)
        wanted = OrderFilter(buyer=lower(self.account), offer=row.offer, states=(OrderState.SETTLED,), limit=1)
        for order in self.opened.book.orders(wanted):
            return MarketContract.review_order(self._agreed(order), stars, digest)
        raise NotAllowed(
            f"the account {checksummed(self.account)} has not bought it",
            hint="whoever bought access, or a job that was settled, reviews",
        )

    def _asked(self, row: Row[Any], charge: str | None) -> int:
        """Returns what is asked for an order, in the token's smallest unit; see `delivering`."""
        token, price = bytes.fromhex(row.token[2:]), int(row.price)
        if charge is None:
            return price
        units = self.facts(token).units(charge) if price else token_units(charge, _FINEST_DIGITS)  # free: no token
        if units > price or (units < price and row.kind != KINDS["job"]):
            asked, agreed = (self.price(token, each).text for each in (units, price)) if price else (charge, "nothing")
            raise InvalidInput(
                f"{asked} are asked, and {agreed} {'were' if price else 'was'} agreed",
                hint="a job may ask less than its price, nothing else may",
            )
        return units

    def _agreed(self, row: Row[Any]) -> Agreed:
        deal = Deal(
            offer=int(row.offer, 16),
            buyer=bytes.fromhex(row.buyer[2:]),
            token=bytes.fromhex(row.token[2:]),
            price=int(row.price),
            referrer=bytes.fromhex(row.referrer[2:]),
            split=bytes.fromhex(row.split[2:]),
        )
        return Agreed(
            bytes.fromhex(row.order[2:]), bytes.fromhex(row.seller[2:]), int(row.rules), int(row.charge), deal
        )

    def _require_state(self, row: Row[Any], states: tuple[int, ...], what: str) -> None:
        if row.state not in states:
            raise NotAllowed(
                f"the order is {ORDER_STATES[row.state]}, and cannot be {what}",
                hint="one that was paid at once stays so; a closed one stays closed",
            )


def _address(text: str) -> str:
    return checksummed(bytes.fromhex(text[2:]))
