"""A ledger with four funded accounts and three contracts, its clock in the test's hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_ledger import CHAIN_ID, Clock, Contracts, Purse

from counterfoil.ledger.embedded.ledger import EmbeddedLedger


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def purse() -> Purse:
    return Purse()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
def ledger(folder: Path, purse: Purse, clock: Clock) -> Iterator[EmbeddedLedger]:
    with EmbeddedLedger.create(folder, chain_id=CHAIN_ID, funded=purse.funded, now=clock) as made:
        yield made


@pytest.fixture
def contracts(ledger: EmbeddedLedger, purse: Purse) -> Contracts:
    return Contracts.deploy(ledger, purse)
