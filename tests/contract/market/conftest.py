"""What the tests of the Market contract share. titanoboa undoes after each test what it changed."""

from __future__ import annotations

from typing import Any

import pytest
from contract.market.harness import Bench, load


@pytest.fixture(scope="module")
def _made() -> Bench:
    return Bench()


@pytest.fixture
def bench(_made: Bench) -> Bench:
    """A market with one asset, and buyers."""
    return _made


@pytest.fixture
def coin(bench: Bench) -> Any:
    """A token without decimals that can be told to behave badly."""
    return load("Coin", 0)
