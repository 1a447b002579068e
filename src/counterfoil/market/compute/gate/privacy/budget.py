"""The privacy budget: what each buyer may learn of a dataset in all, and what is used up.

An answer leaves in three steps, each on disk before the next: what it costs is spent, the answer is made, the answer
is kept. After a crash at any point the job is asked for again: nothing is spent twice, and an answer that was kept is
given again as it was, noise included; two answers with different noise would tell more than one was paid for.

Costs add up (basic composition). Amounts are whole: epsilon in millionths, delta in 10^-15; a cost is rounded up, a
limit down.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Final

from counterfoil.errors import DoesNotMatch, InvalidInput, NotAllowed
from counterfoil.market.compute.gate.state_file import StateFile

__all__ = ["Budget", "Cost", "Limit", "Spent"]

_VERSION: Final = 1
_TABLES: Final = """
CREATE TABLE spent (
    job TEXT PRIMARY KEY, buyer TEXT NOT NULL, dataset TEXT NOT NULL,
    epsilon_millionths INTEGER NOT NULL, delta_femto INTEGER NOT NULL, time TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_by_dataset ON spent (dataset, buyer);
CREATE TABLE answers (job TEXT PRIMARY KEY, answer BLOB NOT NULL) STRICT, WITHOUT ROWID
"""
_JOB: Final = re.compile(r"[0-9a-f]{64}")
_MILLION: Final = 10**6
_FEMTO: Final = 10**15


@dataclass(frozen=True, slots=True)
class Cost:
    """Epsilon in millionths and delta in 10^-15."""

    epsilon_millionths: int
    delta_femto: int = 0

    @classmethod
    def of(cls, epsilon: float, delta: float = 0.0) -> Cost:
        """Returns what an answer costs, rounded up.

        Raises:
            InvalidInput: It costs nothing, less, or more than any noise is worth.
        """
        if not 0 < epsilon <= 1_000 or not 0 <= delta < 1:
            raise InvalidInput(f"an answer of epsilon {epsilon} and delta {delta}", hint="more than 0, and less than 1")
        return cls(ceil(Fraction(str(epsilon)) * _MILLION), ceil(Fraction(str(delta)) * _FEMTO))


@dataclass(frozen=True, slots=True)
class Limit:
    """What may be spent.

    Attributes:
        buyer: By one buyer, of one dataset.
        everybody: By all buyers together, of one dataset: buyers may share what they learn. None: not limited.
    """

    buyer: Cost
    everybody: Cost | None = None

    @classmethod
    def of(cls, epsilon: float, delta: float = 0.0, *, everybody_epsilon: float | None = None) -> Limit:
        """Returns a limit, rounded down; delta is the same for all together."""
        delta_femto = floor(Fraction(str(delta)) * _FEMTO)
        both = (
            None if everybody_epsilon is None else Cost(floor(Fraction(str(everybody_epsilon)) * _MILLION), delta_femto)
        )
        return cls(Cost(floor(Fraction(str(epsilon)) * _MILLION), delta_femto), both)


@dataclass(frozen=True, slots=True)
class Spent:
    """What one job has spent."""

    job: str
    buyer: str
    dataset: str
    cost: Cost
    time: str


class Budget:
    """The budget of one home, in one file. Threads and processes may share it.

    Args:
        path: The file; made when missing.

    Raises:
        HomeDamaged, NotSetUp, LogUnavailable: See `StateFile`.
    """

    def __init__(self, path: Path) -> None:
        self._file = StateFile(path, _TABLES, _VERSION)

    def answer(
        self, job: str, buyer: str, dataset: str, cost: Cost, limit: Limit, now: str, make: Callable[[], bytes]
    ) -> bytes:
        """Returns the answer of a job, the same each time; its cost is spent once, before it is made.

        Args:
            job: SHA-256 (hex) of the job's specification.
            buyer: Who asks: an account or a key.
            dataset: Content root of the dataset (hex): a new version is another dataset.
            cost: What the answer costs.
            limit: Of the offer.
            now: RFC 3339, for the books.
            make: Makes the answer with fresh noise; called at most once by a process.

        Raises:
            NotAllowed: It would be more than the limit. Nothing was spent.
            DoesNotMatch: The job was paid for with another cost, or by another buyer.
        """
        kept = self._kept(job)
        if kept is not None:
            self._require_same(job, buyer, dataset, cost)
            return kept
        self.spend(job, buyer, dataset, cost, limit, now)
        made = make()
        with self._file.writing() as connection:
            # Where two were at it at once, the answer that was kept first is everybody's.
            connection.execute("INSERT INTO answers VALUES (?, ?) ON CONFLICT DO NOTHING", (job, made))
            [first] = connection.execute("SELECT answer FROM answers WHERE job = ?", (job,)).fetchone()
        return bytes(first)

    def spend(self, job: str, buyer: str, dataset: str, cost: Cost, limit: Limit, now: str) -> bool:
        """Spends what a job costs; returns False where that was done before.

        Raises:
            NotAllowed: It would be more than the limit. Nothing was spent.
            DoesNotMatch: The job was paid for with another cost, or by another buyer.
        """
        if not _JOB.fullmatch(job) or not buyer or not dataset:
            raise InvalidInput("a job is named by 64 hex digits, a buyer and a dataset by a text")
        with self._file.writing() as connection:
            row = connection.execute("SELECT * FROM spent WHERE job = ?", (job,)).fetchone()
            if row is not None:
                _require_row(row, buyer, dataset, cost)
                return False
            own = _sum(connection.execute(_SUM + " WHERE dataset = ? AND buyer = ?", (dataset, buyer)).fetchone())
            all_of_it = _sum(connection.execute(_SUM + " WHERE dataset = ?", (dataset,)).fetchone())
            _require_within(own, cost, limit.buyer, "of this buyer's budget")
            if limit.everybody is not None:
                _require_within(all_of_it, cost, limit.everybody, "of the budget of all buyers together")
            amounts = cost.epsilon_millionths, cost.delta_femto
            connection.execute("INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?)", (job, buyer, dataset, *amounts, now))
        return True

    def left(self, buyer: str, dataset: str, limit: Limit) -> Cost:
        """Returns what a buyer may still spend on a dataset."""
        with self._file.reading() as connection:
            own = _sum(connection.execute(_SUM + " WHERE dataset = ? AND buyer = ?", (dataset, buyer)).fetchone())
            all_of_it = _sum(connection.execute(_SUM + " WHERE dataset = ?", (dataset,)).fetchone())
        ways = [_less(limit.buyer, own)] + ([_less(limit.everybody, all_of_it)] if limit.everybody is not None else [])
        return Cost(min(each.epsilon_millionths for each in ways), min(each.delta_femto for each in ways))

    def history(self, dataset: str) -> list[Spent]:
        """Returns what was spent on a dataset, in the order of time."""
        query = "SELECT * FROM spent WHERE dataset = ? ORDER BY time, job"
        with self._file.reading() as connection:
            rows = connection.execute(query, (dataset,)).fetchall()
        return [Spent(job, who, what, Cost(epsilon, delta), time) for job, who, what, epsilon, delta, time in rows]

    def _kept(self, job: str) -> bytes | None:
        with self._file.reading() as connection:
            row = connection.execute("SELECT answer FROM answers WHERE job = ?", (job,)).fetchone()
        return None if row is None else bytes(row[0])

    def _require_same(self, job: str, buyer: str, dataset: str, cost: Cost) -> None:
        with self._file.reading() as connection:
            _require_row(
                connection.execute("SELECT * FROM spent WHERE job = ?", (job,)).fetchone(), buyer, dataset, cost
            )


_SUM: Final = "SELECT coalesce(sum(epsilon_millionths), 0), coalesce(sum(delta_femto), 0) FROM spent"


def _sum(row: tuple[int, int]) -> Cost:
    return Cost(*row)


def _less(limit: Cost, used: Cost) -> Cost:
    return Cost(
        max(0, limit.epsilon_millionths - used.epsilon_millionths), max(0, limit.delta_femto - used.delta_femto)
    )


def _require_within(used: Cost, cost: Cost, limit: Cost, whose: str) -> None:
    left = _less(limit, used)
    if cost.epsilon_millionths > left.epsilon_millionths or cost.delta_femto > left.delta_femto:
        raise NotAllowed(
            f"it costs epsilon {_shown(cost, cost)}, and {_shown(left, cost)} {whose} is left",
            hint="ask for less, with a smaller epsilon; what is used up does not come back",
        )


def _shown(amount: Cost, asked: Cost) -> str:
    delta = f" and delta {amount.delta_femto / _FEMTO:g}" if asked.delta_femto else ""
    return f"{amount.epsilon_millionths / _MILLION:g}{delta}"


def _require_row(row: tuple[str, str, str, int, int, str] | None, buyer: str, dataset: str, cost: Cost) -> None:
    if row is None or row[1:5] != (buyer, dataset, cost.epsilon_millionths, cost.delta_femto):
        raise DoesNotMatch("this job was paid for otherwise", hint="a job has one buyer, one dataset and one cost")
