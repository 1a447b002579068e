"""The ledger's server on loopback: other programs may use it, web pages may not, and nobody can hold it up."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from small_ledger import CHAIN_ID, Clock, Contracts, Purse, words

from counterfoil.errors import InvalidInput
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.embedded.lock import served_at
from counterfoil.ledger.embedded.server import LedgerServer, Limits, serve
from counterfoil.ledger.rpc.hexadecimal import data, quantity

TIGHT = Limits(
    body_bytes=50_000, calls=20, answer_bytes=200_000, connections=4, idle_s=0.4, request_s=0.4, answer_s=1.0
)
PATIENT = Limits(connections=8)
WAIT_S = 20


@pytest.fixture
def purse() -> Purse:
    return Purse()


@pytest.fixture
def ledger(tmp_path: Path, purse: Purse) -> Iterator[EmbeddedLedger]:
    with EmbeddedLedger.create(tmp_path / "l", chain_id=CHAIN_ID, funded=purse.funded, now=Clock()) as made:
        yield made


@pytest.fixture
def server(ledger: EmbeddedLedger) -> Iterator[LedgerServer]:
    with serve(ledger, limits=PATIENT) as serving:
        yield serving


@pytest.fixture
def strict(ledger: EmbeddedLedger) -> Iterator[LedgerServer]:
    with serve(ledger, limits=TIGHT) as serving:
        yield serving


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerServer]:
    """For tests of requests that change nothing."""
    with (
        EmbeddedLedger.create(tmp_path_factory.mktemp("shared"), chain_id=CHAIN_ID) as made,
        serve(made, limits=TIGHT) as serving,
    ):
        yield serving


def port_of(server: LedgerServer) -> int:
    return int(server.url.rpartition(":")[2])


def post(
    server: LedgerServer, body: Any, *, method: str = "POST", path: str = "/", without: str = "", **more: str
) -> tuple[int, Mapping[str, str], Any]:
    """Sends one request; returns its status, headers and body. `more` are headers, with _ for -."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(raw))}
    headers |= {"Host": f"127.0.0.1:{port_of(server)}"}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=WAIT_S)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            if name != without:
                connection.putheader(name, value)
        connection.endheaders(raw)
        response = connection.getresponse()
        content = response.read()
        return response.status, dict(response.headers), json.loads(content) if content else None
    finally:
        connection.close()


def call(method: str, *params: Any, identifier: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identifier, "method": method, "params": list(params)}


CHAIN = call("eth_chainId")
ANSWER = {"jsonrpc": "2.0", "id": 1, "result": quantity(CHAIN_ID)}


def test_programs_are_answered(server: LedgerServer, ledger: EmbeddedLedger, purse: Purse) -> None:
    status, headers, answer = post(server, CHAIN)
    assert (status, answer) == (200, ANSWER)
    assert headers["Content-Type"] == "application/json"
    raw = purse.sign(value=1)
    assert post(server, call("eth_sendRawTransaction", data(raw)))[2]["result"].startswith("0x")
    assert ledger.head.number == 1
    assert post(server, call("eth_sendRawTransaction", data(raw)))[2]["error"]["message"] == "already known"


def test_many_calls_at_once(server: LedgerServer, ledger: EmbeddedLedger, purse: Purse) -> None:
    sends = [call("eth_sendRawTransaction", data(purse.sign()), identifier=f"s{number}") for number in range(3)]
    batch = [
        call("eth_blockNumber", identifier="before"),
        *sends,
        call("eth_blockNumber", identifier="after"),
        {"id": 7},
    ]
    answers = post(server, batch)[2]
    assert [each["id"] for each in answers] == ["before", "s0", "s1", "s2", "after", 7]
    assert (answers[0]["result"], answers[4]["result"]) == ("0x0", "0x1")
    assert answers[5]["error"]["code"] == -32600


def test_a_contract_that_refuses_is_told_as_nodes_tell_it(
    server: LedgerServer, ledger: EmbeddedLedger, purse: Purse
) -> None:
    contracts = Contracts.deploy(ledger, purse)
    for calldata in (b"", b"\xde\xad"):
        error = post(server, call("eth_call", {"to": data(contracts.refuse), "data": data(calldata)}))[2]["error"]
        assert error == {"code": 3, "message": "execution reverted", "data": data(calldata)}


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost",
        "0.0.0.0:{port}",
        "[::1]",
        "",
        "127.0.0.1:{port}.evil.example",
        "127.0.0.1.evil.example:{port}",
        "user@127.0.0.1:{port}",
        "127.0.0.1:{port}:80",
    ],
)
def test_a_name_that_was_turned_to_loopback_is_refused(shared: LedgerServer, host: str) -> None:
    """DNS rebinding: the page's own name leads here, and the browser sends that name."""
    status, headers, answer = post(shared, CHAIN, Host=host.format(port=port_of(shared)))
    assert (status, answer["error"]["code"]) == (403, -32600)
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}", "LOCALHOST:{port}"])
def test_every_loopback_name_is_good(shared: LedgerServer, host: str) -> None:
    assert post(shared, CHAIN, Host=host.format(port=port_of(shared)))[0] == 200


def test_two_hosts_or_none_are_refused(shared: LedgerServer) -> None:
    assert post(shared, CHAIN, without="Host")[0] == 403
    port = port_of(shared)
    text = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n"
    assert b" 403 " in talk(shared, text.encode())


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "http://127.0.0.1:{port}", "http://localhost:3000"])
def test_web_pages_are_refused(shared: LedgerServer, origin: str) -> None:
    status, headers, answer = post(shared, CHAIN, Origin=origin.format(port=port_of(shared)))
    assert (status, answer["error"]["message"]) == (403, "web pages may not use this ledger")
    assert not [name for name in headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "NONSENSE"])
def test_nothing_but_post_is_answered(shared: LedgerServer, method: str) -> None:
    """OPTIONS is how a browser asks whether a page may: no header in the answer says yes."""
    asked = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "content-type"}
    status, headers, answer = post(shared, CHAIN, method=method, **asked)
    assert (status, headers["Allow"]) == (405, "POST")
    assert not [name for name in headers if name.lower().startswith("access-control")]
    assert answer is None or answer["error"]["code"] == -32600


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"])
def test_what_a_form_could_send_is_refused(shared: LedgerServer, kind: str) -> None:
    assert post(shared, CHAIN, Content_Type=kind)[0] == 415
    assert post(shared, CHAIN, without="Content-Type")[0] == 415
    assert post(shared, CHAIN, Content_Type="application/json; charset=utf-8")[0] == 200


@pytest.mark.parametrize("path", ["/rpc", "/?x=1", "/../", "http://evil.example/", "*"])
def test_there_is_one_path(shared: LedgerServer, path: str) -> None:
    assert post(shared, CHAIN, path=path)[0] == 404


def test_methods_that_change_a_node_do_not_exist(shared: LedgerServer) -> None:
    for name in ("evm_mine", "evm_snapshot", "anvil_setBalance", "hardhat_reset", "debug_setHead", "admin_nodeInfo"):
        assert post(shared, call(name))[2]["error"]["code"] == -32601
    for name in (
        "personal_unlockAccount",
        "eth_sendTransaction",
        "eth_sign",
        "miner_start",
        "txpool_content",
        "__class__",
    ):
        assert post(shared, call(name))[2]["error"]["code"] == -32601


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 40_000, -32700),
        (b'{"a":' * 8_000, -32700),
        (b"9" * 5_000, -32700),
        (b'{"id":1,"id":2}', -32700),
        (b"NaN", -32700),
        (b"[]", -32600),
        (b"{}", -32600),
        (b"7", -32600),
        (b'"text"', -32600),
        (b"null", -32600),
        (json.dumps([CHAIN] * 21).encode(), -32600),
        (json.dumps(CHAIN | {"id": None}).encode(), -32600),
        (json.dumps(CHAIN | {"id": True}).encode(), -32600),
        (json.dumps(CHAIN | {"id": [1]}).encode(), -32600),
        (json.dumps(CHAIN | {"id": "x" * 201}).encode(), -32600),
        (json.dumps(CHAIN | {"jsonrpc": "1.0"}).encode(), -32600),
        (json.dumps(CHAIN | {"method": 7}).encode(), -32600),
        (json.dumps(CHAIN | {"method": "\ud800"}).encode(), -32700),
        (json.dumps(CHAIN | {"params": {"a": 1}}).encode(), -32602),
        (json.dumps(CHAIN | {"method": "eth_getBalance", "params": [{"a": [[[]]]}]}).encode(), -32602),
        (json.dumps(CHAIN | {"method": "eth_sendRawTransaction", "params": ["0x" + "ff" * 9]}).encode(), -32000),
    ],
)
def test_bodies_that_are_no_call(shared: LedgerServer, body: bytes, code: int) -> None:
    status, _, answer = post(shared, body)
    assert (status, answer["error"]["code"]) == (200, code)
    assert post(shared, CHAIN)[2] == ANSWER


def test_a_request_that_is_too_long_is_refused(shared: LedgerServer) -> None:
    assert post(shared, b" " * 50_000 + b"{}")[0] == 413
    text = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port_of(shared)}\r\nContent-Type: application/json\r\n"
    for length in ("99999999999999999999999999", "-1", "1e3", "+5", "٣", "5\r\nContent-Length: 5", "0x5", ""):
        answer = talk(shared, (text + f"Content-Length: {length}\r\n\r\n").encode())
        assert b" 411 " in answer or b" 413 " in answer
    for more in ("Transfer-Encoding: chunked", "Content-Encoding: gzip\r\nContent-Length: 3"):
        assert b" 400 " in talk(shared, (text + more + "\r\n\r\n").encode())


def test_what_is_not_http_is_refused_in_json(shared: LedgerServer) -> None:
    for text in (b"\0\1\2\3\r\n\r\n", b"GET\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"x" * 70_000 + b"\r\n\r\n"):
        answer = talk(shared, text)
        assert not answer or b'"error"' in answer
        assert b"<" not in answer
    many = b"".join(b"X-%d: y\r\n" % number for number in range(200))
    assert b" 431 " in talk(shared, b"POST / HTTP/1.1\r\n" + many + b"\r\n")
    assert post(shared, CHAIN)[2] == ANSWER


def test_an_answer_that_is_too_long_is_not_sent(strict: LedgerServer, ledger: EmbeddedLedger, purse: Purse) -> None:
    contracts = Contracts.deploy(ledger, purse)
    ledger.send([purse.sign(0, contracts.tell, words(1) + bytes(120_000), gas=10_000_000)])
    found = call("eth_getLogs", {"fromBlock": "0x0"})
    assert post(strict, found)[2]["error"]["code"] == -32005
    answers = post(strict, [CHAIN, found, CHAIN, call("eth_sendRawTransaction", data(purse.sign(1)))])[2]
    assert [each.get("error", {}).get("code") for each in answers] == [None, -32005, -32005, None]


def test_slow_clients_are_sent_away(strict: LedgerServer) -> None:
    """One says nothing, one sends its headers byte by byte, one its body."""
    port = port_of(strict)
    head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    body = f"{head}Content-Length: 100\r\n\r\n".encode()
    for start, step in ((b"", b""), (b"POST / HTTP/1.1\r\n", b"X"), (body, b" ")):
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as client:
            client.sendall(start)
            client.settimeout(0.1)
            assert drip(client, step)
    assert post(strict, CHAIN)[2] == ANSWER


def test_there_are_only_so_many_connections(strict: LedgerServer) -> None:
    port = port_of(strict)
    clients = [socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) for _ in range(TIGHT.connections)]
    try:
        for client in clients:
            client.sendall(request(strict))
            assert client.recv(10_000).startswith(b"HTTP/1.1 200")
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as one_more:
            assert one_more.recv(1_000).startswith(b"HTTP/1.1 503")
    finally:
        for client in clients:
            client.close()
    with strict._http._changed:  # those that left make room
        assert strict._http._changed.wait_for(lambda: not strict._http._open, WAIT_S)
    assert post(strict, CHAIN)[2] == ANSWER


def test_a_connection_carries_many_requests(server: LedgerServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=WAIT_S)
    try:
        for number in range(20):
            connection.request(
                "POST", "/", json.dumps(call("eth_chainId", identifier=number)), {"Content-Type": "application/json"}
            )
            assert json.loads(connection.getresponse().read())["id"] == number
    finally:
        connection.close()


def test_many_clients_send_at_once(server: LedgerServer, ledger: EmbeddedLedger, purse: Purse) -> None:
    raws = [[purse.sign(who, value=1) for _ in range(10)] for who in range(4)]
    failed: list[Any] = []

    def run(own: list[bytes]) -> None:
        for raw in own:
            answer = post(server, call("eth_sendRawTransaction", data(raw)))[2]
            if "result" not in answer:
                failed.append(answer)

    threads = [threading.Thread(target=run, args=(own,)) for own in raws]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert int(ledger.call("eth_getBalance", data(b"\x77" * 20), "latest"), 16) == 40


def test_it_stops_after_the_requests_under_way(ledger: EmbeddedLedger) -> None:
    server = serve(ledger, limits=PATIENT)
    loop = {"data": "0x5b5f56", "gas": quantity(9_000_000)}  # a second or so
    answers: list[Any] = []
    idle = socket.create_connection(("127.0.0.1", port_of(server)), timeout=WAIT_S)
    thread = threading.Thread(target=lambda: answers.append(post(server, call("eth_call", loop))))
    thread.start()
    while not any(patience.is_busy for patience in list(server._http._open.values())):
        thread.join(0.01)
    server.stop()
    thread.join()
    idle.close()
    assert answers[0][2]["error"]["message"] == "out of gas"
    server.stop()
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", port_of(server)), timeout=WAIT_S)
    assert ledger.call("eth_blockNumber") == "0x0"


def test_where_it_is_served_can_be_found(ledger: EmbeddedLedger) -> None:
    assert served_at(ledger.folder) is None
    with serve(ledger) as server:
        assert served_at(ledger.folder) == server.url
    assert served_at(ledger.folder) is None


def test_a_ledger_that_was_closed_answers_with_an_error(
    ledger: EmbeddedLedger, server: LedgerServer, purse: Purse
) -> None:
    ledger.close()
    for each in (call("eth_getBalance", data(bytes(20)), "latest"), call("eth_sendRawTransaction", data(purse.sign()))):
        status, _, answer = post(server, each)
        assert (status, answer["error"]["code"]) == (200, -32603)
        assert "closed" in answer["error"]["message"]


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "192.168.1.1", "::", "example.org", "", "8.8.8.8", "127.0.0.1.evil.example"]
)
def test_only_loopback_is_served(ledger: EmbeddedLedger, host: str) -> None:
    with pytest.raises(InvalidInput, match="not a loopback address"):
        serve(ledger, host)


def test_other_loopback_addresses(ledger: EmbeddedLedger) -> None:
    with serve(ledger, "localhost") as server:
        assert post(server, CHAIN)[2] == ANSWER
        assert post(server, CHAIN, Host=f"127.0.0.2:{port_of(server)}")[0] == 403
    if socket.has_ipv6:
        try:
            serving = serve(ledger, "::1")
        except InvalidInput:
            return  # this machine has no IPv6
        with serving as server:
            assert server.url.startswith("http://[::1]:")


def test_a_port_that_is_taken_is_told(ledger: EmbeddedLedger, server: LedgerServer) -> None:
    for port in (port_of(server), 70_000):
        with pytest.raises(InvalidInput, match="cannot be had"):
            serve(ledger, port=port)
    assert served_at(ledger.folder) == server.url


def request(server: LedgerServer) -> bytes:
    body = json.dumps(CHAIN)
    head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port_of(server)}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def talk(server: LedgerServer, raw: bytes) -> bytes:
    """Sends bytes and returns all that comes back before the server hangs up."""
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=WAIT_S) as client:
        answer = b""
        try:
            client.sendall(raw)
            while part := client.recv(65_536):
                answer += part
        except ConnectionError:
            pass
        return answer


def drip(client: socket.socket, step: bytes) -> bool:
    """Sends a byte now and then until the server hangs up; returns whether it did."""
    for _ in range(WAIT_S * 10):
        try:
            if step:
                client.sendall(step)
            if not client.recv(1_000):
                return True
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False


def test_who_does_not_fetch_the_answer_is_sent_away(ledger: EmbeddedLedger, purse: Purse) -> None:
    contracts = Contracts.deploy(ledger, purse)
    ledger.send([purse.sign(0, contracts.tell, bytes(120_000), gas=10_000_000) for _ in range(3)])
    limits = Limits(answer_s=0.3)
    body = json.dumps([call("eth_getLogs", {"fromBlock": "0x0"})] * 30).encode()  # 21 MB of answer
    with serve(ledger, limits=limits) as server:
        head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port_of(server)}\r\nContent-Type: application/json\r\n"
        with socket.create_connection(("127.0.0.1", port_of(server)), timeout=WAIT_S) as client:
            client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            assert client.recv(1)  # the answer began; the rest of it stays where it is
            with server._http._changed:
                assert server._http._changed.wait_for(lambda: not server._http._open, WAIT_S)
        assert post(server, CHAIN)[2] == ANSWER
