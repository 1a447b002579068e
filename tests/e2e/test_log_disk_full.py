"""A disk that is full: a limit on file sizes makes the kernel refuse, for any user."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from counterfoil.core.merkle import leaf_hash, root_of
from counterfoil.store.log import Log

FULL_SEGMENT = """
import resource, sys
from pathlib import Path
from counterfoil.errors import LogUnavailable
from counterfoil.store.log import Log

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

folder = Path(sys.argv[1])
log = Log.create(folder)
limit(100_000)
batch = [b"{%s}" % (b"x" * 500)] * 10
refused = 0
for attempt in range(40):
    size, root = log.size, log.root()
    try:
        log.append(batch)
    except LogUnavailable as error:
        refused += 1
        assert "File too large" in error.message, error.message
        assert (log.size, log.root()) == (size, root)
        assert (folder / "entries/000.seg").stat().st_size == size * 504
log.append([b"{}"])  # what still fits is still taken
limit(resource.RLIM_INFINITY)
log.append(batch)
log.close({"refused": refused})
"""

FULL_HASHES = """
import resource, sys
from pathlib import Path
from counterfoil.errors import LogUnavailable
from counterfoil.store.log import Log

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

log = Log.create(Path(sys.argv[1]))
limit(20_000)  # the segment needs 4 bytes an entry, the hashes 32
for attempt in range(20):
    log.append([b"{}"] * 100)
assert log.inclusion(1999)
try:
    log.save_state(None)
except LogUnavailable:
    limit(resource.RLIM_INFINITY)
    log.close({"refused": 1})
"""


def run(script: str, folder: Path) -> None:
    subprocess.run([sys.executable, "-c", script, str(folder)], check=True, timeout=60)


@pytest.mark.parametrize(("script", "size"), [(FULL_SEGMENT, 190 + 1 + 10), (FULL_HASHES, 2000)])
def test_what_was_refused_is_not_there_and_the_log_goes_on(tmp_path: Path, script: str, size: int) -> None:
    run(script, tmp_path / "log")
    log = Log.open(tmp_path / "log", is_entry=lambda _: True, read_only=True)
    assert (log.size, log.state_size) == (size, size)
    assert isinstance(log.extra, dict)
    assert log.extra["refused"] > 0
    assert log.root() == root_of([leaf_hash(entry) for entry in log.entries()])
