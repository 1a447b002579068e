"""The embedded ledger and anvil, another EVM, do the same with the same transactions under Prague's rules.

Compared are the status, gas, fee and events of every transaction, the roots of the
blocks' transactions and receipts, base fees, contracts' storage roots, and what calls
return or refuse with. Left out is what two chains cannot have in common: the times and
hashes of blocks, and so the root of all accounts.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from anvil import Anvil, needs_anvil
from eth_abi.abi import decode, encode
from eth_account import Account

from counterfoil.core.keccak import keccak256
from counterfoil.core.merkle import consistency_path, leaf_hash, root_of
from counterfoil.core.rlp import decode as decode_rlp
from counterfoil.core.trie_proof import proven_value
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.accounts.transaction import Transaction
from counterfoil.ledger.anchors.evidence import Evidence, artefact, log_id_of
from counterfoil.ledger.assets.contract import AssetsContract, asset_id
from counterfoil.ledger.assets.contract import artefact as assets_artefact
from counterfoil.ledger.embedded.block import BLOCK_GAS_LIMIT
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.hexadecimal import data, quantity
from counterfoil.ledger.rpc.rpc import RpcError

pytestmark = needs_anvil

CHAIN_ID = 31_337
FUNDS_WEI = 10**22
GWEI = 10**9
SECOND_BASE_FEE_WEI = 875_000_000
"""An eighth less than the first block's, which was empty. Anvil is told, because it would not begin to count there."""

EMPTY_PROOF = ["0x80"]
"""What anvil gives for a tree without keys, where others give no nodes."""

RECEIPT = ("status", "gasUsed", "cumulativeGasUsed", "contractAddress", "effectiveGasPrice", "transactionIndex")
RECEIPT += ("transactionHash", "blockNumber", "from", "to", "type", "logsBloom")
LOG = ("address", "topics", "data", "logIndex", "transactionIndex", "blockNumber")
BLOCK = (
    "number",
    "gasUsed",
    "gasLimit",
    "baseFeePerGas",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "transactions",
)
TRANSACTION = ("hash", "type", "nonce", "from", "to", "value", "gas", "gasPrice", "input", "v", "r", "s", "chainId")


@dataclass
class Both:
    """Two ledgers that are sent the same."""

    anvil: Anvil
    embedded: EmbeddedLedger
    accounts: list[LocalAccount]
    nonces: dict[bytes, int] = field(default_factory=dict)

    def sign(self, who: int, to: bytes | None, calldata: bytes = b"", gas: int = 1_000_000, value: int = 0) -> bytes:
        """Returns the next transaction of an account."""
        account = self.accounts[who]
        nonce = self.nonces.get(account.address, 0)
        self.nonces[account.address] = nonce + 1
        return account.sign(Transaction(CHAIN_ID, nonce, to, calldata, gas, 10 * GWEI, GWEI, value)).raw

    def send(self, raws: Sequence[bytes]) -> list[dict[str, Any]]:
        """Sends transactions to both, in one block, and compares all that became of them; returns the receipts."""
        calls = [("eth_sendRawTransaction", [data(raw)]) for raw in raws]
        hashes = self.anvil.batch(calls)
        self.anvil.call("evm_mine")
        assert self.embedded.batch(calls) == hashes
        receipts = [self.of_both("eth_getTransactionReceipt", one) for one in hashes]
        for raw, (theirs, ours) in zip(raws, receipts, strict=True):
            self._same(theirs, ours, RECEIPT, raw)
            assert [{name: log[name] for name in LOG} for log in theirs["logs"]] == [
                {name: log[name] for name in LOG} for log in ours["logs"]
            ]
            assert set(ours) <= set(theirs) | {"blockTimestamp"}
        self._same(*self.of_both("eth_getBlockByNumber", "latest", False), BLOCK)
        self._same(*self.of_both("eth_getTransactionByHash", hashes[0]), TRANSACTION)
        return [ours for _, ours in receipts]

    def call(self, to: bytes | None, calldata: bytes, gas: int = 1_000_000) -> tuple[bool, str]:
        """Returns whether a call succeeds in both and what it returns, after comparing that."""
        request = {"data": data(calldata), "from": data(self.accounts[0].address), "gas": quantity(gas)}
        request |= {} if to is None else {"to": data(to)}
        found = []
        for node in self.nodes:
            try:
                found.append((True, node.call("eth_call", request, "latest")))
            except RpcError as error:
                found.append((False, data(error.data)))
        assert found[0] == found[1], calldata.hex()
        return found[1]

    def same_storage(self, address: bytes, slots: Sequence[int] = (), *, zeros: bool = False) -> None:
        """Compares a contract's storage, code, balance and nonce.

        Args:
            address: Of the contract.
            slots: Compared one by one as well, with their proofs.
            zeros: Whether slots were set to zero. Anvil 1.7.1 then leaves them in the tree, so that its root is
                none that a chain would have; only the values are compared, and our proofs with our root.
        """
        theirs, ours = self.of_both("eth_getProof", data(address), [data(words(slot)) for slot in slots], "latest")
        self._same(theirs, ours, ("codeHash", "balance", "nonce") + (() if zeros else ("storageHash",)))
        root = bytes.fromhex(ours["storageHash"][2:])
        for slot, one, other in zip(slots, theirs["storageProof"], ours["storageProof"], strict=True):
            assert one["value"] == other["value"]
            assert zeros or one["proof"] in (other["proof"], EMPTY_PROOF)
            nodes = [bytes.fromhex(node[2:]) for node in other["proof"]]
            proven = proven_value(root, keccak256(words(slot)), nodes)
            assert (quantity(int.from_bytes(parse_value(proven), "big"))) == other["value"]

    @property
    def nodes(self) -> tuple[Anvil, EmbeddedLedger]:
        return self.anvil, self.embedded

    def of_both(self, method: str, *params: Any) -> list[Any]:
        return [node.call(method, *params) for node in self.nodes]

    @staticmethod
    def _same(theirs: dict[str, Any], ours: dict[str, Any], names: Sequence[str], of: bytes = b"") -> None:
        assert {name: ours[name] for name in names} == {name: theirs[name] for name in names}, of.hex()


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    options = ["--no-mining", "--order", "fifo", "--gas-limit", str(BLOCK_GAS_LIMIT)]
    options += ["--block-base-fee-per-gas", str(SECOND_BASE_FEE_WEI)]
    with Anvil(chain_id=CHAIN_ID, options=options) as anvil:
        accounts = [LocalAccount(key) for key in anvil.keys]
        funded = {account.address: FUNDS_WEI for account in accounts}
        with EmbeddedLedger.create(tmp_path, chain_id=CHAIN_ID, funded=funded) as embedded:
            yield Both(anvil, embedded, accounts)
            embedded.check()


def asm(text: str) -> bytes:
    """Assembles: opcodes by name, and hexadecimal numbers that are pushed."""
    code = b""
    for word in text.split():
        if word in OPCODES:
            code += bytes([OPCODES[word]])
        else:
            pushed = bytes.fromhex(word)
            code += bytes([0x5F + len(pushed)]) + pushed
    return code


OPCODES = {
    "STOP": 0x00, "ADD": 0x01, "SHA3": 0x20, "CALLER": 0x33, "CALLVALUE": 0x34, "CALLDATALOAD": 0x35,
    "CALLDATASIZE": 0x36, "CALLDATACOPY": 0x37, "CODECOPY": 0x39, "RETURNDATASIZE": 0x3D, "RETURNDATACOPY": 0x3E,
    "POP": 0x50, "MLOAD": 0x51, "MSTORE": 0x52, "SLOAD": 0x54, "SSTORE": 0x55, "JUMP": 0x56, "JUMPI": 0x57,
    "GAS": 0x5A, "JUMPDEST": 0x5B, "TLOAD": 0x5C, "TSTORE": 0x5D, "MCOPY": 0x5E, "PUSH0": 0x5F, "DUP1": 0x80,
    "LOG0": 0xA0, "LOG2": 0xA2, "LOG4": 0xA4, "CREATE": 0xF0, "CALL": 0xF1, "RETURN": 0xF3, "DELEGATECALL": 0xF4,
    "CREATE2": 0xF5, "STATICCALL": 0xFA, "REVERT": 0xFD, "INVALID": 0xFE, "SELFDESTRUCT": 0xFF,
}  # fmt: skip


def init_code(runtime: bytes) -> bytes:
    """Returns creation code that deploys `runtime`."""
    head = asm(f"{len(runtime):04x} DUP1 000b PUSH0 CODECOPY PUSH0 RETURN")
    assert len(head) == 11
    return head + runtime


STORE = asm("PUSH0 CALLDATALOAD 20 CALLDATALOAD SSTORE STOP")
"""Stores the first word of calldata at the slot that the second names."""

REFUSE = asm("CALLDATASIZE PUSH0 PUSH0 CALLDATACOPY CALLDATASIZE PUSH0 REVERT")
"""Reverts with its calldata."""

TELL = asm("CALLDATASIZE PUSH0 PUSH0 CALLDATACOPY 07 CALLER CALLDATASIZE PUSH0 LOG2 01 02 03 04 PUSH0 PUSH0 LOG4 STOP")
"""Tells its calldata, and an event without any."""

MAKE = asm("CALLDATASIZE PUSH0 PUSH0 CALLDATACOPY 2a CALLDATASIZE PUSH0 CALLVALUE CREATE2 PUSH0 MSTORE 20 PUSH0 RETURN")
"""Makes a contract of its calldata at a place that it chooses."""

PASS = asm(
    "CALLDATASIZE PUSH0 PUSH0 CALLDATACOPY PUSH0 PUSH0 20 CALLDATASIZE ADD PUSH0 PUSH0 PUSH0 CALLDATALOAD GAS CALL"
    " PUSH0 SSTORE RETURNDATASIZE PUSH0 PUSH0 RETURNDATACOPY RETURNDATASIZE 01 SSTORE"
    " RETURNDATASIZE PUSH0 SHA3 02 SSTORE STOP"
)
"""Calls the address in its first word with its calldata, and stores what came of it."""

TRANSIENT = asm("01 TLOAD 01 ADD DUP1 01 TSTORE PUSH0 SSTORE STOP")
"""Counts in a memory that each transaction begins anew."""

END = asm("CALLER SELFDESTRUCT")


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in numbers)


def parse_value(leaf: bytes | None) -> bytes:
    """Returns what a slot holds by the leaf of its tree."""
    value = decode_rlp(leaf) if leaf else b""
    assert isinstance(value, bytes)
    return value


def deploy(both: Both, *runtimes: bytes) -> list[bytes]:
    """Deploys contracts in one block and returns their addresses."""
    receipts = both.send([both.sign(0, None, init_code(runtime)) for runtime in runtimes])
    return [bytes.fromhex(receipt["contractAddress"][2:]) for receipt in receipts]


def test_transfers_and_contracts_of_every_kind(both: Both) -> None:
    me, other = both.accounts[0].address, both.accounts[1].address
    both.send([both.sign(0, other, value=5, gas=21_000)])
    both.send([both.sign(who, bytes([who]) * 20, b"\0\1" * who, value=who) for who in range(10)])
    store, refuse, tell, make, call, transient, end = contracts = deploy(
        both, STORE, REFUSE, TELL, MAKE, PASS, TRANSIENT, END
    )
    both.send([both.sign(1, store, words(value, slot)) for value, slot in [(7, 1), (8, 2), (9, 2**200), (7, 1)]])
    both.same_storage(store, [1, 2, 2**200])
    both.send([both.sign(1, store, words(0, 1)), both.sign(2, store, words(0, 5)), both.sign(3, store, words(1, 2))])
    both.same_storage(store, [1, 2, 5, 2**200], zeros=True)
    statuses = [each["status"] for each in both.send([both.sign(0, refuse, b"because"), both.sign(0, refuse)])]
    assert statuses == ["0x0", "0x0"]
    both.send([both.sign(0, tell, b"x" * 100), both.sign(1, tell), both.sign(0, tell, gas=21_900)])
    both.send([both.sign(0, store, words(2**255, 77), gas=21_600 + 22_000)])  # out of gas
    made = both.send([both.sign(0, make, init_code(STORE)), both.sign(0, make, init_code(STORE))])
    assert [each["status"] for each in made] == ["0x1", "0x1"]  # the second finds the place taken and returns zero
    place = keccak256(b"\xff" + make + words(42) + keccak256(init_code(STORE)))[12:]
    both.same_storage(place)
    both.send([both.sign(0, transient), both.sign(0, transient)])
    both.send([both.sign(2, end, value=9), both.sign(2, None, asm("CALLER SELFDESTRUCT"), value=3)])
    both.send([both.sign(2, call, words(int.from_bytes(each, "big")) + words(3, 4)) for each in contracts])
    both.send([both.sign(2, call, words(number) + b"\1" * 100, gas=2_000_000) for number in range(1, 18)])
    for contract in contracts:
        both.same_storage(contract, range(6), zeros=contract in (store, call))
    for account in (me, other, bytes(20), bytes([9]) * 20):
        both.same_storage(account)


def test_creations_that_fail_and_init_code_of_every_size(both: Both) -> None:
    big = 24_577  # a byte more than a contract may have
    programs = [
        asm("PUSH0 PUSH0 REVERT"),
        asm("INVALID"),
        asm("ef PUSH0 MSTORE 01 1f RETURN"),  # code that begins with 0xef
        asm(f"{big:06x} PUSH0 RETURN"),
        asm(f"{big - 1:06x} PUSH0 RETURN"),
        bytes(49_152),
        b"\1" * 3_000,
    ]
    both.send([both.sign(0, None, program, gas=6_000_000, value=1 if len(program) < 9 else 0) for program in programs])


def test_gas_at_the_edges(both: Both) -> None:
    """The floor for calldata (EIP-7623), with and without a refund; gas that is just enough and just not."""
    store, tell = deploy(both, STORE, TELL)
    both.send([both.sign(0, store, words(1, slot)) for slot in range(8)])
    padding = b"\1" * 2_000
    both.send([both.sign(0, store, words(0, 0) + padding), both.sign(0, store, words(0, 1) + padding[:100])])
    both.send([both.sign(0, tell, padding, gas=21_000 + 40 * 2_000), both.sign(0, store, words(0, 3), gas=26_200)])
    enough = 21_000 + 2_900 + 2_100 + 4 * 64 + 3 * 12 + 2 * 12
    both.send([both.sign(0, store, words(5, 4), gas=enough + more) for more in range(-20, 20, 4)])
    both.same_storage(store, range(8), zeros=True)


def test_other_types_of_transactions(both: Both) -> None:
    (store,) = deploy(both, STORE)
    signer = Account.from_key(both.accounts[5].secret)
    shared = {"to": store, "value": 0, "gas": 200_000, "chainId": CHAIN_ID, "data": words(6, 1)}
    accessed = [{"address": store, "storageKeys": ["0x" + words(1).hex(), "0x" + words(9).hex()]}]
    dicts: list[dict[str, Any]] = [
        shared | {"nonce": 0, "gasPrice": 3 * GWEI},
        shared | {"nonce": 1, "gasPrice": 3 * GWEI, "accessList": accessed, "data": words(7, 1)},
        shared | {"nonce": 2, "maxFeePerGas": GWEI, "maxPriorityFeePerGas": GWEI, "accessList": accessed},
        {"nonce": 3, "gasPrice": 2 * GWEI, "gas": 100_000, "data": init_code(STORE), "value": 0, "chainId": CHAIN_ID},
    ]
    raws = [bytes(signer.sign_transaction(each).raw_transaction) for each in dicts]
    receipts = both.send(raws)
    assert [receipt["type"] for receipt in receipts] == ["0x0", "0x1", "0x2", "0x0"]
    for receipt in receipts:
        ours, theirs = both.of_both("eth_getTransactionByHash", receipt["transactionHash"])
        assert ours.get("accessList") == theirs.get("accessList")


def test_built_in_functions_answer_the_same(both: Both) -> None:
    digest = keccak256(b"message")
    signature = both.accounts[0].sign_digest(digest)
    signed = digest + words(signature[64]) + signature[:64]
    assert both.call(bytes(19) + b"\1", signed) == (True, data(bytes(12) + both.accounts[0].address))
    for inputs in (signed[:-1] + b"\0", signed[:100], b"", words(0, 29, 1, 1)):
        both.call(bytes(19) + b"\1", inputs)
    for number in range(2, 18):
        for inputs in (b"", b"abc", bytes(96), bytes(128), words(1, 1, 1) + b"\2\3\5", words(1, 2) * 2, bytes(213)):
            both.call(number.to_bytes(20, "big"), inputs)


def test_calls_return_and_refuse_the_same(both: Both) -> None:
    store, refuse, make = deploy(both, STORE, REFUSE, MAKE)
    reason = bytes.fromhex("08c379a0") + encode(("string",), ("not like this",))
    assert both.call(refuse, reason) == (False, data(reason))
    assert both.call(refuse, b"") == (False, "0x")
    assert both.call(store, words(1, 1)) == (True, "0x")
    assert both.call(None, asm("2a PUSH0 MSTORE 20 PUSH0 RETURN")) == (True, data(words(42)))
    assert both.call(make, init_code(STORE))[0]
    assert both.call(store, words(1, 1), gas=30_000) == (False, "0x")
    ours, theirs = both.of_both(
        "eth_estimateGas", {"to": data(store), "data": data(words(1, 1)), "from": data(bytes(20))}
    )
    assert abs(int(ours, 16) - int(theirs, 16)) <= 0.02 * int(ours, 16)


def test_the_evidence_contract_does_the_same(both: Both) -> None:
    account, leaves = both.accounts[0], [leaf_hash(b"%d" % number) for number in range(300)]
    me, log_id = account.address, log_id_of(account.address, "bank.example/credit")
    contract = both.send([both.sign(0, None, artefact().bytecode, gas=5_000_000)])[0]["contractAddress"]
    evidence = bytes.fromhex(contract[2:])
    both.send([both.sign(0, evidence, Evidence.open("bank.example/credit", b"\5" * 32, me, me))])
    sizes = [1, 2, 3, 7, 64, 65, 200, 300]

    def root(size: int) -> bytes:
        return root_of(leaves[:size])

    def path(old: int, new: int) -> list[bytes]:
        return consistency_path(old, new, lambda start, end: root_of(leaves[start:end])) if old else []

    heads = [(0, 1), *pairwise(sizes)]
    anchors = [Evidence.anchor(log_id, new, root(new), path(old, new)) for old, new in heads]
    statuses = [each["status"] for each in both.send([both.sign(0, evidence, each) for each in anchors])]
    assert set(statuses) == {"0x1"}
    wrong = Evidence.anchor(log_id, 301, root(299), path(200, 300))
    stranger = Evidence.anchor(log_id, 300, root(300), ())
    refused = both.send([both.sign(0, evidence, wrong), both.sign(1, evidence, stranger)])
    assert [each["status"] for each in refused] == ["0x0", "0x0"]
    both.send([both.sign(1, evidence, Evidence.keep(log_id, 64, root(64), path(64, 300)))])
    both.send([both.sign(2, evidence, Evidence.note(log_id, 5, b"\7" * 32))])
    roots = [b"\1" * 32, b"\2" * 32]
    asked = [
        artefact().selector("hash_head") + encode(("bytes32", "uint256", "bytes32"), (log_id, 9, r)) for r in roots
    ]
    digests = [decode(("bytes32",), bytes.fromhex(both.call(evidence, each)[1][2:]))[0] for each in asked]
    signed = [(root, account.sign_digest(digest)) for root, digest in zip(roots, digests, strict=True)]
    assert both.send([both.sign(3, evidence, Evidence.judge(log_id, 9, me, signed))])[0]["status"] == "0x1"
    both.same_storage(evidence, range(16))
    for calldata in (
        wrong,
        stranger,
        artefact().selector("head") + log_id,
        artefact().selector("equivocated") + log_id,
    ):
        both.call(evidence, calldata)
    found = both.of_both("eth_getLogs", {"address": data(evidence), "fromBlock": "0x0", "topics": [None, data(log_id)]})
    for theirs, ours in zip(*found, strict=True):
        assert {name: theirs[name] for name in LOG} == {name: ours[name] for name in LOG}
    assert len(found[1]) >= len(sizes) + 4


def test_the_assets_contract_does_the_same(both: Both) -> None:
    accounts = [account.address for account in both.accounts]
    contract = both.send([both.sign(0, None, assets_artefact().bytecode, gas=5_000_000)])[0]["contractAddress"]
    assets = bytes.fromhex(contract[2:])
    manifests = [keccak256(b"%d" % number) for number in range(6)]
    ids = [asset_id(accounts[0], manifest) for manifest in manifests]

    def status(who: int, calldata: bytes) -> str:
        return str(both.send([both.sign(who, assets, calldata)])[0]["status"])

    uris = ["", "https://bank.example/1", "u" * 64, "u" * 65, "u" * 128]
    registrations = [
        AssetsContract.register(1 + place, manifests[place], uri, 250 * place, ids[:place])
        for place, uri in enumerate(uris)
    ]
    statuses = [each["status"] for each in both.send([both.sign(0, assets, each) for each in registrations])]
    assert statuses == ["0x1"] * 5
    refused = [
        (0, registrations[0]),
        (0, AssetsContract.register(0, manifests[5], "", 0, ())),
        (0, AssetsContract.register(1, manifests[5], "", 1_001, ())),
        (0, AssetsContract.register(1, manifests[5], "", 0, (ids[5],))),
        (1, AssetsContract.publish(ids[0], manifests[5], "")),
        (0, AssetsContract.set_state(ids[0], 4)),
        (1, AssetsContract.transfer(accounts[0], accounts[1], ids[0])),
        (0, AssetsContract.transfer(accounts[0], assets, ids[0])),
    ]
    assert [status(who, calldata) for who, calldata in refused] == ["0x0"] * len(refused)
    changes = [
        (1, registrations[0]),  # by somebody else it is another asset
        (0, AssetsContract.publish(ids[0], manifests[5], "u" * 40)),
        (0, AssetsContract.publish(ids[4], manifests[5], "")),
        (0, AssetsContract.set_uri(ids[1], "u" * 33)),
        (0, AssetsContract.set_state(ids[2], 3)),
        (0, AssetsContract.transfer(accounts[0], accounts[2], ids[3])),
        (2, AssetsContract.transfer(accounts[2], accounts[3], ids[3])),
        (3, AssetsContract.set_state(ids[3], 2)),
    ]
    assert [status(who, calldata) for who, calldata in changes[:6]] == ["0x1"] * 6
    both.same_storage(assets, range(8))
    assert [status(who, calldata) for who, calldata in changes[6:]] == ["0x1"] * 2  # account 2 owns nothing any more
    owners = [int.from_bytes(accounts[who], "big") for who in (0, 0, 0, 3, 0)]
    for asset, owner in zip(ids, owners, strict=False):
        slot = int.from_bytes(keccak256(words(assets_artefact().slots["erc721._words"], asset)), "big")
        both.same_storage(assets, [slot], zeros=True)
        for function in ("asset", "manifest", "tokenURI"):
            assert both.call(assets, assets_artefact().selector(function) + words(asset))[0]
        assert both.call(assets, assets_artefact().selector("ownerOf") + words(asset)) == (True, data(words(owner)))
        both.call(assets, assets_artefact().selector("royaltyInfo") + words(asset, 2**256 - 1))
    for who, calldata in refused:
        if who == 0:
            assert not both.call(assets, calldata)[0]
    found = both.of_both("eth_getLogs", {"address": data(assets), "fromBlock": "0x0"})
    for theirs, ours in zip(*found, strict=True):
        assert {name: theirs[name] for name in LOG} == {name: ours[name] for name in LOG}
    assert len(found[1]) > 30


# Pops and pushes of what random programs are made of. Left out: what two chains cannot have in common.
ARITHMETIC = {0x01: 2, 0x02: 2, 0x03: 2, 0x04: 2, 0x05: 2, 0x06: 2, 0x07: 2, 0x08: 3, 0x09: 3, 0x0A: 2, 0x0B: 2}
COMPARISON = dict.fromkeys(range(16, 30), 2) | {0x15: 1, 0x19: 1}
ENVIRONMENT = dict.fromkeys((48, 50, 51, 52, 54, 56, 58, 61, 67, 70, 71, 72, 88, 89, 90), 0)
READING = {0x20: 2, 0x31: 1, 0x35: 1, 0x3B: 1, 0x3F: 1, 0x51: 1, 0x54: 1, 0x5C: 1}
PUSHING = ARITHMETIC | COMPARISON | ENVIRONMENT | READING | {0xF0: 3, 0xF1: 7, 0xF2: 7, 0xF4: 6, 0xF5: 4, 0xFA: 6}
SILENT = {0x37: 3, 0x39: 3, 0x3C: 4, 0x3E: 3, 0x50: 1, 0x52: 2, 0x53: 2, 0x55: 2, 0x5D: 2, 0x5E: 3}
SILENT |= {0xA0 + topics: 2 + topics for topics in range(5)}
PRICES = {0x3A, 0x48}
"""What gas costs: nothing in a call that names no price, as geth has it, and not in anvil."""

ENDING = {0x00: 0, 0xF3: 2, 0xFD: 2, 0xFE: 0, 0xFF: 1, 0x56: 1}


def random_program(chance: random.Random, steps: int, leave_out: Collection[int] = ()) -> bytes:
    """Returns a program that keeps its stack in order, mostly."""
    code, depth = b"", 0
    for _ in range(steps):
        if depth < chance.randrange(1, 9):
            pushed = chance.choice([bytes([chance.randrange(40)])] * 4 + [chance.randbytes(32), chance.randbytes(2)])
            code, depth = code + bytes([0x5F + len(pushed)]) + pushed, depth + 1
            continue
        if chance.random() < 0.15:
            place = chance.randrange(min(depth, 16))
            op = chance.choice([0x80, 0x90]) + place
            code, depth = code + bytes([op]), depth + (1 if op < 0x90 else 0)
            continue
        if chance.random() < 0.1:  # over a few bytes, or not
            code += (
                bytes([0x61])
                + (len(code) + 6).to_bytes(2, "big")
                + bytes([0x57, chance.choice([0x5B, 0xFE]), 0x5B, 0x5B])
            )
            depth -= 1
            continue
        table = chance.choice([PUSHING, PUSHING, SILENT, ENDING if chance.random() < 0.1 else SILENT])
        op = chance.choice([each for each in table if each not in leave_out])
        code, depth = code + bytes([op]), max(depth - table[op], 0) + (table is PUSHING)
    return code


@pytest.mark.parametrize("seed", range(3))
def test_random_programs_do_the_same(both: Both, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(10):
        raws = []
        for who in range(20):
            gas = chance.choice([70_000, 150_000, 500_000])
            raws.append(
                both.sign(who % 10, None, random_program(chance, chance.randrange(5, 120)), gas, chance.choice([0, 7]))
            )
        receipts = both.send(raws)
        for receipt in receipts:
            both.same_storage(bytes.fromhex(receipt["contractAddress"][2:]), range(4), zeros=True)
    for _ in range(150):
        both.call(None, random_program(chance, chance.randrange(5, 200), leave_out=PRICES))
