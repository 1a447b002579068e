"""An empty folder in which a run is done again: the recorded inputs and code lie there as copies, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from counterfoil.errors import InvalidInput, LogUnavailable, NotFound

__all__ = ["Workplace", "file_name_of"]

_UNFIT: Final = re.compile(r"[^\w.@+-]")
_READ_ONLY: Final = 0o555


class Workplace:
    """A folder for one run. Copies, not links: what is tried in it can never reach the originals.

    Attributes:
        folder: The folder, empty but for what was put there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._taken: dict[Path, str] = {}

    @classmethod
    @contextmanager
    def made(cls) -> Iterator[Workplace]:
        """Makes the folder, and removes it with all that is in it."""
        with tempfile.TemporaryDirectory(prefix="counterfoil-run-") as folder:
            yield cls(Path(folder).resolve())

    def put(self, what: str, source: Path | bytes, name: str) -> Path:
        """Copies a file or folder in, read-only, and returns where it lies.

        Args:
            what: What it is, for messages.
            source: The file or folder, or the bytes themselves.
            name: What it is called in the folder.

        Raises:
            InvalidInput: When something else is called so.
            NotFound: When it cannot be read.
        """
        target = self.folder / name
        if target in self._taken:
            raise InvalidInput(
                f"{what} and {self._taken[target]} are both called {name!r}, and cannot lie in one folder",
                hint="register one of them under another file name",
            )
        self._taken[target] = what
        try:
            if isinstance(source, bytes):
                target.write_bytes(source)
            elif source.is_dir():
                shutil.copytree(source, target, symlinks=True)
            else:
                shutil.copyfile(source, target)
            _make_read_only(target)
        except (OSError, shutil.Error) as error:
            if not isinstance(source, bytes) and not os.access(source, os.R_OK):
                raise NotFound(f"{what}, {source}, cannot be read") from error
            raise LogUnavailable(f"{what} could not be copied: {getattr(error, 'strerror', None) or error}") from error
        return target

    def require_free(self, what: str, path: Path | str) -> None:
        """Raises InvalidInput where an output lies, or would, where something was put, and seems to be made."""
        wanted = (self.folder / path).resolve()  # by whatever way it is named, also through a link
        taken = next((each for each in self._taken if wanted.is_relative_to(each)), None)
        if taken is not None:
            raise InvalidInput(
                f"{what} would lie where {self._taken[taken]} lies, so nothing would show that it was made",
                hint="say where the run writes it: --output NAME=PATH",
            )

    def new_names(self) -> list[str]:
        """Returns the names of the files in the folder that were not put there, sorted."""
        found = (each for each in self.folder.rglob("*") if each.is_file() and not self._was_put(each))
        return sorted(str(each.relative_to(self.folder)) for each in found)

    def _was_put(self, path: Path) -> bool:
        return not self._taken.keys().isdisjoint((path, *path.parents))

    def within(self, name: Path | str) -> Path | None:
        """Returns the path of something in the folder that is there now; None for what is elsewhere or nowhere."""
        path = (self.folder / name).resolve()
        return path if path.exists() and path.is_relative_to(self.folder) and path != self.folder else None


def file_name_of(told: str, otherwise: str) -> str:
    """Returns what a file on record is called in a folder: never a path that leads out of it."""
    name = _UNFIT.sub("_", told) or _UNFIT.sub("_", otherwise)
    return f"_{name}" if name.startswith(".") else name


def _make_read_only(path: Path) -> None:
    """Takes away the right to write, so that a run that overwrites its input fails rather than misleads."""
    for each in [path, *(path.rglob("*") if path.is_dir() else ())]:
        if not each.is_symlink() and not each.is_dir():
            each.chmod(_READ_ONLY)
