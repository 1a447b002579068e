"""Reading files that people name; writing them is in `new_file`."""

from __future__ import annotations

from pathlib import Path

from counterfoil.errors import InvalidInput

__all__ = ["read_named"]


def read_named(path: Path) -> bytes:
    """Returns the bytes of a file that somebody named.

    Raises:
        InvalidInput: There is none, it is a folder, or it may not be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", hint="check the file's name") from error
