"""The shelf over HTTP, and the readers of the parts of a sheet."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from making_offers import LICENCE_TEXT, signed
from starlette.testclient import TestClient

from counterfoil.errors import CounterfoilError, InvalidInput, row_for
from counterfoil.market.sheets.api import SheetRoutes
from counterfoil.market.sheets.parts import PART_CHECKS
from counterfoil.market.sheets.shelf import Shelf
from counterfoil.web.problem import problem_response


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    shelf = Shelf(tmp_path)
    shelf.put_licence(LICENCE_TEXT)
    shelf.put_sheet(signed())
    shelf.put_review("ab" * 32, b'{"document":{}}')
    (tmp_path / ("cd" * 32)).write_bytes(b"a model, kept by its digest")
    app = FastAPI()
    app.include_router(SheetRoutes(shelf).router())
    app.add_exception_handler(CounterfoilError, lambda _request, error: problem_response(error))
    return TestClient(app)


def test_what_is_on_the_shelf_is_handed_out_to_anybody(client: TestClient) -> None:
    sheet = signed()
    answer = client.get(f"/api/v1/market/sheets/{sheet.digest_hex}")
    assert (answer.content, answer.headers["content-type"]) == (sheet.data, "application/json")
    assert "immutable" in answer.headers["cache-control"]
    licence = client.get(f"/api/v1/market/licences/{sheet.sheet.wares.licence.sha256}")
    assert (licence.content, licence.headers["x-content-type-options"]) == (LICENCE_TEXT, "nosniff")
    assert licence.headers["content-type"] == "text/plain; charset=utf-8"
    assert client.get(f"/api/v1/market/reviews/{'ab' * 32}").status_code == 200


@pytest.mark.parametrize("what", ["sheets", "licences", "reviews"])
@pytest.mark.parametrize(
    ("name", "status"), [("cd" * 32, 404), ("AB" * 32, 422), ("..%2Fsheets", 404), ("x" * 81, 422)]
)
def test_nothing_else_is(client: TestClient, what: str, name: str, status: int) -> None:
    answer = client.get(f"/api/v1/market/{what}/{name}")
    assert answer.status_code == status
    assert b"model" not in answer.content


def test_sheets_are_held_to_the_readers_of_their_parts() -> None:
    assert row_for(InvalidInput("x")).http_status == 422
    PART_CHECKS.check({"rules": [{"effect": "allow", "name": "anybody"}]}, {}, None)
    with pytest.raises(InvalidInput, match="effect"):
        PART_CHECKS.check({"rules": [{"effect": "perhaps", "name": "x"}]}, {}, None)
    with pytest.raises(InvalidInput):
        PART_CHECKS.check({"rules": []}, {"type": "nonsense"}, None)
