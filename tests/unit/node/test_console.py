"""The console's pages over HTTP: who gets which, what they carry, and what forms must carry."""

from __future__ import annotations

import re

import httpx
import pytest
from making_node import asking, serving, settled
from serving_witness import GrowingLog, witness_signer
from signing_in import PAGE, PASSWORD, field, newest, sign_in

from counterfoil.errors import ERROR_TABLE
from counterfoil.node.access import RequestSigner
from counterfoil.node.alarms import Concern
from counterfoil.node.pages import _shown
from counterfoil.node.settings import NodeSettings
from counterfoil.provenance.quality.check import check_quality
from counterfoil.web.roles import Role


@pytest.fixture
def node(tmp_path):
    with serving(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory):
    """One for tests that leave nothing in it that another would see: a node is slow to make."""
    with serving(tmp_path_factory.mktemp("node")) as found:
        yield found


@pytest.fixture
def visitor(node):
    with httpx.Client(base_url=node.url, headers=PAGE, timeout=30) as client:
        yield client


@pytest.fixture
def passer_by(shared_node):
    with httpx.Client(base_url=shared_node.url, headers=PAGE, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def signed_in(tmp_path_factory):
    """An admin at a page of a node where something of all that is set up in the console is there."""
    with (
        serving(tmp_path_factory.mktemp("set up")) as node,
        httpx.Client(base_url=node.url, headers=PAGE, timeout=30) as visitor,
    ):
        sign_in(node, visitor)
        access = node.node.access
        access.users.add("bo", PASSWORD, frozenset({Role.AUDITOR}), by="test")
        access.peers.add(str(RequestSigner("other.example", b"o" * 32).key), frozenset(), by="test")
        node.node.webhooks.add("https://hooks.example/", ())
        node.org.witness.add_log(str(GrowingLog().signer.key))
        node.org.witness.add_witness("club", str(witness_signer(1).key), "https://club.example")
        yield visitor


def decide(node) -> int:
    made = node.client.post(
        f"/api/v1/deployments/{node.deployment}/decisions", json={"applicant": node.applicant, "subject": "4711"}
    )
    return int(made.json()["index"])


def test_whoever_is_not_signed_in_is_asked_to_and_comes_back(passer_by):
    sent = passer_by.get("/decisions?label=approve")
    assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=%2Fdecisions%3Flabel%3Dapprove")
    asked = passer_by.get(sent.headers["location"])
    assert field(asked.text, "next") == "/decisions?label=approve"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/%0d%0ax", "\n/"]
)
def test_signing_in_leads_nowhere_else(signed_in, elsewhere):
    with httpx.Client(base_url=signed_in.base_url, headers=PAGE, timeout=30) as visitor:
        asked = visitor.get("/login", params={"next": elsewhere})
        target = field(asked.text, "next")
        assert target == "/" or target.startswith("/%"), target
        sent = visitor.post("/login", data={"name": "mira", "password": PASSWORD, "next": elsewhere})
    assert sent.headers["location"] in ("/", "/%0d%0ax")


def test_programs_get_problems_where_people_get_pages(shared_node):
    assert shared_node.client.get("/nowhere").headers["content-type"] == "application/problem+json"
    assert "text/html" in shared_node.client.get("/nowhere", headers=PAGE).headers["content-type"]
    api = shared_node.client.get("/api/v1/decisions/999999", headers=PAGE)
    assert api.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/", "/decisions", "/login", "/errors", "/nowhere", "/erase", "/recalls", "/me", "/webhooks", "/witnesses"]
)
def test_every_page_forbids_scripts_and_styles_inside_it(shared_node, path):
    page = shared_node.client.get(path, headers=PAGE, follow_redirects=True)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?! type=\"module\" src=)|\sstyle=|\son[a-z]+=", page.text)


def test_files_are_kept_for_good_under_names_that_change_with_them(shared_node):
    page = shared_node.client.get("/", headers=PAGE).text
    for name in re.findall(r"/static/[^\"]+", page):
        found = shared_node.client.get(name)
        assert found.status_code == 200
        assert "immutable" in found.headers["cache-control"]
        assert re.search(r"\.[0-9a-f]{12}\.", name)
    assert shared_node.client.get("/static/console.css").status_code == 404
    assert shared_node.client.get("/static/..%2fpages.py").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/decisions/{index}",
        "/decisions/{index}/replay",
        "/decisions/{index}/receipt",
        "/decisions/{index}/receipt.html",
    ],
)
def test_who_looked_is_on_record_before_a_page_is_shown(shared_node, path):
    index = decide(shared_node)
    assert shared_node.client.get(path.format(index=index), headers=PAGE).status_code == 200
    kind, values = newest(shared_node)
    assert (kind, values["/by"]) == ("look", shared_node.who)


def test_searching_and_looking_by_group_are_on_record(shared_node):
    decide(shared_node)
    shared_node.client.post("/decisions", data={"subject": "4711"}, headers=PAGE)
    assert newest(shared_node)[1]["/what"] == "search"
    policy = shared_node.org.decisions.policies()[-1].index
    shared_node.client.post(f"/policies/{policy}/patterns", data={"a": "b"}, headers=PAGE)
    assert newest(shared_node)[1]["/what"] == "approval by group"


def test_a_form_without_its_mark_does_nothing(node, visitor):
    sign_in(node, visitor)
    size = node.org.archive.size
    for path, form in (
        ("/access/keys", {"name": "x", "role": "admin"}),
        ("/erase/carry-out", {"what": "4711", "basis": "x"}),
        ("/work", {"kind": "rebuild"}),
        ("/logout", {}),
        ("/access/users/mira/roles", {"role": "service"}),
        ("/access/users/mira/password", {"password": PASSWORD[::-1]}),
        ("/access/peers", {"vkey": str(node.org.issuer)}),
        ("/access/peers/remove", {"origin": "x"}),
        ("/me/password", {"old": PASSWORD, "new": PASSWORD[::-1], "again": PASSWORD[::-1]}),
        ("/webhooks", {"url": "https://hooks.example/", "event": "job.finished"}),
        ("/webhooks/1/remove", {}),
        ("/witnesses", {"name": "x"}),
        ("/witnesses/add", {"name": "x"}),
        ("/witnesses/remove", {"name": "x"}),
        ("/witnesses/collect", {}),
        ("/witnesses/logs", {"log": str(node.org.issuer)}),
        ("/witnesses/logs/remove", {"log": "x"}),
    ):
        refused = visitor.post(path, data=form | {"csrf": "wrong"})
        assert refused.status_code == 403, path
        assert "Not allowed" in refused.text
    assert node.org.archive.size == size


@pytest.mark.parametrize(
    "path", ["/access", "/access/peers", "/access/users/mira", "/access/users/bo", "/me", "/webhooks", "/witnesses"]
)
def test_every_form_about_set_up_carries_its_mark_and_is_sent_once(signed_in, path):
    page = signed_in.get(path)
    forms = re.findall(r"<form[^>]*method=\"post\".*?</form>", page.text.replace("\n", " "))
    mark = field(page.text, "csrf")
    assert (page.status_code, len(forms) >= 2) == (200, True)
    assert all(f'name="csrf" value="{mark}"' in each for each in forms)
    assert all("data-once" in each or 'action="/logout"' in each for each in forms)


def test_a_form_with_its_mark_does(node, visitor):
    sign_in(node, visitor)
    mark = field(visitor.get("/access").text, "csrf")
    made = visitor.post("/access/keys", data={"csrf": mark, "name": "loan desk", "role": ["service", "operator"]})
    assert made.status_code == 200
    token = re.search(r"cf_[0-9a-f]{8}_[\w-]+", made.text)
    assert token is not None
    assert node.node.access.keys.identify(token[0]).roles == {Role.SERVICE, Role.OPERATOR}
    out = visitor.post("/logout", data={"csrf": mark})
    assert out.headers["location"] == "/login"
    assert visitor.get("/access").status_code == 303


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR, Role.SERVICE])
def test_pages_of_admins_are_for_admins(shared_node, role):
    with asking(shared_node, role) as node:
        for path in ("/access", "/access/peers", "/erase", "/webhooks"):
            refused = node.client.get(path, headers=PAGE)
            assert (refused.status_code, "needs the role admin" in refused.text) == (403, True)
            assert f'href="{path}"' not in refused.text


def test_an_alarm_leads_to_the_page_where_it_is_looked_into(tmp_path):
    alarm = Concern("webhook:1", "the webhook 1 does not take messages", "mend the receiver")
    told = Concern("witness", "club does not answer", "see Witnesses")
    for role, may_open in ((Role.ADMIN, True), (Role.AUDITOR, False)):
        with serving(tmp_path / role, role) as node:
            settled(lambda node=node: all(each.last_s for each in node.node.chores.list()))  # they look for alarms, too
            node.node.alarms.settle([alarm, told])
            shown = node.client.get("/", headers=PAGE).text
            assert "Open Witnesses" in shown
            assert ("Open Webhooks" in shown) == may_open


def test_an_auditor_sees_no_form_that_would_be_refused(shared_node):
    with asking(shared_node, Role.AUDITOR) as node:
        made = node.org.decisions.deployment(node.deployment).decide(node.applicant, subject="1")
        shown = node.client.get(f"/decisions/{made.index}", headers=PAGE).text
        assert "Decide otherwise" not in shown
        assert "Record an appeal" not in shown
        assert re.findall('name="kind" value="([a-z]+)"', node.client.get("/work", headers=PAGE).text) == [
            "replay",
            "bundle",
        ]


@pytest.mark.parametrize("role", list(Role))
def test_the_console_starts_the_work_that_the_api_starts_and_no_other(tmp_path, role):
    with serving(tmp_path, role) as node:
        node.org.ledger.connect()
        for kind, (path, body) in {
            "anchor": ("/api/v1/ledger/anchor", {}),
            "bundle": ("/api/v1/bundles", {"first": 0, "last": 1}),
            "rebuild": ("/api/v1/rebuild", {}),
            "replay": ("/api/v1/replays", {}),
        }.items():
            is_refused = node.client.post(path, json=body).status_code == 403
            sent = node.client.post("/work", data={"kind": kind}, headers=PAGE)
            assert (sent.status_code == 403) == is_refused, kind
            if kind == "anchor":
                assert (node.client.post("/ledger/anchor", data={"a": "b"}).status_code == 403) == is_refused
        shown = node.client.get("/ledger", headers=PAGE).text
        assert ('action="/ledger/anchor"' in shown) == (role is Role.ADMIN)


@pytest.mark.parametrize("role", [Role.SERVICE, Role.AUDITOR])
@pytest.mark.parametrize("kind", ["override", "appeal", "outcome"])
def test_no_form_shows_a_decision_to_whoever_may_not_see_its_page(shared_node, role, kind):
    with asking(shared_node, role) as node:
        made = node.org.decisions.deployment(node.deployment).decide(node.applicant, subject="ANN-4711")
        refused = node.client.post(f"/decisions/{made.index}/{kind}", data={"text": ""}, headers=PAGE)
        assert (refused.status_code, "ANN-4711" in refused.text) == (403, False)


def test_every_error_has_a_page(shared_node):
    for row in ERROR_TABLE.values():
        page = shared_node.client.get(f"/errors/{row.code}", headers=PAGE)
        assert page.status_code == 200
        assert row.title in page.text.replace("&#39;", "'")
    assert shared_node.client.get("/errors/failed", headers=PAGE).status_code == 200
    assert shared_node.client.get("/errors/nothing", headers=PAGE).status_code == 404


@pytest.mark.parametrize("path", ["/decisions/99999999999999999999", "/decisions/x", "/models/2", "/policies/0"])
def test_what_is_not_there_is_not_found(shared_node, path):
    assert shared_node.client.get(path, headers=PAGE).status_code == 404


def test_the_datasets_are_found_from_the_menu_and_by_their_own_address(shared_node):
    led = shared_node.client.get("/datasets", headers=PAGE)
    assert (led.status_code, led.headers["location"]) == (303, "/models#datasets")
    page = shared_node.client.get("/models", headers=PAGE).text
    assert '<a href="/models" aria-current="page">Models and data</a>' in page
    assert 'id="datasets"' in page


def test_a_page_does_not_call_a_table_whole_that_lacks_values_in_a_column_it_does_not_list(node, tmp_path):
    moved = [f"m{number}" for number in range(150)]
    files = [tmp_path / "parent.csv", tmp_path / "child.csv"]
    for number, file in enumerate(files):
        rows = [",".join([*[str(number * 9 + row)] * 150, "" if row % 2 else "x"]) for row in range(8)]
        file.write_text("\n".join([",".join([*moved, "lacks"]), *rows]) + "\n")
    parent, child = (node.org.provenance.register_dataset(file) for file in files)
    node.org.provenance.reports.record_quality(child, check_quality(files[1], parent=files[0]), parent)
    page = node.client.get(f"/datasets/{child.index}", headers=PAGE).text
    assert "Every column (150)" in page
    assert "No value is missing" not in page


@pytest.mark.parametrize("query", ["since=yesterday", "policy=x", "before=-1"])
def test_a_search_that_cannot_be_says_why(shared_node, query):
    decide(shared_node)
    page = shared_node.client.get(f"/decisions?{query}", headers=PAGE)
    assert (page.status_code, 'class="alert"' in page.text) == (422, True)


def test_a_form_that_is_none_is_refused(shared_node):
    for body, kind in ((b"{}", "application/json"), (b"\xff\xfe=%ff", "text/plain")):
        refused = shared_node.client.post("/work", content=body, headers=PAGE | {"content-type": kind})
        assert refused.status_code == 422


def test_an_erasure_that_changed_since_it_was_shown_is_shown_again(node):
    index = decide(node)
    asked = {"scope": "person", "what": "4711", "basis": "GDPR Art. 17(1)(b)"}
    seen = field(node.client.post("/erase", data=asked, headers=PAGE).text, "seen")
    decide(node)
    again = node.client.post("/erase/carry-out", data=asked | {"seen": seen}, headers=PAGE)
    assert "something changed since you looked" in again.text
    assert node.org.decisions.history(index).values is not None
    done = node.client.post("/erase/carry-out", data=asked | {"seen": field(again.text, "seen")}, headers=PAGE)
    assert done.status_code == 303
    assert node.org.decisions.history(index).values is None


def test_nobody_can_sign_in_in_the_clear_from_elsewhere(tmp_path):
    with serving(tmp_path, settings=NodeSettings(listen="0.0.0.0:8000")) as node:
        node.node.access.users.add("mira", PASSWORD, frozenset({Role.ADMIN}), by="test")
        refused = httpx.post(f"{node.url}/login", data={"name": "mira", "password": PASSWORD}, headers=PAGE)
        assert (refused.status_code, "https" in refused.text) == (403, True)


def test_whoever_asks_too_often_gets_a_page_that_says_how_long_to_wait(tmp_path):
    with serving(tmp_path, settings=NodeSettings(public_requests_per_s=1, public_request_burst=1)) as node:
        with httpx.Client(base_url=node.url, headers=PAGE) as visitor:
            answers = [visitor.get("/login") for _ in range(3)]
        refused = next(each for each in answers if each.status_code == 429)
        assert "Too many requests" in refused.text
        assert int(refused.headers["retry-after"]) >= 1
        assert "content-security-policy" in refused.headers


def test_a_wrong_key_leads_to_signing_in_and_never_in_circles(shared_node):
    wrong = PAGE | {"authorization": "Bearer cf_00000000_wrong"}
    assert httpx.get(f"{shared_node.url}/decisions", headers=wrong).headers["location"].startswith("/login")
    refused = httpx.get(f"{shared_node.url}/login", headers=wrong)
    assert (refused.status_code, "Who is asking?" in refused.text) == (401, True)


def test_a_search_that_finds_nothing_is_on_record_too(shared_node):
    decide(shared_node)
    shared_node.client.post("/decisions", data={"subject": "somebody-else"}, headers=PAGE)
    kind, values = newest(shared_node)
    assert (kind, values["/records"]) == ("look", 0)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://bank:s3cret@db.example:5432/views?password=s3cret", "postgresql://db.example:5432/views"),
        ("s3://bucket/log?secret=x#y", "s3://bucket/log"),
        ("127.0.0.1:8000", "127.0.0.1:8000"),
        (5, 5),
    ],
)
def test_settings_show_no_password(url, shown):
    assert _shown(url) == shown


def test_a_connected_home_shows_what_is_anchored_and_asks_when_told_to(node):
    node.org.ledger.connect()
    node.org.ledger.anchor()
    known = node.client.get("/ledger", headers=PAGE).text
    assert "Newest final head on the ledger" in known
    assert "What the ledger says now" not in known
    asked = node.client.get("/ledger?ask=1", headers=PAGE).text
    assert "What the ledger says now" in asked
    assert "Told by the ledger" in asked
    begun = node.client.post("/ledger/anchor", data={"a": "b"}, headers=PAGE)
    assert begun.headers["location"] == "/work"
    assert "records" in node.client.get("/", headers=PAGE).text


def records(node, kind: str) -> list[int]:
    return [place for place in range(node.org.archive.size) if node.org.archive.record(place).kind == kind]


FORMS = [
    ("override", {"label": "decline", "reason": "again"}),
    ("appeal", {"text": "again"}),
    ("outcome", {"outcome": "a"}),
]


@pytest.mark.parametrize(("kind", "told"), FORMS)
def test_a_form_that_is_sent_twice_leaves_one_record(node, visitor, kind, told):
    index = decide(node)
    sign_in(node, visitor, Role.OPERATOR)
    page = visitor.get(f"/decisions/{index}").text
    sent = told | {name: field(page, name) for name in ("csrf", "once", "saw")}
    answers = [visitor.post(f"/decisions/{index}/{kind}", data=sent) for _ in range(2)]
    assert [each.status_code for each in answers] == [303, 303]
    assert len(records(node, kind)) == 1
    other = visitor.post(f"/decisions/{index}/{kind}", data=sent | dict.fromkeys(told, "approve"))
    assert (other.status_code, len(records(node, kind))) == (422, 1)
    assert field(other.text, "once") != sent["once"]
    fresh = sent | {name: field(other.text, name) for name in ("once", "saw")}
    assert visitor.post(f"/decisions/{index}/{kind}", data=fresh).status_code == 303
    assert len(records(node, kind)) == 2


@pytest.mark.parametrize(("kind", "told"), FORMS)
def test_a_form_records_who_was_signed_in_and_nobody_else(node, visitor, kind, told):
    index = decide(node)
    sign_in(node, visitor, Role.OPERATOR)
    page = visitor.get(f"/decisions/{index}").text
    sent = told | {name: field(page, name) for name in ("csrf", "saw")} | {"by": "SOMEBODY ELSE"}
    assert visitor.post(f"/decisions/{index}/{kind}", data=sent).status_code == 303
    node.org.views.catch_up()
    values = node.org.views.values_of(records(node, kind)[-1])
    assert values.get("/by", "mira") == "mira"
    asked = max(place for place in records(node, "look") if place < records(node, kind)[-1])
    assert node.org.archive.leaf_hex(index) in node.org.archive.record(asked).builds_on
    said = node.org.views.values_of(asked)
    assert (said["/by"], said["/what"].startswith("asked for a")) == ("user:mira", True)


def test_whom_a_search_is_about_stands_in_no_address(shared_node):
    index = decide(shared_node)
    shown = shared_node.client.get("/decisions", headers=PAGE).text
    assert re.search(r'<form[^>]* action="/decisions" method="post"', shown)
    found = shared_node.client.post("/decisions", data={"subject": "4711"}, headers=PAGE)
    assert f'href="/decisions/{index}"' in found.text
    assert not re.search(r'(href|action|src)="[^"]*4711', found.text)
    refused = shared_node.client.get("/decisions?subject=4711", headers=PAGE)
    assert (refused.status_code, f'href="/decisions/{index}"' in refused.text) == (422, False)


def test_a_search_about_a_person_turns_pages_without_naming_them_in_an_address(shared_node):
    deployment = shared_node.org.decisions.deployment(shared_node.deployment)
    made = deployment.decide_many([shared_node.applicant] * 60, subjects=["ANN-4711"] * 60)
    first = shared_node.client.post("/decisions", data={"subject": "ANN-4711"}, headers=PAGE).text
    assert not re.search(r'(href|action|src)="[^"]*ANN', first)
    before = field(first, "before")
    older = shared_node.client.post("/decisions", data={"subject": "ANN-4711", "before": before}, headers=PAGE).text
    assert f'href="/decisions/{made[0].index}"' in older
