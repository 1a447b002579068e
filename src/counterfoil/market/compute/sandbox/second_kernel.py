"""The walls of gVisor around one job: runsc, a kernel in user space, inside bubblewrap's namespaces.

bwrap puts up the namespaces as without gVisor and shows the job's root below `/job`,
to runsc alone; runsc shows that root to the job. So a fault of the machine's kernel
is out of the job's reach, and a fault of runsc's ends at bubblewrap's walls. runsc
filters its own system calls more narrowly than this package could from outside.

runsc knows one user, 0, who has no rights, and is `JOB_ID` outside. A filter inside of
its kernel keeps him from namespaces, in which he would have all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.market.compute.sandbox.confinement import (
    SCRATCH,
    WRITTEN,
    Mounts,
    command,
    devices,
    environment,
    hard_limits,
    namespaces,
    scratch,
    shown,
)
from counterfoil.market.compute.sandbox.filter import NEW_NAMESPACES
from counterfoil.market.compute.sandbox.interpreter import Interpreter
from counterfoil.market.compute.sandbox.limits import Limits
from counterfoil.market.compute.sandbox.process_tree import processes_of
from counterfoil.market.compute.sandbox.walls import WallsPlan

__all__ = ["KERNEL_USER", "Kernel", "gvisor", "kernel_of"]

KERNEL_USER: Final = 0
"""User and group of the algorithm, as it sees itself under gVisor."""

_ROOT: Final = "/job"
_BUNDLE: Final = "/bundle"
_STATE: Final = "/run"
_STATE_BYTES: Final = 2**20
_LEFT_OUT: Final = {"RLIMIT_CPU", "RLIMIT_MSGQUEUE"}
"""Limits that are watched alone: runsc counts time that a process waited for a processor, and lowers no queues."""

_KERNEL: Final = b"runsc-sandbox"
"""How runsc names the process that is the kernel."""

_MEMORY: Final = "/memfd:runsc-memory"
"""How it names the file, in memory, that all pages of the job are in."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """gVisor's kernel of one job.

    Attributes:
        pid: The process under which all of the job is, as this machine numbers it.
        memory: The file that holds every page of the job, whether a process maps it or not.
    """

    pid: int
    memory: Path


def gvisor(
    runsc: Path, interpreter: Interpreter, mounts: Mounts, limits: Limits, entry: str, *, threads: int
) -> WallsPlan:
    """Returns what bwrap is told for a job on a kernel of its own.

    Args:
        runsc: The program.
        interpreter: The Python to show.
        mounts: The job's parts.
        limits: Its ceilings; the size of the scratch space is among them.
        entry: File to run, below `/algorithm`.
        threads: For numerical libraries; 0 leaves it to them.
    """
    own = ["--proc", "/proc", *devices(), "--ro-bind", str(runsc), "/runsc"]
    for place in (_STATE, "/tmp"):  # noqa: S108 - places of runsc's, which the job does not see
        own += ["--size", str(_STATE_BYTES), "--tmpfs", place]
    for place in ("/proc", "/sys", *WRITTEN.values()):
        own += ["--dir", f"{_ROOT}{place}"]
    walls = [*namespaces(), *scratch(limits), *own, *shown(interpreter, mounts, _ROOT)]
    walls += ["--remount-ro", "/", "--chdir", "/", "--clearenv"]
    inside = ["/runsc", "--rootless", "--network", "none", "--ignore-cgroups", "--oci-seccomp", "--root", _STATE]
    return WallsPlan(
        arguments=tuple(walls),
        inside=(*inside, "run", "--bundle", _BUNDLE, "job"),
        files={f"{_BUNDLE}/config.json": canonical.dumps(_config(interpreter, limits, entry, threads))},
        is_filtered=False,
    )


def kernel_of(first_pid: int) -> Kernel | None:
    """Returns gVisor's kernel among the processes that descend from `first_pid`, or None."""
    for pid in processes_of(first_pid):
        try:
            name = Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0]
            if name == _KERNEL and (memory := _memory_of(pid)) is not None:
                return Kernel(pid, memory)
        except OSError:
            continue
    return None


def _memory_of(pid: int) -> Path | None:
    for each in Path(f"/proc/{pid}/fd").iterdir():
        if str(each.readlink()).startswith(_MEMORY):
            return each
    return None


def _config(interpreter: Interpreter, limits: Limits, entry: str, threads: int) -> dict[str, Any]:
    """Returns the bundle's description (OCI runtime specification 1.0)."""
    ceilings = {name: each for name, each in hard_limits(limits).items() if name not in _LEFT_OUT}
    nothing: dict[str, list[str]] = {
        name: [] for name in ("ambient", "bounding", "effective", "inheritable", "permitted")
    }
    return {
        "ociVersion": "1.0.0",
        "hostname": "job",
        "linux": {
            "namespaces": [{"type": name} for name in ("ipc", "mount", "network", "pid", "uts")],
            "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": _refused()},
        },
        "mounts": _mounts(interpreter),
        "process": {
            "args": command(interpreter, entry, ceilings),
            "capabilities": nothing,
            "cwd": "/",
            "env": [f"{name}={value}" for name, value in sorted(environment(interpreter, threads).items())],
            "noNewPrivileges": True,
            "user": {"gid": KERNEL_USER, "uid": KERNEL_USER},
        },
        # Everything below is mounted read-only by bwrap already, and in a way that runsc may not mount anew.
        "root": {"path": _ROOT, "readonly": False},
    }


def _refused() -> list[dict[str, Any]]:
    """Returns the calls that make or enter namespaces, and two that no job needs, as rules of the description's filter.

    `clone3` has its flags where a filter cannot look. It must not answer EPERM, for C libraries
    go on without it only after ENOSYS: that is what comes where a tracer is asked, and there can be none.
    """
    made: list[dict[str, Any]] = [
        {"names": ["io_uring_setup", "ptrace", "setns", "unshare"], "action": "SCMP_ACT_ERRNO"},
        {"names": ["clone3"], "action": "SCMP_ACT_TRACE"},
    ]
    for flag in (1 << bit for bit in range(NEW_NAMESPACES.bit_length()) if NEW_NAMESPACES >> bit & 1):
        given = {"index": 0, "op": "SCMP_CMP_MASKED_EQ", "value": flag, "valueTwo": flag}
        made.append({"names": ["clone"], "action": "SCMP_ACT_ERRNO", "args": [given]})
    return made


def _mounts(interpreter: Interpreter) -> list[dict[str, Any]]:
    """Returns what lies over the root: devices, the places that can be written to, and a Python that lies in one."""
    made: list[dict[str, Any]] = [
        {"destination": "/proc", "source": "proc", "type": "proc"},
        {"destination": "/dev", "options": ["noexec", "nosuid", "ro"], "source": "tmpfs", "type": "tmpfs"},
    ]
    for name, place in WRITTEN.items():
        made.append({"destination": place, "source": f"{SCRATCH}/{name}", "type": "bind"})
    for each in interpreter.shown:
        if any(each.is_relative_to(place) for place in WRITTEN.values()):
            made.append({"destination": str(each), "source": f"{_ROOT}{each}", "type": "bind", "options": ["ro"]})
    return made
