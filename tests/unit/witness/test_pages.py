"""Witnesses in the console: set up by admins, each step shown before it is done; read by staff."""

from __future__ import annotations

import re

import pytest
from making_node import serving
from serving_witness import GrowingLog, witness_signer
from serving_witness import serving as answering
from signing_in import PAGE, field, newest, send

from counterfoil.web import formats
from counterfoil.web.roles import Role
from counterfoil.witness.cosigner import Answer

PLACE = "/witnesses"
KEY = str(witness_signer(1).key)
OTHER = str(witness_signer(2).key)


@pytest.fixture
def node(tmp_path):
    with serving(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory):
    """One for tests that leave nothing in it that another would see: a node is slow to make."""
    with serving(tmp_path_factory.mktemp("node")) as found:
        yield found


def add(node, name="club", key=KEY, url="", quorum=""):
    """Adds a witness in the two steps that the pages have."""
    asked = {"name": name, "key": key, "url": url, "quorum": quorum}
    return send(node, f"{PLACE}/add", **asked, seen=field(send(node, PLACE, **asked).text, "seen"))


def names(node) -> list[str]:
    policy = node.org.witness.policy
    return [each.name for each in policy.witnesses] if policy else []


def test_a_witness_is_shown_before_it_is_added(node):
    size = node.org.archive.size
    plan = send(node, PLACE, name="club", key=KEY, url="https://club.example/")
    assert (plan.status_code, "It would read like this" in plan.text) == (200, True)
    assert "quorum witnesses" in plan.text
    assert (names(node), node.org.archive.size) == ([], size)
    added = add(node, url="https://club.example/")
    assert (added.status_code, added.headers["location"]) == (303, PLACE)
    assert names(node) == ["club"]
    assert newest(node)[1]["/what"] == "asked for a witness"
    page = node.client.get(PLACE, headers=PAGE).text
    assert formats.breakable("https://club.example") in page
    assert formats.breakable(str(node.org.issuer)) in page


def test_a_policy_that_changed_since_it_was_shown_is_shown_again(node):
    asked = {"name": "club", "key": KEY, "url": "", "quorum": "any"}
    seen = field(send(node, PLACE, **asked).text, "seen")
    node.org.witness.add_witness("other", OTHER)
    again = send(node, f"{PLACE}/add", **asked, seen=seen)
    assert "somebody changed the policy since you looked" in again.text
    assert names(node) == ["other"]
    assert send(node, f"{PLACE}/add", **asked, seen=field(again.text, "seen")).status_code == 303
    assert names(node) == ["other", "club"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "two words"},
        {"name": "none"},
        {"name": "a\nquorum none"},
        {"key": ""},
        {"key": str(GrowingLog().signer.key)},
        {"url": "ftp://club.example"},
        {"url": "javascript:alert(1)"},
        {"quorum": "9"},
        {"quorum": "any other"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", [PLACE, f"{PLACE}/add"])
def test_a_refused_witness_says_why_and_keeps_what_was_typed(shared_node, path, wrong):
    asked = {"name": "club", "key": KEY, "url": "https://club.example/", "quorum": ""} | wrong
    refused = send(shared_node, path, **asked)
    assert (refused.status_code, "Nothing was changed" in refused.text) == (422, True)
    for name in {"name", "key", "url"} - wrong.keys():
        assert f'value="{asked[name]}"' in refused.text, name
    assert names(shared_node) == []


def test_what_a_removal_leaves_is_shown_before_it_is_done(node):
    add(node)
    add(node, "quiet", OTHER, quorum="2")
    page = node.client.get(PLACE, headers=PAGE).text
    assert "It cannot go" in page
    refused = send(node, f"{PLACE}/remove", name="club")
    assert (refused.status_code, names(node)) == (422, ["club", "quiet"])
    add(node, "third", str(witness_signer(3).key), quorum="any")
    page = node.client.get(PLACE, headers=PAGE).text
    assert "Enough is then: 1 of quiet, third" in page
    assert send(node, f"{PLACE}/remove", name="club").status_code == 303
    assert names(node) == ["quiet", "third"]
    assert newest(node)[1]["/what"] == "asked for a witness no longer"
    gone = send(node, f"{PLACE}/remove", name="club")
    assert (gone.status_code, "removed%20already" in gone.headers["set-cookie"]) == (303, True)


def test_a_policy_written_by_hand_is_left_to_the_hand(node):
    add(node)
    node.org.witness.paths.policy.write_text(f"# mine\n{node.org.witness.policy.text()}")
    refused = send(node, PLACE, name="quiet", key=OTHER)
    assert (refused.status_code, "written by hand" in refused.text) == (422, True)
    assert "It cannot go" in node.client.get(PLACE, headers=PAGE).text


def test_witnesses_are_asked_when_an_admin_wants_it(node):
    nobody = send(node, f"{PLACE}/collect")
    assert (nobody.status_code, "has no witnesses" in nobody.text) == (422, True)
    with answering(lambda _: Answer(422, "text/plain", b"no")) as url:
        add(node, url=url)
        told = send(node, f"{PLACE}/collect")
        assert (told.status_code, "Not%20enough" in told.headers["set-cookie"]) == (303, True)
        page = node.client.get(PLACE, headers=PAGE | {"cookie": told.headers["set-cookie"].partition(";")[0]}).text
    assert '<p class="told warns" role="alert">Not enough' in page
    assert "club has seen another history of this log" in page
    assert 'href="#own-history"' in page
    assert 'id="own-history"' in page


def test_logs_are_added_by_key_and_removed(node):
    log = GrowingLog()
    key = str(log.signer.key)
    assert "made with the first log" in node.client.get(PLACE, headers=PAGE).text
    assert send(node, f"{PLACE}/logs", log=key).status_code == 303
    assert newest(node)[1]["/what"] == "asked for watching a log"
    again = send(node, f"{PLACE}/logs", log=key)
    assert (again.status_code, "already" in again.text) == (422, True)
    assert formats.breakable(str(node.org.witness.key)) in node.client.get(PLACE, headers=PAGE).text
    for _ in range(2):
        assert send(node, f"{PLACE}/logs/remove", log=key).status_code == 303
    assert node.org.witness.settings.logs == ()


@pytest.mark.parametrize("key", ["", "nonsense", KEY])
def test_what_is_no_log_is_not_watched(shared_node, key):
    refused = send(shared_node, f"{PLACE}/logs", log=key)
    assert (refused.status_code, f'value="{key}"' in refused.text) == (422, True)
    assert shared_node.org.witness.settings.logs == ()


def test_a_log_that_contradicted_itself_is_an_alarm_with_both_heads(node):
    log = GrowingLog().grow(3)
    node.org.witness.add_log(str(log.signer.key))
    for request in (log.request(0), log.fork(2).grow(1, "x").request(3, 3)):
        node.org.witness.add_checkpoint(request)
    page = node.client.get(PLACE, headers=PAGE).text
    assert "signed two different heads over 3 records" in page
    assert 'href="#other-history"' in page
    assert len(re.findall(r"<pre>shop\.example/prices\n3\n", page)) == 2


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR])
def test_staff_reads_and_sees_no_form(tmp_path, role):
    with serving(tmp_path, role) as node:
        node.org.witness.add_witness("club", KEY, "https://club.example")
        page = node.client.get(PLACE, headers=PAGE)
        assert (page.status_code, "club" in page.text) == (200, True)
        assert 'action="/witnesses' not in page.text
