"""What can stand between an algorithm and the machine, and what it takes to put that up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Walls", "WallsPlan"]


class Walls(StrEnum):
    """What a job is locked in by."""

    BUBBLEWRAP = "bubblewrap"
    """Namespaces and a list of allowed system calls, on the machine's own kernel."""

    GVISOR = "gvisor"
    """The same namespaces, and in them gVisor's runsc: a kernel of the job's own, in user space."""


@dataclass(frozen=True, slots=True)
class WallsPlan:
    """What bwrap is told for one job.

    Attributes:
        arguments: Up to the command, without what concerns descriptors and the user namespace.
        inside: The command.
        files: Place inside to the content of a file that is made for it.
        is_filtered: The list of allowed system calls is loaded before the command starts.
    """

    arguments: tuple[str, ...]
    inside: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    is_filtered: bool = True
