"""Runs inside the sandbox, before the algorithm: closes what was inherited, sets hard limits, then becomes it.

Standard library only, and no import of Counterfoil: the sandbox does not have it.
Standard input is a line to the parent, which holds the job back until it has read one
byte from here and answered with another, so that the limits it watches hold from the
algorithm's first instruction. The algorithm's own standard input is empty.
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


def main(entry: str, limits: dict[str, int]) -> None:
    """Waits for the parent, sets the limits, and runs the algorithm.

    Args:
        entry: File to run, below /algorithm.
        limits: Name of a limit of the `resource` module to its ceiling.
    """
    os.write(0, b"r")
    if os.read(0, 1) != b"g":
        os._exit(1)  # the parent gave up
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.closerange(_FIRST_DESCRIPTOR, _MOST_DESCRIPTORS)
    for name, ceiling in limits.items():
        _set_limit(getattr(resource, name), ceiling)
    os.chdir("/tmp")  # noqa: S108 - a place in the sandbox
    sys.argv = [f"{_ALGORITHM}/{entry}"]
    sys.path.insert(0, sys.argv[0].rpartition("/")[0])
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except MemoryError:
        sys.stderr.write("MemoryError: the job's memory is used up\n")
        sys.stderr.flush()
        os._exit(OUT_OF_MEMORY)


def _set_limit(number: int, ceiling: int) -> None:
    """Sets a limit for this process and its children; one that is lower already stays."""
    hard = resource.getrlimit(number)[1]
    lowest = ceiling if hard == resource.RLIM_INFINITY else min(ceiling, hard)
    resource.setrlimit(number, (lowest, lowest))


if __name__ == "__main__":
    ceilings = (each.partition("=") for each in sys.argv[2:])
    main(sys.argv[1], {name: int(ceiling) for name, _, ceiling in ceilings})
