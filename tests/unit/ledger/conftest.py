from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from organisations import Clock, copy_home, open_home

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
