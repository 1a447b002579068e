"""Proofs about rows: whatever is changed in one, it fails, or says the same; whatever the ids, each has one answer."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from making_rows import ABSENT, register

from counterfoil.core.check_rows import check_rows_proof
from counterfoil.core.ecvrf import gamma_of, prove
from counterfoil.core.rows import id_input, is_id, tag_of
from counterfoil.core.rows_proof import IdProof
from counterfoil.provenance.fingerprints.table_source import table_source
from counterfoil.provenance.rows.building import TREE_FOLDER, build_trees
from counterfoil.provenance.rows.secret import RowsSecret
from counterfoil.provenance.rows.tag_files import TagFiles
from counterfoil.store.tree_files import TreeFiles

SECRET = RowsSecret(bytes(range(32)))
IDS = st.text(min_size=1, max_size=6).filter(is_id)


@cache
def proofs() -> tuple[bytes, ...]:
    with TemporaryDirectory() as folder, register(Path(folder)) as made:
        found = [made.proof(text, with_record=is_whole) for text in ("p5", ABSENT) for is_whole in (True, False)]
        found += [made.row_proof(7), made.row_proof(8, with_record=False)]
    assert all(map(claim, found))  # else the tests below would hold for want of a claim
    return tuple(found)


def claim(data: bytes) -> tuple[object, ...]:
    """What a proof says, where it holds."""
    report = check_rows_proof(data)
    if not report.is_intact:
        return ()
    facts = report.facts
    return (
        facts["finding"],
        facts.get("id"),
        facts.get("row"),
        facts.get("rows"),
        str(facts["fields"]),
        facts.get("about"),
    )


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_byte_of_a_proof_can_be_changed_to_say_something_else(data):
    proof = data.draw(st.sampled_from(proofs()))
    place = data.draw(st.integers(0, len(proof) - 1))
    byte = data.draw(st.integers(1, 255))
    other = proof[:place] + bytes((proof[place] ^ byte,)) + proof[place + 1 :]
    assert claim(other) in ((), claim(proof))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_proof_that_is_cut_off_or_doubled_fails(data):
    proof = data.draw(st.sampled_from(proofs()))
    start = data.draw(st.integers(0, len(proof) - 1))
    end = data.draw(st.integers(start, len(proof)))
    for other in (proof[:start], proof[:start] + proof[end:], proof[:end] + proof[start:]):
        assert claim(other) in ((), claim(proof))


@settings(max_examples=40, deadline=None)
@given(st.lists(IDS, min_size=1, max_size=40), st.lists(IDS, max_size=5))
def test_each_id_has_one_answer(ids, others):
    table = pa.table({"id": ids, "n": range(len(ids))})
    with TemporaryDirectory() as folder:
        path = Path(folder)
        trees = build_trees(table_source(table), SECRET, path, id_column="id")
        leaves = TreeFiles(path / TREE_FOLDER, len(ids), read_only=True)
        try:
            files = TagFiles(path, trees.ids.count, len(ids), lambda row: leaves.read(0, row, 1))
            for text in {*ids, *others}:
                vrf = prove(SECRET.id_key, id_input(text))
                tag = tag_of(gamma_of(vrf))
                found = files.find(tag)
                assert (found.place.tag == tag) == (text in ids)
                if text in ids:
                    assert found.rows == tuple(place for place, each in enumerate(ids) if each == text)
                claims = [
                    check_rows_proof(
                        IdProof(trees.ids, text, vrf, found.place, found.steps, is_present).encode()
                    ).is_intact
                    for is_present in (True, False)
                ]
                assert claims == [text in ids, text not in ids]
        finally:
            leaves.close()
    assert trees.ids.count == len(set(ids))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-(2**40), 2**40), min_size=2, max_size=300), st.integers(1, 50))
def test_the_root_does_not_depend_on_how_rows_come_in_pieces(numbers, size):
    table = pa.table({"id": numbers, "text": [str(each) for each in numbers]})
    pieces = pa.Table.from_batches(table.to_batches(max_chunksize=size))
    found = []
    for each in (table, pieces):
        with TemporaryDirectory() as folder:
            found.append(build_trees(table_source(each), SECRET, Path(folder)).rows)
    assert found[0] == found[1]
