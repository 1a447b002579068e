"""A pytest plugin that writes down which way every conditional jump of a contract's code went; and what was missed.

titanoboa's own plugin for coverage.py (0.2.8) is not used. It looks at each place in the code
once a call, in the order of the first visits, so that a branch taken on a second way through a
loop or after an internal call is lost (`if held_size == 0` counted as never false), it gives
statements of imported modules as missed that ran, and it knows no branch but `if`: no assert,
no `and`, no `or`, no check of the arguments. The jumps of the code that is shipped are all of these.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import boa
import pytest
from boa.environment import Env

from counterfoil.ledger.contracts.artefact import Artefact

HERE = Path(__file__).parent
JUMPI, PUSH1, PUSH32 = 0x57, 0x60, 0x7F

_outcomes: set[tuple[int, bool]] = set()


class _WatchingEnv(Env):
    """Sees the places in the code that each call went through, in their order."""

    _coverage_enabled = True
    watched: Artefact

    def _trace_computation(self, computation: Any, contract: Any = None) -> None:
        code, _ = self.watched.parted(computation.code._raw_code_bytes)
        if len(code) > 1000 and code in self.watched.bytecode:  # what a deployment leaves is a part of what it sends
            trace = computation.code._trace
            _outcomes.update((at, then != at + 1) for at, then in pairwise(trace) if code[at] == JUMPI)
        for child in computation.children:
            self._trace_computation(child)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--branches", type=Path, help="file for [place in the code, whether it jumped] of each jump seen")
    parser.addoption("--branches-of", help="name of the contract")


def pytest_configure(config: pytest.Config) -> None:
    _WatchingEnv.watched = Artefact.load(config.option.branches_of)
    boa.set_env(_WatchingEnv())


def pytest_sessionfinish(session: pytest.Session) -> None:
    session.config.option.branches.write_text(json.dumps(sorted(_outcomes)), encoding="utf-8")


# What the tests of the contracts ask


def jumps(code: bytes) -> Iterator[int]:
    """Yields the place of each conditional jump."""
    place = 0
    while place < len(code):
        if code[place] == JUMPI:
            yield place
        place += 1 + (code[place] - PUSH1 + 1 if PUSH1 <= code[place] <= PUSH32 else 0)


def require_both_ways(contract: str, tests: Sequence[str], unreachable: Collection[str], folder: Path) -> None:
    """Makes sure that tests reach every branch of a contract both ways, but for those of some lines.

    Args:
        contract: Its name; its tests are in the folder of that name, in lower case.
        tests: Their names.
        unreachable: Lines of the source with a branch that no call can reach.
        folder: For files of the run.
    """
    found = folder / "branches.json"
    files = [str(HERE / contract.lower() / f"test_{name}.py") for name in tests]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "contract.branches", "--branches", str(found)]
    command += ["--branches-of", contract, "-o", f"cache_dir={folder / 'cache'}", *files]
    surroundings = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        command, cwd=HERE.parents[1], env=surroundings, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr

    code, lines = _code_and_lines(contract)
    wanted = {(place, outcome) for place in jumps(code) for outcome in (False, True)}
    seen = {(place, outcome) for place, outcome in json.loads(found.read_text())}
    missed = {lines[place] for place, outcome in wanted - seen}

    assert len(wanted) > 150
    assert sorted(missed - set(unreachable)) == []
    assert sorted(set(unreachable) - missed) == [], "can be reached after all"


def _code_and_lines(contract: str) -> tuple[bytes, dict[int, str]]:
    """Returns the code without its tables, and the source line that each conditional jump comes from."""
    from contract.evidence.harness import FOLDER, compiled

    data = compiled(FOLDER / f"{contract}.vy").compiler_data
    nodes = data.source_map["pc_raw_ast_map"]
    code = data.bytecode_runtime[: 1 + max(data.source_map["pc_jump_map"])]
    lines, node = {}, None
    for place in range(len(code)):
        node = nodes.get(place, node)
        if node is not None:
            lines[place] = node.module_node.full_source_code.splitlines()[node.lineno - 1].strip()
    return code, {place: lines.get(place, "") for place in jumps(code)}
