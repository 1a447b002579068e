"""What a check found: numbered steps, each passed, failed or not checked, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from counterfoil.errors import InvalidInput

__all__ = [
    "EXIT_MATCHES",
    "EXIT_MISMATCH",
    "TITLES",
    "Report",
    "Status",
    "Step",
    "failed",
    "not_checked",
    "passed",
    "report_lines",
]

EXIT_MATCHES: Final = 0
EXIT_MISMATCH: Final = 4

TITLES: Final = {
    "format": "Can the file be read?",
    "log": "Does the record stand in the issuer's log?",
    "issuer": "Is it signed by the issuer?",
    "kept": "Is it still so in the log of today?",
    "anchor": "Is the log's head on a shared ledger?",
    "witnesses": "Did independent witnesses see this head?",
}
"""Questions that more than one kind of check asks, by the id of their step."""

_FINDINGS: Final = ("present", "absent")
"""What a proof about an id can find; each can be required like a step."""


class Status(StrEnum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a check.

    Attributes:
        id: Stable name, as `--require` takes it.
        title: The question the step answers.
        status: How it ended.
        detail: What was found.
        limit: Continues "this cannot show …": "that a value was true"; empty when there is nothing to add.
    """

    id: str
    title: str
    status: Status
    detail: str
    limit: str = ""


_MARKS: Final = {Status.PASSED: "✓", Status.FAILED: "✗", Status.NOT_CHECKED: "–"}  # noqa: RUF001 - words say the same


def passed(step_id: str, title: str, detail: str, limit: str = "") -> Step:
    """Returns a step that passed."""
    return Step(step_id, title, Status.PASSED, detail, limit)


def failed(step_id: str, title: str, detail: str, limit: str = "") -> Step:
    """Returns a step that failed."""
    return Step(step_id, title, Status.FAILED, detail, limit)


def not_checked(step_id: str, title: str, detail: str, limit: str = "") -> Step:
    """Returns a step that was not checked, and why."""
    return Step(step_id, title, Status.NOT_CHECKED, detail, limit)


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of checking one file.

    Attributes:
        what: What was checked, in words.
        steps: In the order they were taken.
        facts: What the file says and the steps confirm (fields shown, counts, …); of a proof that answers a
            question, `shows` says the answer in words and `finding` in one.
        answer: For a receipt held against a log: kept, overdue, unanswered or
            convicted; else empty.
    """

    what: str
    steps: tuple[Step, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    answer: str = ""

    def step(self, step_id: str) -> Step | None:
        """Returns the step with this id, None when the check has none."""
        return next((step for step in self.steps if step.id == step_id), None)

    @property
    def is_intact(self) -> bool:
        """Whether no step failed. Says nothing about steps that were not checked."""
        return bool(self.steps) and all(step.status is not Status.FAILED for step in self.steps)

    @property
    def verdict(self) -> str:
        """One sentence for people."""
        broken = next((step for step in self.steps if step.status is Status.FAILED), None)
        if broken is not None:
            return f"does not match: {broken.detail}"
        if not self.steps:
            return "nothing was checked"
        issuer, shows = self.step("issuer"), self.facts.get("shows")
        start = f"{shows}; " if shows else ""
        if issuer is None or issuer.status is not Status.PASSED:
            return f"{start}intact, issuer unknown"
        return f"{start}intact, and signed by the issuer you named"

    def exit_code(self, require: Iterable[str] = ()) -> int:
        """Returns 0, or 4 when a step failed or a required one was not passed.

        Raises:
            InvalidInput: When a required step does not exist in this check. A check
                that broke off early has not got to all of its steps; that is a 4.
        """
        return EXIT_MATCHES if self.is_intact and not self.missed(require) else EXIT_MISMATCH

    def missed(self, require: Iterable[str]) -> list[str]:
        """Returns those of the required steps and findings that were not met.

        Raises:
            InvalidInput: One does not exist in this check, which did not break off early.
        """
        return [each for each in require if not self._is_met(each)]

    def _is_met(self, name: str) -> bool:
        step, finding = self.step(name), self.facts.get("finding")
        if step is not None:
            return step.status is Status.PASSED
        if not self.is_intact:
            return False
        if finding is not None and name in _FINDINGS:
            return bool(name == finding)
        known = ", ".join([*(each.id for each in self.steps), *(_FINDINGS if finding is not None else ())])
        raise InvalidInput(f"this check has no step {name!r}", hint=f"its steps are {known}")

    def to_json(self) -> dict[str, Any]:
        """Returns the report as JSON."""
        return {
            "answer": self.answer or None,
            "facts": dict(self.facts),
            "intact": self.is_intact,
            "steps": [
                {
                    "number": number,
                    "id": step.id,
                    "title": step.title,
                    "status": str(step.status),
                    "detail": step.detail,
                    "limit": step.limit,
                }
                for number, step in enumerate(self.steps, 1)
            ],
            "verdict": self.verdict,
            "what": self.what,
        }


def report_lines(report: Report) -> Iterator[str]:
    """Yields the numbered steps of a report for people: mark, word, question, finding, limit."""
    for number, step in enumerate(report.steps, 1):
        yield f"{_MARKS[step.status]} {number}. {step.title} {str(step.status).upper()}  [{step.id}]"
        yield f"     {step.detail}"
        if step.limit:
            yield f"     cannot show: {step.limit}"
