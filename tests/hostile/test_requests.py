"""Requests that no honest client sends, written byte by byte to the real server."""

from __future__ import annotations

import json
import socket

import pytest
from making_node import serving

from counterfoil.node.settings import NodeSettings

DECIDE = "/api/v1/deployments/{}/decisions"
SETTINGS = NodeSettings(most_body_bytes=10_000, most_file_bytes=20_000, body_timeout_s=1, head_timeout_s=1)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("node"), settings=SETTINGS) as found:
        yield found


def sent(node, data: bytes, *, more: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    """Sends bytes, and returns status, headers and body of what comes back until the server hangs up."""
    host, _, port = node.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(data)
        got = b""
        while chunk := connection.recv(65_536):
            got += chunk
            if more:
                connection.sendall(more)
                more = b""
    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return int(lines[0].split()[1]) if got else 0, headers, body


def request(node, method: str, path: str, body: bytes = b"", *lines: str, length: int | None = None) -> bytes:
    key = f"Authorization: {node.client.headers['authorization']}"
    head = [f"{method} {path} HTTP/1.1", "Host: node", "Connection: close", key, *lines]
    head.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff",
        b'{"applicant": {}}',
        b'{"applicant": []}',
        b'{"applicant": {}, "subject": 1}',
        b'{"applicant": {}, "more": 1}',
        b'{"applicant": {"credit_amount": NaN}}',
        b'{"applicant": {"credit_amount": 1e999}}',
        b'{"applicant": {"a": 1, "a": 2}}',
        b'{"applicant": {"a": "\\ud800"}}',
        b'{"applicant": ' + b"[" * 4_000 + b"]" * 4_000 + b"}",
    ],
)
def test_malformed_json_is_a_problem_and_no_record(node, body):
    size = node.org.archive.size
    status, headers, answer = sent(
        node, request(node, "POST", DECIDE.format(node.deployment), body, "Content-Type: application/json")
    )
    assert (status, headers["content-type"]) == (422, "application/problem+json")
    assert json.loads(answer)["code"] == "invalid_input"
    assert node.org.archive.size == size


@pytest.mark.parametrize("path", ["erasures", "bundles", "ledger/connect", "replays", "deployments"])
@pytest.mark.parametrize("body", [b"{", b"[]", b"1", b"\xff\xfe", b'{"__proto__": 1}', b"[" * 4_000])
def test_malformed_json_for_typed_routes(node, path, body):
    status, headers, answer = sent(
        node, request(node, "POST", f"/api/v1/{path}", body, "Content-Type: application/json")
    )
    assert (status, headers["content-type"]) == (422, "application/problem+json")
    assert json.loads(answer)["code"] == "invalid_input"


@pytest.mark.parametrize("path", ["deployments", "erasures", "policies", "datasets?name=x", "check", "models?name=x"])
def test_a_body_larger_than_allowed_is_refused_before_it_is_read(node, path):
    status, headers, answer = sent(node, request(node, "POST", f"/api/v1/{path}", b"x" * 100, length=10**12))
    assert (status, json.loads(answer)["code"]) == (413, "too_large")
    assert headers["connection"] == "close"


def test_a_chunked_body_is_counted_as_it_comes(node):
    chunk = b"2000\r\n" + b"x" * 0x2000 + b"\r\n"
    head = request(node, "POST", "/api/v1/erasures").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    status, _, answer = sent(node, head + chunk + chunk)
    assert (status, json.loads(answer)["code"]) == (413, "too_large")


@pytest.mark.parametrize("path", ["datasets?name=x", "erasures", "check"])
def test_a_body_that_stays_away_is_not_waited_for(node, path):
    status, headers, answer = sent(node, request(node, "POST", f"/api/v1/{path}", b"x", length=100))
    assert (status, json.loads(answer)["code"]) == (413, "too_large")
    assert headers["connection"] == "close"
    assert list(node.node.incoming.iterdir()) == []


def test_a_head_that_stays_away_is_not_waited_for(node):
    assert sent(node, b"GET /api/v1/organisation HTTP/1.1\r\nHost: no")[0] == 0


@pytest.mark.parametrize(
    "name", ["a b\r\nset-cookie: a=b", "\x00", "x" * 201, "", "caf\u00e9", "a\tb"], ids=lambda name: ascii(name)[:20]
)
def test_an_idempotency_key_cannot_forge_a_header(node, name):
    status, headers, _ = sent(node, request(node, "POST", "/api/v1/keys/log/rotate", b"", f"Idempotency-Key: {name}"))
    assert status in (400, 422) or "a b" in name
    assert "set-cookie" not in headers


@pytest.mark.parametrize(
    "query", ["file=a%0d%0aset-cookie:%20a=b", "file=%22;filename=x", "require=%0d%0ax:y"], ids=str
)
def test_a_parameter_cannot_forge_a_header(node, query):
    _, headers, _ = sent(node, request(node, "POST", f"/api/v1/check?{query}", b"{}"))
    assert not {"set-cookie", "x"} & headers.keys()


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/api/v1/../../keys.json",
        "/api/v1/models/..%2f..%2fkeys.json",
        "/api/v1/models/%2e%2e/%2e%2e/keys.json",
        "/api/v1/proofs/..%2f..%2fkeys.json",
        "/api/v1/log/records/..%2fkeys.json",
        "/api/v1/datasets/%00",
        "/api/v1/datasets/%ff%fe",
        "//etc/passwd",
        "/api/v1/models/" + "a" * 20_000,
    ],
    ids=lambda path: path[:40],
)
def test_no_path_leads_to_a_file(node, path):
    status, headers, answer = sent(node, request(node, "GET", path))
    assert status in (400, 404, 422)
    assert b"root:" not in answer
    if headers.get("content-type") == "application/problem+json":
        assert json.loads(answer)["status"] == status


@pytest.mark.parametrize("number", ["-1", "1e3", "0x10", "9" * 4_301, str(2**63), str(2**64), "%31%00"])
@pytest.mark.parametrize("path", ["decisions/{}", "decisions/{}/receipt", "log/records/{}", "decisions?before={}"])
def test_a_number_that_is_none_or_too_large(node, path, number):
    status, headers, _ = sent(node, request(node, "GET", f"/api/v1/{path.format(number)}"))
    assert status in (404, 422)
    assert headers["content-type"] == "application/problem+json"


def test_what_is_not_http_is_told_off_and_hung_up_on(node):
    assert sent(node, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")[0] in (0, 400)
    assert sent(node, b"GET / HTTP/9.9\r\n\r\n")[0] in (0, 400, 404)
