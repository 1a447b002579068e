"""The processes that descend from one, as /proc tells."""

from __future__ import annotations

from pathlib import Path

__all__ = ["processes_of"]


def processes_of(first_pid: int) -> list[int]:
    """Returns the process and all that descend from it, as far as they are still there; itself first."""
    found, waiting = [], [first_pid]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_bytes().split())
        except OSError:
            continue
    return found
