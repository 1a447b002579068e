"""The market's state file."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.errors import HomeDamaged
from counterfoil.market.state import PROMISED, STATE_FILE, MarketState


def test_a_state_that_is_missing_beside_promises_is_not_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "market"
    made = MarketState(folder)
    made.close()
    secret = made.secret
    (folder / PROMISED).mkdir(parents=True)
    again = MarketState(folder)
    assert again.secret == secret
    again.close()
    for path in folder.glob(f"{STATE_FILE}*"):
        path.unlink()
    with pytest.raises(HomeDamaged, match="it has the keys of what was promised"):
        MarketState(folder)
    assert not (folder / STATE_FILE).exists()
