"""Several buyers, sellers and tokens, and time: the market against a model of it that keeps every order in full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import boa
from contract.market.harness import (
    BUYER,
    DELIVERED,
    FOR_GOOD,
    GOVERNOR,
    HELD,
    JOB,
    LICENCE,
    OTHER,
    PAYEES,
    PERIOD,
    REFERRER,
    REFUNDED,
    SELLER,
    SETTLED,
    STRANGER,
    Account,
    Bench,
    Offer,
    Order,
    account_share,
    digest,
    load,
    now,
    pass_time,
    register,
    rules_of,
)
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

BUYERS = (BUYER, OTHER, STRANGER)
SELLERS = (SELLER, PAYEES[31])
ACCOUNTS = (*BUYERS, *SELLERS, *PAYEES[:2], REFERRER)
ROOT = digest("a root that nobody claims under")
KINDS = (
    rules_of(LICENCE, referrer_bps=300),
    rules_of(PERIOD, 100),
    rules_of(LICENCE, 0, 50, 70, 1_000),
    rules_of(PERIOD, 90, 50, 400),
    rules_of(JOB, 0, 50),
    rules_of(JOB, 0, 50, 70, 200),
)
SHARES: tuple[tuple[tuple[bytes, int], ...], ...] = (
    (),
    (account_share(PAYEES[0], 1_234), account_share(PAYEES[1], 3)),
    (account_share(PAYEES[0], 5_000), (ROOT, 5_000)),
)


@dataclass
class Kept:
    """An order as the model keeps it."""

    order: Order
    token: Any
    state: int
    time: int
    is_held: bool


class Machine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        self.bench = Bench()
        self.assets = {SELLER: self.bench.asset, SELLERS[1]: register(self.bench.assets, "second", by=SELLERS[1])}
        self.tokens = (self.bench.credits, load("Coin", 0))
        for account in (*BUYERS, *SELLERS):
            for token in self.tokens:
                self.bench.fund(account, token, 10**9)
        self.owed = {(token, who): 0 for token in self.tokens for who in ACCOUNTS}
        self.fees = dict.fromkeys(self.tokens, 0)
        self.pots = dict.fromkeys(self.tokens, 0)
        self.paid_in = dict.fromkeys(self.tokens, 0)
        self.orders: list[Kept] = []
        for kind in KINDS[2:]:
            for shares in SHARES[1:]:
                self.buy_one(SELLER, BUYER, kind, shares, 0, 10_000, is_referred=True, from_balance=False)
        for place in range(0, len(self.orders), 2):
            self.deliver(place, 50)

    def teardown(self) -> None:
        if hasattr(self, "anchor"):
            self.anchor.__exit__(None, None, None)

    # What the model knows

    def pay(self, order: Order, token: Any, charge: int) -> None:
        offer = order.offer
        fee = charge * (order.rules >> 120 & 0xFFFF) // 10_000
        cut = charge * (order.rules >> 104 & 0xFFFF) // 10_000 if order.referrer == REFERRER.address else 0
        whole = left = charge - fee - cut
        self.owed[token, REFERRER] += cut
        for payee, bps in offer.shares:
            part = whole * bps // 10_000
            left -= part
            if payee == ROOT:
                self.pots[token] += part
            else:
                self.owed[token, next(who for who in PAYEES if who.address[2:].lower() == payee[12:].hex())] += part
        self.owed[token, account_of(offer.seller)] += left
        self.fees[token] += fee

    def access_of(self, offer: Offer, buyer: Account) -> int:
        """Replays what was bought and not refunded: licences are for good, periods add up from their beginning."""
        valid = [each.order for each in self.bought_by(offer, buyer) if each.state != REFUNDED]
        return FOR_GOOD if any(order.rules & 255 == LICENCE for order in valid) else self.periods_of(offer, buyer)

    def bought_by(self, offer: Offer, buyer: Account) -> list[Kept]:
        return [each for each in self.orders if each.order.offer.id == offer.id and each.order.buyer == buyer.address]

    def periods_of(self, offer: Offer, buyer: Account) -> int:
        """Returns until when the periods reach, a licence or not."""
        mine = self.bought_by(offer, buyer)
        valid = [each.order for each in mine if each.state != REFUNDED]
        begun = max((each.order.rules >> 136 for each in mine if each.order.rules & 255 == PERIOD), default=0)
        return begun + sum(
            order.rules >> 8 & 0xFFFFFFFF
            for order in valid
            if order.rules & 255 == PERIOD and order.rules >> 136 == begun
        )

    def closable(self, place: int) -> Kept | None:
        """Returns an order whose money is or was held, four times of five one that is not closed where there is one."""
        held = [each for each in self.orders if each.is_held]
        if place % 5:
            held = [each for each in held if each.state in (HELD, DELIVERED)] or held
        return held[place % len(held)] if held else None

    # What happens

    @rule(
        seller=st.sampled_from(SELLERS),
        buyer=st.sampled_from(BUYERS),
        kind=st.sampled_from(KINDS),
        shares=st.sampled_from(SHARES),
        token=st.integers(0, 1),
        price=st.integers(0, 10_000),
        is_referred=st.booleans(),
        from_balance=st.booleans(),
    )
    def buy(
        self,
        seller: Account,
        buyer: Account,
        kind: int,
        shares: tuple[tuple[bytes, int], ...],
        token: int,
        price: int,
        is_referred: bool,
        from_balance: bool,
    ) -> None:
        self.buy_one(seller, buyer, kind, shares, token, price, is_referred=is_referred, from_balance=from_balance)

    def buy_one(
        self,
        seller: Account,
        buyer: Account,
        kind: int,
        shares: tuple[tuple[bytes, int], ...],
        token: int,
        price: int,
        *,
        is_referred: bool,
        from_balance: bool,
    ) -> None:
        bench, coin = self.bench, self.tokens[token]
        number = KINDS.index(kind) // 2  # one offer may come to be of another kind
        offer = Offer(
            self.assets[seller], number, seller.address, coin.address, price, kind, digest("sheet"), shares
        )  # fmt: skip
        bench.make(offer, by=seller)
        from_balance = from_balance and self.owed[coin, buyer] >= price
        way = "buy_from_balance" if from_balance else "buy"
        referrer = REFERRER.address if is_referred else "0x" + "00" * 20
        order = bench.buy(offer, buyer, referrer=referrer, way=way)
        if from_balance:
            self.owed[coin, buyer] -= price
        else:
            self.paid_in[coin] += price
        is_held = kind >> 40 & 0xFFFFFFFF != 0
        self.orders.append(Kept(order, coin, HELD if is_held else SETTLED, now() + 50, is_held))
        if not is_held:
            self.pay(order, coin, price)

    @rule(place=st.integers(0, 99), seconds=st.sampled_from((1, 100)), who=st.sampled_from(("seller", "governor")))
    def refund_what_was_renewed(self, place: int, seconds: int, who: str) -> None:
        """Whoever has an order buys the same again, while it has access or begins anew; then the first is refunded."""
        kept = self.closable(place)
        if kept is None:
            return
        pass_time(seconds)
        offer, buyer = kept.order.offer, account_of(kept.order.buyer)
        token = self.tokens.index(kept.token)
        self.buy_one(
            account_of(offer.seller), buyer, offer.rules, offer.shares, token, offer.price, is_referred=False,
            from_balance=False,
        )  # fmt: skip
        self.refund_one(kept, who)

    @rule(place=st.integers(0, 99), part=st.integers(0, 100))
    def deliver(self, place: int, part: int) -> None:
        kept = self.closable(place)
        if kept is None:
            return
        price = kept.order.offer.price
        charge = price * part // 100 if kept.order.rules & 255 == JOB else price
        seller = account_of(kept.order.offer.seller)
        if kept.state == HELD and now() < kept.time:
            kept.order = self.bench.deliver(kept.order, charge, seller)
            kept.state, kept.time = DELIVERED, now() + (kept.order.rules >> 72 & 0xFFFFFFFF)
        else:
            with boa.reverts():
                self.bench.deliver(kept.order, charge, seller)

    @rule(place=st.integers(0, 99), part=st.integers(0, 100), is_seller=st.booleans())
    def deliver_and_settle(self, place: int, part: int, *, is_seller: bool) -> None:
        kept = self.closable(place)
        if kept is None:
            return
        order, token = kept.order, kept.token
        charge = order.offer.price * part // 100
        by = account_of(order.offer.seller) if is_seller else PAYEES[30]
        if is_seller and kept.state == HELD and now() < kept.time and order.rules >> 72 & 0xFFFFFFFF == 0:
            kept.order = self.bench.deliver_and_settle(order, charge, by)
            kept.state = SETTLED
            self.owed[token, account_of(order.buyer)] += order.offer.price - charge
            self.pay(order, token, charge)
        else:
            with boa.reverts():
                self.bench.deliver_and_settle(order, charge, by)

    @rule(place=st.integers(0, 99), who=st.sampled_from(("buyer", "seller", "stranger")))
    def settle(self, place: int, who: str) -> None:
        kept = self.closable(place)
        if kept is None:
            return
        by = party(kept.order, who)
        if kept.state == DELIVERED and (now() >= kept.time or by.address == kept.order.buyer):
            self.bench.settle(kept.order, by)
            kept.state = SETTLED
            charge = kept.order.charge
            self.owed[kept.token, account_of(kept.order.buyer)] += kept.order.offer.price - charge
            self.pay(kept.order, kept.token, charge)
        else:
            with boa.reverts():
                self.bench.settle(kept.order, by)

    @rule(place=st.integers(0, 99), who=st.sampled_from(("seller", "buyer", "governor", "stranger")))
    def refund(self, place: int, who: str) -> None:
        kept = self.closable(place)
        if kept is not None:
            self.refund_one(kept, who)

    def refund_one(self, kept: Kept, who: str) -> None:
        by = party(kept.order, who)
        order = kept.order
        may = kept.state in (HELD, DELIVERED) and (
            by.address == order.offer.seller
            or (by.address == order.buyer and kept.state == HELD and now() >= kept.time)
            or (by is GOVERNOR and kept.state == DELIVERED and now() < kept.time)
        )
        if may:
            self.bench.refund(order, by)
            kept.state = REFUNDED
            self.owed[kept.token, account_of(order.buyer)] += order.offer.price
        else:
            with boa.reverts():
                self.bench.refund(order, by)

    @rule(token=st.integers(0, 1), account=st.sampled_from(ACCOUNTS))
    def withdraw(self, token: int, account: Account) -> None:
        coin = self.tokens[token]
        due = self.owed[coin, account]
        if due == 0:
            with boa.reverts():
                self.bench.market.withdraw(coin.address, account.address, sender=STRANGER.address)
            return
        before = coin.balanceOf(account.address)
        self.bench.market.withdraw(coin.address, account.address, sender=STRANGER.address)
        assert coin.balanceOf(account.address) == before + due
        self.owed[coin, account] = 0
        self.paid_in[coin] -= due

    @rule(token=st.integers(0, 1))
    def withdraw_fees(self, token: int) -> None:
        coin = self.tokens[token]
        if self.fees[coin]:
            accounts = [each.address for each in SELLERS]
            found = self.bench.market.withdraw_fees(coin.address, accounts, sender=STRANGER.address)
            assert found == self.fees[coin]
            self.paid_in[coin] -= found
            self.fees[coin] = 0

    @rule(bps=st.integers(0, 1_000))
    def change_the_fee(self, bps: int) -> None:
        self.bench.market.set_fee(bps, sender=GOVERNOR.address)

    @rule(seconds=st.integers(1, 250))
    def wait(self, seconds: int) -> None:
        pass_time(seconds)

    # What always holds

    @invariant()
    def money_is_conserved(self) -> None:
        if not hasattr(self, "bench"):
            return
        for token in self.tokens:
            held = sum(
                each.order.offer.price
                for each in self.orders
                if each.token is token and each.state in (HELD, DELIVERED)
            )
            owed = sum(self.owed[token, who] for who in ACCOUNTS)
            balance = token.balanceOf(self.bench.market.address)
            assert balance == self.paid_in[token] == held + owed + self.fees[token] + self.pots[token]

    @invariant()
    def everybody_is_owed_what_the_model_says(self) -> None:
        if not hasattr(self, "bench"):
            return
        for (token, who), amount in self.owed.items():
            assert self.bench.owed(who, token) == amount
        for kept in self.orders[-6:]:
            assert self.bench.state(kept.order) == (kept.state if kept.is_held else 0)
            buyer = account_of(kept.order.buyer)
            found = self.bench.until(kept.order.offer, buyer)
            expected = self.access_of(kept.order.offer, buyer)
            assert found == expected or max(found, expected) <= now()
            reach = self.bench.market.access(kept.order.offer.id, buyer.address)[0]
            periods = self.periods_of(kept.order.offer, buyer)
            assert reach == periods or max(reach, periods) <= now()


def party(order: Order, who: str) -> Account:
    others = {"governor": GOVERNOR, "stranger": PAYEES[30]}
    return others.get(who) or account_of(order.buyer if who == "buyer" else order.offer.seller)


def account_of(address: str) -> Account:
    return next(each for each in (*ACCOUNTS, GOVERNOR) if each.address == address)


TestMarket = Machine.TestCase
TestMarket.settings = settings(
    max_examples=8, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
