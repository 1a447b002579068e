"""What the ledger answers: blocks, state, proofs, fees; and how it refuses what it cannot read."""

from __future__ import annotations

from typing import Any

import pytest
from small_ledger import FUNDS_WEI, Contracts, Purse, words

from counterfoil.core.block_header import BlockHeader
from counterfoil.core.keccak import keccak256
from counterfoil.core.rlp import decode, encode
from counterfoil.core.trie_proof import EMPTY_TRIE, proven_value
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.embedded.methods import MAX_PROVEN_SLOTS
from counterfoil.ledger.rpc.answers import parse_block, parse_receipt
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.rpc.hexadecimal import data, quantity
from counterfoil.ledger.rpc.rpc import RpcError

NOBODY = b"\x55" * 20


def code_of(ledger: EmbeddedLedger, method: str, *params: Any) -> int:
    with pytest.raises(RpcError) as caught:
        ledger.call(method, *params)
    return caught.value.code


def raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def test_plain_answers(ledger: EmbeddedLedger) -> None:
    assert ledger.call("eth_blockNumber") == "0x0"
    assert ledger.call("eth_syncing") is False
    assert ledger.call("eth_accounts") == []
    assert ledger.call("net_listening") is True
    assert ledger.call("eth_maxPriorityFeePerGas") == "0x0"
    assert ledger.call("eth_gasPrice") == quantity(875_000_000)
    assert ledger.call("web3_clientVersion").startswith("counterfoil/")


def test_there_are_no_other_methods(ledger: EmbeddedLedger) -> None:
    for method in (
        "evm_mine",
        "anvil_reorg",
        "debug_traceTransaction",
        "eth_sendTransaction",
        "personal_sign",
        "",
        "x" * 999,
    ):
        assert code_of(ledger, method) == -32601


def test_a_block_is_found_by_every_name(ledger: EmbeddedLedger, purse: Purse) -> None:
    ledger.send([purse.sign()])
    ledger.send([purse.sign()])
    newest = ledger.call("eth_getBlockByNumber", "latest", False)
    for name in ("pending", "safe", "finalized", "0x2"):
        assert ledger.call("eth_getBlockByNumber", name, False) == newest
    assert ledger.call("eth_getBlockByHash", newest["hash"], False) == newest
    assert ledger.call("eth_getBlockByNumber", "earliest", False)["number"] == "0x0"
    for missing in ("0x3", quantity(2**63), quantity(2**255)):
        assert ledger.call("eth_getBlockByNumber", missing, False) is None
    assert ledger.call("eth_getBlockByHash", data(b"\1" * 32), False) is None
    for which in ({"blockHash": newest["hash"]}, {"blockNumber": "0x2"}, newest["hash"], "0x2", None):
        assert ledger.call("eth_getTransactionCount", data(purse.address(0)), which) == "0x2"
    for which in ("0x3", data(b"\1" * 32), {"blockHash": data(b"\1" * 32)}):
        assert code_of(ledger, "eth_getBalance", data(NOBODY), which) == -32001
    for which in ("newest", 2, {}, {"blockHash": newest["hash"], "blockNumber": "0x2"}, "0x02", "0X2", "2", [], True):
        assert code_of(ledger, "eth_getBalance", data(NOBODY), which) == -32602


def test_a_header_is_the_one_that_its_hash_names(ledger: EmbeddedLedger, purse: Purse, contracts: Contracts) -> None:
    ledger.send([purse.sign(0, contracts.tell, words(1, 2)), purse.sign(1)])
    block = ledger.call("eth_getBlockByNumber", "latest", True)
    names = [
        "parentHash",
        "sha3Uncles",
        "miner",
        "stateRoot",
        "transactionsRoot",
        "receiptsRoot",
        "logsBloom",
        "difficulty",
        "number",
        "gasLimit",
        "gasUsed",
        "timestamp",
        "extraData",
        "mixHash",
        "nonce",
        "baseFeePerGas",
        "withdrawalsRoot",
        "blobGasUsed",
        "excessBlobGas",
        "parentBeaconBlockRoot",
        "requestsHash",
    ]
    numbers = [
        "difficulty",
        "number",
        "gasLimit",
        "gasUsed",
        "timestamp",
        "baseFeePerGas",
        "blobGasUsed",
        "excessBlobGas",
    ]
    header = encode([int(block[name], 16) if name in numbers else raw(block[name]) for name in names])
    assert keccak256(header) == raw(block["hash"])
    assert BlockHeader.parse(header).number == int(block["number"], 16)
    assert parse_block(block).transactions == tuple(raw(each["hash"]) for each in block["transactions"])


def test_receipts_of_a_block_add_up(ledger: EmbeddedLedger, purse: Purse, contracts: Contracts) -> None:
    calls = [words(1, 2), words(3, 4), words(5, 6)]
    hashes = ledger.send([purse.sign(number, contracts.tell, each) for number, each in enumerate(calls)])
    receipts = ledger.call("eth_getBlockReceipts", "latest")
    assert receipts == [ledger.call("eth_getTransactionReceipt", data(each)) for each in hashes]
    assert [log["logIndex"] for each in receipts for log in each["logs"]] == ["0x0", "0x1", "0x2"]
    so_far = 0
    for place, receipt in enumerate(receipts):
        parsed = parse_receipt(receipt)
        so_far += parsed.gas_used
        assert (parsed.index, int(receipt["cumulativeGasUsed"], 16)) == (place, so_far)
        assert parsed.events[0].topics == (bytes(12) + purse.address(place), calls[place][32:], calls[place][:32])
    assert ledger.call("eth_getTransactionByBlockNumberAndIndex", "latest", "0x1")["hash"] == data(hashes[1])
    assert ledger.call("eth_getTransactionByBlockNumberAndIndex", "latest", "0x3") is None
    assert ledger.call("eth_getTransactionReceipt", data(b"\1" * 32)) is None
    assert ledger.call("eth_getTransactionByHash", data(b"\1" * 32)) is None
    assert ledger.call("eth_getBlockReceipts", "0x99") is None


def test_proofs_hold_for_what_is_there_and_what_is_not(
    ledger: EmbeddedLedger, purse: Purse, contracts: Contracts
) -> None:
    slots = list(range(40))
    ledger.send([purse.sign(0, contracts.store, words(number + 1, number)) for number in slots])
    ledger.send([purse.sign(0, contracts.store, words(0, number)) for number in slots[::2]])
    for which, present in (("0x1", []), ("0x2", slots), ("0x3", slots[1::2])):
        root = raw(ledger.call("eth_getBlockByNumber", which, False)["stateRoot"])
        asked = [quantity(slot) for slot in [*slots, 2**255]]
        proof = ledger.call("eth_getProof", data(contracts.store), asked, which)
        account = proven_value(root, keccak256(contracts.store), [raw(node) for node in proof["accountProof"]])
        assert account is not None
        fields = decode(account)
        assert fields == [b"\1", b"", raw(proof["storageHash"]), raw(proof["codeHash"])]
        found = []
        for slot, each in zip([*slots, 2**255], proof["storageProof"], strict=True):
            nodes = [raw(node) for node in each["proof"]]
            value = proven_value(raw(proof["storageHash"]), keccak256(words(slot)), nodes)
            assert value == (encode(int(each["value"], 16)) if int(each["value"], 16) else None)
            assert each["key"] == quantity(slot)
            found += [slot] if value else []
        assert found == present


def test_nobodys_account_is_proven_to_be_none(ledger: EmbeddedLedger) -> None:
    proof = ledger.call("eth_getProof", data(NOBODY), ["0x0"], "latest")
    root = raw(ledger.call("eth_getBlockByNumber", "latest", False)["stateRoot"])
    assert proven_value(root, keccak256(NOBODY), [raw(node) for node in proof["accountProof"]]) is None
    assert (proof["balance"], proof["nonce"], raw(proof["storageHash"])) == ("0x0", "0x0", EMPTY_TRIE)
    assert proof["storageProof"] == [{"key": "0x0", "value": "0x0", "proof": []}]


def test_fee_history(ledger: EmbeddedLedger, purse: Purse) -> None:
    ledger.send([purse.sign(0, tip=5), purse.sign(1, tip=1), purse.sign(2, tip=3)])
    ledger.send([purse.sign(0, tip=2)])
    history = ledger.call("eth_feeHistory", "0x5", "latest", [0, 50, 100])
    assert history["oldestBlock"] == "0x0"
    assert [int(each, 16) for each in history["baseFeePerGas"]][:2] == [10**9, 875_000_000]
    assert len(history["baseFeePerGas"]) == len(history["gasUsedRatio"]) + 1 == 4
    assert history["reward"] == [["0x0"] * 3, ["0x1", "0x3", "0x5"], ["0x2"] * 3]
    assert ledger.call("eth_feeHistory", 1, "0x1", None)["oldestBlock"] == "0x1"
    assert ledger.call("eth_feeHistory", "0x0", "latest", [])["baseFeePerGas"] == []
    for shares in ([50, 1], [101], "all", ["1"], [True], [0.5] * 101):
        assert code_of(ledger, "eth_feeHistory", "0x1", "latest", shares) == -32602


def test_what_cannot_be_read_is_refused(ledger: EmbeddedLedger) -> None:
    ok = data(NOBODY)
    for method, params in [
        ("eth_getBalance", ()),
        ("eth_getBalance", ("0x12",)),
        ("eth_getBalance", (NOBODY.hex(),)),
        ("eth_getBalance", (7,)),
        ("eth_getStorageAt", (ok,)),
        ("eth_getStorageAt", (ok, "0x" + "1" * 65)),
        ("eth_getStorageAt", (ok, "0xg")),
        ("eth_getProof", (ok, "0x0", "latest")),
        ("eth_getProof", (ok, ["0x0"] * (MAX_PROVEN_SLOTS + 1), "latest")),
        ("eth_getBlockByNumber", ("latest", "yes")),
        ("eth_getBlockByNumber", ()),
        ("eth_getTransactionByHash", ("0x1234",)),
        ("eth_sendRawTransaction", ()),
        ("eth_sendRawTransaction", ("0xzz",)),
        ("eth_sendRawTransaction", (12,)),
        ("eth_sendRawTransaction", ("0x", "0x")),
        ("eth_chainId", (1,)),
        ("eth_call", ({}, "latest", {ok: {"balance": "0x1"}})),
        ("eth_call", ()),
        ("eth_call", ("0x",)),
        ("eth_feeHistory", ("many", "latest")),
        ("eth_feeHistory", (-1, "latest")),
    ]:
        assert code_of(ledger, method, *params) == -32602, (method, params)


def test_the_typed_client_reads_every_answer(ledger: EmbeddedLedger, purse: Purse, contracts: Contracts) -> None:
    chain = Chain.connect(ledger, chain_id=ledger.chain_id)
    (made,) = ledger.send([purse.sign(0, contracts.tell, words(1, 2))])
    receipt = chain.receipt(made)
    assert receipt is not None
    block = chain.require_block(receipt.block_hash)
    assert chain.final_block() == block == chain.require_block("latest")
    assert chain.events(0, block.number, [contracts.tell]) == list(receipt.events)
    assert chain.balance_wei(purse.address(0), block.hash) == FUNDS_WEI - receipt.fee_wei
    assert chain.nonce(purse.address(0), block.number) == 1
    assert chain.code(contracts.tell)
    assert chain.offered().max_wei > 0
    assert chain.block(2**40) is None
    assert chain.block(b"\1" * 32) is None
    assert chain.send_raw([purse.sign(0), b"\2nonsense"])[0] is None
