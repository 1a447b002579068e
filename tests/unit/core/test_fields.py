"""Salted field trees: what is committed, what is shown, what cannot be passed off."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from making import SCHEMA, VALUES, record_key

from counterfoil.core import canonical
from counterfoil.core.fields import (
    ABSENT,
    MAX_FIELD_BYTES,
    Disclosure,
    FieldTree,
    encode_value,
    open_disclosure,
    plan_of,
)
from counterfoil.core.merkle import leaf_hash, root_of
from counterfoil.core.schema import Schema, SchemaField
from counterfoil.errors import InvalidInput, MalformedEvidence

RK = record_key(0)
TREE = FieldTree.commit(SCHEMA, RK, VALUES)
ALL = TREE.disclose()


def salt(pointer: str) -> str:
    return urlsafe_b64encode(sha256(b"\x02" + RK + pointer.encode()).digest()[:16]).decode().rstrip("=")


def test_the_root_is_what_the_format_says() -> None:
    strings = [
        canonical.dumps([salt(f.pointer), f.pointer, *([VALUES[f.pointer]] if f.pointer in VALUES else [])])
        for f in SCHEMA.fields
    ]
    strings += [canonical.dumps([salt(f"#{position}")]) for position in range(5, 8)]
    assert TREE.root == root_of([leaf_hash(text) for text in strings])
    assert [text.encode() for text in ALL.shown] == strings[:5]


def test_everything_shown() -> None:
    root, values = open_disclosure(SCHEMA, ALL)
    assert root == TREE.root
    assert values == VALUES | {"/reasons": ABSENT}


def test_nothing_shown() -> None:
    disclosure = TREE.disclose([])
    assert disclosure == Disclosure((), (TREE.root,))
    assert open_disclosure(SCHEMA, disclosure) == (TREE.root, {})


def test_equal_values_of_two_records_look_different() -> None:
    other = FieldTree.commit(SCHEMA, record_key(1), VALUES)
    assert not {*other.disclose().shown} & {*ALL.shown}
    assert other.root != TREE.root


def test_commit_refuses() -> None:
    for changes in (
        {"/unknown": 1},
        {"/input/age": "41"},
        {"/input/age": True},
        {"/input/age": 2**53},
        {"/input/amount": float("nan")},
        {"/input/amount": 10**30},
        {"/input/purpose": "\ud800"},
        {"/input/purpose": "x" * MAX_FIELD_BYTES},
        {"/input/purpose": "x" * 10_000_000},
        {"/reasons": "A1"},
        {"/reasons": [b"x"]},
    ):
        with pytest.raises(InvalidInput):
            FieldTree.commit(SCHEMA, RK, VALUES | changes)
    with pytest.raises(InvalidInput):
        FieldTree.commit(SCHEMA, RK[:-1], VALUES)


def test_a_record_whose_receipt_nobody_could_read_is_refused() -> None:
    schema = Schema("s", tuple(SchemaField(f"/{i}", "t") for i in range(5)))
    with pytest.raises(InvalidInput, match="fields of one record"):
        FieldTree.commit(schema, RK, {f"/{i}": "x" * 1_000_000 for i in range(5)})


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_whatever_can_be_committed_can_be_opened_and_restored() -> None:
    schema = Schema("s", (SchemaField("/a", "t"), SchemaField("/b", "t")))
    for value in (
        deep(61),
        1e20,
        -0.0,
        2.0**53,
        None,
        False,
        "\u2028\x7f",
        {"\U0001f600": 1, "\ufb33": 2},
        "x" * 10**6,
    ):
        tree = FieldTree.commit(schema, RK, {"/a": value})
        root, values = open_disclosure(schema, tree.disclose())
        assert (root, values) == (tree.root, {"/a": value, "/b": ABSENT})
        assert FieldTree.restore(schema, RK, tree.body()).values() == {"/a": value}
        assert FieldTree.restore(schema, b"\0" * 32, tree.without(["/b"])).root == tree.root
    for levels in (62, 63, 64, 65, 10_000):
        with pytest.raises(InvalidInput):
            FieldTree.commit(schema, RK, {"/a": deep(levels)})


@pytest.mark.parametrize(
    "value", [0, -1, 1.5, 1e21, True, None, "", 'a"', "\\", "\u00e9", "\x7f", [], {"b": 1, "a": 2}]
)
def test_encode_value_is_canonical(value: Any) -> None:
    assert encode_value(value) == canonical.dumps(value)


def forged(*shown: str) -> Disclosure:
    return replace(ALL, shown=shown)


A, B, C, D, E = ALL.shown
NOT_A_FIELD = canonical.dumps([salt("#5")]).decode()


@pytest.mark.parametrize(
    "disclosure",
    [
        forged(A, B, C, D, E, NOT_A_FIELD),
        forged(A, B, C, D, NOT_A_FIELD),
        forged(A, A, B, C, D, E),
        forged(B, A, C, D, E),
        forged(A.replace("/input/age", "/input/rage"), B, C, D, E),
        forged(A.replace('"/input/age"', '"#5"'), B, C, D, E),
        forged(A.replace("41", "41.0"), B, C, D, E),
        forged(A.replace("41", " 41"), B, C, D, E),
        forged(A.replace("41", "NaN"), B, C, D, E),
        forged(A.replace("41", '"41"'), B, C, D, E),
        forged(A.replace("41", "true"), B, C, D, E),
        forged(A.replace("41", "41,41"), B, C, D, E),
        forged(A.replace("41", '{"a":1,"a":1}'), B, C, D, E),
        forged(A.replace("/input", "\\/input"), B, C, D, E),
        forged(A[:3] + "=" + A[4:], B, C, D, E),
        forged(A.replace('["', '["A', 1), B, C, D, E),
        forged(A.replace('["', '["\u00e9', 1), B, C, D, E),
        forged(A.replace('["', '["\ud800', 1), B, C, D, E),
        forged(f"{A},{B}", C[: len(C) // 2], C[len(C) // 2 + 1 :], D, E),
        forged(f"{A},{B}", "", C, D, E),
        forged(A + ",", B, C, D, E),
        forged("1", B, C, D, E),
        forged("[1,2,3]", B, C, D, E),
        forged("{}", B, C, D, E),
        forged("", B, C, D, E),
        forged("[" * 100_000, B, C, D, E),
        replace(ALL, proof=()),
        replace(ALL, proof=(*ALL.proof, b"x" * 32)),
        replace(ALL, proof=tuple(step[:-1] for step in ALL.proof)),
        replace(ALL, proof=ALL.proof[:-1]),
    ],
    ids=range(30),
)
def test_forged_disclosures_are_refused(disclosure: Disclosure) -> None:
    with pytest.raises(MalformedEvidence):
        open_disclosure(SCHEMA, disclosure)


@pytest.mark.parametrize(
    "disclosure",
    [
        forged(A.replace("41", "42"), B, C, D, E),
        forged(A, B, C, D, E[:-1] + ",null]"),
        forged(A, B, C, D, E[:-1] + ",[]]"),
        forged(A.replace(salt("/input/age"), salt("/input/amount")), B, C, D, E),
        forged(A.replace(salt("/input/age"), salt("#5")), B, C, D, E),
        forged(A, B, C, f'["{salt("/output/label")}","/output/label"]', E),
        replace(ALL, proof=tuple(reversed(ALL.proof))),
        FieldTree.commit(SCHEMA, record_key(1), VALUES).disclose(),
    ],
    ids=range(8),
)
def test_other_values_lead_to_another_root(disclosure: Disclosure) -> None:
    assert open_disclosure(SCHEMA, disclosure)[0] != TREE.root


def test_a_node_is_no_leaf_and_padding_is_no_value() -> None:
    """Hashes of hidden parts cannot be opened as fields, whatever the schema's width."""
    narrow = Schema("n", SCHEMA.fields[:4])
    tree = FieldTree.commit(narrow, RK, VALUES)
    top = tree.disclose(["/input/age", "/input/amount"])
    with pytest.raises(MalformedEvidence):
        open_disclosure(Schema("m", SCHEMA.fields[:2]), replace(top, shown=top.shown))
    assert (
        open_disclosure(Schema("m", SCHEMA.fields[:3]), top)[0] == tree.root
    )  # same shape: the digest tells them apart
    assert Schema("m", SCHEMA.fields[:3]).digest != narrow.digest


def test_erased_fields_are_gone_and_the_root_stays() -> None:
    body = TREE.without(["/input/age"])
    assert b"41" not in body
    assert salt("/input/age").encode() not in body
    tree = FieldTree.restore(SCHEMA, b"\0" * 32, body)
    assert (tree.root, tree.erased(), tree.value("/input/age")) == (TREE.root, ("/input/age",), ABSENT)
    root, values = open_disclosure(SCHEMA, tree.disclose())
    assert root == TREE.root
    assert "/input/age" not in values
    again = FieldTree.restore(SCHEMA, b"\0" * 32, tree.without(["/reasons"]))
    assert (again.root, again.erased()) == (TREE.root, ("/input/age", "/reasons"))


def test_restore_gives_the_tree_back() -> None:
    tree = FieldTree.restore(SCHEMA, RK, TREE.body())
    assert (tree.root, tree.values(), tree.value("/reasons")) == (TREE.root, VALUES, ABSENT)
    with pytest.raises(InvalidInput):
        tree.value("/unknown")
    with pytest.raises(InvalidInput):
        tree.disclose(["/unknown"])


BODY = canonical.loads(TREE.without(["/input/age"]))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"1",
        b"[[1]]",
        b"[1,2,3,4,5]",
        b"[[1,2],[],[],[],[]]",
        canonical.dumps(BODY | {"extra": 1}),
        canonical.dumps(BODY | {"erased": []}),
        canonical.dumps(BODY | {"erased": {}}),
        canonical.dumps(BODY | {"erased": {"x": "00"}}),
        canonical.dumps(BODY | {"erased": {"0": "00"}}),
        canonical.dumps(BODY | {"erased": BODY["erased"] | {"99": "00" * 32}}),
        canonical.dumps(BODY | {"erased": {"0": 5}}),
        canonical.dumps(BODY | {"salts": BODY["salts"][:-1]}),
        canonical.dumps(BODY | {"salts": 5}),
        canonical.dumps(BODY | {"values": BODY["values"][:-1]}),
        canonical.dumps(BODY | {"values": None}),
    ],
    ids=range(17),
)
def test_bodies_that_do_not_fit_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedEvidence):
        FieldTree.restore(SCHEMA, RK, body)


def test_plans_of_strangers_do_not_pile_up() -> None:
    for number in range(600):
        plan_of(Schema(f"s{number}", SCHEMA.fields))
    assert plan_of(SCHEMA) is plan_of(SCHEMA)
    from counterfoil.core import fields

    assert len(fields._plans) <= fields._MAX_PLANS


def test_a_thousand_fields() -> None:
    schema = Schema("wide", tuple(SchemaField(f"/f{i}", "t") for i in range(1000)))
    tree = FieldTree.commit(schema, RK, {f"/f{i}": i for i in range(1000)})
    root, values = open_disclosure(schema, tree.disclose([f"/f{i}" for i in range(0, 1000, 2)]))
    assert (root, len(values), values["/f998"]) == (tree.root, 500, 998)
