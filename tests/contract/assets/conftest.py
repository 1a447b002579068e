"""What the tests of the Assets contract share. titanoboa undoes after each test what it changed."""

from __future__ import annotations

from typing import Any

import pytest
from contract.assets.harness import deploy, register


@pytest.fixture(scope="module")
def assets() -> Any:
    """The contract, empty."""
    return deploy()


@pytest.fixture
def asset(assets: Any) -> int:
    """An asset of OWNER."""
    return register(assets)
