"""A model at work under a policy: every answer it gives is recorded before it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.receipt import Promise, Shown
from counterfoil.core.schema import Schema
from counterfoil.core.statement import Draft
from counterfoil.decisions.decision import Book, Decision
from counterfoil.decisions.policy import MICRO, Policy
from counterfoil.decisions.reasons import Explainer, Reason, explain
from counterfoil.errors import InvalidInput
from counterfoil.provenance import Bar, Model, Scorer, table_rows, to_micro
from counterfoil.store.archive import Archive
from counterfoil.store.prepared import Prepared, Private
from counterfoil.store.recorder import OnFailure, Recorded, Recorder
from counterfoil.store.requests import tag_of

__all__ = ["Deployed", "Deployment", "Made", "Preview", "applicant_rows", "as_score"]

CHUNK: Final = 1_000
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment on record: its place and leaf hash (hex), and where its model and its policy stand."""

    index: int
    leaf: str
    model_index: int
    policy_index: int


@dataclass(frozen=True, slots=True)
class Made:
    """A decision worked out, not yet recorded."""

    label: str
    score: float
    score_micro: int
    reasons: tuple[Reason, ...]
    subject: str | None
    prepared: Prepared


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be decided: the label, the score in whole micro-units, and why, as far as it is found at once."""

    label: str
    score_micro: int
    reasons: tuple[Reason, ...] = ()


class Deployment:
    """Decides with a model under a policy and records every decision.

    Made by `Decisions.wrap`. Safe to call from many threads.

    Attributes:
        policy: The rules.
        model: The registered model.
        leaf: Leaf hash (hex) of the deployment's record, which decisions build on.
        on_log_failure: `deny` (no decision without a record) or `spool`.
    """

    def __init__(
        self,
        book: Book,
        recorder: Recorder,
        archive: Archive,
        policy: Policy,
        model: Model,
        leaf: str,
        schema: Schema,
        scorer: Scorer,
        explainer: Explainer | None,
        on_log_failure: OnFailure,
        bar: Bar,
    ) -> None:
        self.policy = policy
        self.model = model
        self.leaf = leaf
        self.on_log_failure = on_log_failure
        self._book = book
        self._recorder = recorder
        self._archive = archive
        self._schema = schema
        self._scorer = scorer
        self._explainer = explainer
        self._bar = bar

    @property
    def finds_reasons_later(self) -> bool:
        """Whether decisions carry no reasons because a replay finds them."""
        return self._explainer is not None and self._explainer.config.on_demand

    def decide(
        self, applicant: Mapping[str, Any] | Any, *, subject: str | None = None, request: bytes | None = None
    ) -> Decision:
        """Decides on one applicant and returns when the record is durable.

        Args:
            applicant: Feature values by name (or a pandas Series), exactly those of
                the policy.
            subject: Your reference of the person; needed to erase the person later.
            request: Tag of the request it answers; see `store.requests`.

        Raises:
            InvalidInput: For a missing, extra or unusable value. Nothing was recorded.
            Recalled: When the model, its policy or what it was trained on is under recall.
            LogUnavailable: When the record could not be saved (`deny`), or not even
                queued (`spool`). There is no decision then.
        """
        self._require_not_recalled()
        return self.record(self.answer(applicant, subject=subject, request=request))

    def answer(
        self, applicant: Mapping[str, Any] | Any, *, subject: str | None = None, request: bytes | None = None
    ) -> Made:
        """Decides on one applicant and records nothing yet; see `decide` and `record`, which refuses under a recall."""
        return self._answer(self.policy.check_applicant(applicant), subject, request)

    def decide_many(
        self,
        applicants: Iterable[Mapping[str, Any]] | Any,
        *,
        subjects: Sequence[str] | str | None = None,
        progress: Callable[[int, int], None] | None = None,
        first_row: int = 1,
    ) -> list[Decision]:
        """Decides on many applicants; every row is checked before the first is recorded.

        Args:
            applicants: A DataFrame or a list of objects.
            subjects: References in the same order, or the name of the column with them.
            progress: Called with (decisions recorded, decisions in all).
            first_row: Number that messages give the first row.

        Raises:
            InvalidInput: For an unusable row, naming it. Nothing was recorded, unless the
                model itself refuses a row behind the first thousand; the message says so.
            Recalled: When what it rests on is under recall, or is recalled on the way; what was recorded stays.
            LogUnavailable: When the log went away on the way; what was recorded stays.
        """
        self._require_not_recalled()
        rows, references = applicant_rows(applicants, subjects)
        checked = [self._checked(row, number) for number, row in enumerate(rows, first_row)]
        decisions: list[Decision] = []
        for start in range(0, len(rows), CHUNK):
            end = min(start + CHUNK, len(rows))
            made = [
                self._answer_row(checked[place], references[place], first_row + place, start)
                for place in range(start, end)
            ]
            recorded = self._recorder.record([each.prepared for each in made], self.on_log_failure)
            decisions += [self.decision(each, result) for each, result in zip(made, recorded, strict=True)]
            if progress is not None:
                progress(len(decisions), len(rows))
        return decisions

    def preview_many(self, applicants: Iterable[Mapping[str, Any]] | Any, *, first_row: int = 1) -> list[Preview]:
        """Says what would be decided on each applicant, and records nothing: a dry run, and no decision.

        Args:
            applicants: A DataFrame or a list of objects; every row is checked before the model is asked.
            first_row: Number that messages give the first row.

        Raises:
            InvalidInput: For an unusable row, naming it.
            Recalled: When what it rests on is under recall.
        """
        self._require_not_recalled()
        rows = table_rows(applicants, "applicants")
        checked = [self._checked(row, number) for number, row in enumerate(rows, first_row)]
        return [self._preview(row, number) for number, row in enumerate(checked, first_row)]

    def explain(self, applicant: Mapping[str, Any], label: str) -> tuple[Reason, ...]:
        """Returns the reasons that a decision on this applicant has.

        Raises:
            InvalidInput: When the model cannot be explained, or its reasons are unstable.
        """
        if self._explainer is None:
            raise InvalidInput("this model cannot be explained here: no comparison rows were given")
        return explain(self._explainer, self.policy.check_applicant(applicant), self.policy, label)

    def _require_not_recalled(self) -> None:
        self._bar.require(self.leaf, "the decision")

    def _preview(self, checked: Mapping[str, Any], number: int) -> Preview:
        try:
            _, micro, label, reasons = self._worked_out(checked)
        except InvalidInput as error:
            raise InvalidInput(f"row {number}: {error.message}", hint=error.hint) from error
        return Preview(label, micro, reasons or ())

    def _checked(self, row: Mapping[str, Any], number: int) -> dict[str, Any]:
        try:
            return self.policy.check_applicant(row)
        except InvalidInput as error:
            raise InvalidInput(f"row {number}: {error.message}", hint=error.hint) from error

    def _answer_row(self, checked: dict[str, Any], subject: str | None, number: int, recorded: int) -> Made:
        try:
            return self._answer(checked, subject)
        except InvalidInput as error:
            before = f"; the {recorded:,} rows before this thousand are on record" if recorded else ""
            raise InvalidInput(f"row {number}: {error.message}{before}", hint=error.hint) from error

    def _answer(self, checked: dict[str, Any], subject: str | None, request: bytes | None = None) -> Made:
        return self.prepare(checked, *self._worked_out(checked), subject, request)

    def _worked_out(self, checked: Mapping[str, Any]) -> tuple[float, int, str, tuple[Reason, ...] | None]:
        """Asks the model, draws the line, finds the reasons: score, micro-units, label; None for "on demand"."""
        score = as_score(self._scorer.score(self.policy.for_model(checked)))
        micro = to_micro(score)
        label = self.policy.label_for(micro)
        if self._explainer is None or self._explainer.config.on_demand:
            return score, micro, label, None
        return score, micro, label, explain(self._explainer, checked, self.policy, label)

    def prepare(
        self,
        checked: Mapping[str, Any],
        score: float,
        micro: int,
        label: str,
        reasons: tuple[Reason, ...] | None,
        subject: str | None,
        request: bytes | None = None,
    ) -> Made:
        """Prepares the record of a decision; None for reasons means "on demand"."""
        if not 0 <= micro <= MICRO:
            raise InvalidInput(f"a score lies between 0 and 1, found {score!r}")
        values: dict[str, Any] = {f"/input/{name}": value for name, value in checked.items()}
        values["/output/label"] = label
        values["/output/score"] = score
        values["/output/score_micro"] = micro
        if reasons is not None:
            values["/reasons"] = [reason.to_json() for reason in reasons]
        if subject is not None:
            values["/subject"] = subject
        recorder = self._recorder
        retain_until_s = self.policy.retain_until_s(recorder.now_s())
        draft = Draft("decision", self.policy.stream, "decision", (self.leaf,), tag_of(request))
        prepared = recorder.prepare(draft, Private(self._schema, values, subject, retain_until_s))
        return Made(label, score, micro, reasons or (), subject, prepared)

    def record(self, made: Made) -> Decision:
        """Records a prepared decision."""
        return self.decision(made, self._recorder.record([made.prepared], self.on_log_failure)[0])

    def decision(self, made: Made, recorded: Recorded) -> Decision:
        """Returns the decision that was worked out as `made` and is durable as `recorded`."""
        promise = None
        if recorded.promise and made.prepared.tree is not None:
            archive = self._archive
            shown = Shown(
                archive.origin, recorded.entry, self._schema, made.prepared.tree.disclose(), archive.handovers
            )
            promise = Promise(shown, recorded.promise)
        return Decision(
            made.label,
            made.score,
            made.score_micro,
            made.reasons,
            recorded.index,
            recorded.seq,
            recorded.time,
            recorded.leaf.hex(),
            made.subject,
            promise,
            self._book,
        )


def as_score(answer: Any) -> float:
    """Returns a model's answer as a score; beyond 0 and 1 by a rounding error at most.

    Raises:
        InvalidInput: For anything else, NaN and truth values included.
    """
    try:
        number = float("nan") if isinstance(answer, bool | str | bytes) else float(answer)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not -_ROUNDING <= number <= 1 + _ROUNDING:
        raise InvalidInput(f"the model answered {ascii(answer)[:60]}; a score is a number from 0 to 1")
    return min(max(number, 0.0), 1.0)


def applicant_rows(
    applicants: Any, subjects: Sequence[str] | str | None
) -> tuple[list[dict[str, Any]], list[str | None]]:
    """Returns rows and references from a DataFrame or a list of objects."""
    rows = table_rows(applicants, "applicants")
    if subjects is None:
        return rows, [None] * len(rows)
    if isinstance(subjects, str):
        try:
            found = [row.pop(subjects) for row in rows]
        except KeyError:
            raise InvalidInput(f"there is no column {subjects!r} with the people's references") from None
        return rows, [_reference(subject, number) for number, subject in enumerate(found, 1)]
    subjects = list(subjects)
    if len(subjects) != len(rows):
        raise InvalidInput(f"the number of references is {len(subjects)}, and of applicants {len(rows)}")
    return rows, [
        None if subject is None else _reference(subject, number) for number, subject in enumerate(subjects, 1)
    ]


def _reference(subject: Any, number: int) -> str:
    """Returns a person's reference as text; a number is one too, a missing value of pandas is not."""
    text = str(subject)
    is_missing = subject is None or type(subject).__name__ in ("NAType", "NaTType") or subject != subject
    if is_missing or not text or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidInput(f"row {number}: the person's reference is missing or not text")
    return text
