"""One organisation: everything below, composed into the object that users hold."""

from __future__ import annotations

import json
import time as clock
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from counterfoil.calls import Calls, CallsView
from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.core.note import Signer, VerifierKey
from counterfoil.core.statement import Draft
from counterfoil.core.trust import MAX_HANDOVERS, sign_handover
from counterfoil.decisions import Decisions, DecisionsView
from counterfoil.errors import HomeDamaged, LogUnavailable, NotAllowed
from counterfoil.ledger.assets.views import AssetsView
from counterfoil.ledger.ledger import Ledger
from counterfoil.ledger.market.views import TradesView
from counterfoil.market.contributions.views import ContributionsView
from counterfoil.market.market import Market
from counterfoil.market.views import MarketView
from counterfoil.organisation.bundles import Bundles
from counterfoil.organisation.depot import HomeDepot
from counterfoil.organisation.erasures import STREAM, Erasures
from counterfoil.organisation.looks import Looks
from counterfoil.organisation.own_keys import OwnKeys
from counterfoil.organisation.recalls import Recalls
from counterfoil.organisation.stores import open_depot, open_vault, read_handovers, view_database
from counterfoil.provenance import Commitments, Deidentifications, Provenance, provenance_views
from counterfoil.provenance.lineage.openlineage import OpenLineage
from counterfoil.store.archive import Archive, is_record, read_checkpoint
from counterfoil.store.durable import clear_unfinished, replace_file
from counterfoil.store.home import Home
from counterfoil.store.home_settings import HomeSettings
from counterfoil.store.keyring import Keyring
from counterfoil.store.log import Log
from counterfoil.store.objects import Objects
from counterfoil.store.recorder import Recorder
from counterfoil.store.sealed_files import SealedFiles
from counterfoil.store.spool import Spool
from counterfoil.store.streams import logged_streams, time_text, with_spooled
from counterfoil.store.unlock import Unlock
from counterfoil.store.vault import Vault
from counterfoil.store.vault_migration import migrate_vault
from counterfoil.store.views import Views
from counterfoil.store.working_records import WorkingRecords
from counterfoil.witness import Witness

__all__ = ["Organisation"]

PROMISE_WITHIN_S: Final = 86_400
"""A decision that waits in the queue is promised to be in the log within a day."""


class Organisation:
    """An opened home. Use as a context manager, or call `close`.

    Made by `create` and `open`; one process writes at a time.

    Attributes:
        home: The folder and its settings.
        decisions: Decisions that anyone can check.
        deidentifications: De-identifies tables.
        provenance: Datasets, models, and the runs between them.
        openlineage: Takes runs that other systems tell as events, and tells ours.
        recalls: What turned out to be wrong, whom it reached, and what must not go on.
        calls: Calls of models, tools and agents.
        bundles: Writes the auditor's files.
        ledger: Keeps the log's head where nobody can rewrite it, once connected.
        market: What it offers, sells and buys.
        witness: Signs the heads of others' logs, and has this log's heads signed by others.
        erasures: Erases what is private.
        looks: Records who looked at what is private.
        archive: Reads records and proofs.
        recorder: Writes records.
        views: Searchable tables.
        depot: Moves finished parts to an object store, where the settings name one.
        vault: Private values.
        keyring: The organisation's keys.
        own_keys: Keys that are made when they are first used.
    """

    def __init__(self, home: Home, unlock: Unlock, now: Callable[[], float]) -> None:
        """Opens every part; on failure everything opened so far is let go."""
        self.home = home
        with ExitStack() as stack:
            stack.enter_context(home.lock())
            paths, settings = home.paths, home.settings
            clear_unfinished(
                *(paths.folder, paths.log, paths.schemas, paths.artefacts, paths.ledger, paths.witness, paths.events)
            )
            self.keyring = Keyring.open(paths.keys, unlock)
            signed = read_checkpoint(paths.checkpoint)
            depot = open_depot(home)
            least_size = signed.head.size if signed else 0
            log = Log.open(paths.log, is_entry=is_record, least_size=least_size, depot=depot)
            stack.callback(log.release)
            self.vault = open_vault(home, self.keyring, depot)
            stack.callback(self.vault.close)
            vault_key = self.keyring.secret("vault")
            spool = Spool(paths.spool / "waiting", vault_key)
            streams = with_spooled(logged_streams(log, settings.epoch_s), spool, log)
            retired = self.keyring.pending("log")  # signs until its hand-over is written, so that all can follow
            signer = Signer(settings.origin, self.keyring.secret("log", retired.id if retired else None))
            self.recorder = Recorder(
                log, self.vault, spool, streams, signer, promise_within_s=PROMISE_WITHIN_S, now=now
            )
            working = WorkingRecords(paths.working)
            self.archive = Archive(self.recorder, paths.schemas, paths.checkpoint, depot, working)
            self.archive.handovers = read_handovers(paths.handovers)
            _require_history(signed, log)
            self.vault.require_covered(log.size)
            self.vault.truncate(log.size)
            self.objects = Objects(paths.artefacts, vault_key, depot)
            self.sealed_files = SealedFiles(paths.snapshots, vault_key)
            self.depot = HomeDepot(
                depot,
                self.recorder,
                self.archive,
                self.objects,
                paths.vault.with_suffix(".part"),
                working,
                lambda: self.decisions.models_at_work(),
            )
            self.views = Views(
                view_database(home, self.archive),
                self.archive,
                (
                    *provenance_views(self.archive),
                    DecisionsView(self.archive),
                    CallsView(),
                    AssetsView(),
                    TradesView(),
                    MarketView(),
                    ContributionsView(),
                ),
            )
            stack.callback(self.views.close)
            self.erasures = Erasures(self.recorder, self.archive, self.vault, self.views)
            self.own_keys = OwnKeys(self.keyring, self.recorder, settings.origin)
            rows = Commitments(self.recorder, self.archive, self.views, paths.rows, self.own_keys.rows)
            self.provenance = Provenance(
                self.recorder,
                self.archive,
                self.views,
                self.objects,
                self.sealed_files,
                rows,
                settings.name,
                settings.dataset_gate,
            )
            self.openlineage = OpenLineage(self.provenance, self.archive, settings.origin, paths.events)
            self.deidentifications = Deidentifications(self.provenance, self.own_keys.pseudonym)
            self.decisions = Decisions(
                self.recorder, self.archive, self.vault, self.views, self.objects, self.provenance
            )
            self.calls = Calls(self.recorder, self.archive, self.vault, self.views)
            self.looks = Looks(self.recorder, self.archive)
            self.recalls = Recalls(self.archive, self.views, self.provenance, self.looks, settings.public_url)
            self.bundles = Bundles(self.recorder, self.archive, self.views)
            self.ledger = Ledger(
                paths.ledger,
                self.recorder,
                self.archive,
                self.keyring,
                self.views,
                outbox_url=settings.outbox_url,
                now=now,
            )
            stack.callback(self.ledger.close)
            self.market = Market(
                paths.market,
                self.ledger,
                self.recorder,
                self.archive,
                self.views,
                self.provenance,
                self.own_keys.market,
                settings.name,
                settings.public_url,
                settings.market_networks,
                paths.folder / settings.market_folder if settings.market_folder else None,
                settings.fleet(paths.folder),
                settings.job_sandbox,
            )
            stack.callback(self.market.close)
            self.witness = Witness(paths.witness, self.recorder, self.archive, self.keyring, now=now)
            stack.callback(self.witness.close)
            self.recovered = log.recovered
            self._settle()
            self._stack = stack.pop_all()

    @classmethod
    def create(
        cls, folder: Path | str, settings: HomeSettings, unlock: Unlock, *, now: Callable[[], float] = clock.time
    ) -> Self:
        """Makes a home: folders, keys, an empty log and vault, and the identity record.

        Raises:
            InvalidInput: When the folder is not empty.
        """
        home = Home.create(Path(folder), settings)
        paths = home.paths
        keyring = Keyring.create(paths.keys, unlock, time_text(int(now())))
        Log.create(paths.log).close(None)
        Vault.create(paths.vault, keyring.secret("vault")).close()
        organisation = cls(Home.open(paths.folder), unlock, now)
        organisation._write_identity()
        return organisation

    @classmethod
    def open(cls, folder: Path | str, unlock: Unlock | None = None, *, now: Callable[[], float] = clock.time) -> Self:
        """Opens a home.

        Args:
            folder: The home.
            unlock: What opens the keys; found by `Unlock.from_environment` when None.
            now: Returns Unix seconds.

        Raises:
            NotSetUp: No home there, or one of another version.
            HomeDamaged: Parts are missing or contradict each other.
            HomeBusy: Another process is writing.
            Locked: The keys stay closed.
        """
        home = Home.open(Path(folder))
        return cls(home, unlock or Unlock.from_environment(home.key_file), now)

    @staticmethod
    def rebuild_hashes(folder: Path | str) -> int:
        """Derives the log's hash files anew from its entries; the home must not be open.

        Returns:
            Number of entries that were hashed and lead to the root saved last.

        Raises:
            HomeDamaged: When the entries do not lead to it. Nothing was changed.
            HomeBusy: When another process is writing.
        """
        home = Home.open(Path(folder))
        with home.lock():
            return Log.rebuild_hashes(home.paths.log, open_depot(home))

    @staticmethod
    def migrate(folder: Path | str) -> bool:
        """Brings an older home to this version; it must not be open. Returns whether there was anything to do.

        May be repeated after an interruption.

        Raises:
            HomeBusy: When another process is writing, or has the vault open.
            LogUnavailable: When the disk refuses. The home is as it was.
        """
        home = Home.open(Path(folder))
        with home.lock():
            return migrate_vault(home.paths.vault)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def issuer(self) -> VerifierKey:
        """The log's public key: what checkers give as `--issuer`."""
        return self.recorder.signer.key

    def checkpoint(self) -> str:
        """Returns the signed head over everything recorded so far."""
        return self.archive.checkpoint()

    def close(self) -> None:
        """Signs the newest head, saves the log's state and lets go of the home."""
        with self._stack:  # lets go of everything, also when the disk refuses
            self.witness.close()  # first: all three read the log while they work
            self.market.close()
            self.ledger.close()
            try:
                if self.recorder.is_sound:
                    self.archive.checkpoint()
            finally:
                self.recorder.close()

    def rebuild(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Remakes every derived table and file from log and vault; returns the number of records."""
        self.archive.restore_schemas()
        return self.views.rebuild(progress)

    def rotate_log_key(self) -> VerifierKey:
        """Replaces the log's signing key; the old key signs a hand-over to the new one.

        Checkers who know the old key go on to accept this log: the hand-over travels
        in every receipt and bundle. The old secret key is then destroyed.

        Raises:
            NotAllowed: After 64 hand-overs; checkers follow no more.
        """
        if len(self.archive.handovers) >= MAX_HANDOVERS:
            raise NotAllowed(
                f"the log's key was replaced {MAX_HANDOVERS} times, and checkers follow no more hand-overs",
                hint="make a new home under another origin, and hand out its key",
            )
        with self.recorder.exclusive():
            self.archive.checkpoint()  # the last head under the old key
            self.keyring.rotate("log", time_text(self.recorder.now_s()))
            self._finish_log_rotation()
            return self.issuer

    def rotate_key(self, use: Literal["log", "vault", "witness"]) -> str:
        """Replaces the key of one use; returns the id of the new one."""
        if use == "log":
            self.rotate_log_key()
        elif use == "witness":
            self.witness.rotate_key()
        else:
            self.rotate_vault_key()
        return self.keyring.current(use).id

    def rotate_vault_key(self) -> None:
        """Replaces the key that protects all private values; nothing is re-encrypted but keys."""
        with self.recorder.exclusive():
            self.recorder.drain()  # what waits is sealed under the old key
            self.keyring.rotate("vault", time_text(self.recorder.now_s()))
            new_key = self.keyring.secret("vault")
            # First: should the rest fail, the next open finishes it and destroys the old key.
            self.recorder.spool = Spool(self.home.paths.spool / "waiting", new_key)
            self.vault.rotate_key(new_key)
            self.objects.reseal(new_key)
            self.sealed_files.rotate(new_key)
            self.keyring.confirm("vault")
            self.own_keys.put_on_record("vault", self.keyring.current("vault").id)

    def change_unlock(self, unlock: Unlock) -> None:
        """Seals the keys under another passphrase or key file."""
        self.keyring.change_unlock(unlock)

    def _settle(self) -> None:
        """Finishes what a crash or a pause left open, before anybody reads."""
        self.erasures.reapply()
        self.provenance.snapshots.settle()
        try:
            self._write_issuer()
            if self.keyring.pending("log") is not None:
                self._finish_log_rotation()
            self.recorder.drain()
            self.recorder.close_epochs()
            self.ledger.settle()
            self.provenance.rows.settle()
        except LogUnavailable:
            return  # reading still works; writers get the error when they write

    def _write_identity(self) -> None:
        about = {"key": str(self.issuer), "name": self.home.settings.name, "origin": self.home.settings.origin}
        self.recorder.write(Draft("identity", STREAM, self.home.settings.origin, about=about))

    def _finish_log_rotation(self) -> None:
        """Hands over from the retired key to the one in use; safe to repeat."""
        retired = self.keyring.pending("log")
        if retired is None:
            return
        origin = self.home.settings.origin
        old = Signer(origin, self.keyring.secret("log", retired.id))
        new = Signer(origin, self.keyring.secret("log"))
        note = sign_handover(old, new.key, self.archive.size)
        if not self.archive.handovers or str(new.key) not in self.archive.handovers[-1]:
            handovers = (*self.archive.handovers, note)
            _save(self.home.paths.handovers, json.dumps(list(handovers)).encode())
            self.archive.handovers = handovers
        self.recorder.sign_with(new)
        self.archive.forget_signature()
        self.own_keys.put_on_record("log", str(new.key), self.archive.handovers[-1])
        self._write_issuer()
        self.keyring.confirm("log")  # last: until then the next open does all this again

    def _write_issuer(self) -> None:
        """Keeps the public key beside the log, ready to be handed out."""
        text = f"{self.issuer}\n".encode()
        path = self.home.paths.issuer
        if not path.exists() or path.read_bytes() != text:
            _save(path, text)


def _save(path: Path, data: bytes) -> None:
    try:
        replace_file(path, data, mode=0o644)
    except OSError as error:
        raise LogUnavailable(f"{path.name} could not be saved: {error.strerror or error}") from error


def _require_history(signed: SignedCheckpoint | None, log: Log) -> None:
    """Refuses a log that is not the one this home has signed for."""
    if signed is not None and log.root(signed.head.size) != signed.head.root:
        raise HomeDamaged(
            f"the first {signed.head.size} records are not the ones this home has signed for",
            hint="the log was altered: restore the newest backup of the whole home",
        )
