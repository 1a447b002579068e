"""Those who send too slowly, too much, or what is no HTTP: the node stays up and says what is wrong."""

from __future__ import annotations

import http.client
import json
import select
import socket
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
from making_node import Serving, applicant, serving, settled
from organisations import full_log

from counterfoil.node.access import HOME, RequestSigner, sign_request
from counterfoil.node.settings import NodeSettings
from counterfoil.web.roles import Role

SETTINGS = NodeSettings(most_body_bytes=20_000, body_timeout_s=1, head_timeout_s=1)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("node"), settings=SETTINGS) as found:
        yield found


def connect(node: Serving) -> socket.socket:
    parts = urlsplit(node.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def ask(node: Serving, raw: bytes) -> bytes:
    """Sends bytes and returns what comes back until the node closes the connection."""
    with connect(node) as line:
        line.sendall(raw)
        return b"".join(iter(lambda: line.recv(65_536), b""))


def decide_head(node: Serving, *more: str) -> bytes:
    key = node.client.headers["authorization"]
    lines = [f"POST /api/v1/deployments/{node.deployment}/decisions HTTP/1.1", "host: node", f"authorization: {key}"]
    return "\r\n".join([*lines, *more, "", ""]).encode()


def is_well(node: Serving) -> bool:
    made = node.client.post(f"/api/v1/deployments/{node.deployment}/decisions", json={"applicant": applicant()})
    return made.status_code == 201


def test_a_head_that_does_not_end_is_not_waited_for(node):
    assert ask(node, b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ") == b""
    assert is_well(node)


@pytest.mark.parametrize("piece", [b"x" * 10_000, b"x: y\r\n" * 2_000], ids=["one header", "many headers"])
def test_a_head_without_end_is_not_kept(tmp_path, piece):
    """However fast it comes, the node gives up long before the clock on slow heads would."""
    settings = replace(SETTINGS, head_timeout_s=600)
    with serving(tmp_path, settings=settings) as node, connect(node) as line:
        with suppress(ConnectionError):
            line.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: ")
            for _ in range(1_000):
                line.sendall(piece)
            while line.recv(65_536):
                pass
        assert is_well(node)


def test_a_head_of_some_length_is_taken(node):
    assert httpx.get(f"{node.url}/healthz", headers={"x-long": "x" * 60_000}).status_code == 200


def test_a_connection_that_says_nothing_is_not_waited_for(node):
    assert ask(node, b"") == b""


def test_a_body_that_does_not_come_is_not_waited_for(node):
    told = ask(node, decide_head(node, "content-length: 500", "connection: close") + b'{"appl')
    assert told.startswith(b"HTTP/1.1 413 ")
    assert b"did not arrive within 1 seconds" in told
    assert is_well(node)


@pytest.mark.parametrize("length", [20_001, 10**18])
def test_a_body_announced_too_large_is_refused_unread(node, length):
    told = ask(node, decide_head(node, f"content-length: {length}", "connection: close"))
    assert told.startswith(b"HTTP/1.1 413 ")
    assert b"larger than 20,000 bytes" in told


def test_a_form_of_somebody_unknown_is_small(node):
    told = httpx.post(f"{node.url}/login", data={"name": "x", "password": "a" * 17_000})
    assert told.status_code == 413
    assert "larger than 16,384 bytes" in told.text
    told = httpx.post(f"{node.url}/login", data={"name": "x", "password": "\u00e9" * 1_000})
    assert told.status_code == 401


def test_a_body_in_pieces_is_counted_as_it_comes(node):
    piece = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
    head = decide_head(node, "transfer-encoding: chunked", "connection: close")
    assert ask(node, head + piece * 6 + b"0\r\n\r\n").startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: abc\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: a\x00b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost x\r\n\r\n",
        b"POST /api/v1/policies HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcd",
    ],
)
def test_what_is_no_http_is_turned_away(node, raw):
    told = ask(node, raw)
    assert told == b"" or told.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 401 "))
    assert is_well(node)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"applicant": {}}',
        b'{"applicant": []}',
        b'{"applicant": {}, "more": 1}',
        b'{"applicant": {"credit_amount": NaN}}',
        b'{"applicant": {"credit_amount": 1e999}}',
        b'{"applicant": {"credit_amount": 1, "credit_amount": 2}}',
        b"[" * 10_000,
        b'{"applicant": {"credit_amount": "\\ud800"}}',
    ],
)
def test_a_body_that_is_no_applicant_is_refused_and_leaves_nothing(node, body):
    size = node.org.archive.size
    made = node.client.post(f"/api/v1/deployments/{node.deployment}/decisions", content=body)
    assert (made.status_code, made.headers["content-type"]) == (422, "application/problem+json")
    assert made.json()["detail"]
    assert node.org.archive.size == size


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "caf\u00e9"])
def test_a_request_is_named_in_plain_characters(node, key):
    parts = urlsplit(node.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    headers = {"authorization": node.client.headers["authorization"], "idempotency-key": key.encode("latin-1")}
    connection.request("POST", f"/api/v1/deployments/{node.deployment}/decisions", b"{}", headers)
    assert connection.getresponse().status == 422
    connection.close()


@pytest.mark.parametrize(
    "path", ["/api/v1/deployments/x/decisions", "/api/v1/deployments/99999999999999999999/decisions"]
)
def test_a_place_that_is_none_is_refused(node, path):
    assert node.client.post(path, json={"applicant": applicant()}).status_code in (404, 422)


def test_nothing_in_a_name_can_forge_a_header(node):
    made = node.client.get("/api/v1/decisions/1%0d%0ax-evil:%201/receipt")
    assert made.status_code == 422
    assert "x-evil" not in made.headers


def test_who_asks_too_often_is_asked_to_wait(tmp_path):
    settings = replace(SETTINGS, requests_per_s=1, request_burst=3)
    with serving(tmp_path, settings=settings) as node:
        told = [node.client.get("/api/v1/policies") for _ in range(5)]
        assert [each.status_code for each in told[:3]] == [200, 200, 200]
        assert told[-1].status_code == 429
        assert int(told[-1].headers["retry-after"]) >= 1


def test_a_full_disk_is_told_and_over_when_it_is_over(tmp_path):
    with serving(tmp_path) as node:
        with full_log(node.org):
            made = node.client.post(f"/api/v1/deployments/{node.deployment}/decisions", json={"applicant": applicant()})
            assert (made.status_code, made.json()["code"]) == (503, "log_unavailable")
            path = f"/api/v1/deployments/{node.deployment}/decisions?on_log_failure=spool"
            kept = node.client.post(path, json={"applicant": applicant()}, headers={"idempotency-key": "a"})
            assert (kept.status_code, kept.json()["index"]) == (201, None)
            assert "counterfoil-promise" in kept.json()["promise"]
        assert is_well(node)
        again = node.client.post(path, json={"applicant": applicant()}, headers={"idempotency-key": "a"})
        assert again.json()["leaf"] == kept.json()["leaf"]
        assert again.json()["index"] is not None


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_an_unforeseen_error_says_nothing_of_the_inside(tmp_path, caplog, monkeypatch, accept):
    def fail(*_args, **_kwargs):
        raise ZeroDivisionError(f"{tmp_path} holds a fault")

    with serving(tmp_path) as node:
        monkeypatch.setattr(node.org.views, "index_of", fail)
        told = node.client.get(f"/api/v1/proofs/{'0' * 64}?about=somebody", headers={"accept": accept})
        assert told.status_code == 500
        assert "the server's log says more" in told.text
        for inside in ("Traceback", "ZeroDivisionError", "holds a fault", str(tmp_path)):
            assert inside not in told.text
    assert "ZeroDivisionError" in caplog.text  # whoever runs the node learns what it was
    assert node.client.headers["authorization"] not in caplog.text
    assert "about=somebody" not in "".join(each.getMessage() for each in caplog.records if each.levelname == "ERROR")


def test_answers_that_are_not_taken_keep_nobody_out(tmp_path):
    settings = NodeSettings(most_connections=20, take_timeout_s=1, idle_timeout_s=1, head_timeout_s=1)
    with serving(tmp_path, settings=settings) as node:
        lines = []
        for _ in range(24):
            line = socket.socket()
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            line.connect((urlsplit(node.url).hostname, urlsplit(node.url).port))
            line.sendall(b"GET /check HTTP/1.1\r\nhost: x\r\n\r\n" * 20)
            lines.append(line)
        settled(lambda: _is_served(node))
        for line in lines:
            line.close()


def _is_served(node: Serving) -> bool:
    try:
        return httpx.get(f"{node.url}/healthz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_one_address_does_not_take_all_connections(tmp_path):
    with serving(tmp_path, settings=NodeSettings(most_connections_from_one=5)) as node:
        lines = [connect(node) for _ in range(8)]
        settled(lambda: any(_is_closed(line) for line in lines))
        for line in lines:
            line.close()
        settled(lambda: _is_served(node))


def _is_closed(line: socket.socket) -> bool:
    line.setblocking(False)
    try:
        return line.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_guessing_keys_uses_up_the_share_of_an_address(tmp_path):
    with serving(tmp_path, settings=NodeSettings(public_requests_per_s=1, public_request_burst=3)) as node:
        told = [
            httpx.get(
                f"{node.url}/api/v1/status", headers={"authorization": f"Bearer cf_00000000_{number}"}
            ).status_code
            for number in range(6)
        ]
        assert told[0] == 401
        assert told[-1] == 429
        assert node.client.get("/api/v1/status").status_code == 200  # who has a key goes on


def test_a_long_line_is_refused_alone(node):
    good = orjson.dumps({"applicant": applicant()})
    long = orjson.dumps({"applicant": applicant(note="x" * 1_100_000)})
    path = f"/api/v1/deployments/{node.deployment}/decisions/batch"
    told = node.client.post(path, content=b"\n".join([good, long, good])).content.splitlines()
    assert [json.loads(line).get("code") for line in told] == [None, "too_large", None]


def test_private_answers_are_kept_by_nobody(node):
    for path in ("/api/v1/decisions", "/api/v1/access/keys", "/api/v1/jobs"):
        assert node.client.get(path).headers["cache-control"] == "no-store"


def test_a_node_that_cannot_record_says_so_to_monitors(tmp_path):
    with serving(tmp_path) as node:
        with full_log(node.org):
            node.client.post(f"/api/v1/deployments/{node.deployment}/decisions", json={"applicant": applicant()})
            assert node.client.get("/readyz").status_code == 503
        assert is_well(node)
        assert node.client.get("/readyz").status_code == 200


def test_a_check_waits_for_nobody_who_sends_slowly(tmp_path):
    """Eight slow senders of one address: some are refused, and no other address waits for the rest."""
    head = b"POST /api/v1/check HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nx"
    with serving(tmp_path) as node, ExitStack() as stack:
        slow = [stack.enter_context(connect(node)) for _ in range(8)]
        for line in slow:
            line.sendall(head)
        settled(lambda: len(answered(slow)) == 4)
        assert all(line.recv(20).startswith(b"HTTP/1.1 429 ") for line in answered(slow))
        waiting = set(slow) - set(answered(slow))
        transport = httpx.HTTPTransport(local_address="127.0.0.2")
        other = stack.enter_context(httpx.Client(base_url=node.url, transport=transport, timeout=60))
        told = other.post("/api/v1/check", content=b"{}")
        assert (told.status_code, told.json()["exit_code"]) == (200, 4)
        assert not set(answered(slow)) & waiting


def answered(lines):
    return select.select(lines, [], [], 0)[0]


def test_a_signed_request_that_waits_for_the_disk_holds_up_nobody(tmp_path):
    with serving(tmp_path) as node:
        signer = RequestSigner("other.example", b"p" * 32)
        node.node.access.peers.add(str(signer.key), frozenset({Role.AUDITOR}), by=HOME)
        url = f"{node.url}/api/v1/access/me"
        headers = sign_request(signer, "GET", url, b"", node.org.recorder.now_s())
        told = []
        asking = threading.Thread(target=lambda: told.append(httpx.get(url, headers=headers, timeout=60)))
        with node.node.state.writing():
            asking.start()
            settled(node.node.access.peers._nonces._lock.locked)
            assert httpx.get(f"{node.url}/healthz", timeout=60).status_code == 200
            assert not told
        asking.join()
        assert told[0].status_code == 200
