"""Tries the walls of a sandbox before it is used: a real job looks for gaps from inside."""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
from pathlib import Path
from typing import Protocol

from counterfoil.core import canonical
from counterfoil.errors import NotSetUp
from counterfoil.market.compute.sandbox import inspection
from counterfoil.market.compute.sandbox.limits import Limits
from counterfoil.market.compute.sandbox.outcome import Exit, Outcome
from counterfoil.market.compute.sandbox.placing import Task
from counterfoil.market.compute.sandbox.user_namespace import HINT

__all__ = ["require_walls"]

_ENTRY = "inspection.py"
_LIMITS = Limits(cpu_s=10, wall_s=30, memory_bytes=256 * 2**20, disk_bytes=2**20, processes=8)


class _Run(Protocol):
    def __call__(self, task: Task, into: Path, limits: Limits) -> Outcome: ...


def require_walls(run: _Run, *, has_own_kernel: bool) -> None:
    """Runs the inspection inside.

    Args:
        run: Runs a job.
        has_own_kernel: A kernel of its own must stand between the job and the machine's.

    Raises:
        NotSetUp: When it could not run, or found a gap.
    """
    with tempfile.TemporaryDirectory(prefix="counterfoil-probe-") as name:
        algorithm = Path(name) / "algorithm"
        algorithm.mkdir()
        shutil.copyfile(inspection.__file__, algorithm / _ENTRY)
        told = canonical.dumps({"outside": platform.release()} if has_own_kernel else {})
        outcome = run(Task(algorithm, _ENTRY, {}, told), Path(name) / "out", _LIMITS)
        if outcome.exit is Exit.FINISHED and json.loads((outcome.folder / "gaps.json").read_bytes()) == []:
            return
    said = outcome.log.decode("utf-8", "replace").strip().splitlines()
    raise NotSetUp(f"jobs cannot run here: {outcome.detail}, {said[-1] if said else 'and said nothing'}", hint=HINT)
