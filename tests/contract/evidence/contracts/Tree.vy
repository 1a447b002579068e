# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
"""
@title The module `tree` for tests, many cases a call
"""

from modules import tree

struct Growth:
    old_size: uint256
    old_root: bytes32
    new_size: uint256
    new_root: bytes32
    proof: DynArray[bytes32, 64]

struct Leaf:
    leaf: bytes32
    index: uint256
    size: uint256
    proof: DynArray[bytes32, 64]
    root: bytes32


@external
@pure
def are_consistent(cases: DynArray[Growth, 100]) -> DynArray[bool, 100]:
    found: DynArray[bool, 100] = []
    for each: Growth in cases:
        found.append(tree._is_consistent(each.old_size, each.old_root, each.new_size, each.new_root, each.proof))
    return found


@external
@pure
def are_included(cases: DynArray[Leaf, 100]) -> DynArray[bool, 100]:
    found: DynArray[bool, 100] = []
    for each: Leaf in cases:
        found.append(tree._is_included(each.leaf, each.index, each.size, each.proof, each.root))
    return found
