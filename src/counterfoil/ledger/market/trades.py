"""One thing done on the market: what it would cost, sending it once, and having the log say what was done.

Each has three steps, as a change to an asset has, and may be repeated after any interruption:

1. what it would cost, which money it moves and what it makes public is worked out; nothing is sent;
2. its calls are sent through the outbox, one after the other, each unless the ledger shows that
   it is made or it is under way already; each is waited for, until it is final;
3. the home's own log says what was done, unless it does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import Row, select

from counterfoil.errors import InvalidInput, NotFound, NotSetUp
from counterfoil.ledger.accounts.account import checksummed, parse_address
from counterfoil.ledger.market.offer import ORDER_STATES, MarketEvent, Offer, Order, Price
from counterfoil.ledger.market.opened import OpenedMarket
from counterfoil.ledger.market.quote import TradeQuote
from counterfoil.ledger.market.records import TradeRecord
from counterfoil.ledger.market.terms import FOR_GOOD, UNLIMITED, Terms, kind_word
from counterfoil.ledger.market.token import Token, TokenFacts
from counterfoil.ledger.market.views import trades
from counterfoil.ledger.sending.contract_calls import ContractCall, ContractCalls, Tell
from counterfoil.ledger.sending.rows import State

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.store.recorder import Recorder
    from counterfoil.store.views import Views

__all__ = ["Done", "Trade", "Trades", "lower", "read_word", "terms_of"]

_T = TypeVar("_T")
_WORD_DIGITS: Final = 64


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, as the log says it; attributes as in `TradeRecord`."""

    action: str
    asset: str = ""
    offer: str = ""
    order: str = ""
    token: str = ""
    amount: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Trade:
    """One thing to be done on the market, before anything is sent.

    Attributes:
        title: What it does, as in "to offer it".
        calls: What is sent, in this order.
        done: What the log says of it afterwards; several where one transaction does several things.
        told: Returns the event by which the market told of each; None where it told of none.
        public: What everybody can read afterwards, by name.
        moves: The money it moves, besides fees, in words.
        pays: What this account pays of it; None for nothing.
        is_from_owed: Whether it pays that with what the market owes it, and not with what it holds.
        signs: What the account signs besides transactions, in words.
    """

    title: str
    calls: tuple[ContractCall, ...]
    done: tuple[Done, ...]
    told: Callable[[Done], MarketEvent | None] = lambda _done: None
    public: Mapping[str, str] = field(default_factory=dict)
    moves: tuple[str, ...] = ()
    pays: Price | None = None
    is_from_owed: bool = False
    signs: str = ""


class Trades:
    """Does things on the market, each once. Safe to use from several threads.

    Args:
        ledger: The home's ledger.
        recorder: Writes what was done into the home's log.
        views: Finds what the log says.
    """

    def __init__(self, ledger: Ledger, recorder: Recorder, views: Views) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._views = views
        self._calls = ContractCalls(lambda: ledger.opened.outbox)
        self._recording = threading.Lock()  # between looking for the same record and writing it
        self._facts: dict[bytes, TokenFacts] = {}

    @property
    def opened(self) -> OpenedMarket:
        """What talks to the contract.

        Raises:
            NotSetUp: Not connected, or to no Market contract.
        """
        self._ledger.require_connection()
        opened = self._ledger.opened.market
        if opened is None:
            raise NotSetUp(
                "this home's ledger settings name no Market contract",
                hint="`counterfoil market deploy` puts one on the ledger, or takes one with --contract",
            )
        return opened

    @property
    def account(self) -> bytes:
        """20 bytes of the account that pays."""
        return self._ledger.opened.account.address

    # Doing something

    def plan(
        self, trade: Trade, shown: Callable[[], _T], wait_s: float | None = None
    ) -> tuple[TradeQuote, Callable[[Tell], _T]]:
        """Step 1; returns the quote, and what does steps 2 and 3 and returns what `shown` does then."""
        quotes = [self._calls.quote(call, {}) for call in trade.calls]
        public = {name: value for name, value in trade.public.items() if value}
        holds = 0
        if trade.pays is not None and trade.pays.token:
            token = parse_address(trade.pays.token)
            owed = self.opened.contract.owed(token, self.account)[0] if trade.is_from_owed else None
            holds = self.token(token).balance(self.account) if owed is None else owed
        asset = trade.done[0].asset
        more = {"moves": trade.moves, "pays": trade.pays, "holds_units": holds, "signs": trade.signs}
        quote = TradeQuote.of([replace(each, asset=asset) for each in quotes], trade.title, public, **more)
        return quote, lambda tell: self._carry_out(trade, shown, tell, wait_s)

    def call(
        self,
        purpose: str,
        calldata: bytes,
        title: str,
        is_made: Callable[[], bool] | None = None,
        *,
        contract: bytes | None = None,
        is_any: bool = False,
        gas: int | None = None,
    ) -> ContractCall:
        """Returns a call; see `ContractCall`.

        Args:
            purpose: What the outbox knows it by.
            calldata: What is sent.
            title: What it does.
            is_made: Whether nothing is left to be done. None where the ledger does not show that: then it is made when
                just this call is final, and the log does not say so yet.
            contract: 20 bytes; the Market by default.
            is_any: Whether a call for this purpose is the same whatever its bytes are.
            gas: Most gas it is taken to use where it cannot be estimated yet.
        """
        address = contract or self.opened.contract.address
        named = f"trade {purpose}"

        def is_final() -> bool:
            rows = self._ledger.opened.outbox.rows(purpose=named, states=(State.FINAL,))
            hashes = [each.transaction_hash for each in rows if each.to == address and each.data == calldata]
            return any(each is not None and not self._is_recorded(f"0x{each.hex()}") for each in hashes)

        return ContractCall(address, calldata, title, named, is_made or is_final, is_any, gas)

    def _carry_out(self, trade: Trade, shown: Callable[[], _T], tell: Tell, wait_s: float | None) -> _T:
        """Steps 2 and 3."""
        for call in trade.calls:
            self._calls.send(call, tell, wait_s)
        self.opened.scanner.step()
        with self._recording:
            for done in trade.done:
                self._record(trade, done)
        return shown()

    def _record(self, trade: Trade, done: Done) -> None:
        """Step 3: has the log say what was done, once for each transaction, what it is about and what it did there."""
        event, call = trade.told(done), trade.calls[-1]
        transaction = event.transaction if event is not None else self._sent(call)
        if not transaction:  # it always was so
            return
        contract = call.contract if event is None else self.opened.contract.address
        if event is not None and done.token and "amount" in event.told:  # what was sent, and not what was expected
            done = replace(done, amount=self.price(parse_address(done.token), event.told["amount"]).amount)
        made = TradeRecord(
            chain_id=self._ledger.opened.chain.chain_id,
            contract=checksummed(contract),
            transaction=transaction,
            **{name: getattr(done, name) for name in Done.__dataclass_fields__},
        )
        if self._is_recorded(transaction, made.subject, made.action):
            return
        with self._views.reading() as connection:
            newest = select(trades.c.leaf).where(trades.c.subject == made.subject).order_by(trades.c.idx.desc())
            before = connection.execute(newest.limit(1)).scalar()
        self._recorder.write(replace(made, of=before or "").draft())

    def _sent(self, call: ContractCall) -> str:
        """Returns the hash of the newest transaction that made a call, empty without one."""
        rows = self._ledger.opened.outbox.rows(purpose=call.purpose, states=(State.FINAL,))
        hashes = [each.transaction_hash for each in rows if each.to == call.contract and call.is_same(each)]
        return f"0x{hashes[0].hex()}" if hashes and hashes[0] else ""

    def _is_recorded(self, transaction: str, subject: str = "", action: str = "") -> bool:
        query = select(trades.c.idx).where(trades.c.transaction == transaction)
        if subject:
            query = query.where(trades.c.subject == subject, trades.c.action == action)
        with self._views.reading() as connection:
            return connection.execute(query).first() is not None

    # What the ledger tells, in the words of whoever asks

    def token(self, address: bytes) -> Token:
        """Returns a token of this chain."""
        return Token(self._ledger.opened.chain, address)

    def facts(self, address: bytes) -> TokenFacts:
        """Returns how a token's amounts are written; asked once."""
        if address not in self._facts:
            self._facts[address] = self.token(address).facts()
        return self._facts[address]

    def price(self, token: bytes, units: int) -> Price:
        """Returns an amount of a token; of none, nothing."""
        if not any(token):
            return Price("", units, str(units), "")
        try:
            facts = self.facts(token)
        except InvalidInput:  # somebody offered for what is no token: it is shown, and cannot be bought
            facts = TokenFacts(token, checksummed(token)[:10], 0)
        return Price(checksummed(token), units, facts.text(units), facts.symbol)

    def named_token(self, token: str) -> bytes:
        """Returns the token that is named, or the one of the settings.

        Raises:
            NotSetUp: None is named, and the settings name none.
        """
        if token:
            return parse_address(token)
        if not self.opened.credits:
            raise NotSetUp(
                "no token is named, and this home's ledger settings name none", hint="name the token's address"
            )
        return self.opened.credits

    def require_offer(self, offer: str) -> Row[Any]:
        """Returns what the ledger tells of an offer now.

        Raises:
            NotFound: There is no such offer.
        """
        wanted = f"0x{read_word(offer, 'an offer').hex()}"
        self.opened.scanner.step()
        found = self.opened.book.offer(wanted)
        if found is None:
            hint = "`counterfoil market search` lists what there is"
            raise NotFound(f"there is no offer {wanted} on this ledger", hint=hint)
        return found

    def require_order(self, order: str) -> Row[Any]:
        """Returns what the ledger tells of an order now.

        Raises:
            NotFound: There is no such order.
        """
        wanted = f"0x{read_word(order, 'an order').hex()}"
        self.opened.scanner.step()
        found = self.opened.book.order(wanted)
        if found is None:
            raise NotFound(f"there is no order {wanted} on this ledger", hint="`orders` lists what there is")
        return found

    def shown_offer(self, row: Row[Any]) -> Offer:
        """Returns an offer as it is shown."""
        seller = bytes.fromhex(row.seller[2:])
        return Offer(
            offer=row.offer,
            asset=row.asset,
            number=int(row.number),
            kind=kind_word(row.kind),
            price=self.price(bytes.fromhex(row.token[2:]), int(row.price)),
            seller=checksummed(seller),
            sheet=row.sheet[2:],
            duration_s=row.duration_s,
            delivery_s=row.delivery_s,
            window_s=row.window_s,
            referrer_bps=row.referrer_bps,
            shares=self.opened.book.shares(row.split),
            supply=None if row.supply == UNLIMITED else row.supply,
            left=None if row.left == UNLIMITED else row.left,
            is_open=bool(row.is_open),
            block=row.block,
            is_ours=seller == self.account,
        )

    def shown_order(self, row: Row[Any]) -> Order:
        """Returns an order as it is shown."""
        token, until = bytes.fromhex(row.token[2:]), int(row.until)
        return Order(
            order=row.order,
            offer=row.offer,
            asset=row.asset,
            kind=kind_word(row.kind),
            state=ORDER_STATES[row.state],
            price=self.price(token, int(row.price)),
            charge=self.price(token, int(row.charge)),
            buyer=checksummed(bytes.fromhex(row.buyer[2:])),
            seller=checksummed(bytes.fromhex(row.seller[2:])),
            recipient=row.recipient[2:],
            sheet=row.sheet[2:],
            job=_or_empty(row.job),
            digest=_or_empty(row.digest),
            until=None if until == FOR_GOOD else until,
            due=row.due,
            ends=row.ends,
            block=row.block,
            transaction=f"0x{row.transaction_hash.hex()}",
        )

    def newest(
        self, *names: str, offer: str = "", order: str = "", asset: str = "", account: str = ""
    ) -> MarketEvent | None:
        """Returns the newest event of one of these names about something, None without one."""
        found = self.opened.book.events(
            names=names, offer=offer, order=order, asset=asset, account=account, newest_first=True, limit=1
        )
        return next(iter(found), None)


def terms_of(row: Row[Any]) -> Terms:
    """Returns the terms of an offer's row."""
    return Terms(
        seller=bytes.fromhex(row.seller[2:]),
        token=bytes.fromhex(row.token[2:]),
        price=int(row.price),
        kind=row.kind,
        duration_s=row.duration_s,
        delivery_s=row.delivery_s,
        window_s=row.window_s,
        referrer_bps=row.referrer_bps,
        sheet=bytes.fromhex(row.sheet[2:]),
        split=bytes.fromhex(row.split[2:]),
    )


def read_word(text: str, what: str) -> bytes:
    """Reads 32 bytes, 64 hexadecimal digits with or without `0x`.

    Args:
        text: The digits.
        what: What they should be, for the error: `an offer`.

    Raises:
        InvalidInput: It is something else.
    """
    digits = text.removeprefix("0x").lower()
    if len(digits) != _WORD_DIGITS or set(digits) - set("0123456789abcdef"):
        raise InvalidInput(f"{text[:80]!a} is not {what}", hint="0x and 64 hexadecimal digits, as the lists print it")
    return bytes.fromhex(digits)


def _or_empty(digest: str) -> str:
    return digest[2:] if int(digest, 16) else ""


def lower(address: bytes) -> str:
    """Returns an address as the book holds it."""
    return f"0x{address.hex()}"
