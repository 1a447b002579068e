"""Registering: whose an id is, what is refused, and what a market is told at once."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from contract.assets.harness import (
    ACTIVE,
    ALICE,
    DATASET,
    MODEL,
    NOBODY,
    OWNER,
    PRICER,
    STRANGER,
    TAKES_TERMS,
    URI,
    digest,
    events,
    id_of,
    load,
    refused,
    register,
)

PRICE = (2_500_000).to_bytes(32, "big")


def test_what_is_registered_is_told_and_held(assets: Any) -> None:
    asset = register(assets, kind=MODEL, royalty_bps=1_000)

    assert events(assets) == [
        ("Registered", asset, OWNER.address, MODEL, digest("one"), 1_000, URI),
        ("Transfer", NOBODY, OWNER.address, asset),
    ]
    assert asset == id_of(OWNER, digest("one")) == assets.id_of(OWNER.address, digest("one"))
    assert assets.asset(asset) == (OWNER.address, ACTIVE, MODEL, 1, 1_000)
    assert assets.manifest(asset) == digest("one")
    assert assets.tokenURI(asset) == URI
    assert (assets.ownerOf(asset), assets.balanceOf(OWNER.address)) == (OWNER.address, 1)
    assert assets.getApproved(asset) == NOBODY


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 63, 64, 65, 96, 97, 127, 128])
def test_a_uri_of_every_size_is_read_back(assets: Any, size: int) -> None:
    uri = "".join(chr(33 + place % 90) for place in range(size))

    assert assets.tokenURI(register(assets, uri=uri)) == uri


def test_a_uri_that_is_too_long_is_refused(assets: Any) -> None:
    with boa.reverts():
        register(assets, uri="u" * 129)


@pytest.mark.parametrize("kind", [1, 2, 255])
def test_every_kind_is_held(assets: Any, kind: int) -> None:
    assert assets.asset(register(assets, kind=kind))[2] == kind


@pytest.mark.parametrize("kind", [0, 256, 2**256 - 1])
def test_what_is_no_kind_is_refused(assets: Any, kind: int) -> None:
    with refused("no such kind"):
        register(assets, kind=kind)


def test_an_empty_manifest_is_refused(assets: Any) -> None:
    with refused("an asset needs a manifest"):
        assets.register(DATASET, bytes(32), URI, 0, [], sender=OWNER.address)


def test_the_same_manifest_is_registered_once(assets: Any, asset: int) -> None:
    with refused("registered already"):
        register(assets)
    with refused("registered already"):
        register(assets, kind=MODEL, uri="", royalty_bps=0)
    assets.transferFrom(OWNER.address, ALICE.address, asset, sender=OWNER.address)
    with refused("registered already"):
        register(assets)


def test_nobody_takes_an_id_by_being_faster(assets: Any) -> None:
    """Whoever copies a registration that waits gets an id of their own; the one that waited is not in its way."""
    wanted = id_of(OWNER, digest("one"))

    copied = register(assets, by=STRANGER)
    asset = register(assets)

    assert copied != asset == wanted
    assert (assets.ownerOf(copied), assets.ownerOf(asset)) == (STRANGER.address, OWNER.address)


@pytest.mark.parametrize("bps", [0, 1, 999, 1_000])
def test_a_royalty_up_to_the_ceiling_is_held(assets: Any, bps: int) -> None:
    assert assets.asset(register(assets, royalty_bps=bps))[4] == bps


@pytest.mark.parametrize("bps", [1_001, 10_000, 2**16, 2**256 - 1])
def test_a_royalty_above_the_ceiling_is_refused(assets: Any, bps: int) -> None:
    with refused("royalty above the ceiling"):
        register(assets, royalty_bps=bps)


def test_parents_are_told(assets: Any, asset: int) -> None:
    parents = sorted([asset, register(assets, "theirs", by=STRANGER)])

    child = register(assets, "child", parents=parents)

    assert events(assets)[1:3] == [("Derived", child, parent) for parent in parents]


def test_as_many_parents_as_there_may_be(assets: Any) -> None:
    parents = sorted(register(assets, f"parent {number}", uri="") for number in range(17))

    register(assets, "child", parents=parents[:16])
    assert len(events(assets)) == 18
    with boa.reverts():
        register(assets, "another child", parents=parents)


def test_parents_that_are_not_there_or_stand_twice_are_refused(assets: Any, asset: int) -> None:
    other = register(assets, "other")
    low, high = sorted([asset, other])

    for parents, reason in [
        ([high, low], "parents out of order"),
        ([low, low], "parents out of order"),
        ([0], "parents out of order"),
        ([2**256 - 1], "no such parent"),
    ]:
        with refused(reason):
            register(assets, "child", parents=parents)


def test_nothing_is_its_own_parent(assets: Any) -> None:
    with refused("no such parent"):
        register(assets, "child", parents=[id_of(OWNER, digest("child"))])


# With a market


def offer(assets: Any, market: Any, terms: bytes = PRICE) -> int:
    at = market if isinstance(market, str) else market.address
    asset: int = assets.register_and_offer(DATASET, digest("one"), URI, 250, [], at, terms, sender=OWNER.address)
    return asset


def test_a_market_learns_the_terms_in_the_same_transaction(assets: Any) -> None:
    shop = load("Shop", assets.address, TAKES_TERMS)

    asset = offer(assets, shop)

    assert [name for name, *_ in events(assets)] == ["Registered", "Transfer"]
    assert shop.prices(asset) == 2_500_000
    assert shop.quote(asset, OWNER.address) == (2_500_000, OWNER.address, 62_500)
    assert asset == id_of(OWNER, digest("one"))


def test_a_market_reads_who_may_price_and_whether_it_may_sell(assets: Any) -> None:
    shop = load("Shop", assets.address, TAKES_TERMS)
    asset = offer(assets, shop)

    with refused("not the seller's to price"):
        shop.quote(asset, ALICE.address)
    assets.set_roles(asset, ALICE.address, PRICER, sender=OWNER.address)
    assert shop.quote(asset, ALICE.address)[0] == 2_500_000
    assets.set_state(asset, 2, sender=OWNER.address)
    with refused("not for sale"):
        shop.quote(asset, OWNER.address)


@pytest.mark.parametrize("answer", [b"\0" * 4, b"\x15\x0b\x7a\x02"], ids=["zero", "another function's"])
def test_a_market_that_does_not_take_it_undoes_the_registration(assets: Any, answer: bytes) -> None:
    with refused("the market does not take it"):
        offer(assets, load("Shop", assets.address, answer))
    with refused("no such asset"):
        assets.ownerOf(id_of(OWNER, digest("one")))


def test_what_is_no_market_undoes_the_registration(assets: Any) -> None:
    for market in (load("Silent"), load("Untidy"), STRANGER.address, NOBODY):
        with boa.reverts():
            offer(assets, market)
        with refused("no such asset"):
            assets.ownerOf(id_of(OWNER, digest("one")))


def test_terms_that_are_too_long_are_refused(assets: Any) -> None:
    shop = load("Shop", assets.address, TAKES_TERMS)
    offer(assets, shop, bytes(512))
    with boa.reverts():
        offer(assets, shop, bytes(513))


def test_a_market_cannot_move_what_it_is_told_of(assets: Any) -> None:
    shop = load("Shop", assets.address, TAKES_TERMS)
    shop.steal()

    with boa.reverts():
        offer(assets, shop)
    with refused("no such asset"):
        assets.ownerOf(id_of(OWNER, digest("one")))
    with refused("not allowed to transfer this"):
        assets.transferFrom(OWNER.address, shop.address, register(assets), sender=shop.address)


def test_a_market_that_registers_meanwhile_gets_an_id_of_its_own(assets: Any) -> None:
    shop = load("Shop", assets.address, TAKES_TERMS)
    shop.register_too(digest("one"))

    asset = offer(assets, shop)

    assert assets.ownerOf(asset) == OWNER.address
    assert assets.ownerOf(assets.id_of(shop.address, digest("one"))) == shop.address
