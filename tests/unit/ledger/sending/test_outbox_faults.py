"""A node that lies, is silent or is behind: nothing is believed by halves, nothing is lost, nothing doubled."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from anvil import needs_anvil
from counter import TWELVE_BLOCKS, AnvilCounting, count_call, counting_on_anvil, key_of, place_of
from lying_node import How

from counterfoil.errors import HomeDamaged, LedgerContradicts, LedgerUnreachable, WrongChain
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.accounts.transaction import SignedTransaction, Transaction
from counterfoil.ledger.rpc.rpc import RpcError
from counterfoil.ledger.sending.outbox import Cause, State
from counterfoil.ledger.sending.tables import attempts

pytestmark = [needs_anvil, pytest.mark.usefixtures("outbox_on")]

PATIENT_S, HASTY_S = 20.0, 0.3


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[AnvilCounting]:
    with counting_on_anvil(tmp_path, finality=TWELVE_BLOCKS, timeout_s=PATIENT_S) as counting:
        yield counting


def causes(counting: AnvilCounting) -> set[Cause]:
    return {stuck.cause for stuck in counting.outbox.stuck()}


def require_done_once(counting: AnvilCounting, ids: Sequence[int]) -> None:
    counting.node.honest()
    counting.settle(steps=60, blocks=4)
    assert counting.states(ids) == [State.FINAL] * len(ids)
    assert [counting.counted(row.key) for row in counting.rows(ids)] == [1] * len(ids)
    assert counting.total == len(counting.events())


@pytest.mark.parametrize(
    ("how", "when"),
    [("garbage", "waiting"), ("garbage", "mined"), ("reset", "waiting"), ("reset", "mined")]
    + [(how, "sent") for how in ("garbage", "truncated", "missing", "wrong_id", "reset", "503", "hang")],
)
def test_an_outage_changes_nothing_and_ends_by_itself(how: How, when: str, tmp_path: Path) -> None:
    timeout_s = HASTY_S if how == "hang" else PATIENT_S
    with counting_on_anvil(tmp_path, finality=TWELVE_BLOCKS, timeout_s=timeout_s) as counting:
        ids = counting.submit("a")
        for _ in range(("waiting", "sent", "mined").index(when)):
            counting.outbox.step()
            counting.mine()
        before = counting.rows(ids)
        counting.node.misbehave(how)
        for _ in range(2):
            stepped = counting.outbox.step()
            assert not stepped.is_progress
            assert isinstance(stepped.trouble, LedgerUnreachable | LedgerContradicts)
            counting.clock.advance(60)
        assert counting.rows(ids) == before
        (stuck,) = counting.outbox.stuck()
        assert stuck.cause in (Cause.UNREACHABLE, Cause.CONTRADICTS)
        assert stuck.since_s == counting.clock() - 120
        assert "since 2027-01-15" in stuck.reason
        require_done_once(counting, ids)


def test_a_node_that_ends_while_it_is_sent_to(counting: AnvilCounting) -> None:
    ids = counting.submit("a", "b")
    counting.node.misbehave("reset", methods=["eth_sendRawTransaction"])
    stepped = counting.outbox.step()
    assert isinstance(stepped.trouble, LedgerUnreachable)
    assert (stepped.signed, counting.states(ids)) == (2, [State.SENT] * 2)  # it may have taken them
    counting.mine()
    counting.node.honest()
    counting.outbox.step()
    assert counting.outbox.row(ids[0]).attempts == counting.rows(ids)[0].attempts
    require_done_once(counting, ids)
    assert [len(row.attempts) for row in counting.rows(ids)] == [1, 1]


def test_a_node_that_takes_a_transaction_and_says_it_did_not(counting: AnvilCounting) -> None:
    ids = counting.submit("a")

    def deny(result: Any, params: Sequence[Any]) -> Any:
        return RpcError(-32000, "transaction pool is full")

    counting.node.lie("eth_sendRawTransaction", deny)
    counting.outbox.step()
    assert causes(counting) == set()  # the node was asked whether it has it, and it does
    require_done_once(counting, ids)


def test_a_node_that_does_not_take_a_transaction_is_told_of(counting: AnvilCounting) -> None:
    ids = counting.submit("a")
    counting.outbox.step()
    counting.anvil.call("anvil_dropAllTransactions")
    counting.node.lie("eth_sendRawTransaction", RpcError(-32000, "transaction pool is full\x1b[2J"))
    counting.reopen()
    counting.outbox.step()
    counting.anvil.call("anvil_dropAllTransactions")
    counting.node.lie("eth_getTransactionByHash", None)
    counting.reopen()
    counting.outbox.step()
    (stuck,) = counting.outbox.stuck()
    assert stuck.cause is Cause.NODE_REFUSED
    assert stuck.reason == "the ledger's node did not take it: transaction pool is full [2J"
    require_done_once(counting, ids)


Lie = Callable[[Any, Sequence[Any]], Any]
ABSENT: Lie = lambda receipt, params: None  # noqa: E731
ELSEWHERE: Lie = lambda receipt, params: receipt and {**receipt, "blockHash": "0x" + "11" * 32, "logs": []}  # noqa: E731
OF_ANOTHER: Lie = lambda receipt, params: receipt and {**receipt, "transactionHash": "0x" + "22" * 32, "logs": []}  # noqa: E731
STATUS_TWO: Lie = lambda receipt, params: receipt and {**receipt, "status": "0x2"}  # noqa: E731
NO_BLOCK: Lie = lambda receipt, params: receipt and {**receipt, "blockNumber": None}  # noqa: E731


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param(ABSENT, id="absent"),
        pytest.param(ELSEWHERE, id="elsewhere"),
        pytest.param(OF_ANOTHER, id="of another"),
        pytest.param(STATUS_TWO, id="status 2"),
        pytest.param(NO_BLOCK, id="no block"),
    ],
)
def test_lies_about_receipts_double_nothing(lie: Lie, counting: AnvilCounting) -> None:
    ids = counting.submit("a", "b")
    counting.outbox.step()
    counting.mine()
    counting.node.lie("eth_getTransactionReceipt", lie)
    for _ in range(20):
        counting.outbox.step()
        counting.mine()
        counting.clock.advance(61)
        assert not {State.MINED, State.FINAL} & set(counting.states(ids))
    assert [row.nonce for row in counting.rows(ids)] == [0, 1]
    assert counting.total == 2
    assert causes(counting) <= {Cause.CONTRADICTS, Cause.EARLIER_WAITS}
    assert causes(counting)
    require_done_once(counting, ids)


def test_a_receipt_for_what_is_in_no_block_is_not_believed(counting: AnvilCounting) -> None:
    done = counting.submit("a")
    counting.settle()
    receipt = counting.anvil.call(
        "eth_getTransactionReceipt", "0x" + (counting.rows(done)[0].transaction_hash or b"").hex()
    )
    ids = counting.submit("b")
    counting.outbox.step()
    counting.node.lie(
        "eth_getTransactionReceipt", lambda result, params: {**receipt, "transactionHash": params[0], "logs": []}
    )
    stepped = counting.outbox.step()
    assert isinstance(stepped.trouble, LedgerContradicts)
    assert counting.states(ids) == [State.SENT]
    require_done_once(counting, ids)


@pytest.mark.parametrize("more", [1, 5, 10**12])
def test_a_lie_about_the_accounts_count_doubles_nothing(more: int, counting: AnvilCounting) -> None:
    ids = counting.submit("a")
    counting.outbox.step()
    counting.node.lie("eth_getTransactionCount", lambda count, params: hex(int(count, 16) + more))
    for _ in range(20):
        counting.outbox.step()
        counting.clock.advance(61)
        counting.mine()
    assert [row.nonce for row in counting.rows(ids)] == [0]
    require_done_once(counting, ids)
    assert counting.rows(ids)[0].nonce == 0


def test_a_count_that_was_too_high_when_a_number_was_given_is_mended(counting: AnvilCounting) -> None:
    counting.node.lie("eth_getTransactionCount", "0x3")
    ids = counting.submit("a")
    counting.outbox.step()
    counting.node.honest()
    for _ in range(20):
        counting.outbox.step()
        counting.clock.advance(61)
        counting.mine()
    assert [row.nonce for row in counting.rows(ids)] == [3]
    require_done_once(counting, ids)
    assert [row.state for row in counting.outbox.rows() if row.id not in ids] == [State.CANCELLED] * 3


def test_a_count_that_was_far_too_high_holds_up_one_row_and_costs_nothing(counting: AnvilCounting) -> None:
    counting.node.lie("eth_getTransactionCount", "0x13")
    wrong = counting.submit("a")
    counting.outbox.step()
    counting.node.honest()
    ids = counting.submit("b", "c")
    for _ in range(20):
        counting.outbox.step()
        counting.clock.advance(61)
        counting.mine()
    assert counting.states(ids) == [State.FINAL] * 2
    assert [row.nonce for row in counting.rows(wrong + ids)] == [19, 0, 1]
    assert [(stuck.id, stuck.cause) for stuck in counting.outbox.stuck()] == [(wrong[0], Cause.USED_ELSEWHERE)]
    ids += counting.submit(*range(17))
    require_done_once(counting, ids + wrong)
    assert len(counting.outbox.rows()) == 20


def test_a_node_that_is_behind_doubles_nothing(counting: AnvilCounting) -> None:
    counting.submit("a")
    counting.settle()
    ids = counting.submit("b")
    counting.outbox.step()
    counting.mine(2)
    counting.outbox.step()
    assert counting.states(ids) == [State.MINED]
    counting.node.behind = 2
    assert counting.outbox.step().taken_back == 1
    ids += counting.submit("c")
    counting.outbox.step()
    counting.node.behind = 0
    counting.mine()
    require_done_once(counting, ids)
    assert [row.nonce for row in counting.rows(ids)] == [1, 2]


def test_a_count_below_what_is_final_is_not_believed(counting: AnvilCounting) -> None:
    ids = counting.submit("a")
    counting.outbox.step()
    counting.mine(12)
    counting.node.lie("eth_getTransactionCount", "0x0")
    stepped = counting.outbox.step()
    assert isinstance(stepped.trouble, LedgerContradicts)
    assert counting.states(ids) == [State.SENT]
    require_done_once(counting, ids)


def test_a_node_that_does_not_show_the_first_block_serves_all_the_same(counting: AnvilCounting) -> None:
    counting.node.lie(
        "eth_getBlockByNumber",
        lambda block, params: RpcError(-32000, "pruned history unavailable") if params[0] == "0x0" else block,
    )
    ids = counting.submit("a")
    counting.settle(steps=60)
    require_done_once(counting, ids)


def test_bytes_that_were_altered_on_the_disk_are_not_sent(counting: AnvilCounting) -> None:
    counting.submit("a")
    counting.outbox.step()
    counting.anvil.call("anvil_dropAllTransactions")
    counting.outbox.close()
    place = place_of(counting.path)
    place.open({})
    with place.writing() as connection:
        connection.execute(attempts.update().values(raw=bytes(100)))
    place.close()
    counting.reopen()
    with pytest.raises(HomeDamaged, match="row 1"):
        counting.outbox.step()
    assert counting.chain.nonce(counting.account.address) == 0


def test_another_chain_in_mid_run_is_refused(counting: AnvilCounting) -> None:
    counting.submit("a")
    counting.outbox.step()
    counting.node.lie("eth_chainId", "0x1")
    with pytest.raises(WrongChain):
        counting.outbox.step()
    counting.node.honest()
    counting.settle()
    assert counting.counted("a") == 1


class AbsentSigner:
    """An account whose signer is away at times."""

    def __init__(self, account: LocalAccount) -> None:
        self._account = account
        self.address = account.address
        self.left = 0

    def sign(self, transaction: Transaction) -> SignedTransaction:
        self.left -= 1
        if self.left < 0:
            raise LedgerUnreachable("the signer does not answer")
        return self._account.sign(transaction)


def test_an_absent_signer_leaves_no_gap(counting: AnvilCounting) -> None:
    counting.outbox.close()
    counting.account = signer = AbsentSigner(counting.account)  # type: ignore[assignment]
    counting.reopen()
    ids = counting.submit("a", "b", "c")
    signer.left = 1
    assert counting.outbox.step().signed == 1
    assert counting.states(ids) == [State.SENT, State.WAITING, State.WAITING]
    assert {each.id: each.cause for each in counting.outbox.stuck()} == {
        ids[1]: Cause.SIGNER,
        ids[2]: Cause.EARLIER_WAITS,
    }
    counting.outbox.cancel(ids[1])
    counting.wallet.account = signer._account
    ids += counting.submit("d")
    signer.left = 100
    counting.settle()
    assert counting.states(ids) == [State.FINAL, State.CANCELLED, State.FINAL, State.FINAL]
    assert [row.nonce for row in counting.rows(ids)] == [0, 1, 2, 3]
    assert (counting.counted("b"), counting.total) == (0, 3)


def test_a_port_where_nobody_listens(counting: AnvilCounting) -> None:
    counting.submit("a")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # bound and not listening: refused
        counting.node.close()
        stepped = counting.outbox.step()
    assert isinstance(stepped.trouble, LedgerUnreachable)
    assert not stepped.is_progress


def test_a_number_used_elsewhere_that_the_node_does_not_show_is_kept(counting: AnvilCounting) -> None:
    ids = counting.submit("a")
    counting.outbox.step()
    counting.wallet.send(counting.counter, count_call(key_of("foreign")), nonce=0, fee_times=3)
    counting.mine(20)
    counting.clock.advance(61)

    def forgets(count: Any, params: Sequence[Any]) -> Any:
        if params[1] not in ("latest", hex(counting.chain.final_block().number)):
            return RpcError(-32000, "missing trie node")
        return count

    counting.node.lie("eth_getTransactionCount", forgets)
    counting.outbox.step()
    assert counting.rows(ids)[0].nonce == 0
    assert causes(counting) == {Cause.USED_ELSEWHERE}
    assert "connect one that keeps history" in counting.outbox.stuck()[0].reason
    require_done_once(counting, ids)
    assert counting.rows(ids)[0].nonce == 1
