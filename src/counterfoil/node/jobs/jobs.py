"""The jobs of one node: kept in its state, done one after the other by one thread.

A job is written down before it is started, and what it found so far as it goes. Those
that were under way when the node stopped, however it stopped, are taken up again at
the next start.

A file that shows private values is deleted when some are erased, whichever they are; and
every file after a while.
"""

from __future__ import annotations

import json
import logging
import queue
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Column, Integer, String, Table, Text, select

from counterfoil.core.statement import read_record
from counterfoil.errors import CounterfoilError, InvalidInput, LogUnavailable, NotFound, Stale, row_for
from counterfoil.node.jobs.job import Cancelled, JobState, JobView, Run, Task
from counterfoil.node.jobs.tasks import TASKS
from counterfoil.node.state import NodeState, metadata
from counterfoil.node.webhooks.webhooks import Webhooks

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["Jobs"]

_LOGGER: Final = logging.getLogger("counterfoil.node")

MOST_WAITING: Final = 100
"""Jobs that may wait at once."""

MOST_KEPT: Final = 500
"""Jobs that are remembered; the oldest that are over go first, with their files."""

SAVED_EVERY_S: Final = 1.0

ERASED: Final = "private values were erased since it was written; ask for it again"

jobs_table: Final = Table(
    "jobs",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("by", String, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("started_s", Integer, nullable=False),
    Column("finished_s", Integer),
    Column("told", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("resumed", Integer, nullable=False),
    Column("file", String, nullable=False),
)


class Jobs:
    """The jobs of one node. Safe to use from many threads.

    Args:
        state: Where they are kept.
        folder: Where they may leave files.
        org: The organisation they work for.
        now: Returns Unix seconds.
        webhooks: Tell others of every job that is over.
        tasks: What each kind of job does.
    """

    def __init__(
        self,
        state: NodeState,
        folder: Path,
        org: Organisation,
        *,
        now: Callable[[], float] = time.time,
        webhooks: Webhooks | None = None,
        tasks: Mapping[str, Task] = TASKS,
    ) -> None:
        self._state = state
        self._folder = folder
        self._org = org
        self._now = now
        self._webhooks = webhooks
        self._tasks = tasks
        self._lock = threading.Lock()  # owns _known, _cancelled and _overtaken
        self._known: dict[str, JobView] = {}
        self._cancelled: set[str] = set()
        self._overtaken: set[str] = set()  # running, and what they read may be erased by now
        self._number = 1
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._is_stopping = False
        self._load()

    def start_work(self) -> None:
        """Takes up what was under way, and does what comes."""
        self._thread = threading.Thread(target=self._work, name="counterfoil-jobs", daemon=True)
        self._thread.start()

    def stop_work(self) -> None:
        """Stops after the step it is in; what is unfinished goes on at the next start."""
        self._is_stopping = True
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(30)

    def start(self, by: str, kind: str, arguments: Mapping[str, Any]) -> JobView:
        """Writes a job down and queues it.

        Args:
            by: Id of whoever asks.
            kind: What to do.
            arguments: What is asked for, JSON values.

        Raises:
            InvalidInput: There is no such kind, or too many wait.
        """
        if kind not in self._tasks:
            raise InvalidInput(f"there is no work called {kind[:40]!r}", hint=f"there is {', '.join(self._tasks)}")
        with self._lock:
            if sum(not each.state.is_over for each in self._known.values()) >= MOST_WAITING:
                raise InvalidInput(f"{MOST_WAITING} jobs wait already", hint="wait for some, or cancel them")
            number, self._number = self._number, self._number + 1
            job = JobView(
                secrets.token_hex(8),
                kind,
                by,
                dict(arguments),
                JobState.WAITING,
                0,
                0,
                int(self._now()),
                None,
                {},
                {},
                0,
                "",
            )
            with self._state.writing() as connection:
                connection.execute(jobs_table.insert().values(number=number, **_row(job)))
            self._known[job.id] = job
        self._queue.put(job.id)
        return job

    def list(self) -> list[JobView]:
        """Returns all jobs that are remembered, newest first."""
        with self._lock:
            return list(reversed(self._known.values()))

    def get(self, job_id: str) -> JobView:
        """Returns one job.

        Raises:
            NotFound: There is none with that id.
        """
        found = self._known.get(job_id)  # without the lock, which is held across syncs: event streams ask here
        if found is None:
            raise NotFound(f"there is no job {job_id[:20]!r}", hint="old ones are forgotten after a while")
        return found

    def cancel(self, job_id: str) -> JobView:
        """Stops a job, at once where it waits, at its next step where it runs.

        Raises:
            Stale: It is over already.
        """
        job = self.get(job_id)
        if job.state.is_over:
            raise Stale(f"the job is {job.state} already")
        with self._lock:
            self._cancelled.add(job_id)
            waits = self._known[job_id].state is JobState.WAITING
        if waits:
            self._end(job_id, JobState.CANCELLED)
        return self.get(job_id)

    def file(self, job_id: str) -> Path:
        """Returns the file that a job made.

        Raises:
            NotFound: It made none, or it is gone.
        """
        job = self.get(job_id)
        path = self._folder / job.id / job.file
        if not job.file or not path.is_file():
            why = job.told.get("file_gone", "it is there once the job is done, and kept for a while")
            raise NotFound("this job has no file", hint=str(why))
        return path

    def forget_erased(self) -> bool:
        """Deletes every file that shows private values: some were erased. Returns whether all are gone."""
        with self._lock:
            shown = [job for job in self._known.values() if job.shows_values]
            self._overtaken.update(job.id for job in shown if job.state is JobState.RUNNING)
        gone = [self._delete(job, ERASED) for job in shown if job.file]
        return all(gone)

    def forget_files(self, kept_s: int) -> int:
        """Deletes the files of jobs that were over `kept_s` seconds ago; returns how many."""
        ends_s = int(self._now()) - kept_s
        old = [job for job in self.list() if job.file and (job.finished_s or 0) <= ends_s]
        return sum(self._delete(job, "it was kept for its time") for job in old)

    def _delete(self, job: JobView, why: str) -> bool:
        """Deletes the file of a job, which says why from then on; returns whether it is gone."""
        try:
            (self._folder / job.id / job.file).unlink(missing_ok=True)
        except OSError as error:
            _LOGGER.error("the file of job %s could not be deleted: %s", job.id, error.strerror)
            return False
        with suppress(LogUnavailable):  # the file is gone, and asking for it says so
            self._save(replace(job, file="", told={**job.told, "file_gone": why}))
        return True

    # In the thread

    def _work(self) -> None:
        while (job_id := self._queue.get()) is not None and not self._is_stopping:
            if self.get(job_id).state.is_over:
                continue
            try:
                self._do(job_id)
            except Exception:  # the thread must go on: the state could not be written, the log says why
                _LOGGER.exception("the job %s could not be kept", job_id)

    def _do(self, job_id: str) -> None:
        job = self.get(job_id)
        folder = self._folder / job.id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_resumed = job.resumed > 0
        self._save(replace(job, state=JobState.RUNNING))
        run = Run(
            self._org,
            job.arguments,
            job.told,
            folder,
            is_resumed,
            _Progress(self, job_id),
            lambda told: self._save(replace(self.get(job_id), told=dict(told))),
        )
        try:
            told = dict(self._tasks[job.kind](run))
        except Cancelled:
            if not self._is_stopping:
                self._end(job_id, JobState.CANCELLED)
        except CounterfoilError as error:
            row = row_for(error)
            self._end(job_id, JobState.FAILED, error={"code": row.code, "detail": error.message, "hint": error.hint})
        except Exception as error:
            _LOGGER.exception("the job %s of kind %s failed", job_id, job.kind)
            detail = f"something was not foreseen: {type(error).__name__}; the server's log says more"
            self._end(job_id, JobState.FAILED, error={"code": "failed", "detail": detail, "hint": ""})
        else:
            file = str(told.pop("file", ""))
            self._end(job_id, JobState.DONE, told=told, file=file)
            with self._lock:
                is_overtaken = job_id in self._overtaken
            if is_overtaken and file:
                self._delete(self.get(job_id), ERASED)

    def _end(self, job_id: str, state: JobState, **more: Any) -> None:
        before = self.get(job_id)
        job = replace(before, state=state, finished_s=int(self._now()), arguments=before.arguments_once_over, **more)
        if state is JobState.DONE:
            job = replace(job, done=max(job.done, job.total), total=max(job.done, job.total))
        self._save(job, is_told=True)
        if job.arguments != before.arguments:
            self._state.empty_journal()  # what was asked for stands in it, too
        if state is not JobState.DONE:
            shutil.rmtree(self._folder / job_id, ignore_errors=True)
        self._forget_old()
        if self._webhooks is not None:
            self._webhooks.wake()

    def _save(self, job: JobView, *, is_told: bool = False) -> None:
        with self._lock:
            with self._state.writing() as connection:
                connection.execute(jobs_table.update().where(jobs_table.c.id == job.id).values(**_row(job)))
                if is_told and self._webhooks is not None:
                    self._webhooks.tell(connection, "job.finished", job.to_json())
            self._known[job.id] = job

    def _step(self, job_id: str, done: int, total: int, *, saved: bool) -> None:
        """Takes note of progress; raises `Cancelled`."""
        with self._lock:
            if job_id in self._cancelled or self._is_stopping:
                raise Cancelled("the job was stopped")
            if job_id in self._overtaken:
                raise Stale("private values were erased while the file was written", hint="ask for it again")
            job = self._known[job_id] = replace(self._known[job_id], done=done, total=total)
        if saved:
            self._save(job)

    def _load(self) -> None:
        with self._state.reading() as connection:
            rows = connection.execute(select(jobs_table).order_by(jobs_table.c.number)).all()
        if rows:
            self._number = rows[-1].number + 1
        for row in rows:
            job = _job(row)
            if not job.state.is_over:
                job = replace(job, resumed=job.resumed + (job.state is JobState.RUNNING), state=JobState.WAITING)
                self._save(job)
                self._queue.put(job.id)
            self._known[job.id] = job
        self._forget_erased_before()

    def _forget_erased_before(self) -> None:
        """Deletes the files that show what may have been erased while no node was running."""
        shown = [(job, int(job.told.get("log_size", 0))) for job in self.list() if job.file and job.shows_values]
        if not shown:
            return
        archive, start = self._org.archive, min(size for _, size in shown)
        erasures = [
            place
            for place, entry in enumerate(archive.entries(start, archive.size), start)
            if b"/erasure/v1" in entry and read_record(entry).kind == "erasure"
        ]
        for job, size in shown:
            if erasures and erasures[-1] >= size:
                self._delete(job, ERASED)

    def _forget_old(self) -> None:
        with self._lock:
            over = [each for each in self._known.values() if each.state.is_over]
            old = over[: max(0, len(self._known) - MOST_KEPT)]
            if not old:
                return
            with self._state.writing() as connection:
                connection.execute(jobs_table.delete().where(jobs_table.c.id.in_([each.id for each in old])))
            for each in old:
                del self._known[each.id]
                shutil.rmtree(self._folder / each.id, ignore_errors=True)


class _Progress:
    """Passes progress on, to the disk at most once a second."""

    def __init__(self, jobs: Jobs, job_id: str) -> None:
        self._jobs = jobs
        self._id = job_id
        self._saved_s = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        is_due = now - self._saved_s >= SAVED_EVERY_S
        if is_due:
            self._saved_s = now
        self._jobs._step(self._id, done, total, saved=is_due)


def _row(job: JobView) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind,
        "by": job.by,
        "arguments": json.dumps(dict(job.arguments)),
        "state": str(job.state),
        "done": job.done,
        "total": job.total,
        "started_s": job.started_s,
        "finished_s": job.finished_s,
        "told": json.dumps(dict(job.told)),
        "error": json.dumps(dict(job.error)),
        "resumed": job.resumed,
        "file": job.file,
    }


def _job(row: Any) -> JobView:
    return JobView(
        row.id,
        row.kind,
        row.by,
        json.loads(row.arguments),
        JobState(row.state),
        row.done,
        row.total,
        row.started_s,
        row.finished_s,
        json.loads(row.told),
        json.loads(row.error),
        row.resumed,
        row.file,
    )
