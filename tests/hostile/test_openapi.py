"""Whatever the OpenAPI description allows, and much that it does not, is answered as it says and never by a crash."""

from __future__ import annotations

from collections import Counter

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from making_node import serving
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from counterfoil.node.app import description

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


def test_every_write_takes_an_idempotency_key():
    for method, path, operation in OPERATIONS:
        names = {each["name"] for each in operation.get("parameters", ())}
        assert ("Idempotency-Key" in names) == (method == "post"), (method, path)


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
