"""Receipt and promise files read back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from making import BankLog, time_at

from counterfoil.core import canonical
from counterfoil.core.merkle import leaf_hash
from counterfoil.core.receipt import MAX_RECEIPT_BYTES, Receipt, parse_receipt
from counterfoil.core.statement import Draft
from counterfoil.errors import MalformedEvidence

BANK = BankLog().fill(5)


@pytest.mark.parametrize("pointers", [None, [], ["/input/age"], ["/reasons", "/output/label"]])
def test_receipts_read_back(pointers: list[str] | None) -> None:
    receipt = BANK.receipt(3, pointers=pointers)
    assert parse_receipt(receipt.encode()) == receipt
    assert canonical.dumps(canonical.loads(receipt.encode())) == receipt.encode()
    assert receipt.leaf == leaf_hash(BANK.entries[3])
    dated = replace(receipt, anchor_by=time_at(5))
    assert parse_receipt(dated.encode()) == dated


def test_promises_read_back() -> None:
    promise = BANK.promise(2, time_at(60))
    assert parse_receipt(promise.encode()) == promise
    assert promise.leaf == leaf_hash(BANK.entries[2])


def test_a_record_without_private_fields() -> None:
    log = BankLog()
    log.append(Draft("model", "models", "m", about={"rows": 5}))
    shown = replace(BANK.shown(0, []), entry=log.entries[0], schema=None)
    receipt = Receipt(replace(shown, disclosure=replace(shown.disclosure, proof=())), 0, (), log.checkpoint())
    assert parse_receipt(receipt.encode()) == receipt


def test_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(MalformedEvidence, match="too large"):
        parse_receipt(b"[" * (MAX_RECEIPT_BYTES + 1))
