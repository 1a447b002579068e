"""The tree with one place for every tag."""

from __future__ import annotations

from hashlib import sha256

import pytest

from counterfoil.core.tag_tree import (
    Place,
    branch_root,
    branch_walk,
    has_own_place,
    root_from_walk,
    tag_number,
)

SIZES = [1, 2, 3, 4, 7, 64, 300]


def branches(count: int) -> list[tuple[int, bytes]]:
    tags = sorted(sha256(b"%d" % number).digest() for number in range(count))
    return [(tag_number(tag), Place(tag, 1, bytes(32)).digest) for tag in tags]


@pytest.mark.parametrize("count", SIZES)
def test_every_tag_is_found_at_its_own_place_and_others_find_another(count):
    tree = branches(count)
    root = branch_root(tree)
    for place, (tag, digest) in enumerate(tree):
        found, steps = branch_walk(tree, tag)
        assert found == place
        assert root_from_walk(digest, tag, steps) == root
    for number in range(50):
        tag = tag_number(sha256(b"other %d" % number).digest())
        found, steps = branch_walk(tree, tag)
        assert tree[found][0] != tag
        assert root_from_walk(tree[found][1], tag, steps) == root
        assert has_own_place(tree[found][0], tag, steps)


@pytest.mark.parametrize("count", [5, 64, 300])
def test_parts_that_share_their_first_bits_stand_for_their_tags(count):
    tree = branches(count)
    parts: dict[int, list[tuple[int, bytes]]] = {}
    for tag, digest in tree:
        parts.setdefault(tag >> 253, []).append((tag, digest))
    above = [(part[0][0], branch_root(part)) for part in parts.values()]
    assert branch_root(above) == branch_root(tree)
    tag = tree[3][0]
    number, high = branch_walk(above, tag)
    found, low = branch_walk(list(parts.values())[number], tag)
    assert [*low, *high] == branch_walk(tree, tag)[1]
    assert list(parts.values())[number][found][0] == tag


def test_no_walk_of_another_tag_can_be_passed_off():
    """Whoever is in the tree has no walk that ends elsewhere under the same root."""
    tree = branches(64)
    root = branch_root(tree)
    wanted = tree[20][0]
    for other, digest in tree:
        if other == wanted:
            continue
        steps = branch_walk(tree, other)[1]
        assert root_from_walk(digest, wanted, steps) != root


def test_bits_go_up_from_leaf_to_root():
    tree = branches(64)
    tag, digest = tree[20]
    steps = branch_walk(tree, tag)[1]
    assert len(steps) > 2
    assert root_from_walk(digest, tag, [steps[1], steps[0], *steps[2:]]) is None
    assert root_from_walk(digest, tag, [steps[0], *steps]) is None


@pytest.mark.parametrize(
    "change", [{"tag": bytes(32)}, {"count": 2}, {"root": b"\x01" * 32}], ids=["tag", "count", "root"]
)
def test_a_leaf_binds_tag_count_and_rows(change):
    told = {"tag": b"\x07" * 32, "count": 1, "root": bytes(32)}
    assert Place(**told).digest != Place(**told | change).digest


def test_a_tree_ascends_and_is_not_empty():
    one, two = branches(2)
    for wrong in ([], [two, one], [one, one]):
        with pytest.raises(ValueError, match="tree"):
            branch_root(wrong)
