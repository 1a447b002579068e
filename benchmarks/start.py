"""How long the command line takes to start, and what an auditor's install brings along.

--install builds a wheel and installs it, with what it needs and nothing else, into a
fresh environment: that takes a minute and the network.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import bank
from measure import Figure, Run, start

TIMES = 10
ROOT = Path(__file__).parents[1]
ML = {"numpy", "onnx", "onnxruntime", "pandas", "scikit-learn", "scipy", "shap", "skl2onnx", "skops"}

FIGURES = (
    Figure("help_s", "seconds", "counterfoil --help, the whole process", "lower", 0.2),
    Figure(
        "check_receipt_s",
        "seconds",
        "counterfoil check of one receipt with 16 fields and the issuer's key, the whole process",
        "lower",
        0.5,
    ),
    Figure(
        "check_tampered_receipt_s", "seconds", "The same with its decision changed, which must not match", "lower", 0.5
    ),
    Figure("python_s", "seconds", "For comparison: Python starting and doing nothing", "lower"),
    Figure("receipt_bytes", "bytes", "That receipt", "lower"),
    Figure(
        "base_install_packages",
        "packages",
        "What an auditor installs, Counterfoil included; no ML package among them",
        "lower",
    ),
    Figure("base_install_mib", "MiB", "The room that takes", "lower"),
)


def main() -> None:
    run = start("start", __doc__, FIGURES, install={"action": "store_true", "help": "measure the base install too"})
    program = Path(sys.executable).with_name("counterfoil")
    with run.folder() as folder:
        _times(run, folder, program)
    if run.options.install:
        with run.folder() as folder:
            _install(run, folder)
    else:
        for name in ("base_install_packages", "base_install_mib"):
            run.note(name, "not measured; run it with --install")
    run.repeat = run.count(TIMES)
    run.finish()


def _times(run: Run, folder: Path, program: Path) -> None:
    with bank.home(folder) as org:
        decisions = bank.Decisions(org, Random(run.seed), 10)
        org.recorder.record([decisions.prepare(number) for number in range(1_000)])
        receipt = org.decisions.receipt(org.archive.size - 1).encode()
        issuer = str(org.issuer)
    good, bad = folder / "good.receipt", folder / "bad.receipt"
    good.write_bytes(receipt)
    bad.write_bytes(receipt.replace(b"approve", b"decline", 1))
    run.add("receipt_bytes", len(receipt))
    commands: tuple[tuple[str, list[str], int], ...] = (
        ("help_s", [str(program), "--help"], 0),
        ("check_receipt_s", [str(program), "check", str(good), "--issuer", issuer], 0),
        ("check_tampered_receipt_s", [str(program), "check", str(bad), "--issuer", issuer], 4),
        ("python_s", [sys.executable, "-c", "pass"], 0),
    )
    for _ in range(run.count(TIMES)):
        for name, command, code in commands:
            began = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            run.add(name, time.perf_counter() - began)
            if done.returncode != code:
                raise SystemExit(f"{name}: exit code {done.returncode}, not {code}\n{done.stdout}{done.stderr}")
            run.say(name)


def _install(run: Run, folder: Path) -> None:
    """Builds the wheel and installs it alone."""
    python = folder / "venv" / "bin" / "python"
    run.say("building and installing")
    for command in (
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)],
        [sys.executable, "-m", "venv", str(folder / "venv")],
    ):
        subprocess.run(command, check=True, stdout=sys.stderr)
    before = _packages(python), _size_mib(folder / "venv")
    wheel = next(folder.glob("counterfoil-*.whl"))
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", str(wheel)], check=True, stdout=sys.stderr)
    packages = _packages(python) - before[0]
    if packages & ML:
        raise SystemExit(f"the base install brings ML packages: {sorted(packages & ML)}")
    run.add("base_install_packages", len(packages))
    run.add("base_install_mib", _size_mib(folder / "venv") - before[1])
    run.note("base_install_packages", ", ".join(sorted(packages)))


def _packages(python: Path) -> set[str]:
    command = [str(python), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]
    listed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {str(package["name"]).lower() for package in listed}


def _size_mib(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 2**20


if __name__ == "__main__":
    main()
