"""What the tests of the Evidence contract share. titanoboa undoes after each test what it changed."""

from __future__ import annotations

from typing import Any

import pytest
from contract.evidence.harness import deploy, load, open_log


@pytest.fixture(scope="module")
def evidence() -> Any:
    """The contract, empty."""
    return deploy()


@pytest.fixture
def log_id(evidence: Any) -> bytes:
    """A log that was opened and holds no head."""
    return open_log(evidence)


@pytest.fixture
def wallet() -> Any:
    """A contract that signs by ERC-1271."""
    return load("Wallet")
