"""Runs one algorithm, locked in: it reads what it is given, writes to `/out`, and reaches nothing else.

1. lay out the job's files in a private folder (`placing`);
2. start bwrap with an empty environment: new namespaces, a read-only root of little more than Python, no
   capability, no new privileges, the filter of system calls (`confinement`, `filter`, `launch`), or, inside of
   these namespaces, gVisor's kernel (`second_kernel`);
3. the starter inside says that the walls stand; the watch takes hold of its processes and scratch space;
4. the starter is told to go on; it sets hard limits and becomes the algorithm (`starter`);
5. until the first process ends, read the log and look at what all processes use; a limit that is passed, the
   clock or the owner ends the first process of the namespace, and with it all others (`watch`);
6. when the last process is gone, take the outputs (`outputs`).
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Self, TypeAlias

from counterfoil.errors import InvalidInput, NotSetUp
from counterfoil.market.compute.sandbox.confinement import JOB_ID, Mounts, bubblewrap
from counterfoil.market.compute.sandbox.interpreter import Interpreter
from counterfoil.market.compute.sandbox.launch import Job, launched
from counterfoil.market.compute.sandbox.limits import Limits
from counterfoil.market.compute.sandbox.log import Line, Log
from counterfoil.market.compute.sandbox.outcome import Exit, Outcome, Usage
from counterfoil.market.compute.sandbox.outputs import Taken, take_outputs
from counterfoil.market.compute.sandbox.placing import Task, placed
from counterfoil.market.compute.sandbox.probe import require_walls
from counterfoil.market.compute.sandbox.second_kernel import KERNEL_USER, Kernel, gvisor, kernel_of
from counterfoil.market.compute.sandbox.starter import OUT_OF_MEMORY
from counterfoil.market.compute.sandbox.user_namespace import HINT
from counterfoil.market.compute.sandbox.walls import Walls, WallsPlan
from counterfoil.market.compute.sandbox.watch import Overrun, Watch

__all__ = ["Sandbox", "Stopped"]

Stopped: TypeAlias = Callable[[], bool]
"""Says whether the owner wants the job ended; asked some fifty times a second."""

_LOOK_S: Final = 0.02
_PIECE_BYTES: Final = 2**16
_MOST_PIECES: Final = 16
"""Read between two looks; a job that writes more waits."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Walls that were tried on this machine: there is no way to run a job without them.

    Attributes:
        bwrap: The program that puts them up.
        interpreter: The Python that runs algorithms.
        runsc: gVisor's program, which gives each job a kernel of its own; None for the machine's kernel.
    """

    bwrap: Path
    interpreter: Interpreter
    runsc: Path | None = None

    @classmethod
    def open(cls, interpreter: Interpreter | None = None, walls: Walls = Walls.BUBBLEWRAP) -> Self:
        """Returns the sandbox of this machine, after a job that looks at its own walls; once a process.

        Args:
            interpreter: The Python for algorithms; the one running now without it.
            walls: What jobs are locked in by. There is no falling back from one to the other.

        Raises:
            NotSetUp: When jobs cannot be locked in so here, with what is missing.
        """
        runsc = _runsc() if walls is Walls.GVISOR else None
        made = cls(_program(), interpreter or Interpreter.current(), runsc)
        _tried(made)
        return made

    def run(
        self,
        task: Task,
        into: Path,
        limits: Limits,
        *,
        threads: int = 1,
        on_line: Line | None = None,
        is_stopped: Stopped | None = None,
    ) -> Outcome:
        """Runs the task and returns what came of it; an algorithm that fails is a result, not an error.

        Args:
            task: The algorithm and what it works on.
            into: An empty folder, or one that is made, for the outputs.
            limits: What it may use at most.
            threads: For numerical libraries; 1 gives the same results on any machine, 0 leaves it to them.
            on_line: Told each line of the log as it comes. It may hold the data: it is for the owner alone. It
                is called between two looks at the job, so it does not linger.
            is_stopped: Says whether the owner wants it ended.

        Raises:
            InvalidInput: When the task or the folder cannot be used.
            NotFound: When the algorithm or an input is not there.
            NotSetUp: When the walls do not stand.
        """
        _require_empty(into)
        log = Log(limits.log_bytes, on_line)
        with placed(task, JOB_ID if self.runsc is None else KERNEL_USER) as mounts:
            plan = self._plan(mounts, task.entry, limits, threads)
            with launched(self.bwrap, plan) as job:
                watch = Watch(job.first_pid, job.scratch_fd, limits, self._kernel_of(job))
                return _Running(job, limits, log, watch, into).outcome(is_stopped)

    def _plan(self, mounts: Mounts, entry: str, limits: Limits, threads: int) -> WallsPlan:
        if self.runsc is None:
            return bubblewrap(self.interpreter, mounts, limits, entry, threads=threads)
        return gvisor(self.runsc, self.interpreter, mounts, limits, entry, threads=threads)

    def _kernel_of(self, job: Job) -> Kernel | None:
        if self.runsc is None:
            return None
        if (found := kernel_of(job.first_pid)) is None:
            raise NotSetUp("jobs cannot run here: runsc started, and its kernel is not to be found", hint=HINT)
        return found


@dataclass(frozen=True, slots=True)
class _Running:
    """One job from its first instruction to its outputs."""

    job: Job
    limits: Limits
    log: Log
    watch: Watch
    into: Path

    def outcome(self, is_stopped: Stopped | None) -> Outcome:
        """Lets the algorithm begin, sees it to its end, and takes what it left."""
        started = time.monotonic()
        self.watch.look()
        self.job.begin()
        overrun = self._until_the_end(started + self.limits.wall_s, is_stopped)
        wall_ms = int((time.monotonic() - started) * 1000) + 1
        exit_code = _exit_code(self.job.bwrap.wait())
        self.job.end()
        select.select([self.job.first_fd], [], [])
        self._read_log()
        verdict = overrun or self._after(exit_code)
        taken = take_outputs(self.job.scratch_fd, self.into, self.limits) if verdict is None else Taken((), ())
        if taken.refused:
            verdict = Overrun(Exit.FAILED, f"its outputs were refused: {taken.refused[0]}")
            _clear(self.into)
        return Outcome(
            exit=verdict.exit if verdict else Exit.FINISHED,
            exit_code=exit_code,
            detail=verdict.detail if verdict else "",
            outputs=taken.outputs,
            refused=taken.refused,
            folder=self.into,
            usage=Usage(self.watch.cpu_ms, wall_ms, self.watch.peak_bytes, self.watch.written_bytes),
            log=self.log.close(),
            is_log_cut=self.log.is_cut,
        )

    def _until_the_end(self, until: float, is_stopped: Stopped | None) -> Overrun | None:
        """Returns what ended the job from outside, or None when it ended by itself."""
        ended = os.pidfd_open(self.job.bwrap.pid)
        try:
            next_look = 0.0
            while True:
                ready = select.select([ended, self.job.log_fd], [], [], max(0.0, next_look - time.monotonic()))[0]
                if ended in ready:
                    return None
                if not self._read_log():
                    select.select([ended], [], [], max(0.0, next_look - time.monotonic()))
                if time.monotonic() < next_look:
                    continue
                next_look = time.monotonic() + _LOOK_S
                if overrun := self._overrun(until, is_stopped):
                    self.job.end()
                    return overrun
        finally:
            os.close(ended)

    def _overrun(self, until: float, is_stopped: Stopped | None) -> Overrun | None:
        if is_stopped is not None and is_stopped():
            return Overrun(Exit.OWNER, "the owner ended it")
        if time.monotonic() > until:
            return Overrun(Exit.TIME, f"it took longer than {self.limits.wall_s:,} s on the clock")
        return self.watch.look()

    def _read_log(self) -> bool:
        """Reads what is there; returns whether more may come."""
        for _ in range(_MOST_PIECES):
            try:
                piece = os.read(self.job.log_fd, _PIECE_BYTES)
            except BlockingIOError:
                return True
            if not piece:
                return False
            self.log.take(piece)
        return True

    def _after(self, exit_code: int) -> Overrun | None:
        """Returns why a job that ended by itself did not finish: its exit code, or what it left in its files."""
        if exit_code == OUT_OF_MEMORY:
            return Overrun(Exit.MEMORY, f"one process asked for more than {self.limits.memory_bytes:,} bytes of memory")
        if exit_code == 128 + signal.SIGXCPU:
            return Overrun(Exit.TIME, f"one process used more than {self.limits.cpu_s:,} s of processor time")
        if overrun := self.watch.look():
            return overrun
        return Overrun(Exit.FAILED, f"it ended with the exit code {exit_code}") if exit_code else None


def _exit_code(told: int) -> int:
    """Returns the code as bwrap passes it on; one that a signal ended is 128 and the signal, like inside."""
    return 128 - told if told < 0 else told


def _require_empty(into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(into.iterdir()):
        raise InvalidInput(f"{into} holds files already", hint="name an empty folder for the outputs")


def _clear(folder: Path) -> None:
    for each in folder.iterdir():
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink()


def _program() -> Path:
    found = shutil.which("bwrap")
    if found is None:
        raise NotSetUp(
            "jobs cannot run here: bubblewrap is missing, and no job runs without its walls",
            hint="install it (Debian, Ubuntu: apt install bubblewrap; Fedora: dnf install bubblewrap)",
        )
    return Path(found)


def _runsc() -> Path:
    found = shutil.which("runsc")
    if found is None:
        raise NotSetUp(
            "jobs cannot run here: gVisor was asked for, and its program runsc is missing",
            hint="install it (Debian: apt install runsc), or do without it: --sandbox bubblewrap where a job is "
            'checked, job_sandbox = "bubblewrap" in the counterfoil.toml of a home that runs them',
        )
    return Path(found)


@cache
def _tried(sandbox: Sandbox) -> None:
    """Runs the job that looks at its walls, once for each sandbox in a process."""
    require_walls(sandbox.run, has_own_kernel=sandbox.runsc is not None)
