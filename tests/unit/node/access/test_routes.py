"""The access routes over real HTTP; and every role against every route of the node."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import Request
from making_node import applicant, serving

from counterfoil.node.access import HOME, RequestSigner, sign_request
from counterfoil.node.app import build_app
from counterfoil.web.roles import Needs, Role, needs

API = "/api/v1/access"
PASSWORD = "correct horse battery"
OPEN = frozenset(
    {
        ("GET", "/api/v1/openapi.json"),
        ("GET", "/api/v1/organisation"),
        ("GET", "/api/v1/market/licences/{digest}"),
        ("GET", "/api/v1/market/passports/{digest}"),
        ("GET", "/api/v1/market/reviews/{digest}"),
        ("GET", "/api/v1/market/openings/{asset}"),
        ("GET", "/api/v1/market/proposals/{digest}/standing"),
        ("GET", "/api/v1/market/sheets/{digest}"),
        ("POST", "/api/v1/market/proposals"),
        ("POST", "/api/v1/market/proposals/{digest}/contents"),
        ("POST", "/api/v1/market/proposals/{digest}/votes"),
        ("POST", "/api/v1/market/proposals/{digest}/withdrawal"),
        ("POST", "/api/v1/market/offers/{offer}/reviews"),
        ("POST", "/api/v1/market/offers/{offer}/preview"),
        ("POST", "/api/v1/market/orders/{order}/challenge"),
        ("POST", "/api/v1/market/orders/{order}/ticket"),
        ("GET", "/api/v1/market/orders/{order}/ciphertext-hashes"),
        ("GET", "/api/v1/market/orders/{order}/content"),
        ("GET", "/api/v1/market/orders/{order}/content-hashes"),
        ("GET", "/api/v1/market/orders/{order}/statement"),
        ("POST", "/api/v1/market/orders/{order}/job"),
        ("GET", "/api/v1/market/orders/{order}/job"),
        ("POST", "/api/v1/market/orders/{order}/cancel"),
        ("GET", "/api/v1/market/orders/{order}/result"),
        ("GET", "/api/v1/proofs/{leaf}"),
        ("POST", "/api/v1/check"),
        ("GET", "/healthz"),
        ("POST", "/add-checkpoint"),
        ("GET", "/check"),
        ("GET", "/errors"),
        ("GET", "/errors/{code}"),
        ("GET", "/login"),
        ("POST", "/login"),
        ("GET", "/logout"),
        ("POST", "/logout"),
        ("GET", "/static/{name}"),
        ("GET", "/readyz"),
        ("GET", "/log/checkpoint"),
        ("GET", "/log/issuer.vkey"),
        ("GET", "/log/tile/{level}/{path:path}"),
    }
)
"""Routes that anybody may ask; a new one is added here on purpose, or this test fails."""

ALLOWED = {
    "admin": """
        POST /api/v1/market/contract
        POST /api/v1/market/offers/{offer}/shares
        POST /api/v1/market/payouts
        POST /api/v1/market/proposals/{digest}/acceptance
        GET /access
        POST /access/keys
        POST /access/keys/{key_id}/revoke
        GET /access/peers
        POST /access/peers
        POST /access/peers/remove
        POST /access/users
        GET /access/users/{name}
        POST /access/users/{name}/password
        POST /access/users/{name}/remove
        POST /access/users/{name}/roles
        GET /api/v1/access/keys
        POST /api/v1/access/keys
        DELETE /api/v1/access/keys/{key_id}
        GET /api/v1/access/peers
        POST /api/v1/access/peers
        DELETE /api/v1/access/peers/{origin:path}
        GET /api/v1/access/users
        POST /api/v1/access/users
        DELETE /api/v1/access/users/{name}
        POST /api/v1/access/users/{name}/password
        POST /api/v1/access/users/{name}/roles
        POST /api/v1/assets/contract
        POST /api/v1/assets/{asset}/transfer
        POST /api/v1/depot/push
        POST /api/v1/erasures
        POST /api/v1/keys/{use}/rotate
        POST /api/v1/ledger/accounts
        POST /api/v1/ledger/anchor
        POST /api/v1/ledger/connect
        POST /api/v1/ledger/deploy
        POST /api/v1/ledger/disconnect
        POST /api/v1/ledger/judge
        POST /api/v1/ledger/roles/accept
        POST /api/v1/ledger/roles/offer
        POST /api/v1/ledger/roles/revoke-writer
        POST /api/v1/ledger/transactions/{id}/cancel
        POST /api/v1/rebuild
        GET /api/v1/webhooks
        POST /api/v1/webhooks
        DELETE /api/v1/webhooks/{hook_id}
        POST /api/v1/witness/collect
        POST /api/v1/witness/logs
        DELETE /api/v1/witness/logs/{name:path}
        POST /api/v1/witness/witnesses
        DELETE /api/v1/witness/witnesses/{name}
        GET /erase
        POST /erase
        POST /erase/carry-out
        POST /ledger/anchor
        GET /webhooks
        POST /webhooks
        POST /webhooks/{hook_id}/remove
        POST /witnesses
        POST /witnesses/add
        POST /witnesses/collect
        POST /witnesses/logs
        POST /witnesses/logs/remove
        POST /witnesses/remove
    """,
    "auditor": """
        GET /settings
    """,
    "auditor operator": """
        GET /api/v1/market/earnings
        GET /api/v1/market/known
        GET /api/v1/market/payouts
        GET /api/v1/market/proposals
        GET /api/v1/market/proposals/{digest}
        GET /
        POST /api/v1/bundles
        GET /api/v1/calls
        GET /api/v1/calls/{index}
        GET /api/v1/datasets/{wanted}/fingerprint
        GET /api/v1/decisions
        GET /api/v1/decisions/{index}
        GET /api/v1/decisions/{index}/receipt
        GET /api/v1/decisions/{index}/receipt.html
        GET /api/v1/decisions/{index}/replay
        GET /api/v1/depot
        GET /api/v1/doctor
        GET /api/v1/jobs
        GET /api/v1/jobs/{job_id}
        GET /api/v1/jobs/{job_id}/events
        GET /api/v1/jobs/{job_id}/file
        GET /api/v1/keys
        GET /api/v1/ledger
        GET /api/v1/ledger/accounts
        GET /api/v1/ledger/cost
        GET /api/v1/ledger/log
        GET /api/v1/ledger/roles
        GET /api/v1/recalls/{index}/notices
        POST /api/v1/replays
        GET /api/v1/witness
        GET /datasets
        GET /datasets/{index:int}
        GET /datasets/{index:int}/passport.json
        GET /decisions
        POST /decisions
        GET /decisions/{index:int}
        GET /decisions/{index:int}/receipt
        GET /decisions/{index:int}/receipt.html
        GET /decisions/{index:int}/replay
        GET /ledger
        GET /lineage
        GET /lineage/{index:int}
        GET /log/tile/entries/{path:path}
        GET /market
        GET /market/desk
        GET /market/desk/{job}/{name}
        GET /market/doing/{job_id}
        GET /market/earnings
        GET /market/jobs
        GET /market/jobs/{order}
        GET /market/offers/{offer}
        GET /market/offers/{offer}/croissant.json
        GET /market/offers/{offer}/licence
        GET /market/purchases
        GET /market/purchases/{order}
        GET /market/sell
        GET /market/sold
        GET /models
        GET /models/{index:int}
        GET /models/{index:int}/passport.json
        GET /policies
        GET /policies/{index:int}
        POST /policies/{index:int}/patterns
        GET /recalls
        GET /recalls/{index:int}
        GET /recalls/{index:int}/notices.csv
        GET /witnesses
        GET /work
        POST /work
    """,
    "auditor operator service": """
        GET /api/v1/market/key
        GET /api/v1/market/offers
        GET /api/v1/market/offers/{offer}
        GET /api/v1/market/purchases
        GET /api/v1/market/purchases/{order}
        GET /api/v1/market/sold
        GET /api/v1/market/sold/{order}
        GET /api/v1/access/me
        POST /api/v1/access/me/password
        GET /api/v1/assets
        GET /api/v1/assets/{asset}
        GET /api/v1/datasets
        GET /api/v1/datasets/{wanted}
        GET /api/v1/datasets/{wanted}/reports
        GET /api/v1/datasets/{wanted}/passport
        GET /api/v1/deployments
        GET /api/v1/lineage/{index}
        GET /api/v1/lineage/{index}/origin
        GET /api/v1/lineage/{index}/paths
        GET /api/v1/log/head
        GET /api/v1/log/records/{index}
        GET /api/v1/models
        GET /api/v1/models/{wanted}
        GET /api/v1/models/{wanted}/passport
        GET /api/v1/passports
        GET /api/v1/policies
        GET /api/v1/rows
        GET /api/v1/rows/{index}
        POST /api/v1/policies/check
        GET /api/v1/runs
        GET /api/v1/runs/{index}
        GET /api/v1/snapshots
        GET /api/v1/recalls
        GET /api/v1/recalls/{index}
        GET /api/v1/status
        GET /me
        POST /me/password
        GET /metrics
    """,
    "operator": """
        POST /api/v1/market/offers
        POST /api/v1/market/offers/{offer}/price
        POST /api/v1/market/offers/{offer}/withdrawal
        POST /api/v1/market/proposals/{digest}/decline
        POST /api/v1/market/sold/{order}/refund
        POST /api/v1/market/sold/{order}/settle
        POST /api/v1/market/known
        DELETE /api/v1/market/known/{key:path}
        POST /api/v1/market/purchases
        POST /api/v1/market/purchases/{order}/accept
        POST /api/v1/market/purchases/{order}/fetch
        GET /api/v1/market/purchases/{order}/file
        POST /api/v1/market/purchases/{order}/reclaim
        POST /api/v1/market/purchases/{order}/review
        POST /api/v1/assets
        POST /api/v1/assets/{asset}/state
        POST /api/v1/assets/{asset}/versions
        POST /api/v1/datasets
        POST /api/v1/datasets/{wanted}/privacy-checks
        POST /api/v1/datasets/{wanted}/quality-reports
        POST /api/v1/decisions/{index}/overrides
        POST /api/v1/deployments
        POST /api/v1/deployments/{index}/previews
        DELETE /api/v1/jobs/{job_id}
        POST /api/v1/models
        POST /api/v1/passports
        POST /api/v1/policies
        POST /api/v1/snapshots
        POST /api/v1/recalls
        POST /api/v1/recalls/{index}/end
        POST /api/v1/rows/{index}/proofs
        POST /decisions/{index:int}/appeal
        POST /decisions/{index:int}/outcome
        POST /decisions/{index:int}/override
        POST /market/deals/{what}
        POST /market/deals/{what}/agreed
        POST /market/desk/{job}/{name}
        POST /market/jobs/{order}/cancel
        POST /market/offers/{offer}
        GET /market/purchases/{order}/file
        POST /market/purchases/{order}/fetch
        POST /market/sell
        POST /market/sell/cost
        POST /recalls
        POST /recalls/open
        POST /recalls/{index:int}/end
        POST /work/{job_id}/cancel
    """,
    "operator service": """
        POST /api/v1/calls
        POST /api/v1/decisions/{index}/appeals
        POST /api/v1/decisions/{index}/outcomes
        POST /api/v1/deployments/{index}/decisions
        POST /api/v1/deployments/{index}/decisions/batch
        POST /api/v1/lineage
        POST /api/v1/runs
    """,
}
"""Who may do what, beside admins, who may do everything; who changes a route's roles does it here, too, on purpose."""

PEOPLE = frozenset({("POST", "/api/v1/access/me/password"), ("POST", "/me/password")})
"""Of these, what people may do whatever their role, and keys may not."""


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("node")) as found:
        yield found


@pytest.fixture(scope="module")
def keys(node):
    """A key for each role."""
    return {role: node.node.access.keys.add(str(role), frozenset({role}), by=HOME).token for role in Role}


def routes(node):
    """Returns method, path and needed roles of every route; None in their place where anybody may ask."""
    for route in walk(build_app(node.node).app.routes):
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield method, route.path, needed(getattr(route, "dependant", None))


def walk(found):
    """Returns the routes of an app, those of its rooms included."""
    for each in found:
        yield from each.effective_route_contexts() if hasattr(each, "effective_route_contexts") else [each]


def needed(dependant):
    """Returns the roles that a route asks for, wherever it says so."""
    if dependant is None:
        return None
    if isinstance(dependant.call, Needs):
        return dependant.call.roles
    return next((roles for each in dependant.dependencies if (roles := needed(each)) is not None), None)


@pytest.fixture(scope="module")
def there(node):
    """Returns what stands in the place of an id, so that forms and pages are about something that is there."""
    decided = node.org.decisions.deployment(node.deployment).decide(node.applicant, subject="ANN-4711")
    recalled = node.org.recalls.open(node.org.provenance.models()[-1], reason="doubled", by="ANN-4711", action="warn")
    ids = {
        "/decisions/": decided.index,
        "/api/v1/decisions/": decided.index,
        "/policies/": node.org.decisions.policies()[-1].index,
        "/recalls/": recalled.recall.index,
        "/models/": node.org.provenance.models()[-1].index,
        "/access/keys/": node.node.access.keys.add("spare", frozenset({Role.SERVICE}), by=HOME).key.id,
        "/access/users/": node.node.access.users.add("spare", PASSWORD, frozenset({Role.SERVICE}), by=HOME)[0].name,
        "/webhooks/": node.node.webhooks.add("https://hooks.example/ANN-4711", ())[0].id,
        "/work/": node.node.jobs.start(HOME, "replay", {}).id,
    }
    return lambda path: next((str(each) for begin, each in ids.items() if path.startswith(begin)), "999999")


def ask(node, method, path, token=None, **more):
    """Returns the answer's status; a body that goes on for ever is not waited for."""
    path = re.sub(r"\{[^}]*\}", "999999", path)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(base_url=node.url) as client, client.stream(method, path, headers=headers, **more) as answer:
        return answer.status_code


def allowed():
    """Returns the roles of each route, as they are written down above; a form's address leads back, for the same."""
    found = {
        tuple(line.split(" ", 1)): frozenset() if roles == "admin" else frozenset(Role(each) for each in roles.split())
        for roles, lines in ALLOWED.items()
        for line in map(str.strip, lines.strip().splitlines())
    }
    return {("GET", path): roles for (_, path), roles in found.items() if not path.startswith("/api/")} | found


def test_every_route_is_open_to_those_who_are_written_down(node):
    found = {(method, path): roles for method, path, roles in routes(node) if roles is not None}
    assert found == allowed()


def test_every_role_meets_every_page_and_form(node, keys, there):
    """Of what is there: whom the table does not name is refused, and sees nothing of anybody."""
    wrong = []
    for (method, path), roles in allowed().items():
        if (path.startswith("/api/") and "/decisions/" not in path) or (method, path) in PEOPLE:
            continue
        url = node.url + re.sub(r"\{[^}]*\}", there(path), path)
        for role in (Role.SERVICE, Role.AUDITOR, Role.OPERATOR):
            form = {"data": {"text": ""}} if method == "POST" else {}
            headers = {"authorization": f"Bearer {keys[role]}", "accept": "text/html"}
            answer = httpx.request(method, url, headers=headers, timeout=60, **form)
            is_refused = answer.status_code == 403
            if is_refused == (role in roles) or (is_refused and "ANN-4711" in answer.text):
                wrong.append((method, path, role, answer.status_code))
    assert wrong == []


def test_every_role_meets_every_route(node, keys):
    """Nobody gets 401, the wrong role 403, the right one anything else: the route itself answered."""
    table = list(routes(node))
    assert len(table) > 25
    wrong = [(method, path) for method, path, roles in table if roles is None and (method, path) not in OPEN]
    for method, path, roles in table:
        if roles is None:
            continue
        if ask(node, method, path) != 401:
            wrong.append((method, path, "nobody"))
        for role, token in keys.items():
            may = role is Role.ADMIN or role in roles
            status = ask(node, method, path, token)
            if status in (401, 403) if may else status != 403:
                wrong.append((method, path, role, status))
    assert wrong == []


@pytest.mark.parametrize("role", list(Role))
def test_people_of_every_role_change_their_own_password_and_keys_do_not(node, keys, role):
    access, name, wanted = node.node.access, f"own-{role}", {"old": PASSWORD, "new": PASSWORD[::-1]}
    access.users.add(name, PASSWORD, frozenset({role}), by=HOME)
    made = access.login(name, PASSWORD, "192.0.2.1")
    cookie = access.cookie(made.token).partition(";")[0]
    form = wanted | {"again": wanted["new"], "csrf": made.csrf}
    with httpx.Client(base_url=node.url, headers={"authorization": f"Bearer {keys[role]}"}) as client:
        for refused in (client.post(f"{API}/me/password", json=wanted), client.post("/me/password", data=form)):
            assert (refused.status_code, "sign in" in refused.json()["hint"]) == (403, True)
        assert client.get("/me", headers={"accept": "text/html"}).status_code == 200
    with httpx.Client(base_url=node.url, headers={"cookie": cookie}) as browser:
        assert browser.get("/me").status_code == 200
        assert browser.post("/me/password", data=form).status_code == 303
    signed_in = {"cookie": access.cookie(access.login(name, wanted["new"], "192.0.2.1").token).partition(";")[0]}
    assert httpx.get(f"{node.url}/me", headers=signed_in).status_code == 200
    access.users.remove(name, by=HOME)


def rights(node):
    """Returns who may do what."""
    access = node.node.access
    parts = (access.keys.all(), access.users.all(), access.peers.all())
    return [[(each.principal, getattr(each, "revoked_s", None)) for each in part] for part in parts]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_raises_their_own_rights(node, keys, role):
    client = httpx.Client(base_url=node.url, headers={"authorization": f"Bearer {keys[role]}"})
    before = rights(node)
    one = node.node.access.keys.all()[0].id
    with client:
        answers = [
            client.post(f"{API}/keys", json={"name": "mine", "roles": ["admin"]}),
            client.post(f"{API}/users", json={"name": "me", "password": PASSWORD, "roles": ["admin"]}),
            client.post(f"{API}/users/me/roles", json={"roles": ["admin"]}),
            client.post(f"{API}/users/me/password", json={"password": PASSWORD}),
            client.post(f"{API}/peers", json={"vkey": str(node.org.issuer), "roles": ["auditor"]}),
            client.delete(f"{API}/keys/{one}"),
            client.get(f"{API}/keys"),
            client.get(f"{API}/keys", headers={"x-http-method-override": "POST", "x-original-url": "/"}),
            client.get(f"{API}/../access/keys"),
            client.get(f"{API}/me/../keys"),
        ]
        assert {each.status_code for each in answers} <= {403, 404}
        assert client.get(f"{API}/me").json()["roles"] == [role]
    assert rights(node) == before


def test_a_key_is_made_used_listed_and_revoked(node):
    made = node.client.post(f"{API}/keys", json={"name": "scoring", "roles": ["service"], "expires": "2099-01-31"})
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    key = made.json()
    with httpx.Client(base_url=node.url, headers={"authorization": f"Bearer {key['key']}"}) as client:
        me = client.get(f"{API}/me").json()
        assert me == {"id": f"key:{key['id']}", "roles": ["service"], "node_key": node.node.access.public_key()}
        listed = next(each for each in node.client.get(f"{API}/keys").json() if each["id"] == key["id"])
        assert "key" not in listed
        assert listed["used"]
        assert node.client.delete(f"{API}/keys/{key['id']}").json()["works"] is False
        assert client.get(f"{API}/me").status_code == 401
        assert "revoked" in client.get(f"{API}/me").json()["detail"]


def test_asking_twice_for_a_key_makes_one_and_shows_it_once(node):
    wanted, named = {"name": "twice", "roles": ["service"]}, {"idempotency-key": "k1"}
    first = node.client.post(f"{API}/keys", json=wanted, headers=named)
    again = node.client.post(f"{API}/keys", json=wanted, headers=named)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json() | {"key": None}
    other = node.client.post(f"{API}/keys", json=wanted | {"roles": ["admin"]}, headers=named)
    assert other.status_code == 422


def test_people_come_and_go(node):
    wanted = {"name": "ann", "password": PASSWORD, "roles": ["operator"]}
    made = node.client.post(f"{API}/users", json=wanted, headers={"idempotency-key": "u1"})
    assert made.status_code == 201
    assert PASSWORD not in made.text
    again = node.client.post(f"{API}/users", json=wanted, headers={"idempotency-key": "u1"})
    assert (again.status_code, again.json()) == (200, made.json())
    assert node.client.post(f"{API}/users", json=wanted).status_code == 422
    changed = node.client.post(f"{API}/users/ann/roles", json={"roles": ["auditor"]})
    assert changed.json()["roles"] == ["auditor"]
    assert node.client.post(f"{API}/users/ann/password", json={"password": PASSWORD[::-1]}).status_code == 200
    assert "ann" in [each["name"] for each in node.client.get(f"{API}/users").json()]
    assert node.client.delete(f"{API}/users/ann").status_code == 200
    assert node.client.delete(f"{API}/users/ann").status_code == 404


def test_somebody_changes_their_own_password_over_the_api(node):
    access, url = node.node.access, f"{node.url}{API}/me/password"
    access.users.add("own", PASSWORD, frozenset({Role.OPERATOR}), by=HOME)
    made, elsewhere = (access.login("own", PASSWORD, "192.0.2.1") for _ in range(2))
    headers = {"cookie": access.cookie(made.token).partition(";")[0], "x-csrf-token": made.csrf}
    wanted = {"old": PASSWORD, "new": PASSWORD[::-1]}
    assert httpx.post(url, json=wanted, headers={"cookie": headers["cookie"]}).status_code == 403
    for bad in (wanted | {"old": "wrong"}, wanted | {"new": "short"}, wanted | {"new": PASSWORD}, {"old": PASSWORD}):
        refused = httpx.post(url, json=bad, headers=headers)
        assert (refused.status_code, PASSWORD in refused.text) == (422, False), bad
    changed = httpx.post(url, json=wanted, headers=headers | {"idempotency-key": "own1"})
    assert (changed.status_code, changed.json()["name"]) == (200, "own")
    cookie = changed.headers["set-cookie"].partition(";")[0]
    assert cookie != headers["cookie"]
    for ended in (headers["cookie"], access.cookie(elsewhere.token).partition(";")[0]):
        assert httpx.get(f"{node.url}{API}/me", headers={"cookie": ended}).status_code == 401
    assert httpx.get(f"{node.url}{API}/me", headers={"cookie": cookie}).json()["id"] == "user:own"
    mark = re.search(r'name="csrf" value="([^"]+)"', httpx.get(f"{node.url}/me", headers={"cookie": cookie}).text)
    fresh = {"cookie": cookie, "x-csrf-token": mark[1], "idempotency-key": "own1"}
    again = httpx.post(url, json=wanted, headers=fresh)
    assert (again.status_code, "set-cookie" in again.headers) == (422, False)  # the old password is old no more
    access.users.remove("own", by=HOME)


def test_a_password_leaves_no_trace_that_it_could_be_tried_against(node):
    """The tag of a request is public: it must not depend on the password."""
    tags = []
    for name, password in (("eve", PASSWORD), ("eve", PASSWORD[::-1])):
        wanted = {"name": name, "password": password, "roles": ["operator"]}
        node.client.post(f"{API}/users", json=wanted, headers={"idempotency-key": "same"})
        tags.append(node.org.archive.record(node.org.archive.size - 1).about["request"])
    assert tags[0] == tags[1]
    node.client.delete(f"{API}/users/eve")


def test_another_password_under_a_used_key_is_another_request(node):
    """Somebody who is answered 200 must have the password that they asked for."""
    named, wanted = {"idempotency-key": "fay"}, {"name": "fay", "password": PASSWORD, "roles": ["operator"]}
    other = PASSWORD[::-1]
    assert node.client.post(f"{API}/users", json=wanted, headers=named).status_code == 201
    assert node.client.post(f"{API}/users", json=wanted, headers=named).status_code == 200
    assert node.client.post(f"{API}/users", json=wanted | {"password": other}, headers=named).status_code == 422
    path, named = f"{API}/users/fay/password", {"idempotency-key": "fay2"}
    for password, status in ((other, 200), (other, 200), (PASSWORD, 422)):
        assert node.client.post(path, json={"password": password}, headers=named).status_code == status
    assert node.node.access.users.check("fay", other)
    node.client.delete(f"{API}/users/fay")


def test_a_listed_node_signs_its_requests(node):
    signer = RequestSigner("other.example/log", b"o" * 32)
    url = f"{node.url}{API}/me"
    now_s = node.org.recorder.now_s()
    assert httpx.get(url, headers=sign_request(signer, "GET", url, b"", now_s)).status_code == 401
    listed = node.client.post(f"{API}/peers", json={"vkey": str(signer.key), "roles": ["service"]})
    assert listed.status_code == 201
    told = httpx.get(url, headers=sign_request(signer, "GET", url, b"", now_s)).json()
    assert (told["id"], told["roles"]) == ("node:other.example/log", ["service"])
    assert [each["origin"] for each in node.client.get(f"{API}/peers").json()] == ["other.example/log"]
    assert node.client.delete(f"{API}/peers/other.example/log").status_code == 200
    assert httpx.get(url, headers=sign_request(signer, "GET", url, b"", now_s)).status_code == 401


def test_another_body_than_was_signed_is_answered_and_does_nothing(node):
    signer = RequestSigner("writer.example", b"w" * 32)
    node.node.access.peers.add(str(signer.key), frozenset({Role.SERVICE}), by=HOME)
    url = f"{node.url}/api/v1/deployments/{node.deployment}/decisions"
    body = json.dumps({"applicant": applicant(), "subject": "4711"}).encode()
    headers = sign_request(signer, "POST", url, body, node.org.recorder.now_s())
    size = node.org.archive.size
    refused = httpx.post(url, content=body.replace(b"4711", b"4712"), headers=headers)
    assert (refused.status_code, node.org.archive.size) == (401, size)
    headers = sign_request(signer, "POST", url, body, node.org.recorder.now_s())
    assert httpx.post(url, content=body, headers=headers).status_code == 201
    assert httpx.post(url, content=body, headers=headers).status_code == 401
    assert node.org.archive.size == size + 1


def test_a_body_read_by_the_framework_is_checked_as_well(node):
    signer = RequestSigner("staff.example", b"f" * 32)
    node.node.access.peers.add(str(signer.key), frozenset({Role.OPERATOR}), by=HOME)
    url = f"{node.url}/api/v1/deployments"
    headers = sign_request(signer, "POST", url, b"{}", node.org.recorder.now_s())
    refused = httpx.post(url, content=b"{ }", headers=headers | {"content-type": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (401, "not_signed_in")


def test_a_form_needs_its_sessions_token(node):
    """A page's form, over real HTTP: the token is checked before the handler runs."""
    access, acted = node.node.access, []

    async def act(request: Request) -> dict[str, str]:
        acted.append((await request.form())["what"])
        return {}

    app = build_app(node.node)
    app.app.add_api_route("/act", act, methods=["POST"], dependencies=[needs(Role.OPERATOR)])
    access.users.add("cy", PASSWORD, frozenset({Role.OPERATOR}), by=HOME)
    mine, other = access.login("cy", PASSWORD, "192.0.2.1"), access.login("cy", PASSWORD, "192.0.2.1")
    loop = asyncio.new_event_loop()

    def send(form, **headers):
        cookie = access.cookie(mine.token).partition(";")[0]
        return loop.run_until_complete(post(app, "/act", form, {"cookie": cookie} | headers))

    try:
        assert send({"what": "1", "csrf": mine.csrf}) == 200
        assert send({"what": "2"}) == 403
        assert send({"what": "3", "csrf": other.csrf}) == 403
        assert send({"what": "4", "csrf": mine.csrf}, **{"sec-fetch-site": "cross-site"}) == 403
        assert send({"what": "5", "csrf": mine.csrf}, origin="https://evil.example") == 403
        access.logout(mine.token)
        assert send({"what": "6", "csrf": mine.csrf}) == 401
    finally:
        loop.close()
        access.users.remove("cy", by=HOME)
    assert acted == ["1"]


async def post(app, path, form, headers):
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return (await client.post(path, data=form, headers=headers)).status_code


@pytest.mark.parametrize(
    "line",
    [
        b"Authorization: Bearer x\r\n y: z",
        b"Authorization: Bearer x\nHost: evil",
        b"Authorization: Bearer x\x00",
        b"Cookie: counterfoil=\x7f\xff",
        b"Authorization : Bearer x",
        b"Signature-Input: \xff\xfe=()",
        b"Authorization: Bearer \xc3\xbc",
        b"Idempotency-Key: " + b"x" * 70_000,
    ],
    ids=range(8),
)
def test_spoilt_headers_are_answered_and_let_nobody_in(node, line):
    where = urlsplit(node.url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        head = b"GET /api/v1/access/keys HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        connection.sendall(head + line + b"\r\n\r\n")
        answer = connection.makefile("rb").readline()
    assert answer.split(b" ")[1] in (b"400", b"401", b"431")


def test_no_secret_is_logged(node, keys, caplog):
    caplog.set_level(logging.DEBUG)
    token = keys[Role.SERVICE]
    httpx.get(f"{node.url}{API}/keys?key={token}", headers={"authorization": f"Bearer {token}"})
    httpx.get(f"{node.url}{API}/{token}", headers={"authorization": f"Bearer {token}x"})
    node.client.post(f"{API}/users", json={"name": "!", "password": PASSWORD, "roles": ["admin"]})
    node.client.post(f"{API}/users", json={"name": "x", "password": [PASSWORD], "roles": ["admin"]})
    said = [each for each in caplog.records if not each.name.startswith("http")]  # what the client says
    assert not logging.getLogger("uvicorn.access").propagate  # pytest hears it, nobody else does
    own = "\n".join(each.getMessage() for each in said if each.name != "uvicorn.access")
    assert token not in own
    assert PASSWORD not in own
