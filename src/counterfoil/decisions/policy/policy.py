"""Policies: the written rules by which a score becomes a decision.

A policy names what is asked about a person, where the lines are drawn, which
reasons may be given in which words, and who approved all that. It is registered
by the digest of its canonical JSON, so two files that say the same are the same
policy, and every decision names the one it was made under.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from counterfoil.core import canonical
from counterfoil.core.wording import did_you_mean, nearest
from counterfoil.decisions.policy.features import Feature, FeatureValue
from counterfoil.errors import InvalidInput

__all__ = [
    "MICRO",
    "MOST_REASONS",
    "Outcome",
    "Policy",
    "ReasonCode",
    "ReasonMethod",
    "ReasonSettings",
    "round_to_micro",
]

_DAY_S: Final = 86_400
MICRO: Final = 1_000_000
"""Score units in 1.0: scores and thresholds are compared as whole numbers of these."""

MOST_REASONS: Final = 4
"""Most reasons a decision gives; more than four are held to help nobody (12 CFR 1002 Supp. I, 9(b)(2))."""

ReasonMethod = Literal["auto", "closed_form", "tree_shap", "permutation", "on_demand"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One label a decision can have.

    Args:
        label: The word in the record ("approve").
        at_least_micro: Lowest score for it, in micro-units; None for the catch-all.
        adverse: True when it goes against the person, who is then owed reasons.
    """

    label: str
    at_least_micro: int | None
    adverse: bool = False


@dataclass(frozen=True, slots=True)
class ReasonCode:
    """One entry of the reason catalogue.

    Args:
        code: Short stable code ("R01").
        features: The features it speaks for; no feature belongs to two codes.
        text: The words for the person, by language.
        actionable: True when the person can do something about it.
    """

    code: str
    features: tuple[str, ...]
    text: Mapping[str, str] = field(hash=False)
    actionable: bool = False


@dataclass(frozen=True, slots=True)
class ReasonSettings:
    """How reasons are found.

    Args:
        method: "auto" takes the exact method where there is one; "on_demand" defers it.
        most: Most codes given, 1 to 4.
        seed: Seed of the sampling methods.
        background: Name of the committed comparison rows; "training-mean" is the
            average over the training rows.
        languages: Languages in which every reason has a text.
        when_favourable: True to give what held the score back on favourable outcomes too.
    """

    method: ReasonMethod = "auto"
    most: int = MOST_REASONS
    seed: int = 0
    background: str = "training-mean"
    languages: tuple[str, ...] = ("en",)
    when_favourable: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that has passed every check; there is no other kind.

    Args:
        name: Short name ("credit").
        version: Version in the author's own numbering.
        author: Who wrote it.
        approved_by: Who approved it; never the author.
        approved_on: Day of the approval.
        effective_from: First day on which it may decide.
        stream: Stream of the log its decisions go to.
        purpose: What the decisions are for, in a sentence.
        retain_days: Days for which its records may not be erased; 0 for no lock.
        score_of: The class whose probability is the score ("good").
        outcomes: Outcomes by falling threshold, the catch-all last.
        features: Features, sorted by name.
        reason_settings: How reasons are found.
        reasons: The reason catalogue.

    Raises:
        InvalidInput: Where the parts contradict each other.
    """

    name: str
    version: str
    author: str
    approved_by: str
    approved_on: date
    effective_from: date
    stream: str
    purpose: str
    retain_days: int
    score_of: str
    outcomes: tuple[Outcome, ...]
    features: tuple[Feature, ...]
    reason_settings: ReasonSettings
    reasons: tuple[ReasonCode, ...]
    _feature_by_name: Mapping[str, Feature] = field(init=False, repr=False, compare=False)
    _code_by_feature: Mapping[str, str] = field(init=False, repr=False, compare=False)
    _reason_by_code: Mapping[str, ReasonCode] = field(init=False, repr=False, compare=False)
    _adverse_by_label: Mapping[str, bool] = field(init=False, repr=False, compare=False)
    _model_features: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _digest: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        from counterfoil.decisions.policy.consistency import require_consistent

        by_name = sorted(self.features, key=lambda feature: feature.name)
        derived: dict[str, Any] = {
            "features": tuple(by_name),
            "_feature_by_name": MappingProxyType({each.name: each for each in by_name}),
            "_code_by_feature": MappingProxyType({name: each.code for each in self.reasons for name in each.features}),
            "_reason_by_code": MappingProxyType({each.code: each for each in self.reasons}),
            "_model_features": tuple(each.name for each in by_name if not each.protected),
            "_adverse_by_label": MappingProxyType({each.label: each.adverse for each in self.outcomes}),
        }
        for attribute, value in derived.items():
            object.__setattr__(self, attribute, value)
        require_consistent(self)
        object.__setattr__(self, "_digest", hashlib.sha256(canonical.dumps(self.to_json())).hexdigest())

    def __reduce__(self) -> tuple[Any, ...]:
        return Policy.from_json, (self.to_json(),)  # a copy in another process is checked like a file

    @classmethod
    def from_toml(cls, source: str | bytes | Path) -> Policy:
        """Reads a policy from TOML.

        Args:
            source: A path, the text itself, or its UTF-8 bytes. A `str` of one line
                that ends in ".toml" is taken for a path.

        Raises:
            NotFound: If the file is not there.
            InvalidInput: For anything else that is wrong with it, naming the place.
        """
        from counterfoil.decisions.policy.policy_file import read_toml

        return read_toml(source)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Policy:
        """Reads what `to_json` wrote, as strictly as a TOML file."""
        from counterfoil.decisions.policy.policy_file import read_document

        return read_document(document)

    def to_json(self) -> dict[str, Any]:
        """Returns the whole policy as JSON values; its canonical bytes are the identity."""
        from counterfoil.decisions.policy.policy_file import write_document

        return write_document(self)

    def digest(self) -> str:
        """Returns the SHA-256 of the canonical JSON, 64 hex digits."""
        return self._digest

    def gaps(self) -> list[str]:
        """Returns what the policy leaves open, one plain sentence each; empty when nothing."""
        from counterfoil.decisions.policy.consistency import find_gaps

        return find_gaps(self)

    def is_effective(self, day: date) -> bool:
        """Returns True when the policy may decide on `day`."""
        return day >= self.effective_from

    def retain_until_s(self, now_s: int) -> int:
        """Returns when the retention lock of a record made at `now_s` ends, Unix seconds; 0 for no lock."""
        return now_s + self.retain_days * _DAY_S if self.retain_days else 0

    def label_for(self, score_micro: int) -> str:
        """Returns the label of a score in micro-units, 0 to 1,000,000.

        Raises:
            InvalidInput: If the score is not a whole number in that range.
        """
        if type(score_micro) is not int or not 0 <= score_micro <= MICRO:
            raise InvalidInput(
                f"the score is {str(score_micro)[:60]}, and a whole number from 0 to {MICRO} is expected",
                hint="turn a probability into micro-units with round_to_micro",
            )
        for outcome in self.outcomes:
            if outcome.at_least_micro is None or score_micro >= outcome.at_least_micro:
                return outcome.label
        raise AssertionError("a policy always ends with a catch-all outcome")

    def is_adverse(self, label: str) -> bool:
        """Returns True when `label` goes against the person.

        Raises:
            InvalidInput: If the policy has no such label.
        """
        try:
            return self._adverse_by_label[label]
        except (KeyError, TypeError) as error:
            raise InvalidInput(
                f"the policy has no outcome {str(label)[:60]!r}",
                hint=did_you_mean(str(label), self.labels) or f"it has {', '.join(self.labels)}",
            ) from error

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label, best first."""
        return tuple(outcome.label for outcome in self.outcomes)

    @property
    def field_titles(self) -> dict[str, str]:
        """Title in plain words by feature name, protected ones included."""
        return {feature.name: feature.title for feature in self.features}

    @property
    def model_features(self) -> tuple[str, ...]:
        """Names of the features a model is given: all but the protected ones, sorted."""
        return self._model_features

    def feature(self, name: str) -> Feature:
        """Returns the feature called `name`.

        Raises:
            InvalidInput: If there is none.
        """
        found = self._feature_by_name.get(name)
        if found is None:
            raise self._unknown_feature(name)
        return found

    def reason(self, code: str) -> ReasonCode:
        """Returns the catalogue's entry for `code`.

        Raises:
            InvalidInput: If there is none.
        """
        found = self._reason_by_code.get(code)
        if found is None:
            raise InvalidInput(f"the policy has no reason {code[:60]!r}", hint=did_you_mean(code, self._reason_by_code))
        return found

    @property
    def code_by_feature(self) -> Mapping[str, str]:
        """The reason code that speaks for each feature; features without one are not there."""
        return self._code_by_feature

    def check_applicant(self, row: Mapping[str, Any]) -> dict[str, FeatureValue]:
        """Returns an applicant's row, checked and in the one form that is recorded.

        Every feature of the policy is there, in the policy's order, except optional
        ones that are missing (None, NaN, pandas' NA). Checking a checked row changes nothing.

        Raises:
            InvalidInput: For a missing or extra feature or a value that does not fit.
        """
        if not isinstance(row, Mapping):
            if not hasattr(row, "to_dict"):
                raise InvalidInput(f"an applicant is a table of features, and this is a {type(row).__name__}")
            row = _series_row(row)
        checked: dict[str, FeatureValue] = {}
        present = 0
        for feature in self.features:
            name = feature.name
            if name in row:
                present += 1
                value = feature.check(row[name])
                if value is not None:
                    checked[name] = value
            elif feature.required:
                raise self._missing_feature(feature, row)
        if present != len(row):
            raise self._extra_feature(row)
        return checked

    def for_model(self, checked: Mapping[str, FeatureValue]) -> dict[str, FeatureValue | None]:
        """Returns all a model may see of a checked row: nothing protected, None where a value is missing."""
        return {name: checked.get(name) for name in self._model_features}

    def require_model(self, feature_names: Iterable[str]) -> None:
        """Raises InvalidInput unless a model with these inputs fits the policy exactly."""
        needed = list(dict.fromkeys(feature_names))
        for name in needed:
            known = self._feature_by_name.get(name)
            if known is None:
                raise InvalidInput(
                    f"the model needs the feature {name!r}, which the policy does not have",
                    hint=did_you_mean(name, self._feature_by_name) or f"add [features.{name}] to the policy",
                )
            if known.protected:
                raise InvalidInput(
                    f"the model uses {known.called}, which the policy protects",
                    hint="train the model without it",
                )
        for name in self.model_features:
            if name not in needed:
                raise InvalidInput(
                    f"the policy names the feature {name!r}, which the model does not know",
                    hint=did_you_mean(name, needed) or "remove it, or protect it if it is only recorded",
                )

    def class_position(self, classes: Iterable[Any]) -> int:
        """Returns the position of `score_of` among a model's classes.

        Raises:
            InvalidInput: If the model has no such class.
        """
        names = [_class_text(each) for each in classes]
        if self.score_of not in names:
            raise InvalidInput(
                f"the score is the probability of {self.score_of!r}, and the model has no such class",
                hint=did_you_mean(self.score_of, names) or f"it has {', '.join(names[:12])}",
            )
        return names.index(self.score_of)

    def _missing_feature(self, feature: Feature, row: Mapping[str, Any]) -> InvalidInput:
        extra = [name for name in row if name not in self._feature_by_name]
        near = nearest(feature.name, extra)
        hint = f"the applicant has {near!r} instead" if near else "give a value for it"
        return InvalidInput(f"{feature.called} is missing", hint=hint)

    def _extra_feature(self, row: Mapping[str, Any]) -> InvalidInput:
        return self._unknown_feature(next(name for name in row if name not in self._feature_by_name))

    def _unknown_feature(self, name: Any) -> InvalidInput:
        return InvalidInput(
            f"the policy {self.name!r} has no feature {str(name)[:60]!r}",
            hint=did_you_mean(str(name), self._feature_by_name) or "leave it out, or add it to the policy",
        )


def _series_row(series: Any) -> Mapping[str, Any]:
    """Returns one row of a DataFrame by column; a column that is there twice is not a choice to make."""
    if getattr(series, "ndim", 1) != 1:
        raise InvalidInput(
            "an applicant is one row, and this is a table",
            hint="take one row with .iloc[0], or decide on all with decide_many",
        )
    index: Any = getattr(series, "index", None)
    if not getattr(index, "is_unique", True):
        twice = index[index.duplicated()][0]
        raise InvalidInput(f"the applicant has the feature {str(twice)[:60]!r} twice", hint="keep one of them")
    found: Mapping[str, Any] = series.to_dict()
    return found


def _class_text(label: Any) -> str:
    """Returns a class of a model as policies write it: 1.0 and 1 are one class."""
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def round_to_micro(value: Any) -> int:
    """Returns a number in micro-units, rounded half to even.

    Raises:
        InvalidInput: If it is not a finite number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise InvalidInput(f"{str(value)[:60]!r} is not a finite number")
    return round(value * MICRO)
