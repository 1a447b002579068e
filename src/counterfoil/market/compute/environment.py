"""What a job ran with: Python, packages, walls, machine. Two runs with one digest can be held against each other."""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.market.compute.sandbox import Sandbox

__all__ = ["Environment", "environment_of"]

_FORMAT: Final = "counterfoil environment 1"
_NEED: Final = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:(==|>=)\s*([0-9]+(?:\.[0-9]+)*))?$")


@dataclass(frozen=True, slots=True)
class Environment:
    """What was there when a job ran.

    Attributes:
        python: Implementation and version, as "CPython 3.11.7".
        packages: Name in small letters to version, ascending; of the Python that runs jobs.
        walls: What locks jobs in, with its version.
        system: Kernel, its release and the C library.
        machine: Architecture and model of the processor: numerical libraries choose their way by it.
    """

    python: str
    packages: tuple[tuple[str, str], ...]
    walls: str
    system: str
    machine: str

    def to_json(self) -> dict[str, Any]:
        """Returns the description, from whose canonical bytes the digest is taken."""
        return {
            "format": _FORMAT,
            "machine": self.machine,
            "packages": dict(self.packages),
            "python": self.python,
            "system": self.system,
            "walls": self.walls,
        }

    @property
    def digest_hex(self) -> str:
        """SHA-256 of the canonical description, 64 hexadecimal digits."""
        return sha256(canonical.dumps(self.to_json())).hexdigest()

    def differences(self, other: Environment) -> tuple[str, ...]:
        """Returns, in a line each, what differs between this environment and another."""
        found = [
            f"{name}: {mine}, and {theirs}"
            for name, mine, theirs in (
                ("python", self.python, other.python),
                ("walls", self.walls, other.walls),
                ("system", self.system, other.system),
                ("machine", self.machine, other.machine),
            )
            if mine != theirs
        ]
        mine, theirs = dict(self.packages), dict(other.packages)
        for name in sorted(mine.keys() | theirs.keys()):
            if mine.get(name) != theirs.get(name):
                found.append(f"package {name}: {mine.get(name, 'none')}, and {theirs.get(name, 'none')}")
        return tuple(found)

    def unmet(self, python: str, packages: Iterable[str]) -> tuple[str, ...]:
        """Returns, in a line each, what an algorithm needs and is not here.

        Args:
            python: Lowest version, or empty.
            packages: As "numpy", "numpy>=2" or "numpy==2.4.6".
        """
        here = self.python.rpartition(" ")[2]
        found = [f"Python {python} or later, and {here} is here"] if python and _is_below(here, python) else []
        known = dict(self.packages)
        for need in packages:
            parts = _NEED.match(need)
            if parts is None:
                found.append(f"{need[:80]!r} cannot be read; write it as numpy, numpy>=2 or numpy==2.4")
                continue
            version = known.get(_plain(parts[1]))
            if version is None or not _suits(version, parts[2], parts[3]):
                found.append(f"{need}, and {version or 'none'} is here")
        return tuple(found)


def environment_of(sandbox: Sandbox) -> Environment:
    """Returns the environment that jobs of this sandbox run in, whose Python is the one running now."""
    return Environment(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages=_installed(),
        walls=", ".join(_version(each) for each in (sandbox.bwrap, sandbox.runsc) if each is not None),
        system=f"{platform.system()} {platform.release()}, {' '.join(platform.libc_ver())}",
        machine=f"{platform.machine()}, {_processor()}",
    )


@cache
def _installed() -> tuple[tuple[str, str], ...]:
    return tuple(sorted({_plain(each.name): each.version for each in distributions() if each.name}.items()))


@cache
def _version(program: Path) -> str:
    done = subprocess.run([str(program), "--version"], capture_output=True, text=True, env={}, timeout=30, check=False)  # noqa: S603
    said = done.stdout.strip().splitlines()
    return said[0].replace(" version", "") if said else f"{program.name} of an unknown version"


@cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _plain(name: str) -> str:
    """Returns a package's name as all its spellings have it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _numbers(version: str) -> tuple[int, ...]:
    """Returns the leading numbers of a version: 2.4 of 2.4.0rc1 and of 2.4."""
    parts = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    numbers = [int(each) for each in parts[0].split(".")] if parts else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _is_below(version: str, least: str) -> bool:
    return _numbers(version) < _numbers(least)


def _suits(version: str, sign: str | None, wanted: str | None) -> bool:
    if sign is None or wanted is None:
        return True
    return _numbers(version) == _numbers(wanted) if sign == "==" else not _is_below(version, wanted)
