"""Reads what a job left in its folder, without following it anywhere and never more than is allowed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from counterfoil.errors import NotFound
from counterfoil.market.compute.gate.refusal import Refusal

__all__ = ["MOST_ENTRIES", "names_in", "read_output"]

MOST_ENTRIES: Final = 1_000
"""Most names that are looked at; a job that left more has all of its outputs refused."""


def names_in(folder: Path) -> list[str]:
    """Returns the names in a folder in order.

    Raises:
        NotFound: There is no such folder.
        Refusal: `files` where there are too many.
    """
    try:
        with os.scandir(folder) as entries:
            names = list(_few(entries))
    except FileNotFoundError as error:
        raise NotFound(f"there is no folder {folder}") from error
    return sorted(names)


def _few(entries: Iterator[os.DirEntry[str]]) -> Iterator[str]:
    for number, entry in enumerate(entries):
        if number >= MOST_ENTRIES:
            raise Refusal("files", f"the job left more than {MOST_ENTRIES:,} files")
        yield entry.name


def read_output(folder: Path, name: str, most_bytes: int) -> bytes:
    """Returns a file's bytes. It must be a plain file of one name: no link, pipe, device or folder.

    Raises:
        Refusal: `kind` for anything else, `size` where it is larger than allowed.
    """
    try:
        fd = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Refusal("kind", "it cannot be opened as a plain file: a link, a device, or closed to reading") from error
    try:
        about = os.fstat(fd)
        if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1:
            raise Refusal("kind", "it is no plain file with one name")
        # The length that the file claims is judged first: a sparse file costs nothing to make.
        if about.st_size > most_bytes:
            raise Refusal("size", f"it is larger than {most_bytes:,} bytes")
        with os.fdopen(fd, "rb", closefd=False) as file:
            data = file.read(most_bytes + 1)
    finally:
        os.close(fd)
    if len(data) > most_bytes:
        raise Refusal("size", f"it is larger than {most_bytes:,} bytes")
    return data
