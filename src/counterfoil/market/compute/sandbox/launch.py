"""Starts bwrap around one job and waits until the walls stand; nothing of the job has run by then."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from counterfoil.errors import NotSetUp
from counterfoil.market.compute.sandbox.confinement import SCRATCH
from counterfoil.market.compute.sandbox.filter import filter_program
from counterfoil.market.compute.sandbox.user_namespace import HINT, as_user, job_user_namespace, unused_user

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
        go_fd: Written to once, to let the algorithm begin.
    """

    bwrap: subprocess.Popen[bytes]
    first_pid: int
    first_fd: int
    scratch_fd: int
    log_fd: int
    go_fd: int

    def begin(self) -> None:
        """Lets the algorithm begin."""
        os.write(self.go_fd, b"g")

    def end(self) -> None:
        """Ends every process of the job at once."""
        try:
            signal.pidfd_send_signal(self.first_fd, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it is gone already


@contextmanager
def launched(bwrap: Path, walls: Sequence[str], inside: Sequence[str]) -> Iterator[Job]:
    """Yields the job, held back before its first instruction; every process of it is gone afterwards.

    bwrap is given an empty environment and its arguments through a descriptor: the job can read both of its
    first process, and neither this node's environment nor its command line are a job's business.

    Args:
        bwrap: The program.
        walls: Its arguments, without those of descriptors.
        inside: What runs, where `{ready}` and `{go}` stand for two descriptors.

    Raises:
        NotSetUp: When the walls do not stand; with what bwrap said.
    """
    with ExitStack() as stack:
        info_in, info_out = _pipe(stack)
        ready_in, ready_out = _pipe(stack)
        go_in, go_out = _pipe(stack)
        log_in, log_out = _pipe(stack)
        os.set_blocking(log_in, False)
        mine, namespaces, user = _user(stack)
        filtered = _given(stack, filter_program())
        listed = _given(stack, b"".join(each.encode() + b"\0" for each in [*mine, *walls]))
        told = ["--args", str(listed), "--seccomp", str(filtered), "--info-fd", str(info_out)]
        process = subprocess.Popen(  # noqa: S603 - no shell; bwrap, and Python inside
            [str(bwrap), *told, "--", *(each.format(ready=ready_out, go=go_in) for each in inside)],
            stdin=subprocess.DEVNULL,
            stdout=log_out,
            stderr=log_out,
            env={},
            cwd="/",
            pass_fds=[info_out, ready_out, go_in, filtered, listed, *namespaces],
            **user,
        )
        stack.callback(_reap, process)
        for each in (info_out, ready_out, go_in, log_out):
            os.close(each)
        first_pid = _first_pid(info_in, log_in)
        first_fd = os.pidfd_open(first_pid)
        stack.callback(os.close, first_fd)
        stack.callback(_end, first_fd)
        _await_ready(ready_in, log_in)
        scratch_fd = os.open(f"/proc/{first_pid}/root{SCRATCH}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, scratch_fd)
        yield Job(process, first_pid, first_fd, scratch_fd, log_in, go_out)


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


def _await_ready(ready_fd: int, log_fd: int) -> None:
    if _read_until(ready_fd, time.monotonic() + _START_S) != b"r":
        raise NotSetUp(f"jobs cannot run here: the sandbox does not stand ({_said(log_fd)})", hint=HINT)


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
