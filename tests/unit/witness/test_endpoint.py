"""One witness over HTTP: every way in which there is no whole answer ends in words, and in time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from serving_witness import serving

from counterfoil.errors import InvalidInput
from counterfoil.witness.cosigner import Answer
from counterfoil.witness.endpoint import MAX_REPLY_BYTES, Reply, Unanswered, post_checkpoint, require_url


@contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does with each connection what the test says."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                with suppress(OSError):
                    talk(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            connection.close()
        thread.join()


def test_an_answer_comes_back_whole() -> None:
    seen: list[bytes] = []

    def serve(body: bytes) -> Answer:
        seen.append(body)
        return Answer(409, "text/x.tlog.size", b"7\n")

    with serving(serve, "/some/prefix/add-checkpoint") as url:
        assert url.endswith("/some/prefix")
        assert post_checkpoint(url, b"body", 5) == Reply(409, "text/x.tlog.size", b"7\n")
    assert seen == [b"body"]


def test_nobody_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unanswered, match="refused"):
        post_checkpoint(f"http://127.0.0.1:{port}", b"", 5)


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(Unanswered):
        post_checkpoint("http://nobody.invalid", b"", 5)


def test_a_server_that_never_answers() -> None:
    with raw_server(lambda _: None) as url, pytest.raises(Unanswered, match=r"no answer within 0[.]2 seconds"):
        post_checkpoint(url, b"", 0.2)


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"HTTP/1.1 200 OK\r\n"])
def test_a_server_that_drips(start: bytes) -> None:
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(start)
        while not stop.wait(0.02):
            connection.sendall(b"x")

    with raw_server(drip) as url:
        with pytest.raises(Unanswered, match=r"no answer within 0[.]3 seconds"):
            post_checkpoint(url, b"", 0.3)
        stop.set()


@pytest.mark.parametrize(
    "said", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive", b"HTTP/1.1 two OK\r\n\r\n"]
)
def test_a_server_that_says_half_of_it_or_something_else(said: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(said)
        connection.shutdown(socket.SHUT_WR)

    with raw_server(talk) as url, pytest.raises(Unanswered):
        post_checkpoint(url, b"", 5)


def test_a_server_that_floods() -> None:
    with (
        serving(lambda _: Answer(200, "text/plain", b"x" * (MAX_REPLY_BYTES + 1))) as url,
        pytest.raises(Unanswered, match="larger than"),
    ):
        post_checkpoint(url, b"", 5)


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with serving(lambda _: Answer(307, "text/plain", b"")) as url:
        assert post_checkpoint(url, b"", 5).status == 307


def test_plain_text_where_encryption_was_asked_for() -> None:
    with serving(lambda _: Answer(200, "text/plain", b"")) as url, pytest.raises(Unanswered):
        post_checkpoint(url.replace("http:", "https:"), b"", 5)


@pytest.mark.parametrize("url", ["https://witness.example", "http://[::1]:8080/a/b", "https://witness.example/w/"])
def test_addresses_that_can_be_used(url: str) -> None:
    assert require_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "witness.example",
        "ftp://witness.example",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@witness.example",
        "https://witness.example/?a=b",
        "https://witness.example/#a",
        "https://witness.example:0/",
        "https://witness.example:99999/",
        "https://witness.example/a b",
        "https://witness.example/\r\nX: y",
        "https://w\N{LATIN SMALL LETTER I WITH DIAERESIS}tness.example",
        "https://witness.example/" + "a" * 2_000,
    ],
)
def test_addresses_that_cannot_be_used(url: str) -> None:
    with pytest.raises(InvalidInput, match="is not a witness's address"):
        require_url(url)
