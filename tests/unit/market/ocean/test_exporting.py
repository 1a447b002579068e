"""Writing an offer as Ocean has it, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from making_ddos import CHAIN, DIGEST, NFT, TOKEN
from making_offers import signed

from counterfoil.errors import InvalidInput
from counterfoil.market.ocean import VERSIONS, OceanPlace, export_ddo, import_ddo

PLACE = OceanPlace(NFT, CHAIN, TOKEN, "https://ocean.harbour.example", files="0x04ab")
ANYBODY = {"rules": [{"effect": "allow", "name": "anybody"}]}
PARAMETERS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "year": {"type": "number", "title": "Year", "description": "Which year", "default": 2024},
        "port": {"type": "string", "enum": ["NO1", "NO2"], "title": "Port", "description": "Port", "default": "NO2"},
        "all": {"type": "boolean", "title": "All", "description": "All of them", "default": False},
    },
    "required": ["year"],
}


@pytest.mark.parametrize("version", list(VERSIONS))
def test_what_goes_out_comes_back(version: str) -> None:
    listed = signed(terms=ANYBODY, parameters=PARAMETERS)
    made = export_ddo(listed, PLACE, version)
    back = import_ddo(made.ddo)
    assert back.is_did_right
    assert made.ddo["id"].removeprefix("did:op").lstrip("e:") == DIGEST.lstrip("e")
    told, wares = back.drafts[0].told, listed.sheet.wares
    assert (told["kind"], told["title"], told["description"]) == ("licence", wares.title, wares.description)
    assert (told["tags"], told["licence"]["name"]) == (list(wares.tags), wares.licence.name)
    assert (told["terms"], told["parameters"]) == (ANYBODY, PARAMETERS)
    assert told["seller"] == {"name": wares.seller.name}
    fields = {each.field for each in made.unmapped}
    assert {"/content", "/quality", "/passport", "/node"} <= fields
    assert "/terms" not in fields
    assert not [each for each in back.unmapped if "no version of the format" in each.reason]


def test_version_5_keeps_the_licence_text_and_4_says_that_it_does_not() -> None:
    wares = signed().sheet.wares
    told = import_ddo(export_ddo(signed(), PLACE, "5.0.0").ddo).drafts[0].told
    assert told["licence"] == {"name": "CC-BY-4.0", "sha256": wares.licence.sha256, "url": wares.licence.url}
    assert "/licence/sha256" in {each.field for each in export_ddo(signed(), PLACE, "4.1.0").unmapped}


@pytest.mark.parametrize("version", list(VERSIONS))
@pytest.mark.parametrize("terms", [{}, {"rules": []}, {"rules": [{"effect": "allow", "name": "a", "purposes": ["b"]}]}])
def test_terms_that_ocean_cannot_say_let_nobody_in_there(version: str, terms: dict[str, Any]) -> None:
    made = export_ddo(signed(terms=terms), PLACE, version)
    inner = made.ddo.get("credentialSubject", made.ddo)
    assert inner["credentials"]["allow"] == [{"type": "address", "values": ["0x" + "00" * 20]}]
    assert "nobody may" in next(each.reason for each in made.unmapped if each.field == "/terms")


def test_a_job_becomes_a_compute_service_that_trusts_no_algorithm_yet() -> None:
    made = export_ddo(signed(kind="job", compute={"limits": {}}), replace(PLACE, duration_s=60, files=""))
    service = made.ddo["services"][0]
    assert (service["type"], service["timeout"], service["files"]) == ("compute", 60, "")
    assert service["compute"]["publisherTrustedAlgorithms"] == []
    assert service["compute"]["allowNetworkAccess"] is False
    assert {"/compute"} <= {each.field for each in made.unmapped}
    assert any("encrypt the files first" in each.reason for each in made.unmapped)


def test_parameters_and_texts_that_ocean_does_not_take_are_listed() -> None:
    schema = {"properties": {"a": {"type": "array"}, "b": {"type": "integer", "minimum": 1}, "c": 5}}
    made = export_ddo(signed(title="abc", description="x" * 7_500, parameters=schema, category="model"), PLACE, "4.5.0")
    found = {each.field: each.reason for each in made.unmapped}
    assert {"/parameters/a", "/parameters/b/minimum", "/parameters/c", "/title", "/description", "/category"} <= set(
        found
    )
    assert len(made.ddo["metadata"]["description"]) == 7_000


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"nft_address": "0x12"}, "NFT", id="no address"),
        pytest.param({"datatoken": TOKEN.replace("fB", "Fb")}, "token", id="misspelt"),
        pytest.param({"chain_id": 0}, "chain", id="no chain"),
        pytest.param({"endpoint": "ftp://x.example"}, "endpoint", id="no web address"),
        pytest.param({"files": "x" * 8_193}, "8,192", id="long files"),
    ],
)
def test_a_place_that_cannot_be_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        replace(PLACE, **changes)


def test_what_ocean_cannot_sell_and_unknown_versions_are_refused() -> None:
    with pytest.raises(InvalidInput, match="the asset itself"):
        export_ddo(signed(kind="sale"), PLACE)
    with pytest.raises(InvalidInput, match=r"one of 4\.1\.0|not known"):
        export_ddo(signed(), PLACE, "4.2.0")
