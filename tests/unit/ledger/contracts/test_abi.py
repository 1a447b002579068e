"""Whether the contract at an address is the one this version knows, deployed with the values expected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from eth_abi.abi import encode
from small_ledger import CHAIN_ID, Clock, Purse, init_code

from counterfoil.core.keccak import keccak256
from counterfoil.errors import LedgerContradicts, NotFound
from counterfoil.ledger.contracts.abi import ContractAbi
from counterfoil.ledger.contracts.artefact import Artefact
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.rpc.hexadecimal import data

ABI = ContractAbi("Market")
MARKET = Artefact.load("Market")
HINT = "put one there"
ASSETS, OTHER = b"\xaa" * 20, b"\xbb" * 20


@dataclass
class Place:
    """A ledger on which a test puts contracts."""

    ledger: EmbeddedLedger
    purse: Purse = field(default_factory=Purse)

    @property
    def chain(self) -> Chain:
        return Chain.connect(self.ledger)

    def put(self, code: bytes) -> bytes:
        (sent,) = self.ledger.send([self.purse.sign(0, None, code, gas=6_000_000)])
        receipt = self.ledger.call("eth_getTransactionReceipt", data(sent))
        assert receipt["status"] == "0x1"
        return bytes.fromhex(receipt["contractAddress"][2:])

    def market(self, assets: bytes = ASSETS) -> bytes:
        return self.put(MARKET.bytecode + encode(["address"], [assets]))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with EmbeddedLedger.create(tmp_path / "ledger", chain_id=CHAIN_ID, funded=Purse().funded, now=Clock()) as made:
        yield Place(made)


def test_a_contract_is_genuine_with_the_values_it_was_deployed_with(place: Place) -> None:
    market = place.market()

    ABI.require_genuine(place.chain, market, hint=HINT, immutables={"ASSETS": ASSETS})
    code, words = MARKET.parted(place.chain.code(market))
    assert keccak256(code) == MARKET.runtime_code_hash
    assert dict(words) == {"ASSETS": bytes(12) + ASSETS}


def test_another_value_is_told(place: Place) -> None:
    market = place.market(OTHER)
    with pytest.raises(LedgerContradicts, match=f"0x{bytes(12).hex()}{OTHER.hex()} for ASSETS, and 0x{ASSETS.hex()}"):
        ABI.require_genuine(place.chain, market, hint=HINT, immutables={"ASSETS": ASSETS})


def test_another_code_with_the_right_value_is_another_contract(place: Place) -> None:
    code = place.chain.code(place.market())
    changed = bytes([*code[:-33], code[-33] ^ 1]) + code[-32:]
    for wrong in (changed, code[-32:], code + bytes(32), b"\x01"):
        address = place.put(init_code(wrong))
        with pytest.raises(LedgerContradicts, match="is not the Market contract of this version"):
            ABI.require_genuine(place.chain, address, hint=HINT, immutables={"ASSETS": ASSETS})


def test_where_nothing_is_the_hint_says_what_to_do(place: Place) -> None:
    with pytest.raises(NotFound, match="there is no contract at") as caught:
        ABI.require_genuine(place.chain, OTHER, hint=HINT, immutables={"ASSETS": ASSETS})
    assert caught.value.hint == HINT


@pytest.mark.parametrize("named", [{}, {"OWNER": ASSETS}, {"ASSETS": ASSETS, "OWNER": ASSETS}])
def test_the_values_are_those_that_the_contract_fixes(place: Place, named: dict[str, bytes]) -> None:
    market = place.market()
    with pytest.raises(ValueError, match=r"Market fixes \['ASSETS'\], not"):
        ABI.require_genuine(place.chain, market, hint=HINT, immutables=named)


def test_a_contract_without_such_values_needs_none(place: Place) -> None:
    evidence = Artefact.load("Evidence")
    address = place.put(evidence.bytecode)
    ContractAbi("Evidence").require_genuine(place.chain, address, hint=HINT)
    assert evidence.parted(place.chain.code(address)) == (place.chain.code(address), {})
