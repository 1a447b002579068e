from __future__ import annotations

from collections.abc import Iterator

import pytest
from making_market import Stall, market


@pytest.fixture(scope="package")
def stall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stall]:
    with market(tmp_path_factory.mktemp("contributions")) as made:
        yield made


@pytest.fixture(autouse=True)
def decided(request: pytest.FixtureRequest) -> Iterator[None]:
    """Declines what a test leaves undecided: a key may have five proposals at a time."""
    yield
    if "stall" in request.fixturenames:
        contributions = request.getfixturevalue("stall").seller.market.contributions
        for held in contributions.registry.all(active=True):
            if held.state != "accepting":
                contributions.taking.decline(held.signed.digest_hex)
