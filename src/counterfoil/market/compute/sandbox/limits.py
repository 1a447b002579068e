"""What a job may use at most."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from counterfoil.errors import InvalidInput

__all__ = ["LEAST_MEMORY_BYTES", "Limits"]

LEAST_MEMORY_BYTES: Final = 64 * 2**20
"""Python with nothing imported does not start in less."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings over all processes of one job together, unless said otherwise. All are whole numbers above nothing.

    Attributes:
        cpu_s: Processor seconds.
        wall_s: Seconds on the clock.
        memory_bytes: Memory, with what lies in `/out` and `/tmp`, which are in memory, and what the kernel holds for
            page tables and sockets. No process can map more private memory than this, and all together are stopped
            above it.
        disk_bytes: Outputs and temporary files together; part of `memory_bytes`.
        processes: Processes and threads at one time.
        open_files: File descriptors of each process.
        files: Files and folders in `/out` and `/tmp` together.
        log_bytes: Of standard output and error that are kept; what comes after is read and dropped.
        output_files: Files that may be in `/out` at the end.
    """

    cpu_s: int = 600
    wall_s: int = 900
    memory_bytes: int = 2 * 2**30
    disk_bytes: int = 256 * 2**20
    processes: int = 64
    open_files: int = 256
    files: int = 10_000
    log_bytes: int = 2**20
    output_files: int = 1_000

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**53:
                raise InvalidInput(f"the limit {each.name} is a whole number above nothing, not {value!r}")
        if self.memory_bytes < LEAST_MEMORY_BYTES:
            raise InvalidInput(
                f"a job needs at least {LEAST_MEMORY_BYTES:,} bytes of memory, not {self.memory_bytes:,}"
            )
        if self.disk_bytes > self.memory_bytes:
            raise InvalidInput(
                "a job's files are kept in memory, so disk_bytes cannot be above memory_bytes",
                hint=f"give memory_bytes of at least {self.disk_bytes:,}, or less for disk_bytes",
            )
