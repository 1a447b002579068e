# pragma version 0.4.3
"""
@title Proofs over the hash tree of RFC 6962 and RFC 9162, with SHA-256
@notice A leaf is SHA-256(0x00 || entry), a node SHA-256(0x01 || left || right); every hash is 32 bytes.
        Sizes and indexes count leaves and are below 2**48. No proof is then longer than 49 hashes.

        A consistency proof shows that the new root is over a tree which begins with the old one. That this
        tree has just `new_size` leaves it shows only as far as the way up depends on it; whoever asks for an
        entry at that size sees the rest.

        The RFC walks upwards and looks at each level where to go. Here the whole way is worked out first:
        it depends on sizes and index alone. So the loops do little but hash, and a proof of any other length
        is refused before.
@license Apache-2.0
"""

# For counting bits: of every two, four and eight the lower half, and one in every eight.
LOWER_1_OF_2: constant(uint256) = 6148914691236517205
LOWER_2_OF_4: constant(uint256) = 3689348814741910323
LOWER_4_OF_8: constant(uint256) = 1085102592571150095
ONE_IN_8: constant(uint256) = 72340172838076673


@internal
@pure
def _way_up(node: uint256, last: uint256) -> (uint256, uint256):
    """
    @notice The way from a node to the root
    @param node Which node of its level, from 0, below 2**48
    @param last The last node of that level, at least `node`, below 2**48
    @return Turns, one bit a step, the first in the lowest: 1 where the sibling is to the left; and the number of steps
    @dev A node's bits say at which levels the way comes from the right, with the sibling to the left. Only
         below the level where `node` and `last` have met is there a sibling to the right, too; above it
         the levels without a sibling are skipped.
    """
    # Every bit up to the highest in which they differ: the levels at which they have not met.
    apart: uint256 = node ^ last
    apart |= apart >> 1
    apart |= apart >> 2
    apart |= apart >> 4
    apart |= apart >> 8
    apart |= apart >> 16
    apart |= apart >> 32

    # How many bits are set, by adding neighbours: of 2, 4, 8, then all of 64.
    steps: uint256 = node | apart
    steps = unsafe_sub(steps, (steps >> 1) & LOWER_1_OF_2)
    steps = unsafe_add(steps & LOWER_2_OF_4, (steps >> 2) & LOWER_2_OF_4)
    steps = unsafe_add(steps, steps >> 4) & LOWER_4_OF_8
    steps = (unsafe_mul(steps, ONE_IN_8) >> 56) & 255

    return node | ~apart, steps


@internal
@pure
def _is_consistent(
    old_size: uint256, old_root: bytes32, new_size: uint256, new_root: bytes32, proof: DynArray[bytes32, 64]
) -> bool:
    """
    @notice Whether `proof` shows that the new tree begins with every leaf of the old (RFC 9162 2.1.4.2)
    @param old_size Leaves of the old tree
    @param old_root Its root, 32 bytes
    @param new_size Leaves of the new tree, below 2**48
    @param new_root Its root, 32 bytes
    @param proof Hashes of 32 bytes
    """
    if old_size == 0 or old_size > new_size:
        return False
    if old_size == new_size:
        return old_root == new_root and len(proof) == 0

    # The old tree's last complete subtree has as many leaves as the lowest bit of its size; both trees have it (3, 4).
    leaves: uint256 = old_size & unsafe_sub(0, old_size)
    node: uint256 = unsafe_sub(unsafe_div(old_size, leaves), 1)
    turns: uint256 = 0
    steps: uint256 = 0
    turns, steps = self._way_up(node, unsafe_div(unsafe_sub(new_size, 1), leaves))

    # It is the whole old tree when that is a power of two (2), else the proof begins with its hash (5).
    first: bytes32 = old_root
    second: bytes32 = old_root
    is_known: bool = node == 0
    if not is_known:
        turns <<= 1
        steps = unsafe_add(steps, 1)
    if len(proof) != steps:
        return False

    # What is to the left is in both trees, what is to the right in the new one only (6).
    for sibling: bytes32 in proof:
        if turns & 1 == 0:
            if is_known:
                second = sha256(concat(0x01, second, sibling))
            else:
                first = sibling
                second = sibling
                is_known = True
        else:
            first = sha256(concat(0x01, sibling, first))
            second = sha256(concat(0x01, sibling, second))
        turns >>= 1
    return first == old_root and second == new_root  # (7)


@internal
@pure
def _is_included(
    leaf: bytes32, index: uint256, size: uint256, proof: DynArray[bytes32, 64], root: bytes32
) -> bool:
    """
    @notice Whether `proof` shows that a tree has a leaf at `index` (RFC 9162 2.1.3.2)
    @param leaf The leaf's hash, 32 bytes
    @param index Its place, from 0
    @param size Leaves of the tree, below 2**48
    @param proof Hashes of 32 bytes
    @param root The tree's root, 32 bytes
    """
    if index >= size:  # (1)
        return False
    turns: uint256 = 0
    steps: uint256 = 0
    turns, steps = self._way_up(index, unsafe_sub(size, 1))  # (2)
    if len(proof) != steps:
        return False
    reached: bytes32 = leaf  # (3)
    for sibling: bytes32 in proof:  # (4)
        if turns & 1 == 0:
            reached = sha256(concat(0x01, reached, sibling))
        else:
            reached = sha256(concat(0x01, sibling, reached))
        turns >>= 1
    return reached == root  # (5)
