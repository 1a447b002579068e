"""Reading what Ocean says of an asset: what maps, and that everything else is listed."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from hashlib import sha256
from typing import Any

import pytest
from making_ddos import CHAIN, DIGEST, NFT, ddo_4, ddo_5

from counterfoil.core import canonical
from counterfoil.market.ocean import VERSIONS, Imported, import_ddo
from counterfoil.market.ocean.unmapped import Unmapped
from counterfoil.market.sheets.toml_draft import draft_toml, read_draft

FOUR = [name for name in VERSIONS if name.startswith("4")]


def reason(found: Imported, field: str) -> str:
    return next((each.reason for each in found.unmapped if each.field == field), "")


@pytest.mark.parametrize("version", FOUR)
def test_each_service_of_version_4_becomes_a_draft(version: str) -> None:
    found = import_ddo(canonical.dumps(ddo_4(version)))
    assert (found.version, found.did, found.is_did_right) == (version, f"did:op:{DIGEST}", True)
    access, compute = found.drafts
    assert (access.told["kind"], access.duration_s) == ("period", 86_400)
    assert (compute.told["kind"], compute.duration_s, compute.told["compute"]) == ("job", 0, {})
    assert access.told["title"] == "Calls at ports: Download"
    assert compute.told["title"] == "Calls at ports"
    assert access.told["description"].endswith("One row each.\n\nThe file as a whole.")
    assert access.told["tags"] == ["ships", "ports", "transport"]
    assert access.told["licence"] == {"name": "CC-BY-4.0", "sha256": "", "url": ""}
    assert access.told["seller"] == {"name": "Harbour Office"}
    assert access.told["terms"] == {"rules": []}  # somebody is denied, so nobody may until a person decides
    year, port = access.told["parameters"]["properties"].values()
    assert (year["type"], year["default"], port["enum"], port["default"]) == ("number", 2024, ["NO1", "NO2"], "NO1")
    assert access.told["parameters"]["required"] == ["year"]
    assert port["description"] == "Which port (NO1: Oslo, NO2: Bergen)"


def test_a_verifiable_credential_becomes_a_draft() -> None:
    found = import_ddo(ddo_5())
    assert (found.version, found.did, found.is_did_right) == ("5.0.0", f"did:ope:{DIGEST}", True)
    told = found.drafts[0].told
    assert told["title"] == "Calls of ships at ports"
    assert told["licence"] == {"name": "CC-BY-4.0", "sha256": "ab" * 32, "url": "https://harbour.example/licence"}
    assert told["terms"] == {"rules": [{"effect": "allow", "name": "anybody"}]}
    assert told["parameters"]["properties"]["port"]["enum"] == ["NO1", "NO2"]
    assert "signature is not checked" in reason(found, "/proof")
    assert "columns" in reason(found, "/credentialSubject/services/0/dataSchema")
    assert "indexer" not in " ".join(each.reason for each in found.unmapped)


@pytest.mark.parametrize(
    ("field", "says"),
    [
        pytest.param("/nftAddress", "an id of its own", id="address"),
        pytest.param("/metadata/links", "description", id="links"),
        pytest.param("/metadata/created", "passport", id="created"),
        pytest.param("/metadata/additionalInformation", "publisher", id="free words"),
        pytest.param("/services/0/files", "encrypted", id="files"),
        pytest.param("/services/1/compute/allowNetworkAccess", "no job has a network", id="network"),
        pytest.param("/services/1/compute/publisherTrustedAlgorithms", "by its digest", id="algorithms"),
        pytest.param("/credentials", "nobody may until", id="credentials"),
        pytest.param("/purgatory", "indexer", id="purgatory"),
    ],
)
def test_what_does_not_map_is_listed_with_its_reason(field: str, says: str) -> None:
    assert says in reason(import_ddo(ddo_4()), field)


def test_what_ocean_forbids_as_we_do_is_no_loss() -> None:
    assert not reason(import_ddo(ddo_4()), "/services/1/compute/allowRawAlgorithm")


def _leaves(value: Any, pointer: str = "") -> Iterator[tuple[str, list[str | int]]]:
    items: Any = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    if not isinstance(value, Mapping | list):
        yield pointer, []
    for key, item in items:
        for below, steps in _leaves(item, f"{pointer}/{key}"):
            yield below, [key, *steps]


@pytest.mark.parametrize("ddo", [pytest.param(ddo_4(), id="4.7"), pytest.param(ddo_5(), id="5.0")])
def test_no_field_is_lost_in_silence(ddo: dict[str, Any]) -> None:
    """Whatever is changed shows in a draft, or stands in the list before and after."""
    before = import_ddo(ddo)
    listed = {each.field for each in before.unmapped}
    unseen = []
    for pointer, steps in _leaves(ddo):
        if pointer == "/version":
            continue
        changed = deepcopy(ddo)
        place: Any = changed
        for step in steps[:-1]:
            place = place[step]
        old = place[steps[-1]]
        place[steps[-1]] = not old if isinstance(old, bool) else old + 1 if isinstance(old, int) else f"{old}x"
        after = import_ddo(changed)
        is_listed = any(pointer == field or pointer.startswith(f"{field}/") for field in listed)
        if not is_listed and (after.drafts, after.did, after.unmapped) == (before.drafts, before.did, before.unmapped):
            unseen.append(pointer)
    assert unseen == []


def test_a_field_that_nobody_knows_is_listed() -> None:
    told = ddo_4()
    told["metadata"] |= {"colour": "red", "typeface": "Arial"}  # beginning as `type` does
    told["services"][0]["consumerParameters"][0]["unit"] = "year"
    told["services"][0]["a/b~"] = [1, {"c": None}]
    found = {each.field: each for each in import_ddo(told).unmapped}
    assert found["/metadata/colour"].says == "red"
    assert found["/metadata/typeface"].says == "Arial"
    assert "no version of the format" in found["/metadata/typeface"].reason
    assert "more is said of it" in found["/services/0/consumerParameters/0"].reason
    assert "no version of the format" in found["/services/0/a~1b~0/1/c"].reason


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        pytest.param({"id": "did:op:" + "00" * 32}, "/id", "is not the identifier", id="another digest"),
        pytest.param({"id": f"did:ope:{DIGEST}"}, "/id", "is not the identifier", id="method of 5.0"),
        pytest.param({"chainId": 1}, "/id", "is not the identifier", id="another chain"),
        pytest.param({"chainId": "137"}, "/id", "cannot be worked out", id="chain as text"),
        pytest.param({"nftAddress": "0x12"}, "/id", "cannot be worked out", id="no address"),
        pytest.param({"nftAddress": NFT.replace("5aA", "5Aa")}, "/nftAddress", "misspelt", id="misspelt address"),
        pytest.param({"id": None}, "/id", "is not the identifier", id="no identifier"),
    ],
)
def test_an_identifier_that_is_wrong_is_reported(changes: dict[str, Any], field: str, says: str) -> None:
    found = import_ddo(ddo_4() | changes)
    assert not found.is_did_right
    assert says in found.unmapped[0].reason
    assert found.unmapped[0].field == field
    assert found.drafts


def test_the_identifier_is_of_the_address_whatever_its_case() -> None:
    assert sha256(f"{NFT}{CHAIN}".encode()).hexdigest() == DIGEST
    assert import_ddo(ddo_4() | {"nftAddress": NFT.lower()}).is_did_right


def test_a_credential_around_another_asset_is_reported() -> None:
    told = ddo_5()
    told["credentialSubject"]["id"] = "did:ope:" + "00" * 32
    found = import_ddo(told)
    assert not found.is_did_right
    assert "around it" in reason(found, "/credentialSubject/id")


@pytest.mark.parametrize("said", [None, [], {}, [{}], {"allow": [], "deny": []}, {"match_allow": "any", "allow": []}])
def test_nothing_said_of_who_may_means_anybody_as_on_ocean(said: Any) -> None:
    told = ddo_4() | {"credentials": said}
    found = import_ddo(told)
    assert found.drafts[0].told["terms"] == {"rules": [{"effect": "allow", "name": "anybody"}]}
    assert not reason(found, "/credentials")


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("everyone", id="text"),
        pytest.param({"allow": [{"type": "address", "values": []}]}, id="empty list of accounts"),
        pytest.param({"deny": {"x": 0}}, id="another shape"),
        pytest.param([["0x12"]], id="list"),
    ],
)
def test_whatever_is_said_of_who_may_shuts_the_door(said: Any) -> None:
    whole, service = ddo_4() | {"credentials": said}, ddo_4() | {"credentials": None}
    service["services"][1]["credentials"] = said
    assert [each.told["terms"] for each in import_ddo(whole).drafts] == [{"rules": []}] * 2
    assert [each.told["terms"]["rules"] == [] for each in import_ddo(service).drafts] == [False, True]


def test_other_languages_and_long_texts_are_told_of() -> None:
    told = ddo_5()
    meta = told["credentialSubject"]["metadata"]
    meta["description"] = {"@value": "x" * 9_000, "@language": "ar", "@direction": "rtl"}
    meta["tags"] = ["t" * 61, *(f"tag {place}" for place in range(40))]
    found = import_ddo(told)
    assert len(found.drafts[0].told["description"]) == 8_000
    assert "8,000 characters" in reason(found, "/description")
    assert "language" in reason(found, "/credentialSubject/metadata/description")
    assert "more tags" in reason(found, "/credentialSubject/metadata/tags")
    assert len(found.drafts[0].told["tags"]) == 32


def test_algorithms_and_services_of_another_kind_are_told_of() -> None:
    told = ddo_4()
    told["metadata"]["type"] = "algorithm"
    told["metadata"]["algorithm"] = {"language": "python", "container": {"image": "python", "tag": "3"}}
    told["services"][1]["type"] = "wss"
    found = import_ddo(told)
    assert [each.told["category"] for each in found.drafts] == ["service"]
    assert "digest" in reason(found, "/metadata/algorithm")
    assert "neither access nor compute" in reason(found, "/services/1/type")


def test_a_draft_becomes_wares_when_a_person_completes_it() -> None:
    told = dict(import_ddo(ddo_5()).drafts[0].told)
    told["content"] = {"root": "ab" * 32, "size": 5, "name": "calls.csv", "mediaType": "text/csv"}
    told["node"] = "https://node.harbour.example"
    told["seller"] = told["seller"] | {"origin": "harbour.example/log"}
    made = read_draft(draft_toml(told).encode())
    assert (made.title, made.kind, made.parameters) == (told["title"], "period", told["parameters"])


@pytest.mark.parametrize("default", ["NaN", "Infinity", "1e999", "many", [2024]])
def test_a_default_that_is_no_number_is_listed_and_the_draft_can_be_read(default: Any) -> None:
    told = ddo_4()
    told["services"][0]["consumerParameters"][0]["default"] = default
    found = import_ddo(told)
    assert "default" not in found.drafts[0].told["parameters"]["properties"]["year"]
    assert tomllib.loads(draft_toml(found.drafts[0].told))
    assert reason(found, "/services/0/consumerParameters/0/default") == "not a value of this parameter"


def test_a_list_of_fields_can_be_shown() -> None:
    found = Unmapped("/a", "why", "b")
    assert found.to_json() == {"field": "/a", "reason": "why", "says": "b"}
