"""The market of one home: what it offers, whom it lets in, what it buys."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from counterfoil.core.note import Signer, VerifierKey
from counterfoil.core.wording import counted
from counterfoil.errors import NotFound
from counterfoil.ledger.packages import require_packages
from counterfoil.market.sheets.shelf import Shelf
from counterfoil.market.state import MarketState
from counterfoil.provenance.snapshots.addresses import Reach

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.market.opened import OpenedMarket
    from counterfoil.market.buying.buying import Buying
    from counterfoil.market.buying.computing import Computing
    from counterfoil.market.buying.purchases import Purchase, Purchases
    from counterfoil.market.buying.resuming import Resuming
    from counterfoil.market.buying.reviews import Reviews
    from counterfoil.market.buying.sheet_finder import SheetFinder
    from counterfoil.market.catalogue import Catalogue, Refreshed
    from counterfoil.market.compute.jobs.jobs import Jobs
    from counterfoil.market.contributions.contributions import Contributions
    from counterfoil.market.selling.selling import Selling
    from counterfoil.provenance import Provenance
    from counterfoil.store.archive import Archive
    from counterfoil.store.recorder import Recorder
    from counterfoil.store.views import Views

__all__ = ["Market"]

Part = TypeVar("Part")


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
        goods: Folder whose files may be named over the network to be offered; None for none.
        fleet: Address of a scheduler whose workers run jobs, and the folder with the certificates for it; None for
            this machine.
        job_sandbox: What locks jobs in, by its name in the settings.

    Attributes:
        shelf: Offer sheets, licence texts, passports and reviews, for everybody to read.
        bought: Folder of what was bought over the API, a folder an order.
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
        goods: Path | None = None,
        fleet: tuple[str, Path | None] | None = None,
        job_sandbox: str = "bubblewrap",
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
        self._reach = Reach(networks, hint="name its network in market_networks, where that is meant")
        self._goods = goods
        self._fleet = fleet
        self._job_sandbox = job_sandbox
        self._lock = threading.RLock()  # owns what is opened
        self._stack = ExitStack()
        self._parts: dict[type, object] = {}
        self._serves = False
        self._catalogue: tuple[OpenedMarket, Catalogue] | None = None
        self.shelf = Shelf(folder)
        self.bought = folder / "bought"

    @property
    def key(self) -> VerifierKey:
        """The public market key: what terms and credentials name this organisation by."""
        return Signer(self._archive.origin, self._secret()).key

    @property
    def state(self) -> MarketState:
        """What is under way."""
        return self._once(MarketState, lambda: MarketState(self._folder))

    @property
    def selling(self) -> Selling:
        """The seller's side.

        Raises:
            NotSetUp: A package is missing.
        """
        require_packages()
        from counterfoil.market.selling.selling import Selling
        from counterfoil.market.sheets.wares import Seller

        return self._once(
            Selling,
            lambda: Selling(
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
                self._goods,
            ),
        )

    @property
    def purchases(self) -> Purchases:
        """What was bought, and what is being bought.

        Raises:
            NotSetUp: A package is missing.
        """
        require_packages()
        from counterfoil.market.buying.purchases import Purchases

        return self._once(Purchases, lambda: Purchases(self.state, self._secret, self._recorder.now_s))

    @property
    def buying(self) -> Buying:
        """The buyer's side.

        Raises:
            NotSetUp: A package is missing.
        """
        require_packages()
        from counterfoil.market.buying.buying import Buying

        return self._once(
            Buying,
            lambda: Buying(
                self._ledger,
                self.purchases,
                self._recorder,
                self._views,
                self._secret,
                self._archive.origin,
                self.sheets.sheet_of,
                self._reach,
            ),
        )

    @property
    def jobs(self) -> Jobs:
        """Computations that others bought, next to this home's data.

        Raises:
            NotSetUp: A package is missing.
        """
        selling = self.selling
        from counterfoil.market.compute.jobs.jobs import Jobs
        from counterfoil.market.compute.jobs.workplaces import Here, OnFleet
        from counterfoil.market.compute.sandbox import Walls

        walls = Walls(self._job_sandbox)
        return self._once(
            Jobs,
            lambda: Jobs(
                self._folder,
                self.state,
                self._ledger,
                selling.orders,
                selling.goods,
                self._recorder,
                self._views,
                self._archive,
                selling.sign,
                OnFleet(*self._fleet, walls) if self._fleet is not None else Here(walls),
            ),
        )

    @property
    def computing(self) -> Computing:
        """Computations that this home buys, next to the data of others.

        Raises:
            NotSetUp: A package is missing.
        """
        buying = self.buying
        from counterfoil.market.buying.computing import Computing

        return self._once(
            Computing,
            lambda: Computing(
                self._folder / "handed-in",
                self._ledger,
                buying,
                self.purchases,
                self._recorder,
                self._views,
                self._reach,
            ),
        )

    @property
    def resuming(self) -> Resuming:
        """Goes on with purchases by itself.

        Raises:
            NotSetUp: A package is missing.
        """
        buying, computing = self.buying, self.computing
        from counterfoil.market.buying.resuming import Resuming

        return self._once(Resuming, lambda: Resuming(buying, computing))

    @property
    def contributions(self) -> Contributions:
        """What others propose to this home, and this home to others.

        Raises:
            NotSetUp: A package is missing.
        """
        selling = self.selling
        from counterfoil.market.contributions.contributions import Contributions

        return self._once(
            Contributions,
            lambda: Contributions(
                self._folder,
                self.state,
                selling,
                self.shelf,
                self._ledger,
                self._recorder,
                self._archive,
                self._views,
                self._provenance,
                self.sheets.sheet_of,
                self._secret,
                self._reach,
            ),
        )

    @property
    def sheets(self) -> SheetFinder:
        """Finds offer sheets and licence texts, on the shelf or at the sellers' nodes."""
        require_packages()
        from counterfoil.market.buying.sheet_finder import SheetFinder

        return SheetFinder(self._ledger, self.shelf, self._reach)

    @property
    def reviews(self) -> Reviews:
        """The reviews that this home gives.

        Raises:
            NotSetUp: A package is missing.
        """
        require_packages()
        from counterfoil.market.buying.reviews import Reviews

        origin = self._archive.origin
        return Reviews(self._ledger, self.shelf, self._recorder, self.sheets, self._secret, origin, self._reach)

    @property
    def catalogue(self) -> Catalogue:
        """What is offered on the ledger's market, as far as it was read; see `refresh`.

        Raises:
            NotSetUp: A package is missing; or not connected, or to no Market contract.
        """
        require_packages()
        from counterfoil.market.catalogue import Catalogue
        from counterfoil.market.catalogue.book_source import BookSource
        from counterfoil.market.catalogue.fetching import Fetcher
        from counterfoil.market.catalogue.taking import MarketPlace
        from counterfoil.market.checks import SHEET_CHECKS

        with self._lock:
            opened, ledger = self._ledger.market.opened, self._ledger.opened
            if self._catalogue is None or self._catalogue[0] is not opened:
                assert ledger.assets is not None, "a market is opened with the assets that are sold there"
                source = BookSource(opened.book, ledger.assets.book, lambda: ledger.chain.final_block().number)
                place = MarketPlace(ledger.chain.chain_id, f"0x{opened.contract.address.hex()}")
                path = self._folder / f"catalogue-{place.chain_id}-{place.address[2:]}.db"
                self._folder.mkdir(mode=0o700, exist_ok=True)
                found = Catalogue.open(path, place, source, Fetcher(self._reach, self.shelf), SHEET_CHECKS)
                self._catalogue = opened, self._stack.enter_context(found)
            return self._catalogue[1]

    def refresh(self) -> Refreshed:
        """Reads on in the ledger, and fetches the offer sheets whose time has come."""
        catalogue, opened = self.catalogue, self._ledger.market.opened
        opened.scanner.step()
        if (assets := self._ledger.opened.assets) is not None:
            assets.scanner.step()
        return catalogue.refresh(self._recorder.now_s())

    def fetch(self, order: str, progress: Callable[[int, int], None] | None = None) -> Purchase:
        """Fetches what was bought, or what was computed, into the home; see `Buying.fetch` and `Computing.fetch`."""
        purchase = self.buying.settled(order)
        folder = self.bought / purchase.order
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if purchase.kind == "job":
            self.computing.fetch(purchase.order, folder / "result")
            return self.purchases.at(purchase.order)
        return self.buying.fetch(order, folder, progress)

    def fetched(self, order: str) -> Path:
        """Returns the file that `fetch` made.

        Raises:
            NotFound: There is no such purchase, or it was not fetched into the home.
        """
        path = Path(self.purchases.at(order).path)
        if self.bought.absolute() not in path.parents or not path.is_file():
            raise NotFound("what was bought is not in this home", hint="fetch it first: POST …/fetch does")
        return path

    @property
    def is_open(self) -> bool:
        """Whether this home's ledger has a market."""
        return self._ledger.is_connected and self._ledger.require_connection().market != ""

    def concerns(self) -> Iterator[tuple[str, str, str]]:
        """Yields what needs a person: a word that stays the same, what was found, and what to do."""
        if not self.is_open:
            return
        for root, chunk in self.selling.changed.all():
            found = f"the source of the content {root[:12]}… is another than was offered, from chunk {chunk} on"
            yield f"source:{root[:16]}", found, "put the old content back and offer it again, or refund its orders"
        waiting = len(self.jobs.pending())
        if waiting:
            found = f"{counted(waiting, 'output')} of jobs {'waits' if waiting == 1 else 'wait'} for somebody to look"
            yield "release", found, "see the release desk, or `counterfoil market release`"
        for job in self.jobs.held_up():
            yield f"job:{job.order[:18]}", f"a job that was bought {job.told}", "mend that; it goes on by itself"

    def serve(self) -> None:
        """Has jobs that are bought run in the background from here on, once `step` finds a market."""
        self._serves = True

    def step(self) -> str:
        """Does what is due without anybody asking; returns what it did in words, empty when there was nothing to do.

        Fetching what was bought goes on behind it: a seller that is slow does not hold up this home's own orders.
        """
        if not self.is_open:
            return ""
        if self._serves:
            self.jobs.start()
        sold, bought = self.selling.fulfilment.step(), self.resuming.step()
        told = [f"{count} of our {what} went on" for count, what in ((sold, "orders"), (bought, "purchases")) if count]
        return ", ".join(told)

    def close(self) -> None:
        """Lets go of everything."""
        with self._lock:
            self._parts.clear()
            self._catalogue = None
            self._stack.close()

    def _once(self, kind: type[Part], make: Callable[[], Part]) -> Part:
        """Returns a part, made when it is first asked for; what can be closed is closed with the market."""
        with self._lock:
            found = self._parts.get(kind)
            if found is None:
                found = self._parts[kind] = make()
                if (close := getattr(found, "close", None)) is not None:
                    self._stack.callback(close)
            assert isinstance(found, kind)
            return found
