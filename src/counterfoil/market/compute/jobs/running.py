"""Runs one job of the book to its end; each step may be repeated after a crash.

1. the order is held, final and not due yet; the approval, the parameters and the data's root are looked at again;
2. the algorithm runs in the sandbox, or the owner's own program makes statistics with noise;
3. the gate decides file by file; what it holds waits at the release desk, and nothing else of the outputs is kept;
4. when all is decided, the receipt is signed and put on record;
5. the ledger is told the receipt's digest and the charge; then the buyer can fetch the result.

What a run left before a crash is thrown away, and the run begun anew: until step 3 nothing was decided.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from counterfoil.core import canonical
from counterfoil.core.signed_document import SignedDocument, read_document
from counterfoil.errors import CounterfoilError, NotAllowed, NotFound, Stale
from counterfoil.market.compute.algorithms import Algorithm
from counterfoil.market.compute.approvals import PUBLICATION_FORMAT, Approvals
from counterfoil.market.compute.execution import Execution, Input, Work, execute, rerun
from counterfoil.market.compute.gate import Desk, RowIndex, check_outputs
from counterfoil.market.compute.gate.privacy.budget import Budget
from counterfoil.market.compute.gate.privacy.private_answer import Paying, answer_blocks, answer_privately
from counterfoil.market.compute.gate.privacy.rules import PrivacyRules
from counterfoil.market.compute.gate.privacy.statistics import read_statistics
from counterfoil.market.compute.gate.records import GateRecord
from counterfoil.market.compute.jobs.block_run import answers_of_blocks
from counterfoil.market.compute.jobs.files import JobFiles
from counterfoil.market.compute.jobs.job_book import JobBook, JobState, KeptJob
from counterfoil.market.compute.jobs.job_spec import JobSpec
from counterfoil.market.compute.jobs.places import laid_out
from counterfoil.market.compute.jobs.receipt import ExecutionReceipt, Left
from counterfoil.market.compute.jobs.row_data import columns_of
from counterfoil.market.compute.jobs.rules import ComputeRules
from counterfoil.market.compute.sandbox import Exit, Sandbox
from counterfoil.market.records import ExecutionRecord
from counterfoil.market.selling.goods import Goods
from counterfoil.market.selling.sold_orders import SoldOrders
from counterfoil.market.sheets.wares import Content
from counterfoil.store.recorder import Recorder
from counterfoil.store.streams import time_text

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger

__all__ = ["JobRunner", "Live"]

_LOGGER: Final = logging.getLogger("counterfoil.market")
ANSWER: Final = "answer.json"
_NOTHING: Final = {"cpu_ms": 0, "peak_bytes": 0, "wall_ms": 0, "written_bytes": 0}


@dataclass(slots=True)
class Live:
    """A job that runs now, as its owner watches it.

    Attributes:
        order: Its order.
        lines: The newest lines of its log; for the owner alone.
        done: Parts that are done, of `parts`.
        parts: How many there are; 1 for a job that is not cut in blocks.
        is_stopped: Whether the owner, or the buyer, wants it ended.
        is_abandoned: Whether it is begun anew later: the home is being closed.
    """

    order: str
    lines: list[str]
    done: int = 0
    parts: int = 1
    is_stopped: bool = False
    is_abandoned: bool = False

    def take(self, line: str) -> None:
        """Takes a line of the log; the newest 500 are kept."""
        self.lines.append(line)
        del self.lines[:-500]


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
        recorder: Writes what was run.
        sign: Signs a document with the home's market key.
        scratch: Folder for what lies on the disk while a job runs.
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
        sign: Callable[[Mapping[str, Any]], dict[str, Any]],
        scratch: Path,
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
        self._sign = sign
        self._scratch = scratch

    # Steps 1 to 3

    def run(self, job: KeptJob, live: Live) -> KeptJob:
        """Runs a queued job; a job that cannot run ends as one that failed, and the owner is told why.

        Raises:
            Stale: It is no longer queued.
            LogUnavailable: The disk refuses; it is begun anew later.
        """
        job = self._book.change(job.order, JobState.QUEUED, state=JobState.RUNNING, began_s=self._recorder.now_s())
        started = time_text(self._recorder.now_s())
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix="job-", dir=self._scratch))
        try:
            told, words, log = self._ran(job, live, work)
        except CounterfoilError as error:
            told, words, log = {"exit": "failed", "usage": _NOTHING, "environment": ""}, error.message, b""
        finally:
            shutil.rmtree(work, ignore_errors=True)
        if live.is_abandoned:
            return self._book.change(job.order, JobState.RUNNING, state=JobState.QUEUED)
        if live.is_stopped:
            words = words or "it was stopped"
        self._files.put_run(job.order, told | {"started": started, "ended": time_text(self._recorder.now_s())}, log)
        waits = bool(self._desk.pending(job.job))
        state = JobState.HELD if waits else JobState.READY
        ended = {"told": words, "ended_s": self._recorder.now_s()}
        return self._book.change(job.order, JobState.RUNNING, state=state, **ended)

    def _ran(self, job: KeptJob, live: Live, folder: Path) -> tuple[dict[str, Any], str, bytes]:
        """Returns what the receipt will say, words for the owner, and the log."""
        order, _ = self._orders.look_up(job.order)
        sheet = self._orders.sheet_of(order).sheet
        if order.state != "held":
            raise Stale(f"the order is {order.state}, so its job is not run")
        content, spec = sheet.wares.content, JobSpec.decode(job.spec)
        assert content is not None, "an offer of jobs has data"
        assert sheet.wares.compute is not None, "and rules for computing"
        rules = ComputeRules.from_json(sheet.wares.compute)
        with laid_out(self._goods, content.root, content.name, folder) as data:
            if spec.algorithm is None:
                return self._statistics(job, spec, rules.privacy, data, content)
            return self._algorithm(job, spec, rules, data, content, live, folder)

    def _statistics(
        self, job: KeptJob, spec: JobSpec, privacy: PrivacyRules | None, data: Path, content: Content
    ) -> tuple[dict[str, Any], str, bytes]:
        if privacy is None:
            raise NotAllowed("this offer gives no statistics")
        columns = columns_of(data, content.media_type)
        if columns is None:
            raise NotAllowed("the data are no table, so there are no statistics of them")
        answer = answer_privately(self._paying(job, content), privacy, read_statistics(spec.statistics), columns)
        self._files.put_answer(job.order, answer)
        return {"exit": "finished", "usage": _NOTHING, "environment": ""}, "", b""

    def _algorithm(
        self, job: KeptJob, spec: JobSpec, rules: ComputeRules, data: Path, content: Content, live: Live, folder: Path
    ) -> tuple[dict[str, Any], str, bytes]:
        packed, published = self._files.algorithm(job.order)
        algorithm = Algorithm.from_tar(packed)
        if spec.algorithm is None or algorithm.digest_hex != spec.algorithm.digest:
            raise NotAllowed("the algorithm that is kept is not the one that was bought")
        publication = read_document(published, PUBLICATION_FORMAT) if published else None
        sandbox, approvals = Sandbox.open(), self._all_approvals(rules)
        given = {"data": Input(data, content.root)}
        work = Work(algorithm, given, dict(spec.parameters), spec.capped(rules.limits))
        if rules.privacy is not None and rules.privacy.blocks is not None:
            answers, last = self._over_blocks(sandbox, work, approvals, rules.privacy, publication, live, folder)
            self._files.put_answer(job.order, answer_blocks(self._paying(job, content), rules.privacy, answers))
            told = {"exit": "finished", "usage": _NOTHING, "environment": last.environment.digest_hex}
            return told, "", b""
        into = folder / "out"
        ran = execute(
            sandbox,
            work,
            approvals,
            into,
            publication=publication,
            on_line=live.take,
            is_stopped=lambda: live.is_stopped,
        )
        live.done = 1
        again = self._again(sandbox, work, approvals, ran, publication, rules, job, folder)
        self._gate(job, rules, ran, into, columns_of(data, content.media_type))
        return self._told(ran, rules) | again, _words(ran), ran.outcome.log

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
            is_stopped=lambda: live.is_stopped,
            progress=progress,
        )

    def _again(
        self,
        sandbox: Sandbox,
        work: Work,
        approvals: Approvals,
        ran: Execution,
        publication: SignedDocument | None,
        rules: ComputeRules,
        job: KeptJob,
        folder: Path,
    ) -> dict[str, Any]:
        """Runs a share of the jobs twice; which ones follows from their digests, so nobody chooses."""
        is_drawn = int(sha256(b"rerun" + bytes.fromhex(job.job)).hexdigest()[:8], 16) % 100 < rules.rerun_percent
        if not is_drawn or ran.outcome.exit is not Exit.FINISHED:
            return {}
        found = rerun(sandbox, work, approvals, ran, folder / "again", publication=publication)
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
    ) -> None:
        """Step 3."""
        into.mkdir(exist_ok=True)  # a run that failed leaves nothing, and the decision says so
        data = RowIndex.build(columns) if columns else None
        code, log = ran.outcome.exit_code or (0 if ran.outcome.exit is Exit.FINISHED else 1), ran.outcome.log
        gated = check_outputs(into, rules.gate, data, job=job.job, exit_code=code, log=log)
        self._recorder.write(GateRecord.of(gated.decision).draft())
        self._desk.put(gated, time_text(self._recorder.now_s()))

    # Steps 4 and 5

    def deliver(self, job: KeptJob) -> KeptJob:
        """Signs the receipt of a job whose outputs are decided on, and has the ledger know it.

        Raises:
            Stale: It is in another state.
            NotAllowed: It was due before: its buyer takes the money back.
        """
        if not job.receipt:
            receipt = self._receipt(job)
            signed = canonical.dumps(self._sign(receipt.to_json()))
            job = self._book.change(job.order, JobState.READY, receipt=signed)
            self._record(receipt, signed)
        signed_receipt = read_document(job.receipt, "counterfoil execution 1")
        # Who gets nothing pays nothing: the rest of what is held goes back to the buyer.
        charge = None if signed_receipt.document["outputs"] else "0"
        _, deliver = self._ledger.market.delivering(job.order, signed_receipt.digest_hex, charge)
        deliver(lambda _: None)
        return self._book.change(job.order, JobState.READY, state=JobState.DELIVERED)

    def leaving(self, job: KeptJob) -> dict[str, bytes]:
        """Returns what may leave of a job: what the gate let pass, what was released, or an answer with noise."""
        with suppress(NotFound):
            return {ANSWER: self._files.answer(job.order)}
        with suppress(NotFound):
            return dict(self._desk.leaving(job.job))
        return {}  # it never came to the gate

    def gate_decision(self, job: KeptJob) -> bytes:
        """Returns the gate's decision over a job, canonical JSON; empty where there was none."""
        with suppress(NotFound):
            return self._desk.decision(job.job).encode()
        return b""

    def _receipt(self, job: KeptJob) -> ExecutionReceipt:
        told, spec = self._files.run(job.order), JobSpec.decode(job.spec)
        left = self.leaving(job)
        gate = self.gate_decision(job)
        return ExecutionReceipt(
            order=job.order,
            offer=job.offer,
            job=job.job,
            inputs=spec.dataset,
            algorithm=spec.algorithm.digest if spec.algorithm else "",
            parameters=sha256(canonical.dumps(dict(spec.parameters))).hexdigest(),
            environment=told["environment"],
            exit=told["exit"],
            outputs=tuple(Left(name, sha256(data).hexdigest(), len(data)) for name, data in sorted(left.items())),
            gate=sha256(gate).hexdigest() if gate else "",
            usage=told["usage"],
            started=told["started"],
            ended=told["ended"],
            rerun=told.get("rerun"),
        )

    def _record(self, receipt: ExecutionReceipt, signed: bytes) -> None:
        document = read_document(signed, "counterfoil execution 1")
        made = ExecutionRecord(
            receipt.order,
            receipt.offer,
            receipt.job,
            document.digest_hex,
            receipt.algorithm,
            receipt.inputs,
            receipt.exit,
            tuple(each.sha256 for each in receipt.outputs),
        )
        self._recorder.write(made.draft())

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


def _words(ran: Execution) -> str:
    """Returns for the owner how a run ended."""
    outcome = ran.outcome
    said = "; ".join((outcome.detail, *outcome.refused)).strip("; ")
    return "" if outcome.exit is Exit.FINISHED and not said else f"{outcome.exit.value}: {said}"
