"""The Market and Credits contracts in Python's own types: what they are asked and told.

Calls return calldata; sending it is the outbox's work. Reading asks the chain at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import encode

from counterfoil.core.keccak import keccak256
from counterfoil.errors import LedgerContradicts, NotFound, Reverted
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.contracts.abi import ContractAbi, ContractEvent
from counterfoil.ledger.contracts.artefact import Artefact
from counterfoil.ledger.market.terms import DEAL_TYPE, SHARES_TYPE, TERMS_TYPE, Deal, Share, Terms
from counterfoil.ledger.rpc.answers import Event
from counterfoil.ledger.rpc.chain import Chain

__all__ = [
    "Agreed",
    "MarketContract",
    "MarketRule",
    "Purchase",
    "artefact",
    "credits_artefact",
    "mint",
    "read_event",
    "registration",
]

_ABI: Final = ContractAbi("Market")
_CREDITS: Final = ContractAbi("Credits")

_PURCHASE: Final = f"(uint256,uint256,{TERMS_TYPE},bytes32,bytes32,address)"
_SIGNATURE: Final = ("uint8", "bytes32", "bytes32")
_AGREED: Final = ("bytes32", "address", "uint256", "uint256", DEAL_TYPE)


@dataclass(frozen=True, slots=True)
class Purchase:
    """One thing to be bought.

    Attributes:
        asset: Its id.
        number: The offer's.
        terms: Exactly as they are offered.
        recipient: A fresh X25519 key of the buyer's, 32 bytes.
        job: SHA-256 of what is to be run, 32 bytes; zeros where nothing is.
        referrer: 20 bytes; zeros for nobody.
    """

    asset: int
    number: int
    terms: Terms
    recipient: bytes
    job: bytes
    referrer: bytes

    def tuple(self) -> tuple[Any, ...]:
        """Returns what the contract takes as `Purchase`."""
        return (self.asset, self.number, self.terms.tuple(), self.recipient, self.job, checksummed(self.referrer))

    @property
    def nonce(self) -> bytes:
        """32 bytes by which a payment is for this purchase and nothing else (ERC-3009)."""
        return keccak256(encode([_PURCHASE], [self.tuple()]))


@dataclass(frozen=True, slots=True)
class Agreed:
    """An order whose money is held, as the contract has to be told it again.

    Attributes:
        order: 32 bytes.
        seller: 20 bytes.
        rules: As the order has them.
        charge: In the token's smallest unit.
        deal: What it was bought for.
    """

    order: bytes
    seller: bytes
    rules: int
    charge: int
    deal: Deal

    @property
    def window_s(self) -> int:
        """So long after its delivery the money is still held."""
        return self.rules >> 72 & 0xFFFFFFFF

    def values(self) -> tuple[Any, ...]:
        """Returns order, seller, rules, charge and deal as the contract takes them."""
        return (self.order, checksummed(self.seller), self.rules, self.charge, self.deal.tuple())


@dataclass(frozen=True, slots=True)
class MarketRule:
    """How the market is governed.

    Attributes:
        governor: 20 bytes.
        fee_bps: Of each price, in hundredths of a percent.
        is_paused: Whether nothing can be bought.
        next_governor: 20 bytes of who was named the next one; zeros for nobody.
    """

    governor: bytes
    fee_bps: int
    is_paused: bool
    next_governor: bytes

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON."""
        return {
            "fee_bps": self.fee_bps,
            "governor": checksummed(self.governor),
            "next_governor": checksummed(self.next_governor) if any(self.next_governor) else None,
            "paused": self.is_paused,
        }


class MarketContract:
    """One Market contract on one chain.

    Attributes:
        chain: The chain.
        address: 20 bytes of the contract.
    """

    def __init__(self, chain: Chain, address: bytes) -> None:
        self.chain = chain
        self.address = address

    def require_genuine(self, assets: bytes | None) -> None:
        """Makes sure that the contract's code is the one this version knows.

        Args:
            assets: 20 bytes of the Assets contract whose assets it is to sell; None takes the one it names.

        Raises:
            NotFound: There is no contract at this address.
            LedgerContradicts: Another code, or it sells the assets of another contract.
        """
        hint = "`counterfoil market deploy` puts one there"
        if not self.chain.code(self.address):
            raise NotFound(f"there is no contract at {checksummed(self.address)}", hint=hint)
        try:
            named = assets or self.assets()
        except (Reverted, LedgerContradicts):  # no Market, as the next line will say
            named = bytes(20)
        _ABI.require_genuine(self.chain, self.address, hint=hint, immutables={"ASSETS": named})

    # What is sent: offers

    @staticmethod
    def offer(asset: int, number: int, supply: int, terms: Terms) -> bytes:
        """Returns the calldata that offers an asset, in place of what was offered under this number."""
        types = ("uint256", "uint256", "uint256", TERMS_TYPE)
        return _ABI.calldata("offer", types, (asset, number, supply, terms.tuple()))

    @staticmethod
    def withdraw_offer(asset: int, number: int) -> bytes:
        """Returns the calldata that withdraws an offer."""
        return _ABI.calldata("withdraw_offer", ("uint256", "uint256"), (asset, number))

    @staticmethod
    def set_split(asset: int, shares: Sequence[Share]) -> bytes:
        """Returns the calldata that puts an asset's shares on the ledger, for buyers to read and pricers to name."""
        return _ABI.calldata("set_split", ("uint256", SHARES_TYPE), (asset, _shares(shares)))

    # What is sent: buying

    @staticmethod
    def buy(purchase: Purchase, shares: Sequence[Share]) -> bytes:
        """Returns the calldata that buys with an allowance."""
        return _ABI.calldata("buy", (_PURCHASE, SHARES_TYPE), (purchase.tuple(), _shares(shares)))

    @staticmethod
    def buy_many(purchases: Sequence[Purchase], shares: Sequence[Sequence[Share]]) -> bytes:
        """Returns the calldata that buys several, all or nothing."""
        values = ([each.tuple() for each in purchases], [_shares(each) for each in shares])
        return _ABI.calldata("buy_many", (f"{_PURCHASE}[]", f"{SHARES_TYPE}[]"), values)

    @staticmethod
    def buy_from_balance(purchase: Purchase, shares: Sequence[Share]) -> bytes:
        """Returns the calldata that buys with what the market owes the sender."""
        return _ABI.calldata("buy_from_balance", (_PURCHASE, SHARES_TYPE), (purchase.tuple(), _shares(shares)))

    @staticmethod
    def buy_with_permit(purchase: Purchase, shares: Sequence[Share], deadline_s: int, signature: bytes) -> bytes:
        """Returns the calldata that buys with an allowance that the sender signed, r || s || v."""
        types = (_PURCHASE, SHARES_TYPE, "uint256", *_SIGNATURE)
        values = (purchase.tuple(), _shares(shares), deadline_s, *_vrs(signature))
        return _ABI.calldata("buy_with_permit", types, values)

    @staticmethod
    def buy_with_authorization(
        purchase: Purchase, shares: Sequence[Share], buyer: bytes, before_s: int, signature: bytes
    ) -> bytes:
        """Returns the calldata that buys for whoever signed the payment, r || s || v."""
        types = (_PURCHASE, SHARES_TYPE, "address", "uint256", "uint256", *_SIGNATURE)
        values = (purchase.tuple(), _shares(shares), checksummed(buyer), 0, before_s, *_vrs(signature))
        return _ABI.calldata("buy_with_authorization", types, values)

    # What is sent: orders

    @staticmethod
    def deliver(agreed: Agreed, charge: int, digest: bytes) -> bytes:
        """Returns the calldata by which the seller says that an order is delivered."""
        types = ("bytes32", "uint256", "uint256", "bytes32", "uint256", "bytes32")
        values = (agreed.order, agreed.rules, agreed.deal.price, agreed.deal.hash, charge, digest)
        return _ABI.calldata("deliver", types, values)

    @staticmethod
    def deliver_as_operator(
        agreed: Agreed, asset: int, number: int, recipient: bytes, charge: int, digest: bytes
    ) -> bytes:
        """Returns the calldata by which an operator of the asset says so."""
        types = ("uint256", "uint256", "bytes32", "address", "uint256", DEAL_TYPE, "uint256", "bytes32")
        seller, deal = checksummed(agreed.seller), agreed.deal.tuple()
        values = (asset, number, recipient, seller, agreed.rules, deal, charge, digest)
        return _ABI.calldata("deliver_as_operator", types, values)

    @staticmethod
    def deliver_and_settle(agreed: Agreed, shares: Sequence[Share], charge: int, digest: bytes) -> bytes:
        """Returns the calldata by which the seller delivers an order without a window, which is paid out at once."""
        types = ("bytes32", "uint256", "uint256", DEAL_TYPE, SHARES_TYPE, "bytes32")
        values = (agreed.order, agreed.rules, charge, agreed.deal.tuple(), _shares(shares), digest)
        return _ABI.calldata("deliver_and_settle", types, values)

    @staticmethod
    def settle(agreed: Agreed, shares: Sequence[Share]) -> bytes:
        """Returns the calldata that pays out an order."""
        return _ABI.calldata("settle", (*_AGREED, SHARES_TYPE), (*agreed.values(), _shares(shares)))

    @staticmethod
    def refund(agreed: Agreed, asset: int, number: int) -> bytes:
        """Returns the calldata that gives the buyer everything back."""
        order, *rest = agreed.values()
        types = ("bytes32", "uint256", "uint256", *_AGREED[1:])
        return _ABI.calldata("refund", types, (order, asset, number, *rest))

    @staticmethod
    def review(offer: int, stars: int, digest: bytes) -> bytes:
        """Returns the calldata by which whoever bought access reviews an offer."""
        return _ABI.calldata("review", ("uint256", "uint256", "bytes32"), (offer, stars, digest))

    @staticmethod
    def review_order(agreed: Agreed, stars: int, digest: bytes) -> bytes:
        """Returns the calldata by which the buyer of a settled order reviews its offer."""
        return _ABI.calldata("review_order", (*_AGREED, "uint256", "bytes32"), (*agreed.values(), stars, digest))

    # What is sent: money

    @staticmethod
    def deposit(token: bytes, units: int) -> bytes:
        """Returns the calldata that puts tokens into the market, to buy with."""
        return _ABI.calldata("deposit", ("address", "uint256"), (checksummed(token), units))

    @staticmethod
    def withdraw(token: bytes, account: bytes) -> bytes:
        """Returns the calldata that sends an account what it is owed."""
        return _ABI.calldata("withdraw", ("address", "address"), (checksummed(token), checksummed(account)))

    @staticmethod
    def withdraw_fees(token: bytes, sellers: Sequence[bytes]) -> bytes:
        """Returns the calldata that sends the governor the market's fees."""
        values = (checksummed(token), [checksummed(each) for each in sellers])
        return _ABI.calldata("withdraw_fees", ("address", "address[]"), values)

    @staticmethod
    def claim(
        root: bytes, token: bytes, account: bytes, weight: int, index: int, size: int, proof: Sequence[bytes]
    ) -> bytes:
        """Returns the calldata that sends an account its part of what came in under a root of claims."""
        types = ("bytes32", "address", "address", "uint256", "uint256", "uint256", "bytes32[]")
        return _ABI.calldata(
            "claim", types, (root, checksummed(token), checksummed(account), weight, index, size, list(proof))
        )

    # What is sent: governing

    @staticmethod
    def set_fee(bps: int) -> bytes:
        """Returns the calldata that sets the market's fee for orders from now on."""
        return _ABI.calldata("set_fee", ("uint256",), (bps,))

    @staticmethod
    def set_paused(paused: bool) -> bytes:
        """Returns the calldata that pauses buying, or lets it go on."""
        return _ABI.calldata("set_paused", ("bool",), (paused,))

    @staticmethod
    def offer_governor(account: bytes) -> bytes:
        """Returns the calldata that names the next governor."""
        return _ABI.calldata("offer_governor", ("address",), (checksummed(account),))

    @staticmethod
    def accept_governor() -> bytes:
        """Returns the calldata by which whoever was named becomes the governor."""
        return _ABI.calldata("accept_governor", (), ())

    # What is read

    def assets(self) -> bytes:
        """Returns the 20 bytes of the Assets contract whose assets are sold here."""
        return _bytes(self._ask("assets", (), (), ("address",))[0])

    def rule(self) -> MarketRule:
        """Returns how the market is governed."""
        governor, fee_bps, is_paused, following = self._ask("market", (), (), ("address", "uint256", "bool", "address"))
        return MarketRule(_bytes(governor), fee_bps, is_paused, _bytes(following))

    def offered(self, asset: int, number: int, terms: Terms) -> int:
        """Returns how many can be bought on exactly these terms now; 2^32 - 1 for any number."""
        types = ("uint256", "uint256", TERMS_TYPE)
        return int(self._ask("offered", types, (asset, number, terms.tuple()), ("uint256",))[0])

    def access_until(self, offer: int, holder: bytes) -> int:
        """Returns until when a holder has access, Unix seconds; 2^256 - 1 for good, 0 where there never was any."""
        return int(self._ask("access_until", ("uint256", "address"), (offer, checksummed(holder)), ("uint256",))[0])

    def owed(self, token: bytes, account: bytes) -> tuple[int, int]:
        """Returns what an account is owed, and the market's fees from its sales that were not collected."""
        given = (checksummed(token), checksummed(account))
        owed, fees = self._ask("owed", ("address", "address"), given, ("uint256", "uint256"))
        return owed, fees

    def pot(self, root: bytes, token: bytes, account: bytes) -> tuple[int, int, int]:
        """Returns what came in under a root of claims, what was sent of it, and what an account was sent."""
        types, given = ("bytes32", "address", "address"), (root, checksummed(token), checksummed(account))
        came, sent, own = self._ask("pot", types, given, ("uint256", "uint256", "uint256"))
        return came, sent, own

    def _ask(self, name: str, types: Sequence[str], values: Sequence[Any], returns: Sequence[str]) -> tuple[Any, ...]:
        return _ABI.ask(self.chain, self.address, name, types, values, returns)


def artefact() -> Artefact:
    """Returns the compiled Market that ships with this version."""
    return _ABI.artefact


def credits_artefact() -> Artefact:
    """Returns the compiled Credits that ship with this version."""
    return _CREDITS.artefact


def read_event(event: Event) -> ContractEvent:
    """Reads an event of the Market.

    Raises:
        LedgerContradicts: When it is none, or does not have its shape.
    """
    return _ABI.read_event(event)


def registration(number: int, supply: int, terms: Terms) -> bytes:
    """Returns what Assets tells the Market of an offer while it registers the asset."""
    return encode([f"(uint256,uint256,{TERMS_TYPE})"], [(number, supply, terms.tuple())])


def mint(receiver: bytes, units: int) -> bytes:
    """Returns the calldata by which the minter of Credits makes some for an account."""
    return _CREDITS.calldata("mint", ("address", "uint256"), (checksummed(receiver), units))


def _shares(shares: Sequence[Share]) -> list[tuple[bytes, int]]:
    return [(share.payee, share.bps) for share in shares]


def _vrs(signature: bytes) -> tuple[int, bytes, bytes]:
    return signature[64], signature[:32], signature[32:64]


def _bytes(address: str) -> bytes:
    return bytes.fromhex(address[2:])
