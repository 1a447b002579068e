"""What anybody can look up in the market: offers, orders, access, what is owed, and everything it told."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from counterfoil.errors import InvalidInput
from counterfoil.ledger.accounts.account import parse_address
from counterfoil.ledger.market.book import OfferFilter, OrderFilter
from counterfoil.ledger.market.contract import MarketRule
from counterfoil.ledger.market.offer import ORDER_STATES, MarketEvent, Offer, Order, Price
from counterfoil.ledger.market.terms import FOR_GOOD, KINDS
from counterfoil.ledger.market.trades import Trades, lower, read_word
from counterfoil.ledger.market.views import trades

__all__ = ["Looking"]


class Looking(Trades):
    """Asks the ledger for the newest, and sends nothing."""

    def offer(self, offer: str) -> Offer:
        """Returns an offer as it was said last.

        Raises:
            NotFound: There is no such offer.
        """
        return self.shown_offer(self.require_offer(offer))

    def offers(
        self,
        *,
        asset: str = "",
        seller: str = "",
        kind: str = "",
        token: str = "",
        most: str | None = None,
        is_open: bool = False,
        after: str = "",
        newest_first: bool = False,
        limit: int | None = 1_000,
    ) -> list[Offer]:
        """Returns offers, in the order in which they were said.

        Args:
            asset: Only of this asset.
            seller: Only of this account.
            kind: Only of this kind.
            token: Only in this token.
            most: At most this price, decimal text, in the token named or the one of the settings; where none is named,
                what is free is found in any token.
            is_open: Only those that can be bought.
            after: Only those said after this place, an event's cursor.
            newest_first: The other way round.
            limit: At most so many; None for all.
        """
        self.opened.scanner.step()
        if kind and kind not in KINDS:
            raise InvalidInput(f"{ascii(kind)[:40]} is no kind of offer", hint=f"one of {', '.join(KINDS)}")
        priced_in = b"" if most is None else self.named_token(token)
        wanted = OfferFilter(
            asset=f"0x{read_word(asset, 'an asset').hex()}" if asset else "",
            seller=lower(parse_address(seller)) if seller else "",
            kind=KINDS[kind] if kind else 0,
            token=lower(parse_address(token)) if token else "",
            most_units=None if most is None else self.facts(priced_in).units(most),
            priced_in="" if token else lower(priced_in),
            is_open=is_open,
            after=after,
            newest_first=newest_first,
            limit=limit,
        )
        return [self.shown_offer(row) for row in self.opened.book.offers(wanted)]

    def order(self, order: str) -> Order:
        """Returns an order as it stands.

        Raises:
            NotFound: There is no such order.
        """
        return self.shown_order(self.require_order(order))

    def orders(
        self,
        *,
        buyer: str = "",
        seller: str = "",
        offer: str = "",
        states: Sequence[str] = (),
        after: str = "",
        newest_first: bool = False,
        limit: int | None = 1_000,
    ) -> list[Order]:
        """Returns orders, oldest first.

        Args:
            buyer: Only those of this account.
            seller: Only those that this account sold.
            offer: Only of this offer.
            states: Only those that stand so: `paid`, `held`, `delivered`, `settled`, `refunded`.
            after: Only those bought after this place, an event's cursor.
            newest_first: The other way round.
            limit: At most so many; None for all.
        """
        self.opened.scanner.step()
        unknown = [each for each in states if each not in ORDER_STATES]
        if unknown:
            raise InvalidInput(f"{ascii(unknown[0])[:40]} is no state", hint=f"one of {', '.join(ORDER_STATES)}")
        wanted = OrderFilter(
            buyer=lower(parse_address(buyer)) if buyer else "",
            seller=lower(parse_address(seller)) if seller else "",
            offer=f"0x{read_word(offer, 'an offer').hex()}" if offer else "",
            states=tuple(ORDER_STATES.index(each) for each in states),
            after=after,
            newest_first=newest_first,
            limit=limit,
        )
        return [self.shown_order(row) for row in self.opened.book.orders(wanted)]

    def access_until(self, offer: str, holder: str = "") -> int | None:
        """Returns until when an account has access by what it bought, Unix seconds: the contract's own word.

        Args:
            offer: The offer.
            holder: The account; this home's by default.

        Returns:
            None for good; 0, or a time that is over, where there is none.
        """
        account = parse_address(holder) if holder else self.account
        until = self.opened.contract.access_until(int.from_bytes(read_word(offer, "an offer"), "big"), account)
        return None if until == FOR_GOOD else until

    def owed(self, token: str = "", account: str = "") -> Price:
        """Returns what the market owes an account, this home's by default, in a token, the settings' by default."""
        address, holder = self.named_token(token), parse_address(account) if account else self.account
        return self.price(address, self.opened.contract.owed(address, holder)[0])

    def balance(self, token: str = "", account: str = "") -> Price:
        """Returns what an account, this home's by default, holds of a token, the settings' by default."""
        address, holder = self.named_token(token), parse_address(account) if account else self.account
        return self.price(address, self.token(address).balance(holder))

    def amount(self, text: str, token: str = "") -> Price:
        """Reads an amount of a token, the settings' by default: `12.5`."""
        address = self.named_token(token)
        return self.price(address, self.facts(address).units(text))

    def rule(self) -> MarketRule:
        """Returns who governs the market, its fee, and whether buying is paused."""
        return self.opened.contract.rule()

    def events(
        self,
        *,
        names: Sequence[str] = (),
        offer: str = "",
        order: str = "",
        asset: str = "",
        after: str = "",
        is_final: bool = False,
        newest_first: bool = False,
        limit: int = 1_000,
    ) -> list[MarketEvent]:
        """Returns what the market told, oldest first; whoever follows it asks on with the newest one's cursor.

        Args:
            names: Only these events.
            offer: Only of this offer.
            order: Only of this order.
            asset: Only of this asset.
            after: Only what comes after this place, an event's cursor.
            is_final: Only what the ledger will not take back: whoever acts on it need not look back.
            newest_first: The other way round.
            limit: At most so many.
        """
        opened = self.opened
        opened.scanner.step()
        until = self._ledger.opened.chain.final_block().number if is_final else None
        return opened.book.events(
            names=names,
            offer=offer,
            order=order,
            asset=asset,
            after=after,
            until_block=until,
            newest_first=newest_first,
            limit=limit,
        )

    def records(self, *, offer: str = "", order: str = "") -> list[int]:
        """Returns the places in this home's log of its trade records about an offer or an order, oldest first."""
        query = select(trades.c.idx).order_by(trades.c.idx)
        query = query.where(trades.c.order == order) if order else query.where(trades.c.offer == offer)
        with self._views.reading() as connection:
            return list(connection.execute(query).scalars())
