"""Watches the processes of one job from outside: what they use together, which no limit of one process tells.

All of a job descends from the first process of its namespace, so its tree is the
whole job. Memory is the resident memory of all processes, the tables that map it, what
lies in the scratch space, and the buffers of sockets at their fullest. When that is above
the limit, pages that processes share are counted once before anything is ended.

Under gVisor the job's processes are those that its kernel holds, and that kernel is one
of them. Their pages are in one file of its, which counts as a whole: pages stay there
that no process maps any more.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from counterfoil.market.compute.sandbox.limits import Limits
from counterfoil.market.compute.sandbox.outcome import Exit
from counterfoil.market.compute.sandbox.process_tree import processes_of
from counterfoil.market.compute.sandbox.second_kernel import Kernel

__all__ = ["Overrun", "Watch"]

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_KIB: Final = 1024
_BLOCK_BYTES: Final = 512
"""Unit of `st_blocks`, whatever the file system (stat(2))."""

_SOCKET_BYTES: Final = 212_992
"""Most that waits in one socket (net.core.wmem_default, socket(7)); a job cannot ask for more."""

_KERNEL_PROCESSES: Final = 2
"""gVisor's own: the kernel, and the one from which it makes those of the job."""


@dataclass(frozen=True, slots=True)
class Overrun:
    """A limit that was passed.

    Attributes:
        exit: What it means for the job.
        detail: Which limit, and what was found.
    """

    exit: Exit
    detail: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """One process at one moment: own CPU ticks, those of children it has waited for, memory, tables, threads.

    Memory is apart for pages of files in memory, among which are those that gVisor's kernel holds.
    """

    own_ticks: int
    waited_ticks: int
    resident_bytes: int
    in_memory_files_bytes: int
    table_bytes: int
    threads: int


@dataclass(slots=True)
class Watch:
    """Looks at one job again and again, and keeps the highest figures.

    Attributes:
        first_pid: The first process of the job's namespace, as this machine numbers it.
        scratch_fd: Descriptor of the scratch space's folder.
        limits: The job's.
        kernel: gVisor's, under which all of the job is; None without gVisor.
        peak_bytes: Most memory seen.
        written_bytes: Most seen in the scratch space.
        cpu_ms: Milliseconds of processor time seen so far.
    """

    first_pid: int
    scratch_fd: int
    limits: Limits
    kernel: Kernel | None = None
    peak_bytes: int = 0
    written_bytes: int = 0
    cpu_ms: int = 0
    _own_ticks: dict[int, int] = field(default_factory=dict)

    def look(self) -> Overrun | None:
        """Looks once; returns the first limit that was passed, or None."""
        seen = _seen_of(processes_of(self.first_pid))
        job = seen if self.kernel is None else _seen_of(processes_of(self.kernel.pid))
        return self._processes(job) or self._disk() or self._memory(job) or self._cpu(seen)

    def _processes(self, job: dict[int, _Seen]) -> Overrun | None:
        if self.kernel is None:
            count = sum(each.threads for pid, each in job.items() if pid != self.first_pid)
        else:  # gVisor holds a process in a process, and counts threads itself, for which it has more or fewer
            count = len(job) - _KERNEL_PROCESSES
        if count > self.limits.processes:
            return Overrun(
                Exit.PROCESSES, f"{count:,} processes and threads, and {self.limits.processes:,} are allowed"
            )
        return None

    def _disk(self) -> Overrun | None:
        space = os.fstatvfs(self.scratch_fd)
        used, files = (space.f_blocks - space.f_bfree) * space.f_frsize, space.f_files - space.f_ffree
        self.written_bytes = max(self.written_bytes, used)
        if used > self.limits.disk_bytes:
            return Overrun(Exit.DISK, f"{used:,} bytes of files, and {self.limits.disk_bytes:,} are allowed")
        if files > self.limits.files:
            return Overrun(Exit.DISK, f"{files:,} files, and {self.limits.files:,} are allowed")
        return None

    def _memory(self, job: dict[int, _Seen]) -> Overrun | None:
        space = os.fstatvfs(self.scratch_fd)
        apart = (space.f_blocks - space.f_bfree) * space.f_frsize + _socket_bytes(self.first_pid)
        apart += sum(each.table_bytes for each in job.values()) + self._held_bytes()
        used = sum(self._mapped_bytes(each) for each in job.values()) + apart
        if used > self.limits.memory_bytes:
            used = sum(self._proportional_bytes(pid, each) for pid, each in job.items()) + apart
        self.peak_bytes = max(self.peak_bytes, used)
        if used > self.limits.memory_bytes:
            return Overrun(Exit.MEMORY, f"{used:,} bytes of memory, and {self.limits.memory_bytes:,} are allowed")
        return None

    def _held_bytes(self) -> int:
        """Returns what is in the file of gVisor's kernel: all of the job's pages."""
        try:
            return 0 if self.kernel is None else self.kernel.memory.stat().st_blocks * _BLOCK_BYTES
        except OSError:
            return 0  # it has ended

    def _mapped_bytes(self, each: _Seen) -> int:
        """Returns the memory of one process; without files in memory under gVisor, which are counted apart there."""
        return each.resident_bytes if self.kernel is not None else each.resident_bytes + each.in_memory_files_bytes

    def _proportional_bytes(self, pid: int, seen: _Seen) -> int:
        """As above, a page shared by n counted as an nth; all of it where that is not told."""
        try:
            told = Path(f"/proc/{pid}/smaps_rollup").read_bytes()
        except OSError:
            return self._mapped_bytes(seen)
        return _kib(told, b"Pss:") - (_kib(told, b"Pss_Shmem:") if self.kernel is not None else 0)

    def _cpu(self, seen: dict[int, _Seen]) -> Overrun | None:
        """A process that ended counts through whoever waited for it, or as it was last seen: the higher of both."""
        for pid, each in seen.items():
            self._own_ticks[pid] = max(self._own_ticks.get(pid, 0), each.own_ticks)
        waited = sum(each.own_ticks + each.waited_ticks for each in seen.values())
        ticks = max(waited, sum(self._own_ticks.values()))
        self.cpu_ms = max(self.cpu_ms, ticks * 1000 // _TICKS_PER_S)
        if self.cpu_ms > self.limits.cpu_s * 1000:
            return Overrun(Exit.TIME, f"{self.cpu_ms:,} ms of processor time, and {self.limits.cpu_s:,} s are allowed")
        return None


def _seen_of(pids: list[int]) -> dict[int, _Seen]:
    return {pid: found for pid in pids if (found := _seen(pid)) is not None}


def _seen(pid: int) -> _Seen | None:
    """Returns what /proc says of one process (proc(5): stat, fields after the name), or None when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        status = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return None
    own, waited = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    resident, in_memory = _kib(status, b"RssAnon:") + _kib(status, b"RssFile:"), _kib(status, b"RssShmem:")
    return _Seen(own, waited, resident, in_memory, _kib(status, b"VmPTE:"), int(fields[17]))


def _kib(text: bytes, name: bytes) -> int:
    """Returns the bytes that a line of /proc tells in KiB; a process that is just ending has no such line."""
    found = text.partition(b"\n" + name)[2].split(maxsplit=1)
    return int(found[0]) * _KIB if found else 0


def _socket_bytes(pid: int) -> int:
    """Returns the most that can wait in all sockets of the network namespace that `pid` is in."""
    try:
        lines = Path(f"/proc/{pid}/net/unix").read_bytes().count(b"\n")
    except OSError:
        return 0
    return max(0, lines - 1) * _SOCKET_BYTES
