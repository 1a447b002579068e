"""A determinism certificate: what was tried, and what a replay must therefore match.

The same model can answer with other last digits for another batch size or number of
threads. A certificate compares a model, as it is run, with the artefact that replays
it, and states the rule: equal to the digit, equal within a tolerance, or no replay.
It holds for what was tried, on the machine where it was tried; `runtime()` names both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Any, Literal

from counterfoil.core.canonical import JsonValue
from counterfoil.errors import INSTALL_ML, InvalidInput, NotSetUp
from counterfoil.provenance.models.artefact import Scorer
from counterfoil.provenance.models.fixedpoint import to_micro

__all__ = ["LARGEST_TOLERANCE_MICRO", "MOST_ROWS", "Certificate", "Setting", "certify", "certify_scorer", "evenly"]

Kind = Literal["exact", "tolerance", "none"]

LARGEST_TOLERANCE_MICRO = 1_000
"""A model that differs by more, 0.1 % of a score, from its artefact is another model."""

MOST_ROWS = 256
"""Rows tried, evenly spaced over those given; one at a time they cost the most."""

_KEYS = {"kind", "reason", "rows", "toleranceMicro", "tried"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One way the model was run: threads, rows a call (0 for all at once), largest difference.

    Args:
        threads: Of the numeric libraries; 0 where they were left alone.
        batch: Rows in one call; 0 means all in one call.
        differing: Rows with a score that is not bit for bit the artefact's.
        largest_nano: Largest difference of a score, in units of 10^-9, rounded up.
    """

    threads: int
    batch: int
    differing: int
    largest_nano: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a replay has to match.

    Args:
        kind: "exact", "tolerance", or "none": this model cannot be replayed.
        tolerance_micro: Largest difference allowed, in micro-units of the score.
        tried: The settings that were compared.
        rows: How many rows were compared in each.
        reason: For "none": why, in plain words. Else an empty text.
    """

    kind: Kind
    tolerance_micro: int
    tried: tuple[Setting, ...]
    rows: int
    reason: str = ""

    @classmethod
    def untried(cls, reason: str) -> Certificate:
        """Returns the certificate of a model that is not replayed, for the `reason` given."""
        return cls("none", 0, (), 0, reason)

    def agrees(self, recorded_micro: int, replayed_micro: int) -> bool:
        """Returns whether a replayed score is what this certificate promises; never for "none"."""
        return self.kind != "none" and abs(recorded_micro - replayed_micro) <= self.tolerance_micro

    def to_json(self) -> dict[str, JsonValue]:
        """Returns the certificate as records hold it."""
        return {
            "kind": self.kind,
            "reason": self.reason,
            "rows": self.rows,
            "toleranceMicro": self.tolerance_micro,
            "tried": [
                {
                    "batch": item.batch,
                    "differing": item.differing,
                    "largestNano": item.largest_nano,
                    "threads": item.threads,
                }
                for item in self.tried
            ],
        }

    @classmethod
    def from_json(cls, value: object) -> Certificate:
        """Reads what `to_json` wrote.

        Raises:
            InvalidInput: For anything else.
        """
        if not isinstance(value, dict) or value.keys() != _KEYS:
            raise InvalidInput("not a determinism certificate: its keys are not " + ", ".join(sorted(_KEYS)))
        kind, reason, tried = value["kind"], value["reason"], value["tried"]
        if kind not in ("exact", "tolerance", "none") or not isinstance(reason, str) or not isinstance(tried, list):
            raise InvalidInput("not a determinism certificate: kind, reason or tried is not usable")
        tolerance = _count(value["toleranceMicro"])
        if (kind == "tolerance") != (tolerance > 0) or tolerance > LARGEST_TOLERANCE_MICRO:
            raise InvalidInput(f"not a determinism certificate: {kind!r} with a tolerance of {tolerance}")
        return cls(kind, tolerance, tuple(map(_read_setting, tried)), _count(value["rows"]), reason)


def certify(
    score_many: Callable[[Any], Sequence[float]],
    scorer: Scorer,
    rows: Any,
    *,
    threads: Sequence[int] = (1, 2),
    batches: Sequence[int | None] = (1, 2, 7, 32, None),
    most_rows: int = MOST_ROWS,
) -> Certificate:
    """Compares a model, as it is run, with the artefact that will replay it.

    1. The artefact scores every row alone; that is what a replay does.
    2. The model scores the same rows in every setting, and in the last one twice.
    3. If every score is bit for bit the artefact's, a replay must match exactly. If
       not, the tolerance is twice the largest difference seen, rounded up to a
       micro-unit: rows that were not tried may differ a little more.
    4. A model that fails, answers no number, changes its answer between two equal
       calls, or differs by more than `LARGEST_TOLERANCE_MICRO` gets no replay.

    Args:
        score_many: Rows in, one score each out; gets what `rows` is, in slices.
        scorer: The loaded artefact.
        rows: A list of objects, or a DataFrame.
        threads: Numbers of threads to try, by threadpoolctl.
        batches: Rows a call to try; None for all at once.
        most_rows: Rows to try, evenly spaced.

    Raises:
        InvalidInput: If there are no rows to try, or the artefact cannot score one of them.
        NotSetUp: If threadpoolctl is not installed.
    """
    table = _require_rows(evenly(rows, most_rows))
    count = len(table)
    tried: list[Setting] = []
    expected = [scorer.score(row) for row in _objects(table)]
    for number in threads:
        for batch in batches:
            with _limited(number):
                answer, reason = _answers(score_many, table, batch or count)
            if reason:
                return Certificate("none", 0, tuple(tried), count, reason)
            tried.append(_compare(expected, answer, number, batch or 0))
    with _limited(threads[-1]):
        again, reason = _answers(score_many, table, batches[-1] or count)
    if reason or again != answer:
        changed = "the model changed its answer between two identical calls"
        return Certificate("none", 0, tuple(tried), count, reason or changed)
    return _conclude(tuple(tried), count)


def certify_scorer(scorer: Scorer, rows: Any, *, most_rows: int = MOST_ROWS) -> Certificate:
    """Compares an artefact with itself, for decisions that are made by the artefact.

    Raises:
        InvalidInput: If there are no rows to try, or the artefact cannot score one of them.
    """
    table = _require_rows(evenly(rows, most_rows))
    objects = _objects(table)
    first = [scorer.score(row) for row in objects]
    again = [scorer.score(row) for row in reversed(objects)][::-1]
    if first != again:
        return Certificate("none", 0, (), len(objects), "the artefact changed its answer between two identical calls")
    return _conclude((_compare(first, again, 0, 1),), len(objects))


def _conclude(tried: tuple[Setting, ...], count: int) -> Certificate:
    if not any(item.differing for item in tried):
        return Certificate("exact", 0, tried, count)
    tolerance_micro = max(1, ceil(2 * max(item.largest_nano for item in tried) / 1000))
    if tolerance_micro > LARGEST_TOLERANCE_MICRO:
        largest = max(item.largest_nano for item in tried) / 1e9
        reason = f"the model and its artefact differ by up to {largest:.6f}, so they are not the same model"
        return Certificate("none", 0, tried, count, reason)
    return Certificate("tolerance", tolerance_micro, tried, count)


def _compare(expected: list[float], answer: list[float], threads: int, batch: int) -> Setting:
    """Also counts a rounding edge: scores 10^-12 apart can be one micro-unit apart."""
    gaps = [abs(a - b) for a, b in zip(expected, answer, strict=True)]
    edges = [abs(to_micro(a) - to_micro(b)) * 500 for a, b in zip(expected, answer, strict=True)]
    largest_nano = max(ceil(max(gaps) * 1e9), *edges, 0)
    return Setting(threads, batch, sum(a != b for a, b in zip(expected, answer, strict=True)), largest_nano)


def _answers(score_many: Callable[[Any], Sequence[float]], table: Any, batch: int) -> tuple[list[float], str]:
    """Returns the scores, or an empty list and why there are none."""
    found: list[float] = []
    for start in range(0, len(table), batch):
        part = table.iloc[start : start + batch] if hasattr(table, "iloc") else table[start : start + batch]
        try:
            scores = [float(score) for score in score_many(part)]
        except Exception as error:  # noqa: BLE001 - somebody else's code: whatever it raises is the finding
            # Its message may quote a row, and certificates are public.
            return [], f"the model failed with a {type(error).__name__}"
        if len(scores) != len(part):
            return [], f"the model gave {len(scores)} scores for {len(part)} rows"
        if not all(map(isfinite, scores)):
            return [], "the model answered something that is not a number"
        found += scores
    return found, ""


def evenly(rows: Any, most: int) -> Any:
    """Returns at most `most` rows of a list or a DataFrame, evenly spaced; anything else as it is."""
    if not hasattr(rows, "iloc") and not isinstance(rows, list | tuple):
        return rows
    count = len(rows)
    picked = sorted({i * count // most for i in range(most)}) if count > most else list(range(count))
    return rows.iloc[picked] if hasattr(rows, "iloc") else [rows[i] for i in picked]


def _require_rows(table: Any) -> Any:
    if len(table) == 0:
        raise InvalidInput("a certificate needs at least one row to try", hint="give a sample of rows")
    return table


def _objects(table: Any) -> list[dict[str, JsonValue]]:
    if not hasattr(table, "iloc"):
        return [dict(row) for row in table]
    return [
        {str(key): None if value != value else value for key, value in row.items()} for row in table.to_dict("records")
    ]


def _limited(threads: int) -> AbstractContextManager[Any]:
    if threads == 0:
        return nullcontext()
    try:
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise NotSetUp("trying numbers of threads needs threadpoolctl", hint=INSTALL_ML) from error
    limits: AbstractContextManager[Any] = threadpool_limits(limits=threads)
    return limits


def _read_setting(value: object) -> Setting:
    if not isinstance(value, dict) or value.keys() != {"batch", "differing", "largestNano", "threads"}:
        raise InvalidInput("not a determinism certificate: a setting that was tried is not usable")
    return Setting(
        _count(value["threads"]), _count(value["batch"]), _count(value["differing"]), _count(value["largestNano"])
    )


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidInput("not a determinism certificate: a count is not a whole number of 0 or more")
    return value
