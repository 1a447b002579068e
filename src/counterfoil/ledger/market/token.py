"""A token in which offers are priced: any ERC-20, and what it takes besides (ERC-2612, ERC-3009).

A token is somebody's contract, and what it says of itself is not believed where money hangs
on it: its name and number of decimals are bounded, and nothing is signed for a domain that
is not this token on this chain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import encode

from counterfoil.core.keccak import keccak256
from counterfoil.errors import InvalidInput, LedgerContradicts, Reverted
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.accounts.typed_data import domain_separator, typed_digest
from counterfoil.ledger.contracts.abi import decoded
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.token_amounts import MAX_DECIMALS, token_text, token_units

__all__ = ["Authorization", "Permit", "Token", "TokenFacts"]

_SYMBOL: Final = re.compile(r"[!-~]{1,11}")
_PERMIT: Final = b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
_RECEIVE: Final = (
    b"ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,"
    b"bytes32 nonce)"
)


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """How amounts of a token are written.

    Attributes:
        address: 20 bytes.
        symbol: What it calls itself, at most 11 visible characters, or the beginning of its address.
        decimals: Digits behind the point.
    """

    address: bytes
    symbol: str
    decimals: int

    def text(self, units: int) -> str:
        """Returns an amount without its symbol, `12.50`."""
        return token_text(units, self.decimals)

    def shown(self, units: int) -> str:
        """Returns an amount for people, `12.50 CREDIT`."""
        return f"{self.text(units)} {self.symbol}"

    def units(self, text: str) -> int:
        """Reads an amount, `12.5`; see `token_units`."""
        return token_units(text, self.decimals)


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to take so much of a token until a time, to be signed by its owner (ERC-2612).

    Attributes:
        owner: 20 bytes of who gives it.
        spender: 20 bytes of who may take.
        units: So much.
        nonce: How many permits the owner gave before.
        deadline_s: Unix seconds.
    """

    owner: bytes
    spender: bytes
    units: int
    nonce: int
    deadline_s: int

    def digest(self, domain: bytes) -> bytes:
        """Returns the 32 bytes that the owner signs."""
        accounts = (self.owner.rjust(32, b"\0"), self.spender.rjust(32, b"\0"))
        numbers = (each.to_bytes(32, "big") for each in (self.units, self.nonce, self.deadline_s))
        return typed_digest(domain, _PERMIT, *accounts, *numbers)

    def calldata(self, signature: bytes) -> bytes:
        """Returns what tells the token of it; anybody may."""
        types = ("address", "address", "uint256", "uint256", "uint8", "bytes32", "bytes32")
        r, s, v = signature[:32], signature[32:64], signature[64]
        values = (checksummed(self.owner), checksummed(self.spender), self.units, self.deadline_s, v, r, s)
        return _call("permit", types, values)


@dataclass(frozen=True, slots=True)
class Authorization:
    """One payment that its receiver fetches, to be signed by the payer (ERC-3009).

    Attributes:
        payer: 20 bytes.
        receiver: 20 bytes of the contract that fetches it.
        units: So much.
        before_s: It holds until then, Unix seconds.
        nonce: 32 bytes that say what it is for; it is fetched once.
    """

    payer: bytes
    receiver: bytes
    units: int
    before_s: int
    nonce: bytes

    def digest(self, domain: bytes) -> bytes:
        """Returns the 32 bytes that the payer signs; it holds from the beginning of time on."""
        accounts = (self.payer.rjust(32, b"\0"), self.receiver.rjust(32, b"\0"))
        numbers = (each.to_bytes(32, "big") for each in (self.units, 0, self.before_s))
        return typed_digest(domain, _RECEIVE, *accounts, *numbers, self.nonce)


class Token:
    """One token on one chain.

    Attributes:
        chain: The chain.
        address: 20 bytes.
    """

    def __init__(self, chain: Chain, address: bytes) -> None:
        self.chain = chain
        self.address = address

    def facts(self) -> TokenFacts:
        """Returns how its amounts are written.

        Raises:
            InvalidInput: It is no token, or one with more decimals than can be counted in.
        """
        try:
            decimals = int(self._ask("decimals", (), (), ("uint256",))[0])
        except (Reverted, LedgerContradicts) as error:
            raise InvalidInput(
                f"there is no token at {checksummed(self.address)} on chain {self.chain.chain_id}",
                hint="a price is in an ERC-20 token; name its address",
            ) from error
        if decimals > MAX_DECIMALS:
            raise InvalidInput(
                f"the token {checksummed(self.address)} counts {decimals} digits behind the point",
                hint=f"at most {MAX_DECIMALS} can be counted in; name another token",
            )
        return TokenFacts(self.address, self._symbol(), decimals)

    def balance(self, account: bytes) -> int:
        """Returns what an account holds, in the smallest unit."""
        return int(self._ask("balanceOf", ("address",), (checksummed(account),), ("uint256",))[0])

    def allowance(self, owner: bytes, spender: bytes) -> int:
        """Returns how much of an account's another one may take."""
        given = (checksummed(owner), checksummed(spender))
        return int(self._ask("allowance", ("address", "address"), given, ("uint256",))[0])

    def permits_given(self, owner: bytes) -> int | None:
        """Returns how many permits an account gave before; None where the token takes none."""
        found = self._asked_if_it_can("nonces", ("address",), (checksummed(owner),), ("uint256",))
        return None if found is None else int(found[0])

    def takes_authorizations(self, payer: bytes, nonce: bytes) -> bool:
        """Whether the token knows payments that are fetched, and this one was not fetched yet."""
        given = (checksummed(payer), nonce)
        found = self._asked_if_it_can("authorizationState", ("address", "bytes32"), given, ("bool",))
        return found == (False,)

    def domain(self) -> bytes | None:
        """Returns the separator that signatures for this token are bound to; None where it shows none of its own.

        It is worked out from the token's name and version for this address and chain (its own word for both where
        it has one, ERC-5267), and must be the one the token holds: what is signed is good here and nowhere else.
        """
        held = self._asked_if_it_can("DOMAIN_SEPARATOR", (), (), ("bytes32",))
        if held is None:
            return None
        for name, version in self._names():
            if domain_separator(name, version, self.chain.chain_id, self.address) == held[0]:
                return bytes(held[0])
        return None

    @staticmethod
    def approve(spender: bytes, units: int) -> bytes:
        """Returns the calldata that lets an account take so much."""
        return _call("approve", ("address", "uint256"), (checksummed(spender), units))

    # Inner parts

    def _symbol(self) -> str:
        found = self._asked_if_it_can("symbol", (), (), ("string",))
        symbol = str(found[0]) if found else ""
        return symbol if _SYMBOL.fullmatch(symbol) else checksummed(self.address)[:10]

    def _names(self) -> list[tuple[bytes, bytes]]:
        """Returns what name and version of its domain may be, likeliest first."""
        types = ("bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]")
        own = self._asked_if_it_can("eip712Domain", (), (), types)
        found = [(str(own[1]), str(own[2]))] if own else []
        name = self._asked_if_it_can("name", (), (), ("string",))
        if name:
            version = self._asked_if_it_can("version", (), (), ("string",))
            found += [(str(name[0]), str(each[0])) for each in (version, ("1",)) if each]
        return [(name.encode(), version.encode()) for name, version in found]

    def _asked_if_it_can(
        self, function: str, types: Sequence[str], values: Sequence[Any], returns: Sequence[str]
    ) -> tuple[Any, ...] | None:
        """Asks what not every token knows; None where this one does not, or answers what cannot be read."""
        try:
            return self._ask(function, types, values, returns)
        except (Reverted, LedgerContradicts):
            return None

    def _ask(
        self, function: str, types: Sequence[str], values: Sequence[Any], returns: Sequence[str]
    ) -> tuple[Any, ...]:
        return decoded(returns, self.chain.call(self.address, _call(function, types, values)), function)


def _call(function: str, types: Sequence[str], values: Sequence[Any]) -> bytes:
    return keccak256(f"{function}({','.join(types)})".encode())[:4] + encode(types, values)
