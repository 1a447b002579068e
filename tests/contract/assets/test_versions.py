"""Versions, states, roles and royalties of an asset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boa
import pytest
from contract.assets.harness import (
    ALICE,
    BOB,
    DATASET,
    NOBODY,
    OPERATOR,
    OWNER,
    PRICER,
    PUBLISHER,
    STRANGER,
    URI,
    digest,
    events,
    refused,
    register,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NOT_IN_ROLE = "not in this role"
ONLY_OWNER = "only the owner may do this"
ROLES = PUBLISHER | OPERATOR | PRICER


# Versions


def test_a_version_takes_the_place_of_the_one_before(assets: Any, asset: int) -> None:
    assets.publish(asset, digest("two"), "ipfs://two", sender=OWNER.address)

    assert events(assets) == [("Published", asset, 2, digest("two"), "ipfs://two"), ("MetadataUpdate", asset)]
    assert assets.asset(asset) == (OWNER.address, 0, DATASET, 2, 250)
    assert (assets.manifest(asset), assets.tokenURI(asset)) == (digest("two"), "ipfs://two")


@pytest.mark.parametrize("uri", ["", "x" * 5, "x" * 64, "x" * 128], ids=len)
def test_a_shorter_or_longer_uri_leaves_nothing_behind(assets: Any, asset: int, uri: str) -> None:
    assets.publish(asset, digest("two"), "y" * 100, sender=OWNER.address)
    assets.publish(asset, digest("three"), uri, sender=OWNER.address)

    assert assets.tokenURI(asset) == uri
    assert assets.asset(asset)[3] == 3


def test_the_newest_version_is_not_published_again(assets: Any, asset: int) -> None:
    with refused("this is the newest version already"):
        assets.publish(asset, digest("one"), URI, sender=OWNER.address)
    assets.publish(asset, digest("two"), URI, sender=OWNER.address)
    assets.publish(asset, digest("one"), URI, sender=OWNER.address)  # and so back to what was before
    assert assets.asset(asset)[3] == 3


def test_the_id_stays_that_of_the_first_version(assets: Any, asset: int) -> None:
    assets.publish(asset, digest("two"), URI, sender=OWNER.address)

    other = register(assets, "two")

    assert other != asset
    assert (assets.manifest(other), assets.manifest(asset)) == (digest("two"), digest("two"))
    with refused("registered already"):
        register(assets, "one")


def test_what_another_registered_may_be_a_version_of_ones_own(assets: Any, asset: int) -> None:
    """Nobody can block a manifest for others: which asset it belongs to is said by (creator, manifest) alone."""
    theirs = register(assets, "two", by=STRANGER)

    assets.publish(asset, digest("two"), URI, sender=OWNER.address)

    assert assets.ownerOf(theirs) == STRANGER.address
    assert assets.manifest(asset) == assets.manifest(theirs)


def test_a_version_needs_a_manifest_and_a_short_uri(assets: Any, asset: int) -> None:
    with refused("an asset needs a manifest"):
        assets.publish(asset, bytes(32), URI, sender=OWNER.address)
    with boa.reverts():
        assets.publish(asset, digest("two"), "x" * 129, sender=OWNER.address)


def test_a_version_that_moved_is_the_same_version(assets: Any, asset: int) -> None:
    for uri in ("https://elsewhere.example/one", "", "x" * 128):
        assets.set_uri(asset, uri, sender=OWNER.address)
        assert events(assets) == [("UriSet", asset, uri), ("MetadataUpdate", asset)]
        assert assets.tokenURI(asset) == uri
        assert assets.asset(asset) == (OWNER.address, 0, DATASET, 1, 250)
    with boa.reverts():
        assets.set_uri(asset, "x" * 129, sender=OWNER.address)


# States


@pytest.mark.parametrize("state", range(4))
def test_the_state_is_told_and_held_and_nothing_else_changes(assets: Any, asset: int, state: int) -> None:
    assets.set_state(asset, state, sender=OWNER.address)

    assert events(assets) == [("StateSet", asset, state, OWNER.address)]
    assert assets.asset(asset) == (OWNER.address, state, DATASET, 1, 250)
    assert assets.tokenURI(asset) == URI
    assets.set_state(asset, 0, sender=OWNER.address)
    assert assets.asset(asset)[1] == 0


@pytest.mark.parametrize("state", [4, 255, 256, 2**256 - 1])
def test_what_is_no_state_is_refused(assets: Any, asset: int, state: int) -> None:
    with refused("no such state"):
        assets.set_state(asset, state, sender=OWNER.address)


def test_a_recalled_asset_is_still_its_owners(assets: Any, asset: int) -> None:
    assets.set_state(asset, 2, sender=OWNER.address)
    assets.publish(asset, digest("mended"), URI, sender=OWNER.address)
    assets.transferFrom(OWNER.address, ALICE.address, asset, sender=OWNER.address)

    assert assets.asset(asset) == (ALICE.address, 2, DATASET, 2, 250)


# Roles


CALLS: dict[str, Callable[..., None]] = {
    "publish": lambda assets, asset, by: assets.publish(asset, digest("by role"), URI, sender=by),
    "set_uri": lambda assets, asset, by: assets.set_uri(asset, "", sender=by),
    "set_state": lambda assets, asset, by: assets.set_state(asset, 3, sender=by),
    "set_roles": lambda assets, asset, by: assets.set_roles(asset, by, 7, sender=by),
    "assign_royalty": lambda assets, asset, by: assets.assign_royalty(asset, by, sender=by),
    "transferFrom": lambda assets, asset, by: assets.transferFrom(OWNER.address, by, asset, sender=by),
}
ENOUGH = {"publish": PUBLISHER, "set_uri": PUBLISHER, "set_state": OPERATOR}


@pytest.mark.parametrize("roles", range(8))
@pytest.mark.parametrize("name", CALLS)
def test_each_role_may_do_what_it_is_for_and_no_more(assets: Any, asset: int, name: str, roles: int) -> None:
    assets.set_roles(asset, ALICE.address, roles, sender=OWNER.address)
    assert events(assets) == [("RolesSet", asset, ALICE.address, roles)]

    if roles & ENOUGH.get(name, 0):
        CALLS[name](assets, asset, ALICE.address)
    else:
        with boa.reverts():
            CALLS[name](assets, asset, ALICE.address)


@pytest.mark.parametrize("name", ["publish", "set_uri", "set_state", "set_roles", "assign_royalty"])
def test_who_may_transfer_an_asset_may_do_nothing_else_with_it(assets: Any, asset: int, name: str) -> None:
    assets.approve(ALICE.address, asset, sender=OWNER.address)
    assets.setApprovalForAll(BOB.address, True, sender=OWNER.address)

    for by in (ALICE, BOB):
        with boa.reverts():
            CALLS[name](assets, asset, by.address)


def test_roles_are_told(assets: Any, asset: int) -> None:
    assets.set_roles(asset, ALICE.address, PUBLISHER | PRICER, sender=OWNER.address)

    assert assets.roles(asset, ALICE.address) == PUBLISHER | PRICER
    assert assets.roles(asset, OWNER.address) == 0
    for role, by_alice in [
        (PUBLISHER, True),
        (PRICER, True),
        (OPERATOR, False),
        (PUBLISHER | PRICER, True),
        (ROLES, False),
    ]:
        assert assets.may(asset, ALICE.address, role) is by_alice
        assert assets.may(asset, OWNER.address, role)
        assert not assets.may(asset, STRANGER.address, role)
    for none in (0, 8, ROLES + 1, 2**255):
        assert not assets.may(asset, OWNER.address, none)
        assert not assets.may(asset, ALICE.address, none)


def test_roles_are_taken_back(assets: Any, asset: int) -> None:
    assets.set_roles(asset, ALICE.address, ROLES, sender=OWNER.address)
    assets.set_roles(asset, ALICE.address, 0, sender=OWNER.address)

    with refused(NOT_IN_ROLE):
        assets.publish(asset, digest("two"), URI, sender=ALICE.address)


@pytest.mark.parametrize("roles", [8, 2**160, 2**232, 2**256 - 1])
def test_what_is_no_role_is_refused(assets: Any, asset: int, roles: int) -> None:
    with refused("no such role"):
        assets.set_roles(asset, ALICE.address, roles, sender=OWNER.address)


def test_roles_lapse_when_the_asset_changes_hands_and_do_not_come_back(assets: Any, asset: int) -> None:
    assets.set_roles(asset, BOB.address, ROLES, sender=OWNER.address)
    assets.transferFrom(OWNER.address, ALICE.address, asset, sender=OWNER.address)

    assert assets.roles(asset, BOB.address) == 0
    with refused(NOT_IN_ROLE):
        assets.set_state(asset, 3, sender=BOB.address)
    with refused(NOT_IN_ROLE):
        assets.set_state(asset, 3, sender=OWNER.address)
    assets.transferFrom(ALICE.address, OWNER.address, asset, sender=ALICE.address)
    assert not assets.may(asset, BOB.address, OPERATOR)


def test_an_owner_takes_every_role_back_at_once(assets: Any, asset: int) -> None:
    for account in (ALICE, BOB):
        assets.set_roles(asset, account.address, ROLES, sender=OWNER.address)
    assets.transferFrom(OWNER.address, OWNER.address, asset, sender=OWNER.address)

    assert assets.roles(asset, ALICE.address) == assets.roles(asset, BOB.address) == 0
    assert (assets.ownerOf(asset), assets.balanceOf(OWNER.address)) == (OWNER.address, 1)


def test_roles_for_one_asset_are_none_for_another(assets: Any, asset: int) -> None:
    other = register(assets, "other")
    assets.set_roles(asset, ALICE.address, ROLES, sender=OWNER.address)

    with refused(NOT_IN_ROLE):
        assets.set_state(other, 1, sender=ALICE.address)


@pytest.mark.parametrize("name", CALLS)
def test_a_stranger_may_nothing(assets: Any, asset: int, name: str) -> None:
    with boa.reverts():
        CALLS[name](assets, asset, STRANGER.address)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("ownerOf", ()),
        ("getApproved", ()),
        ("tokenURI", ()),
        ("asset", ()),
        ("royaltyInfo", (1,)),
        ("may", (OWNER.address, 1)),
        ("roles", (OWNER.address,)),
        ("publish", (digest("two"), URI)),
        ("set_uri", (URI,)),
        ("set_state", (1,)),
        ("set_roles", (OWNER.address, 1)),
        ("assign_royalty", (OWNER.address,)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_there_is_refused(assets: Any, asset: int, function: str, arguments: tuple[Any, ...]) -> None:
    for missing in (asset + 1, 0, 2**256 - 1):
        with refused("no such asset"):
            getattr(assets, function)(missing, *arguments, sender=OWNER.address)
    with boa.reverts():
        assets.manifest(asset + 1)


# Royalties


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bps=st.integers(0, 1_000), price=st.integers(0, 2**256 - 1) | st.integers(0, 10**6))
def test_a_royalty_is_rounded_down_and_never_overflows(assets: Any, bps: int, price: int) -> None:
    with boa.env.anchor():
        asset = register(assets, royalty_bps=bps)
        assert assets.royaltyInfo(asset, price) == (OWNER.address, price * bps // 10_000)


def test_a_royalty_goes_to_the_creator_whoever_owns_the_asset(assets: Any, asset: int) -> None:
    for sender, receiver in ((OWNER, ALICE), (ALICE, BOB), (BOB, OWNER), (OWNER, STRANGER)):
        assets.transferFrom(sender.address, receiver.address, asset, sender=sender.address)
        assert assets.royaltyInfo(asset, 10_000) == (OWNER.address, 250)


def test_without_a_royalty_nothing_goes_to_anybody(assets: Any) -> None:
    asset = register(assets, royalty_bps=0)
    assets.transferFrom(OWNER.address, ALICE.address, asset, sender=OWNER.address)

    assert assets.royaltyInfo(asset, 2**256 - 1) == (ALICE.address, 0)


def test_the_receiver_names_the_next_one(assets: Any, asset: int) -> None:
    assets.assign_royalty(asset, BOB.address, sender=OWNER.address)
    assert events(assets) == [("RoyaltyAssigned", asset, BOB.address)]
    assets.transferFrom(OWNER.address, ALICE.address, asset, sender=OWNER.address)

    assert assets.royaltyInfo(asset, 10_000) == (BOB.address, 250)
    for by in (OWNER, ALICE, STRANGER):
        with refused("only the royalty's receiver may do this"):
            assets.assign_royalty(asset, by.address, sender=by.address)
    with refused("a royalty needs a receiver"):
        assets.assign_royalty(asset, NOBODY, sender=BOB.address)
    assets.assign_royalty(asset, OWNER.address, sender=BOB.address)
    assert assets.royaltyInfo(asset, 10_000) == (OWNER.address, 250)


def test_only_the_owner_gives_roles(assets: Any, asset: int) -> None:
    assets.set_roles(asset, ALICE.address, ROLES, sender=OWNER.address)
    with refused(ONLY_OWNER):
        assets.set_roles(asset, ALICE.address, ROLES, sender=ALICE.address)
