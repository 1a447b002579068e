"""Credits: sent, allowed and authorized, each once, and made by the minter alone."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from contract.evidence.harness import NOBODY, ORDER, Account, compiled
from eth_abi import encode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterfoil.core.keccak import keccak256
from counterfoil.ledger.contracts.artefact import Artefact
from counterfoil.ledger.contracts.build import FOLDER

MINTER, ALICE, BOB, CAROL = (Account(f"credits {name}") for name in ("minter", "alice", "bob", "carol"))
UNLIMITED = 2**256 - 1
LATER = 2**40
DOMAIN = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
PERMIT = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
FIELDS = "(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
WAYS = {"transferWithAuthorization": BOB, "receiveWithAuthorization": BOB}
NONCE = bytes([7]) * 32


def refused(reason: str) -> Any:
    return boa.reverts(vm_error=reason)


def events(contract: Any) -> list[tuple[Any, ...]]:
    return [(type(event).__name__, *event[1:]) for event in contract.get_logs()]


@pytest.fixture(scope="module")
def _made() -> Any:
    return compiled(FOLDER / "Credits.vy").deploy(sender=MINTER.address)


@pytest.fixture
def credits(_made: Any) -> Any:
    """The contract; ALICE has a thousand."""
    _made.mint(ALICE.address, 1_000, sender=MINTER.address)
    return _made


def separator(credits: Any) -> bytes:
    """Works out the domain's hash as EIP-712 says it."""
    names = [keccak256(DOMAIN), keccak256(b"Counterfoil Credits"), keccak256(b"1")]
    return keccak256(
        encode(["bytes32"] * 3 + ["uint256", "address"], [*names, boa.env.evm.patch.chain_id, credits.address])
    )


def sign(credits: Any, account: Account, kind: str, *values: Any) -> tuple[int, bytes, bytes]:
    types = [each.split()[0] for each in kind.partition("(")[2].removesuffix(")").split(",")]
    inner = keccak256(encode(["bytes32", *types], [keccak256(kind.encode()), *values]))
    signature = account.sign(keccak256(b"\x19\x01" + separator(credits) + inner))
    return signature[64], signature[:32], signature[32:64]


def permit(credits: Any, amount: int = 5, deadline: int = LATER, by: Account = ALICE) -> tuple[Any, ...]:
    nonce = credits.nonces(ALICE.address)
    signature = sign(credits, by, PERMIT, ALICE.address, BOB.address, amount, nonce, deadline)
    return ALICE.address, BOB.address, amount, deadline, *signature


def authorization(
    credits: Any, way: str, amount: int = 5, after: int = 0, before: int = LATER, by: Account = ALICE
) -> tuple[Any, ...]:
    fields = (ALICE.address, BOB.address, amount, after, before, NONCE)
    return *fields, *sign(credits, by, f"{way[0].upper()}{way[1:]}{FIELDS}", *fields)


def test_what_it_is(credits: Any) -> None:
    assert (credits.name(), credits.symbol(), credits.decimals(), credits.version()) == (
        "Counterfoil Credits", "CREDIT", 6, "1",
    )  # fmt: skip
    assert credits.DOMAIN_SEPARATOR() == separator(credits)
    domain = credits.eip712Domain()
    assert domain == (b"\x0f", "Counterfoil Credits", "1", boa.env.evm.patch.chain_id, credits.address, bytes(32), [])
    assert keccak256(credits.bytecode) == Artefact.load("Credits").runtime_code_hash
    selectors = Artefact.load("Credits").selectors
    assert selectors["permit(address,address,uint256,uint256,uint8,bytes32,bytes32)"].hex() == "d505accf"
    words = "address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32"
    assert selectors[f"transferWithAuthorization({words})"].hex() == "e3ee160e"  # as ERC-3009 gives them
    assert selectors[f"receiveWithAuthorization({words})"].hex() == "ef55bec6"


def test_credits_are_sent(credits: Any) -> None:
    assert credits.transfer(BOB.address, 400, sender=ALICE.address)
    assert events(credits) == [("Transfer", ALICE.address, BOB.address, 400)]
    assert credits.transfer(ALICE.address, 600, sender=ALICE.address)
    assert (credits.balanceOf(ALICE.address), credits.balanceOf(BOB.address)) == (600, 400)
    for amount in (601, UNLIMITED):
        with refused("not held as many"):
            credits.transfer(BOB.address, amount, sender=ALICE.address)
    with refused("nobody can be sent credits"):
        credits.transfer(NOBODY, 1, sender=ALICE.address)


def test_an_allowance_is_used_up_and_one_without_end_is_not(credits: Any) -> None:
    assert credits.approve(BOB.address, 10, sender=ALICE.address)
    assert events(credits) == [("Approval", ALICE.address, BOB.address, 10)]
    assert credits.transferFrom(ALICE.address, CAROL.address, 7, sender=BOB.address)
    assert credits.allowance(ALICE.address, BOB.address) == 3
    with refused("not allowed as much"):
        credits.transferFrom(ALICE.address, CAROL.address, 4, sender=BOB.address)
    credits.approve(BOB.address, UNLIMITED, sender=ALICE.address)
    credits.transferFrom(ALICE.address, CAROL.address, 4, sender=BOB.address)
    assert credits.allowance(ALICE.address, BOB.address) == UNLIMITED
    with refused("not held as many"):
        credits.transferFrom(ALICE.address, CAROL.address, 990, sender=BOB.address)


def test_only_the_minter_makes_credits(credits: Any) -> None:
    credits.mint(BOB.address, 5, sender=MINTER.address)
    assert events(credits) == [("Transfer", NOBODY, BOB.address, 5)]
    assert credits.totalSupply() == 1_005
    with refused("only the minter may do this"):
        credits.mint(ALICE.address, 5, sender=ALICE.address)
    with refused("nobody can be sent credits"):
        credits.mint(NOBODY, 5, sender=MINTER.address)
    with boa.reverts():
        credits.mint(ALICE.address, UNLIMITED, sender=MINTER.address)


def test_the_minter_hands_over_in_two_steps(credits: Any) -> None:
    with refused("only the minter may do this"):
        credits.offer_minter(ALICE.address, sender=ALICE.address)
    credits.offer_minter(BOB.address, sender=MINTER.address)
    assert events(credits) == [("MinterOffered", BOB.address)]
    assert credits.minter() == (MINTER.address, BOB.address)
    with refused("not named"):
        credits.accept_minter(sender=ALICE.address)
    credits.accept_minter(sender=BOB.address)
    assert events(credits) == [("MinterSet", BOB.address)]
    assert credits.minter() == (BOB.address, NOBODY)
    with refused("only the minter may do this"):
        credits.mint(ALICE.address, 5, sender=MINTER.address)


def test_a_permit_allows_once(credits: Any) -> None:
    said = permit(credits)
    credits.permit(*said, sender=CAROL.address)
    assert events(credits) == [("Approval", ALICE.address, BOB.address, 5)]
    assert (credits.allowance(ALICE.address, BOB.address), credits.nonces(ALICE.address)) == (5, 1)
    with refused("not signed by this account"):
        credits.permit(*said, sender=CAROL.address)
    with refused("not signed by this account"):
        credits.permit(*permit(credits, by=BOB), sender=BOB.address)
    v, r, s = permit(credits)[4:]
    with refused("the other form of a signature"):
        other = (ORDER - int.from_bytes(s, "big")).to_bytes(32, "big")
        credits.permit(*permit(credits)[:4], 55 - v, r, other, sender=BOB.address)
    with refused("not signed by this account"):
        credits.permit(NOBODY, BOB.address, 5, LATER, 0, bytes(32), bytes(32), sender=BOB.address)


def test_a_permit_holds_until_its_deadline(credits: Any) -> None:
    said = permit(credits, deadline=boa.env.timestamp)
    with boa.env.anchor():
        credits.permit(*said, sender=BOB.address)
    boa.env.time_travel(seconds=1)
    with refused("too late"):
        credits.permit(*said, sender=BOB.address)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_authorized_is_sent_once(credits: Any, way: str) -> None:
    said = authorization(credits, way)
    getattr(credits, way)(*said, sender=BOB.address)
    assert events(credits) == [
        ("AuthorizationUsed", ALICE.address, NONCE),
        ("Transfer", ALICE.address, BOB.address, 5),
    ]
    assert credits.authorizationState(ALICE.address, NONCE)
    assert credits.balanceOf(BOB.address) == 5
    for again in WAYS:
        with refused("used or canceled already"):
            getattr(credits, again)(*authorization(credits, again), sender=BOB.address)


@pytest.mark.parametrize("way", WAYS)
def test_an_authorization_is_the_accounts_and_holds_between_its_times(credits: Any, way: str) -> None:
    now = boa.env.timestamp
    send = getattr(credits, way)
    for after, before, reason in ((now, LATER, "too early"), (0, now, "too late")):
        with refused(reason):
            send(*authorization(credits, way, after=after, before=before), sender=BOB.address)
    with refused("not signed by this account"):
        send(*authorization(credits, way, by=BOB), sender=BOB.address)
    other = next(each for each in WAYS if each != way)
    with refused("not signed by this account"):  # one of the two is not the other
        send(*authorization(credits, other), sender=BOB.address)
    said = list(authorization(credits, way))
    said[2] = 6
    with refused("not signed by this account"):
        send(*said, sender=BOB.address)
    with refused("not held as many"):
        send(*authorization(credits, way, amount=1_001), sender=BOB.address)
    send(*authorization(credits, way, after=now - 1, before=now + 1), sender=BOB.address)


def test_only_the_receiver_brings_what_is_for_it_alone(credits: Any) -> None:
    said = authorization(credits, "receiveWithAuthorization")
    with refused("only the receiver may do this"):
        credits.receiveWithAuthorization(*said, sender=CAROL.address)
    credits.transferWithAuthorization(*authorization(credits, "transferWithAuthorization"), sender=CAROL.address)


def test_what_is_canceled_is_not_sent(credits: Any) -> None:
    kind = "CancelAuthorization(address authorizer,bytes32 nonce)"
    with refused("not signed by this account"):
        credits.cancelAuthorization(
            ALICE.address, NONCE, *sign(credits, BOB, kind, ALICE.address, NONCE), sender=BOB.address
        )
    signature = sign(credits, ALICE, kind, ALICE.address, NONCE)
    credits.cancelAuthorization(ALICE.address, NONCE, *signature, sender=CAROL.address)
    assert events(credits) == [("AuthorizationCanceled", ALICE.address, NONCE)]
    for call in (
        lambda: credits.cancelAuthorization(ALICE.address, NONCE, *signature, sender=CAROL.address),
        lambda: credits.transferWithAuthorization(
            *authorization(credits, "transferWithAuthorization"), sender=BOB.address
        ),
    ):
        with refused("used or canceled already"):
            call()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1_200)), max_size=12))
def test_none_are_made_or_lost_by_sending(credits: Any, transfers: list[tuple[int, int, int]]) -> None:
    people = (ALICE, BOB, CAROL)
    with boa.env.anchor():
        held = [1_000, 0, 0]
        for sender, receiver, amount in transfers:
            if amount > held[sender]:
                with refused("not held as many"):
                    credits.transfer(people[receiver].address, amount, sender=people[sender].address)
                continue
            credits.transfer(people[receiver].address, amount, sender=people[sender].address)
            held[sender] -= amount
            held[receiver] += amount
        assert [credits.balanceOf(each.address) for each in people] == held
        assert credits.totalSupply() == 1_000
