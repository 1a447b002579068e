"""Every branch of the shipped code that can be reached is reached by the tests of the contract, both ways."""

from __future__ import annotations

from pathlib import Path

from contract.branches import require_both_ways

TESTS = ("open", "roles", "anchor", "keep", "judge", "calls")

OUT_OF_GAS = "the hash or the key's recovery runs out of gas, and then so does the call"
CHECKED = "what the compiler checks here was checked before"
UNREACHABLE = {
    "return eip712._domain(NAME, VERSION)": "the list of extensions is always empty",
    "return convert(self._heads[log_id].packed & ADDRESS_MASK, address)": CHECKED,
    "for sibling: bytes32 in proof:": f"{CHECKED}: a proof's length; and a tree that grows takes a hash at least",
    "for sibling: bytes32 in proof:  # (4)": CHECKED,
    "second = sha256(concat(0x01, second, sibling))": OUT_OF_GAS,
    "first = sha256(concat(0x01, sibling, first))": OUT_OF_GAS,
    "second = sha256(concat(0x01, sibling, second))": OUT_OF_GAS,
    "reached = sha256(concat(0x01, reached, sibling))": OUT_OF_GAS,
    "reached = sha256(concat(0x01, sibling, reached))": OUT_OF_GAS,
    "r: uint256 = convert(slice(signature, 0, 32), uint256)": f"{CHECKED}: 65 bytes",
    "s: uint256 = convert(slice(signature, 32, 32), uint256)": f"{CHECKED}: 65 bytes",
    "v: uint256 = convert(slice(signature, 64, 1), uint256)": f"{CHECKED}: 65 bytes",
    "return s <= HIGHEST_S and ecrecover(digest, v, r, s) == signer": OUT_OF_GAS,
    "if signer == empty(address):": "nobody can be named a signer; the module refuses all the same (test_judge)",
}
"""Lines with a branch that no call can reach, and why."""


def test_every_branch_goes_both_ways(tmp_path: Path) -> None:
    require_both_ways("Evidence", TESTS, UNREACHABLE, tmp_path)
