"""Several nodes as one: the dead are passed over, the lagging waited for, the lying caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from anvil import Anvil, needs_anvil
from lying_node import LyingNode

from counterfoil.errors import InvalidInput, LedgerContradicts, LedgerError, LedgerUnreachable, WrongChain
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.accounts.transaction import Transaction
from counterfoil.ledger.rpc.chain import Chain, Finality
from counterfoil.ledger.rpc.endpoint import Endpoint
from counterfoil.ledger.rpc.endpoints import Endpoints
from counterfoil.ledger.rpc.nodes import CHAIN_CHECK_S
from counterfoil.ledger.rpc.rpc import RpcError
from counterfoil.ledger.rpc.standing import MAX_REST_S

pytestmark = needs_anvil

CHAIN_ID = 31_337
OPTIONS = ["--no-mining", "--slots-in-an-epoch", "1"]
"""Blocks are mined when a test says so; final is what two of them stand on."""

EMITS = "0x600160006000a100"
"""Creation code that tells one event and makes an empty contract."""


@dataclass
class Past:
    """What the chain holds before each test: an event in a final block, and one in the newest."""

    anvil: Anvil
    final: dict[str, Any]
    young: dict[str, Any]

    @property
    def head(self) -> int:
        return int(self.anvil.call("eth_blockNumber"), 16)


def happen(anvil: Anvil) -> dict[str, Any]:
    """Mines a block with a transaction; returns its receipt."""
    sender = anvil.call("eth_accounts")[0]
    sent = anvil.call("eth_sendTransaction", {"from": sender, "data": EMITS})
    anvil.call("evm_mine")
    return dict(anvil.call("eth_getTransactionReceipt", sent))


@pytest.fixture(scope="module")
def past() -> Iterator[Past]:
    with Anvil(options=OPTIONS) as anvil:
        final = happen(anvil)
        for _ in range(8):
            anvil.call("evm_mine")
        yield Past(anvil, final, happen(anvil))


@pytest.fixture(scope="module")
def branch() -> Iterator[Anvil]:
    with Anvil(options=OPTIONS) as anvil:
        happen(anvil)
        yield anvil


@pytest.fixture
def fork(past: Past, branch: Anvil) -> Anvil:
    """Another history under the same chain id, as high."""
    while int(branch.call("eth_blockNumber"), 16) < past.head:
        branch.call("evm_mine")
    return branch


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Anvil]:
    with Anvil(chain_id=5) as anvil:
        yield anvil


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


Connect = Callable[..., tuple[Endpoints, list[LyingNode]]]


@pytest.fixture
def connect(past: Past, clock: Clock) -> Iterator[Connect]:
    """Makes so many nodes in front of the chain, and the Endpoints that use them."""
    with ExitStack() as stack:

        def made(number: int, **settings: Any) -> tuple[Endpoints, list[LyingNode]]:
            nodes = [stack.enter_context(LyingNode(past.anvil)) for _ in range(number)]
            endpoints = [Endpoint(node.url) for node in nodes]
            settings = {"chain_id": CHAIN_ID, "clock": clock} | settings
            return stack.enter_context(Endpoints(endpoints, **settings)), nodes

        yield made


def states(endpoints: Endpoints) -> list[str]:
    return [each.state for each in endpoints.health()]


# One after another


def test_honest_nodes_say_what_the_chain_says(past: Past, connect: Connect) -> None:
    endpoints, nodes = connect(2)
    endpoints.require_chain()
    young, final = past.young, past.final
    calls: list[tuple[str, list[Any]]] = [
        ("eth_chainId", []),
        ("eth_blockNumber", []),
        ("eth_getTransactionReceipt", [young["transactionHash"]]),
        ("eth_getTransactionReceipt", ["0x" + "11" * 32]),
        ("eth_getBlockByNumber", ["latest", False]),
        ("eth_getBlockByNumber", ["finalized", False]),
        ("eth_getBlockByNumber", ["safe", True]),
        ("eth_getBlockByNumber", ["earliest", False]),
        ("eth_getBlockByNumber", [final["blockNumber"], False]),
        ("eth_getBlockByHash", [young["blockHash"], False]),
        ("eth_getLogs", [{"fromBlock": "0x0", "toBlock": young["blockNumber"]}]),
        ("eth_getCode", [final["contractAddress"], final["blockNumber"]]),
        ("eth_getProof", [final["contractAddress"], [], "latest"]),
        ("eth_getBalance", [final["from"], "finalized"]),
        ("eth_maxPriorityFeePerGas", []),
    ]
    direct = past.anvil.batch(calls)
    assert endpoints.batch(calls) == direct
    assert [endpoints.call(method, *params) for method, params in calls] == direct
    assert states(endpoints) == ["answers", "answers"]
    assert [each.height for each in endpoints.health()] == [past.head, past.head]
    assert "eth_getTransactionReceipt" in nodes[1].asked
    assert "eth_maxPriorityFeePerGas" not in nodes[1].asked


def test_the_first_node_is_used_until_it_fails_and_then_the_next(connect: Connect, clock: Clock) -> None:
    endpoints, (first, second) = connect(2, agree=1)
    endpoints.call("eth_gasPrice")
    assert not second.asked
    first.misbehave("500")
    assert endpoints.call("eth_chainId") == hex(CHAIN_ID)
    assert states(endpoints) == ["does not answer", "answers"]
    first.honest()
    asked = len(first.asked)
    clock.now_s += MAX_REST_S
    for _ in range(3):
        endpoints.call("eth_gasPrice")
    assert len(first.asked) == asked, "it stays with the one that works"
    second.close()
    endpoints.call("eth_gasPrice")
    assert states(endpoints) == ["answers", "does not answer"]


def test_a_dead_node_rests_twice_as_long_each_time(connect: Connect, clock: Clock) -> None:
    endpoints, (node,) = connect(1)
    node.misbehave("500")
    rests = []
    for _ in range(12):
        with pytest.raises(LedgerUnreachable, match="out of order"):
            endpoints.call("eth_gasPrice")
        asked = len(node.asked)
        rests.append(endpoints.health()[0].rests_s)
        clock.now_s += rests[-1] - 0.01
        with pytest.raises(LedgerUnreachable, match="out of order"):
            endpoints.call("eth_gasPrice")
        assert len(node.asked) == asked, "it is left alone"
        clock.now_s += 0.02
    assert [round(each) for each in rests] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    node.honest()
    endpoints.call("eth_gasPrice")
    assert endpoints.health()[0].rests_s == 0
    assert endpoints.health()[0].last_error
    node.misbehave("500")
    with pytest.raises(LedgerUnreachable):
        endpoints.call("eth_gasPrice")
    assert endpoints.health()[0].rests_s == 1, "success forgives"


def test_a_busy_node_rests_as_long_as_it_asks_for(connect: Connect) -> None:
    endpoints, (node, _) = connect(2, agree=1)
    node.misbehave("429")
    node.retry_after = "77"
    endpoints.call("eth_gasPrice")
    assert endpoints.health()[0].rests_s == 77


def test_when_all_fail_the_error_names_each(connect: Connect) -> None:
    endpoints, nodes = connect(2)
    nodes[0].misbehave("500")
    nodes[1].close()
    with pytest.raises(LedgerUnreachable) as caught:
        endpoints.call("eth_gasPrice")
    assert all(node.url in caught.value.message for node in nodes)
    assert caught.value.hint


def test_what_one_node_cannot_do_the_next_is_asked(past: Past, connect: Connect) -> None:
    cannot = RpcError(-32601, "no such method here")
    endpoints, nodes = connect(3)
    nodes[0].lie("eth_getBlockByHash", cannot)
    assert endpoints.call("eth_getBlockByHash", past.young["blockHash"], False)["hash"] == past.young["blockHash"]
    assert states(endpoints) == ["answers", "answers", "answers"]
    for node in nodes:
        node.lie("eth_gasPrice", cannot)
    with pytest.raises(RpcError, match="no such method"):
        endpoints.call("eth_gasPrice")


def test_a_request_that_is_wrong_is_not_repeated(connect: Connect) -> None:
    endpoints, (first, second) = connect(2)
    with pytest.raises(RpcError):
        endpoints.call("eth_getBalance", "nonsense", "latest")
    assert first.asked[-1] == "eth_getBalance"
    assert "eth_getBalance" not in second.asked


# Sending


def signed(past: Past) -> tuple[str, str]:
    """Returns a transaction that can be mined next, and its hash."""
    past.anvil.call("evm_mine")
    account = LocalAccount(past.anvil.keys[1])
    nonce = int(past.anvil.call("eth_getTransactionCount", "0x" + account.address.hex(), "latest"), 16)
    sent = account.sign(Transaction(CHAIN_ID, nonce, bytes(20), b"", 21_000, 10**11, 1))
    return "0x" + sent.raw.hex(), "0x" + sent.hash.hex()


def test_a_transaction_goes_to_every_node(past: Past, connect: Connect) -> None:
    endpoints, nodes = connect(3)
    raw, expected = signed(past)
    assert endpoints.call("eth_sendRawTransaction", raw) == expected
    assert all("eth_sendRawTransaction" in node.asked for node in nodes)
    again, other = endpoints.batch([("eth_sendRawTransaction", [raw]), ("eth_chainId", [])])
    assert isinstance(again, RpcError)  # all of them have it, or have it mined
    assert other == hex(CHAIN_ID)


def test_one_node_that_takes_it_is_enough(past: Past, connect: Connect) -> None:
    endpoints, nodes = connect(3)
    nodes[0].close()
    nodes[1].lie("eth_sendRawTransaction", RpcError(-32005, "too busy"))
    raw, expected = signed(past)
    assert endpoints.call("eth_sendRawTransaction", raw) == expected
    nodes[1].close()
    nodes[2].close()
    with pytest.raises(LedgerUnreachable, match="none of the 3 nodes"):
        endpoints.call("eth_sendRawTransaction", raw)


def test_a_node_that_names_another_transaction_is_not_believed(past: Past, connect: Connect) -> None:
    endpoints, nodes = connect(2, agree=1)
    nodes[0].lie("eth_sendRawTransaction", "0x" + "22" * 32)
    raw, expected = signed(past)
    nodes[1].lie("eth_sendRawTransaction", lambda result, params: expected)  # the first passed it on already
    assert endpoints.call("eth_sendRawTransaction", raw) == expected
    assert states(endpoints) == ["contradicts itself", "answers"]


# Lies


FORGED = "0x" + "33" * 32
ASKED: dict[str, Callable[[Past], list[Any]]] = {
    "eth_getTransactionReceipt": lambda past: [past.final["transactionHash"]],
    "eth_getBlockByNumber": lambda past: [past.final["blockNumber"], False],
    "eth_getBlockByHash": lambda past: [past.final["blockHash"], False],
    "eth_getLogs": lambda past: [{"fromBlock": "0x0", "toBlock": past.final["blockNumber"]}],
    "eth_getProof": lambda past: [past.final["contractAddress"], ["0x" + "00" * 32], past.final["blockNumber"]],
    "eth_getCode": lambda past: [past.final["contractAddress"], past.final["blockNumber"]],
    "eth_getBalance": lambda past: [past.final["from"], past.final["blockNumber"]],
    "eth_call": lambda past: [{"to": past.final["contractAddress"]}, past.final["blockNumber"]],
}
"""A question about something final, for each way to ask."""

LIES: list[tuple[str, Any]] = [
    ("eth_getTransactionReceipt", {"status": "0x0"}),
    ("eth_getTransactionReceipt", {"blockHash": FORGED}),
    ("eth_getTransactionReceipt", {"blockNumber": "0x2"}),
    ("eth_getTransactionReceipt", {"gasUsed": "0x1"}),
    ("eth_getTransactionReceipt", {"contractAddress": FORGED[:42]}),
    ("eth_getTransactionReceipt", {"effectiveGasPrice": "0x1"}),
    ("eth_getTransactionReceipt", {"logs": []}),
    ("eth_getTransactionReceipt", None),
    ("eth_getBlockByNumber", {"hash": FORGED}),
    ("eth_getBlockByNumber", {"stateRoot": FORGED}),
    ("eth_getBlockByNumber", {"timestamp": "0x1"}),
    ("eth_getBlockByNumber", {"transactions": []}),
    ("eth_getBlockByNumber", lambda found, params: found if params[0] == "finalized" else None),
    ("eth_getBlockByHash", {"stateRoot": FORGED}),
    ("eth_getBlockByHash", {"receiptsRoot": FORGED}),
    ("eth_getBlockByHash", None),
    ("eth_getLogs", []),
    ("eth_getLogs", lambda found, params: [*found, found[0]]),
    ("eth_getLogs", lambda found, params: [{**found[0], "data": "0x33"}]),
    ("eth_getProof", {"balance": "0x7"}),
    ("eth_getProof", {"codeHash": FORGED}),
    ("eth_getProof", {"storageHash": FORGED}),
    ("eth_getCode", "0x33"),
    ("eth_getCode", None),
    ("eth_getBalance", "0x33"),
    ("eth_call", "0x33"),
    ("eth_call", RpcError(3, "execution reverted: made up")),
]


def told(node: LyingNode, method: str, change: Any) -> None:
    if isinstance(change, dict):
        node.lie(method, lambda result, params: {**result, **change})
    else:
        node.lie(method, change)


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize(("method", "change"), LIES, ids=[f"{place}-{lie[0]}" for place, lie in enumerate(LIES)])
def test_a_lie_about_what_is_final_is_a_contradiction(
    past: Past, connect: Connect, method: str, change: Any, liar: int
) -> None:
    endpoints, nodes = connect(2)
    told(nodes[liar], method, change)
    with pytest.raises(LedgerContradicts) as caught:
        endpoints.call(method, *ASKED[method](past))
    assert all(node.url in caught.value.message for node in nodes)
    assert caught.value.hint
    assert [each.last_error for each in endpoints.health()] == [caught.value.message] * 2
    assert states(endpoints) == ["answers", "answers"], "which of them is wrong is not known"
    nodes[liar].honest()
    assert endpoints.call(method, *ASKED[method](past)) == past.anvil.call(method, *ASKED[method](past))


def test_the_same_block_hash_with_other_contents_is_a_lie_however_young(past: Past, connect: Connect) -> None:
    endpoints, nodes = connect(2)
    told(nodes[0], "eth_getTransactionReceipt", {"status": "0x0"})
    with pytest.raises(LedgerContradicts, match="status is 0x0 and 0x1"):
        endpoints.call("eth_getTransactionReceipt", past.young["transactionHash"])


def test_a_lie_in_a_batch_spoils_the_batch(past: Past, connect: Connect) -> None:
    endpoints, nodes = connect(2)
    told(nodes[1], "eth_getTransactionReceipt", {"status": "0x0"})
    calls = [("eth_getTransactionReceipt", [each["transactionHash"]]) for each in (past.final, past.young)]
    with pytest.raises(LedgerContradicts):
        endpoints.batch(calls)


def test_a_final_block_that_is_replaced_is_a_contradiction(past: Past, connect: Connect) -> None:
    endpoints, nodes = connect(2)
    endpoints.call("eth_getBlockByNumber", "finalized", False)
    for node in nodes:
        told(node, "eth_getBlockByNumber", {"hash": "0x" + "33" * 32})
    for _ in range(2):
        with pytest.raises(LedgerContradicts, match="it was replaced"):
            endpoints.call("eth_getBlockByNumber", "finalized", False)


def test_two_histories_are_a_contradiction_once_they_are_final(past: Past, fork: Anvil, connect: Connect) -> None:
    endpoints, nodes = connect(2)
    nodes[1].real = fork
    with pytest.raises(LedgerContradicts, match="the finalized block|block "):
        endpoints.call("eth_getBlockByNumber", "finalized", False)
    with pytest.raises(LedgerContradicts):
        endpoints.call("eth_getTransactionReceipt", past.final["transactionHash"])
    young = hex(past.head)
    assert endpoints.call("eth_getBlockByNumber", young, False) is None, "two young blocks prove nothing"
    with pytest.raises(LedgerUnreachable, match="have not settled"):
        endpoints.call("eth_getBalance", past.final["from"], young)


def test_with_one_that_must_agree_the_first_is_believed(past: Past, connect: Connect) -> None:
    endpoints, nodes = connect(2, agree=1)
    told(nodes[0], "eth_getTransactionReceipt", {"status": "0x0"})
    assert endpoints.call("eth_getTransactionReceipt", past.final["transactionHash"])["status"] == "0x0"
    assert not nodes[1].asked


# Lagging behind


@pytest.mark.parametrize("late", [0, 1])
def test_a_node_that_lags_raises_no_alarm_and_what_it_lacks_is_not_there_yet(
    past: Past, connect: Connect, late: int
) -> None:
    endpoints, nodes = connect(2)
    nodes[late].behind = 2
    young, head = happen(past.anvil), past.head
    assert endpoints.call("eth_blockNumber") == hex(head - 2)
    assert endpoints.call("eth_getBlockByNumber", "latest", False)["number"] == hex(head - 2)
    assert endpoints.call("eth_getTransactionReceipt", young["transactionHash"]) is None
    assert endpoints.call("eth_getTransactionReceipt", past.final["transactionHash"]) == past.final
    assert endpoints.call("eth_getBlockByNumber", hex(head), False) is None
    assert endpoints.call("eth_getBlockByHash", young["blockHash"], False) is None
    with pytest.raises(LedgerUnreachable, match="not seen"):
        endpoints.call("eth_getLogs", {"fromBlock": "0x0", "toBlock": hex(head)})
    assert states(endpoints) == ["answers", "answers"]
    nodes[0].behind = nodes[1].behind = 2
    with pytest.raises(LedgerUnreachable, match=f"{nodes[0].url} has not seen block {head} yet"):
        endpoints.call("eth_getLogs", {"fromBlock": "0x0", "toBlock": hex(head)})
    nodes[0].honest()
    nodes[1].honest()
    assert endpoints.call("eth_getTransactionReceipt", young["transactionHash"]) == young


def test_events_of_blocks_that_a_node_lacks_are_not_taken_for_none(past: Past, connect: Connect) -> None:
    endpoints, nodes = connect(2, agree=1)
    nodes[0].behind = 1
    query = {"fromBlock": "0x0", "toBlock": hex(past.head)}
    assert endpoints.call("eth_getLogs", query) == past.anvil.call("eth_getLogs", query), "the second answers"
    nodes[1].behind = 1
    with pytest.raises(LedgerUnreachable, match="has not seen block"):
        endpoints.call("eth_getLogs", query)


@pytest.mark.parametrize("late", [0, 1])
def test_the_final_block_is_the_lowest_and_never_falls(past: Past, connect: Connect, late: int) -> None:
    endpoints, nodes = connect(2)
    final = past.anvil.call("eth_getBlockByNumber", "finalized", False)
    height = int(final["number"], 16)
    lower = past.anvil.call("eth_getBlockByNumber", hex(height - 1), False)
    nodes[late].lie("eth_getBlockByNumber", lambda found, params: lower if params[0] == "finalized" else found)
    assert endpoints.call("eth_getBlockByNumber", "finalized", False) == lower
    nodes[late].honest()
    assert endpoints.call("eth_getBlockByNumber", "finalized", False) == final
    nodes[late].lie("eth_getBlockByNumber", lambda found, params: lower if params[0] == "finalized" else found)
    assert endpoints.call("eth_getBlockByNumber", "finalized", False) == final
    assert Chain.connect(endpoints, chain_id=CHAIN_ID).final_block().number == height


def test_state_at_the_final_block_is_asked_of_several(past: Past, connect: Connect) -> None:
    endpoints, nodes = connect(2)
    nodes[0].lie("eth_getBalance", "0x33")
    with pytest.raises(LedgerContradicts, match="eth_getBalance at block"):
        endpoints.call("eth_getBalance", past.final["from"], "finalized")
    assert endpoints.call("eth_getBalance", past.final["from"], "latest") == "0x33", "one node is believed about now"


def test_where_blocks_become_final_by_confirmations(past: Past, fork: Anvil, connect: Connect) -> None:
    endpoints, nodes = connect(2, finality=Finality(tag="", confirmations=3))
    chain = Chain.connect(endpoints, chain_id=CHAIN_ID, finality=Finality(tag="", confirmations=3))
    assert chain.final_block().number == past.head - 2
    nodes[1].real = fork
    assert endpoints.call("eth_getBlockByNumber", hex(past.head - 1), False) is None
    with pytest.raises(LedgerContradicts):
        endpoints.call("eth_getBlockByNumber", hex(past.head - 2), False)


# Going backwards, and to other chains


@pytest.mark.parametrize("settings", [{"agree": 1}, {"agree": 2}])
def test_a_node_that_goes_backwards_is_set_aside(past: Past, connect: Connect, settings: dict[str, Any]) -> None:
    endpoints, nodes = connect(3, **settings)
    endpoints.call("eth_blockNumber")
    endpoints.call("eth_getBlockByNumber", "finalized", False)
    nodes[0].lie("eth_blockNumber", "0x1")
    assert endpoints.call("eth_blockNumber") == hex(past.head)
    first = endpoints.health()[0]
    assert first.state == "contradicts itself"
    assert "went backwards: its newest block is 1" in first.last_error


def test_the_only_node_that_goes_backwards_is_a_contradiction(past: Past, connect: Connect, clock: Clock) -> None:
    endpoints, (node,) = connect(1)
    endpoints.call("eth_getBlockByNumber", "finalized", False)
    node.behind = 8
    for method, *params in (("eth_blockNumber",), ("eth_getBlockByNumber", "latest", False)):
        with pytest.raises(LedgerContradicts, match="went backwards"):
            endpoints.call(method, *params)
        clock.now_s += MAX_REST_S
    node.honest()
    assert endpoints.call("eth_blockNumber") == hex(past.head)


def test_a_node_that_never_was_so_high_is_merely_behind(past: Past, connect: Connect) -> None:
    endpoints, nodes = connect(2, agree=1)
    endpoints.call("eth_getBlockByNumber", "finalized", False)
    nodes[1].behind = 8
    nodes[0].close()
    with pytest.raises(LedgerUnreachable, match="is behind"):
        endpoints.call("eth_blockNumber")


def test_a_node_of_another_chain_is_refused_when_connecting(elsewhere: Anvil, connect: Connect) -> None:
    endpoints, nodes = connect(2)
    nodes[1].real = elsewhere
    with pytest.raises(WrongChain, match=f"{nodes[1].url} serves chain 5, and 31337 was expected"):
        endpoints.require_chain()
    assert states(endpoints) == ["answers", "on another chain"]
    endpoints, nodes = connect(3)
    nodes[2].real = elsewhere
    with pytest.raises(WrongChain, match=nodes[2].url):
        Chain.connect(endpoints, chain_id=CHAIN_ID)
    endpoints, _ = connect(1, chain_id=7)
    with pytest.raises(WrongChain):
        endpoints.require_chain()
    with pytest.raises(WrongChain):
        endpoints.call("eth_gasPrice")


def test_without_a_chain_named_the_first_that_answers_says_it(elsewhere: Anvil, connect: Connect) -> None:
    endpoints, nodes = connect(2, chain_id=None)
    assert endpoints.chain_id is None
    nodes[1].real = elsewhere
    with pytest.raises(WrongChain):
        endpoints.require_chain()
    assert endpoints.chain_id == CHAIN_ID


def test_connecting_needs_as_many_nodes_as_must_agree(connect: Connect) -> None:
    endpoints, nodes = connect(3)
    nodes[0].close()
    endpoints.require_chain()
    endpoints, nodes = connect(3)
    nodes[0].close()
    nodes[1].close()
    with pytest.raises(LedgerUnreachable, match="1 of the 2 nodes that must agree"):
        endpoints.require_chain()


@pytest.mark.parametrize("notices", ["a new connection", "time"])
def test_a_node_that_switches_to_another_chain_is_noticed(
    elsewhere: Anvil, connect: Connect, clock: Clock, notices: str
) -> None:
    endpoints, (node, _) = connect(2, agree=1)
    endpoints.call("eth_getBalance", "0x" + "44" * 20, "latest")
    node.real = elsewhere
    if notices == "a new connection":
        node.hang_up()
    else:
        clock.now_s += CHAIN_CHECK_S
    node.lie("eth_getBalance", "0x77")
    assert endpoints.call("eth_getBalance", "0x" + "44" * 20, "latest") == "0x0", "the second answers instead"
    assert states(endpoints) == ["on another chain", "answers"]


# How many must agree


def test_too_few_that_can_be_asked_is_not_enough(past: Past, connect: Connect) -> None:
    endpoints, nodes = connect(2)
    nodes[1].close()
    with pytest.raises(LedgerUnreachable, match="1 of the 2 nodes that must agree can be asked") as caught:
        endpoints.call("eth_getTransactionReceipt", past.final["transactionHash"])
    assert nodes[1].url in caught.value.message
    assert endpoints.call("eth_gasPrice"), "what one may say alone is still answered"
    proof = ["0x" + "44" * 20, [], past.final["blockNumber"]]
    assert endpoints.call("eth_getProof", *proof)["balance"] == "0x0", "a proof proves itself"


def test_a_third_node_stands_in(past: Past, connect: Connect) -> None:
    endpoints, nodes = connect(3)
    nodes[1].close()
    assert endpoints.call("eth_getTransactionReceipt", past.final["transactionHash"]) == past.final
    nodes[2].lie("eth_getTransactionReceipt", RpcError(-32000, "pruned"))
    with pytest.raises(LedgerUnreachable, match="1 of the 2"):
        endpoints.call("eth_getTransactionReceipt", past.final["transactionHash"])


def test_three_may_have_to_agree(past: Past, connect: Connect) -> None:
    endpoints, nodes = connect(3, agree=3)
    assert endpoints.call("eth_getTransactionReceipt", past.final["transactionHash"]) == past.final
    told(nodes[2], "eth_getTransactionReceipt", {"status": "0x0"})
    with pytest.raises(LedgerContradicts):
        endpoints.call("eth_getTransactionReceipt", past.final["transactionHash"])


@pytest.mark.parametrize(("number", "agree"), [(0, None), (0, 1), (1, 2), (2, 0), (2, 3)])
def test_numbers_that_cannot_agree_are_refused(connect: Connect, number: int, agree: int | None) -> None:
    with pytest.raises(InvalidInput, match="cannot agree"):
        connect(number, agree=agree)


def test_one_node_named_twice_is_refused() -> None:
    twice = [Endpoint("https://node.example/a"), Endpoint("https://node.example/b")]
    with pytest.raises(InvalidInput, match="twice"):
        Endpoints(twice, chain_id=1)
    Endpoints(twice, chain_id=1, agree=1).close()


# From several threads


def test_threads_share_the_nodes(past: Past, connect: Connect) -> None:
    endpoints, nodes = connect(3)
    nodes[1].misbehave("500", times=5)

    def ask(number: int) -> Any:
        return endpoints.call("eth_getTransactionReceipt", past.final["transactionHash"])["status"]

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(ask, range(60))) == {"0x1"}


def test_nothing_secret_shows(past: Past) -> None:
    secret = "k3y-of-a-customer"
    with LyingNode(past.anvil) as node:
        endpoints = Endpoints([Endpoint(f"{node.url}/{secret}")], chain_id=CHAIN_ID)
        node.misbehave("echo")
        with endpoints, pytest.raises(LedgerError) as caught:
            endpoints.call("eth_gasPrice")
        assert secret not in repr(endpoints) + str(endpoints.health()) + caught.value.message
