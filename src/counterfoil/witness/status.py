"""Where a home stands as a witness and among witnesses, as far as is known here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterfoil.store.streams import time_text

if TYPE_CHECKING:
    from counterfoil.core.witness import Seen
    from counterfoil.core.witness_policy import PolicyWitness
    from counterfoil.store.witnessed import Contradiction
    from counterfoil.witness.witness import Witness

__all__ = ["AskedWitness", "WatchedLog", "WitnessStatus", "status_of"]


@dataclass(frozen=True, slots=True)
class WatchedLog:
    """A log whose heads this home signs.

    Attributes:
        origin: Its name.
        keys: Its public keys, as text.
        size: Records under the newest head that was signed; 0 before the first.
        time: When, UTC; empty before the first.
        contradictions: How many pairs of contradicting heads were shown here.
    """

    origin: str
    keys: tuple[str, ...]
    size: int
    time: str
    contradictions: int

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON."""
        return {
            "contradictions": self.contradictions,
            "keys": list(self.keys),
            "origin": self.origin,
            "size": self.size,
            "time": self.time or None,
        }


@dataclass(frozen=True, slots=True)
class AskedWitness:
    """A witness of the policy.

    Attributes:
        name: What the policy calls it.
        vkey: Its public key, as text.
        url: Where it is asked; empty where it is not.
        size: Records under the newest head it is known to have signed.
        fault: Why it gave nothing when it was asked last in this run, in words.
        is_alarm: Whether that says that the log and what the witness saw of it do not fit.
    """

    name: str
    vkey: str
    url: str
    size: int
    fault: str
    is_alarm: bool

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON."""
        return {
            "alarm": self.is_alarm,
            "fault": self.fault or None,
            "key": self.vkey,
            "name": self.name,
            "size": self.size,
            "url": self.url or None,
        }


@dataclass(frozen=True, slots=True)
class WitnessStatus:
    """The whole of it.

    Attributes:
        key: Public key of this home's own cosignatures, as text; empty before it is needed.
        logs: The logs it watches.
        witnesses: The witnesses of its policy.
        policy: Path of the policy file; empty without one.
        wanted: The quorum in words.
        log_size: Records in this home's log.
        enough_size: Records under the newest head that a quorum has signed.
        due: Why the witnesses are due to be asked, in words.
        contradictions: The pairs of heads by which logs convict themselves.
        problems: What stands in the way, in words.
    """

    key: str
    logs: tuple[WatchedLog, ...]
    witnesses: tuple[AskedWitness, ...]
    policy: str
    wanted: str
    log_size: int
    enough_size: int
    due: str
    contradictions: tuple[Contradiction, ...]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON."""
        return {
            "due": self.due or None,
            "enough_size": self.enough_size,
            "key": self.key or None,
            "log_size": self.log_size,
            "logs": [log.to_json() for log in self.logs],
            "policy": self.policy or None,
            "problems": list(self.problems),
            "quorum": self.wanted or None,
            "witnesses": [witness.to_json() for witness in self.witnesses],
        }


def status_of(witness: Witness, log_size: int) -> WitnessStatus:
    """Returns where a home stands; asks nobody."""
    cosigner, policy = witness.cosigner, witness.policy
    found = cosigner.contradictions()
    asked = tuple(_asked(witness, each) for each in policy.witnesses) if policy else ()
    seen = cosigner.witnessed.all() if cosigner.keys or witness.paths.witnessed.exists() else {}
    logs = tuple(
        _watched(origin, tuple(str(key) for key in keys), seen.get(origin), found)
        for origin, keys in sorted(cosigner.keys.items())
    )
    enough = witness.collecting.enough
    problems = [f"{each.name} {each.fault}" for each in asked if each.fault]
    problems += [
        f"{each.origin} signed two different heads over {each.size:,} records; both are kept here" for each in found
    ]
    if witness.fault and not any(each.fault for each in asked):
        problems.append(f"in the background: {witness.fault}")
    return WitnessStatus(
        str(cosigner.key) if cosigner.has_key else "",
        logs,
        asked,
        str(witness.paths.policy) if policy else "",
        policy.wanted() if policy else "",
        log_size,
        enough.head.size if enough else 0,
        witness.due(),
        tuple(found),
        tuple(problems),
    )


def _asked(witness: Witness, each: PolicyWitness) -> AskedWitness:
    last = witness.collecting.last
    given = next((one for one in last.given if one.name == each.name), None) if last else None
    size = witness.collecting.acknowledged(each)
    fault, is_alarm = (given.fault, given.is_alarm) if given else ("", False)
    return AskedWitness(each.name, str(each.key), each.url, size, fault, is_alarm)


def _watched(origin: str, keys: tuple[str, ...], seen: Seen | None, found: list[Contradiction]) -> WatchedLog:
    count = sum(each.origin == origin for each in found)
    return WatchedLog(origin, keys, seen.size if seen else 0, time_text(seen.time_s) if seen else "", count)
