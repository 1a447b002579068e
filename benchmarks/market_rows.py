"""Gas of the market's calls, each a signed transaction of its own, on a chain in memory with its contracts."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from random import Random
from typing import Any, Final

from eth_abi import encode
from eth_keys import keys
from evm import Ledger

from counterfoil.core.keccak import keccak256
from counterfoil.core.merkle import inclusion_path, leaf_hash, root_of
from counterfoil.ledger.contracts.artefact import Artefact

__all__ = ["Shop", "credits_rows", "market_rows"]

LICENCE, PERIOD, JOB, SALE = 1, 2, 3, 4
PRICE: Final = 2_500_000
FEE_BPS: Final = 300
UNLIMITED: Final = 2**32 - 1
DAY_S: Final = 86_400
FOREVER: Final = 2**40
NOBODY: Final = bytes(20)
NONE: Final = bytes(32)
URI = "https://bank.example/log/record-1"
TERMS = "(address,address,uint256,uint256,bytes32,bytes32)"
PERMIT = b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
RECEIVE = (
    b"ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,"
    b"bytes32 nonce)"
)
DOMAIN = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
PEOPLE = ("governor", "seller", "buyer", "second buyer", "third buyer", "operator", "referrer")

Offer = tuple[int, tuple[Any, ...], list[tuple[bytes, int]]]
"""Number, terms and shares."""


class Shop:
    """A market with one asset for sale, in credits, at a fee of 3 %.

    Attributes:
        gas: What the last transaction used.
        registering_gas: What registering the asset with its first offer used.
    """

    def __init__(self) -> None:
        self.random = Random(3)
        self.keys = {name: keys.PrivateKey(sha256(name.encode()).digest()) for name in PEOPLE}
        self.who = {name: key.public_key.to_canonical_address() for name, key in self.keys.items()}
        self.ledger = Ledger("Assets", *self.keys.values())
        self.deploy_gas: dict[str, int] = {}
        self.contracts = {"Assets": self.ledger.contract}
        self.contracts["Credits"] = self._deploy("Credits")
        self.contracts["Market"] = self._deploy("Market", encode(["address"], [self.ledger.contract]))
        self.gas = 0
        self._offer_first()

    def call(self, contract: str, by: str, function: str, *arguments: Any) -> bytes:
        """Sends a transaction that calls a function; returns what it returned."""
        artefact = Artefact.load(contract)
        entry = next(each for each in artefact.abi if each.get("name") == function and each["type"] == "function")
        data = artefact.selector(function) + encode([_type(each) for each in entry["inputs"]], arguments)
        self.gas, returned, _ = self.ledger.send(data, self.contracts[contract], self.keys[by])
        return returned

    def digest(self) -> bytes:
        return self.random.randbytes(32)

    def terms(self, rules: int, shares: list[tuple[bytes, int]] | None = None, price: int = PRICE) -> tuple[Any, ...]:
        split = keccak256(encode(["(bytes32,uint256)[]"], [shares])) if shares else NONE
        return self.who["seller"], self.contracts["Credits"], price, rules, self.digest(), split

    def offer(
        self, number: int, rules: int, shares: list[tuple[bytes, int]] | None = None, price: int = PRICE
    ) -> Offer:
        terms = self.terms(rules, shares, price)
        self.call("Market", "seller", "offer", self.asset, number, UNLIMITED, terms)
        return number, terms, shares or []

    def purchase(self, offer: Offer, referrer: bytes = NOBODY) -> tuple[Any, ...]:
        number, terms, _ = offer
        job = self.digest() if terms[3] & 255 == JOB else NONE
        return self.asset, number, terms, self.digest(), job, referrer

    def buy(self, offer: Offer, by: str = "buyer", way: str = "buy", referrer: bytes = NOBODY) -> bytes:
        """Buys; returns the order."""
        return self.call("Market", by, way, self.purchase(offer, referrer), offer[2])

    def buy_with_permit(self, offer: Offer, by: str, nonce: int) -> None:
        fields = (self.who[by], self.contracts["Market"], PRICE, nonce, FOREVER)
        signature = self.sign(by, PERMIT, "address address uint256 uint256 uint256", *fields)
        self.call("Market", by, "buy_with_permit", self.purchase(offer), offer[2], FOREVER, *signature)

    def buy_with_authorization(self, offer: Offer, by: str, brought_by: str) -> None:
        purchase = self.purchase(offer)
        nonce = keccak256(encode([f"(uint256,uint256,{TERMS},bytes32,bytes32,address)"], [purchase]))
        fields = (self.who[by], self.contracts["Market"], PRICE, 0, FOREVER, nonce)
        signature = self.sign(by, RECEIVE, "address address uint256 uint256 uint256 bytes32", *fields)
        arguments = (purchase, offer[2], self.who[by], 0, FOREVER, *signature)
        self.call("Market", brought_by, "buy_with_authorization", *arguments)

    def deal(self, offer: Offer, by: str = "buyer") -> tuple[Any, ...]:
        number, terms, _ = offer
        offer_id = int.from_bytes(keccak256(encode(["uint256"] * 2, [self.asset, number])), "big")
        return offer_id, self.who[by], terms[1], terms[2], NOBODY, terms[5]

    def job(self, offer: Offer, way: str = "buy", *, at_once: bool = False) -> Iterator[int]:
        """Yields the gas of ordering, delivering and settling a job; of the last two in one, where they are at once."""
        order = self.buy(offer, way=way)
        yield self.gas
        rules, deal = offer[1][3] | FEE_BPS << 120, self.deal(offer)
        if at_once:
            self.call("Market", "seller", "deliver_and_settle", order, rules, PRICE, deal, [], self.digest())
            yield self.gas
            return
        digest = keccak256(encode(["(uint256,address,address,uint256,address,bytes32)"], [deal]))
        self.call("Market", "seller", "deliver", order, rules, PRICE, digest, PRICE, self.digest())
        yield self.gas
        self.call("Market", "operator", "settle", order, self.who["seller"], rules, PRICE, deal, [])
        yield self.gas

    def _deploy(self, name: str, arguments: bytes = b"") -> bytes:
        code = Artefact.load(name).bytecode + arguments
        self.deploy_gas[name], _, address = self.ledger.send(code, b"", self.keys["governor"])
        return address

    def _offer_first(self) -> None:
        """Registers the asset with an offer, and gives buyers credits that the market may take."""
        self.first: Offer = (1, self.terms(LICENCE), [])
        data = encode([f"(uint256,uint256,{TERMS})"], [(1, UNLIMITED, self.first[1])])
        arguments = (1, self.digest(), URI, 250, [], self.contracts["Market"], data)
        answer = self.call("Assets", "seller", "register_and_offer", *arguments)
        self.registering_gas = self.gas
        self.asset = int.from_bytes(answer, "big")
        for name in PEOPLE:
            self.call("Credits", "governor", "mint", self.who[name], 10**12)
        for name in ("seller", "buyer", "second buyer", "operator"):
            self.call("Credits", name, "approve", self.contracts["Market"], 2**256 - 1)
        self.call("Market", "governor", "set_fee", FEE_BPS)
        self.buy(self.first, "operator")  # from here on balances are warm

    def sign(self, by: str, kind: bytes, types: str, *values: Any) -> tuple[int, bytes, bytes]:
        """Signs typed data for Credits; returns v, r and s."""
        names = [keccak256(DOMAIN), keccak256(b"Counterfoil Credits"), keccak256(b"1")]
        fields = [*names, 1337, self.contracts["Credits"]]
        separator = keccak256(encode(["bytes32"] * 3 + ["uint256", "address"], fields))
        inner = keccak256(encode(["bytes32", *types.split()], [keccak256(kind), *values]))
        signature = self.keys[by].sign_msg_hash(keccak256(b"\x19\x01" + separator + inner)).to_bytes()
        return 27 + signature[64], signature[:32], signature[32:64]


def market_rows() -> dict[str, int]:
    """Returns the gas of every function of Market that changes something."""
    shop = Shop()
    rows = {"deploy": shop.deploy_gas["Market"]} | dict(_offering(shop)) | dict(_buying(shop)) | dict(_jobs(shop))
    return rows | dict(_jobs_at_once(Shop())) | dict(_money(shop)) | dict(_governing(shop))


def credits_rows() -> dict[str, int]:
    """The same of Credits."""
    shop = Shop()
    rows = {"deploy": shop.deploy_gas["Credits"]}
    seller, buyer = shop.who["seller"], shop.who["buyer"]
    transfer = b"TransferWithAuthorization(" + RECEIVE.partition(b"(")[2]
    cancel = b"CancelAuthorization(address authorizer,bytes32 nonce)"
    types = "address address uint256 uint256 uint256 bytes32"

    def row(function: str, by: str, *arguments: Any) -> None:
        shop.call("Credits", by, function, *arguments)
        rows[function] = shop.gas

    row("mint", "governor", buyer, 1)
    row("transfer", "buyer", seller, 1)
    row("approve", "referrer", buyer, 10)
    row("transferFrom", "buyer", shop.who["referrer"], seller, 1)
    signature = shop.sign("buyer", PERMIT, "address address uint256 uint256 uint256", buyer, seller, 7, 0, FOREVER)
    row("permit", "operator", buyer, seller, 7, FOREVER, *signature)
    for function, kind, by in (
        ("transferWithAuthorization", transfer, "operator"),
        ("receiveWithAuthorization", RECEIVE, "seller"),
    ):
        fields = (buyer, seller, 1, 0, FOREVER, shop.digest())
        row(function, by, *fields, *shop.sign("buyer", kind, types, *fields))
    nonce = shop.digest()
    row("cancelAuthorization", "operator", buyer, nonce, *shop.sign("buyer", cancel, "address bytes32", buyer, nonce))
    row("offer_minter", "governor", seller)
    row("accept_minter", "seller")
    return rows


def _offering(shop: Shop) -> Iterator[tuple[str, int]]:
    shop.offer(2, LICENCE)
    yield "offer", shop.gas
    shop.offer(2, LICENCE)
    yield "offer again", shop.gas
    shop.call("Market", "seller", "withdraw_offer", shop.asset, 2)
    yield "withdraw_offer", shop.gas
    shop.call("Market", "seller", "set_split", shop.asset, _payees(2))
    yield "set_split for 2", shop.gas


def _buying(shop: Shop) -> Iterator[tuple[str, int]]:
    shop.buy(shop.first)
    yield "buy first by allowance", shop.gas
    shop.buy(shop.first)
    yield "buy again by allowance", shop.gas
    period = shop.offer(3, PERIOD | 30 * DAY_S << 8)
    shop.buy(period)
    yield "buy a period", shop.gas
    shop.buy(period)
    yield "buy a period again, which renews it", shop.gas
    free = shop.offer(4, LICENCE, price=0)
    shop.buy(free, "third buyer")
    yield "buy what is free", shop.gas
    shop.buy(shop.offer(5, LICENCE | 500 << 104), referrer=shop.who["referrer"])
    yield "buy with a first referrer", shop.gas
    for count, new in ((1, 1), (2, 1), (32, 30)):
        offer = shop.offer(10 + count, LICENCE, _payees(count))
        shop.buy(offer, "operator")
        yield f"buy with {count} shares, {new} of them new", shop.gas
        shop.buy(offer, "operator")
        yield f"buy again with {count} shares", shop.gas
    shop.buy_with_permit(shop.first, "third buyer", 0)
    yield "buy_with_permit first", shop.gas
    shop.buy_with_permit(shop.first, "third buyer", 1)
    yield "buy_with_permit again", shop.gas
    shop.buy_with_authorization(shop.first, "referrer", "operator")
    yield "buy_with_authorization first", shop.gas
    shop.buy_with_authorization(shop.first, "referrer", "operator")
    yield "buy_with_authorization again", shop.gas
    purchases = [shop.purchase(each) for each in (shop.first, period)]
    shop.call("Market", "second buyer", "buy_many", purchases, [[], []])
    yield "buy_many of 2", shop.gas
    shop.call("Market", "seller", "deposit", shop.contracts["Credits"], PRICE)
    shop.call("Market", "buyer", "deposit", shop.contracts["Credits"], 100 * PRICE)
    yield "deposit first", shop.gas
    shop.buy(shop.first, "buyer", "buy_from_balance")
    yield "buy_from_balance again", shop.gas
    sale = shop.offer(60, SALE)
    shop.call("Assets", "seller", "approve", shop.contracts["Market"], shop.asset)
    shop.buy(sale, "seller")  # to itself, so that the others can go on
    yield "buy the asset itself", shop.gas
    shop.call("Market", "buyer", "review", shop.deal(shop.first)[0], 5, shop.digest())
    yield "review", shop.gas


def _jobs(shop: Shop) -> Iterator[tuple[str, int]]:
    job = shop.offer(70, JOB | DAY_S << 40)
    list(shop.job(job))
    for way, said in (("buy", "by allowance"), ("buy_from_balance", "from the balance")):
        order, deliver, settle = shop.job(job, way)
        yield f"{way} a job", order
        yield f"deliver a job {said}", deliver
        yield f"settle a job {said}", settle
        yield f"job {said}, all three", order + deliver + settle
    for _ in range(40):
        shop.buy(job)
    yield "job from the balance with 40 open, all three", sum(shop.job(job, "buy_from_balance"))
    rules, deal = job[1][3] | FEE_BPS << 120, shop.deal(job)
    who = shop.who["seller"]
    order = shop.buy(job)
    shop.call("Market", "seller", "refund", order, 0, 0, who, rules, PRICE, deal)
    yield "refund", shop.gas
    shop.call("Assets", "seller", "set_roles", shop.asset, shop.who["operator"], 2)
    purchase = shop.purchase(job)
    order = shop.call("Market", "buyer", "buy", purchase, [])
    said = (shop.asset, job[0], purchase[3], who, rules, deal, PRICE, shop.digest())
    shop.call("Market", "operator", "deliver_as_operator", *said)
    yield "deliver_as_operator", shop.gas
    shop.call("Market", "buyer", "settle", order, who, rules, PRICE, deal, [])
    shop.call("Market", "buyer", "review_order", order, who, rules, PRICE, deal, 5, shop.digest())
    yield "review_order", shop.gas


def _jobs_at_once(shop: Shop) -> Iterator[tuple[str, int]]:
    """Jobs without a window, of a shop of their own, so that they change no other row."""
    shop.call("Market", "buyer", "deposit", shop.contracts["Credits"], 100 * PRICE)
    job = shop.offer(70, JOB | DAY_S << 40)
    list(shop.job(job))
    for way, said in (("buy", "by allowance"), ("buy_from_balance", "from the balance")):
        order, end = shop.job(job, way, at_once=True)
        yield f"deliver_and_settle a job {said}", end
        yield f"job {said}, both", order + end
    for _ in range(40):
        shop.buy(job)
    yield "job by allowance with 40 open, both", sum(shop.job(job, at_once=True))


def _money(shop: Shop) -> Iterator[tuple[str, int]]:
    token = shop.contracts["Credits"]
    weight, account = 10**9, shop.who["operator"]
    leaves = [leaf_hash(encode(["address", "uint256"], [account, weight + at])) for at in range(1_000)]
    root = root_of(leaves)
    pot = shop.offer(80, LICENCE, [(root, 10_000)])
    shop.buy(pot)
    shop.buy(pot)
    yield "buy again with a root of claims", shop.gas
    proof = inclusion_path(0, len(leaves), lambda start, end: root_of(leaves[start:end]))
    shop.call("Market", "operator", "claim", root, token, account, weight, 0, len(leaves), proof)
    yield "claim first of 1,000", shop.gas
    shop.buy(pot)
    shop.call("Market", "operator", "claim", root, token, account, weight, 0, len(leaves), proof)
    yield "claim again of 1,000", shop.gas
    shop.call("Market", "seller", "withdraw", token, shop.who["seller"])
    yield "withdraw", shop.gas
    shop.buy(shop.first)
    shop.call("Market", "governor", "withdraw_fees", token, [shop.who["seller"]])
    yield "withdraw_fees of 1", shop.gas


def _governing(shop: Shop) -> Iterator[tuple[str, int]]:
    for function, argument in (("set_fee", 100), ("set_paused", True), ("offer_governor", shop.who["seller"])):
        shop.call("Market", "governor", function, argument)
        yield function, shop.gas
    shop.call("Market", "seller", "accept_governor")
    yield "accept_governor", shop.gas


def _payees(count: int) -> list[tuple[bytes, int]]:
    return [(bytes(12) + sha256(bytes([at])).digest()[:20], 100) for at in range(count)]


def _type(entry: Any) -> str:
    """Returns a type as it is encoded, with a struct's members."""
    if not entry["type"].startswith("tuple"):
        return str(entry["type"])
    members = ",".join(_type(each) for each in entry["components"])
    return f"({members}){entry['type'].removeprefix('tuple')}"
