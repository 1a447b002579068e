"""The jobs of one seller's home: handed in by whoever bought them, run in turn, looked at, delivered."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from counterfoil.core.signed_document import read_document
from counterfoil.errors import CounterfoilError, InvalidInput, NotAllowed, Stale
from counterfoil.ledger.worker import Worker
from counterfoil.market.compute.algorithms import Algorithm
from counterfoil.market.compute.approvals import PUBLICATION_FORMAT
from counterfoil.market.compute.gate import Desk, Pending, Preview, Settled
from counterfoil.market.compute.gate.privacy.budget import Budget
from counterfoil.market.compute.gate.privacy.statistics import read_statistics
from counterfoil.market.compute.gate.records import RELEASE, ReleaseRecord
from counterfoil.market.compute.jobs.approved import Approved
from counterfoil.market.compute.jobs.closing import WAITING, JobClosing, require_held
from counterfoil.market.compute.jobs.delivering import JobDelivery
from counterfoil.market.compute.jobs.files import JobFiles
from counterfoil.market.compute.jobs.job_book import WAITS, JobBook, JobState, KeptJob
from counterfoil.market.compute.jobs.job_spec import NO_PARAMETERS, JobSpec
from counterfoil.market.compute.jobs.live import Live
from counterfoil.market.compute.jobs.result_file import pack_result
from counterfoil.market.compute.jobs.rules import ComputeRules
from counterfoil.market.compute.jobs.running import JobRunner
from counterfoil.market.compute.jobs.workplaces import HERE, Workplace
from counterfoil.market.delivery.tickets import sealed_for
from counterfoil.market.selling.goods import Goods
from counterfoil.market.selling.sold_orders import SoldOrders
from counterfoil.market.state import MarketState
from counterfoil.market.terms import fill_parameters
from counterfoil.store.prepared import Private
from counterfoil.store.schemas import keep_schema
from counterfoil.store.streams import time_text

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.store.archive import Archive
    from counterfoil.store.recorder import Recorder
    from counterfoil.store.views import Views

__all__ = ["Jobs"]

LOOK_EVERY_S: Final = 1.0
"""How often it is looked whether a job waits."""

LOOK_AT_ORDERS_S: Final = 5.0
"""How often it is looked whether the order of a job that waits was refunded, or is due: each asks the ledger."""

AWAITED: Final = "awaited"
"""The state of a job that was bought and not handed in."""

_OPEN: Final = (JobState.QUEUED, JobState.HELD, JobState.READY, JobState.CANCELLED)

_LOGGER: Final = logging.getLogger("counterfoil.market")


class Jobs:
    """The jobs of one home. Safe to use from several threads; one runs at a time.

    Args:
        folder: The market's folder in the home.
        state: Its state.
        ledger: The home's ledger.
        orders: The orders.
        goods: Knows where data lie.
        recorder: Writes records.
        views: Finds them.
        archive: Keeps schemas.
        sign: Signs a document with the home's market key.
        place: Where algorithms run.

    Attributes:
        approved: What the owner approved beside what sheets say.
        book: The jobs.
        budget: What may still be learnt with noise.
    """

    def __init__(
        self,
        folder: Path,
        state: MarketState,
        ledger: Ledger,
        orders: SoldOrders,
        goods: Goods,
        recorder: Recorder,
        views: Views,
        archive: Archive,
        sign: Callable[[Mapping[str, Any]], dict[str, Any]],
        place: Workplace = HERE,
    ) -> None:
        self._orders = orders
        self._recorder = recorder
        self._archive = archive
        self._ledger = ledger
        self._files = JobFiles(folder / "jobs")
        self._desk = Desk(folder / "desk")
        self.budget = Budget(folder / "privacy.db")
        self.book = JobBook(state, recorder.now_s)
        self.approved = Approved(state, recorder.now_s)
        self._runner = JobRunner(
            ledger,
            orders,
            goods,
            self.book,
            self._files,
            self._desk,
            self.budget,
            self.approved.approvals,
            recorder,
            folder / "scratch",
            place,
        )
        self._delivery = JobDelivery(ledger, self.book, self._files, self._desk, recorder, views, sign)
        self._closing = JobClosing(ledger, self.book, self._delivery.forget, recorder.now_s)
        self._is_closing = False
        self._look_next = 0.0  # when the orders of jobs that wait are looked at again, on the monotonic clock
        self._told: dict[str, str] = {}  # why a job waits, said once
        self._running = threading.Lock()  # one job runs at a time
        self._taking = threading.Lock()  # no order is taken back between keeping its algorithm and queueing it
        self._live: Live | None = None
        self._begin_anew()
        self._worker = Worker(self._is_due, lambda: self.step() > 0, poll_s=0.1, idle_s=LOOK_EVERY_S, work="computing")

    # What the buyer asks; whoever calls has seen the order's ticket

    def hand_in(self, order_id: str, spec: bytes, algorithm: bytes, publication: bytes = b"") -> KeptJob:
        """Takes the job that was bought. Handing in the same again changes nothing.

        Args:
            order_id: The order.
            spec: The specification, canonical JSON: its digest was bought.
            algorithm: What is run, as `Algorithm.to_tar` makes it; empty for statistics.
            publication: The publisher's signed document; empty without one.

        Raises:
            NotFound: There is no such order here.
            NotAllowed: The order is for another job, gives nothing any more, or the algorithm is not approved.
            InvalidInput: The parameters do not fit the offer's schema, or the algorithm is not the one that was bought.
            Stale: Another job was handed in for the order, or it was taken back.
        """
        order, is_final = self._orders.look_up(order_id)
        known = self.book.find(order.order)
        if known is not None:
            if not known.spec:
                raise Stale("the order was taken back before its job was handed in", hint="buy it again to have it run")
            if known.spec != spec:
                raise Stale("another job was handed in for this order", hint="an order is for one job")
            return known
        require_held(order, is_final)
        told = JobSpec.decode(spec)
        if told.digest_hex != order.job or told.offer != order.offer:
            raise NotAllowed("this is not the job that was bought", hint="hand in the specification whose digest was")
        sheet = self._orders.sheet_of(order).sheet.wares
        assert sheet.compute is not None, "an offer of jobs has rules for computing"
        if sheet.content is None or told.dataset != sheet.content.root:
            raise InvalidInput("the job names other data than the offer")
        fill_parameters(sheet.parameters or NO_PARAMETERS, dict(told.parameters))
        rules = ComputeRules.from_json(sheet.compute)
        title = self._require_runnable(told, rules, algorithm, publication)
        buyer = order.buyer.lower()
        with self._taking:
            if self.book.find(order.order) is None:
                self._files.put_algorithm(order.order, algorithm, publication)
            return self.book.add(
                order=order.order, offer=order.offer, buyer=buyer, job=order.job, title=title, spec=spec
            )

    def told(self, order_id: str) -> dict[str, Any]:
        """Returns how far the job of an order is, as its buyer is told; `awaited` where none was handed in.

        Raises:
            NotFound: There is no such order here.
        """
        order, _ = self._orders.look_up(order_id)
        job = self.book.find(order.order)
        if job is None:
            return {"job": order.job, "order": order.order, "state": AWAITED}
        return job.for_buyer(self._recorder.now_s()) | {"job": order.job}

    def cancel(self, order_id: str, why: str = "its buyer took it back") -> KeptJob:
        """Takes a job back that waits or is held, or stops the one that runs; then its buyer is refunded.

        So is the buyer of an order for which no job was handed in, or none that was taken.

        Args:
            order_id: The order.
            why: Who wants it, in words for the owner.

        Raises:
            NotFound: There is no such order here.
            NotAllowed: The order is for no job, or gives none any more.
            Stale: It has ended.
        """
        job, live = self.book.find(order_id), self._live
        if job is None:
            job = self._give_up(order_id, why)
            if not job.spec:
                return job
        if job.state is JobState.RUNNING and live is not None and live.order == job.order:
            live.why, live.is_stopped = why, True
            return job
        was = JobState.HELD if job.state is JobState.HELD else JobState.QUEUED
        return self.book.change(job.order, was, state=JobState.CANCELLED, told=why)

    def result(self, order_id: str) -> bytes:
        """Returns what left of a job, as a file of the age format for the order's key.

        Raises:
            NotFound: No job was handed in.
            Stale: It is not delivered.
        """
        job = self.book.at(order_id)
        if job.state is not JobState.DELIVERED:
            raise Stale(f"the job is {self.told(order_id)['state']}", hint="its state says how far it is")
        packed = pack_result(job.receipt, self._delivery.leaving(job), self._delivery.gate_decision(job))
        return sealed_for(self._orders.order(job.order).recipient, packed)

    # What the owner does

    @property
    def live(self) -> Live | None:
        """The job that runs now; None without one."""
        return self._live

    def log(self, order_id: str) -> bytes:
        """Returns the log of a job that has ended; it may hold the data."""
        return self._files.log(self.book.at(order_id).order)

    def pending(self, job: str | None = None) -> list[Pending]:
        """Returns the outputs that wait at the release desk.

        Args:
            job: Digest of a job's specification, whose outputs alone are wanted; None for those of all jobs.

        Raises:
            NotFound: There is no such job.
        """
        if job is not None:
            self.book.by_digest(job)
        return self._desk.pending(job)

    def preview(self, job: str, name: str) -> Preview:
        """Returns the beginning of an output that waits."""
        return self._desk.preview(job, name)

    def settled(self, job: str) -> list[Settled]:
        """Returns what was decided on the outputs of a job."""
        return self._desk.settled(job)

    def decide(self, job: str, name: str, digest: str, *, releases: bool, by: str, reason: str) -> Settled:
        """Lets an output leave, or keeps it for good; goes on with the job when that was the last one.

        Args:
            job: Digest of the job's specification.
            name: Of the output.
            digest: SHA-256 of the output as it was looked at.
            releases: Whether it leaves.
            by: Who decides; private.
            reason: Why, in a line; public.

        Raises:
            NotFound: No such output waits.
            Stale: It was decided otherwise before, or another output waits than was looked at.
        """
        self.book.by_digest(job)  # that there is one
        now = time_text(self._recorder.now_s())
        planned = self._desk.would_settle(
            job, name, digest, "released" if releases else "withheld", by=by, reason=reason, now=now
        )
        if planned is not None:  # on record first: nothing leaves that the log does not know of
            keep_schema(self._recorder, self._archive, RELEASE)
            self._recorder.write(ReleaseRecord.of(planned).draft({}), Private(RELEASE, {"/by": by}))
        act = self._desk.release if releases else self._desk.withhold
        settled = act(job, name, digest, by=by, reason=reason, now=now)
        self._go_on_with_decided()
        return settled

    def held_up(self) -> list[KeptJob]:
        """Returns the jobs that wait for something that lacks here, which each tells."""
        return [job for job in self.book.all((JobState.QUEUED,)) if job.told.startswith(WAITS)]

    # What a node does by itself

    def start(self) -> None:
        """Runs and delivers jobs from here on, in a thread of its own."""
        self._worker.notice()

    def step(self) -> int:
        """Runs what waits, delivers what is decided, closes what is over; returns how many jobs moved.

        One thread at a time. What is decided is delivered between two runs: it has a time by which it is due.
        """
        if not self._running.acquire(blocking=False):
            return 0
        try:
            self._go_on_with_decided()
            moved = self._closed() + self._delivered()
            for job in self.book.all((JobState.QUEUED,)):
                if self._is_closing:
                    break
                moved += self._moved(job, self._run) + self._closed() + self._delivered()
            return moved
        finally:
            self._running.release()

    def close(self) -> None:
        """Stops the job that runs, which is begun anew later, and lets go of everything."""
        self._is_closing = True
        live = self._live
        if live is not None:
            live.is_abandoned = live.is_stopped = True
        self._worker.stop()
        with self._running:
            self._desk.close()
            self.budget.close()

    # Inner parts

    def _give_up(self, order_id: str, why: str) -> KeptJob:
        order, is_final = self._orders.look_up(order_id)
        self._orders.sheet_of(order)  # that it is this home's
        require_held(order, is_final)
        with self._taking:
            return self._closing.give_up(order, why)

    def _is_due(self) -> bool:
        return bool(self.book.all(_OPEN)) or bool(self._to_look_at())

    def _delivered(self) -> int:
        now = self._recorder.now_s()
        ready = [job for job in self.book.all((JobState.READY,)) if job.ended_s <= now]
        return sum(self._moved(job, self._deliver) for job in ready)

    def _deliver(self, job: KeptJob) -> KeptJob:
        """Delivers a job that is decided, unless its order was refunded, or is due: then no receipt is signed."""
        job = self._closing.wait(job)
        return self._delivery.deliver(job) if job.state is JobState.READY else job

    def _closed(self) -> int:
        """Looks at the orders of jobs: refunded ones, ones that were due, and delivered ones whose time has come."""
        moved = 0
        if time.monotonic() >= self._look_next:
            self._look_next = time.monotonic() + LOOK_AT_ORDERS_S
            moved = sum(self._moved(job, self._closing.wait) for job in self.book.all(WAITING))
        moved += sum(self._moved(job, self._closing.refund) for job in self.book.all((JobState.CANCELLED,)))
        return moved + sum(self._moved(job, self._closing.end) for job in self._to_look_at())

    def _to_look_at(self) -> list[KeptJob]:
        now = self._recorder.now_s()
        return [job for job in self.book.all((JobState.DELIVERED,)) if job.look_s <= now]

    def _run(self, job: KeptJob) -> KeptJob:
        job = self.book.at(job.order)
        if job.state is not JobState.QUEUED:  # taken back meanwhile
            return job
        self._live = Live(job.order, [])
        try:
            return self._runner.run(job, self._live)
        finally:
            self._live = None

    def _moved(self, job: KeptJob, work: Callable[[KeptJob], KeptJob]) -> int:
        try:
            return int(work(job).state is not job.state)
        except CounterfoilError as error:
            if self._told.get(job.order) != error.message:
                _LOGGER.warning("the job of the order %s waits: %s", job.order, error.message)
            self._told[job.order] = error.message
            return 0

    def _begin_anew(self) -> None:
        """Goes on with what a crash interrupted, and drops what it left of jobs that were never taken."""
        self._files.forget_others([job.order for job in self.book.all()])
        for job in self.book.all((JobState.RUNNING,)):
            self._runner.goes_on(job)

    def _go_on_with_decided(self) -> None:
        """Says of held jobs that wait for nobody any more that they are ready.

        The desk alone knows: somebody may decide just while a job is said to be held, or a crash come in between.
        """
        for job in self.book.all((JobState.HELD,)):
            if not self._desk.pending(job.job):
                with suppress(Stale):  # another thread was first
                    self.book.change(job.order, JobState.HELD, state=JobState.READY)

    def _require_runnable(self, spec: JobSpec, rules: ComputeRules, packed: bytes, publication: bytes) -> str:
        """Returns what the job is called, when it may run as far as can be said before."""
        if spec.algorithm is None:
            if rules.privacy is None:
                raise NotAllowed("this offer gives no statistics", hint="its sheet says what it gives")
            rules.privacy.require_statistics(read_statistics(spec.statistics))
            return "statistics"
        algorithm = Algorithm.from_tar(packed)
        if algorithm.digest_hex != spec.algorithm.digest:
            raise InvalidInput("the algorithm that was handed in is not the one that was bought")
        published = read_document(publication, PUBLICATION_FORMAT) if publication else None
        if self.approved.approvals().approval_of(algorithm, published) is None:
            rules.approvals.require(algorithm, published)
        return f"{algorithm.name} {algorithm.version}"
