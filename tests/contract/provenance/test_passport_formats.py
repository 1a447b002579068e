"""Our Croissant and CycloneDX as the reference tools read them; and files as other tools write them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from making_passports import filled_in, registered, whole_passport
from organisations import bank

from counterfoil.provenance.passports.croissant import croissant_of
from counterfoil.provenance.passports.croissant_import import from_croissant
from counterfoil.provenance.passports.mlbom import mlbom_of
from counterfoil.provenance.passports.mlbom_import import from_mlbom
from counterfoil.provenance.passports.parts import BASES, Consent, Licence, Parent, Party
from counterfoil.provenance.passports.passport import Passport
from counterfoil.provenance.passports.subject import Subject, SubjectFile

ISSUER = Party("Example Bank plc", "issuer", "bank.example/credit")
LICENCES = (
    Licence("CC-BY-4.0"),
    Licence("MIT OR Apache-2.0"),
    Licence("LicenseRef-bank"),
    Licence(name="Own terms", url="https://bank.example/terms"),
    Licence(sha256="5" * 64),
)


@pytest.fixture
def reference(recwarn):
    """The reference reader of Croissant; it warns of parts of its own parser."""
    import mlcroissant

    return mlcroissant


def faults_of(document: dict[str, Any]) -> Any:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document))


def bare(kind: str) -> Passport:
    return Passport(Subject(kind, "bare", "1", files=(SubjectFile("bare.csv", 1, "0" * 64),), count=1))


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("licence", LICENCES, ids=lambda each: each.words[:20])
def test_the_reference_reader_finds_no_fault(reference, licence):
    told = croissant_of(replace(whole_passport(), licence=licence))
    issues = reference.Dataset(jsonld=told).metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())


@pytest.mark.filterwarnings("default")
def test_the_reference_reader_gets_the_same_rows(reference, tmp_path):
    with bank(tmp_path) as made:
        found = registered(made.org, tmp_path)
        passport = filled_in(made.org.provenance.passports.draft(found))
    path = tmp_path / "croissant.json"
    path.write_text(json.dumps(croissant_of(passport)))
    dataset = reference.Dataset(str(path))
    rows = list(dataset.records("rows"))
    assert len(rows) == 600
    assert rows[7] == {"rows/id": 7, "rows/income": 73.5, "rows/city": b"Oslo", "rows/member": b"yes"}
    (file,) = dataset.metadata.distribution
    assert file.sha256 == found.record.sha256
    (tmp_path / "people.csv").write_text("id\n1\n")
    with pytest.raises(Exception, match="Download") as refused:
        list(reference.Dataset(str(path)).records("rows"))
    assert "hash" in str(refused.value.__cause__).lower()


@pytest.mark.filterwarnings("default")
def test_codes_keep_their_zeros(reference, tmp_path):
    """The reference reader guesses the types of CSV itself, whatever is told; others go by what is told."""
    import pandas as pd

    table = "zip,phone,count\n021,+4722334455,7\n000,+4722334456,0\n100,+4722334457,-3\n"
    wanted = [("021", "+4722334455", 7), ("000", "+4722334456", 0), ("100", "+4722334457", -3)]
    with bank(tmp_path) as made:
        passports = made.org.provenance.passports
        csv = croissant_of(filled_in(passports.draft(registered(made.org, tmp_path, text=table))))
        frame = pd.DataFrame(wanted, columns=["zip", "phone", "count"])
        frame.to_parquet(tmp_path / "people.parquet")
        found = made.org.provenance.register_dataset(tmp_path / "people.parquet")
        parquet = croissant_of(filled_in(passports.draft(found)))
    for told in (csv, parquet):
        assert [each["dataType"] for each in told["recordSet"][0]["field"]] == ["sc:Text", "sc:Text", "cr:Int64"]
        (tmp_path / "croissant.json").write_text(json.dumps(told))
        fields = reference.Dataset(str(tmp_path / "croissant.json")).metadata.record_sets[0].fields
        types = {field.name: field.data_type for field in fields}
        assert [types[name] is bytes for name in frame] == [True, True, False]
    as_told = {name: str if kind is bytes else kind for name, kind in types.items()}
    read = pd.read_csv(tmp_path / "people.csv", dtype=as_told)
    assert [tuple(row) for row in read.itertuples(index=False)] == wanted
    rows = reference.Dataset(str(tmp_path / "croissant.json")).records("rows")
    assert [tuple(row.values()) for row in rows] == [(zip_.encode(), phone.encode(), n) for zip_, phone, n in wanted]


@pytest.mark.filterwarnings("default")
def test_names_that_loaders_refuse_in_identifiers_are_told_otherwise(reference):
    odd = whole_passport(name="../my people.csv")
    odd = replace(odd, subject=replace(odd.subject, columns=(("first name", "text"), ("größe", "number"))))
    told = croissant_of(odd)
    assert told["distribution"][0]["contentUrl"] == "my people.csv"
    assert not reference.Dataset(jsonld=told).metadata.ctx.issues.errors
    assert [each["source"]["extract"]["column"] for each in told["recordSet"][0]["field"]] == ["first name", "größe"]


@pytest.mark.filterwarnings("default")
def test_a_folder_is_one_set_of_files_or_all_by_name(reference):
    whole = whole_passport()
    folder = replace(whole, subject=replace(whole.subject, files=(), count=2, columns=()))
    files = (SubjectFile("a/1.png", 5, "6" * 64), SubjectFile("a/2.png", 7, "7" * 64))
    for told, kinds in (
        (croissant_of(folder), ["cr:FileSet"]),
        (croissant_of(folder, files=files), ["cr:FileObject"] * 2),
        (croissant_of(folder, files=(*files, SubjectFile("large", 2**40))), ["cr:FileSet"]),
    ):
        assert [each["@type"] for each in told["distribution"]] == kinds
        assert not reference.Dataset(jsonld=told).metadata.ctx.issues.errors


def test_the_reference_validator_finds_no_fault_and_would_find_one():
    whole = whole_passport()
    model = replace(whole, subject=replace(whole.subject, kind="model", columns=(), rows=None, meaning="8" * 64))
    for passport in (
        whole,
        model,
        bare("dataset"),
        bare("model"),
        *(replace(model, licence=each) for each in LICENCES),
    ):
        document = mlbom_of(passport)
        assert faults_of(document) is None
        assert document == mlbom_of(passport)
    assert faults_of(mlbom_of(model) | {"modelCard": {}}) is not None
    assert faults_of(mlbom_of(replace(model, licence=Licence("Not-On-The-List")))) is not None


@pytest.mark.parametrize("basis", BASES)
def test_every_basis_goes_out_and_comes_back(basis):
    whole = replace(whole_passport(), consent=Consent(basis, "As told."), signatures=(), reports=())
    document = mlbom_of(whole)
    assert faults_of(document) is None
    assert ("sensitiveData" in json.dumps(document)) == (basis not in ("not personal data", "HIPAA de-identified"))
    for back in (
        from_croissant(json.dumps(croissant_of(whole)).encode(), whole.who[0]),
        from_mlbom(json.dumps(document).encode(), whole.who[0]),
    ):
        assert back.passport.consent == whole.consent


def test_what_went_out_comes_back():
    whole = replace(whole_passport(), signatures=(), reports=())
    back = from_croissant(json.dumps(croissant_of(whole)).encode(), whole.who[0])
    same = replace(whole, subject=back.passport.subject, who=whole.who[:2])
    assert back.passport == same
    assert back.unmapped == ()
    assert replace(back.passport.subject, fingerprint=whole.subject.fingerprint, rows=2) == whole.subject
    back = from_mlbom(json.dumps(mlbom_of(whole)).encode(), whole.who[0])
    assert back.passport == replace(whole, subject=back.passport.subject, who=whole.who[:1])
    assert back.origin == whole.who[0].origin


HUB: dict[str, Any] = {
    "@context": {"@language": "en", "@vocab": "https://schema.org/", "cr": "http://mlcommons.org/croissant/"},
    "@type": "sc:Dataset",
    "conformsTo": "http://mlcommons.org/croissant/1.0",
    "distribution": [
        {
            "@type": "cr:FileObject",
            "@id": "repo",
            "contentUrl": "https://hub.example/datasets/pets/tree/refs/convert/parquet",
            "encodingFormat": "git+https",
            "sha256": "https://github.com/mlcommons/croissant/issues/80",
        },
        {
            "@type": "cr:FileSet",
            "@id": "parquet-files",
            "containedIn": {"@id": "repo"},
            "encodingFormat": "application/x-parquet",
            "includes": "default/*/*.parquet",
        },
    ],
    "recordSet": [
        {
            "@type": "cr:RecordSet",
            "@id": "default",
            "field": [
                {"@type": "cr:Field", "@id": "default/label", "dataType": "cr:Int64",
                 "source": {"fileSet": {"@id": "parquet-files"}, "extract": {"column": "label"}}},
                {"@type": "cr:Field", "@id": "default/image", "dataType": "sc:ImageObject",
                 "source": {"fileSet": {"@id": "parquet-files"}, "extract": {"column": "image"}}},
            ],
        }
    ],
    "name": "pets",
    "description": "Pictures of pets.",
    "alternateName": ["somebody/pets"],
    "creator": {"@type": "Person", "name": "Ada Example", "url": "https://hub.example/ada"},
    "keywords": ["English", "cc-by-sa-4.0"],
    "license": "https://choosealicense.com/licenses/cc-by-sa-4.0/",
    "url": "https://hub.example/datasets/pets",
}  # fmt: skip
"""As a hub for models and datasets writes it: a set of Parquet files, and a web page where a digest should be."""

CATALOGUE: dict[str, Any] = {
    "@context": {"@vocab": "https://schema.org/", "sc": "https://schema.org/"},
    "@type": ["sc:Dataset"],
    "dct:conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
    "name": {"en": "Rivers", "fr": "Rivières"},
    "description": [{"@value": "Débits.", "@language": "fr"}, {"@value": "Flows.", "@language": "en"}],
    "schema:license": {"@type": "sc:CreativeWork", "url": "https://creativecommons.org/publicdomain/zero/1.0/"},
    "sc:creator": [{"@type": "sc:Organization", "name": "Water board", "url": "https://water.example"}],
    "publisher": {"@type": "Organization", "name": "Open data office"},
    "datePublished": "2026-03-01T12:00:00+01:00",
    "version": 3,
    "rai:dataCollection": "Gauges, each hour.",
    "rai:dataCollectionTimeframe": ["2024-01-01T00:00:00", "2025-12-31"],
    "rai:dataUseCases": ["Flood forecasts.", "Teaching."],
    "rai:dataLimitations": "Two gauges were broken in spring.",
    "prov:wasDerivedFrom": [{"@id": "https://doi.example/10.1/rivers-raw"}],
    "distribution": [
        {"@type": "cr:FileObject", "@id": "rivers.csv", "name": "rivers.csv", "contentUrl": "data/rivers.csv",
         "contentSize": "1.5 KB", "encodingFormat": "text/csv", "sha256": "AB" * 32},
        {"@type": "cr:FileObject", "@id": "map.png", "name": "map.png", "contentUrl": "map.png",
         "encodingFormat": "image/png", "md5": "0" * 32},
    ],
    "recordSet": {"@type": "cr:RecordSet", "name": "rows", "field": [
        {"name": "rows/at", "dataType": ["sc:DateTime"], "source": {"extract": {"column": "at"}}},
        {"name": "rows/flow", "dataType": "https://schema.org/Float", "source": {"extract": {"column": "flow"}}},
    ]},
}  # fmt: skip
"""As an open data catalogue writes it: several languages, prefixes, a list for one item and one item for a list."""


def test_a_hubs_file_is_taken_over_as_far_as_it_goes():
    found = from_croissant(json.dumps(HUB).encode(), ISSUER)
    told = found.passport
    assert (told.subject.name, told.subject.files, told.who) == ("pets", (), (ISSUER,))
    assert told.licence.url == "https://choosealicense.com/licenses/cc-by-sa-4.0/"
    assert told.subject.columns == (("label", "integer"), ("image", "text"))
    assert told.notes == "Pictures of pets."
    assert "Ada" not in json.dumps(told.to_json())
    assert [line.split(":")[0] for line in found.unmapped] == [
        *("alternateName", "keywords", "url", "distribution 'repo'", "distribution 'parquet-files'"),
        *("field 'image'", "creator"),
    ]


def test_a_catalogues_file_is_taken_over_as_far_as_it_goes():
    found = from_croissant(json.dumps(CATALOGUE).encode(), ISSUER)
    told = found.passport
    assert (told.subject.name, told.subject.version, told.created) == ("Rivers", "3", "2026-03-01")
    assert told.subject.files == (SubjectFile("rivers.csv", 1500, "ab" * 32),)
    assert told.subject.columns == (("at", "instant"), ("flow", "number"))
    assert told.licence == Licence("CC0-1.0")
    assert told.purpose == "Flood forecasts. Teaching."
    assert told.notes == "Flows."
    assert (told.collection.start, told.collection.end) == ("2024-01-01", "2025-12-31")
    assert [(each.organisation, each.role) for each in told.who[1:]] == [
        ("Water board", "author"),
        ("Open data office", "publisher"),
    ]
    assert [line.split(":")[0] for line in found.unmapped] == [
        *("dataLimitations", "distribution 'map.png'", "wasDerivedFrom 'https"),
    ]


def test_a_bill_of_materials_of_others_is_taken_over_as_far_as_it_goes():
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "components": [
            {
                "type": "machine-learning-model",
                "bom-ref": "model",
                "name": "triage",
                "version": "0.3",
                "group": "clinic",
                "hashes": [{"alg": "MD5", "content": "0" * 32}, {"alg": "SHA-256", "content": "9" * 64}],
                "licenses": [{"license": {"id": "Apache-2.0"}}, {"license": {"name": "Own terms"}}],
                "supplier": {"name": "Clinic", "url": ["https://clinic.example"]},
                "modelCard": {
                    "modelParameters": {"task": "text-classification", "datasets": [{"ref": "notes"}, {"ref": "lost"}]},
                    "quantitativeAnalysis": {"performanceMetrics": [{"type": "AUC", "value": "0.9"}]},
                    "considerations": {"useCases": ["Sorting letters."], "users": ["Nurses"]},
                },
            },
            {
                "type": "data",
                "bom-ref": "notes",
                "name": "letters",
                "hashes": [{"alg": "SHA-256", "content": "a" * 64}],
            },
        ],
    }
    found = from_mlbom(json.dumps(document).encode(), ISSUER)
    told = found.passport
    assert (told.subject.kind, told.subject.name, told.subject.files[0].sha256) == ("model", "triage", "9" * 64)
    assert (told.licence, told.purpose) == (Licence("Apache-2.0"), "Sorting letters.")
    assert told.parents == (Parent("letters", sha256="a" * 64),)
    assert told.who[1:] == (Party("Clinic", "publisher", contact="https://clinic.example"),)
    assert [line.split(":")[0] for line in found.unmapped] == [
        *("component.group", "modelCard.quantitativeAnalysis", "modelCard.considerations.users"),
        *("modelCard.modelParameters.task", "licenses 'Own terms'", "ancestor or dataset 'lost'"),
    ]
