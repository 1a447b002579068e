"""The walls of bubblewrap around one job, as arguments for bwrap: what it sees, and nothing else. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from counterfoil.market.compute.sandbox.interpreter import Interpreter
from counterfoil.market.compute.sandbox.limits import Limits
from counterfoil.market.compute.sandbox.walls import WallsPlan

__all__ = [
    "DISK_SLACK_BYTES",
    "JOB_ID",
    "SCRATCH",
    "STARTER",
    "WRITTEN",
    "Mounts",
    "bubblewrap",
    "command",
    "devices",
    "environment",
    "hard_limits",
    "namespaces",
    "scratch",
    "shown",
]

JOB_ID: Final = 1000
"""User and group of the algorithm, as it sees itself."""

SCRATCH: Final = "/scratch"
"""The one place that can be written to, in memory."""

WRITTEN: Final = {"out": "/out", "tmp": "/tmp", "shm": "/dev/shm"}  # noqa: S108 - places in the sandbox
"""Folder of the scratch space to the place that leads into it."""

DISK_SLACK_BYTES: Final = 2**20
"""The files of a job may grow this far above their limit before writing fails; the watch ends it in between."""

_PROCESS_SLACK: Final = 8
"""As above for processes, bwrap's own included."""

_ADDRESS_SLACK_BYTES: Final = 32 * 2**30
"""Address space that libraries reserve and never fill; bounded because empty space, too, takes tables to map it."""

_DEVICES: Final = ("null", "zero", "full", "random", "urandom")
STARTER: Final = "/starter.py"
"""The program that runs before the algorithm."""

_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_FIRST_ZIP_SECOND: Final = 315_532_800
"""1980-01-01: the earliest time a ZIP archive can hold."""

_CPU_GRACE_S: Final = 1


@dataclass(frozen=True, slots=True)
class Mounts:
    """Where on this machine the parts of one job lie.

    Attributes:
        algorithm: Folder with the entry, shown at `/algorithm`.
        inputs: Name below `/in` to a file or folder.
        users: A made file of users, shown as `/etc/passwd`.
        groups: A made file of groups, shown as `/etc/group`.
        starter: The program that runs before the algorithm.
    """

    algorithm: Path
    inputs: Mapping[str, Path]
    users: Path
    groups: Path
    starter: Path


def bubblewrap(interpreter: Interpreter, mounts: Mounts, limits: Limits, entry: str, *, threads: int) -> WallsPlan:
    """Returns what bwrap is told for a job on the machine's own kernel.

    Args:
        interpreter: The Python to show.
        mounts: The job's parts.
        limits: Its ceilings; the size of the scratch space is among them.
        entry: File to run, below `/algorithm`.
        threads: For numerical libraries; 0 leaves it to them.
    """
    # First, and by links that lead nowhere else, for the interpreter itself may lie below /tmp or /dev/shm.
    written = scratch(limits)
    for name, at in WRITTEN.items():
        written += ["--symlink", f"{'../' * (at.count('/') - 1)}{SCRATCH.lstrip('/')}/{name}", at]
    seen = ["--proc", "/proc", "--ro-bind-try", "/sys/devices/system/cpu", "/sys/devices/system/cpu"]
    seen += [*shown(interpreter, mounts), *devices(), "--symlink", "/proc/self/fd", "/dev/fd"]
    named = ["--clearenv"]
    for key, value in sorted(environment(interpreter, threads).items()):
        named += ["--setenv", key, value]
    walls = [*namespaces(), *written, *seen, "--remount-ro", "/", "--chdir", "/", *named]
    return WallsPlan(tuple(walls), tuple(command(interpreter, entry, hard_limits(limits))))


def namespaces() -> list[str]:
    """Returns bwrap's arguments for namespaces of the job's own, without rights."""
    walls = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    walls += ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "job"]
    return [*walls, "--uid", str(JOB_ID), "--gid", str(JOB_ID)]


def scratch(limits: Limits) -> list[str]:
    """Returns bwrap's arguments for the scratch space and its folders, of a size that the kernel keeps."""
    made = ["--size", str(limits.disk_bytes + DISK_SLACK_BYTES), "--tmpfs", SCRATCH]
    return made + [part for name in WRITTEN for part in ("--dir", f"{SCRATCH}/{name}")]


def shown(interpreter: Interpreter, mounts: Mounts, root: str = "") -> list[str]:
    """Returns bwrap's arguments for what a job sees of files, below a folder that will be its root."""
    seen = [part for each in interpreter.shown for part in ("--ro-bind", str(each), f"{root}{each}")]
    for name in ("lib", "lib64"):  # links to /usr, where the system has them so
        if Path(f"/{name}") not in interpreter.shown and Path(f"/usr/{name}") in interpreter.shown:
            seen += ["--symlink", f"usr/{name}", f"{root}/{name}"]
    for place, at in (
        (mounts.users, "/etc/passwd"),
        (mounts.groups, "/etc/group"),
        (mounts.starter, STARTER),
        (mounts.algorithm, "/algorithm"),
        *((place, f"/in/{name}") for name, place in sorted(mounts.inputs.items())),
    ):
        seen += ["--ro-bind", str(place), f"{root}{at}"]
    return seen


def devices() -> list[str]:
    """Returns bwrap's arguments for the few devices that give nothing away."""
    return [part for name in _DEVICES for part in ("--dev-bind", f"/dev/{name}", f"/dev/{name}")]


def command(interpreter: Interpreter, entry: str, ceilings: Mapping[str, int]) -> list[str]:
    """Returns what runs inside: Python, the starter, the entry, and the kernel's ceilings."""
    told = [f"{name}={ceiling}" for name, ceiling in sorted(ceilings.items())]
    return [str(interpreter.program), "-s", "-P", STARTER, entry, *told]


def environment(interpreter: Interpreter, threads: int) -> dict[str, str]:
    """Returns all environment variables of a job; equal for equal jobs, so that they can be run again."""
    named = {
        "HOME": "/tmp",  # noqa: S108 - a place in the sandbox
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "SOURCE_DATE_EPOCH": str(_FIRST_ZIP_SECOND),
        "TMPDIR": "/tmp",  # noqa: S108 - a place in the sandbox
        "TZ": "UTC",
    }
    if interpreter.packages:
        named["PYTHONPATH"] = ":".join(map(str, interpreter.packages))
    return named | ({name: str(threads) for name in _THREADS} if threads else {})


def hard_limits(limits: Limits) -> dict[str, int]:
    """Returns the kernel's ceilings, per process: they hold between two looks of the watch."""
    return {
        "RLIMIT_AS": limits.memory_bytes + _ADDRESS_SLACK_BYTES,
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": limits.cpu_s + _CPU_GRACE_S,
        "RLIMIT_DATA": limits.memory_bytes,
        "RLIMIT_FSIZE": limits.disk_bytes + DISK_SLACK_BYTES,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_NPROC": limits.processes + _PROCESS_SLACK,
        "RLIMIT_STACK": 8 * 2**20,
    }
