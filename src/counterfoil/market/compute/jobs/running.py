"""Runs one job of the book to its end; each step may be repeated after a crash.

1. the order is held, and not due yet; the approval, the parameters and the data's root are looked at again;
2. the algorithm runs in the sandbox, or the owner's own program makes statistics with noise;
3. the gate decides file by file; what it holds waits at the release desk, and nothing else of the outputs is kept;
4. when all is decided it is delivered: `delivering`.

What a run left before a crash is thrown away, and the run begun anew: until the desk took step 3 nothing was decided.
A job that cannot be run, for a reason that is not its algorithm's, is given up, and its buyer refunded.
"""

from __future__ import annotations

import errno
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from counterfoil.core.signed_document import SignedDocument, read_document
from counterfoil.errors import CounterfoilError, LogUnavailable, NodeUnreachable, NotAllowed, NotFound, NotSetUp, Stale
from counterfoil.market.compute.algorithms import Algorithm
from counterfoil.market.compute.approvals import PUBLICATION_FORMAT, Approvals
from counterfoil.market.compute.execution import Execution, Input, Work, compared, require_content
from counterfoil.market.compute.gate import Desk, Gated, RowIndex, check_outputs
from counterfoil.market.compute.gate.privacy.budget import Budget, Cost
from counterfoil.market.compute.gate.privacy.private_answer import Paying, answer_blocks, answer_privately
from counterfoil.market.compute.gate.privacy.rules import PrivacyRules
from counterfoil.market.compute.gate.privacy.statistics import read_statistics
from counterfoil.market.compute.gate.records import GateRecord, SpendingRecord
from counterfoil.market.compute.jobs.block_run import answers_of_blocks
from counterfoil.market.compute.jobs.files import JobFiles
from counterfoil.market.compute.jobs.job_book import WAITS, JobBook, JobState, KeptJob
from counterfoil.market.compute.jobs.job_spec import JobSpec
from counterfoil.market.compute.jobs.live import Live
from counterfoil.market.compute.jobs.places import laid_out
from counterfoil.market.compute.jobs.row_data import columns_of
from counterfoil.market.compute.jobs.rules import ComputeRules
from counterfoil.market.compute.jobs.workplaces import Workplace
from counterfoil.market.compute.sandbox import Exit, Sandbox
from counterfoil.market.selling.goods import Goods
from counterfoil.market.selling.sold_orders import SoldOrders
from counterfoil.market.sheets.wares import Content
from counterfoil.store.recorder import Recorder
from counterfoil.store.streams import time_text

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.market.offer import Order

__all__ = ["JobRunner"]

_LOGGER: Final = logging.getLogger("counterfoil.market")
_FULL: Final = (errno.EDQUOT, errno.ENOSPC, errno.EROFS)
_NOTHING: Final = {"cpu_ms": 0, "peak_bytes": 0, "wall_ms": 0, "written_bytes": 0}


@dataclass(frozen=True, slots=True)
class _Ran:
    """A run that has ended: what the receipt says of it, words for the owner, the log, what the gate let through."""

    told: dict[str, Any]
    words: str = ""
    log: bytes = b""
    gated: Gated | None = None


class JobRunner:
    """Runs jobs of one seller's home, one at a time for each runner.

    Args:
        ledger: The home's ledger.
        orders: The orders.
        goods: Knows where data lie.
        book: The jobs.
        files: What they bring and leave.
        desk: Takes what the gate holds or lets pass.
        budget: What may still be learnt with noise.
        approvals: Returns what the owner approved beside what sheets say.
        recorder: Writes what was decided.
        scratch: Folder for what lies on the disk while a job runs.
        place: Where algorithms run; over blocks of rows they always run here.
    """

    def __init__(
        self,
        ledger: Ledger,
        orders: SoldOrders,
        goods: Goods,
        book: JobBook,
        files: JobFiles,
        desk: Desk,
        budget: Budget,
        approvals: Callable[[], Approvals],
        recorder: Recorder,
        scratch: Path,
        place: Workplace,
    ) -> None:
        self._ledger = ledger
        self._orders = orders
        self._goods = goods
        self._book = book
        self._files = files
        self._desk = desk
        self._budget = budget
        self._approvals = approvals
        self._recorder = recorder
        self._scratch = scratch
        self._place = place
        shutil.rmtree(scratch, ignore_errors=True)  # what a crash left there may hold the data

    def run(self, job: KeptJob, live: Live) -> KeptJob:
        """Runs a queued job to the end of step 3; one that cannot run is given up, and the owner is told why.

        Raises:
            Stale: It is no longer queued.
            NotSetUp, LogUnavailable, NodeUnreachable: Something lacks here, or the fleet is away; it waits for
                that, and is begun anew then.
        """
        order = self._ledger.market.order(job.order)  # where the ledger is away, the job waits for it
        sheet = self._orders.sheet_of(order).sheet
        assert sheet.wares.compute is not None, "an offer of jobs has rules for computing"
        rules = ComputeRules.from_json(sheet.wares.compute)
        job = self._book.change(job.order, JobState.QUEUED, state=JobState.RUNNING, began_s=self._recorder.now_s())
        work = self._scratch / f"job-{job.order[2:]}"
        try:
            _require_open(order, self._recorder.now_s())
            work.mkdir(mode=0o700, parents=True)
            ran = self._ran(job, rules, sheet.wares.content, live, work)
        except (NotSetUp, LogUnavailable, NodeUnreachable) as error:
            self._book.change(job.order, JobState.RUNNING, state=JobState.QUEUED, told=f"{WAITS}: {error.message}")
            raise
        except CounterfoilError as error:
            if live.is_abandoned:
                return self._book.change(job.order, JobState.RUNNING, state=JobState.QUEUED)
            told = live.why or f"it cannot be run: {error.message}"
            return self._book.change(job.order, JobState.RUNNING, state=JobState.CANCELLED, told=told)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _FULL:
                told = f"{WAITS}: the disk refuses: {error.strerror}"
                self._book.change(job.order, JobState.RUNNING, state=JobState.QUEUED, told=told)
                raise LogUnavailable(told, hint="free some disk space") from error
            _LOGGER.exception("a job failed in a way that was not foreseen")
            told = f"something was not foreseen: {type(error).__name__}"
            ran = _Ran({"environment": "", "exit": "failed", "usage": _NOTHING}, told)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        if live.is_abandoned:
            return self._book.change(job.order, JobState.RUNNING, state=JobState.QUEUED)
        if live.is_stopped:
            return self._book.change(job.order, JobState.RUNNING, state=JobState.CANCELLED, told=live.why)
        return self._ended(job, ran, rules.report_step_ms)

    def _ended(self, job: KeptJob, ran: _Ran, step_ms: int) -> KeptJob:
        """Keeps what came of a run, each part before the next needs it; `goes_on` relies on the order."""
        started_s = job.began_s * 1_000 // step_ms * step_ms // 1_000
        ended_s = _up(_up(self._recorder.now_s() * 1_000, step_ms), 1_000) // 1_000
        times = {"started": time_text(started_s), "ended": time_text(ended_s), "ended_s": ended_s}
        known = ran.told | times | {"words": ran.words, "is_gated": ran.gated is not None}
        self._files.put_run(job.order, known, ran.log)
        if ran.gated is not None:
            self._recorder.write(GateRecord.of(ran.gated.decision).draft())
            self._desk.put(ran.gated, time_text(self._recorder.now_s()))
        return self.goes_on(job)

    def goes_on(self, job: KeptJob) -> KeptJob:
        """Says of a job that was running that it has ended, where a crash did not interrupt that; else it is queued."""
        told = self._known_run(job)
        if told is None:
            words = "begun anew after a stop"
            return self._book.change(job.order, JobState.RUNNING, state=JobState.QUEUED, told=words)
        self._files.forget_algorithm(job.order)
        state = JobState.HELD if self._desk.pending(job.job) else JobState.READY
        changes = {"told": told["words"], "ended_s": told["ended_s"]}
        return self._book.change(job.order, JobState.RUNNING, state=state, **changes)

    def _known_run(self, job: KeptJob) -> dict[str, Any] | None:
        """Returns what is known of a run that was kept whole; None where a crash came first."""
        with suppress(NotFound):
            told = self._files.run(job.order)
            if told["is_gated"]:
                self._desk.decision(job.job)
            return told
        return None

    def _ran(self, job: KeptJob, rules: ComputeRules, content: Content | None, live: Live, folder: Path) -> _Ran:
        """Steps 1 to 3."""
        spec = JobSpec.decode(job.spec)
        assert content is not None, "an offer of jobs has data"
        with laid_out(self._goods, content.root, content.name, folder) as data:
            if spec.algorithm is None:
                return self._statistics(job, spec, rules.privacy, data, content)
            return self._algorithm(job, spec, rules, data, content, live, folder)

    def _statistics(
        self, job: KeptJob, spec: JobSpec, privacy: PrivacyRules | None, data: Path, content: Content
    ) -> _Ran:
        if privacy is None:
            raise NotAllowed("this offer gives no statistics")
        columns = columns_of(data, content.media_type)
        if columns is None:
            raise NotAllowed("the data are no table, so there are no statistics of them")
        require_content("data", Input(data, content.root))
        asked = read_statistics(spec.statistics)
        answer = answer_privately(self._paying(job, content), privacy, asked, columns)
        self._put_answer(job, content, privacy, Cost.of(privacy.require_statistics(asked)), answer)
        return _Ran({"environment": "", "exit": "finished", "usage": _NOTHING})

    def _algorithm(
        self, job: KeptJob, spec: JobSpec, rules: ComputeRules, data: Path, content: Content, live: Live, folder: Path
    ) -> _Ran:
        packed, published = self._files.algorithm(job.order)
        algorithm = Algorithm.from_tar(packed)
        if spec.algorithm is None or algorithm.digest_hex != spec.algorithm.digest:
            raise NotAllowed("the algorithm that is kept is not the one that was bought")
        publication = read_document(published, PUBLICATION_FORMAT) if published else None
        approvals = self._all_approvals(rules)
        given = {"data": Input(data, content.root)}
        work = Work(algorithm, given, dict(spec.parameters), spec.capped(rules.limits))
        if rules.privacy is not None and rules.privacy.blocks is not None:
            sandbox = Sandbox.open(walls=self._place.walls)
            answers, last = self._over_blocks(sandbox, work, approvals, rules.privacy, publication, live, folder)
            answer, blocks = answer_blocks(self._paying(job, content), rules.privacy, answers), rules.privacy.blocks
            self._put_answer(job, content, rules.privacy, Cost.of(blocks.epsilon, blocks.delta), answer)
            told = {"environment": last.environment.digest_hex, "exit": "finished", "usage": _NOTHING}
            return _Ran(told, log="".join(f"{line}\n" for line in live.lines).encode())
        into = folder / "out"
        ran = self._place.run(work, approvals, into, publication, live)
        live.done = 1
        again = self._again(work, approvals, ran, publication, rules, job, live, folder)
        gated = self._gate(job, rules, ran, into, columns_of(data, content.media_type))
        return _Ran(self._told(ran, rules) | again, _words(ran), _whole_log(ran), gated)

    def _put_answer(self, job: KeptJob, content: Content, privacy: PrivacyRules, cost: Cost, answer: bytes) -> None:
        """Keeps an answer with noise; what it cost is on record before, once unless a crash comes in between."""
        with suppress(NotFound):
            self._files.answer(job.order)
            return
        left = self._budget.left(job.buyer, content.root, privacy.limit)
        mechanism = "Gaussian" if cost.delta_femto else "Laplace"
        self._recorder.write(SpendingRecord(job.job, job.order, content.root, cost, left, mechanism).draft())
        self._files.put_answer(job.order, answer)

    def _over_blocks(
        self,
        sandbox: Sandbox,
        work: Work,
        approvals: Approvals,
        privacy: PrivacyRules,
        publication: SignedDocument | None,
        live: Live,
        folder: Path,
    ) -> tuple[list[Mapping[str, Any] | None], Execution]:
        def progress(done: int, parts: int) -> None:
            live.done, live.parts = done, parts

        assert privacy.blocks is not None
        return answers_of_blocks(
            sandbox,
            work,
            approvals,
            privacy.blocks,
            privacy.person,
            folder,
            publication=publication,
            on_line=live.take,
            is_stopped=lambda: live.is_stopped,
            progress=progress,
        )

    def _again(
        self,
        work: Work,
        approvals: Approvals,
        ran: Execution,
        publication: SignedDocument | None,
        rules: ComputeRules,
        job: KeptJob,
        live: Live,
        folder: Path,
    ) -> dict[str, Any]:
        """Runs a share of the jobs twice; see `ComputeRules.is_drawn`."""
        if not rules.is_drawn(job.job) or ran.outcome.exit is not Exit.FINISHED:
            return {}
        found = compared(ran, self._place.run(work, approvals, folder / "again", publication, live))
        # A name that no rule knows could carry data: such files are one entry.
        named = sorted({each if each in rules.gate.files else "*" for each in found.differing})
        return {"rerun": {"differing": named, "environment": list(found.environment)}}

    def _gate(
        self,
        job: KeptJob,
        rules: ComputeRules,
        ran: Execution,
        into: Path,
        columns: Mapping[str, Sequence[Any]] | None,
    ) -> Gated:
        """Step 3."""
        into.mkdir(exist_ok=True)  # a run that failed leaves nothing, and the decision says so
        data = RowIndex.build(columns) if columns else None
        code, log = ran.outcome.exit_code or (0 if ran.outcome.exit is Exit.FINISHED else 1), ran.outcome.log
        return check_outputs(into, rules.gate, data, job=job.job, exit_code=code, log=log)

    # Inner parts

    def _paying(self, job: KeptJob, content: Content) -> Paying:
        return Paying(self._budget, job.job, job.buyer, content.root, time_text(self._recorder.now_s()))

    def _all_approvals(self, rules: ComputeRules) -> Approvals:
        own, told = self._approvals(), rules.approvals
        return Approvals(
            own.digests | told.digests, (*own.publishers, *told.publishers), dict(told.votes) | dict(own.votes)
        )

    @staticmethod
    def _told(ran: Execution, rules: ComputeRules) -> dict[str, Any]:
        return {
            "environment": ran.environment.digest_hex,
            "exit": ran.outcome.for_buyer,
            "usage": ran.outcome.usage.padded(rules.report_step_ms).to_json(),
        }


def _require_open(order: Order, now_s: int) -> None:
    """Refuses to run what could not be delivered any more."""
    if order.state != "held" or order.due <= now_s:
        raise Stale(f"the order is {order.state}, or was due before")


def _up(value: int, step: int) -> int:
    return -(-value // step) * step


def _whole_log(ran: Execution) -> bytes:
    """Returns the log, which says itself where it was cut off."""
    log = ran.outcome.log
    return log + f"\n[cut off here, after {len(log):,} bytes]\n".encode() if ran.outcome.is_log_cut else log


def _words(ran: Execution) -> str:
    """Returns for the owner how a run ended."""
    outcome = ran.outcome
    said = "; ".join((outcome.detail, *outcome.refused)).strip("; ")
    return "" if outcome.exit is Exit.FINISHED and not said else f"{outcome.exit.value}: {said}"
