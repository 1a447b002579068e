"""One seller and one buyer for all tests of selling and buying that need a ledger; each sells something of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from making_market import Stall, market

from counterfoil.market.state import MarketState


@pytest.fixture(scope="session")
def fair_stall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stall]:
    with market(tmp_path_factory.mktemp("stall")) as made:
        yield made


@pytest.fixture(scope="module")
def stall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stall]:
    """One for a module that moves clocks or breaks things."""
    with market(tmp_path_factory.mktemp("market")) as made:
        yield made


@pytest.fixture
def state(tmp_path: Path) -> Iterator[MarketState]:
    made = MarketState(tmp_path / "market")
    yield made
    made.close()


@pytest.fixture
def scans(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "scans.csv"
    path.write_text(f"person,dose\n{request.node.nodeid},1\n")
    return path


@pytest.fixture
def doses(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "doses.csv"
    lines = [f"{request.node.name[5:25]}-{each},{each % 7}" for each in range(100)]
    path.write_text("person,dose\n" + "\n".join(lines) + "\n")
    return path
