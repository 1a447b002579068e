"""Whatever the OpenAPI description allows, and much that it does not, is answered as it says and never by a crash."""

from __future__ import annotations

import re
from collections import Counter

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from making_node import serving
from making_passports import filled_in
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from counterfoil.node.access import RequestSigner
from counterfoil.node.app import description

PASSWORD = "correct horse battery"
ASSET = "0x" + "11" * 32
DIGEST = "ab" * 32
DESCRIPTION = description()
OPERATIONS = [
    (method, path, operation) for path, item in DESCRIPTION["paths"].items() for method, operation in item.items()
]
ELSEWHERE = ["ledger_connect", "node_add_webhook", "witness_add_witness"]
"""Operations with tests of their own: they reach out to addresses in what they are given."""


@schemathesis.serializer("application/toml", "application/x-ndjson", "text/csv")
def as_bytes(_context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION).exclude(operation_id=ELSEWHERE)
SCHEMA.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
CHECKS = [content_type_conformance, response_schema_conformance, status_code_conformance]


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("node")) as found:
        deployment = found.org.decisions.deployment(found.deployment)
        for subject in ("1", "2", "3"):
            deployment.decide({"credit_amount": 2500, "duration_in_month": 12, "housing": "own"}, subject=subject)
        yield found


def test_every_operation_has_a_readable_name_of_its_own():
    names = Counter(operation["operationId"] for _, _, operation in OPERATIONS)
    assert [name for name, count in names.items() if count > 1] == []
    assert all(name.replace("_", "").isalpha() for name in names)


def test_every_operation_says_what_it_does_and_how_it_fails():
    for method, path, operation in OPERATIONS:
        assert operation["summary"], (method, path)
        assert operation.get("description"), (method, path)
        assert operation["x-roles"], (method, path)
        assert {"4XX", "5XX"} <= operation["responses"].keys() or path.startswith("/log/"), (method, path)


def test_every_write_says_that_it_takes_an_idempotency_key():
    for method, path, operation in OPERATIONS:
        names = {each["name"] for each in operation.get("parameters", ())}
        assert ("Idempotency-Key" in names) == (method == "post"), (method, path)


def writes(node) -> dict[str, dict]:
    """Returns something to send to each POST route; what is registered once is named by what it is."""
    decided = node.org.decisions.deployments()[-1]
    history = node.org.decisions.history(node.org.decisions.places(before=node.org.archive.size)[0])
    applicant = {"credit_amount": 2500, "duration_in_month": 12, "housing": "own"}
    row = {"applicant": applicant, "subject": "9"}
    policy = node.org.decisions.policies()[-1].policy
    decision = f"/api/v1/decisions/{history.index}"
    model = node.org.provenance.model_at(decided.model_index)
    recalled = node.org.recalls.open(model, reason="it was doubled", by="Ada", action="warn")
    passport = filled_in(node.org.provenance.passports.draft(node.org.provenance.models()[0]))
    keyed = str(RequestSigner("other.example/log", bytes(range(32))).key)
    return {
        "/api/v1/access/keys": {"json": {"name": "twice", "roles": ["service"]}},
        "/api/v1/access/me/password": {"json": {"old": PASSWORD, "new": PASSWORD[::-1]}},  # a key has none: refused
        "/api/v1/access/peers": {"json": {"vkey": keyed, "roles": ["service"]}},
        "/api/v1/access/users": {"json": {"name": "ada", "password": PASSWORD, "roles": ["auditor"]}},
        "/api/v1/access/users/ada/password": {"json": {"password": PASSWORD[::-1]}},
        "/api/v1/access/users/ada/roles": {"json": {"roles": ["operator"]}},
        "/api/v1/bundles": {"json": {"first": 0, "last": 3}},
        "/api/v1/calls": {"json": {"call": {"operation": "chat"}}},
        "/api/v1/check": {"content": node.org.decisions.receipt(history.index).encode()},
        "/api/v1/datasets?name=twice": {"content": b"a,b\n1,2\n"},
        "/api/v1/datasets/twice/privacy-checks": {"content": b"a,b\n1,2\n"},
        "/api/v1/datasets/twice/quality-reports": {"content": b"a,b\n1,2\n"},
        f"{decision}/overrides": {"json": {"label": "decline", "by": "a", "reason": "b", "saw": history.state}},
        f"{decision}/appeals": {"json": {"text": "again", "by": "a"}},
        f"{decision}/outcomes": {"json": {"outcome": "repaid"}},
        "/api/v1/deployments": {"json": {"model": str(decided.model_index), "policy": decided.policy_index}},
        f"/api/v1/deployments/{decided.index}/decisions": {"json": row},
        f"/api/v1/deployments/{decided.index}/decisions/batch": {"content": orjson.dumps(row)},
        f"/api/v1/deployments/{decided.index}/previews": {"json": {"applicants": [applicant]}},
        "/api/v1/depot/push": {"json": {}},
        "/api/v1/erasures": {"json": {"person": "3", "basis": "asked for"}},
        "/api/v1/keys/log/rotate": {},
        "/api/v1/lineage": {
            "json": {
                "eventType": "COMPLETE",
                "eventTime": "2026-11-23T20:00:00+01:00",
                "run": {"runId": "01939a5c-9a1e-7c3b-8d1e-0242ac120002"},
                "job": {"namespace": "airflow", "name": "clean"},
            }
        },
        "/api/v1/ledger/accounts": {},
        "/api/v1/ledger/connect": {"json": {"dry_run": False}},
        "/api/v1/ledger/deploy": {"json": {}},
        "/api/v1/ledger/anchor": {"json": {}},
        "/api/v1/ledger/judge": {"files": {"first": b"a", "second": b"b"}},
        "/api/v1/ledger/roles/offer": {"json": {"role": "writer", "account": "0x" + "12" * 20}},
        "/api/v1/ledger/roles/accept": {"json": {"role": "writer"}},
        "/api/v1/ledger/roles/revoke-writer": {},
        "/api/v1/ledger/transactions/1/cancel": {},
        "/api/v1/ledger/disconnect": {"json": {"force": True}},
        "/api/v1/assets": {"json": {"what": "twice", "dry_run": False}},
        f"/api/v1/assets/{ASSET}/state": {"json": {"state": "recalled"}},
        f"/api/v1/assets/{ASSET}/transfer": {"json": {"to": "0x" + "12" * 20}},
        f"/api/v1/assets/{ASSET}/versions": {"json": {"what": "twice"}},
        "/api/v1/assets/contract": {"json": {}},
        "/api/v1/market/contract": {"json": {}},  # no ledger: refused, like all that follow but the key
        "/api/v1/market/known": {"json": {"key": keyed}},
        "/api/v1/market/offers": {"json": {"what": "twice", "where": "twice", "dry_run": False}},
        f"/api/v1/market/offers/{ASSET}/price": {"json": {"price": "1", "dry_run": False}},
        f"/api/v1/market/offers/{ASSET}/shares": {"json": {"shares": []}},
        f"/api/v1/market/offers/{ASSET}/withdrawal": {"json": {}},
        "/api/v1/market/payouts": {"json": {"dry_run": False}},
        "/api/v1/market/purchases": {"json": {"offer": ASSET, "dry_run": False}},
        f"/api/v1/market/purchases/{ASSET}/accept": {"json": {}},
        f"/api/v1/market/purchases/{ASSET}/fetch": {},
        f"/api/v1/market/purchases/{ASSET}/reclaim": {"json": {}},
        f"/api/v1/market/purchases/{ASSET}/review": {"json": {"stars": 5}},
        f"/api/v1/market/sold/{ASSET}/refund": {"json": {}},
        f"/api/v1/market/sold/{ASSET}/settle": {"json": {}},
        f"/api/v1/market/offers/{ASSET}/preview": {"json": {"claims": {}}},  # no ledger: refused, like the next three
        f"/api/v1/market/offers/{ASSET}/reviews": {"json": {"review": {}}},
        "/api/v1/market/proposals": {"json": {"proposal": {}}},  # no ledger: refused, like the next ones
        f"/api/v1/market/proposals/{DIGEST}/contents": {"content": b"x"},
        f"/api/v1/market/proposals/{DIGEST}/votes": {"json": {"vote": {}}},
        f"/api/v1/market/proposals/{DIGEST}/withdrawal": {"json": {"withdrawal": {}}},
        f"/api/v1/market/proposals/{DIGEST}/decline": {"json": {}},
        f"/api/v1/market/proposals/{DIGEST}/acceptance": {"json": {"dry_run": True}},
        f"/api/v1/market/orders/{ASSET}/challenge": {},
        f"/api/v1/market/orders/{ASSET}/job": {"files": {"spec": b"{}"}},
        f"/api/v1/market/orders/{ASSET}/cancel": {},
        f"/api/v1/market/orders/{ASSET}/ticket": {"json": {"claims": {}, "challenge": ""}},
        "/api/v1/models?name=twice": {"content": b"{}"},
        "/api/v1/passports": {"json": passport.to_json()},
        "/api/v1/policies": {"json": policy.to_json()},
        "/api/v1/policies/check": {"json": policy.to_json()},
        "/api/v1/rebuild": {},
        "/api/v1/recalls": {"json": {"what": "twice", "reason": "it was doubled"}},
        f"/api/v1/recalls/{recalled.recall.index}/end": {"json": {"reason": "mended"}},
        "/api/v1/rows/0/proofs": {"json": {"id": "3"}},  # no commitment: refused
        "/api/v1/replays": {"json": {"sample": 1}},
        "/api/v1/runs": {"json": {"name": "clean", "outputs": [node.org.provenance.models()[-1].index]}},
        "/api/v1/snapshots": {"json": {"name": "twice", "url": "http://127.0.0.1:9/x"}},
        "/api/v1/webhooks": {"json": {"url": "https://hooks.example/x", "events": ["job.finished"]}},
        "/api/v1/witness/logs": {"json": {"key": keyed}},
        "/api/v1/witness/witnesses": {
            "json": {"name": "other", "key": keyed, "url": "https://witness.example", "quorum": "1", "dry_run": True}
        },
        "/api/v1/witness/collect": {},
        "/add-checkpoint": {"content": b"old 0\n"},
    }


SHOWN_ONCE = {"key", "secret"}
"""Members of an answer that a second one leaves out."""


def test_what_is_sent_twice_under_its_key_is_done_once(tmp_path):
    """The second answer is the first one; nothing is recorded beside who looked, and nothing is added to a list."""
    with serving(tmp_path) as node:
        deployment = node.org.decisions.deployment(node.deployment)
        for subject in ("1", "2", "3"):
            deployment.decide({"credit_amount": 2500, "duration_in_month": 12, "housing": "own"}, subject=subject)
        sent = writes(node)
        patterns = {path: re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path)) for m, path, _ in OPERATIONS if m == "post"}
        forgotten = [path for path, like in patterns.items() if not any(like.fullmatch(p.split("?")[0]) for p in sent)]
        assert forgotten == []
        wrong = []
        for path, more in sent.items():
            headers = {"idempotency-key": path, "content-type": "application/json"} if "json" in more else {}
            headers |= {"idempotency-key": path}
            first = node.client.post(path, headers=headers, **more)
            before = standing(node)
            again = node.client.post(path, headers=headers, **more)
            if (told(first), before) != (told(again), standing(node)):
                wrong.append((path, first.status_code, again.status_code, again.text[:200]))
        assert wrong == []


def told(answer) -> object:
    if answer.headers["content-type"] != "application/json":
        return answer.status_code, answer.headers["content-type"]
    body = answer.json()
    return {name: value for name, value in body.items() if name not in SHOWN_ONCE} if isinstance(body, dict) else body


def standing(node) -> list[object]:
    """Returns what there is, beside looks and what the node does by itself."""
    kinds = Counter(node.org.archive.record(place).kind for place in range(node.org.archive.size))
    lists = [
        node.node.jobs.list(),
        node.node.webhooks.list(),
        node.node.access.keys.all(),
        node.node.access.users.all(),
    ]
    return [{kind: n for kind, n in kinds.items() if kind not in ("look", "schema", "epoch")}, *map(len, lists)]


@SCHEMA.parametrize()
@settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_described(node, case):
    answer = case.call(base_url=node.url, timeout=60, headers=dict(node.client.headers))
    assert answer.status_code != 500, answer.text
    if not case.path.startswith("/api/"):
        return  # formats of others: tests of their own hold them to these
    case.validate_response(answer, checks=CHECKS)
    if answer.status_code >= 400:
        problem = answer.json()
        assert problem["type"] == f"https://counterfoil.dev/errors#{problem['code']}"
        assert problem["status"] == answer.status_code
        assert problem["detail"].isprintable()
