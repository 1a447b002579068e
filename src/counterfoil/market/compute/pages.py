"""Computations in the console: the jobs of this home's data, a job with its log, and the release desk."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request
from starlette.responses import Response

from counterfoil.core import canonical
from counterfoil.errors import CallerError, NotFound, Stale
from counterfoil.market.page_frame import MarketFrame
from counterfoil.store.streams import time_text
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import Form
from counterfoil.web.roles import STAFF, Role, principal_of

if TYPE_CHECKING:
    from counterfoil.market.compute.jobs.job_book import KeptJob
    from counterfoil.market.compute.jobs.jobs import Jobs

__all__ = ["ComputePages"]

LOOKED_EVERY_S: Final = 600.0
"""A log that is watched is asked for every few seconds; that somebody looks is put on record once in so long."""

MOST_LOOKS: Final = 1_000
MOST_LOG_CHARS: Final = 100_000


class ComputePages:
    """These pages.

    Args:
        frame: What the market's pages share.
    """

    def __init__(self, frame: MarketFrame) -> None:
        self._frame = frame
        self._lock = threading.Lock()  # guards who looked when
        self._looked: dict[tuple[str, str], float] = {}

    def add_to(self, room: PageRoom) -> None:
        """Adds them."""
        operator, job, output = (Role.OPERATOR,), "/market/jobs/{order}", "/market/desk/{job}/{name}"
        room.shows("/market/jobs", self.list_jobs, STAFF)
        room.shows(job, self.show, STAFF)
        room.does(f"{job}/cancel", self.cancel, operator)
        room.shows("/market/desk", self.list_outputs, STAFF)
        room.shows(output, self.preview, STAFF)
        room.does(output, self.decide, operator)

    @property
    def _jobs(self) -> Jobs:
        return self._frame.org.market.jobs

    def list_jobs(self, request: Request) -> Response:
        """Shows the jobs that wait, run and ran, newest first."""
        if not self._frame.org.market.is_open:
            return self._frame.render(request, "jobs.html")
        found = list(reversed(self._jobs.book.all()))
        return self._frame.render(request, "jobs.html", jobs=found, live=self._jobs.live, time_text=time_text)

    def show(self, order: str, request: Request) -> Response:
        """Shows a job and its log, as far as it is; who looked is recorded, for the log may hold the data."""
        if not self._frame.org.market.is_open:
            return self._frame.render(request, "job.html")
        job = self._jobs.book.at(order)
        self._note_look(request, job)
        live = self._jobs.live
        is_live = live is not None and live.order == job.order
        text = "\n".join(live.lines) if live is not None and is_live else self._log(job)
        spec: Mapping[str, Any] = canonical.loads(job.spec) if job.spec else {}
        return self._frame.render(
            request,
            "job.html",
            is_live=is_live,
            job=job,
            live=live if is_live else None,
            log=text[-MOST_LOG_CHARS:],
            on_ledger=self._frame.org.ledger.market.order(job.order),
            parameters=spec.get("parameters") or {},
            settled=self._jobs.settled(job.job),
            time_text=time_text,
            waiting=self._jobs.pending(job.job),
        )

    def cancel(self, request: Request, form: Form) -> Response:
        """Stops a job: one that waits at once, one that runs as soon as it can be."""
        order = str(request.path_params["order"])
        self._frame.desk.asked(request, f"stopping the job of the order {order}")
        try:
            self._jobs.cancel(order, why="its data's owner stopped it")
        except Stale as error:
            said = f"It was not stopped: {error.message}."
            return self._frame.pages.see(request, f"/market/jobs/{order}", said, is_warning=True)
        return self._frame.pages.see(request, f"/market/jobs/{order}", "It is stopped, or stops in a moment.")

    def list_outputs(self, request: Request) -> Response:
        """Shows the outputs that wait for somebody to look at them."""
        if not self._frame.org.market.is_open:
            return self._frame.render(request, "desk.html")
        by_digest = {each.job: each for each in self._jobs.book.all()}
        waiting = [(each, by_digest.get(each.job)) for each in self._jobs.pending()]
        return self._frame.render(request, "desk.html", waiting=waiting)

    def preview(self, job: str, name: str, request: Request) -> Response:
        """Shows the beginning of an output that waits. Who looked is recorded."""
        if not self._frame.org.market.is_open:
            return self._frame.render(request, "output.html")
        return self._preview(request, job, name)

    def decide(self, request: Request, form: Form) -> Response:
        """Lets an output leave or keeps it, when it is the one that was looked at."""
        job, name = (str(request.path_params[each]) for each in ("job", "name"))
        releases, reason = form.text("verdict") == "release", form.text("reason")
        try:
            settled = self._jobs.decide(
                job, name, form.text("sha256"), releases=releases, by=principal_of(request).id, reason=reason
            )
        except CallerError as error:
            return self._preview(request, job, name, reason, error)
        leaves = "leaves with the result of its job" if releases else "stays here for good"
        return self._frame.pages.see(request, "/market/desk", f"{settled.name} {leaves}. It is on record.")

    def _preview(
        self, request: Request, job: str, name: str, reason: str = "", error: CallerError | None = None
    ) -> Response:
        kept = self._jobs.book.by_digest(job)
        pending = next((each for each in self._jobs.pending(job) if each.name == name), None)
        if pending is None:
            raise NotFound("no such output waits", hint="somebody else may have decided: see the release desk")
        self._frame.desk.looked(request, f"the output {name} of the job {job[:16]}")
        return self._frame.render(
            request,
            "output.html",
            422 if error else 200,
            error=error,
            kept=kept,
            may_decide=principal_of(request).may(frozenset({Role.OPERATOR})),
            output=pending,
            preview=self._jobs.preview(job, name),
            reason=reason,
        )

    def _log(self, job: KeptJob) -> str:
        try:
            return self._jobs.log(job.order).decode("utf-8", "replace")
        except NotFound:
            return ""

    def _note_look(self, request: Request, job: KeptJob) -> None:
        """Puts on record who looks at a log, once in a while for whoever goes on looking."""
        who, now = (principal_of(request).id, job.order), time.monotonic()
        with self._lock:
            if now - self._looked.get(who, -LOOKED_EVERY_S) < LOOKED_EVERY_S:
                return
            if len(self._looked) >= MOST_LOOKS:
                self._looked.clear()
            self._looked[who] = now
        self._frame.desk.looked(request, f"the log of the job of the order {job.order}")
