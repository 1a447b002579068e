"""Governing the market: its fee, pausing it, and handing it over in two steps."""

from __future__ import annotations

from collections.abc import Callable

from counterfoil.errors import InvalidInput, NotAllowed
from counterfoil.ledger.accounts.account import checksummed, parse_address
from counterfoil.ledger.market.contract import MarketContract, MarketRule
from counterfoil.ledger.market.quote import TradeQuote
from counterfoil.ledger.market.terms import MAX_FEE_BPS
from counterfoil.ledger.market.trades import Done, Trade, Trades
from counterfoil.ledger.sending.contract_calls import Tell

__all__ = ["Governing"]

_Planned = tuple[TradeQuote, Callable[[Tell], MarketRule]]


class Governing(Trades):
    """What the market's governor may do; see `Trades`."""

    def setting_fee(self, bps: int) -> _Planned:
        """Returns what setting the market's fee for orders from now on costs, and what does it.

        Args:
            bps: Hundredths of a percent of each price, from 0 to 1,000.

        Raises:
            NotAllowed: This home's account is not the governor.
        """
        if not 0 <= bps <= MAX_FEE_BPS:
            raise InvalidInput(f"a fee of {bps} hundredths of a percent cannot be", hint=f"from 0 to {MAX_FEE_BPS:,}")
        title = f"set the market's fee to {bps} hundredths of a percent"
        return self._governed(
            "fee", title, MarketContract.set_fee(bps), lambda rule: rule.fee_bps == bps, "FeeSet", {"fee_bps": str(bps)}
        )

    def pausing(self, paused: bool) -> _Planned:
        """Returns what pausing buying, or letting it go on, costs, and what does it; nothing else is paused."""
        action, title = ("paused", "pause buying") if paused else ("resumed", "let buying go on")
        calldata = MarketContract.set_paused(paused)
        return self._governed(action, title, calldata, lambda rule: rule.is_paused == paused, "PausedSet", {})

    def offering_governor(self, account: str) -> _Planned:
        """Returns what naming the next governor costs, who then has to accept, and what does it.

        Args:
            account: Its address; the zero address withdraws it.
        """
        address = parse_address(account)
        title = f"name {checksummed(address)} the next governor"
        public = {"next_governor": checksummed(address)}

        def is_so(rule: MarketRule) -> bool:
            return rule.next_governor == address

        calldata = MarketContract.offer_governor(address)
        return self._governed("governor offered", title, calldata, is_so, "GovernorOffered", public)

    def accepting_governor(self) -> _Planned:
        """Returns what becoming the governor costs, where this home's account was named, and what does it."""
        rule = self.opened.contract.rule()
        if self.account not in (rule.next_governor, rule.governor):
            raise NotAllowed("this home's account was not named the next governor", hint="the governor names it first")
        return self._rule_plan(
            "governor accepted",
            "become the market's governor",
            MarketContract.accept_governor(),
            lambda now: now.governor == self.account,
            "GovernorSet",
            {"governor": checksummed(self.account)},
        )

    def _governed(
        self,
        action: str,
        title: str,
        calldata: bytes,
        is_so: Callable[[MarketRule], bool],
        event: str,
        public: dict[str, str],
    ) -> _Planned:
        rule = self.opened.contract.rule()
        if rule.governor != self.account:
            raise NotAllowed(
                f"{checksummed(rule.governor)} governs the market, and this home uses {checksummed(self.account)}",
                hint="only the governor may do this",
            )
        return self._rule_plan(action, title, calldata, is_so, event, public)

    def _rule_plan(
        self,
        action: str,
        title: str,
        calldata: bytes,
        is_so: Callable[[MarketRule], bool],
        event: str,
        public: dict[str, str],
    ) -> _Planned:
        contract = self.opened.contract
        call = self.call(f"governed {event}", calldata, title, lambda: is_so(contract.rule()))
        trade = Trade(title, (call,), (Done(action),), lambda _: self.newest(event), public)
        return self.plan(trade, contract.rule)
