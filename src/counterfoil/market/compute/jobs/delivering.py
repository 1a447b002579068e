"""Delivers jobs whose outputs are decided on; each step may be repeated after a crash.

1. the receipt is signed, and kept;
2. it is put on record;
3. the ledger is told its digest and the charge; then the buyer can fetch the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from counterfoil.core import canonical
from counterfoil.errors import NotFound
from counterfoil.market.compute.gate import Desk
from counterfoil.market.compute.jobs.files import JobFiles
from counterfoil.market.compute.jobs.job_book import JobBook, JobState, KeptJob
from counterfoil.market.compute.jobs.job_spec import JobSpec
from counterfoil.market.compute.jobs.receipt import ExecutionReceipt, Left, read_receipt
from counterfoil.market.records import ExecutionRecord
from counterfoil.market.views import market_records
from counterfoil.store.recorder import Recorder
from counterfoil.store.views import Views

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger

__all__ = ["JobDelivery"]

ANSWER: Final = "answer.json"


class JobDelivery:
    """Delivers the jobs of one seller's home.

    Args:
        ledger: The home's ledger.
        book: The jobs.
        files: What they bring and leave.
        desk: Has what was decided on.
        recorder: Writes what was run.
        views: Finds what was.
        sign: Signs a document with the home's market key.
    """

    def __init__(
        self,
        ledger: Ledger,
        book: JobBook,
        files: JobFiles,
        desk: Desk,
        recorder: Recorder,
        views: Views,
        sign: Callable[[Mapping[str, Any]], dict[str, Any]],
    ) -> None:
        self._ledger = ledger
        self._book = book
        self._files = files
        self._desk = desk
        self._recorder = recorder
        self._views = views
        self._sign = sign

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
        receipt, signed_receipt = read_receipt(job.receipt)
        self._record(receipt, signed_receipt.digest_hex)
        # Who gets nothing pays nothing: the rest of what is held goes back to the buyer.
        charge = None if receipt.outputs else "0"
        _, deliver = self._ledger.market.delivering(job.order, signed_receipt.digest_hex, charge)
        ends_s = deliver(lambda _: None).ends
        return self._book.change(job.order, JobState.READY, state=JobState.DELIVERED, look_s=ends_s)

    def forget(self, job: KeptJob) -> None:
        """Deletes what is kept of a job that is over: what it brought, what it left, its log."""
        self._desk.forget(job.job)
        self._files.forget(job.order)

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

    def _record(self, receipt: ExecutionReceipt, digest: str) -> None:
        """Puts on record what was run, once for each receipt."""
        same = (market_records.c.kind == "execution") & (market_records.c.digest == digest)
        with self._views.reading() as connection:
            if connection.execute(select(market_records.c.idx).where(same).limit(1)).first() is not None:
                return
        left = tuple(each.sha256 for each in receipt.outputs)
        named = (receipt.order, receipt.offer, receipt.job, digest, receipt.algorithm, receipt.inputs, receipt.exit)
        self._recorder.write(ExecutionRecord(*named, left).draft())
