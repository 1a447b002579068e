"""State of the market beside the truth: purchases under way, sources of what is sold, known keys, jobs, budgets.

It lies in market/market.db. What was sold is read from the ledger again, so of a lost file only what was bought and
not fetched yet is missing: the numbers that its keys were made from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import MetaData

from counterfoil.errors import HomeDamaged, LogUnavailable
from counterfoil.store.state_file import StateFile

__all__ = ["MarketState", "metadata"]

STATE_FILE: Final = "market.db"

PROMISED: Final = "deliveries/orders"
"""Below the market's folder: what was promised for each order; see `delivery.deliveries`."""

metadata: Final = MetaData()
"""Every part of the market adds its tables here."""


class MarketState(StateFile):
    """The market's state in one home; see `StateFile`.

    Args:
        folder: The market's folder in the home; made when missing.

    Raises:
        HomeDamaged: The file is gone, and with it the keys of what was promised for orders.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise LogUnavailable(f"no folder can be made for the market: {error.strerror}") from error
        if not (folder / STATE_FILE).exists() and (folder / PROMISED).exists():
            raise HomeDamaged(
                f"{STATE_FILE} is missing: it has the keys of what was promised for orders, and of purchases",
                hint=f"restore it from a backup; to begin anew without it, delete the market's folder {PROMISED}",
            )
        super().__init__(folder / STATE_FILE, metadata)
