"""The asking side: has witnesses sign this home's heads, and keeps what they gave.

1. the newest signed head, with this home's own signatures
2. every witness of the policy that has an address is asked at once, each within a time limit
3. cosignatures that hold are kept, on disk, with the head they are on
4. where they are a quorum, that head goes into receipts from then on

Nothing here is waited for by whoever records; an answer that never comes costs a thread
some seconds.
"""

from __future__ import annotations

import threading
import time as clock
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any, Final

from counterfoil.core.checkpoint import Checkpoint, SignedCheckpoint
from counterfoil.core.witness_policy import PolicyWitness, WitnessPolicy
from counterfoil.errors import NotSetUp
from counterfoil.store.archive import Archive
from counterfoil.store.cosignatures import Cosignatures
from counterfoil.witness.asking import Asking, Given, Post
from counterfoil.witness.endpoint import post_checkpoint
from counterfoil.witness.settings import WitnessPaths

__all__ = ["Collected", "Collecting"]

_GRACE_S: Final = 2.0
"""On top of one witness's time, for the answers to be taken in."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What came of asking the witnesses.

    Attributes:
        size: Records under the head.
        given: What each witness that was asked answered, in the order of the policy.
        signed: Names of all whose cosignature on this head is kept, in the order of the policy.
        is_enough: Whether they are a quorum.
    """

    size: int
    given: tuple[Given, ...]
    signed: tuple[str, ...]
    is_enough: bool

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON."""
        answers = [
            {"alarm": each.is_alarm, "fault": each.fault or None, "name": each.name, "signed": bool(each.line)}
            for each in self.given
        ]
        return {"enough": self.is_enough, "signed": list(self.signed), "size": self.size, "witnesses": answers}

    def faults(self) -> str:
        """Returns who did not sign and why, in words; empty when all did."""
        return "; ".join(f"{each.name} {each.fault}" for each in self.given if each.fault)


class Collecting:
    """Collects cosignatures for one home. Safe to use from several threads.

    Args:
        paths: Where the home keeps what belongs to witnesses.
        archive: Signs heads and proves that they extend older ones.
        post: Sends a request to a witness.
    """

    def __init__(self, paths: WitnessPaths, archive: Archive, post: Post = post_checkpoint) -> None:
        self._paths = paths
        self._archive = archive
        self._post = post
        self._lock = threading.Lock()  # one collection at a time; owns the file
        self._kept = Cosignatures.load(paths.cosignatures)  # replaced, never changed
        self._newest = _read(self._kept.newest)
        self._enough = _read(self._kept.enough)
        self.last: Collected | None = None

    @property
    def enough(self) -> SignedCheckpoint | None:
        """The newest head that a quorum has signed, if it is still this log's."""
        return self._enough if self._enough is not None and self._is_ours(self._enough.head) else None

    def lines(self, head: Checkpoint) -> str:
        """Returns the cosignature lines there are for exactly this head; never waits."""
        newest = self._newest
        if newest is None or newest.head != head:
            return ""
        own = self._archive.origin
        return "".join(str(line) for line in newest.note.signatures if line.name != own)

    def acknowledged(self, witness: PolicyWitness) -> int:
        """Returns the size of the newest head that a witness is known to have signed; 0 when none is."""
        return self._kept.acknowledged.get(str(witness.key), 0)

    def collect(self, policy: WitnessPolicy, timeout_s: float, is_stopped: Callable[[], bool]) -> Collected:
        """Asks every witness of the policy that has an address about the head of now.

        Args:
            policy: Whom to ask, and how many are enough.
            timeout_s: Longest that one answer may take; all are asked at once.
            is_stopped: Whether the home is being closed, so that nobody waits any more.

        Raises:
            NotSetUp: The policy names nobody who can be asked.
            LogUnavailable: The disk refuses to keep the head or the cosignatures.
        """
        asked = [witness for witness in policy.witnesses if witness.url]
        if not asked:
            raise NotSetUp("no witness has an address", hint="`counterfoil witness add-witness` adds one")
        with self._lock:
            own = self._archive.own_checkpoint()
            asking = Asking(self._archive, own, timeout_s, self._post)
            known = {witness.name: self.acknowledged(witness) for witness in asked}
            given = _all_at_once(asking, asked, known, timeout_s, is_stopped)
            return self._keep(own, policy, asked, given)

    def hold_against(self, policy: WitnessPolicy) -> None:
        """Takes another policy: what was enough under the last one need not be under this. Writes nothing."""
        with self._lock:
            enough = self._enough
            if enough is not None and not policy.is_met(_signers(enough, policy)):
                self._kept, self._enough = replace(self._kept, enough=None), None

    def _keep(self, own: str, policy: WitnessPolicy, asked: list[PolicyWitness], given: dict[str, Given]) -> Collected:
        """Steps 3 and 4."""
        head = SignedCheckpoint.parse(own).head
        kept = self._newest if self._newest is not None and self._newest.head == head else None
        lines = {}
        for witness in policy.witnesses:
            line = given[witness.name].line if witness.name in given else ""
            before = [each for each in kept.note.signatures if each.name == witness.key.name] if kept else []
            held = [str(each) for each in before if kept and kept.note.only(each).cosigned_at(witness.key) is not None]
            if line or held:
                lines[witness.name] = line or held[0]
        note = own + "".join(lines.values())
        is_enough = policy.is_met(lines)
        state = self._kept
        for witness in asked:
            state = state.acknowledging(str(witness.key), given[witness.name].acknowledged)
        newest = note if lines else state.newest
        self._save(Cosignatures(state.acknowledged, note if is_enough and lines else state.enough, newest))
        answers = tuple(given[witness.name] for witness in asked)
        self.last = Collected(head.size, answers, tuple(lines), is_enough)
        return self.last

    def _save(self, state: Cosignatures) -> None:
        if state != self._kept:
            state.save(self._paths.cosignatures)
            self._kept = state
            self._newest, self._enough = _read(state.newest), _read(state.enough)

    def _is_ours(self, head: Checkpoint) -> bool:
        """Whether this log, as it is now, has that head in its past."""
        archive = self._archive
        return head.origin == archive.origin and head.size <= archive.size and archive.root(head.size) == head.root


def _all_at_once(
    asking: Asking,
    asked: list[PolicyWitness],
    known: Mapping[str, int],
    timeout_s: float,
    is_stopped: Callable[[], bool],
) -> dict[str, Given]:
    """Asks all of them in threads of their own; who has not answered in time is not waited for."""
    answers: SimpleQueue[Given] = SimpleQueue()

    def ask(witness: PolicyWitness) -> None:
        try:
            answers.put(asking.ask(witness, known[witness.name]))
        except Exception as error:  # noqa: BLE001 - e.g. the home was closed meanwhile; the others go on
            answers.put(Given(witness.name, acknowledged=known[witness.name], fault=f"was not asked: {error}"))

    given = {
        witness.name: Given(witness.name, acknowledged=known[witness.name], fault="did not answer in time")
        for witness in asked
    }
    for witness in asked:
        threading.Thread(target=ask, args=(witness,), name="counterfoil-witness", daemon=True).start()
    deadline_s = clock.monotonic() + timeout_s + _GRACE_S
    missing = len(asked)
    while missing and not is_stopped() and (left_s := deadline_s - clock.monotonic()) > 0:
        try:
            answer = answers.get(timeout=min(left_s, 0.2))
        except Empty:
            continue
        given[answer.name] = answer
        missing -= 1
    return given


def _signers(signed: SignedCheckpoint, policy: WitnessPolicy) -> list[str]:
    return [witness.name for witness in policy.witnesses if signed.note.cosigned_at(witness.key) is not None]


def _read(note: str | None) -> SignedCheckpoint | None:
    return SignedCheckpoint.parse(note) if note is not None else None
