"""API keys: made, used, revoked, kept; each change on record."""

from __future__ import annotations

import pytest
from making_access import Home, request
from organisations import full_log

from counterfoil.errors import InvalidInput, LogUnavailable, NotFound, NotSignedIn
from counterfoil.node.access import HOME
from counterfoil.web.roles import Role

OPERATOR = frozenset({Role.OPERATOR})


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    yield made
    made.close()


def test_the_holder_of_a_key_has_its_roles(home):
    made = home.access.keys.add("scoring", OPERATOR, by=HOME)
    who = home.identify(made.token)
    assert (who.id, who.roles) == (f"key:{made.key.id}", OPERATOR)
    home.reopen()
    assert home.identify(made.token) == who


def test_a_key_is_on_record_with_who_made_it(home):
    made = home.access.keys.add("scoring", OPERATOR, by=HOME, expires="2099-01-31")
    assert home.told() == [
        {
            "/by": HOME,
            "/expires": "2099-01-31T00:00:00Z",
            "/name": "scoring",
            "/roles": ["operator"],
            "/what": "add key",
            "/who": f"key:{made.key.id}",
        }
    ]
    assert home.org.archive.record(made.place).about_bytes == b""


def test_a_revoked_key_stops_at_once_and_for_good(home):
    made = home.access.keys.add("scoring", OPERATOR, by=HOME)
    home.access.keys.revoke(made.key.id, by="key:other")
    home.access.keys.revoke(made.key.id, by="key:other")
    for _ in range(2):
        with pytest.raises(NotSignedIn, match="revoked"):
            home.identify(made.token)
        home.reopen()
    assert [(each["/what"], each["/by"]) for each in home.told()] == [("add key", HOME), ("revoke key", "key:other")]


def test_a_key_ends_when_it_says(home):
    made = home.access.keys.add("scoring", OPERATOR, by=HOME, expires="2099-01-31")
    home.clock.now_s = made.key.expires_s - 1
    assert home.identify(made.token)
    home.clock.move(1)
    with pytest.raises(NotSignedIn, match="expired"):
        home.identify(made.token)


SPOILT = {
    "another last character": lambda token: token[:-1] + ("A" if token[-1] != "A" else "E"),
    "cut": lambda token: token[:-1],
    "longer": lambda token: token + "A",
    "capitals": lambda token: token.upper(),
    "another id": lambda token: f"cf_00000000{token[11:]}",
    "no prefix": lambda token: token.removeprefix("cf_"),
    "nothing": lambda token: "",
    "prefix only": lambda token: "cf_",
    "not ASCII": lambda token: "ü" * 46,
}


@pytest.mark.parametrize("how", SPOILT)
def test_another_key_is_refused_without_being_repeated(home, how):
    made = home.access.keys.add("scoring", OPERATOR, by=HOME)
    with pytest.raises(NotSignedIn) as refused:
        home.identify(SPOILT[how](made.token))
    assert made.token[12:-1] not in str(refused.value)


@pytest.mark.parametrize("header", [b"Basic dXNlcjpwYXNz", b"", b"Bearer", b"bearer  ", b"\xff\xfe"])
def test_other_credentials_are_refused(home, header):
    with pytest.raises(NotSignedIn):
        home.access.identify(request("GET", (b"authorization", header)))


def test_two_keys_in_one_request_are_refused(home):
    made = home.access.keys.add("scoring", OPERATOR, by=HOME)
    header = (b"authorization", b"Bearer " + made.token.encode())
    with pytest.raises(NotSignedIn, match="two keys"):
        home.access.identify(request("GET", header, header))


def test_no_key_is_kept_or_shown(home):
    made = home.access.keys.add("scoring", OPERATOR, by=HOME)
    home.identify(made.token)
    secret = made.token[12:]
    assert secret not in repr(made) + repr(home.access.keys.all()) + repr(home.told())
    home.close()
    files = [path for path in home.folder.rglob("*") if path.is_file()]
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
    home.open()


def test_when_a_key_was_used_is_remembered(home):
    made = home.access.keys.add("scoring", OPERATOR, by=HOME)
    assert home.access.keys.find(made.key.id).used_s is None
    home.clock.move(90)
    home.identify(made.token)
    assert home.access.keys.find(made.key.id).used_s == int(home.clock())
    home.access.keep()
    home.reopen()
    assert home.access.keys.find(made.key.id).used_s == int(home.clock())


@pytest.mark.parametrize("name", ["", " padded", "two\nlines", "x" * 81, "\x1b[31mred"])
def test_a_name_is_one_line_of_text(home, name):
    with pytest.raises(InvalidInput):
        home.access.keys.add(name, OPERATOR, by=HOME)


@pytest.mark.parametrize("expires", ["soon", "2020-01-01", "2099-02-30", "2099-13-01", "2099-01-01T00:00:00"])
def test_an_end_is_a_time_to_come(home, expires):
    with pytest.raises(InvalidInput):
        home.access.keys.add("scoring", OPERATOR, by=HOME, expires=expires)
    assert home.access.keys.all() == []


def test_a_key_without_a_role_is_refused(home):
    with pytest.raises(InvalidInput, match="role"):
        home.access.keys.add("scoring", frozenset(), by=HOME)


def test_a_key_that_is_not_there_cannot_be_revoked(home):
    with pytest.raises(NotFound):
        home.access.keys.revoke("00000000", by=HOME)


def test_no_record_no_key(home):
    with full_log(home.org), pytest.raises(LogUnavailable):
        home.access.keys.add("scoring", OPERATOR, by=HOME)
    assert home.access.keys.all() == []


def test_revoking_works_while_the_log_cannot_be_written(home):
    made = home.access.keys.add("scoring", OPERATOR, by=HOME)
    with full_log(home.org), pytest.raises(LogUnavailable):
        home.access.keys.revoke(made.key.id, by=HOME)
    with pytest.raises(NotSignedIn, match="revoked"):
        home.identify(made.token)
    home.reopen()
    with pytest.raises(NotSignedIn, match="revoked"):
        home.identify(made.token)
    assert [each["/what"] for each in home.told()] == ["add key", "revoke key"]


def test_the_first_admin_is_made_where_there_is_none(home):
    first = home.access.first_admin()
    assert home.identify(first.token).roles == {Role.ADMIN}
    assert home.access.first_admin() is None
    home.access.keys.revoke(first.key.id, by=HOME)
    assert home.access.first_admin() is not None


def test_a_ticket_of_the_market_is_no_key_and_gives_no_rights(home):
    """The market's own routes look at it; everywhere else whoever shows it is nobody."""
    ticket = b"Bearer cft_" + b"A" * 43
    assert home.access.identify(request("GET", (b"authorization", ticket))) is None
    with pytest.raises(NotSignedIn):
        home.access.identify(request("GET", (b"authorization", ticket + b"A")))
