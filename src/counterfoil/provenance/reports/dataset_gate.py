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
        is_answered: Whether a report on record answers it; else that report is what is missing.
    """

    rule: str
    is_met: bool
    found: str
    is_answered: bool = True

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
            NotAllowed: Rules are not met; it names each, what was found, and what to do.
        """
        pairs = zip(self.rules, self.answers(dataset), strict=True)
        unmet = [(rule, answer) for rule, answer in pairs if not answer.is_met]
        if not unmet:
            return
        if len(unmet) == 1:
            (_, only) = unmet[0]
            asked = f"the rule {only.rule} of this home asks for more, and {only.found}"
        else:
            asked = f"{len(unmet):,} rules of this home ask for more: "
            asked += "; ".join(f"{answer.rule} ({answer.found})" for _, answer in unmet)
        raise NotAllowed(
            f"the dataset {dataset.record.name} {dataset.record.version} may not be used for a model: {asked}",
            hint=f"{_next_step(unmet, dataset.record.file_name)}; the rules are dataset_gate in counterfoil.toml",
        )


def _next_step(unmet: Sequence[tuple[DatasetRule, RuleAnswer]], file_name: str) -> str:
    """Returns what to do first: take the reports that are missing, or else mend the data."""
    steps = {
        "privacy": f"counterfoil dataset privacy {file_name} --quasi COLUMN --sensitive COLUMN",
        "quality": f"counterfoil dataset quality {file_name} --group COLUMN --parent FILE",
    }
    missing = {"privacy" if rule.is_about_privacy else "quality" for rule, answer in unmet if not answer.is_answered}
    if missing:
        return "take what is missing: " + " and ".join(steps[each] for each in sorted(missing))
    if any(rule.is_about_privacy for rule, _ in unmet):
        return f"de-identify it, check and use what comes out: counterfoil deidentify {file_name} --settings FILE"
    return "mend the table, register and check it again"


def judge_privacy(rule: DatasetRule, report: PrivacyReport | None) -> RuleAnswer:
    """Returns whether a privacy check meets a rule."""
    if report is None:
        return RuleAnswer(rule.text, False, "no privacy check of it is on record", is_answered=False)
    return _answer(rule, *_PRIVACY[rule.name](rule, report))


def judge_quality(rule: DatasetRule, report: QualityReport | None) -> RuleAnswer:
    """Returns whether a quality report meets a rule."""
    if report is None:
        return RuleAnswer(rule.text, False, "no quality report of it is on record", is_answered=False)
    return _answer(rule, *_QUALITY[rule.name](rule, report))


def _answer(rule: DatasetRule, is_met: bool | None, found: str) -> RuleAnswer:
    """Returns the answer; `is_met` is None where the report does not look at what the rule asks."""
    return RuleAnswer(rule.text, bool(is_met), found, is_answered=is_met is not None)


def _safe_harbor(_rule: DatasetRule, report: PrivacyReport) -> tuple[bool, str]:
    count = len(report.findings) + report.more
    return not count, f"{counted(count, 'finding')} look{'s' if count == 1 else ''} like an identifier"


def _k(rule: DatasetRule, report: PrivacyReport) -> tuple[bool | None, str]:
    if report.groups is None:
        return None, "its privacy check names no quasi-identifiers"
    return report.groups.k >= rule.limit, f"k is {report.groups.k:,}"


def _l(rule: DatasetRule, report: PrivacyReport) -> tuple[bool | None, str]:
    if report.groups is None or not report.groups.diversity:
        return None, "its privacy check names no sensitive column"
    least = min(report.groups.diversity, key=lambda each: each.distinct_l)
    return least.distinct_l >= rule.limit, f"l of {least.column} is {least.distinct_l:,}"


def _t(rule: DatasetRule, report: PrivacyReport) -> tuple[bool | None, str]:
    if report.groups is None or not report.groups.diversity:
        return None, "its privacy check names no sensitive column"
    most = max(report.groups.diversity, key=lambda each: each.t_micro)
    return most.t_micro <= rule.limit * _MICRO, f"t of {most.column} is {most.t_micro / _MICRO:g}"


def _missing(rule: DatasetRule, report: QualityReport) -> tuple[bool, str]:
    found = f"a column lacks {report.most_missing:,} of {report.rows:,} values"
    return report.rows > 0 and report.most_missing <= rule.limit * report.rows, found


def _duplicates(rule: DatasetRule, report: QualityReport) -> tuple[bool, str]:
    found = f"{report.duplicates:,} of {report.rows:,} rows equal an earlier one"
    return report.rows > 0 and report.duplicates <= rule.limit * report.rows, found


def _group(rule: DatasetRule, report: QualityReport) -> tuple[bool | None, str]:
    if not report.groups:
        return None, "its quality report names no groups"
    least = min(report.groups, key=lambda each: each.smallest)
    return least.smallest >= rule.limit, f"the smallest group by {least.column} has {counted(least.smallest, 'row')}"


def _drift(rule: DatasetRule, report: QualityReport) -> tuple[bool | None, str]:
    if report.most_drift_micro is None:
        return None, "its quality report was compared with no parent"
    return report.most_drift_micro <= rule.limit * _MICRO, f"the largest drift is {report.most_drift_micro / _MICRO:g}"


_PRIVACY: Final[dict[str, Callable[[DatasetRule, PrivacyReport], tuple[bool | None, str]]]] = {
    "privacy": lambda _rule, _report: (True, "there is a privacy check"),
    "safe-harbor": _safe_harbor,
    "k": _k,
    "l": _l,
    "t": _t,
}
_QUALITY: Final[dict[str, Callable[[DatasetRule, QualityReport], tuple[bool | None, str]]]] = {
    "quality": lambda _rule, _report: (True, "there is a quality report"),
    "missing": _missing,
    "duplicates": _duplicates,
    "group": _group,
    "drift": _drift,
}
