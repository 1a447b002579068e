"""What a live ledger adds to an anchor: that its block stands, and what speaks against the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from anvil import Anvil, needs_anvil
from live_anchors import LiveLog
from making import BankLog, signer
from making_anchors import path_of

from counterfoil.core.anchor import Anchor
from counterfoil.core.check_anchor import LedgerView
from counterfoil.core.check_receipt import check_receipt
from counterfoil.core.steps import EXIT_MISMATCH, Report, Status, Step
from counterfoil.errors import LedgerUnreachable
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.anchors.evidence import Evidence
from counterfoil.ledger.anchors.head_signer import head_digest
from counterfoil.ledger.anchors.live_check import LedgerAnswer, ask
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.chain import Chain, Finality
from counterfoil.ledger.rpc.rpc import Call, Rpc, RpcError

SECRET, OTHER = b"\7" * 32, b"\x08" * 32
LOG = BankLog().fill(9)
KEY = LOG.key.key


@pytest.fixture
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedLedger]:
    funded = {LocalAccount(secret).address: 10**24 for secret in (SECRET, OTHER)}
    with EmbeddedLedger.create(tmp_path_factory.mktemp("ledger") / "ledger", funded=funded) as ledger:
        yield ledger


@pytest.fixture
def live(ledger: EmbeddedLedger) -> LiveLog:
    live = LiveLog(Chain.connect(ledger), SECRET, LOG)
    live.anchor(5)
    return live


def anchor_of(live: LiveLog) -> Anchor:
    return replace(live.event_proof(), consistency=path_of(LOG, live.event_proof().size))


def checked(anchor: Anchor, answer: LedgerAnswer, index: int = 2) -> Report:
    data = replace(LOG.receipt(index), anchor=anchor).encode()
    return answer.added_to(check_receipt(data, issuer=KEY, ledger=LedgerView(answer.block)))


def step_of(report: Report) -> Step:
    step = report.step("anchor")
    assert step is not None
    return step


def test_a_block_that_stands_is_trusted(live: LiveLog) -> None:
    anchor = anchor_of(live)
    answer = ask(live.chain, anchor, KEY)
    assert answer == LedgerAnswer(block=anchor.block_hash)
    report = checked(anchor, answer)
    assert report.exit_code(["log", "issuer", "anchor"]) == 0
    assert "the first 5 of 9 records were on ledger" in step_of(report).detail
    assert "the ledger itself says that this block stands and is final" in step_of(report).detail
    assert "second log" in step_of(report).limit


def test_a_record_after_the_anchor_stays_unchecked(live: LiveLog) -> None:
    anchor = anchor_of(live)
    assert step_of(checked(anchor, ask(live.chain, anchor), 7)).status is Status.NOT_CHECKED


def test_an_anchor_that_does_not_fit_stays_failed(live: LiveLog) -> None:
    anchor = replace(anchor_of(live), root=b"\1" * 32)
    report = checked(anchor, ask(live.chain, anchor))
    assert step_of(report).status is Status.FAILED
    assert "the ledger itself" not in step_of(report).detail


def faults(live: LiveLog, anchor: Anchor, words: str) -> None:
    answer = ask(live.chain, anchor)
    assert words in answer.fault
    report = checked(anchor, answer)
    assert report.exit_code() == EXIT_MISMATCH
    assert report.verdict.startswith("does not match: ")


def test_another_ledger(live: LiveLog) -> None:
    faults(live, replace(anchor_of(live), chain_id=1), "the file speaks of ledger 1, and the node you named serves")


def test_a_block_that_the_ledger_does_not_have(live: LiveLog) -> None:
    faults(live, replace(anchor_of(live), block_hash=b"\1" * 32), "the ledger has no block 0x0101")


def doubts(chain: Chain, anchor: Anchor, words: str) -> None:
    answer = ask(chain, anchor)
    assert (answer.block, answer.fault) == (None, "")
    assert words in answer.doubt
    report = checked(anchor, answer)
    assert report.is_intact
    assert report.exit_code(["anchor"]) == EXIT_MISMATCH
    assert words in step_of(report).detail


def test_a_block_that_the_node_has_not_seen_yet(live: LiveLog) -> None:
    anchor = replace(anchor_of(live), block_hash=b"\1" * 32, block_number=99)
    answer = ask(live.chain, anchor)
    assert "the node has got to block" in answer.doubt


def test_a_block_that_is_not_final_yet(live: LiveLog) -> None:
    chain = Chain.connect(live.chain.rpc, finality=Finality("", 12))
    doubts(chain, anchor_of(live), "is not final yet")


def test_a_log_that_was_convicted(live: LiveLog) -> None:
    anchor = anchor_of(live)
    where = live.evidence.where(live.log_id)
    roots = (b"\1" * 32, b"\2" * 32)
    heads = [(root, live.account.sign_digest(head_digest(where, 7, root))) for root in roots]
    live.send(live.evidence.address, Evidence.judge(live.log_id, 7, live.account.address, heads))
    faults(live, anchor, "the ledger has marked this log")


def test_another_log_of_the_same_key_is_told(live: LiveLog) -> None:
    anchor = anchor_of(live)
    second = LiveLog(live.chain, OTHER, LOG, live.evidence)
    (remark,) = ask(live.chain, anchor, KEY).remarks
    assert f"0x{second.log_id.hex()} by 0x{second.account.address.hex()}" in remark
    assert "1 other log, too" in remark
    report = checked(anchor, ask(live.chain, anchor, KEY))
    assert report.exit_code(["anchor"]) == 0
    assert "; but the same key stands for 1 other log" in step_of(report).detail


def test_many_other_logs_of_the_same_key_make_one_line(live: LiveLog) -> None:
    anchor = anchor_of(live)
    me = live.account.address
    for number in range(7):
        live.send(live.evidence.address, Evidence.open(f"spam {number}", KEY.public, me, me))
    (remark,) = ask(live.chain, anchor).remarks
    assert "7 other logs, too" in remark
    assert "and 2 more" in remark


def test_a_log_opened_for_another_key_is_told(live: LiveLog) -> None:
    (remark,) = ask(live.chain, anchor_of(live), signer(2).key).remarks
    assert "opened for another key than" in remark


class Altered:
    """A node whose answers to some methods are changed; all else is the real one's."""

    def __init__(self, rpc: Rpc, **changes: Callable[[Any], Any]) -> None:
        self._rpc = rpc
        self._changes = changes

    def call(self, method: str, *params: Any) -> Any:
        answer = self._rpc.call(method, *params)
        return self._changes.get(method, lambda same: same)(answer)

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        return self._rpc.batch(calls)


def refuse(_: Any) -> Any:
    raise RpcError(-32005, "query exceeds max block range 1000")


def test_a_node_that_does_not_search_far_back(live: LiveLog) -> None:
    chain = Chain.connect(Altered(live.chain.rpc, eth_getLogs=refuse))
    answer = ask(chain, anchor_of(live), KEY)
    assert answer.block is not None
    assert "was not told" in answer.remarks[0]
    assert "max block range" in answer.remarks[0]
    forgetful = Chain.connect(Altered(live.chain.rpc, eth_getLogs=lambda _: []))
    assert ask(forgetful, anchor_of(live), KEY).remarks == ("the node does not know when the log was opened",)


@pytest.mark.parametrize("change", [refuse, lambda _: "0x", lambda _: "0x05", lambda _: None], ids=range(4))
def test_a_node_that_does_not_say_whether_the_log_is_marked(change: Callable[[Any], Any], live: LiveLog) -> None:
    chain = Chain.connect(Altered(live.chain.rpc, eth_call=change))
    doubts(chain, anchor_of(live), "did not say whether the log is marked")


def test_a_node_that_shows_another_block_at_that_height(live: LiveLog) -> None:
    anchor = anchor_of(live)
    chain = Chain.connect(
        Altered(live.chain.rpc, eth_getBlockByNumber=lambda block: block | {"hash": "0x" + "11" * 32})
    )
    assert "took the anchor's block back" in ask(chain, anchor).fault


@needs_anvil
def test_a_ledger_that_takes_the_anchor_back() -> None:
    with Anvil() as anvil:
        live = LiveLog(Chain.connect(anvil, finality=Finality("", 1)), anvil.keys[0], LOG)
        live.anchor(5)
        anchor = anchor_of(live)
        assert ask(live.chain, anchor).block == anchor.block_hash
        anvil.call("anvil_reorg", 1, [])
        faults(live, anchor, "the ledger has no block")


def test_a_node_that_is_away(live: LiveLog) -> None:
    def away(_: Any) -> Any:
        raise LedgerUnreachable("nobody answers")

    with pytest.raises(LedgerUnreachable):
        ask(Chain.connect(Altered(live.chain.rpc, eth_getBlockByHash=away)), anchor_of(live))
