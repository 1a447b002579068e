"""The typed client, on an embedded ledger and behind a node that lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lying_node import LyingNode

from counterfoil.errors import HomeDamaged, LedgerContradicts, OverLimit, Reverted, WrongChain
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.anchors.evidence import artefact
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.chain import Chain, FeePolicy, Finality, revert_reason
from counterfoil.ledger.rpc.endpoint import Endpoint
from counterfoil.ledger.rpc.rpc import RpcError
from counterfoil.ledger.treasury import GIFT_WEI, create_ledger, fund

CHAIN_ID = 2**32 + 7
SOMEBODY = b"\x11" * 20


@pytest.fixture
def account() -> LocalAccount:
    return LocalAccount(b"\x01" * 32)


@pytest.fixture
def ledger(tmp_path: Path, account: LocalAccount) -> Iterator[EmbeddedLedger]:
    with create_ledger(tmp_path / "ledger", [account.address], chain_id=CHAIN_ID) as made:
        yield made


@pytest.fixture
def chain(ledger: EmbeddedLedger) -> Chain:
    return Chain.connect(ledger)


@pytest.fixture
def lying(ledger: EmbeddedLedger) -> Iterator[LyingNode]:
    with LyingNode(ledger) as node:
        yield node


@pytest.fixture
def doubtful(lying: LyingNode) -> Iterator[Chain]:
    """The same chain behind a node that may lie."""
    with Endpoint(lying.url) as endpoint:
        yield Chain.connect(endpoint)


def test_it_knows_its_chain(ledger: EmbeddedLedger) -> None:
    assert Chain.connect(ledger).chain_id == CHAIN_ID
    assert Chain.connect(ledger, chain_id=CHAIN_ID).chain_id == CHAIN_ID
    with pytest.raises(WrongChain, match="1 was expected"):
        Chain.connect(ledger, chain_id=1)


def test_money_and_numbers_are_read_at_any_block(chain: Chain, tmp_path: Path, account: LocalAccount) -> None:
    assert chain.balance_wei(account.address) == GIFT_WEI
    assert chain.balance_wei(SOMEBODY) == chain.nonce(SOMEBODY) == 0
    assert fund(tmp_path / "ledger", chain, [SOMEBODY, account.address]) == [SOMEBODY]
    assert chain.balance_wei(SOMEBODY) == GIFT_WEI
    assert chain.balance_wei(SOMEBODY, 0) == 0
    assert chain.code(SOMEBODY) == b""


def test_a_block_is_found_by_height_hash_and_name(chain: Chain) -> None:
    first = chain.require_block("earliest")
    assert chain.block(first.hash) == chain.block(0) == first
    assert chain.block(10_000) is None
    assert chain.block(b"\x01" * 32) is None
    with pytest.raises(LedgerContradicts, match="has no block 10000"):
        chain.require_block(10_000)


def test_final_is_what_the_rule_says(ledger: EmbeddedLedger, tmp_path: Path) -> None:
    chain = Chain.connect(ledger, finality=Finality("", 3))
    for count in range(4):
        fund(tmp_path / "ledger", chain, [bytes([count + 1]) * 20])
    assert chain.require_block("latest").number == 4
    assert chain.final_block().number == 2
    assert Chain.connect(ledger).final_block().number == 4
    assert Chain.connect(ledger, finality=Finality("", 50)).final_block().number == 0


def test_the_fee_has_a_ceiling(ledger: EmbeddedLedger) -> None:
    base = Chain.connect(ledger).require_block("latest").base_fee_wei
    offered = Chain.connect(ledger, fees=FeePolicy(ceiling_wei=base + 5, tip_wei=2)).offered()
    assert offered.max_wei == base + 5
    assert offered.tip_wei <= offered.max_wei
    with pytest.raises(OverLimit, match="fee_ceiling_gwei"):
        Chain.connect(ledger, fees=FeePolicy(ceiling_wei=base)).offered()


def test_a_contracts_refusal_carries_its_words(chain: Chain, account: LocalAccount) -> None:
    for code in ("fe", "5f5ffd", "50", "5f56"):  # an invalid opcode, REVERT, an empty stack, a jump to nowhere
        with pytest.raises(Reverted, match="the contract refused"):
            chain.estimate_gas(account.address, None, bytes.fromhex(code))
    assert chain.estimate_gas(account.address, None, artefact().bytecode) > 1_000_000


def said(size: int, words: bytes) -> bytes:
    """Returns Error(string) as a contract returns it."""
    return bytes.fromhex("08c379a0") + (32).to_bytes(32, "big") + size.to_bytes(32, "big") + words.ljust(32, b"\0")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (said(2, b"no"), "no"),
        (b"", "it gave no reason (reverted)"),
        (said(2**255, b"no"), "it gave no reason (reverted)"),
        (said(33, b"no"), "it gave no reason (reverted)"),
        (said(2, b"\x1b["), "it gave no reason (reverted)"),
    ],
)
def test_reasons_are_read_with_care(data: bytes, reason: str) -> None:
    assert revert_reason(RpcError(3, "reverted", data)) == reason


def test_another_block_than_the_one_asked_for_is_not_believed(lying: LyingNode, doubtful: Chain) -> None:
    lying.lie("eth_getBlockByNumber", lambda block, _params: block | {"number": "0x5"})
    with pytest.raises(LedgerContradicts, match="another block"):
        doubtful.block(0)


def test_a_receipt_of_another_transaction_is_not_believed(
    lying: LyingNode, doubtful: Chain, chain: Chain, tmp_path: Path
) -> None:
    fund(tmp_path / "ledger", chain, [SOMEBODY])
    sent = chain.require_block("latest").transactions[0]
    assert doubtful.receipt(sent) is not None
    assert doubtful.receipt(b"\x07" * 32) is None
    lying.lie("eth_getTransactionReceipt", lambda receipt, _params: receipt | {"transactionHash": "0x" + "07" * 32})
    with pytest.raises(LedgerContradicts, match="another transaction"):
        doubtful.receipt(sent)


def test_events_from_elsewhere_are_not_believed(lying: LyingNode, doubtful: Chain) -> None:
    event = {
        "address": "0x" + "22" * 20,
        "topics": [],
        "data": "0x",
        "blockNumber": "0x0",
        "blockHash": "0x" + "01" * 32,
        "transactionHash": "0x" + "02" * 32,
        "logIndex": "0x0",
    }
    lying.lie("eth_getLogs", [event])
    with pytest.raises(LedgerContradicts, match="not asked for"):
        doubtful.events(0, 0, [SOMEBODY])
    lying.lie("eth_getLogs", {"events": []})
    with pytest.raises(LedgerContradicts, match="no list of events"):
        doubtful.events(0, 0, [SOMEBODY])


def test_a_treasury_whose_secret_is_gone_says_so(chain: Chain, tmp_path: Path) -> None:
    (tmp_path / "ledger" / "treasury.key").write_text("nothing")
    with pytest.raises(HomeDamaged, match=r"treasury\.key"):
        fund(tmp_path / "ledger", chain, [SOMEBODY])
