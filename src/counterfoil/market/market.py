"""The market of one home: what it offers, whom it lets in, what it buys."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from counterfoil.core.note import Signer, VerifierKey
from counterfoil.ledger.packages import require_packages
from counterfoil.market.sheets.shelf import Shelf
from counterfoil.market.state import MarketState
from counterfoil.provenance.snapshots.addresses import Reach

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.market.buying.buying import Buying
    from counterfoil.market.buying.purchases import Purchases
    from counterfoil.market.contributions.contributions import Contributions
    from counterfoil.market.selling.selling import Selling
    from counterfoil.provenance import Provenance
    from counterfoil.store.archive import Archive
    from counterfoil.store.recorder import Recorder
    from counterfoil.store.views import Views

__all__ = ["Market"]


class Market:
    """The market of one home; its parts are opened when they are first used. Safe to use from several threads.

    Args:
        folder: The market's folder in the home; made at first use.
        ledger: The home's ledger.
        recorder: Writes records.
        archive: Reads them.
        views: Finds them.
        provenance: The home's datasets and models.
        secret: Returns the secret market key; made at first use.
        name: Legal name of the organisation.
        node: Base address of the home's node; empty where the settings name none.
        networks: Beside the public internet, networks in which other nodes may be asked.

    Attributes:
        shelf: Offer sheets and licence texts, for everybody to read.
    """

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        recorder: Recorder,
        archive: Archive,
        views: Views,
        provenance: Provenance,
        secret: Callable[[], bytes],
        name: str,
        node: str,
        networks: Sequence[str] = (),
    ) -> None:
        self._folder = folder
        self._ledger = ledger
        self._recorder = recorder
        self._archive = archive
        self._views = views
        self._provenance = provenance
        self._secret = secret
        self._name = name
        self._node = node
        self._reach = Reach(networks)
        self._lock = threading.RLock()  # owns what is opened
        self._stack = ExitStack()
        self._state: MarketState | None = None
        self._selling: Selling | None = None
        self._purchases: Purchases | None = None
        self._buying: Buying | None = None
        self._contributions: Contributions | None = None
        self.shelf = Shelf(folder)

    @property
    def key(self) -> VerifierKey:
        """The public market key: what terms and credentials name this organisation by."""
        return Signer(self._archive.origin, self._secret()).key

    @property
    def state(self) -> MarketState:
        """What is under way."""
        # Each of them adds its tables, which the file is given when it is opened, whoever opens it first.
        import counterfoil.market.buying.purchases
        import counterfoil.market.contributions.tables
        import counterfoil.market.selling.goods
        import counterfoil.market.selling.known_buyers  # noqa: F401

        with self._lock:
            if self._state is None:
                self._state = MarketState(self._folder)
                self._stack.callback(self._state.close)
            return self._state

    @property
    def selling(self) -> Selling:
        """The seller's side.

        Raises:
            NotSetUp: A package is missing.
        """
        require_packages()
        from counterfoil.market.selling.selling import Selling
        from counterfoil.market.sheets.wares import Seller

        with self._lock:
            if self._selling is None:
                self._selling = Selling(
                    self._folder,
                    self.state,
                    self.shelf,
                    self._ledger,
                    self._recorder,
                    self._archive,
                    self._views,
                    self._provenance,
                    self._secret,
                    Seller(self._name, self._archive.origin),
                    self._node,
                )
                self._stack.callback(self._selling.close)
            return self._selling

    @property
    def purchases(self) -> Purchases:
        """What was bought, and what is being bought.

        Raises:
            NotSetUp: A package is missing.
        """
        require_packages()
        from counterfoil.market.buying.purchases import Purchases

        with self._lock:
            if self._purchases is None:
                self._purchases = Purchases(self.state, self._secret, self._recorder.now_s)
            return self._purchases

    @property
    def buying(self) -> Buying:
        """The buyer's side.

        Raises:
            NotSetUp: A package is missing.
        """
        require_packages()
        from counterfoil.market.buying.buying import Buying
        from counterfoil.market.buying.sheet_finder import SheetFinder

        with self._lock:
            if self._buying is None:
                self._buying = Buying(
                    self._ledger,
                    self.purchases,
                    self._recorder,
                    self._views,
                    self._secret,
                    self._archive.origin,
                    SheetFinder(self._ledger, self.shelf, self._reach).sheet_of,
                    self._reach,
                )
            return self._buying

    @property
    def contributions(self) -> Contributions:
        """What others propose to this home, and this home to others.

        Raises:
            NotSetUp: A package is missing.
        """
        require_packages()
        from counterfoil.market.buying.sheet_finder import SheetFinder
        from counterfoil.market.contributions.contributions import Contributions

        with self._lock:
            if self._contributions is None:
                self._contributions = Contributions(
                    self._folder,
                    self.state,
                    self.selling,
                    self.shelf,
                    self._ledger,
                    self._recorder,
                    self._archive,
                    self._views,
                    self._provenance,
                    SheetFinder(self._ledger, self.shelf, self._reach).sheet_of,
                    self._secret,
                    self._reach,
                )
            return self._contributions

    def step(self) -> str:
        """Does what is due without anybody asking; returns what it did in words, empty when there was nothing to do."""
        if not self._ledger.is_connected or self._ledger.require_connection().market == "":
            return ""
        sold, bought = self.selling.fulfilment.step(), len(self.buying.resume())
        told = [f"{count} of our {what} went on" for count, what in ((sold, "orders"), (bought, "purchases")) if count]
        return ", ".join(told)

    def close(self) -> None:
        """Lets go of everything."""
        with self._lock:
            self._state = self._selling = self._purchases = self._buying = self._contributions = None
            self._stack.close()
