"""The parts of a passport: what each takes, and which key an error names."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from making_passports import whole_passport

from counterfoil.core.statement import Record, parse_record
from counterfoil.errors import InvalidInput
from counterfoil.provenance.passports.countries import COUNTRIES, is_jurisdiction
from counterfoil.provenance.passports.imported import licence_of
from counterfoil.provenance.passports.parts import BASES, Collection, Consent, Licence, Party, Transformation
from counterfoil.provenance.passports.passport import Passport
from counterfoil.provenance.passports.shapes import passport_facts, passport_lines, public_lines
from counterfoil.provenance.passports.subject import Subject
from counterfoil.provenance.passports.told import Told
from counterfoil.provenance.passports.toml_form import passport_toml, read_toml

WHOLE = whole_passport()


def test_the_countries_are_those_of_iso_3166():
    # SHA-256 of the 249 codes of ISO 3166-1, sorted, a newline after each; as the time zone database lists them.
    listed = "".join(f"{code}\n" for code in sorted(COUNTRIES)).encode()
    assert len(COUNTRIES) == 249
    assert sha256(listed).hexdigest() == "801ef127f0b3e6b4e971c239c9b8475caedb65c17573d84ca1b57eed72523a0e"


@pytest.mark.parametrize("code", ["DE", "US-CA", "EU", "GB-SCT", "FR-75C"])
def test_places_whose_law_counts(code):
    assert is_jurisdiction(code)


@pytest.mark.parametrize("code", ["", "de", "XX", "EU-1", "DE-", "DE-BAYE", "UK", "Germany", "DE BY"])
def test_places_that_are_none(code):
    assert not is_jurisdiction(code)


@pytest.mark.parametrize(
    ("told", "licence"),
    [
        ("CC-BY-4.0", Licence("CC-BY-4.0")),
        ("https://spdx.org/licenses/MIT.html", Licence("MIT")),
        ("http://creativecommons.org/licenses/by-nc/3.0", Licence("CC-BY-NC-3.0")),
        ("https://creativecommons.org/publicdomain/zero/1.0/legalcode", Licence("CC0-1.0")),
        ("https://creativecommons.org/about", Licence(url="https://creativecommons.org/about")),
        ("https://bank.example/terms", Licence(url="https://bank.example/terms")),
        (f"urn:counterfoil:sha256:{'a' * 64}", Licence(sha256="a" * 64)),
        ("CC BY 4.0", Licence(name="CC BY 4.0")),
        ("proprietary", Licence(name="proprietary")),
        ("", Licence()),
    ],
)
def test_licences_as_others_name_them(told, licence):
    assert licence_of(told) == licence


def test_what_is_empty_is_left_out_and_what_is_whole_reads_back():
    told = WHOLE.to_json()
    assert Passport.read(told) == WHOLE
    assert "notes" not in replace(WHOLE, notes="").to_json()
    assert Passport(Subject("dataset", "x")).to_json() == {
        "subject": {"bytes": 0, "count": 0, "kind": "dataset", "name": "x"}
    }
    assert read_toml(passport_toml(WHOLE).encode()) == WHOLE


def test_everything_that_is_missing_is_named_at_once():
    bare = Passport(Subject("dataset", "x"), (Party("", "author"),))
    with pytest.raises(InvalidInput) as refused:
        bare.require_whole()
    assert refused.value.message == (
        'the passport leaves out: who (one with role = "issuer"), created, licence (expression, url or sha256), '
        "purpose, collection.how, consent.basis, jurisdiction, who[1].organisation and role"
    )


def test_a_model_rests_on_what_its_parents_say():
    model = replace(WHOLE, subject=Subject("model", "credit", "1"), collection=Collection(), consent=Consent())
    model.require_whole()
    assert "this and the consent below can stay empty" in passport_toml(model)
    assert "can stay empty" not in passport_toml(WHOLE)
    assert read_toml(passport_toml(model).encode()) == model
    dataset = replace(model, subject=WHOLE.subject)
    assert list(dataset.lacks()) == ["collection.how", "consent.basis"]


def test_the_form_names_every_basis_and_another_one_is_named_by_its_note():
    for basis in BASES:
        assert basis in passport_toml(WHOLE)
        told = replace(WHOLE, consent=Consent(basis, "Board 7, protocol 12."))
        told.require_whole()
        assert read_toml(passport_toml(told).encode()) == told
    with pytest.raises(InvalidInput, match=r"leaves out: consent.note \(names the \"other\" basis\)"):
        replace(WHOLE, consent=Consent("other")).require_whole()


def test_parameters_are_plain_values():
    told = Told({"parameters": {"a": 1, "b": 0.5, "c": True, "d": "x"}})
    assert Transformation.read(told).parameters == {"a": "1", "b": "0.5", "c": "true", "d": "x"}


def test_white_space_is_no_content():
    assert Passport.read(WHOLE.to_json() | {"purpose": " Train\n the\tmodel. "}).purpose == "Train the model."


def test_a_record_builds_on_all_that_the_passport_names_here():
    draft = replace(WHOLE, supersedes="9" * 64).draft()
    assert draft.builds_on == tuple(each * 64 for each in "a9be23")
    record = parse_record(draft.template("bank.example/credit+1a2b3c4d").entry(0, "2026-11-25T12:00:00Z"))
    assert isinstance(record, Record)
    assert (record.kind, record.stream, record.name) == ("passport", "provenance", "people 2")
    assert Passport.read(record.about) == replace(WHOLE, supersedes="9" * 64)


def test_it_is_read_out_in_words():
    lines = list(passport_lines(WHOLE))
    assert lines[0] == "Passport of dataset people 2"
    assert "  made from   raw 1; census (on no record)" in lines
    assert "  reports     privacy: on record; quality: 2 % are missing" in lines
    assert "  law of      NO, EU" in lines


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('{"k":{"least":2},"columns":{"age":{"rule":"generalise","levels":[{"width":10},{"width":20}]}}}',
         "p.k.least=2, p.columns.age.rule=generalise, p.columns.age.levels.1.width=10, "
         "p.columns.age.levels.2.width=20"),
        ('["a",1,null]', 'p=["a", 1, null]'),
        ("{}", "p={}"),
        ("{not JSON", "p={not JSON"),
        ("[" * 3_000, f"p={'[' * 3_000}"),
        ("0.50", "p=0.50"),
        ('"quoted"', 'p="quoted"'),
    ],
    ids=["settings", "list", "empty", "broken", "deep", "number", "text"],
)  # fmt: skip
def test_parameters_that_are_json_are_told_in_words(value, words):
    made = replace(WHOLE, transformation=Transformation(parameters={"p": value}))
    assert dict(passport_facts(made))["parameters"] == words


def test_all_that_becomes_public_is_shown():
    columns = tuple((f"column_{place}", "number") for place in range(60))
    long = replace(WHOLE, subject=replace(WHOLE.subject, columns=columns), purpose="To train. " * 90)
    lines = list(public_lines(long))
    told = " ".join(" ".join(lines).split())
    assert "60 columns column_0 (number), column_1 (number)" in told
    assert "column_59 (number)" in told
    for words in ("people.csv", "1 file, 12 bytes, 2 rows", "data@office.example", "a" * 64):
        assert words in told
    for each in (WHOLE.parents[0].leaf, "1" * 64, "2" * 64, WHOLE.subject.fingerprint.root):
        assert each in told
    assert lines[-1].startswith("--json shows every word")
    assert max(len(line) for line in lines if "a" * 64 not in line) <= 110
