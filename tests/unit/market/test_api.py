"""The market over HTTP, for staff of both sides: two nodes that really serve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from making_crowds import crowded
from making_market import LICENCE, Stall, market
from making_node import serving_home, settled

from counterfoil.market.catalogue.review import Review, sign_review
from counterfoil.node.access import HOME
from counterfoil.web.roles import Role

ROWS = "person,dose\n" + "".join(f"p{each},{each % 7}\n" for each in range(300))


@pytest.fixture(scope="module")
def stall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stall]:
    with market(tmp_path_factory.mktemp("market")) as made:
        goods = made.seller.home.paths.folder / "goods"
        goods.mkdir()
        (goods / "doses.csv").write_text(ROWS)
        made.seller.provenance.register_dataset(goods / "doses.csv", name="doses")
        yield made


@pytest.fixture(scope="module")
def seller(stall: Stall) -> Iterator[httpx.Client]:
    assert stall.node_of_seller is not None
    key = stall.node_of_seller.access.keys.add("sales", frozenset({Role.ADMIN}), by=HOME).token
    with httpx.Client(base_url=f"{stall.url}/api/v1", headers={"authorization": f"Bearer {key}"}, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def buyer(stall: Stall) -> Iterator[httpx.Client]:
    with serving_home(stall.buyer, Role.OPERATOR) as served:
        served.client.base_url = httpx.URL(f"{served.url}/api/v1")
        served.client.timeout = httpx.Timeout(60)
        yield served.client


def wanted(**more: Any) -> dict[str, Any]:
    told = {"what": "doses", "where": "doses.csv", "price": "12.50", "licence_text": LICENCE.decode()}
    return told | {"title": "Doses of 300", "for_anybody": True, "tags": ["health"]} | more


def answer(response: httpx.Response, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json()


@pytest.fixture(scope="module")
def offer(seller: httpx.Client) -> str:
    held = wanted(window_s=86_400, delivery_s=3_600, dry_run=False, sample=["person"])
    made = answer(seller.post("/market/offers", json=held))
    assert made["done"] is True
    assert [each.partition(":")[0] for each in made["to_mind"]] == ["person"]
    return str(made["offer"])


def test_an_offer_is_quoted_before_it_is_made(seller: httpx.Client) -> None:
    quote = answer(seller.post("/market/offers", json=wanted(number=7)))
    assert (quote["done"], quote["public"]["price"], quote["transactions"]) == (False, "12.50 CREDIT", 1)
    missing = seller.get(f"/market/offers/{quote['public']['offer']}")
    assert missing.status_code == 404


@pytest.mark.parametrize(
    "where",
    ["../counterfoil.toml", "/etc/hostname", "file:///etc/hostname", "http://127.0.0.1/x", "nothing.csv", "."],
    ids=["above", "absolute", "file-address", "address", "missing", "folder-itself"],
)
def test_over_http_nobody_offers_what_else_is_on_the_machine(seller: httpx.Client, where: str) -> None:
    told = answer(seller.post("/market/offers", json=wanted(where=where, dry_run=False)), 422)
    assert "neither a snapshot nor in the folder" in told["detail"]


def test_what_is_offered_is_searched_and_shown(seller: httpx.Client, stall: Stall, offer: str) -> None:
    stall.seller.market.refresh()
    found = answer(seller.get("/market/offers", params={"words": "doses", "tag": "health", "kind": "licence"}))
    assert [each["offer"] for each in found["listings"]] == [offer]
    assert answer(seller.get("/market/offers", params={"words": "doses", "max_price": "12.49"}))["total"] == 0
    shown = answer(seller.get(f"/market/offers/{offer}"))
    assert (shown["open"], shown["document"]["title"]) == (True, "Doses of 300")
    assert shown["signed_by"] == answer(seller.get("/market/key"))["key"]
    assert shown["document"]["content"]["size"] == len(ROWS)


def test_an_operator_buys_fetches_and_is_handed_the_file(
    seller: httpx.Client, buyer: httpx.Client, stall: Stall, offer: str
) -> None:
    refused = answer(buyer.post("/market/purchases", json={"offer": offer}), 403)
    assert "asks that the licence" in refused["detail"]
    asked = {"offer": offer, "accept_licence": True}
    quote = answer(buyer.post("/market/purchases", json=asked))
    assert (quote["done"], quote["pays"]["amount"]) == (False, "12.50")
    assert quote["admission"] == "allowed by rule 1 'whoever accepts the licence'"
    made = answer(buyer.post("/market/purchases", json=asked | {"dry_run": False}))
    order, path = made["order"], f"/market/purchases/{made['order']}"
    assert (made["done"], made["state"]) == (True, "bought")
    assert buyer.get(f"{path}/file").status_code == 404  # nothing is here yet
    job = answer(buyer.post(f"{path}/fetch"), 202)
    settled(lambda: stall.seller.market.selling.fulfilment.step() == 1)  # as the seller's node does by itself
    settled(lambda: answer(buyer.get(f"/jobs/{job['id']}"))["state"] == "done")
    assert buyer.get(f"{path}/file").text == ROWS
    shown = answer(buyer.get(path))
    assert (shown["state"], shown["on_ledger"]["state"]) == ("fetched", "delivered")
    assert [each["order"] for each in answer(buyer.get("/market/purchases"))] == [order]
    assert answer(buyer.post(f"{path}/review", json={"stars": 5, "text": "right", "dry_run": False}))["fault"] is None
    [review] = answer(seller.get(f"/market/offers/{offer}"))["reviews"]
    assert (review["stars"], review["text"]) == (5, "right")
    digest = stall.buyer.market.shelf.reviews()[0]
    text = orjson.loads(stall.buyer.market.shelf.raw("reviews", digest))
    assert orjson.loads(seller.get(f"/market/reviews/{digest}").content) == text
    text["document"]["text"] = "wrong"
    nobody = httpx.post(f"{stall.url}/api/v1/market/offers/{offer}/reviews", json={"review": text})
    assert "signature" in answer(nobody, 409)["detail"]
    forged = sign_review(Review.read(text["document"]), bytes(range(32)), "x.example")
    nobody = httpx.post(f"{stall.url}/api/v1/market/offers/{offer}/reviews", json={"review": orjson.loads(forged.data)})
    assert "the ledger has no such review" in answer(nobody, 404)["detail"]

    assert answer(seller.get("/market/earnings")) == []  # the market still holds it
    assert answer(buyer.post(f"{path}/accept", json={"dry_run": False}))["state"] == "settled"
    [earned] = answer(seller.get("/market/earnings"))
    assert (earned["orders"], earned["paid"]["amount"]) == (1, "12.50")
    assert answer(seller.get("/market/payouts"))["owed"]["amount"] == "12.50"
    quote = answer(seller.post("/market/payouts", json={}))
    assert quote["moves"] == ["12.50 CREDIT to this account"]
    assert answer(seller.post("/market/payouts", json={"dry_run": False}))["done"] is True
    assert answer(seller.get("/market/payouts"))["owed"]["amount"] == "0.00"


def test_what_was_sold_is_refunded(stall: Stall, seller: httpx.Client, buyer: httpx.Client, offer: str) -> None:
    bought = {"offer": offer, "accept_licence": True, "dry_run": False}
    order = answer(buyer.post("/market/purchases", json=bought))["order"]
    assert answer(seller.get(f"/market/sold/{order}"))["state"] == "held"
    assert order in [each["order"] for each in answer(seller.get("/market/sold", params={"state": "held"}))]
    with crowded(stall.seller, "order", order, 1_000):
        assert order in [each["order"] for each in answer(seller.get("/market/sold", params={"state": "held"}))]
    early = answer(seller.post(f"/market/sold/{order}/settle", json={"dry_run": False}), 403)
    assert "the order is held" in early["detail"]
    quote = answer(seller.post(f"/market/sold/{order}/refund", json={}))
    assert quote["moves"] == ["12.50 CREDIT back to the buyer"]
    assert answer(seller.post(f"/market/sold/{order}/refund", json={"dry_run": False}))["state"] == "refunded"
    told = answer(seller.get(f"/market/sold/{order}"))
    assert (told["state"], len(told["records"])) == ("refunded", 1)


def test_an_offer_is_repriced_shared_and_withdrawn(seller: httpx.Client, stall: Stall) -> None:
    offer = answer(seller.post("/market/offers", json=wanted(number=3, dry_run=False)))["offer"]
    path, payee = f"/market/offers/{offer}", stall.buyer.ledger.require_connection().account
    priced = answer(seller.post(f"{path}/price", json={"price": "3", "dry_run": False}))
    assert priced["price"]["amount"] == "3.00"
    parts = [{"payee": payee, "bps": 1_000}]
    assert answer(seller.post(f"{path}/shares", json={"shares": parts, "dry_run": False}))["shares"] == parts
    assert answer(seller.post(f"{path}/withdrawal", json={"dry_run": False}))["open"] is False


def test_market_keys_are_known_and_forgotten(seller: httpx.Client, buyer: httpx.Client) -> None:
    key = answer(buyer.get("/market/key"))["key"]
    origin = key.partition("+")[0]
    assert answer(seller.post("/market/known", json={"key": key})) == {"key": key, "origin": origin}
    assert answer(seller.get("/market/known")) == [{"key": key, "origin": origin}]
    answer(seller.delete(f"/market/known/{key}"))
    assert answer(seller.get("/market/known")) == []
