"""A user namespace for jobs of a node that runs as root, so that no job is root on the machine.

A normal user needs none of this: bwrap makes a namespace in which the job is that
user, without any privilege. Root's own would leave the job as the machine's root
user, whom the kernel spares the limit on processes and lets write to files that root
owns. So the job, and bwrap around it, get a user that owns nothing, far above those of
people and services. It owns the namespace, too: bwrap then reads the files it shows
with the rights of the namespace's owner, for which all the machine's other users are
mapped into it, where nobody can become them. And as bwrap and the job are one user,
the kernel's signal at bwrap's death reaches the job.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from counterfoil.errors import NotSetUp
from counterfoil.market.compute.sandbox.confinement import JOB_ID

__all__ = ["FIRST_JOB_USER", "HINT", "as_user", "job_user_namespace", "unused_user"]

FIRST_JOB_USER: Final = 1_879_048_192
"""Lowest user of this machine that a job may be; 65,536 follow. Systems give people and services lower ones."""

HINT: Final = "see docs/reference/sandbox.md for what a machine that runs jobs needs"
"""Where the way out is told."""

_JOB_USERS: Final = 65_536
_OTHERS_AT: Final = 65_536
"""Where the machine's other users begin inside: above `JOB_ID`, and none of them is 0."""

_WAIT_S: Final = 10.0


def unused_user() -> int:
    """Returns a user for one job, one of 65,536."""
    return FIRST_JOB_USER + secrets.randbelow(_JOB_USERS)


def as_user(user: int) -> dict[str, Any]:
    """Returns the arguments of `Popen` by which a child of root is `user`, of no group but its own."""
    return {"user": user, "group": user, "extra_groups": []}


@contextmanager
def job_user_namespace(user: int) -> Iterator[int]:
    """Yields a descriptor of a new user namespace whose `JOB_ID` is this machine's `user`, its owner. Root only.

    Raises:
        NotSetUp: When this system makes none.
    """
    program = shutil.which("unshare")
    if program is None:
        raise NotSetUp("jobs cannot run here: the command `unshare` is missing", hint="install util-linux")
    holder = subprocess.Popen(  # noqa: S603 - no shell, and nothing of a caller's is in it
        [program, "--user", "cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        **as_user(user),
    )
    try:
        descriptor = _mapped(holder.pid, user)
    finally:
        if holder.stdin is not None:
            holder.stdin.close()
        holder.wait()
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _mapped(pid: int, user: int) -> int:
    """Waits until process `pid` is in a namespace of its own, maps it, and returns the namespace's descriptor."""
    own, place = Path("/proc/self/ns/user").readlink(), Path(f"/proc/{pid}")
    until = time.monotonic() + _WAIT_S
    try:
        while (place / "ns/user").readlink() == own:
            if time.monotonic() > until:
                raise NotSetUp("jobs cannot run here: no user namespace was made in time", hint=HINT)
            time.sleep(0.0005)
        table = f"{JOB_ID} {user} 1\n{_OTHERS_AT} 0 {FIRST_JOB_USER}\n"
        (place / "uid_map").write_text(table)
        (place / "gid_map").write_text(table)
        return os.open(place / "ns/user", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise NotSetUp(f"jobs cannot run here: no user namespace can be made ({error})", hint=HINT) from error
