"""The job by which a sandbox is tried: from inside, it looks for gaps in its walls and lists those it finds.

Standard library only; it runs inside. It exits with 0 and an empty list only when every look found a wall.
Its parameters have the release of the machine's kernel where another kernel is to stand before that one.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path

__all__ = ["gaps"]

_ETC = {"group", "ld.so.cache", "passwd"}
_HOMES = (Path("/home"), Path("/root"))
_MOST_PIDS = 8
_KERNEL_DEVICES = ("/dev/kvm", "/dev/mem", "/dev/kmsg")


def gaps(outside: str = "") -> list[str]:
    """Returns what is open and should not be.

    Args:
        outside: Release of the machine's kernel, where the job must be on another; empty where it is on that one.
    """
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    found = [] if status.get("Seccomp", "0").strip() == "2" else ["system calls are not filtered"]
    found += _own_kernel(outside) if outside else _plain_kernel(status)
    if any(int(status.get(name, "0"), 16) for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")):
        found.append("there are capabilities")
    if os.getpid() > _MOST_PIDS:
        found.append("it has no process namespace of its own")
    return [*found, *_files(), *_network()]


def _own_kernel(outside: str) -> list[str]:
    found = ["the machine's own kernel answers"] if os.uname().release == outside else []
    return found + [f"the device {each} is there" for each in _KERNEL_DEVICES if Path(each).exists()]


def _plain_kernel(status: dict[str, str]) -> list[str]:
    found = []
    if status["NoNewPrivs"].strip() != "1":
        found.append("new privileges can be gained")
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
        found.append("sockets can be opened")
    except OSError:
        pass
    return found


def _files() -> list[str]:
    found = []
    for place in ("/", "/algorithm", "/in", "/usr", "/dev"):
        try:
            os.close(os.open(f"{place}/probe", os.O_CREAT | os.O_WRONLY))
            found.append(f"{place} can be written to")
        except OSError:
            continue
    if beside := [each for top in _HOMES for each in _beside_python(top)]:
        found.append(f"more of homes can be seen than Python: {beside[0]}")
    if stray := {each.name for each in Path("/etc").iterdir()} - _ETC:
        found.append(f"more of /etc can be seen than is made for it: {sorted(stray)}")
    return found


def _beside_python(top: Path) -> list[Path]:
    """Returns what lies below `top` and is neither Python's nor on the way to it: homes may hold its environment."""
    pythons = [Path(each) for each in {sys.prefix, sys.base_prefix, sys.executable, *sys.path} if each.startswith("/")]
    found: list[Path] = []
    try:
        below = sorted(top.iterdir())
    except OSError:
        return []  # what cannot be listed shows nothing
    for each in below:
        if any(each == place or each in place.parents for place in pythons):
            found += [] if each in pythons else _beside_python(each)
        elif not any(place in each.parents for place in pythons):
            found.append(each)
    return found


def _network() -> list[str]:
    lines = Path("/proc/self/net/dev").read_text().splitlines()[2:]
    names = {line.split(":")[0].strip() for line in lines}
    return [] if names <= {"lo"} else ["there is a network"]


if __name__ == "__main__":
    listed = gaps(json.loads(Path("/in/parameters.json").read_text()).get("outside", ""))
    sys.stderr.write("; ".join(listed) + "\n")
    Path("/out/gaps.json").write_text(json.dumps(listed))
    raise SystemExit(1 if listed else 0)
