"""Contributions of one home: what it opened to others, what it took over, and what it proposed to others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from counterfoil.market.contributions.accepting import Accepting
from counterfoil.market.contributions.proposing import Proposing
from counterfoil.market.contributions.registry import Registry
from counterfoil.market.contributions.taking import Taking
from counterfoil.market.contributions.told import Told
from counterfoil.market.selling.selling import Selling
from counterfoil.market.sheets.sheet import SignedSheet
from counterfoil.market.sheets.shelf import Shelf
from counterfoil.market.state import MarketState
from counterfoil.provenance import Provenance
from counterfoil.provenance.snapshots.addresses import Reach
from counterfoil.store.archive import Archive
from counterfoil.store.recorder import Recorder
from counterfoil.store.views import Views

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.market.offer import Offer

__all__ = ["Contributions"]


class Contributions:
    """Both sides of contributing. Safe to use from several threads.

    Args:
        folder: The market's folder in the home.
        state: The market's state.
        selling: What the home sells.
        shelf: Sheets and licence texts.
        ledger: The home's ledger.
        recorder: Writes records.
        archive: Reads them.
        views: Finds them.
        provenance: The home's datasets.
        sheet_of: Finds the sheet of an offer.
        secret: Returns the secret market key.
        reach: Which nodes may be asked.

    Attributes:
        accepting: Accepts proposals.
        proposing: Makes proposals and votes.
        registry: The proposals that this home holds.
        taking: Takes proposals in.
        told: What the log says of them.
    """

    def __init__(
        self,
        folder: Path,
        state: MarketState,
        selling: Selling,
        shelf: Shelf,
        ledger: Ledger,
        recorder: Recorder,
        archive: Archive,
        views: Views,
        provenance: Provenance,
        sheet_of: Callable[[Offer], SignedSheet],
        secret: Callable[[], bytes],
        reach: Reach,
    ) -> None:
        now_s, origin = recorder.now_s, archive.origin
        self.told = Told(recorder, views)
        self.registry = Registry(folder / "contributions", state)
        self.taking = Taking(self.registry, self.told, ledger, provenance, shelf, selling.known, secret, origin, now_s)
        self.accepting = Accepting(
            self.registry, self.taking, self.told, state, selling, shelf, ledger, provenance, secret, origin, now_s
        )
        self.proposing = Proposing(state, self.told, archive, views, ledger, sheet_of, secret, reach, now_s)
