"""Starts bwrap around one job and waits until the walls stand; nothing of the job has run by then."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from counterfoil.errors import NotSetUp
from counterfoil.market.compute.sandbox.confinement import SCRATCH
from counterfoil.market.compute.sandbox.filter import filter_program
from counterfoil.market.compute.sandbox.process_tree import processes_of
from counterfoil.market.compute.sandbox.user_namespace import HINT, as_user, job_user_namespace, unused_user
from counterfoil.market.compute.sandbox.walls import WallsPlan

__all__ = ["Job", "launched"]

_START_S: Final = 30.0
_PIECE_BYTES: Final = 2**16
_MOST_INFO_BYTES: Final = 2**16


@dataclass(frozen=True, slots=True)
class Job:
    """A job whose walls stand.

    Attributes:
        bwrap: The process that waits for it.
        first_pid: The first process of its namespace, as this machine numbers it.
        first_fd: Descriptor of that process: it can be read from when all of the job is gone.
        scratch_fd: Descriptor of the scratch space; the files in it outlive the job as long as this is open.
        log_fd: Read from for standard output and error; never blocks.
        line: Its other end is the job's standard input, until the algorithm begins. It is closed then, so that
            nothing of the job's can be put into it.
    """

    bwrap: subprocess.Popen[bytes]
    first_pid: int
    first_fd: int
    scratch_fd: int
    log_fd: int
    line: socket.socket

    def begin(self) -> None:
        """Lets the algorithm begin. Should the machine run short of memory, the job goes first."""
        for pid in processes_of(self.first_pid):
            with suppress(OSError):  # it may have ended
                Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
        with suppress(ConnectionError):  # likewise: its exit code will say so
            self.line.send(b"g")
        self.line.close()  # bwrap keeps the other end, and the job may write into bwrap's memory

    def end(self) -> None:
        """Ends every process of the job at once."""
        try:
            signal.pidfd_send_signal(self.first_fd, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it is gone already


@contextmanager
def launched(bwrap: Path, plan: WallsPlan) -> Iterator[Job]:
    """Yields the job, held back before its first instruction; every process of it is gone afterwards.

    bwrap is given an empty environment and its arguments through a descriptor: the job can read both of its
    first process, and neither this node's environment nor its command line are a job's business.

    Args:
        bwrap: The program.
        plan: What it is told.

    Raises:
        NotSetUp: When the walls do not stand; with what bwrap said.
    """
    with ExitStack() as stack:
        info_in, info_out = _pipe(stack)
        log_in, log_out = _pipe(stack)
        os.set_blocking(log_in, False)
        mine, theirs = (stack.enter_context(each) for each in socket.socketpair())
        made, namespaces, user = _user(stack)
        files = {place: _given(stack, content) for place, content in plan.files.items()}
        shown = [part for place, each in files.items() for part in ("--ro-bind-data", str(each), place)]
        listed = _given(stack, b"".join(each.encode() + b"\0" for each in [*made, *shown, *plan.arguments]))
        filtered = [_given(stack, filter_program())] if plan.is_filtered else []
        told = ["--args", str(listed), "--info-fd", str(info_out)]
        told += [part for each in filtered for part in ("--seccomp", str(each))]
        process = subprocess.Popen(  # noqa: S603 - no shell; bwrap, and Python or runsc inside
            [str(bwrap), *told, "--", *plan.inside],
            stdin=theirs.fileno(),
            stdout=log_out,
            stderr=log_out,
            env={},
            cwd="/",
            pass_fds=[info_out, listed, *filtered, *files.values(), *namespaces],
            **user,
        )
        stack.callback(_reap, process)
        for each in (info_out, log_out):
            os.close(each)
        theirs.close()
        first_pid = _first_pid(info_in, log_in)
        try:
            first_fd = os.pidfd_open(first_pid)
        except OSError as error:
            raise _no_walls(log_in) from error
        stack.callback(os.close, first_fd)
        stack.callback(_end, first_fd)
        _await_ready(mine, log_in)
        try:
            scratch_fd = os.open(f"/proc/{first_pid}/root{SCRATCH}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise _no_walls(log_in) from error
        stack.callback(os.close, scratch_fd)
        yield Job(process, first_pid, first_fd, scratch_fd, log_in, mine)


def _pipe(stack: ExitStack) -> tuple[int, int]:
    """Returns both ends of a pipe; whichever is still open is closed at the end."""
    ends = os.pipe()
    for each in ends:
        stack.callback(_close, each, os.fstat(each).st_ino)
    return ends


def _close(descriptor: int, inode: int) -> None:
    """Closes a pipe's end unless that was done before: the number may stand for something else by now."""
    try:
        if os.fstat(descriptor).st_ino == inode:
            os.close(descriptor)
    except OSError:
        pass


def _given(stack: ExitStack, content: bytes) -> int:
    """Returns a descriptor from which a child reads `content`, in memory."""
    descriptor = os.memfd_create("counterfoil-job")
    stack.callback(os.close, descriptor)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _user(stack: ExitStack) -> tuple[list[str], list[int], dict[str, Any]]:
    """Returns what makes the job's user namespace: bwrap's arguments, descriptors to pass on, and `Popen`'s own."""
    if os.geteuid() != 0:
        return ["--unshare-user"], [], {}
    user = unused_user()
    namespace = stack.enter_context(job_user_namespace(user))
    return ["--userns", str(namespace)], [namespace], as_user(user)


def _first_pid(info_fd: int, log_fd: int) -> int:
    """Reads bwrap's description of the namespace: JSON, in as many pieces as it likes."""
    text, until = b"", time.monotonic() + _START_S
    while len(text) < _MOST_INFO_BYTES and not text.rstrip().endswith(b"}"):
        piece = _read_until(info_fd, until)
        if not piece:
            raise NotSetUp(f"jobs cannot run here: bwrap did not start ({_said(log_fd)})", hint=HINT)
        text += piece
    return int(json.loads(text)["child-pid"])


def _await_ready(line: socket.socket, log_fd: int) -> None:
    if _read_until(line.fileno(), time.monotonic() + _START_S) != b"r":
        raise _no_walls(log_fd)


def _no_walls(log_fd: int) -> NotSetUp:
    return NotSetUp(f"jobs cannot run here: the sandbox does not stand ({_said(log_fd)})", hint=HINT)


def _read_until(descriptor: int, until: float) -> bytes:
    """Returns what comes first, or nothing when the other end closes or the time is over."""
    if not select.select([descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
        return b""
    return os.read(descriptor, _PIECE_BYTES)


def _said(log_fd: int) -> str:
    """Returns the last line that bwrap, or Python before the algorithm, wrote."""
    try:
        lines = os.read(log_fd, _PIECE_BYTES).decode("utf-8", "replace").strip().splitlines()
    except BlockingIOError:
        lines = []
    return lines[-1][:300] if lines else "it said nothing"


def _end(first_fd: int) -> None:
    """Ends all of the job and waits until the kernel has taken its last process away."""
    try:
        signal.pidfd_send_signal(first_fd, signal.SIGKILL)
    except ProcessLookupError:
        pass
    select.select([first_fd], [], [], _START_S)


def _reap(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
