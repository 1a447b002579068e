"""A pytest plugin that writes down which way every conditional jump of the Evidence contract's code went.

titanoboa's own plugin for coverage.py (0.2.8) is not used. It looks at each place in the code
once a call, in the order of the first visits, so that a branch taken on a second way through a
loop or after an internal call is lost (`if held_size == 0` counted as never false), it gives
statements of imported modules as missed that ran, and it knows no branch but `if`: no assert,
no `and`, no `or`, no check of the arguments. The jumps of the code that is shipped are all of these.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import boa
import pytest
from boa.environment import Env

from counterfoil.ledger.contracts.artefact import Artefact

JUMPI = 0x57

_code = Artefact.load("Evidence").bytecode
_outcomes: set[tuple[int, bool]] = set()


class _WatchingEnv(Env):
    """Sees the places in the code that each call went through, in their order."""

    _coverage_enabled = True

    def _trace_computation(self, computation: Any, contract: Any = None) -> None:
        code = computation.code._raw_code_bytes
        if len(code) > 1000 and code in _code:  # what a deployment leaves is a part of what it sends
            trace = computation.code._trace
            _outcomes.update((at, then != at + 1) for at, then in pairwise(trace) if code[at] == JUMPI)
        for child in computation.children:
            self._trace_computation(child)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--branches", type=Path, help="file for [place in the code, whether it jumped] of each jump seen")


def pytest_configure() -> None:
    boa.set_env(_WatchingEnv())


def pytest_sessionfinish(session: pytest.Session) -> None:
    session.config.option.branches.write_text(json.dumps(sorted(_outcomes)), encoding="utf-8")
