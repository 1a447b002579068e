"""Algorithms and datasets for tests of jobs."""

from __future__ import annotations

from pathlib import Path

from counterfoil.market.compute.algorithms import Algorithm
from counterfoil.market.compute.execution import Input, Work, content_root
from counterfoil.market.compute.sandbox import Limits

DESCRIPTION = b'name = "total"\nversion = "1"\nentry = "total.py"\npython = "3.11"\npackages = ["numpy>=2"]\n'
TOTAL = (
    b"import json, random, sys\n"
    b"rows = [int(line) for line in open('/in/data') if line.strip()]\n"
    b"times = json.load(open('/in/parameters.json')).get('times', 1)\n"
    b"open('/out/total.txt', 'w').write(f'{sum(rows) * times}')\n"
    b"open('/out/order.txt', 'w').write(repr({hash(str(row)) for row in rows}))\n"
    b"print('rows', len(rows))\n"
)
LIMITS = Limits(cpu_s=20, wall_s=30, memory_bytes=512 * 2**20, disk_bytes=8 * 2**20, processes=16)


def total(code: bytes = TOTAL) -> Algorithm:
    return Algorithm.of({"algorithm.toml": DESCRIPTION, "total.py": code})


def work_on(data: Path, algorithm: Algorithm | None = None, **parameters: int) -> Work:
    return Work(algorithm or total(), {"data": Input(data, content_root(data))}, parameters, LIMITS)


def numbers(folder: Path) -> Path:
    place = folder / "numbers.txt"
    place.write_text("".join(f"{number}\n" for number in range(101)))
    return place
