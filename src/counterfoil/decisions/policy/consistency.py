"""What must hold between the parts of a policy, and what it may leave open."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING

from counterfoil.core.wording import did_you_mean
from counterfoil.errors import InvalidInput

if TYPE_CHECKING:
    from counterfoil.decisions.policy.policy import Policy

__all__ = ["find_gaps", "require_consistent"]


def require_consistent(policy: Policy) -> None:
    """Raises InvalidInput where the parts of a policy contradict each other."""
    _require_approval(policy)
    _require_outcomes(policy)
    _require_unique("feature", (feature.name for feature in policy.features))
    _require_reasons(policy)


def find_gaps(policy: Policy) -> list[str]:
    """Returns what a policy leaves open, one plain sentence each."""
    gaps = [
        f"no reason speaks for {feature.called}: where it decides, the person is not told"
        for feature in policy.features
        if not feature.protected and feature.name not in policy.code_by_feature
    ]
    if not any(outcome.adverse for outcome in policy.outcomes):
        gaps.append("no outcome is marked adverse: no decision will carry reasons")
    return gaps


def _require_approval(policy: Policy) -> None:
    author, approver = _same_name(policy.author), _same_name(policy.approved_by)
    if not author:
        raise InvalidInput("the policy names no author", hint="say who wrote it")
    if not approver:
        raise InvalidInput("the policy has no approval", hint="somebody other than the author must approve it")
    if author == approver:
        raise InvalidInput(
            f"the policy approves itself: {policy.author.strip()!r} is author and approver",
            hint="have somebody else approve it",
        )
    if policy.approved_on > policy.effective_from:
        raise InvalidInput(
            f"the policy takes effect on {policy.effective_from}, before its approval on {policy.approved_on}",
            hint="let it take effect on the day of the approval or later",
        )


def _same_name(name: str) -> str:
    """A name without case, outer and doubled spaces, invisible characters and width variants."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join("".join(c for c in folded if unicodedata.category(c) not in ("Cf", "Cc") or c.isspace()).split())


def _require_outcomes(policy: Policy) -> None:
    outcomes = policy.outcomes
    if not outcomes:
        raise InvalidInput("the policy has no outcome", hint="add [[outcome]] tables")
    _require_unique("outcome", (outcome.label for outcome in outcomes))
    if outcomes[-1].at_least_micro is not None:
        raise InvalidInput(
            f"the last outcome, {outcomes[-1].label!r}, has a threshold, so a lower score has no outcome",
            hint="end with an [[outcome]] that has no at_least",
        )
    above = None
    for outcome in outcomes[:-1]:
        if outcome.at_least_micro is None:
            raise InvalidInput(
                f"the outcome {outcome.label!r} has no at_least, and only the last may leave it out",
                hint="give it a threshold or move it to the end",
            )
        if above is not None and outcome.at_least_micro >= above:
            raise InvalidInput(
                f"the outcome {outcome.label!r} has a threshold that is not below the one before it",
                hint="list the outcomes from the highest threshold to the lowest",
            )
        above = outcome.at_least_micro


def _require_reasons(policy: Policy) -> None:
    _require_unique("reason code", (reason.code for reason in policy.reasons))
    known = {feature.name: feature for feature in policy.features}
    claimed: dict[str, str] = {}
    for reason in policy.reasons:
        for name in reason.features:
            feature = known.get(name)
            if feature is None:
                raise InvalidInput(
                    f"the reason {reason.code} names the feature {name!r}, which the policy does not have",
                    hint=did_you_mean(name, known) or f"add [features.{name}]",
                )
            if feature.protected:
                raise InvalidInput(
                    f"the reason {reason.code} names {feature.called}, which is protected",
                    hint="a protected feature is kept from the model, so it is never a reason",
                )
            if name in claimed:
                raise InvalidInput(
                    f"the feature {name!r} belongs to both {claimed[name]} and {reason.code}",
                    hint="a feature may count for one reason only",
                )
            claimed[name] = reason.code
        _require_languages(policy, reason.code, reason.text)


def _require_languages(policy: Policy, code: str, text: Iterable[str]) -> None:
    wanted, given = set(policy.reason_settings.languages), set(text)
    if wanted - given:
        raise InvalidInput(f"the reason {code} has no text in {sorted(wanted - given)[0]!r}", hint="add it to text")
    if given - wanted:
        raise InvalidInput(
            f"the reason {code} has a text in {sorted(given - wanted)[0]!r}, which the policy does not list",
            hint="add the language to languages under [reasons]",
        )


def _require_unique(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidInput(f"the {what} {name!r} appears twice", hint="keep one of them")
        seen.add(name)
