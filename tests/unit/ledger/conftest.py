from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from lying_node import LyingNode
from organisations import Clock, copy_home, open_home

from counterfoil.ledger.connecting import Wanted
from counterfoil.ledger.connection import Connection
from counterfoil.ledger.treasury import create_ledger
from counterfoil.organisation import Organisation


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return copy_home(tmp_path)


@pytest.fixture
def org(home: Path, clock: Clock) -> Iterator[Organisation]:
    """A home that is not connected yet."""
    with open_home(home, clock) as opened:
        yield opened


@pytest.fixture
def node(org: Organisation, clock: Clock, tmp_path: Path) -> Iterator[LyingNode]:
    """The node of a ledger outside of the home, which can pay there and is not connected yet."""
    account = org.ledger.joining.accounts.create().address
    assert account is not None
    with create_ledger(tmp_path / "shared", [account], now=clock) as ledger, LyingNode(ledger) as made:
        yield made


@pytest.fixture
def by_node(node: LyingNode) -> Wanted:
    """What connects the home to that ledger."""
    return Wanted(Connection.draft(rpc=(node.url,)))


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What is remarked of the ledger, whatever else listens."""
    said: list[str] = []

    class Hearing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    hearing, logger = Hearing(), logging.getLogger("counterfoil.ledger")
    logger.addHandler(hearing)
    yield said
    logger.removeHandler(hearing)
