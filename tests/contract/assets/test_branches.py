"""Every branch of the shipped code that can be reached is reached by the tests of the contract, both ways."""

from __future__ import annotations

from pathlib import Path

from contract.branches import require_both_ways

TESTS = ("register", "versions", "transfers", "calls")
CHECKED = "what the compiler checks here was checked before"
TOO_MANY = "nobody pays for 2**24 transfers or 2**32 versions of one asset"
UNREACHABLE = {
    'assert version <= VERSION_MASK, "too many versions"': TOO_MANY,
    "self._words[id] = (word - convert(sender, uint256) + (1 << TENURE_AT)) | convert(receiver, uint256)": TOO_MANY,
    'assert msg.sender == convert(self._granted(word, self._approved[id]), address), "not allowed to transfer this"': (
        f"{CHECKED}: only addresses are granted this"
    ),
    "return convert(self._granted(self._word(id), self._approved[id]), address)": f"{CHECKED}: likewise",
    "return convert(word & ADDRESS_MASK, address)": CHECKED,
    "for parent: uint256 in parents:": f"{CHECKED}: their number",
    "if 32 * place >= len(uri):": f"{CHECKED}: place is below four",
    "self._uris[id][place] = extract32(encoded, 64 + 32 * place)": f"{CHECKED}: likewise",
    "return convert(slice(concat(words[0], words[1], words[2], words[3]), 0, size), String[128])": (
        f"{CHECKED}: the size was that of a URI"
    ),
}
"""Lines with a branch that no call can reach, and why."""


def test_every_branch_goes_both_ways(tmp_path: Path) -> None:
    require_both_ways("Assets", TESTS, UNREACHABLE, tmp_path)
