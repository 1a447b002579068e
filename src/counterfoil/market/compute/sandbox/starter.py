"""Runs inside the sandbox, before the algorithm: closes what was inherited, sets hard limits, then becomes it.

Standard library only, and no import of Counterfoil: the sandbox does not have it.
The parent holds the job back until it has read one byte from here and answered with
another, so that the limits it watches hold from the algorithm's first instruction.
"""

from __future__ import annotations

import os
import resource
import runpy
import sys

__all__ = ["OUT_OF_MEMORY", "main"]

OUT_OF_MEMORY = 87
"""Exit code when the algorithm ends with a MemoryError of Python's."""

_ALGORITHM = "/algorithm"
_FIRST_DESCRIPTOR = 3
_MOST_DESCRIPTORS = 65_536


def main(ready_fd: int, go_fd: int, entry: str, limits: dict[str, int]) -> None:
    """Waits for the parent, sets the limits, and runs the algorithm.

    Args:
        ready_fd: Written to once, when the sandbox stands.
        go_fd: Read from once; nothing comes when the parent gave up.
        entry: File to run, below /algorithm.
        limits: Name of a limit of the `resource` module to its ceiling.
    """
    os.write(ready_fd, b"r")
    if os.read(go_fd, 1) != b"g":
        os._exit(1)
    os.closerange(_FIRST_DESCRIPTOR, _MOST_DESCRIPTORS)
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib starts slowly
        file.write("1000")  # should the machine run short of memory, the job goes first
    for name, ceiling in limits.items():
        resource.setrlimit(getattr(resource, name), (ceiling, ceiling))
    os.chdir("/tmp")  # noqa: S108 - a place in the sandbox
    sys.argv = [f"{_ALGORITHM}/{entry}"]
    sys.path.insert(0, sys.argv[0].rpartition("/")[0])
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except MemoryError:
        sys.stderr.write("MemoryError: the job's memory is used up\n")
        sys.stderr.flush()
        os._exit(OUT_OF_MEMORY)


if __name__ == "__main__":
    ceilings = (each.partition("=") for each in sys.argv[4:])
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], {name: int(ceiling) for name, _, ceiling in ceilings})
