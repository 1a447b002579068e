"""Every branch of the shipped code that can be reached is reached by the tests of the contract, both ways."""

from __future__ import annotations

from pathlib import Path

from contract.branches import require_both_ways

TESTS = ("credits", "calls")
UNREACHABLE = {
    "found: address = ecrecover(digest, v, r, s)": "the key's recovery runs out of gas, and then so does the call",
    "return eip712._domain(NAME, VERSION)": "the list of extensions is always empty",
}
"""Lines with a branch that no call can reach, and why."""


def test_every_branch_goes_both_ways(tmp_path: Path) -> None:
    require_both_ways("Credits", TESTS, UNREACHABLE, tmp_path)
