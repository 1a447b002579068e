"""Every branch of the shipped code that can be reached is reached by the tests of the contract, both ways."""

from __future__ import annotations

from pathlib import Path

from contract.branches import require_both_ways

TESTS = ("offers", "buying", "orders", "money", "hostile", "governing", "calls")
CHECKED = "what the compiler checks here was checked before"
OURS = "Assets is a contract of this version: it has code, and answers in the form that it says"
NO_CODE = "a token whose balance was told before has code"
OUT_OF_GAS = "the hash runs out of gas, and then so does the call"
UNREACHABLE: dict[str, str] = {}
"""Lines with a branch that no call can reach, and why."""


def test_every_branch_goes_both_ways(tmp_path: Path) -> None:
    require_both_ways("Market", TESTS, UNREACHABLE, tmp_path)
