"""Tables that cannot be committed to, and proofs that mean harm."""

from __future__ import annotations

import json
import time

import pyarrow as pa
import pytest
from making_rows import ABSENT, register

from counterfoil.core import canonical
from counterfoil.core.check_rows import check_rows_proof
from counterfoil.core.rows_proof import MAX_PROOF_BYTES
from counterfoil.errors import InvalidInput
from counterfoil.provenance.fingerprints.table_source import table_source
from counterfoil.provenance.rows.building import build_trees
from counterfoil.provenance.rows.secret import RowsSecret

SECRET = RowsSecret(bytes(32))

TABLES = {
    "no such column": (pa.table({"name": ["a"]}), "there is no column 'id'"),
    "no rows": (pa.table({"id": pa.array([], pa.string())}), "the table has no row"),
    "a missing id": (pa.table({"id": ["a", None]}), "row 2 has no id"),
    "an empty id": (pa.table({"id": ["a", "b", ""]}), "row 3 has no id"),
    "an endless id": (pa.table({"id": ["a" * 1_025]}), "row 1 has an id of 1,025 bytes"),
    "numbers": (pa.table({"id": [1.5, float("nan")]}), "holds values of the type number"),
    "dates": (pa.table({"id": pa.array([1], pa.date32())}), "holds values of the type date"),
    "nothing but gaps": (pa.table({"id": pa.array([None], pa.null())}), "holds values of the type empty"),
    "truth": (pa.table({"id": [True]}), "holds values of the type boolean"),
    "lists": (pa.table({"id": [["a"]]}), "holds values of the type list"),
    "bytes": (pa.table({"id": [b"a"]}), "holds values of the type bytes"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with register(tmp_path_factory.mktemp("register")) as found:
        yield found


@pytest.mark.parametrize(("table", "words"), TABLES.values(), ids=TABLES)
def test_tables_without_usable_ids(tmp_path, table, words):
    with pytest.raises(InvalidInput, match=words):
        build_trees(table_source(table), SECRET, tmp_path, id_column="id")


def test_an_id_is_never_told_in_a_message(tmp_path):
    table = pa.table({"id": ["known", "x" * 2_000]})
    with pytest.raises(InvalidInput) as caught:
        build_trees(table_source(table), SECRET, tmp_path, id_column="id")
    assert "xxx" not in caught.value.message + caught.value.hint
    assert "known" not in caught.value.message + caught.value.hint


def test_nothing_is_left_of_a_table_that_was_refused(made, tmp_path):
    before = sorted(made.org.home.paths.rows.iterdir())
    size = made.org.archive.size
    path = tmp_path / "gaps.csv"
    path.write_text("id,n\na,1\n,2\n")
    dataset = made.org.provenance.register_dataset(path)
    with pytest.raises(InvalidInput, match="row 2 has no id"):
        made.org.provenance.rows.commit(dataset, path, id_column="id")
    assert sorted(made.org.home.paths.rows.iterdir()) == before
    assert made.org.archive.size == size + 1


def changed(data: bytes, **change) -> bytes:
    told = json.loads(data)
    for name, value in change.items():
        at = told
        *above, last = name.split("__")
        for each in above:
            at = at[each]
        at[last] = value
    return canonical.dumps(told)


HARM = {
    "a huge count": {"ids__count": 2**53 - 1},
    "no count": {"ids__count": 0},
    "a negative count": {"place__count": -1},
    "truth for a count": {"place__count": True},
    "a fraction": {"place__count": 1.5},
    "no id": {"id": ""},
    "an endless id": {"id": "a" * 5_000},
    "no text": {"id": 7},
    "no key": {"ids__key": ""},
    "no point": {"ids__key": "A" * 44},
    "another function": {"ids__vrf": "none"},
    "no steps": {"steps": ""},
    "half a step": {"steps": "AAAA"},
    "endless steps": {"steps": "A" * 400_000},
    "loose base64": {"vrf": "A" * 107 + "B"},
    "no base64": {"vrf": "?" * 108},
    "a list": {"place": []},
    "a deep record": {"record": {"a": [[[[[[[[[[[[]]]]]]]]]]]]}},
    "a record of nothing": {"record": {}},
    "a record that is none": {"record": "receipt"},
    "rows of the absent": {"shown": {"columns": ["id"], "rows": []}},
    "another part": {"more": 1},
}


@pytest.mark.parametrize("change", HARM.values(), ids=HARM)
def test_proofs_that_mean_harm_fail(made, change):
    report = check_rows_proof(changed(made.proof(ABSENT), **change), issuer=made.org.issuer)
    assert not report.is_intact
    assert report.exit_code() == 4


@pytest.mark.parametrize(
    "shown",
    [
        {"columns": ["id"], "rows": [{"cells": [], "salt": "AAAAAAAAAAAAAAAAAAAAAA=="}]},
        {"columns": ["id"], "rows": [{"cells": ["sp1"], "salt": ""}]},
        {"columns": ["id"], "rows": [{"cells": [7], "salt": "AAAAAAAAAAAAAAAAAAAAAA=="}]},
        {"columns": ["id"], "rows": [{"cells": [{"base64": "c2E="}], "salt": "AAAAAAAAAAAAAAAAAAAAAA=="}]},
        {"columns": [7], "rows": [{"cells": ["sp1"], "salt": "AAAAAAAAAAAAAAAAAAAAAA=="}]},
        {"columns": ["id"], "rows": {}},
        {"columns": ["name"], "rows": [{"cells": ["sp1"], "salt": "AAAAAAAAAAAAAAAAAAAAAA=="}]},
        {"columns": [], "rows": [{"cells": [], "salt": "AAAAAAAAAAAAAAAAAAAAAA=="}]},
    ],
    ids=["no cells", "no salt", "no text", "two spellings", "no name", "no list", "no id column", "no columns"],
)
def test_rows_that_mean_harm_fail(made, shown):
    assert not check_rows_proof(changed(made.proof("p1"), shown=shown)).is_intact


def test_what_is_too_large_is_not_read():
    began = time.process_time()
    report = check_rows_proof(b'{"format":"counterfoil-rows/1",' + b" " * MAX_PROOF_BYTES)
    assert "too large" in report.steps[0].detail
    assert time.process_time() - began < 1


def test_deep_and_broken_json_is_no_accident():
    for data in (
        b'{"format":"counterfoil-rows/1","record":' + b"[" * 100_000,
        b'{"format":"counterfoil-rows/1"',
        b"\xff",
    ):
        report = check_rows_proof(data)
        assert [each.id for each in report.steps] == ["format"]
        assert not report.is_intact
