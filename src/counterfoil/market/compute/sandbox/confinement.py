"""The walls around one job, as arguments for bwrap: what it sees, and nothing else. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from counterfoil.market.compute.sandbox.interpreter import Interpreter
from counterfoil.market.compute.sandbox.limits import Limits

__all__ = ["DISK_SLACK_BYTES", "JOB_ID", "SCRATCH", "Mounts", "arguments", "command", "environment", "hard_limits"]

JOB_ID: Final = 1000
"""User and group of the algorithm, as it sees itself."""

SCRATCH: Final = "/scratch"
"""The one place that can be written to, in memory; `/out`, `/tmp` and `/dev/shm` lead into it."""

DISK_SLACK_BYTES: Final = 2**20
"""The files of a job may grow this far above their limit before writing fails; the watch ends it in between."""

_PROCESS_SLACK: Final = 8
"""As above for processes, bwrap's own included."""

_ADDRESS_SLACK_BYTES: Final = 32 * 2**30
"""Address space that libraries reserve and never fill; bounded because empty space, too, takes tables to map it."""

_DEVICES: Final = ("null", "zero", "full", "random", "urandom")
_STARTER: Final = "/starter.py"
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


def arguments(interpreter: Interpreter, mounts: Mounts, limits: Limits, *, threads: int) -> list[str]:
    """Returns bwrap's arguments up to the command, without what concerns descriptors and the user namespace.

    Args:
        interpreter: The Python to show.
        mounts: The job's parts.
        limits: Its ceilings; the size of the scratch space is among them.
        threads: For numerical libraries; 0 leaves it to them.
    """
    size = str(limits.disk_bytes + DISK_SLACK_BYTES)
    walls = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    walls += ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "job"]
    walls += ["--uid", str(JOB_ID), "--gid", str(JOB_ID)]
    # First, and by links that lead nowhere else, for the interpreter itself may lie below /tmp or /dev/shm.
    written = ["--size", size, "--tmpfs", SCRATCH]
    for name, at in (("out", "/out"), ("tmp", "/tmp"), ("shm", "/dev/shm")):  # noqa: S108 - places in the sandbox
        written += ["--dir", f"{SCRATCH}/{name}"]
        written += ["--symlink", f"{'../' * (at.count('/') - 1)}{SCRATCH.lstrip('/')}/{name}", at]
    seen = [*_shown(interpreter.shown), *_merged_usr(interpreter.shown)]
    seen += ["--proc", "/proc", "--ro-bind-try", "/sys/devices/system/cpu", "/sys/devices/system/cpu"]
    for name in _DEVICES:
        seen += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    seen += ["--symlink", "/proc/self/fd", "/dev/fd"]
    seen += ["--ro-bind", str(mounts.users), "/etc/passwd", "--ro-bind", str(mounts.groups), "/etc/group"]
    seen += ["--ro-bind", str(mounts.starter), _STARTER, "--ro-bind", str(mounts.algorithm), "/algorithm"]
    for name, place in sorted(mounts.inputs.items()):
        seen += ["--ro-bind", str(place), f"/in/{name}"]
    named = ["--clearenv"]
    for key, value in sorted(environment(interpreter, threads).items()):
        named += ["--setenv", key, value]
    return [*walls, *written, *seen, "--remount-ro", "/", "--chdir", "/", *named]


def command(interpreter: Interpreter, entry: str, limits: Limits) -> list[str]:
    """Returns what runs inside: Python, the starter with its two descriptors, the entry, and the hard limits."""
    ceilings = [f"{name}={ceiling}" for name, ceiling in sorted(hard_limits(limits).items())]
    return [str(interpreter.program), "-s", "-P", _STARTER, "{ready}", "{go}", entry, *ceilings]


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


def _shown(places: Iterable[Path]) -> list[str]:
    return [part for each in places for part in ("--ro-bind", str(each), str(each))]


def _merged_usr(shown: tuple[Path, ...]) -> list[str]:
    """Returns links from /lib to /usr/lib, where the system has them so."""
    links: list[str] = []
    for name in ("lib", "lib64"):
        if Path(f"/{name}") not in shown and Path(f"/usr/{name}") in shown:
            links += ["--symlink", f"usr/{name}", f"/{name}"]
    return links
