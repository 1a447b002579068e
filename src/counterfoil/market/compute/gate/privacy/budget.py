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

from sqlalchemy import BigInteger, Column, Connection, Index, LargeBinary, MetaData, String, Table, func, select
from sqlalchemy.dialects.sqlite import insert

from counterfoil.errors import DoesNotMatch, InvalidInput, NotAllowed
from counterfoil.store.state_file import StateFile

__all__ = ["Budget", "Cost", "Limit", "Spent"]

_metadata: Final = MetaData()

_spent: Final = Table(
    "privacy_spent",
    _metadata,
    Column("job", String, primary_key=True),
    Column("buyer", String, nullable=False),
    Column("dataset", String, nullable=False),
    Column("epsilon_millionths", BigInteger, nullable=False),
    Column("delta_femto", BigInteger, nullable=False),
    Column("time", String, nullable=False),
    Index("privacy_spent_by_dataset", "dataset", "buyer"),
)
_answers: Final = Table(
    "privacy_answers",
    _metadata,
    Column("job", String, primary_key=True),
    Column("answer", LargeBinary, nullable=False),
)
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
    """The budget of one home, in one file. Safe to use from many threads.

    Args:
        path: The file; made when missing.

    Raises:
        HomeDamaged, NotSetUp, LogUnavailable: See `StateFile`.
    """

    def __init__(self, path: Path) -> None:
        self._file = StateFile(path, _metadata)

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
            make: Makes the answer with fresh noise.

        Raises:
            NotAllowed: It would be more than the limit. Nothing was spent.
            DoesNotMatch: The job was paid for with another cost, or by another buyer.
        """
        self.spend(job, buyer, dataset, cost, limit, now)
        kept = self._kept(job)
        if kept is not None:
            return kept
        made = make()
        with self._file.writing() as connection:
            # Where two were at it at once, the answer that was kept first is everybody's.
            connection.execute(insert(_answers).values(job=job, answer=made).on_conflict_do_nothing())
            return bytes(connection.execute(select(_answers.c.answer).where(_answers.c.job == job)).scalar_one())

    def spend(self, job: str, buyer: str, dataset: str, cost: Cost, limit: Limit, now: str) -> bool:
        """Spends what a job costs; returns False where that was done before.

        Raises:
            NotAllowed: It would be more than the limit. Nothing was spent.
            DoesNotMatch: The job was paid for with another cost, or by another buyer.
        """
        if not _JOB.fullmatch(job) or not buyer or not dataset:
            raise InvalidInput("a job is named by 64 hex digits, a buyer and a dataset by a text")
        amounts = (cost.epsilon_millionths, cost.delta_femto)
        with self._file.writing() as connection:
            row = connection.execute(select(_spent).where(_spent.c.job == job)).one_or_none()
            if row is not None:
                if tuple(row)[1:5] != (buyer, dataset, *amounts):
                    raise DoesNotMatch(
                        "this job was paid for otherwise", hint="a job has one buyer, one dataset and one cost"
                    )
                return False
            _require_within(_used(connection, dataset, buyer), cost, limit.buyer, "of this buyer's budget")
            if limit.everybody is not None:
                whose = "of the budget of all buyers together"
                _require_within(_used(connection, dataset, None), cost, limit.everybody, whose)
            connection.execute(_spent.insert().values((job, buyer, dataset, *amounts, now)))
        return True

    def left(self, buyer: str, dataset: str, limit: Limit) -> Cost:
        """Returns what a buyer may still spend on a dataset."""
        with self._file.reading() as connection:
            left = _less(limit.buyer, _used(connection, dataset, buyer))
            if limit.everybody is None:
                return left
            shared = _less(limit.everybody, _used(connection, dataset, None))
        return Cost(min(left.epsilon_millionths, shared.epsilon_millionths), min(left.delta_femto, shared.delta_femto))

    def history(self, dataset: str) -> list[Spent]:
        """Returns what was spent on a dataset, in the order of time."""
        query = select(_spent).where(_spent.c.dataset == dataset).order_by(_spent.c.time, _spent.c.job)
        with self._file.reading() as connection:
            rows = connection.execute(query).all()
        return [Spent(job, who, what, Cost(epsilon, delta), time) for job, who, what, epsilon, delta, time in rows]

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def _kept(self, job: str) -> bytes | None:
        with self._file.reading() as connection:
            kept = connection.execute(select(_answers.c.answer).where(_answers.c.job == job)).scalar()
        return None if kept is None else bytes(kept)


def _used(connection: Connection, dataset: str, buyer: str | None) -> Cost:
    """Returns what was spent on a dataset, by one buyer or (None) by all."""
    query = select(
        func.coalesce(func.sum(_spent.c.epsilon_millionths), 0), func.coalesce(func.sum(_spent.c.delta_femto), 0)
    ).where(_spent.c.dataset == dataset)
    epsilon, delta = connection.execute(query if buyer is None else query.where(_spent.c.buyer == buyer)).one()
    return Cost(int(epsilon), int(delta))


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
