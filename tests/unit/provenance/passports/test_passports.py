"""Passports on record: drafted from what is known, checked, superseded, handed out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from making_passports import filled_in, on_record, registered
from organisations import Bank, bank, estimator

from counterfoil.core import canonical
from counterfoil.core.check_passport import check_passport
from counterfoil.core.check_receipt import check_receipt
from counterfoil.core.passport_file import parse_passport_file
from counterfoil.core.statement import Draft
from counterfoil.core.steps import Status
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.passports.parts import Licence, Parent, Party, ReportOf, Transformation


@pytest.fixture
def made(tmp_path):
    with bank(tmp_path) as found:
        yield found


def other(made: Bank, folder: Path, name: str = "raw"):
    return registered(made.org, folder, name, f"{name}\n1\n2\n")


def test_a_draft_says_what_is_on_record(made, tmp_path):
    found = registered(made.org, tmp_path)
    draft = made.org.provenance.passports.draft(found)
    subject = draft.subject
    assert (subject.kind, subject.name, subject.version, subject.leaf) == ("dataset", "people", "1", found.leaf)
    assert (subject.rows, subject.count, len(subject.columns)) == (600, 1, 4)
    assert subject.files[0].sha256 == found.record.sha256
    assert subject.fingerprint is not None
    assert (subject.fingerprint.root, subject.fingerprint.sha256) == (found.record.root, found.record.fingerprint)
    assert draft.who == (Party("Example Bank plc", "issuer", "bank.example/credit"),)
    assert list(draft.lacks())


def test_notes_of_a_dataset_become_licence_and_purpose(made, tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    found = made.org.provenance.register_dataset(
        tmp_path / "a.csv", notes={"licence": "https://creativecommons.org/licenses/by-sa/4.0/", "purpose": "to try"}
    )
    draft = made.org.provenance.passports.draft(found)
    assert (draft.licence, draft.purpose) == (Licence("CC-BY-SA-4.0"), "to try")


def test_a_run_becomes_parents_and_transformation(made, tmp_path):
    raw = other(made, tmp_path)
    with made.org.provenance.run("clean", inputs=[raw], parameters={"fraction": 0.5, "by": "id"}, seed=42) as run:
        (tmp_path / "clean.csv").write_text("raw\n1\n")
        run.output(tmp_path / "clean.csv", name="clean")
    draft = made.org.provenance.passports.draft(made.org.provenance.find_dataset("clean"))
    assert draft.parents == (Parent("raw", "1", raw.leaf, sha256=raw.record.sha256),)
    made_by = draft.transformation
    assert made_by is not None
    assert (made_by.what, made_by.seed) == ("transformation: clean", "42")
    assert made_by.parameters == {"by": "id", "fraction": "0.5"}
    assert len(made_by.code) == len(made_by.environment) == len(made_by.run) == 64
    assert made.org.provenance.passports.record(filled_in(draft)).passport.parents == draft.parents


def test_a_models_draft_names_its_training_data(made, tmp_path):
    data = registered(made.org, tmp_path)
    model = made.org.provenance.register_model(estimator(), name="fitted", training=data)
    draft = made.org.provenance.passports.draft(model)
    assert (draft.subject.kind, draft.subject.meaning) == ("model", model.record.semantic_sha256)
    assert [each.leaf for each in draft.parents] == [data.leaf]


def test_reports_are_found_by_what_they_build_on(made, tmp_path):
    found = registered(made.org, tmp_path)
    for number in (1, 2):
        about = {"headline": f"report {number}"}
        made.org.recorder.write(Draft("quality-report", "provenance", "people 1", (found.leaf,), about))
    made.org.recorder.write(Draft("privacy-check", "provenance", "people 1", (found.leaf,), {"n": 1}))
    made.org.recorder.write(Draft("quality-report", "provenance", "else", (), {"headline": "of nothing here"}))
    reports = made.org.provenance.passports.draft(found).reports
    assert [(each.kind, each.headline) for each in reports] == [
        ("privacy", "privacy-check people 1"),
        ("quality", "report 2"),
    ]
    assert on_record(made.org, found).reports == reports


def test_reports_on_the_same_bytes_count_under_whatever_name(made, tmp_path):
    found, passports = registered(made.org, tmp_path), made.org.provenance.passports
    made.org.recorder.write(Draft("quality-report", "provenance", "people 1", (found.leaf,), {"headline": "good"}))
    other(made, tmp_path)
    on_record(made.org, found)
    again = made.org.provenance.register_dataset(tmp_path / "people.csv", name="clean", version="7")
    assert passports.draft(again).reports == passports.draft(found).reports
    assert on_record(made.org, again).reports[0].headline == "good"
    third = made.org.provenance.register_dataset(tmp_path / "people.csv", name="third")
    with pytest.raises(NotFound, match="third 1 has no passport") as caught:
        passports.require(third)
    told = "clean 7 has one, and the same bytes; write one: counterfoil passport new third@1"
    assert caught.value.hint == told


def test_a_newer_passport_takes_the_place_of_the_older_one(made, tmp_path):
    found, passports = registered(made.org, tmp_path), made.org.provenance.passports
    assert passports.of(found) is None
    with pytest.raises(NotFound, match="has no passport"):
        passports.require(found)
    on_record(made.org, found)
    first = passports.require(found)
    size = made.org.archive.size
    assert passports.record(filled_in(passports.draft(found))) == first
    assert made.org.archive.size == size
    second = passports.record(replace(passports.draft(found), purpose="Something else."))
    assert second.passport.supersedes == first.leaf
    assert passports.of(found) == second
    assert made.org.archive.record(second.index).builds_on[:2] == (found.leaf, first.leaf)
    assert passports.all() == [second]
    assert passports.at(first.index) == first
    made.org.rebuild()
    assert passports.of(found) == second


def test_what_is_on_record_cannot_be_told_otherwise(made, tmp_path):
    found = registered(made.org, tmp_path)
    good = filled_in(made.org.provenance.passports.draft(found))
    for key, value in (("rows", 7), ("name", "others"), ("files", ()), ("version", "2")):
        told = replace(good, subject=replace(good.subject, **{key: value}))
        with pytest.raises(InvalidInput, match=rf"subject\.{key} is .*; on record is"):
            made.org.provenance.passports.record(told)
    size = made.org.archive.size
    with pytest.raises(InvalidInput, match="not registered"):
        made.org.provenance.passports.record(replace(good, subject=replace(good.subject, leaf="")))
    with pytest.raises(NotFound, match="the log has no record"):
        made.org.provenance.passports.record(replace(good, subject=replace(good.subject, leaf="0" * 64)))
    assert made.org.archive.size == size


def test_nobody_issues_a_passport_in_anothers_name(made, tmp_path):
    good = filled_in(made.org.provenance.passports.draft(registered(made.org, tmp_path)))
    claimed = replace(good, who=(Party("Other AG", "issuer", "other.example/log"),))
    with pytest.raises(InvalidInput, match=r"'other\.example/log' issues it, and this is the log of bank\.example"):
        made.org.provenance.passports.record(claimed)
    beside = (*good.who, Party("Other AG", "author", "other.example/log"))
    assert made.org.provenance.passports.record(replace(good, who=beside)).passport.who == beside


def test_licences_are_held_against_the_list(made, tmp_path):
    good = filled_in(made.org.provenance.passports.draft(registered(made.org, tmp_path)))
    for wrong, words in (("CC-BY-9.0", "not on the SPDX list"), ("cc-by-4.0", "names 'cc-by-4.0'")):
        with pytest.raises(InvalidInput, match=words):
            made.org.provenance.passports.record(replace(good, licence=Licence(wrong)))
    for right in ("MIT OR Apache-2.0", "LicenseRef-bank", "(GPL-2.0+ WITH Classpath-exception-2.0) AND MIT"):
        told = made.org.provenance.passports.record(replace(good, licence=Licence(right)))
        assert told.passport.licence.words == right


def test_a_parent_that_does_not_exist_is_refused(made, tmp_path):
    found = registered(made.org, tmp_path)
    for wrong in ("0" * 64, found.leaf[:-1] + ("0" if found.leaf[-1] != "0" else "1")):
        with pytest.raises(NotFound, match="the parent 'lost': the log has no record"):
            on_record(made.org, found, parents=(Parent("lost", leaf=wrong),))
    foreign = Parent("theirs", leaf="0" * 64, origin="other.example/log")
    unrecorded = Parent("raw files", sha256="1" * 64)
    assert on_record(made.org, found, parents=(foreign, unrecorded)).parents == (foreign, unrecorded)


def test_a_parent_is_a_dataset_or_a_model(made, tmp_path):
    found = registered(made.org, tmp_path)
    policy = next(
        place for place in range(made.org.archive.size) if made.org.archive.record(place).kind == "deployment"
    )
    with pytest.raises(InvalidInput, match="is a deployment; expected a dataset or model"):
        on_record(made.org, found, parents=(Parent("x", leaf=made.org.archive.leaf_hex(policy)),))


def test_nothing_is_its_own_ancestor(made, tmp_path):
    first, second, third = (other(made, tmp_path, name) for name in ("first", "second", "third"))
    with pytest.raises(InvalidInput, match="its own ancestor"):
        on_record(made.org, first, parents=(Parent("first", leaf=first.leaf),))
    on_record(made.org, second, parents=(Parent("first", leaf=first.leaf),))
    on_record(made.org, third, parents=(Parent("second", leaf=second.leaf),))
    with pytest.raises(InvalidInput, match=f"record {first.index} would be its own ancestor"):
        on_record(made.org, first, parents=(Parent("third", leaf=third.leaf),))
    on_record(made.org, second, parents=())  # the wrong parent was mended, so there is no circle any more
    assert on_record(made.org, first, parents=(Parent("third", leaf=third.leaf),)).parents


def test_nothing_is_an_ancestor_of_what_a_run_made_it_from(made, tmp_path):
    raw = other(made, tmp_path)
    with made.org.provenance.run("clean", inputs=[raw]) as run:
        (tmp_path / "clean.csv").write_text("raw\n1\n")
        run.output(tmp_path / "clean.csv", name="clean")
    clean = made.org.provenance.find_dataset("clean")
    with pytest.raises(InvalidInput, match="its own ancestor"):
        on_record(made.org, raw, parents=(Parent("clean", leaf=clean.leaf),))


def test_runs_and_reports_must_be_on_record(made, tmp_path):
    found = registered(made.org, tmp_path)
    with pytest.raises(NotFound, match="the run: the log has no record"):
        on_record(made.org, found, transformation=Transformation("x", "0" * 64))
    with pytest.raises(NotFound, match="the quality report: the log has no record"):
        on_record(made.org, found, reports=(ReportOf("quality", "0" * 64),))
    assert on_record(made.org, found, reports=(ReportOf("quality", sha256="0" * 64),)).reports


def test_a_passport_too_large_for_a_record_is_refused(made, tmp_path):
    found = registered(made.org, tmp_path)
    parents = tuple(Parent("x" * 200, "y" * 200, sha256="0" * 64) for _ in range(64))
    with pytest.raises(InvalidInput, match="larger than 65495 bytes"):
        on_record(
            made.org,
            found,
            parents=parents,
            notes="z" * 4_000,
            transformation=Transformation(
                "w" * 4_000, parameters={f"{place:0200d}": "v" * 200 for place in range(100)}
            ),
        )


def test_the_file_is_checked_in_numbered_steps(made, tmp_path):
    found, key = registered(made.org, tmp_path), made.org.issuer
    on_record(made.org, found)
    whole = made.org.provenance.passports.export(found, with_fingerprint=True)
    data = whole.encode()
    assert parse_passport_file(data) == whole
    receipt = canonical.dumps(canonical.loads(data)["receipt"])  # for checkers that know receipts alone
    assert check_receipt(receipt, issuer=key).verdict == "intact, and signed by the issuer you named"
    report = check_passport(data, issuer=key)
    assert report.what == "passport"
    assert [step.id for step in report.steps] == [
        *("format", "record", "fields", "log", "issuer", "kept", "anchor", "witnesses", "passport", "fingerprint")
    ]
    assert {step.id for step in report.steps if step.status is Status.PASSED} == {
        *("format", "record", "fields", "log", "issuer", "passport", "fingerprint")
    }
    assert report.verdict == "intact, and signed by the issuer you named"
    assert check_passport(data).verdict == "intact, issuer unknown"
    plain = check_passport(made.org.provenance.passports.export(found).encode(), issuer=key)
    step = plain.step("fingerprint")
    assert step is not None
    assert step.status is Status.NOT_CHECKED
    assert plain.is_intact


def test_a_models_passport_has_no_fingerprint_to_go_along(made):
    model = made.org.provenance.models()[0]
    on_record(made.org, model)
    assert made.org.provenance.passports.export(model).fingerprint is None
    with pytest.raises(InvalidInput, match="a model's passport has no fingerprint"):
        made.org.provenance.passports.export(model, with_fingerprint=True)


def test_a_parent_of_this_log_is_checked_whatever_origin_it_names(made, tmp_path):
    first, second = other(made, tmp_path, "first"), other(made, tmp_path, "second")
    here = made.org.archive.origin
    with pytest.raises(NotFound, match="the parent 'lost': the log has no record"):
        on_record(made.org, first, parents=(Parent("lost", leaf="0" * 64, origin=here),))
    with pytest.raises(InvalidInput, match="its own ancestor"):
        on_record(made.org, first, parents=(Parent("first", leaf=first.leaf, origin=here),))
    told = on_record(made.org, second, parents=(Parent("first", leaf=first.leaf, origin=here),))
    assert told.parents == (Parent("first", leaf=first.leaf),)
    with pytest.raises(InvalidInput, match="its own ancestor"):
        on_record(made.org, first, parents=(Parent("second", leaf=second.leaf, origin=here),))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "official census"}, "its name is 'official census'; on record is 'first'"),
        ({"version": "9"}, "its version is '9'; on record is '1'"),
        ({"sha256": "f" * 64}, "its sha256 is 'f"),
    ],
    ids=["name", "version", "sha256"],
)
def test_a_parent_is_told_as_it_is_on_record(change, words, made, tmp_path):
    first, second = other(made, tmp_path, "first"), other(made, tmp_path, "second")
    right = Parent("first", "1", first.leaf, sha256=first.record.sha256)
    with pytest.raises(InvalidInput, match=words):
        on_record(made.org, second, parents=(replace(right, **change),))
    root = replace(right, sha256=first.record.root)
    assert on_record(made.org, second, parents=(root,)).parents == (root,)


def test_a_run_is_a_run_and_a_report_is_about_the_subject(made, tmp_path):
    first, second = other(made, tmp_path, "first"), other(made, tmp_path, "second")
    about = {"headline": "of the first"}
    report = made.org.recorder.write(Draft("privacy-check", "provenance", "first 1", (first.leaf,), about)).leaf.hex()
    for change, words in (
        ({"transformation": Transformation("x", first.leaf)}, "the run .* is a record of the kind dataset"),
        ({"reports": (ReportOf("privacy", first.leaf),)}, "the privacy report .* is a record of the kind dataset"),
        ({"reports": (ReportOf("quality", report),)}, "the quality report .* is a record of the kind privacy-check"),
        ({"reports": (ReportOf("privacy", report),)}, "is not about dataset second 1"),
    ):
        with pytest.raises(InvalidInput, match=words):
            on_record(made.org, second, **change)
    assert on_record(made.org, first, reports=(ReportOf("privacy", report),)).reports
