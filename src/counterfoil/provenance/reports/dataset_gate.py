"""The gate between data and models: what a dataset must have passed before a model may rest on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.core.wording import counted
from counterfoil.errors import NotAllowed
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.privacy.report import PrivacyReport
from counterfoil.provenance.quality.report import QualityReport
from counterfoil.provenance.reports.dataset_reports import DatasetReports
from counterfoil.store.dataset_rules import DatasetRule

__all__ = ["DatasetGate", "RuleAnswer", "judge_privacy", "judge_quality"]

_MICRO: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """Whether a dataset meets a rule.

    Attributes:
        rule: As it was written.
        is_met: Whether it does; never where what it asks for is not known.
        found: What was found, in a few words.
    """

    rule: str
    is_met: bool
    found: str

    def to_json(self) -> dict[str, object]:
        """Returns it as JSON values."""
        return {"found": self.found, "met": self.is_met, "rule": self.rule}


class DatasetGate:
    """Asks the newest reports on record whether a dataset may be used.

    Args:
        rules: What must hold; without any, everything may be used.
        reports: The reports on record.
    """

    def __init__(self, rules: Sequence[DatasetRule], reports: DatasetReports) -> None:
        self.rules = tuple(rules)
        self._reports = reports

    def answers(self, dataset: Dataset) -> list[RuleAnswer]:
        """Returns an answer to every rule, in order; a missing report meets none."""
        asked = {rule.is_about_privacy for rule in self.rules}
        privacy = self._reports.privacy(dataset)[-1:] if True in asked else []
        quality = self._reports.quality(dataset)[-1:] if False in asked else []
        found = []
        for rule in self.rules:
            if rule.is_about_privacy:
                found.append(judge_privacy(rule, privacy[0].report if privacy else None))
            else:
                found.append(judge_quality(rule, quality[0].report if quality else None))
        return found

    def require(self, dataset: Dataset) -> None:
        """Refuses a dataset that a model may not rest on.

        Raises:
            NotAllowed: A rule is not met; it names the rule, what was found, and the command to run.
        """
        for rule, answer in zip(self.rules, self.answers(dataset), strict=True):
            if not answer.is_met:
                named = f"{dataset.record.name} {dataset.record.version}"
                command = "privacy" if rule.is_about_privacy else "quality"
                raise NotAllowed(
                    f"the dataset {named} may not be used for a model: the rule {answer.rule} of this home asks for"
                    f" more, and {answer.found}",
                    hint=f"counterfoil dataset {command} {dataset.record.file_name}; the rules are dataset_gate in"
                    " counterfoil.toml",
                )


def judge_privacy(rule: DatasetRule, report: PrivacyReport | None) -> RuleAnswer:
    """Returns whether a privacy check meets a rule."""
    if report is None:
        return RuleAnswer(rule.text, False, "no privacy check of it is on record")
    return RuleAnswer(rule.text, *_PRIVACY[rule.name](rule, report))


def judge_quality(rule: DatasetRule, report: QualityReport | None) -> RuleAnswer:
    """Returns whether a quality report meets a rule."""
    if report is None:
        return RuleAnswer(rule.text, False, "no quality report of it is on record")
    return RuleAnswer(rule.text, *_QUALITY[rule.name](rule, report))


def _safe_harbor(_rule: DatasetRule, report: PrivacyReport) -> tuple[bool, str]:
    count = len(report.findings) + report.more
    return not count, f"{counted(count, 'finding')} look{'s' if count == 1 else ''} like an identifier"


def _k(rule: DatasetRule, report: PrivacyReport) -> tuple[bool, str]:
    if report.groups is None:
        return False, "its privacy check names no quasi-identifiers"
    return report.groups.k >= rule.limit, f"k is {report.groups.k:,}"


def _l(rule: DatasetRule, report: PrivacyReport) -> tuple[bool, str]:
    if report.groups is None or not report.groups.diversity:
        return False, "its privacy check names no sensitive column"
    least = min(report.groups.diversity, key=lambda each: each.distinct_l)
    return least.distinct_l >= rule.limit, f"l of {least.column} is {least.distinct_l:,}"


def _t(rule: DatasetRule, report: PrivacyReport) -> tuple[bool, str]:
    if report.groups is None or not report.groups.diversity:
        return False, "its privacy check names no sensitive column"
    most = max(report.groups.diversity, key=lambda each: each.t_micro)
    return most.t_micro <= rule.limit * _MICRO, f"t of {most.column} is {most.t_micro / _MICRO:g}"


def _missing(rule: DatasetRule, report: QualityReport) -> tuple[bool, str]:
    found = f"a column lacks {report.most_missing:,} of {report.rows:,} values"
    return report.rows > 0 and report.most_missing <= rule.limit * report.rows, found


def _duplicates(rule: DatasetRule, report: QualityReport) -> tuple[bool, str]:
    found = f"{report.duplicates:,} of {report.rows:,} rows equal an earlier one"
    return report.rows > 0 and report.duplicates <= rule.limit * report.rows, found


def _group(rule: DatasetRule, report: QualityReport) -> tuple[bool, str]:
    if not report.groups:
        return False, "its quality report names no groups"
    least = min(report.groups, key=lambda each: each.smallest)
    return least.smallest >= rule.limit, f"the smallest group by {least.column} has {least.smallest:,} rows"


def _drift(rule: DatasetRule, report: QualityReport) -> tuple[bool, str]:
    if report.most_drift_micro is None:
        return False, "its quality report was compared with no parent"
    return report.most_drift_micro <= rule.limit * _MICRO, f"the largest drift is {report.most_drift_micro / _MICRO:g}"


_PRIVACY: Final[dict[str, Callable[[DatasetRule, PrivacyReport], tuple[bool, str]]]] = {
    "privacy": lambda _rule, _report: (True, "there is a privacy check"),
    "safe-harbor": _safe_harbor,
    "k": _k,
    "l": _l,
    "t": _t,
}
_QUALITY: Final[dict[str, Callable[[DatasetRule, QualityReport], tuple[bool, str]]]] = {
    "quality": lambda _rule, _report: (True, "there is a quality report"),
    "missing": _missing,
    "duplicates": _duplicates,
    "group": _group,
    "drift": _drift,
}
