"""Drafts in TOML, the shelf, and the Croissant document of a listing."""

from __future__ import annotations

import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from making_offers import LICENCE_TEXT, signed, table, wares

from counterfoil.core import canonical
from counterfoil.errors import HomeDamaged, InvalidInput, NotFound
from counterfoil.market.checks import SHEET_CHECKS
from counterfoil.market.sheets.croissant import listing_croissant
from counterfoil.market.sheets.profile import take_profile
from counterfoil.market.sheets.sample import take_sample
from counterfoil.market.sheets.shelf import MOST_LICENCE_BYTES, Shelf
from counterfoil.market.sheets.toml_draft import draft_toml, read_draft
from counterfoil.provenance.passports.parts import Licence
from counterfoil.provenance.passports.passport import Passport
from counterfoil.provenance.passports.subject import Subject
from counterfoil.provenance.text_table import text_table


def test_a_draft_reads_back_as_the_same_wares(tmp_path: Path) -> None:
    shown = text_table(table(tmp_path))
    made = wares(
        kind="job",
        compute={"algorithms": ["ab" * 32], "limits": {"cpuSeconds": 60, "isStrict": True}},
        sample=take_sample(shown, ["town", "score"], 4),
        profile=take_profile(shown, ["town", "age"]),
        description='Quotes " and \\ and\nlines',
        terms={"allow": [{"purpose": "research", "until": "2027-01-01"}], "odd key!": {"a": []}},
    )
    assert read_draft(draft_toml(made.to_json()).encode()) == made


def test_an_empty_draft_says_what_to_fill_in() -> None:
    text = draft_toml({"title": "Ships"})
    assert tomllib.loads(text)["licence"] == {"name": "", "sha256": "", "url": ""}
    assert "ALL of it becomes public" in text
    with pytest.raises(InvalidInput, match="the draft's kind is left out"):
        read_draft(text.encode())


def test_what_people_leave_in_a_draft_is_tidied() -> None:
    told = wares().to_json() | {"title": "  Ships ", "tags": [" a "], "licence": wares().licence.to_json()}
    told["licence"]["url"] = ""
    text = draft_toml(told).replace(
        "[terms]\nallow = []", "[terms]\nuntil = 2027-01-01\nat = 2026-11-26T09:00:00+01:00"
    )
    made = read_draft(text.encode())
    assert (made.title, made.tags, made.licence.url) == ("Ships", ("a",), "")
    assert made.terms == {"until": "2027-01-01", "at": "2026-11-26T08:00:00Z"}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"title = ships", "no TOML", id="text without quotes"),
        pytest.param(b"\xff", "UTF-8", id="bytes"),
        pytest.param(b"# " + b"x" * 2**20, "limit", id="too large"),
        pytest.param(draft_toml(wares().to_json()).encode() + b"[extra]\n", "no member 'extra'", id="unknown table"),
        pytest.param(b"a = " + b"[" * 5_000, "no TOML", id="deep"),
        pytest.param(
            draft_toml(wares().to_json() | {"sample": {"columns": ["a"], "rows": [[1]]}}).encode(),
            r"the draft's sample\.rows\.1 is no printable text",
            id="cell that is no text",
        ),
    ],
)
def test_a_draft_that_cannot_be_read_says_why(data: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read_draft(data)


def test_the_shelf_keeps_sheets_and_licences_by_digest(tmp_path: Path) -> None:
    shelf, made = Shelf(tmp_path / "market"), signed()
    assert shelf.sheets() == []
    with pytest.raises(NotFound, match="licence text"):
        shelf.put_sheet(made)
    assert shelf.put_licence(LICENCE_TEXT) == sha256(LICENCE_TEXT).hexdigest()
    assert shelf.put_sheet(made) == shelf.put_sheet(made) == made.digest_hex
    assert Shelf(tmp_path / "market").sheet(made.digest_hex) == made
    assert shelf.licence(made.sheet.wares.licence.sha256) == LICENCE_TEXT
    assert shelf.sheets() == [made.digest_hex]


def test_the_shelf_hands_out_nothing_that_was_not_put_on_it(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    (tmp_path / ("cd" * 32)).write_bytes(b"a model, kept by its digest")
    assert shelf.put_review("ab" * 32, b"{}") == "ab" * 32
    assert shelf.raw("reviews", "ab" * 32) == b"{}"
    for what in ("sheets", "reviews"):
        with pytest.raises(NotFound):
            shelf.raw(what, "cd" * 32)  # type: ignore[arg-type]
        with pytest.raises(InvalidInput):
            shelf.raw(what, "../" + "cd" * 32)  # type: ignore[arg-type]


def test_sheets_are_held_to_the_readers_of_their_parts() -> None:
    SHEET_CHECKS.check({"rules": [{"effect": "allow", "name": "anybody"}]}, {}, None)
    with pytest.raises(InvalidInput, match="effect"):
        SHEET_CHECKS.check({"rules": [{"effect": "perhaps", "name": "x"}]}, {}, None)
    with pytest.raises(InvalidInput, match="schema"):
        SHEET_CHECKS.check({"rules": []}, {"type": "nonsense"}, None)


@pytest.mark.parametrize("name", ["../licences/x", "AB" * 32, "", "ab" * 31])
def test_the_shelf_takes_digests_alone(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="SHA-256"):
        Shelf(tmp_path).sheet(name)
    with pytest.raises(InvalidInput, match="SHA-256"):
        Shelf(tmp_path).licence(name)


def test_the_shelf_tells_what_is_missing_or_altered(tmp_path: Path) -> None:
    shelf, other = Shelf(tmp_path), signed(title="Another")
    with pytest.raises(NotFound):
        shelf.sheet("ab" * 32)
    shelf.put_licence(LICENCE_TEXT)
    shelf.put_sheet(signed())
    (tmp_path / "sheets" / signed().digest_hex).write_bytes(other.data)
    with pytest.raises(HomeDamaged, match="altered"):
        shelf.sheet(signed().digest_hex)
    (tmp_path / "licences" / signed().sheet.wares.licence.sha256).write_bytes(b"Pay more.")
    with pytest.raises(HomeDamaged, match="altered"):
        shelf.licence(signed().sheet.wares.licence.sha256)


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"a\0b", b"x" * (MOST_LICENCE_BYTES + 1)])
def test_a_licence_is_text(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(InvalidInput):
        Shelf(tmp_path).put_licence(text)


def _checked(told: dict[str, Any], folder: Path) -> Any:
    from mlcroissant import Dataset

    path = folder / "croissant.json"
    path.write_bytes(canonical.dumps(told))
    return Dataset(jsonld=path).metadata


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_croissant_document_of_a_listing_passes_the_reference_reader(tmp_path: Path) -> None:
    made = signed(profile=take_profile(text_table(table(tmp_path)), ["town", "age"]))
    told = listing_croissant(made, url="https://node.harbour.example/market/1")
    found = _checked(told, tmp_path)
    assert (found.name, found.version) == ("movements.csv", "3")
    assert not found.ctx.issues.errors
    assert told["market:sheet"] == made.digest_hex
    assert told["license"] == "https://harbour.example/licence"
    assert told["keywords"] == ["ships", "time series"]


def test_a_passport_tells_more_and_must_be_of_the_same_dataset(tmp_path: Path) -> None:
    passport = Passport(
        Subject("dataset", "movements", "3", "cd" * 32), created="2026-11-20", licence=Licence("CC-BY-4.0")
    )
    told = listing_croissant(signed(), passport)
    assert (told["name"], told["license"]) == ("movements", "https://spdx.org/licenses/CC-BY-4.0")
    assert told["alternateName"] == "Ship movements 2025"
    other = Passport(Subject("dataset", "movements", "3", "00" * 32))
    with pytest.raises(InvalidInput, match="something else"):
        listing_croissant(signed(), other)


def test_only_datasets_have_a_croissant_document() -> None:
    with pytest.raises(InvalidInput, match="a model"):
        listing_croissant(signed(category="model", quality=None))
