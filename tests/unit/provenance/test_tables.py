"""Columns of a CSV file are numbers only where nothing is lost by reading them so."""

from __future__ import annotations

import pytest

from counterfoil.provenance.fingerprints.table_source import table_of
from counterfoil.provenance.tables import describe_csv, read_rows


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["0", "7", "-12", ""], "integer"),
        (["999999999999999999"], "integer"),
        (["1", "2.5", "-.5", "1e9", "nan", "-inf"], "number"),
        (["021", "000", "100"], "text"),
        (["1", "-01"], "text"),
        (["+4722334455"], "text"),
        (["1_000"], "text"),
        (["--5"], "text"),
        (["٣", "4"], "text"),
        (["9999999999999999999"], "text"),
        (["123456789012345678", "0.5"], "text"),
        (["0.1234567890123456789"], "text"),
        (["00.5"], "text"),
        (["-0"], "number"),
    ],
    ids=[
        "integers",
        "18 digits",
        "numbers",
        "ZIP codes",
        "negative with a zero",
        "telephone",
        "underscore",
        "two signs",
        "other digits",
        "19 digits",
        "18 digits among fractions",
        "many decimals",
        "fraction with a zero",
        "minus zero",
    ],
)
def test_what_a_column_holds(tmp_path, values, kind):
    path = tmp_path / "table.csv"
    path.write_text("id,value\n" + "".join(f"x,{value}\n" for value in values), encoding="utf-8")
    assert describe_csv(path).columns == (("id", "text"), ("value", kind))
    rows = read_rows(path)
    if kind == "text":
        assert [row["value"] for row in rows] == values
    else:
        assert all(type(row["value"]) in (int, float, type(None)) for row in rows)
    if values != ["+4722334455"]:  # the fingerprint's rule is older, and takes a plus for a number's sign
        assert [each.type for each in table_of(path).columns] == ["text", kind]
