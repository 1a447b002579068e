"""web3.py uses the ledger as it uses any node: deploys, sends, waits, reads, and hears why a contract refused."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from small_ledger import Contracts, Purse, words
from web3 import Web3
from web3.exceptions import BlockNotFound, ContractLogicError, TransactionNotFound, Web3RPCError
from web3.logs import DISCARD

from counterfoil.ledger.contracts.artefact import Artefact
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.embedded.provider import EmbeddedProvider


@pytest.fixture
def w3(ledger: EmbeddedLedger) -> Web3:
    return Web3(EmbeddedProvider(ledger))


def transact(w3: Web3, account: Any, call: Any) -> Any:
    """Builds, signs and sends as web3.py's users do, and returns the receipt."""
    nonce = w3.eth.get_transaction_count(account.address)
    built = call.build_transaction({"from": account.address, "nonce": nonce})
    sent = w3.eth.send_raw_transaction(account.sign_transaction(built).raw_transaction)
    return w3.eth.wait_for_transaction_receipt(sent)


def test_the_evidence_contract_through_web3(w3: Web3, purse: Purse, ledger: EmbeddedLedger) -> None:
    account = Account.from_key(purse.accounts[0].secret)
    artefact = Artefact.load("Evidence")
    factory = w3.eth.contract(abi=list(artefact.abi), bytecode=artefact.bytecode)
    receipt = transact(w3, account, factory.constructor())
    contract = w3.eth.contract(receipt["contractAddress"], abi=list(artefact.abi))
    opening = contract.functions.open("bank.example/credit", b"\5" * 32, account.address, account.address)
    opened = transact(w3, account, opening)
    (event,) = contract.events.Opened().process_receipt(opened, DISCARD)
    log_id = event["args"]["log_id"]
    assert event["args"]["origin"] == "bank.example/credit"
    assert contract.functions.owner(log_id).call() == account.address
    transact(w3, account, contract.functions.anchor(log_id, 1, b"\1" * 32, []))
    assert contract.functions.head(log_id).call()[:2] == [1, b"\1" * 32]
    assert contract.functions.head(log_id).call(block_identifier=2)[0] == 0
    with pytest.raises(ContractLogicError, match="execution reverted"):
        contract.functions.anchor(log_id, 2, b"\2" * 32, [b"\3" * 32] * 3).call({"from": account.address})
    with pytest.raises(ContractLogicError):
        contract.functions.anchor(log_id, 2, b"\2" * 32, []).build_transaction({"from": account.address})
    (anchored,) = contract.events.Anchored().get_logs(from_block=0)
    assert (anchored["args"]["size"], anchored["blockNumber"]) == (1, 3)
    proof = w3.eth.get_proof(contract.address, [0], "latest")
    assert proof["codeHash"] == artefact.runtime_code_hash
    assert w3.eth.get_block(3, full_transactions=True)["transactions"][0]["from"] == account.address
    assert ledger.check() == 4


def test_what_web3_asks_by_itself(w3: Web3, purse: Purse) -> None:
    assert w3.is_connected()
    assert w3.is_connected(show_traceback=True)
    assert w3.client_version.startswith("counterfoil/")
    assert w3.eth.chain_id == w3.eth.chain_id
    assert w3.eth.gas_price > 0
    assert w3.eth.max_priority_fee == 0
    assert w3.eth.fee_history(1, "latest", [50])["oldestBlock"] == 0
    assert w3.eth.get_balance(Web3.to_checksum_address(purse.address(0))) > 0
    with pytest.raises(BlockNotFound):
        w3.eth.get_block(99)
    with pytest.raises(TransactionNotFound):
        w3.eth.get_transaction(b"\1" * 32)
    with pytest.raises(Web3RPCError, match="intrinsic gas too low"):
        w3.eth.send_raw_transaction(purse.sign(gas=1))


def test_batches(w3: Web3, ledger: EmbeddedLedger, purse: Purse, contracts: Contracts) -> None:
    with w3.batch_requests() as batch:
        batch.add(w3.eth.get_block("latest"))
        batch.add(w3.eth.get_balance(Web3.to_checksum_address(purse.address(0))))
        block, balance = batch.execute()
    assert block["number"] == ledger.head.number
    assert balance > 0
    refused = {"to": Web3.to_checksum_address(contracts.refuse), "data": words(1)}
    with pytest.raises(ContractLogicError):
        w3.eth.call(refused)
