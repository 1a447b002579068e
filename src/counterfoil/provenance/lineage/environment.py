"""What a run could depend on: versions, processor, and the list of installed packages."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import lru_cache
from importlib import metadata
from pathlib import Path

__all__ = ["installed_packages"]


def installed_packages() -> bytes:
    """Returns the names and versions of all installed packages, one a line, as `name==version`, ascending."""
    return _read(tuple(_stamps()))


@lru_cache(maxsize=1)
def _read(_stamps: tuple[tuple[str, int], ...]) -> bytes:
    """Reads them, which takes a third of a second for a few hundred; the stamps change when a package comes or goes."""
    found = {f"{each.name.lower()}=={each.version}" for each in metadata.distributions() if each.name}
    return "".join(f"{line}\n" for line in sorted(found)).encode()


def _stamps() -> list[tuple[str, int]]:
    """Returns the folders that packages are imported from, and when what is in each last came or went."""
    found = []
    for folder in sys.path:
        with suppress(OSError):
            found.append((folder, Path(folder or ".").stat().st_mtime_ns))
    return found
