"""The fingerprint of a table: the same for the same rows, whatever file or frame they are in."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from counterfoil.core.merkle import leaf_hash, root_of
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.fingerprints.table import Order, TableFingerprint, table_fingerprint
from counterfoil.provenance.fingerprints.table_source import table_source

FRAME = pd.DataFrame(
    {
        "id": pd.array([1, 2, None, 4], dtype="Int64"),
        "name": ["Ada", 'a "quoted", one', None, "line\nbreak"],
        "score": [1.5, -0.0, None, 3e300],
        "is_new": [True, False, True, False],
    }
)


def of(table: Any, order: Order = "kept") -> TableFingerprint:
    source = table_source(table)
    return table_fingerprint(source.schema, source.batches(), order=order)


def arrow(**columns: Any) -> pa.Table:
    return pa.table(columns)


def test_files_and_frames_of_the_same_rows_have_one_fingerprint(tmp_path):
    wanted = of(FRAME)
    FRAME.to_csv(tmp_path / "a.csv", index=False)
    FRAME.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    FRAME.to_parquet(tmp_path / "a.parquet")
    FRAME.to_parquet(tmp_path / "b.pq", compression="gzip", row_group_size=1)
    pyarrow.feather.write_feather(pa.Table.from_pandas(FRAME), tmp_path / "a.feather")
    parts = tmp_path / "parts"
    parts.mkdir()
    FRAME.iloc[:1].to_parquet(parts / "part-0.parquet")
    FRAME.iloc[1:].to_parquet(parts / "part-1.parquet")
    for table in (
        *[tmp_path / name for name in ("a.csv", "a.tsv", "a.parquet", "b.pq", "a.feather", "parts")],
        str(tmp_path / "a.parquet"),
        pl.read_parquet(tmp_path / "a.parquet"),
        pa.Table.from_pandas(FRAME),
        pa.Table.from_pandas(FRAME).to_batches()[0],
        FRAME.set_index(pd.Index([9, 8, 7, 6])),
    ):
        assert of(table) == wanted, table
    assert wanted.rows == 4
    assert [(each.name, each.type) for each in wanted.columns] == [
        ("id", "integer"),
        ("name", "text"),
        ("score", "number"),
        ("is_new", "boolean"),
    ]


def test_a_dataset_that_hugging_face_saved_is_read(tmp_path):
    """The layout that `save_to_disk` writes: streams of Arrow, and state.json that names them in order."""
    table = pa.Table.from_pandas(FRAME)
    for number, part in enumerate((table.slice(0, 2), table.slice(2))):
        with (
            pa.OSFile(str(tmp_path / f"data-{number}.arrow"), "wb") as sink,
            pa.ipc.new_stream(sink, table.schema) as writer,
        ):
            writer.write_table(part)
    state = {"_data_files": [{"filename": "data-0.arrow"}, {"filename": "data-1.arrow"}], "_indices_data_files": None}
    (tmp_path / "state.json").write_text(json.dumps(state))
    assert of(tmp_path) == of(FRAME)
    (tmp_path / "state.json").write_text(json.dumps(state | {"_data_files": [{"filename": "../x.arrow"}]}))
    with pytest.raises(InvalidInput, match="outside of the folder"):
        of(tmp_path)
    (tmp_path / "state.json").write_text(json.dumps(state | {"_indices_data_files": [{"filename": "i.arrow"}]}))
    with pytest.raises(InvalidInput, match="selection of other rows"):
        of(tmp_path)
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(InvalidInput, match="does not name the parts"):
        of(tmp_path)


def test_the_fingerprint_is_the_one_that_the_page_describes():
    made = of(arrow(a=[7, None], b=["x", "y:z"]))
    rows = [b"2:i7" + b"2:sx", b"1:n" + b"4:sy:z"]
    root = root_of([leaf_hash(each) for each in rows])
    assert made.root == root
    assert made.columns[0].digest == sha256(b"2:i71:n").digest()
    about = b'{"columns":[{"name":"a","type":"integer"},{"name":"b","type":"text"}],"order":"kept","rows":2}'
    assert made.digest == sha256(b"counterfoil table 1\n" + about + b"\n" + root).digest()


def test_the_width_of_a_type_does_not_count():
    assert of(arrow(a=pa.array([1, 2], pa.int8()))) == of(arrow(a=pa.array([1, 2], pa.uint64())))
    assert of(arrow(a=pa.array([1.5, None], pa.float32()))) == of(arrow(a=pa.array([1.5, None], pa.float64())))
    assert of(arrow(a=pa.array(["x"], pa.large_string()))) == of(arrow(a=pa.array(["x"]).dictionary_encode()))
    assert of(arrow(a=pa.array([b"x"], pa.binary(1)))) == of(arrow(a=pa.array([b"x"], pa.large_binary())))
    assert of(arrow(a=pa.array([Decimal("1.50")], pa.decimal128(5, 2)))) == of(
        arrow(a=pa.array([Decimal("1.5")], pa.decimal128(9, 1)))
    )
    moments = [datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), None]
    assert of(arrow(a=pa.array(moments, pa.timestamp("s", "UTC")))) == of(
        arrow(a=pa.array(moments, pa.timestamp("ns", "Europe/Berlin")))
    )
    assert of(arrow(a=pa.array([date(2026, 1, 2)], pa.date32()))) == of(
        arrow(a=pa.array([date(2026, 1, 2)], pa.date64()))
    )
    assert of(arrow(a=pa.array([None, None], pa.int8()))) == of(arrow(a=pa.nulls(2)))


DIFFERENT = [
    arrow(a=[1, 2]),
    arrow(a=[2, 1]),
    arrow(a=[1, None]),
    arrow(a=[1]),
    arrow(b=[1, 2]),
    arrow(a=[1.0, 2.0]),
    arrow(a=["1", "2"]),
    arrow(a=[b"1", b"2"]),
    arrow(a=[True, False]),
    arrow(a=[0.0, 2.0]),
    arrow(a=[-0.0, 2.0]),
    arrow(a=[float("nan"), 2.0]),
    arrow(a=[None, 2.0]),
    arrow(a=[float("inf"), 2.0]),
    arrow(a=["", "2"]),
    arrow(a=[None, "2"]),
    arrow(a=["a", "bc"], b=["d", "e"]),
    arrow(a=["ab", "c"], b=["d", "e"]),
    arrow(a=["a", "b"], b=["cd", "e"]),
    arrow(a=[1, 2], b=[1, 2]),
    arrow(b=[1, 2], a=[1, 2]),
    arrow(a=pa.nulls(2)),
    arrow(a=[[1], [2]]),
    arrow(a=[[1, 2], []]),
    arrow(a=[{"x": 1}, {"x": 2}]),
    arrow(a=[date(2026, 1, 2), None]),
    arrow(a=[datetime(2026, 1, 2), None]),  # noqa: DTZ001 - without a zone is what it is about
    arrow(a=[datetime(2026, 1, 2, tzinfo=UTC), None]),
    arrow(a=[time(1), None]),
    arrow(a=[timedelta(hours=1), None]),
    arrow(a=[Decimal("1"), Decimal("2")]),
    arrow(a=pa.array([], pa.int64())),
]


def test_whatever_says_something_else_has_another_fingerprint():
    digests = [of(table).digest for table in DIFFERENT]
    assert len(set(digests)) == len(DIFFERENT)


def test_nan_is_one_number_whatever_its_bits():
    odd = pa.array([1], pa.int64()).cast(pa.int64())
    odd = pa.Array.from_buffers(pa.float64(), 1, [None, pa.py_buffer((0x7FF8000000000123).to_bytes(8, "little"))])
    assert of(arrow(a=odd)) == of(arrow(a=[float("nan")]))


def test_on_request_the_order_of_the_rows_does_not_count(tmp_path):
    table = pa.Table.from_pandas(FRAME)
    other = table.take([3, 1, 0, 2])
    assert of(table, "any") == of(other, "any")
    assert of(table) != of(other)
    assert of(table, "any").digest != of(table).digest
    assert of(table, "any") != of(pa.concat_tables([table, table.slice(0, 1)]), "any")
    doubled = pa.concat_tables([table, table.slice(0, 1)])
    assert of(doubled, "any") != of(pa.concat_tables([table, table.slice(1, 1)]), "any")


def test_how_the_rows_come_in_does_not_count():
    table = arrow(a=list(range(1_000)), b=[f"n{each}" for each in range(1_000)])
    source = table_source(table)
    for size in (1, 7, 256, 999):
        assert table_fingerprint(source.schema, iter(table.to_batches(max_chunksize=size))) == of(table)
    assert of(table.slice(10, 5)) == of(arrow(a=list(range(10, 15)), b=[f"n{each}" for each in range(10, 15)]))


def test_a_table_is_kept_and_read_back():
    for order in ("kept", "any"):
        made = of(FRAME, order)
        assert TableFingerprint.from_json(json.loads(json.dumps(made.to_json()))) == made


SPOILT = {
    "another root": lambda told: told.update(root="00" * 32),
    "another count": lambda told: told.update(rows=5),
    "another name": lambda told: told["columns"][0].update(name="x"),
    "another type": lambda told: told["columns"][0].update(type="text"),
    "a block too many": lambda told: told["blocks"].append("00" * 32),
    "another order": lambda told: told.update(order="any"),
    "no order": lambda told: told.update(order="some"),
    "a newer version": lambda told: told.update(version=2),
    "no columns": lambda told: told.pop("columns"),
    "a short hash": lambda told: told["columns"][0].update(sha256="00"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_table_is_refused(how):
    told = of(FRAME).to_json()
    SPOILT[how](told)
    with pytest.raises(InvalidInput):
        TableFingerprint.from_json(told)


# Bad input


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a,b\n1,2\n3\n", "Expected 2 columns"),
        (b"a,b\n1,2,3\n", "Expected 2 columns"),
        (b"a,a\n1,2\n", "two columns are named 'a'"),
        (b"a,b\n1,\xff\n", "utf-8"),
        (b"", "mpty"),
    ],
    ids=["a short row", "a long row", "a name twice", "not UTF-8", "nothing"],
)
def test_what_is_no_csv_table_is_refused(tmp_path, data, said):
    path = tmp_path / "bad.csv"
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match=said):
        of(path)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["0", "-7", "12"], "integer"),
        (["007", "7"], "text"),
        (["-0", "1"], "number"),
        (["1", "1.5"], "number"),
        (["1e5", "NaN"], "number"),
        (["00.5"], "text"),
        (["1_000"], "text"),
        ([" 1"], "text"),
        (["TRUE", "false"], "boolean"),
        (["1", "true"], "text"),
        (["9" * 18], "integer"),
        (["9" * 19, "1"], "text"),
        (["0.30000000000000004", "1e-300"], "number"),
        (["0.300000000000000041"], "text"),
        (["0.00012345678901234567"], "number"),
        (["٣"], "text"),
        (["", ""], "empty"),
    ],
    ids=str,
)
def test_what_a_column_of_a_csv_file_holds_is_seen_from_all_of_it(tmp_path, values, kind):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n" + "".join(f"{value},z\n" for value in values), encoding="utf-8")
    assert of(path).columns[0].type == kind


def test_a_mark_at_the_start_of_a_csv_file_is_no_part_of_a_name(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfa,b\n1,2\n")
    assert of(tmp_path / "a.csv") == of(arrow(a=[1], b=[2]))


@pytest.mark.parametrize("name", ["a.parquet", "a.feather"])
@pytest.mark.parametrize("keep", [0, 4, 50, -9, -1])
def test_a_file_that_is_cut_off_is_refused(tmp_path, name, keep):
    path = tmp_path / name
    if name.endswith("parquet"):
        FRAME.to_parquet(path)
    else:
        pyarrow.feather.write_feather(pa.Table.from_pandas(FRAME), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InvalidInput, match=name):
        of(path)


def test_a_file_with_turned_bits_ends_in_a_word_or_another_fingerprint(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pandas(FRAME), path, write_page_checksum=True)
    whole, data = of(path), path.read_bytes()
    for place in range(4, len(data), 37):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        try:
            found = of(path)
        except InvalidInput:
            continue
        assert found == whole or found.digest != whole.digest


def test_frames_that_are_none_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read as a table"):
        of(pd.DataFrame({"a": [1, "x"]}))
    with pytest.raises(InvalidInput, match="called by texts"):
        of(pd.DataFrame({1: [1]}))
    with pytest.raises(InvalidInput, match="a dict is no table"):
        of({"a": [1]})
    with pytest.raises(InvalidInput, match="no column"):
        of(pd.DataFrame())
    with pytest.raises(NotFound):
        of(tmp_path / "missing.csv")
    with pytest.raises(InvalidInput, match="no table that can be read"):
        of(tmp_path)
    (tmp_path / "a.txt").touch()
    with pytest.raises(InvalidInput, match="no table that can be read"):
        of(tmp_path / "a.txt")


def test_parts_of_other_columns_are_refused(tmp_path):
    FRAME.to_parquet(tmp_path / "a.parquet")
    FRAME[["id"]].to_parquet(tmp_path / "b.parquet")
    with pytest.raises(InvalidInput, match="b.parquet has other columns than a.parquet"):
        of(tmp_path)
