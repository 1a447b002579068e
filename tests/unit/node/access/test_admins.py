"""The last admin of a node: removed by nobody who has come in over the network, only at the home itself."""

from __future__ import annotations

import pytest
from making_access import Home
from signing_in import PASSWORD

from counterfoil.errors import NotAllowed
from counterfoil.node.access import HOME
from counterfoil.web.roles import Role

ADMIN = frozenset({Role.ADMIN})
OPERATOR = frozenset({Role.OPERATOR})


@pytest.fixture
def home(tmp_path):
    found = Home(tmp_path)
    yield found
    found.close()


@pytest.fixture
def ann(home):
    home.access.users.add("ann", PASSWORD, ADMIN, by=HOME)
    home.access.users.add("bo", PASSWORD, OPERATOR, by=HOME)


def test_the_only_admin_stays_whoever_asks(home, ann):
    users = home.access.users
    with pytest.raises(NotAllowed, match="nobody would be left"):
        users.remove("ann", by="user:ann")
    with pytest.raises(NotAllowed, match="nobody would be left"):
        users.set_roles("ann", OPERATOR, by="key:00000000")
    assert users.require("ann").roles == ADMIN
    assert [each["/what"] for each in home.told()] == ["add user", "add user"]
    users.set_roles("ann", ADMIN | OPERATOR, by="user:ann")
    users.remove("bo", by="user:ann")


def test_the_only_key_of_an_admin_stays_and_works(home):
    made = home.access.keys.add("desk", ADMIN, by=HOME)
    home.access.keys.add("scoring", frozenset({Role.SERVICE}), by=HOME)
    with pytest.raises(NotAllowed, match="nobody would be left"):
        home.access.keys.revoke(made.key.id, by="user:ann")
    assert home.identify(made.token).roles == ADMIN


@pytest.mark.parametrize("expires", ["", "2099-01-31"])
def test_a_working_key_is_another_admin(home, ann, expires):
    made = home.access.keys.add("desk", ADMIN, by=HOME, expires=expires)
    home.access.users.remove("ann", by=made.key.principal.id)
    with pytest.raises(NotAllowed):
        home.access.keys.revoke(made.key.id, by=made.key.principal.id)


def test_a_key_that_ended_is_none(home, ann):
    ends = "2099-01-31"
    home.access.keys.add("over", ADMIN, by=HOME, expires=ends)
    gone = home.access.keys.add("gone", ADMIN, by=HOME)
    home.access.keys.revoke(gone.key.id, by="user:ann")
    home.clock.move(80 * 365 * 86_400)
    with pytest.raises(NotAllowed):
        home.access.users.remove("ann", by="user:ann")


def test_whoever_works_on_the_home_may_remove_the_last(home, ann):
    home.access.users.remove("ann", by=HOME)
    made = home.access.first_admin()
    home.access.keys.revoke(made.key.id, by=HOME)
    assert home.access.first_admin() is not None
