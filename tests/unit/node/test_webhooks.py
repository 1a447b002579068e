"""Telling other systems, with a real receiver on loopback."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from base64 import b64decode, b64encode
from contextlib import suppress
from hmac import digest
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from making_node import settled

from counterfoil.errors import InvalidInput, LogUnavailable, NotFound
from counterfoil.node.alarms import Alarms, Concern
from counterfoil.node.state import NodeState
from counterfoil.node.webhooks.message import _words, headers_of, send
from counterfoil.node.webhooks.webhooks import PAUSES_S, Webhooks


class Receiver:
    """Takes messages, or answers what it is told to."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(outer.status)
                self.send_header("content-length", "0")
                self.send_header("location", "http://127.0.0.1:9/elsewhere")
                self.end_headers()

            def log_message(self, *_args):
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def state(tmp_path):
    found = NodeState(tmp_path / "node.db")
    yield found
    found.close()


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now_s


def tell(state: NodeState, hooks: Webhooks, event: str, data: dict[str, str]) -> None:
    with state.writing() as connection:
        hooks.tell(connection, event, data)
    hooks.wake()


def test_a_message_says_what_happened_and_is_signed(state, receiver):
    hooks = Webhooks(state)
    _, secret = hooks.add(receiver.url, ["job.finished"])
    tell(state, hooks, "job.finished", {"id": "1"})
    assert hooks.deliver_due() == 1
    headers, body = receiver.taken[0]
    assert json.loads(body)["data"] == {"id": "1"}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = digest(b64decode(secret.removeprefix("whsec_")), signed, "sha256")
    assert headers["webhook-signature"] == "v1," + b64encode(expected).decode()


def test_the_signature_is_the_one_of_the_standard():
    """The example of Standard Webhooks' own specification, and of its reference libraries."""
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = headers_of("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', secret)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_only_who_wants_an_event_is_told(state, receiver):
    hooks = Webhooks(state)
    hooks.add(receiver.url, ["alarm.raised"])
    tell(state, hooks, "job.finished", {})
    assert hooks.deliver_due() == 0


def test_a_refusal_is_tried_again_later_also_after_a_restart(state, receiver):
    clock = Clock()
    hooks = Webhooks(state, now=clock)
    hooks.add(receiver.url, ())
    receiver.status = 500
    tell(state, hooks, "alarm.raised", {"id": "disk"})
    assert hooks.deliver_due() == 0
    assert hooks.list()[0].said == "it answered 500"

    again = Webhooks(state, now=clock)
    receiver.status = 200
    assert again.deliver_due() == 0  # not due yet
    clock.now_s += PAUSES_S[0]
    assert again.deliver_due() == 1
    assert receiver.taken[0][0]["webhook-id"] == receiver.taken[1][0]["webhook-id"]
    assert again.list()[0].said == ""


def test_after_three_days_a_message_is_given_up(state, receiver):
    clock = Clock()
    hooks = Webhooks(state, now=clock)
    hooks.add(receiver.url, ())
    receiver.status = 404
    tell(state, hooks, "alarm.raised", {})
    for pause_s in (*PAUSES_S, 86_400):
        hooks.deliver_due()
        clock.now_s += pause_s
    listed = hooks.list()[0]
    assert (listed.waiting, listed.due_s, listed.given_up, listed.taken_s) == (0, None, 1, None)
    assert len(receiver.taken) == len(PAUSES_S) + 1


def test_how_deliveries_stand_is_told_of_each_webhook_apart(state, receiver):
    clock = Clock()
    hooks = Webhooks(state, now=clock)
    failing, taking = hooks.add("http://127.0.0.1:1/", ())[0], hooks.add(receiver.url, ["job.finished"])[0]
    began_s = int(clock())
    tell(state, hooks, "job.finished", {})
    hooks.deliver_due()
    clock.now_s += 1
    tell(state, hooks, "alarm.raised", {})  # not tried yet: what the last try said goes on to stand
    stands = {each.id: each for each in hooks.list()}
    assert (stands[taking.id].waiting, stands[taking.id].taken_s, stands[taking.id].said) == (0, began_s, "")
    assert (stands[failing.id].waiting, stands[failing.id].taken_s) == (2, None)
    assert stands[failing.id].said == "nobody listens at its address"
    assert stands[failing.id].due_s == began_s + 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (socket.gaierror(-2, "Name or service not known"), "its name leads to no address"),
        (ConnectionResetError(104, "reset"), "it broke the connection off"),
        (http.client.RemoteDisconnected("closed"), "it broke the connection off"),
        (ValueError("spoilt"), "ValueError: spoilt"),
    ],
    ids=str,
)
def test_why_no_answer_came_is_said_in_words(error, said):
    assert _words(error) == said


def test_a_redirect_is_not_followed(state, receiver):
    hooks = Webhooks(state)
    hooks.add(receiver.url, ())
    receiver.status = 302
    tell(state, hooks, "alarm.raised", {})
    hooks.deliver_due()
    assert hooks.list()[0].said == "it answered 302"


def test_the_thread_delivers_by_itself(state, receiver):
    hooks = Webhooks(state)
    hooks.add(receiver.url, ())
    hooks.start_work()
    tell(state, hooks, "alarm.cleared", {})
    settled(lambda: len(receiver.taken) == 1)
    hooks.stop_work()


class Silent:
    """Takes connections and never answers, or drips an answer without end."""

    def __init__(self, drips: bool = False) -> None:
        self._drips = drips
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"
        self.asked = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            line, _ = self._listening.accept()
            self.asked.set()
            with line, suppress(OSError):
                line.sendall(b"HTTP/1.1 200 OK\r\nx: ")
                while not self._over.wait(0.02) and self._drips:
                    line.sendall(b"x")
                self._over.wait()

    def close(self) -> None:
        self._over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


@pytest.fixture(params=[False, True], ids=["silent", "dripping"])
def silent(request):
    found = Silent(request.param)
    yield found
    found.close()


def test_a_try_ends_however_slowly_the_answer_comes(silent):
    assert send(silent.url, b"{}", {}, timeout_s=0.3) == "no answer within 0.3 seconds"


def test_nobody_waits_for_a_receiver_that_hangs(state, receiver):
    hangs = Silent()
    hooks = Webhooks(state)
    hooks.add(hangs.url, ["job.finished"])
    hooks.add(receiver.url, ["alarm.raised"])
    hooks.start_work()
    for _ in range(3):
        tell(state, hooks, "job.finished", {})
    assert hangs.asked.wait(60)
    tell(state, hooks, "alarm.raised", {})
    settled(lambda: len(receiver.taken) == 1)
    hung = next(hook for hook in hooks.list() if hook.url == hangs.url)
    assert (hung.waiting, hung.said) == (3, "")  # still in its first try
    hangs.close()
    hooks.stop_work()


def test_what_is_told_becomes_durable_with_what_it_tells_of(state, receiver):
    """A crash between the two would otherwise lose the message for good."""
    hooks = Webhooks(state)
    hooks.add(receiver.url, ())
    with suppress(ZeroDivisionError), state.writing() as connection:
        hooks.tell(connection, "job.finished", {})
        raise ZeroDivisionError
    assert hooks.list()[0].waiting == 0

    class Refusing(Webhooks):
        def tell(self, *_args):
            raise LogUnavailable("the disk is full")

    disk = Concern("disk", "1 GiB is free", "free some")
    with pytest.raises(LogUnavailable):
        Alarms(state, Refusing(state)).settle([disk])
    alarms = Alarms(state, hooks)
    assert alarms.open() == []
    assert alarms.settle([disk]) == "raised disk"
    assert hooks.list()[0].waiting == 1


def test_who_is_removed_is_told_nothing_more(state, receiver):
    hooks = Webhooks(state)
    made, _ = hooks.add(receiver.url, ())
    tell(state, hooks, "alarm.raised", {})
    hooks.remove(made.id)
    assert hooks.deliver_due() == 0
    with pytest.raises(NotFound):
        hooks.remove(made.id)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook",
        "ftp://127.0.0.1/",
        "https://user:secret@example.org/",
        "https:///path",
        "https://example.org/\r\nx: y",
        "javascript:alert(1)",
        "https://[::1",
        "",
    ],
)
def test_messages_do_not_go_everywhere(state, url):
    with pytest.raises(InvalidInput):
        Webhooks(state).add(url, ())


def test_a_secret_lies_nowhere_in_plain(state, tmp_path, receiver):
    _, secret = Webhooks(state).add(receiver.url, ())
    raw = b64decode(secret.removeprefix("whsec_"))
    for path in tmp_path.glob("node.db*"):
        data = path.read_bytes()
        assert raw not in data
        assert secret.encode() not in data
