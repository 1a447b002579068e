"""Fingerprints of made-up folders and tables: the same for the same, another for anything else."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.provenance.fingerprints import Fingerprint, difference_of, fingerprint_of, table_of
from counterfoil.provenance.fingerprints.stat_cache import StatCache

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 200
)
FOLDERS = st.dictionaries(NAMES, st.binary(max_size=300), max_size=8)

CELLS = {
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(allow_nan=False),
    "text": st.text(st.characters(codec="utf-8"), max_size=12),
    "boolean": st.booleans(),
    "bytes": st.binary(max_size=12),
}
TYPES = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "text": pa.string(),
    "boolean": pa.bool_(),
    "bytes": pa.binary(),
}


def written(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@given(FOLDERS, FOLDERS)
@settings(deadline=None, max_examples=60)
def test_two_folders_have_one_root_exactly_when_they_are_the_same(one: dict[str, bytes], other: dict[str, bytes]):
    with tempfile.TemporaryDirectory() as made:
        first, second = written(Path(made) / "1", one), written(Path(made) / "2", other)
        a, b = fingerprint_of(first), fingerprint_of(second, algorithm="sha256", threads=3)
        assert (a.root == b.root) == (one == other)
        assert Fingerprint.from_json(a.to_json()) == a
        found = difference_of(a, b)
        assert found.is_same == (one == other)
        kept = {name for name in one if other.get(name) == one[name]}
        assert not kept & {each.name for each in found.changes}
        cached = fingerprint_of(first, cache=StatCache(Path(made) / "cache", first))
        assert cached == fingerprint_of(first, cache=StatCache(Path(made) / "cache", first)) == a


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=4))
    rows = draw(st.integers(0, 12))
    columns: dict[str, Any] = {}
    for number, kind in enumerate(kinds):
        cells = st.one_of(st.none(), CELLS[kind])
        values = draw(st.lists(cells, min_size=rows, max_size=rows))
        columns[f"c{number}"] = pa.array(values, TYPES[kind])
    return pa.table(columns)


@given(tables(), st.data())
@settings(deadline=None, max_examples=100)
def test_a_table_has_one_fingerprint_wherever_it_is_and_another_when_a_cell_is(table: pa.Table, data: st.DataObject):
    wanted = table_of(table)
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "t.parquet"
        pq.write_table(table, path, row_group_size=3)
        assert table_of(path) == wanted
    assert table_of(pa.concat_tables([table.slice(0, 5), table.slice(5)])) == wanted
    order = data.draw(st.permutations(range(table.num_rows)))
    assert table_of(table.take(pa.array(order, pa.int64())), order="any") == table_of(table, order="any")
    if table.num_rows:
        place = data.draw(st.integers(0, table.num_rows - 1))
        name = data.draw(st.sampled_from(table.schema.names))
        values = table[name].to_pylist()
        values[place] = None if values[place] is not None else data.draw(_other(table.schema.field(name).type))
        spot = table.schema.get_field_index(name)
        changed = table.set_column(spot, name, pa.array(values, table.schema.field(name).type))
        for order_counts in ("kept", "any"):
            assert table_of(changed, order=order_counts).digest != table_of(table, order=order_counts).digest


def _other(kind: pa.DataType) -> st.SearchStrategy[Any]:
    return next(CELLS[name] for name, each in TYPES.items() if each == kind)
