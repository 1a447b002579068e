"""A model at work on a node: it decides there, and the record is durable before the answer is here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from counterfoil.client.problems import error_in
from counterfoil.client.reading import decision_in, preview_in
from counterfoil.client.wire import Wire
from counterfoil.decisions.decision import Book, Decision
from counterfoil.decisions.deployment import Preview, applicant_rows
from counterfoil.decisions.policy import Policy
from counterfoil.errors import CounterfoilError, InvalidInput
from counterfoil.provenance import Model, table_rows
from counterfoil.store.recorder import OnFailure

__all__ = ["RemoteDeployment"]

CHUNK: Final = 1_000
"""Applicants in one request."""


class RemoteDeployment:
    """Decides with a model under a policy; see `decisions.Deployment`.

    Attributes:
        index: Place of its record.
        policy: The rules.
        model: The registered model.
        leaf: Leaf hash (hex) of its record.
        on_log_failure: `deny` (no decision without a record) or `spool`.
        receipts: Whether each answer brings the receipt along.
    """

    def __init__(
        self,
        wire: Wire,
        book: Book,
        index: int,
        leaf: str,
        policy: Policy,
        model: Model,
        on_log_failure: OnFailure,
        *,
        receipts: bool = False,
    ) -> None:
        self._wire = wire
        self._book = book
        self.index = index
        self.leaf = leaf
        self.policy = policy
        self.model = model
        self.on_log_failure = on_log_failure
        self.receipts = receipts

    def decide(self, applicant: Mapping[str, Any] | Any, *, subject: str | None = None) -> Decision:
        """Decides on one applicant and returns when the record is durable; see `Deployment.decide`.

        Raises:
            NodeUnreachable: The node did not answer. Whether it decided is not known: look before you ask again.
        """
        told = self._wire.post(self._path, _line(self.policy.check_applicant(applicant), subject), params=self._params)
        return decision_in(told, self.policy, self._book)

    def decide_many(
        self,
        applicants: Iterable[Mapping[str, Any]] | Any,
        *,
        subjects: Sequence[str] | str | None = None,
        progress: Callable[[int, int], None] | None = None,
        first_row: int = 1,
    ) -> list[Decision]:
        """Decides on many applicants; every row is checked before the first is sent; see `Deployment.decide_many`."""
        rows, references = applicant_rows(applicants, subjects)
        lines = [
            _line(self._checked(row, number), reference)
            for number, (row, reference) in enumerate(zip(rows, references, strict=True), first_row)
        ]
        decided: list[Decision] = []
        for start in range(0, len(lines), CHUNK):
            chunk = lines[start : start + CHUNK]
            answers = self._wire.post_lines(f"{self._path}/batch", chunk, params=self._params)
            self._require_all(answers, first_row + start, len(decided))
            decided += [decision_in(told, self.policy, self._book) for told in answers]
            if progress is not None:
                progress(len(decided), len(lines))
        return decided

    def preview_many(self, applicants: Iterable[Mapping[str, Any]] | Any, *, first_row: int = 1) -> list[Preview]:
        """Says what would be decided on each applicant, and records no decision; see `Deployment.preview_many`."""
        rows = table_rows(applicants, "applicants")
        checked = [self._checked(row, number) for number, row in enumerate(rows, first_row)]
        told: list[Mapping[str, Any]] = []
        for start in range(0, len(checked), CHUNK):
            wanted = {"applicants": checked[start : start + CHUNK]}
            told += self._wire.post(f"/deployments/{self.index}/previews", wanted)
        return [preview_in(each, self.policy) for each in told]

    @property
    def _path(self) -> str:
        return f"/deployments/{self.index}/decisions"

    @property
    def _params(self) -> dict[str, str]:
        return {"on_log_failure": self.on_log_failure} | ({"receipt": "true"} if self.receipts else {})

    def _checked(self, row: Mapping[str, Any], number: int) -> dict[str, Any]:
        try:
            return self.policy.check_applicant(row)
        except InvalidInput as error:
            raise InvalidInput(f"row {number}: {error.message}", hint=error.hint) from error

    def _require_all(self, answers: Sequence[Mapping[str, Any]], first: int, before: int) -> None:
        """Raises what went wrong with the first row that was not decided on, saying what is on record."""
        wrong = [(number, told) for number, told in enumerate(answers, first) if "code" in told]
        if not wrong:
            return
        number, told = wrong[0]
        error: CounterfoilError = error_in(told, int(told.get("status", 500)))
        recorded = before + len(answers) - len(wrong)
        kept = f"; {recorded:,} other rows were decided, and are on record" if recorded else ""
        raise type(error)(f"row {number}: {error.message}{kept}", hint=error.hint)


def _line(checked: Mapping[str, Any], subject: str | None) -> dict[str, Any]:
    return {"applicant": dict(checked)} | ({} if subject is None else {"subject": subject})
