from __future__ import annotations

from collections.abc import Iterator

import pytest
from making_market import Stall, market


@pytest.fixture(scope="package")
def stall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stall]:
    with market(tmp_path_factory.mktemp("contributions")) as made:
        yield made
