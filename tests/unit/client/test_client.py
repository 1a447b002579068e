"""A client of a node: what it tries again, what it never tells, and whom it does not believe."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from making_node import serving
from organisations import ROW

import counterfoil
from counterfoil.client.problems import error_in
from counterfoil.client.wire import Wire
from counterfoil.errors import (
    ERROR_TABLE,
    CounterfoilError,
    InvalidInput,
    LogUnavailable,
    NodeUnreachable,
    NotAllowed,
    NotFound,
    NotSignedIn,
    TooManyRequests,
)
from counterfoil.web.problem import problem, problem_response
from counterfoil.web.roles import Role

SECRET = "cf_0123456789abcdef0123456789abcdef"
Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


class Stand:
    """A server in a node's place: it answers as the test says, and remembers what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.bodies: list[bytes] = []

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        self.keys.append(handler.headers.get("idempotency-key"))
        self.paths.append(handler.path)
        self.bodies.append(body)
        (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(handler, body)


@contextmanager
def standing(*answers: Answer) -> Iterator[tuple[Stand, str]]:
    stand = Stand(*answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stand.take(self)

        do_POST = do_GET  # noqa: N815 - as the standard library names it

        def log_message(self, *_told) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield stand, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def says(value, status: int = 200, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        handler.send_response(status)
        for name, each in headers.items():
            handler.send_header(name.replace("_", "-"), each)
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def fails(error: CounterfoilError) -> Answer:
    made = problem_response(error)
    headers = {name.replace("-", "_"): each for name, each in made.headers.items() if name == "retry-after"}
    return says(bytes(made.body), made.status_code, **headers)


def hangs_up(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


# What is tried again


@pytest.mark.parametrize(
    "first",
    [
        hangs_up,
        says(b"no such thing", 503),
        says(b"", 502),
        fails(LogUnavailable("the server is stopping")),
        fails(TooManyRequests("too often", retry_after_s=1)),
    ],
    ids=["hangs up", "proxy", "gateway", "stopping", "too often"],
)
def test_a_write_is_tried_again_under_the_same_key(first):
    done = says({"erased": [], "restricted": [], "scrubbed": True})
    with standing(first, done) as (stand, url), counterfoil.connect(url, SECRET) as org:
        org.erasures.erase_record(1, basis="asked for")
    assert len(stand.keys) == 2
    assert stand.keys[0] == stand.keys[1]
    assert len(stand.keys[0]) == 32
    assert stand.bodies[0] == stand.bodies[1]


def test_every_write_has_a_key_of_its_own():
    done = says({"erased": [], "restricted": [], "scrubbed": True})
    with standing(done) as (stand, url), counterfoil.connect(url, SECRET) as org:
        org.erasures.erase_record(1, basis="asked for")
        org.erasures.erase_record(1, basis="asked for")
    assert stand.keys[0] != stand.keys[1]


def test_work_that_failed_raises_what_it_failed_with(tmp_path):
    with serving(tmp_path) as node:
        wire = Wire(node.url, node.client.headers["authorization"].removeprefix("Bearer "))
        job = node.node.jobs.start("key:a", "bundle", {"records": [10_000]})
        with pytest.raises(NotFound, match="10000"):
            wire.finished(job.to_json(), timeout_s=60)
        wire.close()


def test_patience_ends():
    with (
        standing(hangs_up) as (stand, url),
        counterfoil.connect(url, SECRET, patience_s=0.5) as org,
        pytest.raises(NodeUnreachable, match="does not answer"),
    ):
        org.checkpoint()
    assert 2 <= len(stand.keys) <= 6


def test_what_was_refused_is_not_tried_again():
    with (
        standing(fails(NotFound("nobody"))) as (stand, url),
        counterfoil.connect(url, SECRET) as org,
        pytest.raises(NotFound, match="nobody"),
    ):
        org.erasures.plan_person("x")
    assert len(stand.keys) == 1


def test_a_node_that_is_not_there():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with counterfoil.connect(f"http://127.0.0.1:{port}", SECRET, patience_s=0) as org, pytest.raises(NodeUnreachable):
        org.checkpoint()


def test_a_decision_is_made_once_though_its_answer_was_lost(tmp_path):
    """The first answer gets lost on its way; what comes back then is the decision that was made."""
    with serving(tmp_path) as node:
        import httpx

        key = node.client.headers["authorization"].removeprefix("Bearer ")
        lost = []

        def forward(handler: BaseHTTPRequestHandler, body: bytes) -> None:
            headers = {name: each for name, each in handler.headers.items() if name.lower() != "host"}
            answer = httpx.request(handler.command, node.url + handler.path, content=body, headers=headers)
            if handler.command == "POST" and not lost:
                lost.append(answer.json())
                hangs_up(handler, body)
            else:
                says(answer.content, answer.status_code)(handler, body)

        with standing(forward) as (_, url), counterfoil.connect(url, key) as org:
            deployment = org.decisions.deployment(node.deployment)
            size = node.org.archive.size
            made = deployment.decide(ROW, subject="once")
        assert made.index == lost[0]["index"]
        assert made.score == lost[0]["score"]
        assert node.org.archive.size == size + 1


# What went wrong comes back as what it was


@pytest.mark.parametrize("kind", ERROR_TABLE)
def test_every_error_travels(kind):
    sent = kind("what was found", hint="what to try")
    got = error_in(json.loads(json.dumps(problem(sent))), 500)
    assert (type(got), got.message, got.hint) == (kind, "what was found", "what to try")


def test_an_error_of_a_newer_node_is_an_error():
    assert type(error_in({"code": "brand_new", "detail": "x"}, 400)) is CounterfoilError


@pytest.mark.parametrize(
    "answer",
    [says(b"<html>hello</html>"), says(b"<html>gone</html>", 404), says(b"", 302, location="http://127.0.0.1/")],
    ids=["page", "other 404", "elsewhere"],
)
def test_what_is_no_node_is_told(answer):
    with (
        standing(answer) as (_, url),
        counterfoil.connect(url, SECRET, patience_s=0) as org,
        pytest.raises(NodeUnreachable, match="no node of Counterfoil"),
    ):
        org.checkpoint()


def test_roles_hold_for_a_client_too(tmp_path):
    with serving(tmp_path, Role.SERVICE) as node:
        key = node.client.headers["authorization"].removeprefix("Bearer ")
        with counterfoil.connect(node.url, key) as org:
            made = org.decisions.deployment(node.deployment, receipts=True).decide(ROW)
            assert made.check().is_intact
            with pytest.raises(NotAllowed):
                org.decisions.history(made.index)
        with counterfoil.connect(node.url, "cf_" + "0" * 64) as org, pytest.raises(NotSignedIn):
            org.checkpoint()


# What it never tells


def test_the_key_is_in_no_message_and_no_log(caplog):
    caplog.set_level(logging.DEBUG)
    with standing(hangs_up) as (_, url), counterfoil.connect(url, SECRET, patience_s=0) as org:
        with pytest.raises(NodeUnreachable) as failed:
            org.checkpoint()
        told = [repr(org), repr(org._wire), repr(org.__dict__), str(failed.value), *map(str, failed.value.__notes__)]
    assert not [each for each in told if SECRET in each]
    assert SECRET not in caplog.text


def test_whom_it_asks_about_is_in_no_log(caplog):
    caplog.set_level(logging.DEBUG)
    with standing(says({"items": [], "next": None})) as (stand, url), counterfoil.connect(url, SECRET) as org:
        assert org.decisions.search(subject="customer-4711") == []
    assert "customer-4711" in stand.paths[0]
    assert "/api/v1/decisions" in caplog.text
    assert "customer-4711" not in caplog.text


@pytest.mark.parametrize("key", ["", "a b", "a\r\nx-role: admin", "ключ", "\x00"])
def test_what_is_no_key_is_refused_and_not_quoted(key):
    with pytest.raises(InvalidInput) as refused:
        counterfoil.connect("https://node.example", key)
    assert not key or key not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "node.example",
        "ftp://node.example",
        "https://",
        "https://user:secret@node.example",
        "https://node.example/?a=b",
        "http://node.example",
        "http://10.0.0.1",
        "http://localhost.example",
        "https://node.example:99999",
    ],
)
def test_an_address_that_cannot_be(url):
    with pytest.raises(InvalidInput) as refused:
        counterfoil.connect(url, SECRET)
    assert "secret" not in str(refused.value)


def test_a_network_of_ones_own_may_be_plain():
    counterfoil.connect("http://10.0.0.1", SECRET, allow_plain_http=True).close()


# TLS


def test_a_node_is_believed_by_its_certificate(tmp_path):
    cert = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, tmp_path / "node.key")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            says({"head": "the head", "issuer": "x", "size": 1})(self, b"")

        def log_message(self, *_told) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_told) -> None:  # the client that hangs up on an unknown certificate
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            url = f"https://127.0.0.1:{server.server_port}"
            with counterfoil.connect(url, SECRET, ca_file=cert) as org:
                assert org.checkpoint() == "the head"
            with counterfoil.connect(url, SECRET, patience_s=0) as org, pytest.raises(NodeUnreachable):
                org.checkpoint()
        finally:
            server.shutdown()
            thread.join()
    with pytest.raises(InvalidInput):
        counterfoil.connect("https://node.example", SECRET, ca_file=tmp_path / "none.pem")


def certificate(folder: Path) -> Path:
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "node")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "node.key").write_bytes(key.private_bytes(*form))
    (folder / "node.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder / "node.pem"


# What it loads


def test_opening_a_home_loads_no_client_and_a_client_no_home():
    code = (
        "import sys, counterfoil, counterfoil.organisation\n"
        "assert 'httpx' not in sys.modules and 'counterfoil.client' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    code = (
        "import sys, counterfoil\n"
        "counterfoil.connect('https://node.example', 'k').close()\n"
        "loaded = {'counterfoil.organisation', 'fastapi', 'web3', 'eth', 'coincurve', 'sklearn'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Many at once


def test_a_row_that_the_node_refuses_is_named_and_the_others_stay(tmp_path):
    with serving(tmp_path) as node:
        key = node.client.headers["authorization"].removeprefix("Bearer ")
        with counterfoil.connect(node.url, key) as org:
            deployment = org.decisions.deployment(node.deployment)
            deployment.policy = _lenient()
            size = node.org.archive.size
            with pytest.raises(InvalidInput, match=r"row 2: .*; 2 other rows were decided, and are on record"):
                deployment.decide_many([ROW, ROW | {"housing": "castle"}, ROW])
            assert node.org.archive.size == size + 2


def _lenient():
    """Returns the small policy with a category more than the node's."""
    from organisations import POLICY

    from counterfoil.decisions import Policy

    text = POLICY.format(version="1", retain_days=0, effective_from="2026-09-02")
    return Policy.from_toml(text.replace('"for free", "own"', '"castle", "for free", "own"'))


def test_a_service_has_receipts_that_came_with_its_decisions(tmp_path):
    with serving(tmp_path, Role.SERVICE) as node:
        token = node.client.headers["authorization"].removeprefix("Bearer ")
        with counterfoil.connect(node.url, token) as remote:
            decides = remote.decisions.deployment(node.deployment, receipts=True)
            for made in (
                decides.decide(node.applicant, subject="1"),
                *decides.decide_many([node.applicant], subjects=["2"]),
            ):
                assert made.check().is_intact
                assert made.receipt.index == made.index
                with pytest.raises(NotAllowed):
                    made.receipt_of(["/output/label"])
            with pytest.raises(NotAllowed):
                assert remote.decisions.deployment(node.deployment).decide(node.applicant).receipt
