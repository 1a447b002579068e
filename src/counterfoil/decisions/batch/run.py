"""Deciding on a whole table, with what was decided written down as it is recorded."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from counterfoil.decisions.batch.applicants import Applicant
from counterfoil.decisions.decision import Decision
from counterfoil.decisions.deployment import Deployment
from counterfoil.decisions.fitting import require_fit
from counterfoil.decisions.policy import Policy
from counterfoil.errors import InvalidInput, LogUnavailable, Recalled
from counterfoil.provenance import Scorer

__all__ = ["COLUMNS", "decide_table", "preview_table"]

COLUMNS: Final = ("row", "subject", "label", "score", "reasons", "index", "seq", "time", "leaf", "promise")
_CHUNK: Final = 1_000

Progress = Callable[[int, int], None]


def decide_table(
    deployment: Deployment,
    applicants: Sequence[Applicant],
    out: Path | None,
    progress: Progress | None = None,
    *,
    goes_on: bool = False,
) -> list[Decision]:
    """Decides on all applicants; each thousand is in `out` before the next is decided.

    Args:
        deployment: The model at work.
        applicants: Checked rows.
        out: A new CSV file, None for none.
        progress: Called with (decisions recorded, decisions in all).
        goes_on: `out` is there and has its header: write behind what it holds.

    Raises:
        InvalidInput: When `out` exists. Nothing was recorded.
        LogUnavailable: When the log went away; the message says how many are on record.
            The same is said where the model itself refuses a row (InvalidInput), or what
            it rests on is recalled meanwhile (Recalled).
    """
    decided: list[Decision] = []
    with ExitStack() as stack:
        writer: Any = None
        if out is not None:
            try:
                file = stack.enter_context(out.open("a" if goes_on else "x", encoding="utf-8", newline=""))
            except FileExistsError as error:
                raise InvalidInput(f"{out} already exists", hint="choose another name or remove it first") from error
            except OSError as error:
                raise InvalidInput(f"{out} cannot be written: {error.strerror}") from error
            writer = csv.writer(file)
            if not goes_on:
                writer.writerow(COLUMNS)
        for start in range(0, len(applicants), _CHUNK):
            chunk = applicants[start : start + _CHUNK]
            try:
                made = deployment.decide_many(
                    [each.values for each in chunk],
                    subjects=[each.subject for each in chunk],
                    first_row=chunk[0].row,
                )
            except (InvalidInput, LogUnavailable, Recalled) as error:
                raise type(error)(
                    f"{error.message}; {len(decided):,} of {len(applicants):,} rows were decided, and are on record",
                    hint=error.hint,
                ) from error
            decided += made
            if writer is not None:
                writer.writerows(_cells(row, each) for row, each in zip(chunk, made, strict=True))
                file.flush()  # in the file before the next are decided, whatever ends this process
            if progress is not None:
                progress(len(decided), len(applicants))
    return decided


def preview_table(
    scorer: Scorer, policy: Policy, applicants: Sequence[Applicant], progress: Progress | None = None
) -> list[tuple[int, str, str, int]]:
    """Returns (row, subject, label, score in micro-units) as they would be decided; records nothing.

    Raises:
        InvalidInput: When model and policy do not fit, or the model refuses a row.
    """
    require_fit(scorer, policy)
    previewed = []
    for done, each in enumerate(applicants, 1):
        try:
            micro = scorer.score_micro(policy.for_model(each.values))
        except InvalidInput as error:
            raise InvalidInput(f"row {each.row}: {error.message}", hint=error.hint) from error
        previewed.append((each.row, each.subject, policy.label_for(micro), micro))
        if progress is not None:
            progress(done, len(applicants))
    return previewed


def _cells(applicant: Applicant, made: Decision) -> list[Any]:
    return [
        applicant.row,
        applicant.subject,
        made.label,
        made.score,
        " ".join(reason.code for reason in made.reasons),
        made.index,
        made.seq,
        made.time,
        made.leaf,
        made.promise.encode().decode() if made.promise else "",
    ]
