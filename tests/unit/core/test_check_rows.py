"""Proofs about rows, checked step by step, and told by what each of them shows."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from making_rows import ABSENT, register

from counterfoil.core import canonical
from counterfoil.core.check_rows import check_rows_proof
from counterfoil.core.note import Signer
from counterfoil.core.rows import ShownRow, cell_value, columns_digest, is_id
from counterfoil.core.rows_proof import is_rows_proof, parse_rows_proof, receipt_in_proof
from counterfoil.core.steps import Report
from counterfoil.errors import InvalidInput, MalformedEvidence


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with register(tmp_path_factory.mktemp("register")) as found:
        yield found


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    with register(tmp_path_factory.mktemp("other")) as found:
        yield found


def statuses(report: Report) -> dict[str, str]:
    return {each.id: str(each.status) for each in report.steps}


def changed(data: bytes, change) -> bytes:
    told = json.loads(data)
    change(told)
    return canonical.dumps(told)


def failed(report: Report) -> list[str]:
    return [each.id for each in report.steps if each.status == "failed"]


def test_a_person_who_is_there(made):
    report = check_rows_proof(made.proof("p5"), issuer=made.org.issuer)
    assert [each.id for each in report.steps[:7]] == ["format", "id", "tree", "rows", "record", "log", "issuer"]
    assert all(each.status == "passed" for each in report.steps[:7])
    assert (report.facts["finding"], report.facts["rows"], report.facts["id"]) == ("present", 2, "p5")
    assert report.facts["dataset_leaf"] == made.dataset.leaf
    assert report.step("id").detail.startswith("'p5' has one tag")
    values = [each["value"] for each in report.facts["fields"]]
    assert values == ["p5", "given", "2026-01-06", "0.625", "p5", "withdrawn", "2026-02-06", None]
    assert report.verdict == "'p5' is in consents 1, with 2 rows; intact, and signed by the issuer you named"
    assert report.facts["present"] is True
    assert (report.exit_code(("present", "rows")), report.exit_code(("absent",))) == (0, 4)


def test_a_person_who_is_not(made):
    report = check_rows_proof(made.proof(ABSENT), issuer=made.org.issuer)
    assert statuses(report) | {"rows": "not checked", "issuer": "passed", "tree": "passed"} == statuses(report)
    assert (report.facts["finding"], report.facts["rows"], report.facts["fields"]) == ("absent", 0, [])
    assert b'"shown"' not in made.proof(ABSENT)
    assert report.verdict == f"{ABSENT!r} is NOT in consents 1; intact, and signed by the issuer you named"
    assert report.facts["present"] is False
    assert (report.exit_code(("absent",)), report.exit_code(("present",)), report.exit_code(("rows",))) == (0, 4, 4)
    assert "require `absent`" in report.step("rows").detail
    assert check_rows_proof(made.proof("p5").replace(b'"p5"', b'"p6"')).exit_code(("absent",)) == 4
    with pytest.raises(InvalidInput, match="no step 'there'") as caught:
        report.exit_code(("there",))
    assert caught.value.hint.endswith("present, absent")


def test_one_row_by_its_number(made):
    report = check_rows_proof(made.row_proof(3), issuer=made.org.issuer)
    assert [each["value"] for each in report.facts["fields"]] == ["p3", "given", "2026-01-04", "0.375"]
    assert failed(report) == []
    assert report.facts["finding"] == "row"


def test_without_its_record_a_proof_is_anybodys(made):
    report = check_rows_proof(made.proof("p1", with_record=False), issuer=made.org.issuer)
    assert statuses(report)["record"] == statuses(report)["issuer"] == "not checked"
    told = "'p1' is in a dataset that the file does not name, with 1 row"
    assert report.verdict == f"{told}; intact, issuer unknown"


def test_another_issuer_is_told(made):
    stranger = Signer(made.org.issuer.name, bytes(32)).key
    assert failed(check_rows_proof(made.proof("p1"), issuer=stranger)) == ["issuer"]
    assert statuses(check_rows_proof(made.proof("p1")))["issuer"] == "not checked"


def somebody(made) -> str:
    """Returns an id that is there, and whose place is not the one that the absent id's walk ends at."""
    other = parse_rows_proof(made.proof(ABSENT)).place.tag
    return next(text for text in ("p2", "p3") if parse_rows_proof(made.proof(text)).place.tag != other)


def test_presence_cannot_be_made_absence(made):
    proof = made.proof(somebody(made), shown=False)
    own = b64encode(parse_rows_proof(proof).place.tag).decode()

    def swap(told, tag):
        told["kind"], told["place"]["tag"] = "absent", tag

    assert failed(check_rows_proof(changed(proof, lambda told: swap(told, own)))) == ["id"]
    theirs = json.loads(made.proof(ABSENT))["place"]["tag"]
    assert failed(check_rows_proof(changed(proof, lambda told: swap(told, theirs)))) == ["tree"]


def test_absence_cannot_be_made_presence(made):
    def swap(told):
        told["kind"] = "present"
        del told["place"]["tag"]

    assert failed(check_rows_proof(changed(made.proof(ABSENT), swap))) == ["tree"]


def test_the_place_of_a_neighbour_denies_nobody(made):
    """Whoever is there cannot be denied with the place of somebody else: it lies elsewhere."""
    present, absent = json.loads(made.proof(somebody(made), shown=False)), json.loads(made.proof(ABSENT))
    told = absent | {"id": present["id"], "vrf": present["vrf"]}
    assert "tree" in failed(check_rows_proof(canonical.dumps(told)))


def test_the_proof_of_one_person_is_not_that_of_another(made):
    assert "id" in failed(check_rows_proof(changed(made.proof("p2"), lambda told: told.update(id="p3"))))


@pytest.mark.parametrize("part", ["key", "root", "count", "column"])
def test_the_tree_is_the_one_on_record(made, other, part):
    theirs = json.loads(other.proof("p2"))["ids"] | {"count": 7, "column": "name"}

    def replace(told):
        told["ids"][part] = theirs[part]

    assert "record" in failed(check_rows_proof(changed(made.proof("p2"), replace)))


def test_another_commitments_record_does_not_fit(made, other):
    record = json.loads(other.proof("p2"))["record"]
    assert failed(check_rows_proof(changed(made.proof("p2"), lambda told: told.update(record=record)))) == ["record"]


def test_a_record_of_another_kind_commits_to_nothing(made):
    record = json.loads(made.org.archive.receipt(0, ()).encode())
    report = check_rows_proof(changed(made.proof("p2"), lambda told: told.update(record=record)))
    assert failed(report) == ["record"]


def test_no_row_of_a_person_can_be_left_out(made):
    """The withdrawal is the second of two rows; the count is in the tree."""

    def leave_out(told):
        told["shown"]["rows"].pop()

    report = check_rows_proof(changed(made.proof("p5"), leave_out))
    assert failed(report) == ["rows"]


def _another_value(told):
    told["shown"]["rows"][0]["cells"][1] = "sgiven?"


def _another_name(told):
    told["shown"]["columns"][1] = "refusal"


def _another_salt(told):
    told["shown"]["rows"][0]["salt"] = "AAAAAAAAAAAAAAAAAAAAAA=="


def _another_order(told):
    told["shown"]["rows"].reverse()


@pytest.mark.parametrize("change", [_another_value, _another_name, _another_salt, _another_order])
def test_rows_are_shown_as_they_are_on_record(made, change):
    assert failed(check_rows_proof(changed(made.proof("p5"), change))) == ["rows"]


def test_a_row_under_the_wrong_id_is_told(made):
    """An owner who put another person's row under an id shows rows that say so."""
    step = check_rows_proof(changed(made.proof("p5"), lambda told: told.update(id="p6"))).step("rows")
    assert step.status == "failed"
    assert step.detail == "a row has another id in the column id"


@pytest.mark.parametrize("change", [{"index": 4}, {"path": ""}])
def test_a_row_stands_at_one_place(made, change):
    assert failed(check_rows_proof(changed(made.row_proof(3), lambda told: told.update(change)))) == ["tree"]


def test_the_columns_of_a_row_are_named_as_on_record(made):
    assert "rows" in failed(check_rows_proof(changed(made.row_proof(3), _another_name)))


def test_the_receipt_of_a_proof_is_found(made):
    assert receipt_in_proof(made.proof("p1")) == canonical.dumps(json.loads(made.proof("p1"))["record"])
    assert receipt_in_proof(made.proof("p1", with_record=False)) == b""
    assert receipt_in_proof(b'{"format":"counterfoil-rows/1"}') == b""
    assert is_rows_proof(made.row_proof(1))
    assert not is_rows_proof(made.org.archive.receipt(0, ()).encode())


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "JSON"),
        (b"[]", "not a proof"),
        (b'{"format":"counterfoil-rows/2"}', "not a proof"),
        (b'{"format":"counterfoil-rows/1","kind":"maybe"}', "kind"),
        (b'{"format":"counterfoil-rows/1","kind":"absent"}', "missing or unknown part"),
        (b'{"format":"counterfoil-rows/1","kind":"row","record":7}', "receipt"),
        (b'{"format":"counterfoil-rows/1", "kind":"row"}', "canonical"),
    ],
    ids=["empty", "list", "version", "kind", "parts", "record", "spaces"],
)
def test_what_is_no_proof(data, told):
    with pytest.raises(MalformedEvidence, match=told):
        parse_rows_proof(data)
    assert statuses(check_rows_proof(data)) == {"format": "failed"}


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (b"n", None),
        (b"i-7", "-7"),
        (b"sAda", "Ada"),
        (b"btrue", "true"),
        (b"f4607182418800017408", "1.0"),
        (b"fnothing", "b'fnothing'"),
        (b"f99999999999999999999", "b'f99999999999999999999'"),
        (b"D19000", "D19000"),
        (b"x\xff", "x\\xff"),
    ],
    ids=["missing", "integer", "text", "boolean", "number", "no number", "too large", "date", "bytes"],
)
def test_cells_for_people(cell, value):
    assert cell_value(cell) == value


def test_cells_are_framed():
    """Two rows of the same letters, divided otherwise, are two rows."""
    columns = columns_digest(["a", "b"])
    one, two = ShownRow(bytes(16), (b"sa", b"sb")), ShownRow(bytes(16), (b"sas", b"b"))
    assert one.leaf(columns) != two.leaf(columns)
    assert columns_digest(["a,b"]) != columns


@pytest.mark.parametrize(
    ("text", "fits"), [("", False), ("a", True), ("é" * 512, True), ("é" * 513, False), ("\ud800", False)]
)
def test_what_an_id_may_be(text, fits):
    assert is_id(text) is fits
