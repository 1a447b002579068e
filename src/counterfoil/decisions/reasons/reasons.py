"""Reasons: why a score was as low as it was, in the words of the policy.

An explainer splits a score into signed contributions, one a feature. How it does
that (method, background rows, seed, library) changes the answer, so all of it is
committed in a `ReasonConfig` whose digest is in every record. Contributions become
at most four reason codes by one fixed rule, `reasons_for`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from counterfoil.core import canonical
from counterfoil.decisions.policy import MOST_REASONS, Policy, round_to_micro
from counterfoil.decisions.policy.features import FeatureValue
from counterfoil.errors import InvalidInput

__all__ = [
    "Explainer",
    "Reason",
    "ReasonConfig",
    "Row",
    "background_sha256",
    "explain",
    "reasons_for",
]

Row = Mapping[str, FeatureValue | None]
"""What a model is given: `Policy.for_model` of a checked applicant."""


@dataclass(frozen=True, slots=True)
class ReasonConfig:
    """Everything on which the contributions depend, committed with each decision.

    Args:
        method: How contributions are computed.
        library: The rule or library and its version ("shap 0.51.0").
        background_sha256: Digest of the background rows, or "" where none is used.
        seed: Seed of a sampling method; 0 for exact ones.
        rounds: Permutations drawn by a sampling method; 0 for exact ones.
        most: Most reason codes given.
        of: What the contributions add up to: the model's "margin" (log-odds for most)
            or its "score" (a probability). Both in micro-units.
        on_demand: True when decisions carry no reasons and a replay computes them later.
    """

    method: Literal["closed_form", "tree_shap", "tree_shap_path", "permutation"]
    library: str
    background_sha256: str
    seed: int = 0
    rounds: int = 0
    most: int = MOST_REASONS
    of: Literal["margin", "score"] = "margin"
    on_demand: bool = False

    def to_json(self) -> dict[str, Any]:
        """Returns the configuration as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ReasonConfig:
        """Reads what `to_json` wrote.

        Raises:
            InvalidInput: For missing or unknown keys or values of another type.
        """
        example = cls("closed_form", "", "").to_json()
        if set(document) != set(example):
            raise InvalidInput(f"a reason configuration has exactly the keys {', '.join(sorted(example))}")
        for key, value in example.items():
            if type(document[key]) is not type(value):
                raise InvalidInput(f"{key} of the reason configuration is not a {type(value).__name__}")
        if document["method"] not in ("closed_form", "tree_shap", "tree_shap_path", "permutation"):
            raise InvalidInput(f"the reason method {document['method'][:60]!r} is not known")
        return cls(**document)

    def digest(self) -> str:
        """Returns the SHA-256 of the canonical JSON, 64 hex digits."""
        return hashlib.sha256(canonical.dumps(self.to_json())).hexdigest()


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, ready to be told.

    Args:
        code: Code in the policy's catalogue.
        text: The words, by language.
        features: The features behind it that lowered the score, sorted by name.
        contribution_micro: What the code's features did to the score together, in
            micro-units; negative, for it lowered the score.
        actionable: True when the person can do something about it.
    """

    code: str
    text: Mapping[str, str] = field(hash=False)
    features: tuple[str, ...]
    contribution_micro: int
    actionable: bool = False

    def to_json(self) -> dict[str, Any]:
        """Returns the reason as JSON values, without the texts: the policy holds those."""
        return {"code": self.code, "contribution_micro": self.contribution_micro, "features": list(self.features)}


class Explainer(Protocol):
    """Splits a model's score into contributions."""

    @property
    def config(self) -> ReasonConfig:
        """Everything the contributions depend on."""

    def contributions(self, row: Row) -> Mapping[str, int | float]:
        """Returns what each feature adds to the score, against the background.

        Whole numbers are micro-units; floats are units.
        """

    def second_opinion(self, row: Row) -> Mapping[str, int | float] | None:
        """Returns the contributions by an independent sample; None where the method is exact."""


def background_sha256(rows: Sequence[Row]) -> str:
    """Returns the SHA-256 of the canonical JSON array of the rows, 64 hex digits."""
    return hashlib.sha256(canonical.dumps([dict(row) for row in rows])).hexdigest()


def reasons_for(contributions: Mapping[str, int | float], policy: Policy, label: str) -> tuple[Reason, ...]:
    """Returns the reasons of a decision, the weightiest first.

    1. A favourable label has none, unless the policy asks for them.
    2. Contributions are rounded to micro-units and added up by reason code.
    3. Codes that lowered the score are kept, by falling size and then by code.
    4. The policy's `most` first ones are given.

    Args:
        contributions: By feature; whole numbers are micro-units, floats are units.
        policy: The policy of the decision.
        label: The label it gave.

    Raises:
        InvalidInput: For an unknown label or feature, a protected feature, or NaN.
    """
    if not policy.is_adverse(label) and not policy.reason_settings.when_favourable:
        return ()
    totals: dict[str, int] = {}
    lowered: dict[str, list[str]] = {}
    code_of = policy.code_by_feature.get
    for name, value in contributions.items():
        micro = value if type(value) is int else round_to_micro(value)
        code = code_of(name)
        if code is None:
            _require_may_contribute(policy, name)
            continue
        totals[code] = totals.get(code, 0) + micro
        if micro < 0:
            lowered.setdefault(code, []).append(name)
    ranked = sorted((total, code) for code, total in totals.items() if total < 0)
    return tuple(_reason(policy, code, total, lowered[code]) for total, code in ranked[: policy.reason_settings.most])


def explain(explainer: Explainer, row: Row, policy: Policy, label: str) -> tuple[Reason, ...]:
    """Returns the reasons of one decision, computed now.

    The caller looks at `explainer.config.on_demand` first: where that is set, the
    decision is recorded without reasons and this is called on replay.

    Args:
        explainer: From `explainer_for`.
        row: A checked applicant; protected features are left out here.
        policy: The policy of the decision.
        label: The label it gave.

    Raises:
        InvalidInput: Also where a sampling method gives other reasons with a second
            sample: such reasons are not issued.
    """
    if not policy.is_adverse(label) and not policy.reason_settings.when_favourable:
        return ()
    seen = {name: row.get(name) for name in policy.model_features}
    reasons = reasons_for(explainer.contributions(seen), policy, label)
    second = explainer.second_opinion(seen)
    if second is not None:
        again = {reason.code for reason in reasons_for(second, policy, label)}
        first = {reason.code for reason in reasons}
        if first != again:
            raise InvalidInput(
                f"the reasons are unstable: {_listed(first)} with one sample, {_listed(again)} with another; "
                "they are not issued as reasons",
                hint="have a person explain the decision, or use a model whose reasons are exact",
            )
    return reasons


def _require_may_contribute(policy: Policy, name: str) -> None:
    feature = policy.feature(name)
    if feature.protected:
        raise InvalidInput(
            f"{feature.called} contributed to the score, and the policy protects it",
            hint="keep it from the model",
        )


def _reason(policy: Policy, code: str, total_micro: int, lowered: list[str]) -> Reason:
    entry = policy.reason(code)
    return Reason(code, entry.text, tuple(sorted(lowered)), total_micro, entry.actionable)


def _listed(codes: set[str]) -> str:
    return ", ".join(sorted(codes)) or "none"
