"""A dask scheduler and two workers as processes of their own, on loopback, over TLS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from certificates import server_context

from counterfoil.market.compute.spreading import TlsFiles

_START_S = 60.0


def tls_files(folder: Path) -> TlsFiles:
    """Returns the certificate of a fleet, which is its own authority."""
    server_context(folder, "127.0.0.1", "localhost")
    return TlsFiles(folder / "server.pem", folder / "server.pem", folder / "server.key")


@contextmanager
def two_workers(folder: Path, tls: TlsFiles) -> Iterator[str]:
    """Yields the scheduler's address once both workers can be asked."""
    certificates = ["--tls-ca-file", tls.authority, "--tls-cert", tls.certificate, "--tls-key", tls.key]
    told = folder / "scheduler.json"
    with ExitStack() as stack:
        _started(stack, folder, "scheduler", "--host", "127.0.0.1", "--port", "0", "--protocol", "tls",
                 "--no-dashboard", "--no-show", "--scheduler-file", told, *certificates)  # fmt: skip
        _await(told)
        address = str(json.loads(told.read_text())["address"])
        for number in range(2):
            _started(stack, folder, "worker", address, "--name", f"w{number}", "--nthreads", "1", "--no-nanny",
                     "--no-dashboard", "--host", "127.0.0.1", "--protocol", "tls", *certificates)  # fmt: skip
        yield address


def _started(stack: ExitStack, folder: Path, *arguments: object) -> None:
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each), "PYTHONWARNINGS": ""}
    log = stack.enter_context((folder / f"log{time.monotonic_ns()}").open("wb"))
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *map(str, arguments)], cwd=folder, env=variables, stdout=log, stderr=log
    )
    stack.callback(_stop, process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _await(place: Path) -> None:
    until = time.monotonic() + _START_S
    while not place.exists() or not place.read_text().strip().endswith("}"):
        assert time.monotonic() < until, "the scheduler did not start"
        time.sleep(0.05)
