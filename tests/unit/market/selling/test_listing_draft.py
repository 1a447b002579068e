"""What is to be listed, filled in from record, passport and quality report; and what is not listed so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from making_passports import on_record, registered
from organisations import copy_home, open_home

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.ledger.market.selling import OfferDraft
from counterfoil.market.selling.listing_draft import Drafted, ListingDrafts, ToList
from counterfoil.market.sheets.toml_draft import draft_toml
from counterfoil.market.sheets.wares import Content
from counterfoil.organisation import Organisation
from counterfoil.provenance.passports.parts import Licence
from counterfoil.provenance.quality.check import check_quality
from counterfoil.provenance.snapshots import PathSource

LICENCE = b"Use it for research.\n"
SHA256 = sha256(LICENCE).hexdigest()


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Organisation]:
    home = copy_home(tmp_path_factory.mktemp("seller"), 'public_url = "https://seller.example"\n')
    with open_home(home) as opened:
        yield opened


@pytest.fixture
def drafts(org: Organisation) -> ListingDrafts:
    return org.market.selling.drafts


def wanted(path: Path, what: str, **more: Any) -> ToList:
    told: dict[str, Any] = {"licence_text": LICENCE, "is_for_anybody": True} | more
    return ToList(what, str(path), OfferDraft("licence", "1", ""), **told)


def table(org: Organisation, folder: Path, name: str) -> Path:
    registered(org, folder, name, f"id,city\n{name},Oslo\n" + "1,Bergen\n" * 40)
    return folder / f"{name}.csv"


def test_a_table_without_more_is_listed_by_its_record(org: Organisation, drafts: ListingDrafts, tmp_path: Path) -> None:
    path = table(org, tmp_path, "plain")
    made = drafts.draft(wanted(path, "plain", tags=("cities",))).listing
    assert (made.wares.title, made.wares.tags, made.wares.category) == ("plain", ("cities",), "dataset")
    assert made.wares.description == "The dataset plain, version 1: 41 rows."
    assert (made.wares.licence.name, made.wares.licence.sha256) == ("as its text says", SHA256)
    assert made.wares.terms["rules"] == [
        {"effect": "allow", "licence": SHA256, "name": "whoever accepts the licence"},
    ]
    found = org.provenance.find_dataset("plain")
    assert (made.of.manifest_sha256, made.of.fingerprint) == (found.leaf, found.record.root)
    assert (made.uri, made.wares.quality, made.wares.passport) == ("https://seller.example", None, None)


def test_passport_and_quality_report_fill_in_the_sheet(
    org: Organisation, drafts: ListingDrafts, tmp_path: Path
) -> None:
    path = table(org, tmp_path, "told")
    found = org.provenance.find_dataset("told")
    report = org.provenance.reports.record_quality(found, check_quality(path))
    on_record(org, found, licence=Licence("CC-BY-4.0", sha256=SHA256), purpose="Count cities.")
    wares = drafts.draft(wanted(path, "told")).listing.wares
    assert (wares.description, wares.licence.name) == ("Count cities.", "CC-BY-4.0")
    assert wares.quality is not None
    assert (wares.quality.rows, wares.quality.record) == (41, org.archive.leaf_hex(report.index))
    known = org.provenance.passports.require(found)
    assert wares.passport is not None
    assert wares.passport.record == known.leaf
    assert sha256(org.market.shelf.passport(known.leaf)).hexdigest() == wares.passport.sha256
    # The log goes on, and the passport's file stays the one that the sheet names; its licence's text is there now.
    registered(org, tmp_path, "later", "id\n1\n")
    assert drafts.draft(wanted(path, "told", licence_text=b"")).listing.wares == wares
    with pytest.raises(InvalidInput, match="another than the passport names"):
        drafts.draft(wanted(path, "told", licence_text=b"Another text.\n"))


def test_a_draft_file_goes_before_the_record_and_what_is_asked_for_before_both(
    org: Organisation, drafts: ListingDrafts, tmp_path: Path
) -> None:
    path = table(org, tmp_path, "drafted")
    first = drafts.draft(wanted(path, "drafted", sample=("city",), profile=("city",))).listing
    content = Content("1" * 64, 1, "drafted.csv", "text/csv")
    file = draft_toml(replace(first.wares, title="By hand", content=content).to_json()).encode()
    again = drafts.draft(wanted(path, "drafted", file=file, licence_text=b"", is_for_anybody=False)).listing.wares
    assert (again.title, again.sample, again.profile, again.terms) == (
        "By hand",
        first.wares.sample,
        first.wares.profile,
        first.wares.terms,
    )
    asked = wanted(path, "drafted", file=file, title="Asked for", licence_text=b"")
    assert drafts.draft(asked).listing.wares.title == "Asked for"
    with pytest.raises(InvalidInput, match="the draft is for a licence, and a sale was asked for"):
        drafts.draft(replace(asked, draft=OfferDraft("sale", "1", "")))


def test_columns_that_look_like_persons_are_to_be_minded(
    org: Organisation, drafts: ListingDrafts, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    path.write_text("email,dose\n" + "".join(f"p{each}@x.example,3\n" for each in range(30)))
    org.provenance.register_dataset(path, name="minded")
    shown: Drafted = drafts.draft(wanted(path, "minded", sample=("email", "dose")))
    assert [each.partition(":")[0] for each in shown.to_mind] == ["email"]
    assert drafts.draft(wanted(path, "minded", sample=("dose",))).to_mind == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"is_for_anybody": False}, "nobody would be let in"),
        ({"is_for_anybody": False, "terms": {"rules": []}}, "nobody would be let in"),
        ({"licence_text": b""}, "no text of a licence is given"),
        ({"licence_text": b"\xff\xfe"}, "is not text in UTF-8"),
        ({"sample": ("age",)}, "has no column 'age'"),
        ({"terms": {"rules": [{"effect": "perhaps"}]}, "is_for_anybody": False}, "effect"),
        ({"terms": {"rules": [{"effect": "allow", "name": "all"}]}}, "both say who may have it"),
        ({"compute": {"gate": 7}}, "compute"),
        ({"file": b"title = "}, "TOML"),
    ],
    ids=["no-terms", "empty-terms", "no-licence", "licence", "column", "terms", "terms-twice", "compute", "draft"],
)
def test_what_cannot_be_listed_so_is_told(
    org: Organisation, drafts: ListingDrafts, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    path = table(org, tmp_path, "refused")
    with pytest.raises((InvalidInput, NotFound), match=words):
        drafts.draft(wanted(path, "refused", **changes))


def test_another_file_than_the_one_on_record_is_not_listed(
    org: Organisation, drafts: ListingDrafts, tmp_path: Path
) -> None:
    path = table(org, tmp_path, "swapped")
    path.write_text("id,city\n1,Paris\n")
    with pytest.raises(InvalidInput, match=r"swapped\.csv is not what is on record as swapped 1"):
        drafts.draft(wanted(path, "swapped"))


@pytest.mark.parametrize("is_remote", [False, True], ids=["here", "over-http"])
@pytest.mark.parametrize("where", ["rates", "rates@1"])
def test_a_snapshot_is_listed_by_its_name_and_as_what_it_is_alone(
    org: Organisation, drafts: ListingDrafts, tmp_path: Path, where: str, is_remote: bool
) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("day,rate\n1,2\n")
    org.provenance.snapshots.take(PathSource(f"file://{path}"), name="rates")
    made = drafts.draft(replace(wanted(path, "rates"), where=where, is_remote=is_remote)).listing
    assert made.place is not None
    with closing(org.market.selling.goods.open(made.place)) as source:
        assert source.size_bytes == path.stat().st_size
    table(org, tmp_path, "cities")
    with pytest.raises(InvalidInput, match="rates@1 is not what is on record as cities 1"):
        drafts.draft(replace(wanted(path, "cities"), where=where, is_remote=is_remote))
