"""A share file: who gets which part of what comes in under a root of claims, for as many as there are.

    {"claims": [["0x<account>", weight], …], "format": "counterfoil shares 1", "root": "<hex>"}

Canonical JSON (RFC 8785). Accounts in lower case, in order, each once; a weight is in parts of 10^12, and all are
10^12 together. Leaf i is SHA-256(0x00 || account as a word || weight as a word), the tree that of RFC 9162 2.1. The
ledger has the root, so the file needs no signature: whoever changes it changes the root.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

from counterfoil.core import canonical
from counterfoil.core.merkle import inclusion_path, leaf_hash, root_of
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence, NotFound
from counterfoil.ledger.packages import require_packages
from counterfoil.market.sheets.members import Members

__all__ = ["MOST_CLAIMS", "SHARES_FORMAT", "WHOLE", "Claim", "ShareFile"]

SHARES_FORMAT: Final = "counterfoil shares 1"
WHOLE: Final = 10**12
MOST_CLAIMS: Final = 100_000
MOST_FILE_BYTES: Final = 2**24
_ADDRESS_BYTES: Final = 20


@dataclass(frozen=True, slots=True)
class Claim:
    """One account's part, and the proof that the contract wants.

    Attributes:
        account: Address in lower case.
        weight: In parts of 10^12.
        index: Place of its leaf, from 0.
        size: Leaves of the tree.
        proof: Hashes, hex, from the leaf to the root.
        root: Of the tree, hex.
    """

    account: str
    weight: int
    index: int
    size: int
    proof: tuple[str, ...]
    root: str

    def to_json(self) -> dict[str, Any]:
        """Returns the claim as JSON."""
        return {
            "account": self.account,
            "index": self.index,
            "proof": list(self.proof),
            "root": self.root,
            "size": self.size,
            "weight": self.weight,
        }


@dataclass(frozen=True)
class ShareFile:
    """The parts of all. Make it with `of` or `read`.

    Attributes:
        claims: (account in lower case, weight), by account.
    """

    claims: tuple[tuple[str, int], ...]

    def __post_init__(self) -> None:
        accounts = [account for account, _ in self.claims]
        if not 0 < len(self.claims) <= MOST_CLAIMS:
            raise InvalidInput(f"{len(self.claims):,} accounts cannot share", hint=f"from 1 to {MOST_CLAIMS:,}")
        if accounts != sorted(set(accounts)):
            raise InvalidInput("the accounts are not in order, or one is named twice")
        weights = [weight for _, weight in self.claims]
        if min(weights) < 1 or sum(weights) != WHOLE:
            raise InvalidInput(f"the parts are {sum(weights):,} of {WHOLE:,} together, or one of them is none")

    @classmethod
    def of(cls, amounts: Mapping[str, int]) -> Self:
        """Shares the whole in proportion to amounts: rounded down, the rest to those that lost most by it.

        Args:
            amounts: Whole numbers above zero, by account.

        Raises:
            InvalidInput: An account is none or misspelt; an amount cannot be, or is too small to be a part of 10^12.
        """
        given: dict[str, int] = {}
        for account, amount in amounts.items():
            address = _payable(account)
            if address in given:
                raise InvalidInput(f"{account} is named twice", hint="add its parts up")
            if type(amount) is not int or amount < 1:
                raise InvalidInput(f"the part of {account} is {amount!r}", hint="a whole number above zero")
            given[address] = amount
        total = sum(given.values())
        if not total:
            raise InvalidInput("nobody shares", hint="name accounts and their parts")
        parts = {account: amount * WHOLE // total for account, amount in given.items()}
        short = WHOLE - sum(parts.values())  # less than there are accounts
        for account in sorted(given, key=lambda each: (-(given[each] * WHOLE % total), each))[:short]:
            parts[account] += 1
        return cls(tuple(sorted(parts.items())))

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Reads a file and works its root out again.

        Raises:
            MalformedEvidence: It is no share file.
            DoesNotMatch: It says another root than its claims have.
        """
        try:
            if len(data) > MOST_FILE_BYTES:
                raise InvalidInput(
                    f"a share file of {len(data):,} bytes is too large; {MOST_FILE_BYTES:,} is the limit"
                )
            told = Members(canonical.loads_canonical(data.removesuffix(b"\n")), whose="the share file")
            told.one_of("format", (SHARES_FORMAT,))
            root = told.digest("root")
            made = cls(tuple(_claim(told, row) for row in told.rows("claims", MOST_CLAIMS)))
            told.require_known()
        except InvalidInput as error:
            raise MalformedEvidence(error.message, hint=error.hint) from error
        if made.root != root:
            raise DoesNotMatch(f"the file says the root {root[:12]}…, and its claims have the root {made.root[:12]}…")
        return made

    def encode(self) -> bytes:
        """Returns the file."""
        claims = [[account, weight] for account, weight in self.claims]
        return canonical.dumps({"claims": claims, "format": SHARES_FORMAT, "root": self.root}) + b"\n"

    @cached_property
    def root(self) -> str:
        """Root of the tree, hex: the payee of the share that pays all of them."""
        return root_of(self._leaves).hex()

    def claim(self, account: str) -> Claim:
        """Returns what an account needs to claim its part.

        Raises:
            NotFound: It has none.
        """
        address = _read_address(account)
        place = self._places.get(address)
        if place is None:
            raise NotFound(f"the account {account} has no part in this file", hint="ask whoever gave it to you")
        proof = inclusion_path(place, len(self._leaves), lambda start, end: root_of(self._leaves[start:end]))
        weight = self.claims[place][1]
        return Claim(address, weight, place, len(self._leaves), tuple(each.hex() for each in proof), self.root)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {account: place for place, (account, _) in enumerate(self.claims)}

    @cached_property
    def _leaves(self) -> list[bytes]:
        words = ((bytes.fromhex(account[2:]).rjust(32, b"\0"), weight.to_bytes(32)) for account, weight in self.claims)
        return [leaf_hash(account + weight) for account, weight in words]


def _read_address(text: str) -> str:
    """Returns an account's address in lower case (InvalidInput where it is none, or the zero address)."""
    digits = text.removeprefix("0x").lower()
    if not text.startswith("0x") or len(digits) != 2 * _ADDRESS_BYTES or set(digits) - set("0123456789abcdef"):
        raise InvalidInput(f"{text[:80]!a} is no account", hint="0x and 40 digits")
    if not int(digits, 16):
        raise InvalidInput("the zero address is nobody's account")
    return f"0x{digits}"


def _payable(account: str) -> str:
    """Returns an account that is to be paid, in lower case.

    Raises:
        InvalidInput: It is none, or the case of its letters says that it is misspelt: nobody could have its part.
    """
    address = _read_address(account)
    if account != address:
        require_packages()
        from counterfoil.ledger.accounts.account import parse_address

        parse_address(account)
    return address


def _claim(told: Members, row: Any) -> tuple[str, int]:
    if len(row) != 2 or not isinstance(row[0], str) or type(row[1]) is not int or _read_address(row[0]) != row[0]:
        raise told.error("claims", "holds something else than pairs of an account in lower case and its part")
    return row[0], int(row[1])
