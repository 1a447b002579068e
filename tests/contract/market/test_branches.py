"""Every branch of the shipped code that can be reached is reached by the tests of the contract, both ways."""

from __future__ import annotations

from pathlib import Path

from contract.branches import require_both_ways

TESTS = ("offers", "buying", "orders", "money", "hostile", "governing", "calls")
CHECKED = "what the compiler checks here was checked before"
UNREACHABLE: dict[str, str] = {}
"""Lines with a branch that no call can reach, and why."""


def test_every_branch_goes_both_ways(tmp_path: Path) -> None:
    require_both_ways("Market", TESTS, UNREACHABLE, tmp_path)
