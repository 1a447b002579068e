"""People who sign in: passwords, sessions, lockouts, and requests that other sites forge."""

from __future__ import annotations

import inspect

import pytest
from making_access import CHEAP, Home, request
from organisations import full_log
from sqlalchemy import select

from counterfoil.errors import (
    InvalidInput,
    LogUnavailable,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Stale,
    TooManyRequests,
)
from counterfoil.node.access import HOME, Access
from counterfoil.node.access.forgery import csrf_token
from counterfoil.node.access.lockouts import ADDRESS_FACTOR
from counterfoil.node.access.passwords import COST, Cost, Passwords
from counterfoil.node.access.tables import sessions
from counterfoil.node.node import Node
from counterfoil.web.roles import FORM_GUARD, Principal, Role

PASSWORD = "correct horse battery"
WRONG = "incorrect horse battery"
ADDRESS = "192.0.2.7"
OPERATOR = frozenset({Role.OPERATOR})
OWN = (b"origin", b"http://127.0.0.1:8000")


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path, logins_before_lockout=3, lockout_s=60, session_s=600, session_most_s=3_600)
    made.access.users.add("bo", PASSWORD, OPERATOR, by=HOME)
    yield made
    made.close()


def login(home, name="bo", password=PASSWORD, address=ADDRESS):
    return home.access.login(name, password, address)


def browse(home, token, method="GET", *headers):
    """Returns whom the node takes a request for that carries a session's cookie, and the request."""
    cookie = home.access.cookie(token).partition(";")[0].encode()
    scope = request(method, (b"cookie", cookie), *headers)
    return home.access.identify(scope), scope


def fail(home, times, name="bo", address=ADDRESS):
    for _ in range(times):
        with pytest.raises(NotSignedIn):
            login(home, name, WRONG, address)


def test_a_session_acts_as_its_user(home):
    made = login(home)
    who, scope = browse(home, made.token)
    assert (who.id, who.roles) == ("user:bo", OPERATOR)
    assert home.access.csrf_of(scope) == made.csrf
    home.reopen()
    assert browse(home, made.token)[0] == who


def test_the_name_may_be_typed_in_capitals(home):
    assert browse(home, login(home, " Bo ").token)[0].id == "user:bo"


def test_one_who_signs_in_twice_at_once_is_let_in_twice(home):
    checked = home.access.users.check("bo", PASSWORD)
    assert login(home)
    assert home.access.users.note_login(checked) is not None


def test_whose_rights_changed_since_the_password_was_checked_is_not_let_in(home):
    checked = home.access.users.check("bo", PASSWORD)
    home.access.users.set_roles("bo", frozenset({Role.AUDITOR}), by=HOME)
    assert home.access.users.note_login(checked) is None


def test_each_sign_in_has_a_token_of_its_own(home):
    first, second = login(home), login(home)
    assert first.token != second.token
    assert first.csrf != second.csrf
    assert PASSWORD not in repr(first)
    assert first.token not in repr(first)


def test_a_token_that_somebody_planted_is_never_taken_over(home):
    planted = "A" * 43
    assert browse(home, planted)[0] is None
    made = login(home)
    assert made.token != planted
    assert browse(home, planted)[0] is None


def test_of_two_cookies_neither_counts(home):
    token = login(home).token
    cookie = home.access.cookie(token).partition(";")[0].encode()
    assert home.access.identify(request("GET", (b"cookie", cookie + b"; " + cookie))) is None
    assert home.access.identify(request("GET", (b"cookie", cookie), (b"cookie", b"counterfoil=else"))) is None


def test_signing_out_ends_the_session_for_good(home):
    made = login(home)
    home.access.logout(made.token)
    home.access.logout(made.token)
    assert browse(home, made.token)[0] is None
    home.reopen()
    assert browse(home, made.token)[0] is None
    assert home.told()[-1]["/what"] == "sign out"


def test_signing_out_works_while_the_log_cannot_be_written(home):
    made = login(home)
    with full_log(home.org):
        home.access.logout(made.token)
    assert browse(home, made.token)[0] is None
    home.access.keep()
    assert home.told()[-1]["/what"] == "sign out"


def test_a_silent_session_ends(home):
    made = login(home)
    home.clock.move(600)
    assert browse(home, made.token)[0]
    home.clock.move(601)
    assert browse(home, made.token)[0] is None


def test_no_session_lasts_longer_than_the_settings_say(home):
    made = login(home)
    for _ in range(6):
        home.clock.move(600)
        assert browse(home, made.token)[0]
    home.clock.move(1)
    assert browse(home, made.token)[0] is None


def test_ended_sessions_are_forgotten_and_lively_ones_kept(home):
    old = login(home)
    home.clock.move(500)
    young = login(home)
    home.clock.move(200)
    home.access.keep()
    home.reopen()
    assert browse(home, old.token)[0] is None
    assert browse(home, young.token)[0]


def test_other_rights_end_every_session(home):
    first = login(home)
    home.access.users.set_roles("bo", frozenset({Role.ADMIN}), by=HOME)
    assert browse(home, first.token)[0] is None
    second = login(home)
    assert browse(home, second.token)[0].roles == {Role.ADMIN}
    home.access.users.set_password("bo", WRONG, by=HOME)
    assert browse(home, second.token)[0] is None
    with pytest.raises(NotSignedIn):
        login(home)
    third = login(home, password=WRONG)
    home.access.users.remove("bo", by=HOME)
    assert browse(home, third.token)[0] is None
    home.reopen()
    assert [browse(home, each.token)[0] for each in (first, second, third)] == [None] * 3


def test_a_user_has_so_many_sessions_at_once(home):
    first = login(home)
    home.clock.move(1)
    others = [login(home) for _ in range(20)]
    assert browse(home, first.token)[0] is None
    assert all(browse(home, each.token)[0] for each in others)


def test_every_change_and_every_attempt_is_on_record(home):
    login(home)
    fail(home, 3)
    with pytest.raises(NotSignedIn):
        login(home, "my secret password", WRONG)
    home.access.users.set_roles("bo", OPERATOR, by="key:1")
    home.access.users.set_password("bo", WRONG, by="key:1")
    home.access.users.remove("bo", by="key:1")
    told = [(each["/what"], each["/who"], each["/by"]) for each in home.told()]
    assert told == [
        ("add user", "user:bo", HOME),
        ("sign in", "user:bo", "user:bo"),
        ("refuse sign-in", "user:bo", "unknown"),
        ("refuse sign-in", "user:bo", "unknown"),
        ("lock sign-in", "user:bo", "unknown"),
        ("refuse sign-in", "nobody", "unknown"),
        ("change roles", "user:bo", "key:1"),
        ("set password", "user:bo", "key:1"),
        ("remove user", "user:bo", "key:1"),
    ]
    assert home.told()[1]["/address"] == ADDRESS
    assert "secret password" not in repr(home.told())


def test_no_password_and_no_token_is_kept(home):
    made = login(home)
    with pytest.raises(NotSignedIn):
        login(home, PASSWORD, WRONG)
    home.close()
    files = [path.read_bytes() for path in home.folder.rglob("*") if path.is_file()]
    secrets = (PASSWORD, WRONG, made.token, made.csrf)
    assert [secret for secret in secrets if any(secret.encode() in data for data in files)] == []
    home.open()
    assert PASSWORD not in repr(home.access.users.all())
    assert "argon2" not in repr(home.access.users.all())


def test_no_record_nobody_signed_in(home):
    with full_log(home.org), pytest.raises(LogUnavailable):
        login(home)
    with home.state.reading() as connection:
        assert connection.execute(select(sessions)).all() == []


# One's own password


def change(home, old=PASSWORD, new="another horse battery", address=ADDRESS):
    return home.access.change_password(home.access.users.require("bo").principal, old, new, address)


def test_a_new_password_of_ones_own_ends_every_session_and_begins_another(home):
    here, elsewhere = login(home), login(home)
    made = change(home)
    assert made.token not in (here.token, elsewhere.token)
    assert made.csrf not in (here.csrf, elsewhere.csrf)
    assert [browse(home, each.token)[0] for each in (here, elsewhere)] == [None, None]
    assert browse(home, made.token)[0].id == "user:bo"
    home.reopen()
    assert browse(home, made.token)[0].id == "user:bo"
    assert browse(home, here.token)[0] is None
    with pytest.raises(NotSignedIn):
        login(home)
    assert login(home, password="another horse battery")


def test_who_changed_their_own_password_is_on_record(home):
    change(home)
    with pytest.raises(InvalidInput):
        change(home)
    told = [(each["/what"], each["/who"], each["/by"]) for each in home.told()]
    assert told[1:] == [("set password", "user:bo", "user:bo"), ("refuse password", "user:bo", "user:bo")]
    assert home.told()[-1]["/address"] == ADDRESS
    assert "horse" not in repr(home.told())


def test_wrong_old_passwords_lock_as_those_at_signing_in_do(home):
    made = login(home)
    for _ in range(3):
        with pytest.raises(InvalidInput, match="old password is wrong"):
            change(home, WRONG)
    for ask in (lambda: change(home), lambda: login(home)):
        with pytest.raises(TooManyRequests, match="locked for another 60 seconds"):
            ask()
    assert home.told()[-1]["/what"] == "lock sign-in"
    assert browse(home, made.token)[0]
    home.clock.move(60)
    assert change(home)


def test_wrong_passwords_at_signing_in_count_for_the_change(home):
    fail(home, 2)
    with pytest.raises(InvalidInput):
        change(home, WRONG)
    with pytest.raises(TooManyRequests):
        change(home)


@pytest.mark.parametrize("new", ["short", "x" * 1_001, PASSWORD])
def test_a_new_password_that_is_not_taken_changes_nothing(home, new):
    made = login(home)
    with pytest.raises(InvalidInput):
        change(home, new=new)
    assert browse(home, made.token)[0]
    assert login(home)
    assert home.told()[-1]["/what"] == "sign in"


def test_no_record_no_new_password(home):
    made = login(home)
    with full_log(home.org), pytest.raises(LogUnavailable):
        change(home)
    assert browse(home, made.token)[0]
    assert login(home)


@pytest.mark.parametrize("who", ["key:1a2b3c4d", "node:other.example"])
def test_only_people_have_a_password_of_their_own(home, who):
    with pytest.raises(NotAllowed, match="only people have a password"):
        home.access.change_password(Principal(who, OPERATOR), PASSWORD, WRONG, ADDRESS)


def test_an_admins_new_password_is_not_undone_by_a_change_that_began_before(home):
    known = home.access.users.require("bo")
    home.access.users.set_password("bo", WRONG, by=HOME)
    with pytest.raises(Stale):
        home.access.users.set_password("bo", PASSWORD, by="user:bo", known=known)
    assert login(home, password=WRONG)


# Lockouts


def test_a_few_wrong_passwords_lock_a_name_and_longer_each_time(home):
    fail(home, 3)
    with pytest.raises(TooManyRequests, match="locked for another 60 seconds") as locked:
        login(home)
    assert locked.value.retry_after_s == 60
    home.clock.move(60)
    fail(home, 1)
    with pytest.raises(TooManyRequests, match="2 minutes"):
        login(home)
    home.clock.move(120)
    assert login(home)
    fail(home, 2)
    assert login(home)


def test_a_lock_survives_a_restart(home):
    fail(home, 3)
    home.reopen()
    with pytest.raises(TooManyRequests):
        login(home)


def test_no_lock_lasts_longer_than_a_day(home):
    for _ in range(20):
        fail(home, 1)
        home.clock.move(86_400)
    fail(home, 1)
    with pytest.raises(TooManyRequests, match="24 hours") as locked:
        login(home)
    assert locked.value.retry_after_s == 86_400


def test_a_new_password_unlocks_a_name(home):
    fail(home, 3)
    home.access.users.set_password("bo", PASSWORD, by=HOME)
    assert login(home)


def test_a_name_that_nobody_has_is_locked_in_the_same_words(home):
    said = []
    for name in ("bo", "nobody"):
        for _ in range(3):
            with pytest.raises(NotSignedIn) as refused:
                login(home, name, WRONG)
            said.append((name, str(refused.value), refused.value.hint))
        with pytest.raises(TooManyRequests) as locked:
            login(home, name, WRONG)
        said.append((name, str(locked.value), locked.value.hint))
    assert [each[1:] for each in said if each[0] == "bo"] == [each[1:] for each in said if each[0] == "nobody"]


def test_an_address_is_locked_whatever_names_it_tries(home):
    for number in range(3 * ADDRESS_FACTOR):
        fail(home, 1, f"name{number}")
    with pytest.raises(TooManyRequests):
        login(home)
    assert login(home, address="192.0.2.8")


@pytest.mark.parametrize(
    ("one", "other"), [("2001:db8::1", "2001:db8::2:0:0:1"), ("192.0.2.7", "::ffff:192.0.2.7")], ids=["v6", "mapped"]
)
def test_addresses_of_one_customer_are_one(home, one, other):
    for number in range(3 * ADDRESS_FACTOR):
        fail(home, 1, f"name{number}", one)
    with pytest.raises(TooManyRequests):
        login(home, address=other)


def test_an_own_account_does_not_wash_an_address_clean(home):
    for number in range(3 * ADDRESS_FACTOR):
        fail(home, 1, f"name{number}")
        if number < 3 * ADDRESS_FACTOR - 1:
            login(home)
    with pytest.raises(TooManyRequests):
        login(home)


def test_old_failures_are_forgotten(home):
    fail(home, 2)
    home.clock.move(86_401)
    home.access.keep()
    fail(home, 2)
    assert login(home)


# Passwords


def test_an_unknown_name_costs_the_same_work(home):
    """Structure, not clocks: the hash that is tried for nobody has the parameters of everybody's."""
    passwords = Passwords(CHEAP)
    kept = passwords.hash(PASSWORD)
    nobody = passwords._nobody
    assert nobody.split("$")[:4] == kept.split("$")[:4]
    assert [len(part) for part in nobody.split("$")] == [len(part) for part in kept.split("$")]
    assert not passwords.is_right(None, PASSWORD)
    assert not passwords.is_dated(nobody)


def test_the_cost_is_the_one_that_the_standard_recommends():
    assert (COST.passes, COST.memory_kib, COST.lanes) == (3, 65_536, 4)
    kept = Passwords().hash(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_node_asks_that_cost_unless_told_otherwise():
    assert inspect.signature(Node).parameters["password_cost"].default is COST
    assert inspect.signature(Access).parameters["cost"].default is COST


def test_a_hash_of_another_cost_is_made_anew_at_sign_in(home):
    dearer = Access(home.state, home.settings, home.org, home.clock, Cost(passes=2, memory_kib=8, lanes=1))
    before = dearer.users.get("bo").password
    dearer.login("bo", PASSWORD, ADDRESS)
    after = dearer.users.get("bo").password
    assert ("t=1," in before, "t=2," in after) == (True, True)
    assert Passwords(CHEAP).is_right(after, PASSWORD)


def test_one_password_typed_in_two_ways_is_one(home):
    home.access.users.set_password("bo", "Stra\u00dfe nach M\u00fcnchen", by=HOME)
    assert login(home, password="Stra\u00dfe nach Mu\u0308nchen")


def test_a_password_is_measured_before_it_is_normalised():
    """Normalising takes time by the square of the length; what is too long as it came is never normalised."""
    passwords = Passwords(CHEAP)
    long = "a\u0301" * 600
    with pytest.raises(InvalidInput, match="this one 1200"):
        passwords.hash(long)
    kept = passwords.hash("\u00e1" * 600)
    assert passwords.is_right(kept, "\u00e1" * 600)
    assert not passwords.is_right(kept, long)


def test_a_longer_password_than_any_is_wrong(home):
    home.access.users.set_password("bo", "x" * 1_000, by=HOME)
    with pytest.raises(NotSignedIn):
        login(home, password="x" * 1_001)
    assert login(home, password="x" * 1_000)


@pytest.mark.parametrize("password", ["", "short", "x" * 1_001], ids=["empty", "short", "long"])
def test_a_password_has_a_length(home, password):
    with pytest.raises(InvalidInput):
        home.access.users.add("ann", password, OPERATOR, by=HOME)
    assert home.access.users.get("ann") is None


@pytest.mark.parametrize("name", ["", "Bo", "a b", "a\n", "../x", "x" * 65, "bo"])
def test_a_name_is_plain_and_not_taken(home, name):
    with pytest.raises(InvalidInput):
        home.access.users.add(name, PASSWORD, OPERATOR, by=HOME)


def test_nobody_is_without_a_role(home):
    with pytest.raises(InvalidInput):
        home.access.users.add("ann", PASSWORD, frozenset(), by=HOME)
    with pytest.raises(InvalidInput):
        home.access.users.set_roles("bo", frozenset(), by=HOME)


def test_who_is_not_there_cannot_be_changed(home):
    for change in (
        lambda: home.access.users.remove("ann", by=HOME),
        lambda: home.access.users.set_roles("ann", OPERATOR, by=HOME),
        lambda: home.access.users.set_password("ann", PASSWORD, by=HOME),
    ):
        with pytest.raises(NotFound):
            change()


# Forged requests


def test_what_a_script_of_an_own_page_sends_is_taken(home):
    made = login(home)
    assert browse(home, made.token, "POST", OWN, (b"x-csrf-token", made.csrf.encode()))[0].id == "user:bo"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "BREW"])
def test_nothing_is_changed_without_the_token(home, method):
    with pytest.raises(NotAllowed, match="page of your session"):
        browse(home, login(home).token, method, OWN)


@pytest.mark.parametrize("given", [b"", b"x", "ü".encode(), b"A" * 43])
def test_another_token_is_refused(home, given):
    with pytest.raises(NotAllowed):
        browse(home, login(home).token, "POST", OWN, (b"x-csrf-token", given))


def test_the_token_of_another_session_is_refused(home):
    mine, other = login(home), login(home)
    with pytest.raises(NotAllowed):
        browse(home, mine.token, "POST", OWN, (b"x-csrf-token", other.csrf.encode()))


def test_the_token_of_another_node_is_refused(home):
    made = login(home)
    forged = csrf_token(b"s" * 32, b"d" * 32)
    with pytest.raises(NotAllowed):
        browse(home, made.token, "POST", OWN, (b"x-csrf-token", forged.encode()))


@pytest.mark.parametrize(
    "header",
    [
        (b"origin", b"https://evil.example"),
        (b"origin", b"null"),
        (b"origin", b"http://127.0.0.1:8001"),
        (b"origin", b"http://127.0.0.1:8000.evil.example"),
        (b"sec-fetch-site", b"cross-site"),
        (b"sec-fetch-site", b"same-site"),
    ],
    ids=range(6),
)
def test_another_sites_page_is_refused_even_with_the_token(home, header):
    made = login(home)
    with pytest.raises(NotAllowed, match="another site"):
        browse(home, made.token, "POST", header, (b"x-csrf-token", made.csrf.encode()))


def test_two_origins_do_not_hide_a_foreign_one(home):
    made = login(home)
    token = (b"x-csrf-token", made.csrf.encode())
    for origins in ((OWN, (b"origin", b"https://evil.example")), ((b"origin", b"https://evil.example"), OWN)):
        with pytest.raises(NotAllowed, match="another site"):
            browse(home, made.token, "POST", *origins, token)


def test_another_sites_page_cannot_sign_a_browser_in(home):
    with pytest.raises(NotAllowed, match="another site"):
        home.access.identify(request("POST", (b"origin", b"https://evil.example"), path="/login"))
    assert home.access.identify(request("POST", OWN, path="/login")) is None


@pytest.mark.parametrize("kind", [b"application/x-www-form-urlencoded", b"Multipart/Form-Data; boundary=x"])
def test_a_forms_token_is_checked_before_anything_acts_on_it(home, kind):
    made = login(home)
    _, scope = browse(home, made.token, "POST", OWN, (b"content-type", kind))
    assert FORM_GUARD in scope["state"]
    home.access.require_csrf(scope, made.csrf)
    for given in (None, "", "x"):
        with pytest.raises(NotAllowed):
            home.access.require_csrf(scope, given)


def test_a_key_needs_no_token(home):
    made = home.access.keys.add("scoring", OPERATOR, by=HOME)
    header = (b"authorization", b"Bearer " + made.token.encode())
    assert home.access.identify(request("POST", header)).id == f"key:{made.key.id}"


# Cookies


def test_the_cookie_is_kept_from_scripts_and_other_sites(home, tmp_path):
    cookie = home.access.cookie("t")
    assert cookie == "counterfoil=t; Path=/; Max-Age=3600; HttpOnly; SameSite=Strict"
    assert "Max-Age=0" in home.access.no_cookie()
    others = {"proxy": {"public_url": "https://node.bank.example"}, "tls": {"tls_cert": "c", "tls_key": "k"}}
    for name, settings in others.items():
        other = Home(tmp_path / name, **settings)
        secure = other.access
        assert secure.cookie("t").startswith("__Host-counterfoil=t; Path=/;")
        assert secure.cookie("t").endswith("; Secure")
        assert secure.token_in(request("GET", (b"cookie", b"a=b; __Host-counterfoil=t"))) == "t"
        assert secure.token_in(request("GET", (b"cookie", b"counterfoil=t"))) is None
        other.close()


def test_nobody_types_a_password_that_the_network_reads(home):
    plain = Access(home.state, type(home.settings)(listen="0.0.0.0:8000"), home.org, home.clock, CHEAP)
    with pytest.raises(NotAllowed, match="https"):
        plain.login("bo", PASSWORD, ADDRESS)
