"""Writing files for people, under names of their choice: nothing that is there is overwritten."""

from __future__ import annotations

from pathlib import Path

from counterfoil.errors import InvalidInput

__all__ = ["require_new", "write_new"]


def require_new(path: Path | None) -> None:
    """Refuses a name that is taken, before any work is done; None is no name and is taken.

    Raises:
        InvalidInput: There is something under this name.
    """
    if path is not None and path.exists():
        raise _taken(path)


def write_new(path: Path, data: bytes) -> None:
    """Writes a new file.

    Raises:
        InvalidInput: There is something under this name, or it cannot be written.
    """
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error


def _taken(path: Path) -> InvalidInput:
    return InvalidInput(f"{path} already exists", hint="choose another name or remove it first")
