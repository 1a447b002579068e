"""Nodes that lie, break, waste time or change their minds: the right error in bounded time, never a wrong answer."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, get_args

import pytest
from anvil import Anvil, needs_anvil
from lying_node import SLOW, How, LyingNode

from counterfoil.errors import LedgerContradicts, LedgerError, LedgerUnreachable
from counterfoil.ledger.rpc.answers import parse_block, parse_event, parse_receipt
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.rpc.endpoint import TIMEOUT_S, Endpoint
from counterfoil.ledger.rpc.endpoints import Endpoints

pytestmark = needs_anvil

CHAIN_ID = 31_337
SHORT_S = 0.3
MAX_ANSWER_BYTES = 200_000
EMITS = "0x600160006000a100"
"""Creation code that tells one event and makes an empty contract."""

WAYS = [how for how in get_args(How) if how != "echo"]  # that is an error of the node's own: an answer
QUICK_WAYS = [how for how in WAYS if how not in SLOW]


@pytest.fixture(scope="module")
def anvil() -> Iterator[Anvil]:
    with Anvil(options=["--no-mining", "--slots-in-an-epoch", "1"]) as made:
        yield made


@pytest.fixture(scope="module")
def receipt(anvil: Anvil) -> dict[str, Any]:
    """The receipt of a transaction in a final block."""
    sent = anvil.call("eth_sendTransaction", {"from": anvil.call("eth_accounts")[0], "data": EMITS})
    for _ in range(6):
        anvil.call("evm_mine")
    return dict(anvil.call("eth_getTransactionReceipt", sent))


class Ways:
    """Nodes in front of one chain, and the chain seen through them."""

    def __init__(
        self, anvil: Anvil, stack: ExitStack, number: int, *, short: Sequence[int] = (), **settings: Any
    ) -> None:
        """`short` are the places of nodes that are not waited for."""
        self.now_s = 0.0
        self.nodes = [stack.enter_context(LyingNode(anvil)) for _ in range(number)]
        made = [
            Endpoint(node.url, timeout_s=SHORT_S if place in short else TIMEOUT_S, max_answer_bytes=MAX_ANSWER_BYTES)
            for place, node in enumerate(self.nodes)
        ]
        settings = {"chain_id": CHAIN_ID, "clock": lambda: self.now_s} | settings
        self.rpc = stack.enter_context(Endpoints(made, **settings))
        self.chain = Chain.connect(self.rpc, chain_id=CHAIN_ID)

    def rested(self) -> None:
        """Lets so much time pass that every node is asked again."""
        self.now_s += 4_000


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.mark.parametrize("bad", [0, 1])
@pytest.mark.parametrize("how", WAYS)
def test_one_bad_node_beside_a_good_one_changes_no_answer(
    anvil: Anvil, receipt: dict[str, Any], stack: ExitStack, how: How, bad: int
) -> None:
    ways = Ways(anvil, stack, 2, agree=1, short=[bad] if how in SLOW else [])
    ways.nodes[bad].misbehave(how)
    asked = ("eth_getTransactionReceipt", [receipt["transactionHash"]])
    assert ways.rpc.call(asked[0], *asked[1]) == receipt
    assert ways.rpc.batch([asked, ("eth_chainId", [])]) == [receipt, hex(CHAIN_ID)]
    assert bool(ways.rpc.health()[bad].last_error) is (bad == 0), "the second is not asked while the first answers"


@pytest.mark.parametrize("how", WAYS)
def test_when_two_must_agree_one_is_not_enough(
    anvil: Anvil, receipt: dict[str, Any], stack: ExitStack, how: How
) -> None:
    ways = Ways(anvil, stack, 2, short=[1] if how in SLOW else [])
    ways.nodes[1].misbehave(how)
    with pytest.raises(LedgerUnreachable, match="1 of the 2 nodes that must agree"):
        ways.rpc.call("eth_getTransactionReceipt", receipt["transactionHash"])


@pytest.mark.parametrize("how", QUICK_WAYS)
def test_a_node_that_mends_its_ways_counts_again(
    anvil: Anvil, receipt: dict[str, Any], stack: ExitStack, how: How
) -> None:
    ways = Ways(anvil, stack, 2)
    for node in ways.nodes:
        node.misbehave(how)
    with pytest.raises(LedgerError) as caught:
        ways.chain.final_block()
    assert isinstance(caught.value, LedgerUnreachable | LedgerContradicts)
    assert all(node.url in caught.value.message for node in ways.nodes)
    assert caught.value.hint
    for node in ways.nodes:
        node.honest()
    ways.rested()
    assert ways.rpc.call("eth_getTransactionReceipt", receipt["transactionHash"]) == receipt


def test_a_node_that_takes_a_transaction_and_hangs_is_passed_over(anvil: Anvil, stack: ExitStack) -> None:
    ways = Ways(anvil, stack, 2, short=[0])
    ways.nodes[0].misbehave("hang", methods=["eth_sendRawTransaction"])
    (answer,) = ways.chain.send_raw([b"\x02\xc0"])
    assert answer is not None
    assert answer.code != 0  # the second node's own words about these bytes
    assert "eth_sendRawTransaction" in ways.nodes[1].asked


# Lies of every shape

PALETTE: list[Any] = [
    None, True, 0, -1, 7, 0.5, "", "0x", "0x0", "0x1", "0x00", "0xzz", "0x" + "11" * 32, "0x" + "11" * 20, "latest",
    "\x1b[2J", "x" * 1_000, [], {}, [None], [[]], {"a": 1},
]  # fmt: skip


def spoil(value: Any, dice: random.Random) -> Any:
    """Returns a copy in which one thing is another, is gone, or is there twice."""
    spoilt = copy.deepcopy(value)
    if not isinstance(spoilt, dict | list) or not spoilt or dice.random() < 0.05:
        return dice.choice(PALETTE)
    place = dice.choice(list(spoilt) if isinstance(spoilt, dict) else range(len(spoilt)))
    action = dice.random()
    if action < 0.15:
        del spoilt[place]
    elif action < 0.25 and isinstance(spoilt, list):
        spoilt.append(copy.deepcopy(spoilt[place]))
    elif isinstance(spoilt[place], dict | list) and spoilt[place] and action < 0.8:
        spoilt[place] = spoil(spoilt[place], dice)
    else:
        spoilt[place] = dice.choice(PALETTE)
    return spoilt


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize("seed", range(4))
def test_no_spoilt_answer_is_believed(
    anvil: Anvil, receipt: dict[str, Any], stack: ExitStack, liar: int, seed: int
) -> None:
    dice = random.Random(seed)
    ways = Ways(anvil, stack, 2)
    height, contract = int(receipt["blockNumber"], 16), bytes.fromhex(receipt["contractAddress"][2:])
    transaction = bytes.fromhex(receipt["transactionHash"][2:])
    asked = {
        "eth_getTransactionReceipt": lambda: ways.chain.receipt(transaction),
        "eth_getBlockByNumber": lambda: ways.chain.block(height),
        "eth_getLogs": lambda: ways.chain.events(0, height, [contract]),
    }
    truth = {method: _told(ask()) for method, ask in asked.items()}
    assert truth["eth_getLogs"] == [parse_event(event) for event in receipt["logs"]]
    # What is left out weighs most, so it is tried of each name at once.
    for name in receipt:
        ways.nodes[liar].lie("eth_getTransactionReceipt", lambda found, params, name=name: _without(found, name))
        try:
            assert _told(ways.chain.receipt(transaction)) == truth["eth_getTransactionReceipt"]
        except LedgerContradicts:
            pass
    ways.nodes[liar].lie("eth_getTransactionReceipt", lambda found, params: spoil(found, dice))
    ways.nodes[liar].lie("eth_getLogs", lambda found, params: spoil(found, dice))
    ways.nodes[liar].lie(
        "eth_getBlockByNumber", lambda found, params: found if params[0] == "finalized" else spoil(found, dice)
    )
    outcomes = set()
    for _ in range(100):
        method = dice.choice(list(asked))
        try:
            assert _told(asked[method]()) == truth[method]
            outcomes.add("truth")  # what was spoilt is read by nobody
        except LedgerError as error:
            assert error.message.isprintable()
            outcomes.add(type(error).__name__)
        ways.rested()
    assert outcomes == {"truth", "LedgerContradicts"}


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def _told(answer: Any) -> Any:
    """Returns what an answer says, without the node's own bytes."""
    if isinstance(answer, list):
        return answer
    parse = parse_receipt if hasattr(answer, "is_success") else parse_block
    told = parse(answer.raw)
    return {name: getattr(told, name) for name in type(told).__slots__ if name != "raw"}


def test_a_spoilt_chain_id_is_another_chain_or_nonsense(anvil: Anvil, stack: ExitStack) -> None:
    ways = Ways(anvil, stack, 1)
    for wrong in PALETTE:
        ways.nodes[0].lie("eth_chainId", wrong)
        ways.rested()
        with pytest.raises(LedgerError):
            ways.rpc.call("eth_gasPrice")


# No false alarms


@pytest.mark.parametrize("seed", range(3))
def test_nodes_that_lag_by_turns_raise_no_alarm(anvil: Anvil, stack: ExitStack, seed: int) -> None:
    dice = random.Random(seed)
    ways = Ways(anvil, stack, 2)
    sender, hashes = anvil.call("eth_accounts")[0], []
    outcomes = set()
    for _ in range(2):
        anvil.call("evm_mine")  # whoever is furthest behind has the first block, whichever test came before
    for _ in range(120):
        if dice.random() < 0.3:
            hashes.append(anvil.call("eth_sendTransaction", {"from": sender, "data": EMITS}))
            anvil.call("evm_mine")
        if dice.random() < 0.1:
            anvil.call("anvil_reorg", 1, [])  # never below what is final
        for node in ways.nodes:
            node.behind = dice.choice([0, 0, 1, 2])
        try:
            outcomes.add(_consistent(ways, anvil, dice, hashes))
        except LedgerUnreachable as error:
            assert "have not settled" in error.message or "not seen" in error.message
            outcomes.add("unsettled")
        assert [each.last_error for each in ways.rpc.health()] == ["", ""]
    assert {"same", "not yet"} <= outcomes


def _consistent(ways: Ways, anvil: Anvil, dice: random.Random, hashes: list[str]) -> str:
    """Asks something, and compares it with what the chain itself says now."""
    what = dice.randrange(4)
    if what == 0 and hashes:
        found, truth = (rpc.call("eth_getTransactionReceipt", hashes[-1]) for rpc in (ways.rpc, anvil))
        if found is None:
            return "not yet"
        assert found == truth
    elif what == 1:
        assert int(ways.rpc.call("eth_blockNumber"), 16) <= int(anvil.call("eth_blockNumber"), 16)
    elif what == 2:
        final = ways.chain.final_block()
        assert anvil.call("eth_getBlockByNumber", hex(final.number), False)["hash"] == "0x" + final.hash.hex()
    else:
        height = anvil.call("eth_blockNumber")
        found = ways.rpc.call("eth_getLogs", {"fromBlock": "0x0", "toBlock": height})
        assert found == anvil.call("eth_getLogs", {"fromBlock": "0x0", "toBlock": height})
    return "same"
