"""Lays out what one job is given, in a private folder that lives as long as the job."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.market.compute.sandbox import starter
from counterfoil.market.compute.sandbox.confinement import JOB_ID, Mounts

__all__ = ["PARAMETERS", "Task", "placed"]

PARAMETERS: Final = "parameters.json"
"""Name below `/in` of the parameters."""

_LONGEST_NAME: Final = 64
_READ_ONLY: Final = 0o444


@dataclass(frozen=True, slots=True)
class Task:
    """One algorithm and what it works on.

    Attributes:
        algorithm: Folder that is shown at `/algorithm`. Nobody else may be able to write to it.
        entry: Path of the file to run, below that folder.
        inputs: Name below `/in` to a file or folder; `data` for the dataset.
        parameters: JSON, shown as `/in/parameters.json`.
    """

    algorithm: Path
    entry: str
    inputs: Mapping[str, Path]
    parameters: bytes = b"{}"


@contextmanager
def placed(task: Task, user: int = JOB_ID) -> Iterator[Mounts]:
    """Yields where everything of the task lies; files made for it are removed at the end.

    Files are shown where they lie. Only a node that runs as root copies what its jobs' own user could not read.

    Args:
        task: The algorithm and what it works on.
        user: User and group of the algorithm, as it sees itself.

    Raises:
        NotFound: When the algorithm or an input is not there.
        InvalidInput: When a name is none that can stand below `/in`, or the entry is no file of the algorithm.
    """
    _require_entry(task)
    with tempfile.TemporaryDirectory(prefix="counterfoil-job-") as name:
        folder = Path(name)
        inputs = {PARAMETERS: _written(folder / PARAMETERS, task.parameters)}
        for given, place in task.inputs.items():
            _require_name(given)
            inputs[given] = _readable(place.resolve(), folder / f"in-{given}")
        yield Mounts(
            algorithm=_readable(task.algorithm.resolve(), folder / "algorithm"),
            inputs=inputs,
            users=_written(folder / "passwd", f"job:x:{user}:{user}::/tmp:/nonexistent\n".encode()),
            groups=_written(folder / "group", f"job:x:{user}:\n".encode()),
            starter=_written(folder / "starter.py", Path(starter.__file__).read_bytes()),
        )


def _require_entry(task: Task) -> None:
    entry = Path(task.entry)
    if entry.is_absolute() or ".." in entry.parts or not (task.algorithm / entry).is_file():
        raise InvalidInput(f"the entry {task.entry[:200]!r} is no file of the algorithm")


def _require_name(name: str) -> None:
    plain = name.isascii() and name.replace("_", "").replace("-", "").replace(".", "").isalnum()
    if not plain or name.startswith(".") or len(name) > _LONGEST_NAME or name == PARAMETERS:
        raise InvalidInput(
            f"{name[:_LONGEST_NAME]!r} cannot name an input",
            hint=f"take letters, digits, dots and dashes, at most {_LONGEST_NAME}, and not {PARAMETERS}",
        )


def _written(place: Path, content: bytes) -> Path:
    place.write_bytes(content)
    place.chmod(_READ_ONLY)
    return place


def _readable(place: Path, copy: Path) -> Path:
    """Returns `place`, or a copy of it where a job of a root node could not read it."""
    if not place.exists():
        raise NotFound(f"{place} is not there")
    if os.geteuid() != 0 or _is_open_to_all(place):
        return place
    if place.is_dir():
        shutil.copytree(place, copy, symlinks=True)  # a link is shown as a link: what it leads to is no input
        for each in [copy, *copy.rglob("*")]:
            if not each.is_symlink():
                each.chmod(0o555 if each.is_dir() else _READ_ONLY)
    else:
        shutil.copyfile(place, copy)
        copy.chmod(_READ_ONLY)
    return copy


def _is_open_to_all(place: Path) -> bool:
    """Says whether every user may read this file, or everything in this folder; links lead nowhere inside."""
    mode = place.lstat().st_mode
    if not stat.S_ISDIR(mode):
        return stat.S_ISLNK(mode) or bool(mode & stat.S_IROTH)
    needed = stat.S_IROTH | stat.S_IXOTH
    return mode & needed == needed and all(_is_open_to_all(each) for each in place.iterdir())
