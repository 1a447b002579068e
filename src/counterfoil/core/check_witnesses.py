"""The step `witnesses`: whether enough independent witnesses saw the head in a file.

The checker brings the witness policy: whose cosignatures count, and how many. Keys and
cosignatures in a file prove nothing without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.core.steps import TITLES, Step, failed, not_checked, passed
from counterfoil.core.trust import Trust
from counterfoil.core.witness_policy import WitnessPolicy
from counterfoil.core.wording import counted
from counterfoil.errors import MalformedEvidence

__all__ = ["check_witnesses", "no_witnesses"]

_ID: Final = "witnesses"
_TITLE: Final = TITLES[_ID]
_LIMIT: Final = "what a quorum of witnesses would hide together with the issuer, or that there is no newer head"
_LAST_SECOND: Final = 253_402_300_799
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def no_witnesses(why: str) -> Step:
    """Returns the step where there is no head that a witness could have seen."""
    return not_checked(_ID, _TITLE, why)


def check_witnesses(signed: SignedCheckpoint, policy: WitnessPolicy | None, handovers: Sequence[str] = ()) -> Step:
    """Holds a signed head against the checker's policy.

    1. the policy names the log, if it names any, and the log signed the head
    2. each witness of the policy signed it, or did not
    3. those who did are a quorum

    A head that nobody has cosigned yet, as one that is newer than the last collection, is not a
    failure but not checked; cosignatures that do not verify or are too few are a failure.

    Args:
        signed: The head with all its signature lines.
        policy: What the checker demands; None leaves the step unchecked.
        handovers: Key hand-overs of the log, so that a policy outlives a change of its key.
    """
    if policy is None:
        return no_witnesses(
            "you did not say whose cosignatures count (--witnesses); those in the file prove nothing by themselves"
        )
    if policy.asks_for_none:
        return no_witnesses("the policy you gave asks for no witness")
    fault = _log_fault(signed, policy, handovers)  # step 1
    if fault:
        return failed(_ID, _TITLE, fault)
    seen = {each.name: signed.note.cosigned_at(each.key) for each in policy.witnesses}  # step 2
    there = {name: time_s for name, time_s in seen.items() if time_s is not None}
    told = ", ".join(f"{name} at {_time(time_s)}" for name, time_s in there.items())
    head = f"this head over {counted(signed.head.size, 'record')}"
    if not any(signed.note.is_cosigned(each.key) for each in policy.witnesses):
        return no_witnesses(
            f"no witness has signed this head yet; the policy wants {policy.wanted()}: get a newer copy of the file "
            "once its witnesses were asked"
        )
    if not policy.is_met(there):  # step 3
        who = f"only {told} signed {head}" if told else f"no witness that the policy names signed {head}"
        return failed(_ID, _TITLE, f"{who}, and the policy wants {policy.wanted()}")
    return passed(_ID, _TITLE, f"{told} signed {head}; the policy wants {policy.wanted()}", _LIMIT)


def _log_fault(signed: SignedCheckpoint, policy: WitnessPolicy, handovers: Sequence[str]) -> str:
    """Returns why this is not a head of a log that the policy names; empty when it is."""
    origin = signed.head.origin
    own = [log.key for log in policy.logs if log.key.name == origin]
    if not policy.logs:
        return ""
    if not own:
        named = sorted({log.key.name for log in policy.logs})
        return f"the policy you gave is for {', '.join(named[:3])}, and this head is of {origin}"
    try:
        trusted = any(Trust.following(key, handovers).signed(signed.note) for key in own)
    except MalformedEvidence as error:
        return error.message
    return "" if trusted else f"no key that the policy names for {origin} signed this head"


def _time(time_s: int) -> str:
    """Returns a witness's time in UTC; it is the witness's own word, and may be any."""
    if time_s > _LAST_SECOND:
        return f"second {time_s}"
    return (_EPOCH + timedelta(seconds=time_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
