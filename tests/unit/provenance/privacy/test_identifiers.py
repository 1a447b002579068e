"""Safe Harbor's 18 identifiers are found by name and by pattern, and what is none of them is left alone."""

from __future__ import annotations

import pytest

from counterfoil.data import german_credit_csv
from counterfoil.provenance.privacy.check import check_privacy
from counterfoil.provenance.privacy.identifiers import IDENTIFIERS, words_of

VALUES = {
    "A": ("Patient_Name", ["Ada Lovelace"]),
    "B": ("zip", ["90210", "03601-1234"]),
    "C": ("x", ["2026-11-25", "25.11.2026", "11/25/26", "Nov 25, 2026", "2026-11", "2026-11-25T10:00:00Z"]),
    "D": ("x", ["+41 44 123 45 67", "(555) 123-4567", "555-123-4567", "044 123 45 67"]),
    "E": ("faxNumber", ["7"]),
    "F": ("x", ["ada@example.org", "write to a.b+c@mail.example.co.uk please"]),
    "G": ("x", ["078-05-1120"]),
    "H": ("x", ["MRN 00123456"]),
    "I": ("beneficiary", ["7"]),
    "J": ("x", ["CH93 0076 2011 6238 5295 7", "DE89370400440532013000", "4111 1111 1111 1111"]),
    "K": ("drivers_license_no", ["7"]),
    "L": ("x", ["1HGCM82633A004352"]),
    "M": ("x", ["00:1B:44:11:3A:B7"]),
    "N": ("x", ["https://example.org/ada", "www.example.org"]),
    "O": ("x", ["192.168.0.1", "2001:db8::ff00:42:8329", "2001:0db8:0000:0000:0000:ff00:0042:8329"]),
    "P": ("iris scan", ["7"]),
    "Q": ("PortraitFile", ["7"]),
    "R": ("x", ["6fa459ea-ee8a-3ca4-894e-db77e160355e"]),
}


def found_in(tmp_path, column, values):
    path = tmp_path / "table.csv"
    path.write_text(f"{column},other\n" + "".join(f'"{value}",1\n' for value in values), encoding="utf-8")
    return check_privacy(path).findings


def test_all_eighteen_are_looked_for():
    assert list(VALUES) == list(IDENTIFIERS)


@pytest.mark.parametrize(
    ("letter", "column", "value"),
    [(letter, column, value) for letter, (column, values) in VALUES.items() for value in values],
)
def test_each_of_them_is_found(tmp_path, letter, column, value):
    found = found_in(tmp_path, column, [value, value])
    assert [(each.letter, each.column, each.rows) for each in found] == [(letter, column, 2)]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("product_name", ["Screw"]),
        ("file name", ["a"]),
        ("update", ["a"]),
        ("amount", ["1169", "5951", "12345.67", "-3"]),
        ("birth_year", ["1999", "2001"]),
        ("age", ["89", "90+", "[60,65)"]),
        ("zip", ["902", "000"]),
        ("visit", ["2026", "2020s"]),
        ("cell_type", ["neuron"]),
        ("range", ["10-20", "1-2"]),
        ("version", ["1.2.3"]),
        ("score", ["0.123456789012345"]),
        ("code", ["A10", "B20"]),
        ("ratio", ["10:30"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_none_is_left_alone(tmp_path, column, values):
    assert found_in(tmp_path, column, values) == ()


def test_ages_over_89_are_counted_one_by_one(tmp_path):
    (found,) = found_in(tmp_path, "patientAge", ["34", "90", "101", "89"])
    assert (found.letter, found.what, found.rows) == ("C", "ages over 89", 2)


@pytest.mark.parametrize(
    ("column", "values", "is_own"),
    [
        ("thing", [f"A-{each}-x" for each in range(40)], True),
        ("thing", [str(each) for each in range(5, 45)], True),
        ("thing no", [str(7 * each) for each in range(40)], True),
        ("thing", [str(7 * each) for each in range(40)], False),
        ("thing", [str(each / 7) for each in range(40)], False),
        ("thing", [f"A-{each}-x" for each in range(39)] + ["A-1-x"], False),
        ("thing", [f"A-{each}-x" for each in range(10)], False),
    ],
    ids=["texts", "in a row", "called so", "numbers", "measured", "twice", "few"],
)
def test_a_code_of_each_rows_own_is_an_identifier(tmp_path, column, values, is_own):
    assert [each.letter for each in found_in(tmp_path, column, values)] == (["R"] if is_own else [])


def test_pseudonyms_are_told_apart(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("patient\n" + "".join(f"p_{each:032x}\n" for each in range(30)))
    report = check_privacy(path)
    assert (report.findings, report.pseudonyms) == ((), ("patient",))


def test_the_credit_data_have_one_false_alarm():
    found = check_privacy(german_credit_csv()).findings
    assert [(each.column, each.letter, each.by, each.rows) for each in found] == [("telephone", "D", "name", 1_000)]


@pytest.mark.parametrize(
    ("name", "words"),
    [("patientBirthDate", "patient birth date"), ("PATIENT_ID", "patient id"), ("XMLFile.name", "xml file name")],
)
def test_the_words_of_a_name(name, words):
    assert words_of(name) == words
