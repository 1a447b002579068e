"""Searching the catalogue: words, conditions, orders, pages, facets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from making_offers import TOKEN, signed
from small_market import BUYER, NOW, PLACE, Pile, SmallMarket, filled

from counterfoil.errors import InvalidInput, NotFound, Stale
from counterfoil.market.catalogue import Catalogue, Query
from counterfoil.market.catalogue.query import Place
from counterfoil.market.sheets.wares import Quality, Seller, SheetLicence

EURO = "0x" + "ee" * 20
SHEETS: list[dict[str, Any]] = [
    {"title": "Ship movements", "tags": ("Ships", "time series"), "description": "Arrivals in Ålesund."},
    {"title": "Weather", "tags": ("weather",), "description": "What ships need to know of storms."},
    {"title": "Tide model", "category": "model", "tags": ("tides", "ships"), "quality": None},
    {"title": "Cargo", "licence": SheetLicence("MIT", "ab" * 32), "seller": Seller("Port", "port.example/log")},
    {"title": "Crews", "kind": "job", "compute": {}, "quality": Quality("ef" * 32, 50, 3, 900_000, 10, None)},
]
PRICES = [0, 2**90, 70, 50, 60]


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    market, pile = SmallMarket(), Pile()
    for number, told in enumerate(SHEETS, 1):
        market.mine()
        sheet = signed(number, asset=number, **{"tags": (), "description": "Nothing more."} | told)
        pile.put(sheet)
        offer = market.offer(sheet, price=PRICES[number - 1], token=EURO if number == 4 else TOKEN)
        if number in (2, 4):
            market.buy(offer)
            market.review(offer, number)
    with Catalogue.open(tmp_path / "catalogue.db", PLACE, market, pile) as made:
        made.refresh(NOW)
        yield made


def titles(catalogue: Catalogue, **asked: Any) -> list[str]:
    return [each.told.title for each in catalogue.search(Query(**asked)).listings]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("ships", ["Tide model", "Ship movements", "Weather"], id="tags before description"),
        pytest.param("SHIP", ["Ship movements", "Tide model", "Weather"], id="beginning of a word, any case"),
        pytest.param("alesund", ["Ship movements"], id="without the accent"),
        pytest.param("ships storms", ["Weather"], id="all words"),
        pytest.param("storms -ships", ["Weather"], id="signs are no operators"),
        pytest.param('" OR NEAR( * : ^', [], id="words of the query language"),
        pytest.param("port.example", ["Cargo"], id="seller's log"),
        pytest.param("mit", ["Cargo"], id="licence"),
        pytest.param("nothing that is there", [], id="nothing"),
    ],
)
def test_words_find_what_holds_them_the_best_first(catalogue: Catalogue, words: str, expected: list[str]) -> None:
    assert titles(catalogue, words=words) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({"tags": ("ships",)}, {"Ship movements", "Tide model"}, id="tag"),
        pytest.param({"tags": ("SHIPS", "tides")}, {"Tide model"}, id="two tags"),
        pytest.param({"kinds": ("job", "sale")}, {"Crews"}, id="kinds"),
        pytest.param({"categories": ("model",)}, {"Tide model"}, id="category"),
        pytest.param({"licences": ("MIT", "none")}, {"Cargo"}, id="licence"),
        pytest.param({"origins": ("port.example/log",)}, {"Cargo"}, id="seller"),
        pytest.param({"asset": f"0x{3:064x}"}, {"Tide model"}, id="asset"),
        pytest.param({"seller": BUYER}, set(), id="another account"),
        pytest.param({"token": EURO}, {"Cargo"}, id="token"),
        pytest.param({"token": TOKEN, "least_units": 60, "most_units": 70}, {"Tide model", "Crews"}, id="price"),
        pytest.param({"token": TOKEN, "least_units": 71}, {"Weather"}, id="a price beyond 64 bits"),
        pytest.param({"token": EURO, "most_units": 50}, {"Cargo", "Ship movements"}, id="at most; free in any"),
        pytest.param({"is_free": True}, {"Ship movements"}, id="free"),
        pytest.param({"least_rows": 51}, {"Ship movements", "Weather", "Cargo"}, id="rows"),
        pytest.param({"most_missing_micro": 12_000}, {"Ship movements", "Weather", "Cargo"}, id="missing values"),
        pytest.param({"most_duplicates_micro": 0}, {"Ship movements", "Weather", "Cargo"}, id="rows twice"),
        pytest.param({"least_stars_micro": 3_000_000}, {"Cargo"}, id="stars"),
        pytest.param({"words": "ships", "categories": ("dataset",)}, {"Ship movements", "Weather"}, id="with words"),
    ],
)
def test_conditions_hold(catalogue: Catalogue, asked: dict[str, Any], expected: set[str]) -> None:
    found = catalogue.search(Query(**asked))
    assert {each.told.title for each in found.listings} == expected
    assert found.total == len(expected)


def test_orders(catalogue: Catalogue) -> None:
    assert titles(catalogue) == ["Crews", "Cargo", "Tide model", "Weather", "Ship movements"]
    assert titles(catalogue, order="price", token=TOKEN) == ["Ship movements", "Crews", "Tide model", "Weather"]
    assert titles(catalogue, order="rating")[:2] == ["Cargo", "Weather"]


def test_facets_count_what_was_found(catalogue: Catalogue) -> None:
    facets = catalogue.search(Query()).facets
    assert facets["kind"] == (("licence", 4), ("job", 1))
    assert facets["category"] == (("dataset", 4), ("model", 1))
    assert facets["tag"][0] == ("ships", 2)
    assert dict(facets["token"]) == {TOKEN: 4, EURO: 1}
    assert facets["sheet"] == (("found", 5),)
    assert catalogue.search(Query(kinds=("job",))).facets["kind"] == (("job", 1),)


@pytest.mark.parametrize("asked", [{}, {"order": "price", "token": TOKEN}, {"order": "rating"}, {"words": "title"}])
def test_pages_show_each_offer_once_while_others_come(tmp_path: Path, asked: dict[str, Any]) -> None:
    market, pile, ids = filled(25)
    with Catalogue.open(tmp_path / "catalogue.db", PLACE, market, pile) as catalogue:
        catalogue.refresh(NOW)
        seen, after = [], ""
        while True:
            page = catalogue.search(Query(**asked, limit=4, after=after))
            seen += [each.offer for each in page.listings]
            after = page.next
            if not after:
                break
            if not asked.get("words"):
                market.mine()
                sheet = signed(100 + len(seen), asset=100, title="New")
                pile.put(sheet)
                market.offer(sheet, price=1)
                catalogue.refresh(NOW)
        old = [each for each in seen if each in ids]
        assert sorted(old) == sorted(ids)
        assert len(set(seen)) == len(seen)


def test_pages_by_relevance_end_when_the_words_change(tmp_path: Path) -> None:
    market, pile, _ids = filled(5)
    with Catalogue.open(tmp_path / "catalogue.db", PLACE, market, pile) as catalogue:
        catalogue.refresh(NOW)
        page = catalogue.search(Query(words="title", limit=2))
        market.mine()
        market.offer(signed(9, asset=9))
        catalogue.refresh(NOW)
        with pytest.raises(Stale, match="search again"):
            catalogue.search(Query(words="title", limit=2, after=page.next))


@pytest.mark.parametrize(
    "after",
    [
        pytest.param("x", id="no base64"),
        pytest.param("!" * 500, id="long"),
        pytest.param(str(Place("price", "1", 1, 1)), id="another order"),
        pytest.param(str(Place("newest", "1", 1, 1)), id="key of another kind"),
        pytest.param(str(Place("newest", 10**30, 1, 1)), id="key that no database holds"),
        pytest.param(str(Place("newest", 1, 10**30, 1)), id="number that no database holds"),
        pytest.param("W10", id="an empty list"),
        pytest.param("ü", id="no letter of base64"),
    ],
)
def test_a_place_that_somebody_made_up_is_refused(catalogue: Catalogue, after: str) -> None:
    with pytest.raises(InvalidInput, match="place"):
        catalogue.search(Query(after=after))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        pytest.param({"kinds": ("gift",)}, "gift", id="kind"),
        pytest.param({"categories": ("film",)}, "film", id="category"),
        pytest.param({"order": "luck"}, "luck", id="order"),
        pytest.param({"order": "price"}, "token", id="price without a token"),
        pytest.param({"most_units": 5}, "token", id="bound without a token"),
        pytest.param({"token": TOKEN, "most_units": 2**96}, "2\\^96", id="price that cannot be"),
        pytest.param({"token": "0xEE"}, "no address", id="token"),
        pytest.param({"limit": 0}, "1 to 100", id="empty page"),
        pytest.param({"limit": 101}, "1 to 100", id="long page"),
        pytest.param({"words": "x" * 401}, "400", id="long words"),
        pytest.param({"words": "of " * 17}, "16 words", id="many words"),
        pytest.param({"order": "relevance", "words": "…"}, "without words", id="relevance of nothing"),
        pytest.param({"tags": ("a",) * 51}, "50", id="many tags"),
    ],
)
def test_a_question_that_makes_no_sense_says_why(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        Query(**asked)


def test_no_word_becomes_a_part_of_the_sql(catalogue: Catalogue) -> None:
    evil = "'); DROP TABLE offers; --"
    assert catalogue.search(Query(words=evil, tags=(evil,), licences=(evil,), origins=(evil,))).total == 0
    assert catalogue.search(Query(asset=evil, is_open=False)).total == 0
    assert catalogue.search(Query()).total == 5


def test_what_was_found_is_told_as_json(catalogue: Catalogue) -> None:
    told = catalogue.search(Query(words="weather")).to_json()
    assert told["listings"][0]["price_units"] == str(2**90)
    assert told["listings"][0]["stars"] == 2.0
    assert told["facets"]["tag"] == [{"count": 1, "value": "weather"}]
    assert told["next"] is None
    with pytest.raises(NotFound, match="no offer"):
        catalogue.show("0x12")
