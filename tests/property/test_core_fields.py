"""Any schema, any values, any subset: what is shown opens to the same root and values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.fields import ABSENT, FieldTree, open_disclosure
from counterfoil.core.schema import Schema, SchemaField
from counterfoil.errors import MalformedEvidence

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.text(st.characters(categories=["L", "N", "P"], exclude_characters='/"\\'), min_size=1, max_size=8)
RECORD_KEYS = st.binary(min_size=32, max_size=32)


@st.composite
def trees(draw: st.DrawFn) -> tuple[Schema, FieldTree, dict[str, Any]]:
    pointers = draw(st.lists(NAMES.map("/{}".format), min_size=1, max_size=20, unique=True))
    schema = Schema("s", tuple(SchemaField(pointer, "t") for pointer in pointers))
    given_ones = draw(st.sets(st.sampled_from(pointers)))
    values = {pointer: draw(VALUES) for pointer in sorted(given_ones)}
    return schema, FieldTree.commit(schema, draw(RECORD_KEYS), values), values


@given(trees(), st.data())
def test_any_subset_opens(made: tuple[Schema, FieldTree, dict[str, Any]], data: st.DataObject) -> None:
    schema, tree, values = made
    subset = data.draw(st.sets(st.sampled_from(sorted(schema.positions))))
    disclosure = tree.disclose(subset)
    root, opened = open_disclosure(schema, disclosure)
    assert root == tree.root
    assert opened == {pointer: values.get(pointer, ABSENT) for pointer in subset}
    hidden = [text for text in tree.disclose().shown if text not in disclosure.shown]
    assert len(hidden) == len(schema.fields) - len(subset)


@given(trees(), RECORD_KEYS)
def test_the_vault_gives_it_back(made: tuple[Schema, FieldTree, dict[str, Any]], other_key: bytes) -> None:
    schema, tree, values = made
    gone = sorted(schema.positions)[::2]
    rest = {pointer: value for pointer, value in values.items() if pointer not in gone}
    erased = FieldTree.restore(schema, other_key, tree.without(gone))
    assert (erased.root, erased.values(), set(erased.erased())) == (tree.root, rest, set(gone))
    root, opened = open_disclosure(schema, erased.disclose())
    assert root == tree.root
    assert not {*gone} & {*opened}


@given(trees(), st.data())
def test_any_other_disclosure_fails(made: tuple[Schema, FieldTree, dict[str, Any]], data: st.DataObject) -> None:
    schema, tree, _ = made
    good = tree.disclose(data.draw(st.sets(st.sampled_from(sorted(schema.positions)))))
    shown, proof = list(good.shown), list(good.proof)
    kind = data.draw(st.sampled_from(["flip", "drop", "double", "swap", "proof", "fewer", "more"]))
    if kind in ("proof", "fewer") and proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        proof[place : place + 1] = [bytes([proof[place][0] ^ 1]) + proof[place][1:]] if kind == "proof" else []
    elif kind == "more" or not shown:
        proof.append(tree.root)
    elif kind == "swap" and len(shown) > 1:
        shown.insert(0, shown.pop())
    else:
        place = data.draw(st.integers(0, len(shown) - 1))
        text = shown[place]
        at = data.draw(st.integers(0, len(text) - 1))
        other = data.draw(st.characters(exclude_characters=text[at]))
        shown[place : place + 1] = {"drop": [], "double": [text, text]}.get(kind, [text[:at] + other + text[at + 1 :]])
    try:
        root, _ = open_disclosure(schema, replace(good, shown=tuple(shown), proof=tuple(proof)))
    except MalformedEvidence:
        return
    assert root != tree.root
