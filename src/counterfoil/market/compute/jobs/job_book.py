"""Jobs of a seller's home, as far as each is; what a crash interrupts is begun again from what is kept here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Column, Connection, Integer, LargeBinary, Row, String, Table, Text, literal_column, select

from counterfoil.errors import NotAllowed, NotFound, Stale
from counterfoil.market.state import MarketState, metadata
from counterfoil.store.streams import time_text

__all__ = ["WAITS", "JobBook", "JobState", "KeptJob"]

jobs_table: Final = Table(
    "compute_jobs",
    metadata,
    Column("order", String(66), primary_key=True),
    Column("offer", String(66), nullable=False),
    Column("buyer", String(42), nullable=False),
    Column("job", String(64), nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("spec", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("told", Text, nullable=False),
    Column("receipt", LargeBinary, nullable=False),
    Column("made_s", Integer, nullable=False),
    Column("began_s", Integer, nullable=False),
    Column("ended_s", Integer, nullable=False),
    Column("look_s", Integer, nullable=False),
)
"""One row a job; `told` is for the owner: why it failed, what is being done. `receipt` is empty until it is signed.
`look_s` is when a delivered job is looked at again: to be settled, and later to be forgotten.
"""


WAITS: Final = "it waits"
"""How `told` begins where a queued job waits for something that lacks here."""


NOT_HANDED_IN: Final = "not handed in"
"""The title of an order that was taken back before its job came."""


class JobState(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    HELD = "held"
    """It has ended, and files of it wait at the release desk."""
    READY = "ready"
    """What may leave is decided; the receipt is to be signed and put on the ledger."""
    DELIVERED = "delivered"
    """The receipt is on the ledger, and the result can be fetched."""
    FORGOTTEN = "forgotten"
    """It was settled long ago, and its result is no longer kept."""
    CANCELLED = "cancelled"
    """It is not run, or not any more; its buyer is given the money back."""
    REFUNDED = "refunded"
    """Its buyer has the money back, and nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class KeptJob:
    """A job of this home.

    Attributes:
        order: The order it was bought with, `0x` and 64 digits.
        offer: The offer, likewise.
        buyer: Address of the buyer, in small letters.
        job: Digest of its specification, hex; the order's digits where none was handed in.
        title: The algorithm's name and version, or `statistics`.
        spec: The specification, canonical JSON; empty where the order was taken back before one was handed in.
        state: How far it is.
        told: For the owner, in words.
        receipt: The signed receipt; empty before.
        made_s: When it was handed in, Unix seconds.
        began_s: When it began to run; 0 before.
        ended_s: When it ended, rounded up as the offer says; 0 before.
        look_s: When it is looked at again once it is delivered; 0 before.
    """

    order: str
    offer: str
    buyer: str
    job: str
    title: str
    spec: bytes = field(repr=False)
    state: JobState
    told: str
    receipt: bytes = field(repr=False)
    made_s: int
    began_s: int
    ended_s: int
    look_s: int

    def to_json(self) -> dict[str, Any]:
        """Returns it as the API shows it to the owner's staff."""
        times = {"made": self.made_s, "began": self.began_s, "ended": self.ended_s}
        return {
            "buyer": self.buyer,
            "job": self.job,
            "offer": self.offer,
            "order": self.order,
            "state": self.state.value,
            "title": self.title,
            "told": self.told or None,
        } | {name: time_text(at) if at else None for name, at in times.items()}

    def for_buyer(self, now_s: float) -> dict[str, Any]:
        """Returns what the buyer is told: nothing that the data decide, but that it has ended, as times are rounded."""
        is_early = self.state in (JobState.HELD, JobState.READY) and now_s < self.ended_s
        shown = JobState.RUNNING if is_early else self.state
        return {"job": self.job, "order": self.order, "state": shown.value}


class JobBook:
    """The jobs of one home. Safe to use from several threads.

    Args:
        state: Where they are kept.
        now: Returns Unix seconds.
    """

    def __init__(self, state: MarketState, now: Callable[[], int]) -> None:
        state.make(jobs_table)
        self._state = state
        self._now = now

    def add(self, *, order: str, offer: str, buyer: str, job: str, title: str, spec: bytes) -> KeptJob:
        """Queues a job. Adding the same again changes nothing.

        Raises:
            Stale: Another job was handed in for the order.
            NotAllowed: The same job was handed in for another order.
        """
        with self._state.writing() as connection:
            if connection.execute(
                select(jobs_table).where(jobs_table.c.job == job, jobs_table.c.order != order)
            ).first():
                raise NotAllowed("this job was bought with another order", hint="a specification is for one order")
            row = connection.execute(select(jobs_table).where(jobs_table.c.order == order)).first()
            if row is None:
                values = {"order": order, "offer": offer, "buyer": buyer, "job": job, "title": title, "spec": spec}
                self._enter(connection, values | {"state": JobState.QUEUED, "told": ""})
            elif row.job != job:
                raise Stale("another job was handed in for this order", hint="an order is for one job")
        return self.at(order)

    def give_up(self, *, order: str, offer: str, buyer: str, told: str) -> KeptJob:
        """Enters an order as cancelled for which no job was handed in; where one was, it stays as it is.

        The digest that was bought is public, and nobody has shown what it is of: it is not taken from whoever can.
        """
        values = {"order": order, "offer": offer, "buyer": buyer, "job": order.removeprefix("0x"), "spec": b""}
        with self._state.writing() as connection:
            if connection.execute(select(jobs_table).where(jobs_table.c.order == order)).first() is None:
                self._enter(connection, values | {"title": NOT_HANDED_IN, "state": JobState.CANCELLED, "told": told})
        return self.at(order)

    def at(self, order: str) -> KeptJob:
        """Returns the job of an order (NotFound where there is none)."""
        found = self.find(order)
        if found is None:
            raise NotFound(
                "no job was handed in for this order", hint="`counterfoil market jobs` lists those there are"
            )
        return found

    def find(self, order: str) -> KeptJob | None:
        """Returns the job of an order, None where there is none."""
        found = self._where(jobs_table.c.order == order.lower())
        return found[0] if found else None

    def by_digest(self, job: str) -> KeptJob:
        """Returns a job by the digest of its specification (NotFound where there is none)."""
        found = self._where(jobs_table.c.job == job)
        if not found:
            raise NotFound(f"there is no job {job[:16]}… here")
        return found[0]

    def all(self, states: Sequence[JobState] = ()) -> list[KeptJob]:
        """Returns jobs, oldest first."""
        wanted = tuple(states or JobState)
        return self._where(jobs_table.c.state.in_(wanted))

    def change(self, order: str, was: JobState, **changes: Any) -> KeptJob:
        """Changes a job that is in a state.

        Raises:
            Stale: It is in another one by now.
        """
        with self._state.writing() as connection:
            this = (jobs_table.c.order == order) & (jobs_table.c.state == was)
            if not connection.execute(jobs_table.update().where(this).values(**changes)).rowcount:
                raise Stale(f"the job is no longer {was.value}", hint="look again how far it is")
        return self.at(order)

    def _enter(self, connection: Connection, values: Mapping[str, Any]) -> None:
        times = {"made_s": self._now(), "began_s": 0, "ended_s": 0, "look_s": 0}
        connection.execute(jobs_table.insert().values(**values, **times, receipt=b""))

    def _where(self, condition: Any) -> list[KeptJob]:
        with self._state.reading() as connection:
            query = select(jobs_table).where(condition).order_by(jobs_table.c.made_s, literal_column("rowid"))
            return [_read(row) for row in connection.execute(query)]


def _read(row: Row[Any]) -> KeptJob:
    return KeptJob(**(dict(row._mapping) | {"state": JobState(row.state)}))
