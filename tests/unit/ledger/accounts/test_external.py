"""A signer elsewhere: what it signs is taken only when it is what was asked, by whom it was asked of."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from anvil import Anvil, needs_anvil
from lying_node import SLOW, LyingNode

from counterfoil.errors import InvalidInput, LedgerContradicts, LedgerError, LedgerUnreachable
from counterfoil.ledger.accounts.account import Account, LocalAccount, recover
from counterfoil.ledger.accounts.external import ExternalAccount
from counterfoil.ledger.accounts.transaction import SignedTransaction, Transaction
from counterfoil.ledger.rpc.endpoint import TIMEOUT_S
from counterfoil.ledger.rpc.rpc import Call, RpcError

ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
ACCOUNT = LocalAccount(b"\x01" * 32)
OTHER = LocalAccount(b"\x02" * 32)
ASKED = Transaction(
    chain_id=31_337, nonce=7, to=b"\x0a" * 20, data=b"\x01\x02", gas=60_000, max_fee_wei=9, tip_wei=2, value_wei=3
)
SECRET = "k3y-of-a-customer"


def number(text: str) -> int:
    return int(text, 16)


class Signer:
    """A signer that is honest, unless told what to sign instead, or by whom."""

    def __init__(self) -> None:
        self.account = ACCOUNT
        self.change: Callable[[Transaction], Transaction] = lambda asked: asked
        self.wrap: Callable[[SignedTransaction], Any] = lambda signed: "0x" + signed.raw.hex()

    def call(self, method: str, *params: Any) -> Any:
        (asked,) = params
        if method != "eth_signTransaction" or asked["from"] != "0x" + ACCOUNT.address.hex():
            raise RpcError(-32000, "no such account")
        to = bytes.fromhex(asked["to"][2:]) if "to" in asked else None
        read = [number(asked[name]) for name in ("gas", "maxFeePerGas", "maxPriorityFeePerGas", "value")]
        chain_id, nonce = number(asked["chainId"]), number(asked["nonce"])
        transaction = Transaction(chain_id, nonce, to, bytes.fromhex(asked["data"][2:]), *read)
        return self.wrap(self.account.sign(self.change(transaction)))

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        raise NotImplementedError


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def node(signer: Signer) -> Iterator[LyingNode]:
    with LyingNode(signer) as made:
        yield made


@pytest.fixture
def account(node: LyingNode) -> Iterator[ExternalAccount]:
    with ExternalAccount(f"{node.url}/{SECRET}", ACCOUNT.address) as made:
        yield made


CONTRACT = replace(ASKED, to=None, data=b"\x60\x00", value_wei=0)
EMPTY = replace(ASKED, data=b"", nonce=0, tip_wei=0, value_wei=0)


@pytest.mark.parametrize("asked", [ASKED, CONTRACT, EMPTY], ids=["call", "contract", "zeros"])
def test_what_was_asked_is_signed(account: ExternalAccount, asked: Transaction) -> None:
    signs: Account = account
    assert signs.sign(asked) == ACCOUNT.sign(asked)


def test_geth_wraps_the_bytes(account: ExternalAccount, signer: Signer) -> None:
    signer.wrap = lambda signed: {"raw": "0x" + signed.raw.hex(), "tx": {"hash": "0x"}}
    assert account.sign(ASKED) == ACCOUNT.sign(ASKED)


@pytest.mark.parametrize(
    "changed",
    [
        {"chain_id": 1}, {"nonce": 8}, {"to": b"\x0b" * 20}, {"to": None}, {"data": b"\x01\x03"}, {"data": b""},
        {"gas": 60_001}, {"max_fee_wei": 10}, {"tip_wei": 1}, {"value_wei": 4},
    ],
    ids=str,
)  # fmt: skip
def test_a_signature_on_something_else_is_refused(
    account: ExternalAccount, signer: Signer, changed: dict[str, Any]
) -> None:
    signer.change = lambda asked: replace(asked, **changed)
    with pytest.raises(LedgerContradicts, match=f"another {next(iter(changed))} than was asked for"):
        account.sign(ASKED)


def test_a_signature_of_another_account_is_refused(account: ExternalAccount, signer: Signer) -> None:
    signer.account = OTHER
    with pytest.raises(LedgerContradicts, match="the key of another account"):
        account.sign(ASKED)


def test_a_malleable_signature_is_refused(account: ExternalAccount, signer: Signer) -> None:
    def flipped(signed: SignedTransaction) -> str:
        decoded, (r, s, y_parity) = SignedTransaction.decode(signed.raw)
        assert recover(ASKED.signing_hash(), r, ORDER - s, 1 - y_parity) == ACCOUNT.address  # it would recover
        return "0x" + decoded.transaction.signed(r, ORDER - s, 1 - y_parity).raw.hex()

    signer.wrap = flipped
    with pytest.raises(LedgerContradicts, match="nodes do not take"):
        account.sign(ASKED)


@pytest.mark.parametrize(
    "answer",
    [
        None, "", "0x", "0x02", "0x02c0", "0x01" + "00" * 60, "nonsense", 7, [], {}, {"raw": None}, {"tx": {}}, True,
        "0x" + ACCOUNT.sign(ASKED).raw.hex() + "00", "0x" + ACCOUNT.sign(ASKED).raw[:-1].hex(),
        "0x" + ACCOUNT.sign(ASKED).raw.hex()[2:],
    ],
    ids=lambda answer: str(answer)[:12] + str(len(str(answer))),
)  # fmt: skip
def test_an_answer_that_is_no_transaction_is_refused(account: ExternalAccount, signer: Signer, answer: Any) -> None:
    signer.wrap = lambda signed: answer
    with pytest.raises(LedgerContradicts):
        account.sign(ASKED)


def test_no_altered_byte_is_taken(account: ExternalAccount, signer: Signer) -> None:
    raw = ACCOUNT.sign(ASKED).raw
    for place in range(len(raw)):
        altered = bytearray(raw)
        altered[place] ^= 0x01
        signer.wrap = lambda signed, altered=altered: "0x" + altered.hex()  # type: ignore[misc]
        with pytest.raises(LedgerContradicts):
            account.sign(ASKED)


def test_a_signer_that_refuses_is_unreachable_and_says_why(node: LyingNode) -> None:
    with ExternalAccount(node.url, OTHER.address) as account, pytest.raises(LedgerUnreachable) as caught:
        account.sign(ASKED)
    assert "no such account" in caught.value.message
    assert "unlocked" in caught.value.hint


@pytest.mark.parametrize("how", [*SLOW, "close", "html", "wrong_id", "500", "429", "401", "huge", "echo"])
def test_a_signer_that_misbehaves_is_an_error_in_time(node: LyingNode, how: Any) -> None:
    node.misbehave(how)
    timeout_s = 0.3 if how in SLOW else TIMEOUT_S
    with ExternalAccount(f"{node.url}/{SECRET}", ACCOUNT.address, timeout_s=timeout_s) as account:
        with pytest.raises(LedgerError) as caught:
            account.sign(ASKED)
        assert SECRET not in "".join(traceback.format_exception(caught.value)) + repr(account)


def test_its_address_is_20_bytes_and_its_url_is_https_or_here() -> None:
    with pytest.raises(InvalidInput):
        ExternalAccount("https://signer.example", b"\x01" * 19)
    with pytest.raises(InvalidInput):
        ExternalAccount("http://signer.example", ACCOUNT.address)
    ExternalAccount("http://signer.example", ACCOUNT.address, allow_plain_http=True).close()


@needs_anvil
def test_a_real_node_signs_for_its_own_account_and_takes_what_it_signed() -> None:
    with Anvil() as anvil:
        local = LocalAccount(anvil.keys[0])
        with ExternalAccount(anvil.url, local.address) as account:
            for nonce, asked in enumerate([ASKED, CONTRACT]):
                wanted = replace(asked, nonce=nonce, gas=100_000, max_fee_wei=10**10)
                signed = account.sign(wanted)
                assert signed == local.sign(wanted)
                assert anvil.call("eth_sendRawTransaction", "0x" + signed.raw.hex()) == "0x" + signed.hash.hex()
            with pytest.raises(LedgerUnreachable, match="did not sign"):
                account.sign(replace(ASKED, chain_id=1))
