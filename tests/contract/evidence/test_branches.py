"""Every branch of the shipped code that can be reached is reached by the tests of the contract, both ways."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from contract.evidence.harness import FOLDER, compiled

HERE = Path(__file__).parent
JUMPI, PUSH1, PUSH32 = 0x57, 0x60, 0x7F
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


def jumps(code: bytes) -> Iterator[int]:
    """Yields the place of each conditional jump."""
    place = 0
    while place < len(code):
        if code[place] == JUMPI:
            yield place
        place += 1 + (code[place] - PUSH1 + 1 if PUSH1 <= code[place] <= PUSH32 else 0)


def test_every_branch_goes_both_ways(tmp_path: Path) -> None:
    found = tmp_path / "branches.json"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "contract.evidence.branches", "--branches", str(found)]
    command += ["-o", f"cache_dir={tmp_path / 'cache'}", *(str(HERE / f"test_{name}.py") for name in TESTS)]
    surroundings = os.environ | {"PYTHONPATH": str(HERE.parents[1])}
    done = subprocess.run(command, cwd=HERE.parents[2], env=surroundings, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr

    code, lines = _code_and_lines()
    wanted = {(place, outcome) for place in jumps(code) for outcome in (False, True)}
    missed = {
        lines[place]
        for place, outcome in wanted - {(place, outcome) for place, outcome in json.loads(found.read_text())}
    }

    assert len(wanted) > 200
    assert sorted(missed - UNREACHABLE.keys()) == []
    assert sorted(UNREACHABLE.keys() - missed) == [], "can be reached after all"


def _code_and_lines() -> tuple[bytes, dict[int, str]]:
    """Returns the code without its tables, and the source line that each conditional jump comes from."""
    data = compiled(FOLDER / "Evidence.vy").compiler_data
    nodes = data.source_map["pc_raw_ast_map"]
    code = data.bytecode_runtime[: 1 + max(data.source_map["pc_jump_map"])]
    lines, node = {}, None
    for place in range(len(code)):
        node = nodes.get(place, node)
        if node is not None:
            lines[place] = node.module_node.full_source_code.splitlines()[node.lineno - 1].strip()
    return code, {place: lines.get(place, "") for place in jumps(code)}
