"""The shared ledger, as one organisation uses it: connected or not, opened when needed.

The light part is always there: it signs heads for the contract, and finds the newest
proof for receipts and bundles. Everything that talks to the ledger is opened on first
use, and let go of with the home.
"""

from __future__ import annotations

import threading
import time as clock
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from counterfoil.core.checkpoint import Checkpoint
from counterfoil.errors import CounterfoilError, InvalidInput, NotAllowed, NotSetUp
from counterfoil.ledger.packages import require_packages
from counterfoil.ledger.worker import Worker
from counterfoil.store.archive import Archive
from counterfoil.store.durable import replace_file
from counterfoil.store.keyring import Keyring
from counterfoil.store.recorder import Recorder
from counterfoil.store.views import Views

if TYPE_CHECKING:
    from counterfoil.core.anchor import Anchor
    from counterfoil.ledger.anchors.book import AnchorBook
    from counterfoil.ledger.anchors.head_signer import HeadSigner
    from counterfoil.ledger.assets.assets import Assets
    from counterfoil.ledger.connecting import Plan, Wanted
    from counterfoil.ledger.connection import Connection, LedgerPaths
    from counterfoil.ledger.history import SentTransaction, ToldEvent
    from counterfoil.ledger.joining import Joining, Tell
    from counterfoil.ledger.log_roles import LogRoles
    from counterfoil.ledger.market.trading import Trading
    from counterfoil.ledger.opening import OpenedLedger
    from counterfoil.ledger.standing import AnchorState, LedgerStatus

__all__ = ["Ledger"]


class Ledger:
    """The shared ledger of one home. Safe to use from several threads.

    Attributes:
        folder: Where the home keeps what belongs to it.
        connection: The settings; None while this home is not connected.
        ask_passphrase: Asks a person for the passphrase of an account's key file; None where nobody is there.
    """

    def __init__(
        self,
        folder: Path,
        recorder: Recorder,
        archive: Archive,
        keyring: Keyring,
        views: Views,
        *,
        outbox_url: str = "",
        now: Callable[[], float] = clock.time,
    ) -> None:
        """Reads the settings, when the home is connected; opens nothing yet."""
        self.folder = folder
        self._outbox_url = outbox_url
        self._recorder = recorder
        self._archive = archive
        self._keyring = keyring
        self._views = views
        self._now = now
        self._lock = threading.RLock()  # owns what is opened
        self._stack = ExitStack()
        self._opened: OpenedLedger | None = None
        self._book: AnchorBook | None = None
        self._signer: HeadSigner | None = None
        self._assets: Assets | None = None
        self._market: Trading | None = None
        self.connection: Connection | None = None
        self.ask_passphrase: Callable[[], str] | None = None
        self._worker = Worker(lambda: bool(self.due()), self._background_step)
        if (folder / "connection.toml").exists():
            require_packages()
            from counterfoil.ledger.connection import Connection

            self.use(Connection.load(self.paths))

    @property
    def is_connected(self) -> bool:
        """Whether this home is connected to a ledger."""
        return self.connection is not None

    @property
    def paths(self) -> LedgerPaths:
        """Where this home keeps what belongs to the ledger."""
        from counterfoil.ledger.connection import LedgerPaths

        return LedgerPaths(self.folder, self._outbox_url)

    @property
    def fault(self) -> str:
        """Why anchoring in the background failed last, in words; empty when it did not."""
        return self._worker.fault

    def require_connection(self) -> Connection:
        """Returns the settings.

        Raises:
            NotSetUp: This home is not connected to a ledger.
        """
        if self.connection is None:
            raise NotSetUp(
                "this home is not connected to a ledger",
                hint="`counterfoil ledger connect` connects it, to one in this home by default",
            )
        return self.connection

    def use(self, connection: Connection) -> None:
        """Takes settings: heads are signed for the contract from here on, and new records anchored."""
        from counterfoil.ledger.anchors.book import AnchorBook
        from counterfoil.ledger.anchors.head_signer import HeadSigner

        with self._lock:
            self._signer = HeadSigner(self._keyring.secret("head"), connection.where, self._archive.origin)
            self._book = self._stack.enter_context(AnchorBook.open(self.paths.book(connection.where)))
            self._book.require_beginning(self._archive)
            self.connection = connection
            self._archive.ledger = self
            self._archive.forget_signature()
            self._worker = Worker(lambda: bool(self.due()), self._background_step)
            self._recorder.listeners.add(self._worker.notice)

    # What archives ask (store.archive.OnLedger)

    @property
    def within_s(self) -> int:
        """Seconds within which a new record is meant to be on the ledger."""
        return self.require_connection().anchor_age_s

    def line(self, head: Checkpoint) -> str:
        """Returns the signature line by which the contract can judge a head."""
        assert self._signer is not None
        return self._signer.line(head)

    def newest(self, size: int) -> Anchor | None:
        """Returns the newest final anchor of at most `size` records, its consistency path left empty."""
        return self._book.proof(size) if self._book is not None else None

    def due(self) -> str:
        """Returns why an anchor is due, in words, without asking the ledger; empty when none is."""
        policy = self.connection.anchor_policy if self.connection else None
        return policy.due(self._archive, self._anchored(), self._now()) if policy else ""

    # Getting to a ledger, and away from it

    @property
    def joining(self) -> Joining:
        """The accounts of this home, and what connecting would send.

        Raises:
            NotSetUp: A package is missing.
        """
        return self._joining(self.ask_passphrase)

    def _joining(self, ask: Callable[[], str] | None) -> Joining:
        require_packages()
        from counterfoil.ledger.joining import Joining

        return Joining(
            self.paths,
            self._keyring,
            self._recorder.signer.key,
            lambda: self._archive.abouts("ledger"),
            ask,
            self._now,
        )

    def connect(self, wanted: Wanted | None = None, account: str | None = None) -> Connection:
        """Connects this home to a ledger, by default to one of its own, and opens its log there.

        May be repeated after an interruption: it goes on where it stopped.

        Args:
            wanted: What to connect to; None makes an embedded ledger in this home.
            account: Address that pays and anchors; the only one of this home by default, or a new one.

        Raises:
            InvalidInput: It is connected already.
            OutOfFunds: The account cannot pay the fees. Nothing was sent.
        """
        plan, carry_out = self.connecting(wanted, account)
        plan.require_funds()
        return carry_out(lambda _: None)

    def connecting(
        self, wanted: Wanted | None = None, account: str | None = None
    ) -> tuple[Plan, Callable[[Tell], Connection]]:
        """Returns what connecting would send, and what does it, telling what it does; see `connect`."""
        if self.connection is not None:
            raise InvalidInput(
                f"this home is connected to chain {self.connection.chain_id} already",
                hint="`counterfoil ledger status` says how it stands; `counterfoil ledger disconnect` lets go of it",
            )
        plan, send = self.joining.connecting(wanted, account)

        def carry_out(tell: Tell) -> Connection:
            with self._lock:
                made = send(tell)
                self.use(made)
            self.settle()
            return made

        return plan, carry_out

    def settle(self) -> None:
        """Writes the record by which the log itself says where its heads are anchored, unless it is there."""
        connection = self.connection
        if connection is None or self._signer is None:
            return
        told = f"{connection.contract} {connection.log_id}\n".encode()
        if self.paths.recorded.exists() and self.paths.recorded.read_bytes() == told:
            return
        from counterfoil.ledger.connecting import record_of

        self._recorder.write(record_of(connection, self._archive.origin, self._signer.address))
        replace_file(self.paths.recorded, told)

    def disconnect(self, *, force: bool = False) -> Path:
        """Lets go of the ledger; returns the file in which its settings are kept from now on.

        What was anchored stays on the ledger, and proofs in files handed out go on to hold.

        Args:
            force: Do not look whether a transaction is under way, and set the outbox aside: the ledger or the
                account is lost.

        Raises:
            NotAllowed: A transaction is under way.
        """
        from counterfoil.ledger.outbox_place import set_all_aside

        connection = self.require_connection()
        open_rows = [] if force else [row for row in self.opened.outbox.rows() if not row.state.is_done]
        if open_rows:
            raise NotAllowed(
                f"transaction {open_rows[0].id} ({open_rows[0].purpose}) is under way",
                hint="wait until it is final, or take it back with `counterfoil ledger log --cancel`",
            )
        with self._lock:
            kept = self.paths.let_go(connection.chain_id)
            self.close()
            self.paths.settings.replace(kept)
            if force:  # what they say may be of a ledger that is no more
                set_all_aside(self.paths, connection, int(self._now()))
            self.connection = self._book = self._signer = self._archive.ledger = None
            self._archive.forget_signature()
        return kept

    # What talks to the ledger

    @property
    def roles(self) -> LogRoles:
        """Who owns the log there, and who may anchor it."""
        require_packages()
        from counterfoil.ledger.log_roles import LogRoles

        return LogRoles(self)

    @property
    def assets(self) -> Assets:
        """The datasets, models and services of this home that are on the ledger."""
        require_packages()
        from counterfoil.ledger.assets.assets import Assets

        with self._lock:
            if self._assets is None:
                self._assets = Assets(self, self._recorder, self._views)
            return self._assets

    @property
    def market(self) -> Trading:
        """What this home offers, buys and delivers on the ledger's market."""
        require_packages()
        from counterfoil.ledger.market.trading import Trading

        with self._lock:
            if self._market is None:
                self._market = Trading(self, self._recorder, self._views)
            return self._market

    def use_contracts(self, settings: Connection) -> None:
        """Takes settings that name further contracts: from here on assets are registered, and offered, in them."""
        from counterfoil.ledger.opening import with_contracts

        with self._lock:
            self._opened = with_contracts(self.paths, settings, self.opened, self._stack)
            settings.save(self.paths)
            self.connection = settings

    @property
    def opened(self) -> OpenedLedger:
        """What talks to the ledger; opened on first use.

        Raises:
            NotSetUp: Not connected, or a package is missing.
            LedgerUnreachable: No node answers.
            Locked: The account's key file stays closed.
        """
        with self._lock:
            if self._opened is None:
                self._opened = self._open(self.ask_passphrase)
            return self._opened

    def step(self, *, at_once: bool = False) -> AnchorState:
        """Does what can be done now; see `Anchoring.step`."""
        return self.opened.anchoring.step(at_once=at_once)

    def anchor(self, *, timeout_s: float = 600, progress: Callable[[AnchorState], None] | None = None) -> AnchorState:
        """Anchors everything recorded so far, and returns when it is final.

        Args:
            timeout_s: How long to wait; the anchor goes on without anybody waiting.
            progress: Told the state after each step.

        Raises:
            LedgerUnreachable: It was not final in time; nothing is lost.
        """
        return self.opened.anchoring.anchor(timeout_s=timeout_s, progress=progress)

    def start(self) -> None:
        """Has the background look from now on whether an anchor is due, also before the first new record."""
        self._worker.notice()

    def wake(self) -> None:
        """Has the background look now whether an anchor is due, where records were written."""
        self._worker.wake()

    def keep(self, *, timeout_s: float = 600) -> int:
        """Has the ledger store its newest head for good; returns that head's size when it is final.

        Raises:
            NotSetUp: Nothing is anchored yet.
            LedgerUnreachable: It was not final in time; nothing is lost.
        """
        return self.opened.anchoring.keep(timeout_s=timeout_s)

    def status(self) -> LedgerStatus:
        """Returns where log and ledger stand; where the ledger cannot be opened, what is known here. Sends nothing."""
        from counterfoil.ledger.status import status_known_here, status_of

        connection = self.require_connection()
        try:
            opened = self.opened
        except CounterfoilError as error:
            anchored, proof = self._anchored(), self.newest(self._archive.size)
            return status_known_here(
                connection, self._archive.size, anchored, proof.size if proof else 0, self.due(), error
            )
        return status_of(connection, opened, self.fault)

    def history(self, limit: int = 20) -> tuple[list[ToldEvent], list[SentTransaction]]:
        """Returns what the ledger told of this log and what this home sent, newest first."""
        from counterfoil.ledger.history import history_of

        opened = self.opened
        assert self._book is not None
        return history_of(opened, self._book, limit)

    def close(self) -> None:
        """Ends anchoring in the background and lets go of everything."""
        self._recorder.listeners.discard(self._worker.notice)
        self._worker.stop()
        with self._lock:
            self._opened = None
            self._stack.close()

    # Inner parts

    def _anchored(self) -> int:
        """Returns the number of records under the newest head that this home has seen in a block."""
        newest = self._book.newest() if self._book is not None else None
        return newest.size if newest else 0

    def _open(self, ask: Callable[[], str] | None) -> OpenedLedger:
        from counterfoil.ledger.accounts.account import parse_address
        from counterfoil.ledger.opening import all_or_none, open_ledger

        settings = self.require_connection()
        assert self._book is not None
        with all_or_none(self._stack) as stack:
            payer = self._joining(ask).account(parse_address(settings.account), settings, stack)
            return open_ledger(self.paths, settings, payer, self._recorder, self._archive, self._book, stack, self._now)

    def _background_step(self) -> bool:
        with self._lock:
            if self._opened is None:
                self._opened = self._open(ask=None)  # nobody may be asked from a thread
        state = self.step()
        return state.waiting is not None or state.proven_size < state.ledger_size
