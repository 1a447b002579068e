"""Sandboxed jobs made for tests, by this process's user and, where the tests run as root, by a user without rights.

The second runs in a process of its own, which answers one JSON line for each it is given: a job there goes through
exactly the same code.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import counterfoil
from counterfoil.errors import CounterfoilError
from counterfoil.market.compute.sandbox import Exit, Limits, Outcome, Output, Sandbox, Task, Usage, Walls

SMALL = Limits(
    cpu_s=20, wall_s=30, memory_bytes=256 * 2**20, disk_bytes=8 * 2**20, processes=24, log_bytes=65_536, files=500
)
NOBODY = 65_534
USERS = ("here", "without rights") if os.geteuid() == 0 else ("here",)
PLACES = [*((user, Walls.BUBBLEWRAP) for user in USERS), (USERS[-1], Walls.GVISOR)]


def run_code(
    code: str,
    folder: Path,
    limits: Limits = SMALL,
    inputs: dict[str, Path] | None = None,
    walls: Walls = Walls.BUBBLEWRAP,
) -> Outcome:
    """Runs one file of code in the sandbox, as the user of this process."""
    algorithm = folder / "algorithm"
    algorithm.mkdir(parents=True)
    (algorithm / "main.py").write_text(code, encoding="utf-8")
    return Sandbox.open(walls=walls).run(Task(algorithm, "main.py", inputs or {}), folder / "out", limits)


class Here:
    """Jobs of this process's user."""

    name = "here"

    def __init__(self, folder: Path, walls: Walls = Walls.BUBBLEWRAP) -> None:
        self.folder = folder
        self.walls = walls
        self._count = 0

    def run(self, code: str, limits: Limits = SMALL, inputs: dict[str, Path] | None = None) -> Outcome:
        self._count += 1
        return run_code(code, self.folder / str(self._count), limits, inputs, self.walls)


class WithoutRights(Here):
    """Jobs of a user without rights, in a process of its own."""

    name = "without rights"

    def __init__(self, folder: Path, process: subprocess.Popen[str], walls: Walls) -> None:
        super().__init__(folder, walls)
        self.process = process

    def run(self, code: str, limits: Limits = SMALL, inputs: dict[str, Path] | None = None) -> Outcome:
        self._count += 1
        asked = {"code": code, "folder": str(self.folder / str(self._count)), "limits": asdict(limits)}
        asked["walls"] = self.walls.value
        asked["inputs"] = {name: str(place) for name, place in (inputs or {}).items()}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer
        return _outcome(answer)


def python_without_rights() -> tuple[list[str], dict[str, str]] | None:
    """Returns a Python of the same version that a user without rights can start, with its variables, or None."""
    source = str(Path(counterfoil.__file__).parents[1])
    packages = [each for each in sys.path if Path(each).name == "site-packages"]
    variables = {"PYTHONPATH": os.pathsep.join([source, str(Path(__file__).parent), *packages]), "PATH": os.defpath}
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for program in (sys.executable, shutil.which(version, path="/usr/bin:/usr/local/bin")):
        if program is None:
            continue
        command = [program, "-B", "-c", "import sqlalchemy, pyseccomp, counterfoil.market.compute.sandbox"]
        try:
            done = subprocess.run(
                command, env=variables, user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", capture_output=True
            )
        except PermissionError:
            continue
        if done.returncode == 0:
            return [program, "-B"], variables
    return None


@contextmanager
def without_rights(walls: Walls = Walls.BUBBLEWRAP) -> Iterator[WithoutRights | None]:
    """Yields jobs of a user without rights, or None where there can be none."""
    started = python_without_rights() if os.geteuid() == 0 else None
    if started is None:
        yield None
        return
    command, variables = started
    with tempfile.TemporaryDirectory(prefix="counterfoil-nobody-") as name:
        folder = Path(name)
        os.chown(folder, NOBODY, NOBODY)
        process = subprocess.Popen(
            [*command, __file__],
            env=variables | {"TMPDIR": name},
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield WithoutRights(folder, process, walls)
        finally:
            process.communicate(timeout=60)


def text(outcome: Outcome) -> str:
    """Returns the job's log."""
    return outcome.log.decode()


def attempts(*lines: str) -> str:
    """Code that tries each line by itself and prints `done` for those that work."""
    tries = "\n".join(
        f"try:\n    {line}\n    print('done:', {line!r})\n"
        "except BaseException as error:\n    print('no:', type(error).__name__, error)"
        for line in lines
    )
    return f"import ctypes, os, socket, sys, pathlib\nlibc = ctypes.CDLL(None, use_errno=True)\n{RAW}{tries}\n"


RAW = """
def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
"""


def jobs_at(place: tuple[str, Walls], folders: pytest.TempPathFactory) -> Iterator[Here]:
    """Yields jobs of a user between walls; skips where that cannot be."""
    user, walls = place
    if walls is Walls.GVISOR and shutil.which("runsc") is None:
        pytest.skip("gVisor's runsc is not installed")
    if user == "here":
        yield Here(folders.mktemp("jobs"), walls)
        return
    with without_rights(walls) as found:
        if found is None:
            pytest.skip("these tests do not run as root, or no Python here is open to all users")
        yield found


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    inputs = {name: Path(place) for name, place in asked["inputs"].items()}
    try:
        limits, walls = Limits(**asked["limits"]), Walls(asked["walls"])
        outcome = run_code(asked["code"], Path(asked["folder"]), limits, inputs, walls)
    except CounterfoilError as error:
        return {"error": repr(error), "hint": error.hint}
    told = asdict(outcome)
    return told | {"folder": str(outcome.folder), "log": base64.b64encode(outcome.log).decode()}


def _outcome(told: dict[str, Any]) -> Outcome:
    return Outcome(
        **told
        | {
            "exit": Exit(told["exit"]),
            "outputs": tuple(Output(**each) for each in told["outputs"]),
            "refused": tuple(told["refused"]),
            "folder": Path(told["folder"]),
            "usage": Usage(**told["usage"]),
            "log": base64.b64decode(told["log"]),
        }
    )


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(json.loads(line))) + "\n")
        sys.stdout.flush()
