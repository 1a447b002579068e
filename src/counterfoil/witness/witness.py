"""A home as a witness and among witnesses: signs others' heads, and has its own signed."""

from __future__ import annotations

import logging
import threading
import time as clock
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from counterfoil.core.checkpoint import Checkpoint, SignedCheckpoint
from counterfoil.core.note import COSIGNATURE, VerifierKey
from counterfoil.core.witness_policy import MAX_POLICY_BYTES, NO_QUORUM, Group, PolicyLog, PolicyWitness, WitnessPolicy
from counterfoil.errors import (
    CounterfoilError,
    HomeDamaged,
    InvalidInput,
    MalformedEvidence,
    NotAllowed,
    NotFound,
    NotSetUp,
    QuorumMissed,
)
from counterfoil.ledger.anchors.policy import AnchorPolicy
from counterfoil.ledger.worker import IDLE_S, Worker
from counterfoil.store.archive import Archive
from counterfoil.store.keyring import Keyring
from counterfoil.store.recorder import Recorder
from counterfoil.witness.collecting import Collected, Collecting
from counterfoil.witness.cosigner import Answer, Cosigner
from counterfoil.witness.endpoint import require_url
from counterfoil.witness.settings import WHERE, WitnessPaths, WitnessSettings, log_key, save_text
from counterfoil.witness.status import WitnessStatus, status_of

__all__ = ["Witness"]

_LOGGER: Final = logging.getLogger("counterfoil.witness")

HEADING: Final = (
    "# Whose cosignatures a head of this log must carry: a witness policy (C2SP tlog-policy).\n"
    "# Give it to checkers: counterfoil check FILE --witnesses THIS-FILE\n"
)
GROUP: Final = "witnesses"
"""Name of the one group in a policy that the command line writes."""


class Witness:
    """Cosignatures of one home: those it gives and those it gets. Safe to use from several threads.

    Attributes:
        paths: Where the home keeps what belongs to it.
        settings: What witness.toml says.
        policy: Whom to ask and how many are enough; None while nobody is asked.
        cosigner: The serving side.
        collecting: The asking side.
        not_a_log: Says of a key why somebody above knows it to be no log's; empty where it may be one.
    """

    def __init__(
        self,
        folder: Path,
        recorder: Recorder,
        archive: Archive,
        keyring: Keyring,
        *,
        now: Callable[[], float] = clock.time,
    ) -> None:
        """Reads settings, policy and cosignatures; asks nobody yet."""
        self.paths = WitnessPaths(folder)
        self._recorder = recorder
        self._archive = archive
        self._keyring = keyring
        self.not_a_log: Callable[[VerifierKey], str] = lambda _key: ""
        self._now = now
        self._is_closed = threading.Event()
        self._lock = threading.Lock()  # one change of settings or policy at a time
        self.settings = WitnessSettings.load(self.paths)
        self.policy = _load_policy(self.paths)
        self.cosigner = Cosigner(self.paths, keyring, archive.origin, now)
        self.cosigner.keys = self.settings.keys
        self.collecting = Collecting(self.paths, archive)
        if self.policy is not None:
            self.collecting.hold_against(self.policy)  # the file may have been changed by hand since
        idle_s = max(1.0, min(IDLE_S, self.settings.collect_age_s / 4))
        self._worker = Worker(self._is_due, self._background_step, idle_s=idle_s, work="collecting")
        archive.witnesses = self
        recorder.listeners.add(self._notice)

    # Serving

    @property
    def key(self) -> VerifierKey:
        """The public key of this home's cosignatures; made now if there is none."""
        return self.cosigner.key

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answers one request of the witness protocol; see `Cosigner.add_checkpoint`."""
        return self.cosigner.add_checkpoint(body)

    def add_log(self, vkey: str) -> VerifierKey:
        """Watches a log from here on: its heads are signed on request, each as an extension of the last.

        Args:
            vkey: The log's public key. A second key of the same log is taken beside the first.

        Returns:
            The key that was read.

        Raises:
            InvalidInput: It is no other log's key, as far as this home knows, or is listed already.
        """
        key = log_key(vkey)
        self._require_other_log(key)
        self.cosigner.key  # noqa: B018 - the witness's own key is made first: it is what is handed out
        with self._lock:
            if str(key) in self.settings.logs:
                raise InvalidInput(f"this home watches {key.fingerprint} already")
            self._use(replace(self.settings, logs=(*self.settings.logs, str(key))))
        return key

    def remove_log(self, name: str, *, dry_run: bool = False) -> list[VerifierKey]:
        """Watches a log no longer. What was signed stays known, for the day it is added again.

        Args:
            name: Its origin, or one of its keys as text or as `origin+id`.
            dry_run: Say which keys it would be, and change nothing.

        Raises:
            NotFound: This home does not watch it.
        """
        with self._lock:
            keys = [log_key(vkey) for vkey in self.settings.logs]
            gone = [key for key in keys if name in (key.name, key.fingerprint, str(key))]
            if not gone:
                raise NotFound(f"this home does not watch {name[:200]!r}", hint="`counterfoil witness list` says which")
            if not dry_run:
                self._use(replace(self.settings, logs=tuple(str(key) for key in keys if key not in gone)))
        return gone

    def rotate_key(self) -> VerifierKey:
        """Replaces the key of this home's cosignatures; every policy that names the old one must name the new."""
        with self._recorder.exclusive():
            return self.cosigner.rotate_key()

    # Asking

    def add_witness(
        self, name: str, vkey: str, url: str = "", *, rule: str | None = None, dry_run: bool = False
    ) -> WitnessPolicy:
        """Has another home's witness asked from here on.

        Args:
            name: What to call it in the policy.
            vkey: Its public key.
            url: Its address (C2SP: submission prefix); without one, its cosignatures count and it is not asked.
            rule: `any`, `all` or a number: how many are enough from here on; as before by default, all at first.
            dry_run: Return the policy as it would be, and change nothing.

        Raises:
            InvalidInput: A name, key, address or number that cannot be used.
            NotAllowed: The policy file was written by hand.
        """
        if len(name.split()) != 1:
            raise InvalidInput("a witness's name is one word, without spaces")
        key = _witness_key(vkey)
        witness = PolicyWitness(name, key, require_url(url) if url else "")
        with self._lock:
            policy = self._own_policy()
            return self._take(_grouped(policy, (*policy.witnesses, witness), rule), dry_run)

    def remove_witness(self, name: str, *, dry_run: bool = False) -> WitnessPolicy:
        """Asks a witness no longer, and counts its cosignatures no longer.

        Raises:
            NotFound: The policy names no such witness.
            InvalidInput: Too few would be left for the number that the policy asks for.
            NotAllowed: The policy file was written by hand.
        """
        with self._lock:
            policy = self._own_policy()
            left = tuple(each for each in policy.witnesses if each.name != name)
            if len(left) == len(policy.witnesses):
                raise NotFound(f"no witness is called {name[:200]!r}", hint="see `counterfoil witness list`")
            return self._take(_grouped(policy, left), dry_run)

    def collect(self) -> Collected:
        """Asks the witnesses for their cosignatures on the head of now, and keeps what they give.

        Returns:
            Who signed, who did not and why, and whether those who did are enough.

        Raises:
            NotSetUp: Nobody is to be asked.
            LogUnavailable: The disk refuses to keep the head or the cosignatures.
        """
        if self.policy is None:
            raise NotSetUp(
                "this home has no witnesses", hint="`counterfoil witness add-witness` adds one; its operator adds you"
            )
        return self.collecting.collect(self.policy, self.settings.timeout_s, self._is_closed.is_set)

    def due(self) -> str:
        """Returns why the witnesses are due to be asked, in words; empty when they are not. Asks nobody."""
        if self.policy is None or not any(witness.url for witness in self.policy.witnesses):
            return ""
        enough = self.collecting.enough
        policy = AnchorPolicy(self.settings.collect_records, self.settings.collect_age_s)
        return policy.due(self._archive, enough.head.size if enough else 0, self._now())

    @property
    def fault(self) -> str:
        """Why collecting in the background failed last, in words; empty when it did not."""
        return self._worker.fault

    def status(self) -> WitnessStatus:
        """Returns where this home stands as a witness and among witnesses. Asks nobody."""
        return status_of(self, self._archive.size)

    def start(self) -> None:
        """Has the background look from now on whether the witnesses are due, also before the first new record."""
        self._notice()

    def wake(self) -> None:
        """Has the background look now."""
        self._worker.wake()

    def close(self) -> None:
        """Ends the background work and lets go of everything."""
        self._recorder.listeners.discard(self._notice)
        self._is_closed.set()
        self._worker.stop()
        self.cosigner.close()

    # What archives ask (store.archive.OnWitnesses)

    def lines(self, head: Checkpoint) -> str:
        """Returns the cosignature lines there are for exactly this head; never waits."""
        return self.collecting.lines(head)

    def covering(self, index: int) -> SignedCheckpoint | None:
        """Returns the newest head that a quorum has signed and that has this record under it; None without one.

        One from before a change of the log's key is none: whoever was given the new key alone could not check it.
        """
        enough = self.collecting.enough if self.policy is not None else None
        if enough is None or enough.head.size <= index or not enough.note.signed_by(self._recorder.signer.key):
            return None
        return enough

    def ask(self) -> None:
        """Collects where there is somebody to ask. Whoever writes a file gets it with too few cosignatures, too."""
        if self.policy is None or not any(witness.url for witness in self.policy.witnesses):
            return
        try:
            found = self.collect()
        except CounterfoilError as error:
            _LOGGER.warning("the witnesses were not asked: %s", error.message)
            return
        if not found.is_enough:
            _LOGGER.warning("too few witnesses signed the head: %s", found.faults())

    # Inner parts

    def _require_other_log(self, key: VerifierKey) -> None:
        """Refuses what looks like another log's key and is known to be none: a node's looks the same."""
        use = self._keyring.use_of(key.public)
        if use is not None:
            fault = (
                "that is this home's own key as a node" if use == "node" else "that is the key of this home's own log"
            )
        else:
            fault = self.not_a_log(key)
        if fault:
            raise InvalidInput(f"{fault}, not of another log", hint=WHERE)

    def _use(self, settings: WitnessSettings) -> None:
        settings.save(self.paths)
        self.settings = settings
        self.cosigner.keys = settings.keys

    def _own_policy(self) -> WitnessPolicy:
        """Returns the policy to be changed (NotAllowed when a hand wrote it: its remarks and groups would be lost)."""
        policy = self.policy
        if policy is None:
            return WitnessPolicy(logs=(PolicyLog(self._recorder.signer.key),))
        is_ours = all(group.name == GROUP for group in policy.groups) and policy.quorum in (GROUP, NO_QUORUM)
        if not is_ours or self.paths.policy.read_text(encoding="utf-8") != HEADING + policy.text():
            raise NotAllowed(
                f"{self.paths.policy} was written by hand", hint="change it by hand, too; docs/reference/witness.md"
            )
        return policy

    def _take(self, policy: WitnessPolicy, dry_run: bool) -> WitnessPolicy:
        if WitnessPolicy.parse(policy.text().encode()) != policy:
            raise InvalidInput("a witness's name is one word, without spaces")
        if dry_run:
            return policy
        save_text(self.paths.policy, HEADING + policy.text())
        self.policy = policy
        self.collecting.hold_against(policy)
        return policy

    def _notice(self) -> None:
        if self.policy is not None:
            self._worker.notice()

    def _is_due(self) -> bool:
        return bool(self.due())

    def _background_step(self) -> bool:
        found = self.collect()
        if not found.is_enough and not self._is_closed.is_set():
            raise QuorumMissed(f"the head over {found.size:,} records has too few cosignatures: {found.faults()}")
        return False


def _grouped(policy: WitnessPolicy, witnesses: tuple[PolicyWitness, ...], rule: str | None = None) -> WitnessPolicy:
    """Returns a policy with these witnesses in its one group; the group's rule stays, unless another is given."""
    if not witnesses:
        return replace(policy, witnesses=(), groups=(), quorum=NO_QUORUM)
    before = next(iter(policy.groups), None)
    group = Group(GROUP, rule or (before.rule if before else "all"), tuple(each.name for each in witnesses))
    return replace(policy, witnesses=witnesses, groups=(group,), quorum=GROUP)


def _load_policy(paths: WitnessPaths) -> WitnessPolicy | None:
    try:
        with paths.policy.open("rb") as file:
            return WitnessPolicy.parse(file.read(MAX_POLICY_BYTES + 1))
    except FileNotFoundError:
        return None
    except InvalidInput as error:
        raise HomeDamaged(f"{paths.policy}: {error.message}", hint=error.hint) from error
    except OSError as error:
        raise NotSetUp(f"{paths.policy} cannot be read: {error.strerror}") from error


def _witness_key(vkey: str) -> VerifierKey:
    try:
        key = VerifierKey.parse(vkey)
    except MalformedEvidence as error:
        raise InvalidInput(
            "that is not a witness's public key", hint="its operator reads it with `counterfoil witness status`"
        ) from error
    if key.kind != COSIGNATURE:
        raise InvalidInput(
            "that is the key of a log, not of a witness", hint="its operator reads it with `counterfoil witness status`"
        )
    return key
