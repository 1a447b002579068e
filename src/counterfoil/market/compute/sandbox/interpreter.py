"""The Python that runs algorithms, and the few folders it needs to start."""

from __future__ import annotations

import os
import site
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

__all__ = ["Interpreter"]

_SYSTEM_PREFIXES: Final = (Path("/"), Path("/usr"), Path("/usr/local"))
"""A prefix here holds far more than Python: of it, only the libraries and the one program are shown."""

_PACKAGE_FOLDERS: Final = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """What is shown of this machine, read-only and at its own place, so that Python runs.

    Attributes:
        program: Absolute path to run; may be a link of a virtual environment.
        shown: Files and folders, ascending; none lies in another.
        packages: Folders of packages that Python does not find by itself, in their order.
    """

    program: Path
    shown: tuple[Path, ...]
    packages: tuple[Path, ...]

    @classmethod
    def current(cls) -> Self:
        """Returns the Python that runs this process, with the packages it has."""
        program = Path(sys.executable).absolute()
        places = [*_links(program), *_libraries()]
        for prefix in (Path(sys.prefix), Path(sys.base_prefix)):
            places += _of_prefix(prefix)
        found = [Path(each) for each in sys.path if Path(each).name in _PACKAGE_FOLDERS and Path(each).is_dir()]
        own = {Path(each) for each in site.getsitepackages()}
        packages = tuple(each for each in found if each not in own)
        return cls(program, _outermost([*places, *found]), packages)


def _links(program: Path) -> list[Path]:
    """Returns the program and every link on the way to it."""
    places, at = [program], program
    while at.is_symlink():
        at = Path(os.path.normpath(at.parent / at.readlink()))
        places.append(at)
    return [*places, program.resolve()]


def _of_prefix(prefix: Path) -> list[Path]:
    if prefix in _SYSTEM_PREFIXES:
        return [each for each in (prefix / "lib", prefix / "lib64") if each.is_dir() and not each.is_symlink()]
    return [prefix, prefix.resolve()]


def _libraries() -> list[Path]:
    """Returns where the system's shared libraries and time zones are."""
    named = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo")
    return [Path(each) for each in named if Path(each).exists() and not Path(each).is_symlink()]


def _outermost(places: list[Path]) -> tuple[Path, ...]:
    """Returns the places that lie in no other of them, ascending."""
    kept: list[Path] = []
    for each in sorted(set(places)):
        if not any(each.is_relative_to(known) for known in kept):
            kept.append(each)
    return tuple(kept)
