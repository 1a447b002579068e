from __future__ import annotations

from collections.abc import Iterator

import pytest
from lying_node import LyingNode
from organisations import Clock, copy_home, open_home
from two_traders import Fair, joined


@pytest.fixture(scope="module")
def fair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fair]:
    clock = Clock()
    with open_home(copy_home(tmp_path_factory.mktemp("seller")), clock) as seller:
        seller.ledger.connect()
        with (
            LyingNode(seller.ledger.opened.chain.rpc) as node,
            joined(tmp_path_factory.mktemp("buyer"), seller, node, clock) as buyer,
        ):
            yield Fair(seller, buyer, node, clock)
