"""Reading files that hold secrets: only their owner may read them, or they are refused."""

from __future__ import annotations

import os
from pathlib import Path

from counterfoil.errors import Locked

__all__ = ["read_private"]


def read_private(path: Path, what: str, most_bytes: int, *, hint: str = "check its name and owner") -> bytes:
    """Returns a file's bytes.

    Args:
        path: The file.
        what: What it is, for the error: `passphrase file`.
        most_bytes: Largest it may be.
        hint: What to try when it cannot be read.

    Raises:
        Locked: It is missing, too large, a folder, or others may read it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            if mode & 0o077:
                raise Locked(
                    f"others on this machine may read the {what} {path} (mode {mode:04o})", hint=f"chmod 600 {path}"
                )
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise Locked(f"the {what} {path} cannot be read: {error.strerror}", hint=hint) from error
    if len(data) > most_bytes:
        raise Locked(f"the {what} {path} is larger than {most_bytes:,} bytes", hint=hint)
    return data
