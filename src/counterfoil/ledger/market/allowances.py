"""Letting the market take what is to be paid or deposited, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from counterfoil.errors import OutOfFunds
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.market.offer import Price
from counterfoil.ledger.market.token import Token
from counterfoil.ledger.market.trades import Trades
from counterfoil.ledger.sending.contract_calls import ContractCall

__all__ = ["Allowances"]

APPROVE_GAS: Final = 80_000
"""Of allowing an amount where what is left of another allowance is still to be taken back: it cannot be estimated."""


class Allowances(Trades):
    """What this home lets the market take of its tokens; see `Trades`."""

    def allowing(self, token: bytes, price: Price, mark: str, is_taken: Callable[[], bool]) -> tuple[ContractCall, ...]:
        """Returns the calls that let the market take an amount; none where it may.

        What is left of an earlier allowance is taken back first: some tokens let none be changed into another.

        Args:
            token: 20 bytes.
            price: The amount.
            mark: What it is for, as the outbox knows it.
            is_taken: Whether the market has taken it.

        Raises:
            OutOfFunds: The account holds less.
        """
        if not price.units:
            return ()
        spender, held = self.opened.contract.address, self.token(token)
        self.require_balance(held, price)

        def allowed() -> int:
            return held.allowance(self.account, spender)

        def is_made() -> bool:
            return allowed() >= price.units or is_taken()

        if is_made():
            return ()
        title, back = f"let the market take {price.text}", "take back what it may take still"
        rest = allowed()
        nothing, all_of_it = Token.approve(spender, 0), Token.approve(spender, price.units)
        gas = APPROVE_GAS if rest else None
        call = self.call(f"allowed {mark}", all_of_it, title, is_made, contract=token, gas=gas)
        if not rest:
            return (call,)
        clear = self.call(f"cleared {mark}", nothing, back, lambda: not allowed() or is_made(), contract=token)
        return (clear, call)

    def require_balance(self, token: Token, price: Price) -> None:
        """Refuses what the account cannot pay (OutOfFunds)."""
        held = token.balance(self.account)
        if held < price.units:
            raise OutOfFunds(
                f"the account {checksummed(self.account)} holds {self.price(token.address, held).text}, "
                f"and {price.text} are to be paid",
                hint="send it more of the token, then repeat",
            )
