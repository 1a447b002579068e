"""One node over HTTP: what it answers, what it may not do, and that nothing waits or shows too long."""

from __future__ import annotations

import datetime
import ipaddress
import logging
import socket
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from lying_node import SLOW, LyingNode

from counterfoil.errors import InvalidInput, LedgerContradicts, LedgerError, LedgerUnreachable
from counterfoil.ledger.rpc.endpoint import MAX_REST_S, Endpoint
from counterfoil.ledger.rpc.rpc import Call, RpcError

SECRET = "k3y-of-a-customer"
SHORT_S = 0.3


class Calculator:
    """What stands behind the node in these tests: it knows three calls, and no chain."""

    def call(self, method: str, *params: Any) -> Any:
        if method == "add":
            return sum(params)
        if method == "echo":
            return params[0]
        if method == "refuse":
            raise RpcError(3, "execution reverted: no", b"\x08\xc3\x79\xa0")
        raise RpcError(-32601, f"no such method: {method}")

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        raise NotImplementedError


@pytest.fixture
def node() -> Iterator[LyingNode]:
    with LyingNode(Calculator()) as made:
        yield made


@pytest.fixture
def endpoint(node: LyingNode) -> Iterator[Endpoint]:
    with Endpoint(f"{node.url}/v3/{SECRET}", max_answer_bytes=100_000) as made:
        yield made


def test_a_call_returns_its_result(endpoint: Endpoint) -> None:
    assert endpoint.call("add", 1, 2, 3) == 6
    assert endpoint.call("echo", {"ä": [None, True, 0.5]}) == {"ä": [None, True, 0.5]}
    assert endpoint.call("echo", None) is None


def test_a_nodes_error_is_raised_by_call_and_returned_by_batch(endpoint: Endpoint) -> None:
    with pytest.raises(RpcError) as caught:
        endpoint.call("refuse")
    assert (caught.value.code, caught.value.data) == (3, b"\x08\xc3\x79\xa0")
    first, second, third = endpoint.batch([("refuse", []), ("add", [1]), ("nonsense", [])])
    assert (first.code, second, third.code) == (3, 1, -32601)
    assert endpoint.batch([]) == []


def test_large_batches_go_in_several_requests(endpoint: Endpoint, node: LyingNode) -> None:
    assert endpoint.batch([("add", [number]) for number in range(250)]) == list(range(250))
    assert [len(body) for body in node.bodies] == [100, 100, 50]


def test_one_connection_serves_many_calls(endpoint: Endpoint, node: LyingNode) -> None:
    for number in range(20):
        assert endpoint.call("add", number) == number
    assert node.connections == endpoint.connections == 1


def test_a_connection_that_the_node_closed_is_replaced(endpoint: Endpoint, node: LyingNode) -> None:
    for number in range(3):
        assert endpoint.call("add", number) == number
        node.hang_up()
    assert endpoint.connections == 3


def test_a_node_that_closes_every_connection_is_served_too() -> None:
    with LyingNode(Calculator(), keeps_alive=False) as node, Endpoint(node.url) as endpoint:
        assert [endpoint.call("add", number) for number in range(3)] == [0, 1, 2]
        assert endpoint.connections == 3


def test_threads_get_their_own_answers(node: LyingNode) -> None:
    with Endpoint(node.url) as endpoint, ThreadPoolExecutor(12) as pool:
        assert list(pool.map(lambda number: endpoint.call("add", number), range(300))) == list(range(300))


UNREACHABLE = ["cut", "close", "reset", "301", "400", "401", "404", "413", "429", "500", "503"]
CONTRADICTS = [
    "html", "garbage", "empty", "truncated", "huge", "endless", "deep", "not_http", "twice", "missing", "wrong_id",
    "text_id", "no_id", "version", "both", "neither", "wrapped", "nan", "doubled_key", "bad_error", "compressed", "200",
]  # fmt: skip


@pytest.mark.parametrize("how", [*UNREACHABLE, *CONTRADICTS])
def test_whatever_a_node_does_the_error_is_right_and_tells_no_secret(
    endpoint: Endpoint, node: LyingNode, how: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    kind = LedgerUnreachable if how in UNREACHABLE else LedgerContradicts
    for _ in range(2):  # over a new connection, then over one that was used
        node.misbehave(how)
        with pytest.raises(LedgerError) as caught:
            endpoint.call("add", 1)
        assert type(caught.value) is kind, caught.value
        assert node.url in caught.value.message
        assert SECRET not in "".join(traceback.format_exception(caught.value)) + caplog.text
        node.honest()
        assert endpoint.call("add", 2) == 2, "it goes on afterwards"


@pytest.mark.parametrize("how", SLOW)
def test_a_node_that_takes_its_time_is_left(node: LyingNode, how: Any) -> None:
    node.misbehave(how)
    with Endpoint(f"{node.url}/{SECRET}", timeout_s=SHORT_S) as endpoint:
        for ask in (lambda: endpoint.call("add", 1), lambda: endpoint.batch([("add", [1]), ("add", [2])])):
            with pytest.raises(LedgerUnreachable, match="did not answer within 0.3 seconds") as caught:
                ask()
            assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("how", ["twice", "missing", "wrong_id", "text_id", "wrapped", "version", "both", "truncated"])
def test_a_spoilt_batch_is_refused_as_a_whole(endpoint: Endpoint, node: LyingNode, how: Any) -> None:
    node.misbehave(how)
    with pytest.raises(LedgerContradicts):
        endpoint.batch([("add", [1]), ("add", [2])])


def test_a_node_that_nobody_runs_is_unreachable(node: LyingNode) -> None:
    node.close()
    with Endpoint(f"{node.url}/{SECRET}") as endpoint, pytest.raises(LedgerUnreachable, match="refused") as caught:
        endpoint.call("add", 1)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_name_that_leads_nowhere_is_unreachable() -> None:
    with Endpoint("https://node.invalid/") as endpoint, pytest.raises(LedgerUnreachable, match=r"node\.invalid"):
        endpoint.call("add", 1)


def test_redirects_are_not_followed_and_lead_to_a_hint(endpoint: Endpoint, node: LyingNode) -> None:
    node.misbehave("301")
    with pytest.raises(LedgerUnreachable, match="redirect") as caught:
        endpoint.call("add", 1)
    assert "elsewhere" not in caught.value.message
    assert node.asked == ["add"]


@pytest.mark.parametrize(
    ("said", "rest_s"),
    [("7", 7), ("0", 0), (" 12 ", 12), ("99999999999999999999", MAX_REST_S), ("-5", 0), ("soon", 0), ("", 0)],
)
def test_a_busy_node_says_how_long_it_wants_to_rest(
    endpoint: Endpoint, node: LyingNode, said: str, rest_s: float
) -> None:
    node.misbehave("429")
    node.retry_after = said
    with pytest.raises(LedgerUnreachable, match="too often"):
        endpoint.call("add", 1)
    assert endpoint.rest_s == rest_s
    node.honest()
    endpoint.call("add", 1)
    assert endpoint.rest_s == 0


@pytest.mark.parametrize("code", [429, -32005])
def test_some_nodes_say_in_json_that_they_are_busy(endpoint: Endpoint, node: LyingNode, code: int) -> None:
    node.lie("add", RpcError(code, "capacity exceeded"))
    node.lie("eth_getLogs", RpcError(-32005, "query returned more than 10000 results"))
    with pytest.raises(LedgerUnreachable, match="too often"):
        endpoint.call("add", 1)
    with pytest.raises(LedgerUnreachable, match="too often"):
        endpoint.batch([("echo", [1]), ("add", [1])])
    with pytest.raises(RpcError, match="10000"):  # whoever asked for too many events asks for fewer
        endpoint.call("eth_getLogs", {})


def test_a_rest_may_be_given_as_a_date(endpoint: Endpoint, node: LyingNode) -> None:
    node.misbehave("429")
    node.retry_after = format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1), usegmt=True)
    with pytest.raises(LedgerUnreachable):
        endpoint.call("add", 1)
    assert endpoint.rest_s == MAX_REST_S
    node.retry_after = "Sun, 06 Nov 1994 08:49:37 GMT"
    with pytest.raises(LedgerUnreachable):
        endpoint.call("add", 1)
    assert endpoint.rest_s == 0


def test_a_node_that_repeats_its_address_gives_no_secret_away(node: LyingNode) -> None:
    node.misbehave("echo")
    with Endpoint(f"{node.url.replace('//', f'//user:{SECRET}1@')}/v3/{SECRET}2?key={SECRET}3") as endpoint:
        with pytest.raises(RpcError) as caught:
            endpoint.call("add", 1)
        (second,) = endpoint.batch([("add", [1])])
        for error in (caught.value, second):
            assert SECRET not in error.message
            assert "no such key" in error.message
        assert SECRET not in repr(endpoint) + endpoint.host


def test_a_user_and_password_are_sent_as_a_header(node: LyingNode) -> None:
    node.misbehave("echo")
    with Endpoint(node.url.replace("//", "//me:pass%20word@")) as endpoint, pytest.raises(RpcError) as caught:
        endpoint.call("add", 1)
    assert caught.value.message == "no such key: / Basic …"


def test_proxies_and_netrc_of_the_environment_are_not_used(
    node: LyingNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with Endpoint(node.url) as endpoint:
        assert endpoint.call("add", 1) == 1
        node.misbehave("echo")
        with pytest.raises(RpcError, match="no such key: / None"):
            endpoint.call("add", 1)


def test_a_forked_process_does_not_share_the_connection(
    endpoint: Endpoint, node: LyingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert endpoint.call("add", 1) == 1
    monkeypatch.setattr("os.getpid", lambda: -1)  # as if this were the child
    assert endpoint.call("add", 2) == 2
    assert endpoint.connections == 2


def test_after_closing_no_connection_is_kept(endpoint: Endpoint, node: LyingNode) -> None:
    endpoint.call("add", 1)
    endpoint.close()
    assert endpoint.call("add", 1) == 1
    assert endpoint.call("add", 1) == 1
    assert endpoint.connections == 3


@pytest.mark.parametrize("numbers", [{"timeout_s": 0}, {"timeout_s": -1}, {"max_answer_bytes": 0}])
def test_numbers_that_make_no_sense_are_refused(numbers: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Endpoint("https://node.example", **numbers)


# Encrypted


def certificate(folder: Path, name: x509.GeneralName) -> tuple[Path, Path]:
    """Writes a certificate for `name` that vouches for itself; returns its file and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a node")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(title)
        .issuer_name(title)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "node.pem", folder / "node.key"
    paths[0].write_bytes(built.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


def test_https_needs_a_certificate_of_that_name(tmp_path: Path) -> None:
    mine, key = certificate(tmp_path, x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    other, other_key = certificate(other_folder, x509.DNSName("elsewhere.example"))
    with LyingNode(Calculator(), certificate=(mine, key)) as node:
        url = node.url + "/" + SECRET
        with Endpoint(url, ca_file=mine) as endpoint:
            assert [endpoint.call("add", 1), *endpoint.batch([("add", [2]), ("add", [3])])] == [1, 2, 3]
            assert endpoint.connections == 1
            node.hang_up()
            assert endpoint.call("add", 4) == 4
        with Endpoint(url) as endpoint, pytest.raises(LedgerUnreachable, match="could not prove its name") as caught:
            endpoint.call("add", 1)
        assert SECRET not in "".join(traceback.format_exception(caught.value))
    with (
        LyingNode(Calculator(), certificate=(other, other_key)) as node,
        Endpoint(node.url, ca_file=other) as endpoint,
        pytest.raises(LedgerUnreachable, match="could not prove its name"),
    ):
        endpoint.call("add", 1)


def test_https_waits_no_longer_than_allowed(tmp_path: Path) -> None:
    mine, key = certificate(tmp_path, x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    with (
        LyingNode(Calculator(), certificate=(mine, key)) as node,
        Endpoint(node.url, ca_file=mine, timeout_s=SHORT_S) as endpoint,
    ):
        for how in SLOW:
            node.misbehave(how)
            with pytest.raises(LedgerUnreachable, match="did not answer within"):
                endpoint.call("add", 1)


def test_a_node_that_never_shakes_hands_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        with Endpoint(url, timeout_s=SHORT_S) as endpoint, pytest.raises(LedgerUnreachable, match="did not answer"):
            endpoint.call("add", 1)


def test_a_node_that_speaks_plainly_where_it_must_not_is_left(node: LyingNode) -> None:
    url = node.url.replace("http://", "https://")
    with Endpoint(url, timeout_s=SHORT_S) as endpoint, pytest.raises(LedgerUnreachable, match="cannot be reached"):
        endpoint.call("add", 1)


def test_certificates_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pem", tmp_path / "empty.pem"):
        (tmp_path / "empty.pem").touch()
        with pytest.raises(InvalidInput, match="certificates"):
            Endpoint("https://node.example", ca_file=path)
