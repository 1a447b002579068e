"""Sending transactions: what is taken, in which order, at what price, and that it stays."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from small_ledger import CHAIN_ID, FUNDS_WEI, GWEI, START_S, Clock, Contracts, Purse, words

from counterfoil.core.keccak import keccak256
from counterfoil.errors import InvalidInput, LogUnavailable, NotSetUp
from counterfoil.ledger.embedded.block import BLOCK_GAS_LIMIT
from counterfoil.ledger.embedded.ledger import CHAIN_IDS, EmbeddedLedger
from counterfoil.ledger.rpc.hexadecimal import data, quantity
from counterfoil.ledger.rpc.rpc import RpcError

SHOP = b"\x77" * 20
BURN = b"\xfe"
"""Creation code that uses up its gas at once."""


def balance(ledger: EmbeddedLedger, address: bytes, which: object = "latest") -> int:
    return int(ledger.call("eth_getBalance", data(address), which), 16)


def nonce(ledger: EmbeddedLedger, address: bytes, which: object = "latest") -> int:
    return int(ledger.call("eth_getTransactionCount", data(address), which), 16)


def refusal_of(ledger: EmbeddedLedger, raw: bytes) -> str:
    with pytest.raises(RpcError) as caught:
        ledger.send([raw])
    assert caught.value.code == -32000
    return caught.value.message


def test_a_new_ledger_has_a_chain_of_its_own(tmp_path: Path) -> None:
    with EmbeddedLedger.create(tmp_path / "a") as a, EmbeddedLedger.create(tmp_path / "b") as b:
        assert a.chain_id in CHAIN_IDS
        assert a.chain_id != b.chain_id
        assert a.head.number == 0
        assert a.call("eth_chainId") == quantity(a.chain_id)
        assert a.call("net_version") == str(a.chain_id)
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "a" / "ledger.db").stat().st_mode & 0o777 == 0o600


def test_a_transfer_moves_money_and_costs_its_fee(ledger: EmbeddedLedger, purse: Purse) -> None:
    me = purse.address(0)
    (made,) = ledger.send([purse.sign(value=5, gas=21_000, tip=3)])
    receipt = ledger.call("eth_getTransactionReceipt", data(made))
    price = int(receipt["effectiveGasPrice"], 16)
    assert price == 875_000_000 + 3  # an eighth below the first block's gwei, and the tip
    assert balance(ledger, SHOP) == 5
    assert balance(ledger, me) == FUNDS_WEI - 5 - 21_000 * price
    assert balance(ledger, bytes(20)) == 21_000 * 3
    assert nonce(ledger, me) == nonce(ledger, me, "pending") == 1
    assert (receipt["status"], receipt["gasUsed"], receipt["logs"]) == ("0x1", "0x5208", [])


def test_the_state_of_every_block_stays_known(ledger: EmbeddedLedger, purse: Purse, contracts: Contracts) -> None:
    first = ledger.head.number
    for number in range(1, 6):
        ledger.send([purse.sign(0, contracts.store, words(number, 0), value=number)])
    for number in range(6):
        assert contracts.slot(0, quantity(first + number)) == number
        assert balance(ledger, contracts.store, quantity(first + number)) == sum(range(number + 1))
        assert nonce(ledger, purse.address(0), quantity(first + number)) == number
    assert contracts.call(contracts.store, words(9, 9), quantity(first + 2)) == data(words(2))
    assert contracts.slot(9) == 0
    assert balance(ledger, purse.address(0), "earliest") == FUNDS_WEI


def test_all_that_is_sent_together_is_one_block(ledger: EmbeddedLedger, purse: Purse) -> None:
    hashes = ledger.send([purse.sign(who % 4, value=1) for who in range(40)])
    assert ledger.head.number == 1
    block = ledger.call("eth_getBlockByNumber", "0x1", False)
    assert block["transactions"] == [data(each) for each in hashes]
    assert balance(ledger, SHOP) == 40


def test_more_than_a_block_holds_goes_into_the_next(ledger: EmbeddedLedger, purse: Purse) -> None:
    ledger.send([purse.sign(0, None, BURN, gas=BLOCK_GAS_LIMIT // 2) for _ in range(5)])
    counts = [ledger.call("eth_getBlockTransactionCountByNumber", quantity(number)) for number in range(5)]
    assert counts == ["0x0", "0x2", "0x2", "0x1", None]
    assert ledger.check() == 4


def test_own_transactions_are_put_in_order(ledger: EmbeddedLedger, purse: Purse) -> None:
    raws = [purse.sign(nonce=number) for number in (2, 0, 3, 1)]
    hashes = ledger.send(raws)
    block = ledger.call("eth_getBlockByNumber", "latest", True)
    assert [int(each["nonce"], 16) for each in block["transactions"]] == [0, 1, 2, 3]
    assert hashes == [keccak256(raw) for raw in raws]


def test_what_cannot_run_now_is_refused_in_a_nodes_words(ledger: EmbeddedLedger, purse: Purse) -> None:
    good = purse.sign()
    ledger.send([good])
    cases = {
        "already known": good,
        "nonce too low: next nonce 1, tx nonce 0": purse.sign(nonce=0, value=1),
        "nonce too high: next nonce 1, tx nonce 2": purse.sign(nonce=2),
        "max fee per gas less than block base fee": purse.sign(nonce=1, max_fee=1),
        "insufficient funds for gas * price + value": purse.sign(nonce=1, value=FUNDS_WEI),
        "intrinsic gas too low": purse.sign(nonce=1, gas=20_999),
        "insufficient gas for floor data gas cost": purse.sign(nonce=1, calldata=b"\1" * 100, gas=21_000 + 3_999),
        "exceeds block gas limit": purse.sign(nonce=1, gas=BLOCK_GAS_LIMIT + 1),
        "max priority fee per gas higher than max fee per gas": purse.sign(nonce=1, tip=10**11),
        f"invalid chain id for signer: have 1 want {CHAIN_ID}": purse.sign(nonce=1, chain_id=1),
        "max initcode size exceeded": purse.sign(nonce=1, to=None, calldata=bytes(49_153)),
        "nonce has max value": purse.sign(nonce=2**64 - 1),
    }
    for words_, raw in cases.items():
        assert refusal_of(ledger, raw).startswith(words_)
    assert ledger.head.number == 1
    stranger = Purse(accounts=[type(purse.accounts[0])(b"\x99" * 32)])
    assert refusal_of(ledger, stranger.sign()).startswith("insufficient funds")


def test_one_that_is_refused_does_not_hold_up_the_others(ledger: EmbeddedLedger, purse: Purse) -> None:
    raws = [purse.sign(0), purse.sign(1, nonce=7), b"\x02nonsense", purse.sign(2)]
    outcomes = ledger.batch([("eth_sendRawTransaction", [data(raw)]) for raw in raws])
    assert [isinstance(each, RpcError) for each in outcomes] == [False, True, True, False]
    block = ledger.call("eth_getBlockByNumber", "0x1", False)
    assert block["transactions"] == [outcomes[0], outcomes[3]]


def test_the_same_transaction_twice_is_mined_once(ledger: EmbeddedLedger, purse: Purse) -> None:
    raw = purse.sign(value=3)
    first, second = ledger.batch([("eth_sendRawTransaction", [data(raw)])] * 2)
    assert first == data(keccak256(raw))
    assert second.message == "already known"
    assert refusal_of(ledger, raw) == "already known"
    assert balance(ledger, SHOP) == 3


def test_a_batch_keeps_the_order_of_calls(ledger: EmbeddedLedger, purse: Purse) -> None:
    sends = [("eth_sendRawTransaction", [data(purse.sign())]) for _ in range(3)]
    answers = ledger.batch(
        [
            ("eth_blockNumber", []),
            *sends[:2],
            ("eth_blockNumber", []),
            ("no_such", []),
            sends[2],
            ("eth_blockNumber", []),
        ]
    )
    assert (answers[0], answers[3], answers[6]) == ("0x0", "0x1", "0x2")
    assert answers[4].code == -32601


def test_a_failed_transaction_pays_and_changes_nothing_else(
    ledger: EmbeddedLedger, purse: Purse, contracts: Contracts
) -> None:
    (made,) = ledger.send([purse.sign(0, contracts.refuse, b"no", value=4)])
    receipt = ledger.call("eth_getTransactionReceipt", data(made))
    assert receipt["status"] == "0x0"
    assert balance(ledger, contracts.refuse) == 0
    paid = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    assert balance(ledger, purse.address(0)) == FUNDS_WEI - paid
    (made,) = ledger.send([purse.sign(0, contracts.store, words(1, 1), gas=30_000)])
    receipt = ledger.call("eth_getTransactionReceipt", data(made))
    assert (receipt["status"], receipt["gasUsed"]) == ("0x0", quantity(30_000))


def test_the_base_fee_follows_how_full_blocks_are(ledger: EmbeddedLedger, purse: Purse) -> None:
    for _ in range(2):
        ledger.send([purse.sign(0, None, BURN, gas=9_000_000), purse.sign(1, None, BURN, gas=27_000_000)])
    full = [int(ledger.call("eth_getBlockByNumber", quantity(n), False)["baseFeePerGas"], 16) for n in (1, 2)]
    assert full == [875_000_000, 875_000_000 * 9 // 8]
    assert int(ledger.call("eth_gasPrice"), 16) == full[1] + full[1] // 8
    ledger.send([purse.sign(gas=21_000)])
    used = 21_000 / (BLOCK_GAS_LIMIT // 2)
    expected = int(full[1] * 9 / 8 * (1 - (1 - used) / 8))
    assert abs(int(ledger.call("eth_gasPrice"), 16) - expected) < GWEI / 1_000_000


def test_time_never_runs_backwards_and_may_stand_still(ledger: EmbeddedLedger, purse: Purse, clock: Clock) -> None:
    times = []
    for time_s in (START_S + 0.9, START_S + 5, START_S - 1_000, START_S + 5):
        clock.time_s = time_s
        ledger.send([purse.sign()])
        times.append(int(ledger.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16))
    assert times == [START_S, START_S + 5, START_S + 5, START_S + 5]
    assert ledger.check() == 5


def test_many_threads_send_at_once(ledger: EmbeddedLedger, purse: Purse) -> None:
    raws = [[purse.sign(who, value=1) for _ in range(25)] for who in range(4)]
    failed: list[Exception] = []

    def run(own: list[bytes]) -> None:
        try:
            for raw in own:
                assert ledger.call("eth_sendRawTransaction", data(raw)) == data(keccak256(raw))
                assert ledger.call("eth_getTransactionReceipt", data(keccak256(raw)))["status"] == "0x1"
        except (RpcError, AssertionError) as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(own,)) for own in raws]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert balance(ledger, SHOP) == 100
    assert ledger.head.number <= 100
    ledger.check()


def test_it_comes_back_as_it_was(folder: Path, purse: Purse, clock: Clock) -> None:
    with EmbeddedLedger.create(folder, chain_id=CHAIN_ID, funded=purse.funded, now=clock) as ledger:
        contracts = Contracts.deploy(ledger, purse)
        ledger.send([purse.sign(0, contracts.store, words(7, 0))])
        ledger.send([purse.sign(1, contracts.tell, words(1, 2))])
        asked = [("eth_getBlockByNumber", (quantity(number), True)) for number in range(4)]
        asked += [
            ("eth_getLogs", ({"fromBlock": "0x0"},)),
            ("eth_getProof", (data(contracts.store), ["0x0"], "latest")),
        ]
        before = [ledger.call(method, *params) for method, params in asked]
    with EmbeddedLedger.open(folder, now=clock) as ledger:
        assert [ledger.call(method, *params) for method, params in asked] == before
        assert ledger.chain_id == CHAIN_ID
        ledger.send([purse.sign(0, contracts.store, words(8, 0))])
        assert Contracts(ledger, contracts.store, b"", b"").slot(0) == 8
        assert ledger.check() == 5


def test_what_cannot_be_created_or_opened(folder: Path, ledger: EmbeddedLedger, tmp_path: Path) -> None:
    ledger.close()
    with pytest.raises(InvalidInput, match="there is a ledger already"):
        EmbeddedLedger.create(folder)
    for chain_id in (0, -1, 2**53):
        with pytest.raises(InvalidInput, match="cannot be a chain's id"):
            EmbeddedLedger.create(tmp_path / "new", chain_id=chain_id)
    with pytest.raises(InvalidInput, match="20 bytes"):
        EmbeddedLedger.create(tmp_path / "new", funded={b"short": 1})
    assert not (tmp_path / "new").exists()
    for missing in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(NotSetUp, match="there is no ledger"):
            EmbeddedLedger.open(missing)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["ledger"]


def test_a_closed_ledger_says_so(ledger: EmbeddedLedger, purse: Purse) -> None:
    ledger.close()
    ledger.close()
    with pytest.raises(LogUnavailable, match="closed"):
        ledger.call("eth_getBalance", data(SHOP), "latest")
    with pytest.raises(LogUnavailable, match="closed"):
        ledger.send([purse.sign()])


def test_sending_nothing_makes_no_block(ledger: EmbeddedLedger) -> None:
    assert ledger.send([]) == []
    assert ledger.batch([]) == []
    assert ledger.head.number == 0
