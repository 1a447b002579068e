"""How long a locked-in job takes from the call to its outcome, beside a plain process and gVisor in the same run.

A job is laid out, its walls put up, Python started inside, the algorithm run, its outputs taken and every process
gone; with nothing imported, and with numpy. The same with gVisor's kernel inside those walls. The plain process is
the same Python without any walls. gVisor's own `runsc do` runs it where it is installed and starts; it is given no
limits, inputs or outputs.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from measure import Figure, Run, start

from counterfoil.market.compute.sandbox import Exit, Limits, Sandbox, Task, Walls

TIMES = 40
CODES = {"start": "", "numpy": "import numpy\n"}
_MS = "ms"

FIGURES = (
    Figure("sandbox_start_ms", _MS, "A job that imports nothing, from the call to its outcome", "lower", 150),
    Figure("sandbox_start_p95_ms", _MS, "The same, 95 of 100 are faster", "lower", 150),
    Figure("sandbox_numpy_ms", _MS, "A job that imports numpy", "lower"),
    Figure("sandbox_numpy_p95_ms", _MS, "The same, 95 of 100 are faster", "lower"),
    Figure("second_kernel_start_ms", _MS, "A job that imports nothing, on gVisor's kernel in the same walls", "lower"),
    Figure("second_kernel_numpy_ms", _MS, "A job that imports numpy, on gVisor's kernel", "lower"),
    Figure("process_start_ms", _MS, "For comparison: the same Python as a plain process, no walls", "lower"),
    Figure("process_numpy_ms", _MS, "The same, importing numpy", "lower"),
    Figure("runsc_start_ms", _MS, "gVisor's `runsc do`, the same Python, no limits or outputs", "lower"),
    Figure("runsc_numpy_ms", _MS, "The same, importing numpy", "lower"),
    Figure("probe_ms", _MS, "Trying the walls, once for each process of a node", "lower"),
)


def main() -> None:
    run = start("sandbox", __doc__, FIGURES)
    began = time.perf_counter()
    sandbox = Sandbox.open()
    run.add("probe_ms", (time.perf_counter() - began) * 1000)
    with run.folder() as folder:
        for name, code in CODES.items():
            algorithm = folder / name
            algorithm.mkdir()
            (algorithm / "main.py").write_text(code)
            _measure(run, sandbox, folder, algorithm, name)
    run.repeat = run.count(TIMES)
    run.finish()


def _measure(run: Run, sandbox: Sandbox, folder: Path, algorithm: Path, name: str) -> None:
    entry = str(algorithm / "main.py")
    plain = [sys.executable, entry]
    contained = _runsc()
    second = Sandbox.open(walls=Walls.GVISOR) if contained else None
    took: list[float] = []
    for number in range(run.count(TIMES)):
        run.say(f"{name} {number + 1}")
        into = folder / f"out-{name}-{number}"
        took.append(_timed(lambda into=into: _job(sandbox, algorithm, into)))
        run.add(f"sandbox_{name}_ms", took[-1])
        run.add(f"process_{name}_ms", _timed(lambda: _command(plain)))
        if second is not None:
            into = folder / f"second-{name}-{number}"
            run.add(f"second_kernel_{name}_ms", _timed(lambda into=into: _job(second, algorithm, into)))
            run.add(f"runsc_{name}_ms", _timed(lambda: _command([*contained, sys.executable, "-c", CODES[name]])))
    if not contained:
        for figure in (f"runsc_{name}_ms", f"second_kernel_{name}_ms"):
            run.note(figure, "not measured: runsc is not installed, or does not start here")
    run.add(f"sandbox_{name}_p95_ms", statistics.quantiles([*took, *took], n=20)[-1])


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _job(sandbox: Sandbox, algorithm: Path, into: Path) -> None:
    outcome = sandbox.run(Task(algorithm, "main.py", {}), into, Limits())
    if outcome.exit is not Exit.FINISHED:
        raise SystemExit(f"the job did not finish: {outcome.detail}\n{outcome.log.decode()}")


def _command(command: list[str]) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)


def _runsc() -> list[str]:
    """Returns the words before a command that gVisor runs, or none where it does not start."""
    program = shutil.which("runsc")
    if program is None:
        return []
    words = [program, "--rootless", "--network", "none", "do"]
    done = subprocess.run([*words, "/bin/echo", "alive"], capture_output=True, stdin=subprocess.DEVNULL, timeout=30)
    return words if done.returncode == 0 and done.stdout.strip() == b"alive" else []


if __name__ == "__main__":
    main()
