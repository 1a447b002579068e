"""Runs a command of the operator's in a folder, for a bounded time."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.lineage.telling import is_secret_name

__all__ = ["run_command"]

_OURS: Final = "COUNTERFOIL_"
_TAIL_BYTES: Final = 2_000
_LINE_CHARS: Final = 200


def run_command(command: Sequence[str], folder: Path, timeout_s: float) -> None:
    """Runs a command and returns when it ended well; whatever it started ends with it.

    It reads nothing from the terminal, and sees neither this program's settings nor what the
    environment holds under names of secrets.

    Args:
        command: Program and arguments.
        folder: Where it runs.
        timeout_s: Longest that it may take.

    Raises:
        NotFound: There is no such program.
        InvalidInput: It failed, or took too long.
    """
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(  # noqa: S603 - the operator's own command, and no shell
                list(command),
                cwd=folder,
                env=_environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,  # a group of its own, so that all of it can be ended
            )
        except OSError as error:
            raise NotFound(f"the command {command[0]!r} cannot be run: {error.strerror}") from error
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise InvalidInput(
                f"the command was not done within {timeout_s:g} seconds, and was ended; nothing was recorded",
                hint="give it longer: --timeout-s",
            ) from error
        finally:  # also when somebody presses Ctrl-C
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if status != 0:
            raise InvalidInput(
                f"the command ended with status {status}, so nothing was compared or recorded",
                hint=_last_line(said) or "try it by hand, in a folder with the inputs and the code only",
            )


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in given.items() if not name.startswith(_OURS) and not is_secret_name(name)}


def _last_line(said: IO[bytes]) -> str:
    """Returns the last line that a command said, shortened, fit for a terminal."""
    said.seek(max(0, said.seek(0, os.SEEK_END) - _TAIL_BYTES))
    lines = said.read().decode(errors="replace").strip().splitlines()
    last = "".join(char if char.isprintable() else "?" for char in lines[-1]) if lines else ""
    return f"it said: {last[-_LINE_CHARS:]}" if last else ""
