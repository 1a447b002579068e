"""State of the market beside the truth: purchases under way, sources of what is sold, known keys, jobs, budgets.

It lies in market/market.db. What was sold is read from the ledger again, so of a lost file only what was bought and
not fetched yet is missing: the numbers that its keys were made from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import MetaData

from counterfoil.errors import LogUnavailable
from counterfoil.store.state_file import StateFile

__all__ = ["MarketState", "metadata"]

STATE_FILE: Final = "market.db"

metadata: Final = MetaData()
"""Every part of the market adds its tables here."""


class MarketState(StateFile):
    """The market's state in one home; see `StateFile`.

    Args:
        folder: The market's folder in the home; made when missing.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise LogUnavailable(f"no folder can be made for the market: {error.strerror}") from error
        super().__init__(folder / STATE_FILE, metadata)
