"""Money in the market: what it owes an account, putting some there, claiming a part, and making credits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from counterfoil.errors import InvalidInput
from counterfoil.ledger.accounts.account import checksummed, parse_address
from counterfoil.ledger.market.allowances import Allowances
from counterfoil.ledger.market.contract import MarketContract, mint
from counterfoil.ledger.market.offer import MarketEvent, Price
from counterfoil.ledger.market.quote import TradeQuote
from counterfoil.ledger.market.trades import Done, Trade, lower, read_word
from counterfoil.ledger.sending.contract_calls import ContractCall, Tell

__all__ = ["Money"]

_Planned = tuple[TradeQuote, Callable[[Tell], Price]]
_MOST_SELLERS: Final = 64
_WHOLE: Final = 10**12
"""A weight under a root of claims is in parts of this."""


class Money(Allowances):
    """What this home is owed and has; see `Trades`. Each plan returns, once carried out, what the account holds."""

    def withdrawing(self, token: str = "") -> _Planned:
        """Returns what having the market send what it owes this account costs, and what does it.

        Args:
            token: Address of the token; empty takes the one of the settings.
        """
        address = self.named_token(token)
        owed = self.opened.contract.owed(address, self.account)[0]
        price, title = self.price(address, owed), "have the market send what it owes"

        def is_made() -> bool:
            return not self.opened.contract.owed(address, self.account)[0]

        calldata = MarketContract.withdraw(address, self.account)
        purpose = f"paid {checksummed(address)} to {checksummed(self.account)}"
        call = self.call(purpose, calldata, title, is_made)

        def told(_: Done) -> MarketEvent | None:
            return self._newest_of("Paid", address)

        moves = (f"{price.text} to this account",) if owed else ()
        return self._money_plan(
            Done("paid", token=price.token, amount=price.amount), title, (call,), told, moves, address
        )

    def depositing(self, amount: str, token: str = "") -> _Planned:
        """Returns what putting tokens into the market, to buy with, costs, and what does it.

        Args:
            amount: Decimal text.
            token: Address of the token; empty takes the one of the settings.

        Raises:
            OutOfFunds: The account holds less.
        """
        address, price = self._amount(amount, token)
        title, mark = f"put {price.text} into the market", f"{price.units} {checksummed(address)}"
        deposit = self.call(f"deposited {mark}", MarketContract.deposit(address, price.units), title, gas=_DEPOSIT_GAS)
        allowing: tuple[ContractCall, ...] = ()
        if self._calls.is_left(deposit):
            allowing = self.allowing(address, price, mark, deposit.is_made)
        done = Done("deposited", token=price.token, amount=price.amount)
        moves = (f"{price.text} to the market",)
        return self._money_plan(done, title, (*allowing, deposit), lambda _: None, moves, address)

    def claiming(
        self, root: str, weight: int, index: int, size: int, proof: Sequence[str], token: str = ""
    ) -> _Planned:
        """Returns what claiming this account's part of what came in under a root costs, and what does it.

        Args:
            root: Root of the tree of claims, 64 hexadecimal digits.
            weight: The account's part, in millionths of a millionth.
            index: Place of its leaf, from 0.
            size: Leaves of the tree.
            proof: Hashes, 64 hexadecimal digits each.
            token: Address of the token; empty takes the one of the settings.
        """
        address, word = self.named_token(token), read_word(root, "a root of claims")
        hashes = [read_word(each, "a hash of the proof") for each in proof]
        came, _, before = self.opened.contract.pot(word, address, self.account)
        price = self.price(address, max(0, came * weight // _WHOLE - before))
        title = f"claim {price.text}"

        def is_made() -> bool:
            came, _, had = self.opened.contract.pot(word, address, self.account)
            return came * weight // _WHOLE <= had

        calldata = MarketContract.claim(word, address, self.account, weight, index, size, hashes)
        call = self.call(f"claimed {word.hex()} {checksummed(address)}", calldata, title, is_made)

        def told(_: Done) -> MarketEvent | None:
            return self._newest_of("Claimed", address, root=f"0x{word.hex()}")

        done = Done("claimed", token=price.token, amount=price.amount, digest=word.hex())
        return self._money_plan(done, title, (call,), told, (f"{price.text} to this account",), address)

    def collecting_fees(self, token: str = "") -> _Planned:
        """Returns what having the market's fees sent to its governor costs, and what does it; anybody can.

        Of up to 64 sellers at once; asked again, of the next ones.

        Args:
            token: Address of the token; empty takes the one of the settings.
        """
        address = self.named_token(token)
        self.opened.scanner.step()
        contract, market = self.opened.contract, self.opened.contract.address
        sellers = (bytes.fromhex(each[2:]) for each in self.opened.book.sellers(lower(address)))
        owing = list(islice((each for each in sellers if contract.owed(address, each)[1]), _MOST_SELLERS))

        def fees() -> int:
            return sum(contract.owed(address, each)[1] for each in owing) + contract.owed(address, market)[0]

        price, title = self.price(address, fees()), "have the market's fees sent to its governor"
        calldata = MarketContract.withdraw_fees(address, owing)
        call = self.call(f"collected {checksummed(address)}", calldata, title, lambda: not fees())

        def told(_: Done) -> MarketEvent | None:
            return self._newest_of("FeesPaid", address, account="")

        moves = (f"{price.text} to the governor",)
        done = Done("collected", token=price.token, amount=price.amount)
        return self._money_plan(done, title, (call,), told, moves, address)

    def minting(self, to: str, amount: str) -> _Planned:
        """Returns what making credits for an account costs, and what does it; only their minter can.

        The same again, once it is on record, makes as many again.

        Args:
            to: The account's address.
            amount: Decimal text.

        Raises:
            NotSetUp: The settings name no token.
        """
        address, price = self._amount(amount, "")
        receiver = parse_address(to)
        title = f"make {price.text} for {checksummed(receiver)}"
        purpose = f"minted {price.units} for {checksummed(receiver)}"
        call = self.call(purpose, mint(receiver, price.units), title, contract=address)
        done = Done("minted", token=price.token, amount=price.amount)
        moves = (f"{price.text}, made for {checksummed(receiver)}",)
        return self._money_plan(done, title, (call,), lambda _: None, moves, address)

    # Inner parts

    def _amount(self, amount: str, token: str) -> tuple[bytes, Price]:
        address = self.named_token(token)
        price = self.price(address, self.facts(address).units(amount))
        if not price.units:
            raise InvalidInput("nothing would be moved", hint="an amount above zero")
        return address, price

    def _newest_of(self, name: str, token: bytes, *, account: str | None = None, root: str = "") -> MarketEvent | None:
        """Returns the newest event of a name about a token, and a root of claims where one is named.

        Args:
            name: The event's.
            token: 20 bytes.
            account: Whom it is about, `0x…` in lower case; this home's account by default, empty for anybody.
            root: The root, `0x…`; empty where it is about none.
        """
        mine = lower(self.account) if account is None else account
        events = self.opened.book.events(names=(name,), account=mine, newest_first=True)
        found = (each for each in events if each.told["token"] == lower(token) and each.told.get("root", "") == root)
        return next(found, None)

    def _money_plan(
        self,
        done: Done,
        title: str,
        calls: tuple[ContractCall, ...],
        told: Callable[[Done], MarketEvent | None],
        moves: tuple[str, ...],
        token: bytes,
    ) -> _Planned:
        public = {"token": checksummed(token), "amount": done.amount, "account": checksummed(self.account)}
        trade = Trade(title, calls, (done,), told, public, moves)
        return self.plan(trade, lambda: self.price(token, self.token(token).balance(self.account)))


_DEPOSIT_GAS: Final = 110_000
"""Of a deposit that is still to be allowed: it cannot be estimated."""
