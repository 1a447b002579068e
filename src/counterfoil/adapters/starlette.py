"""Starlette and FastAPI: what marked routes answered becomes a record, durable before the answer is sent.

    app.add_middleware(CallRecords, organisation=org)

    @app.post("/score")
    @recorded
    def score(applicant: Applicant) -> Answer: ...

The order for an answer that is sent in one piece:

1. the application answers; nothing is sent;
2. the record is made durable, in a thread, sharing one sync with whoever answers at the same time;
3. the answer is sent, with `Counterfoil-Record: 17;leaf="…"`.

For a stream (server-sent events, JSON lines, or more than `most_held_bytes`):

1. the request and the beginning of the answer are recorded before the first byte is sent;
2. chunks pass through;
3. the whole answer is recorded, building on the first record, before the last chunk is sent.

When a record cannot be made durable, step 3 does not happen: instead of the answer there is
503 with problem details (RFC 9457), and a stream ends without its last chunk.
"""

from __future__ import annotations

import inspect
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from hashlib import sha256
from typing import Any, Final, TypeVar

from counterfoil.adapters.bodies import Body
from counterfoil.adapters.exchange import IDEMPOTENCY_KEY, Exchange, is_stream
from counterfoil.adapters.keeping import KeepsCalls, missing_extra, reason_of, say_error
from counterfoil.calls import RecordedCall
from counterfoil.calls.records import STREAM
from counterfoil.errors import NodeError
from counterfoil.store.recorder import OnFailure

try:
    import anyio
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from counterfoil.web.problem import PROBLEM_URL
except ImportError as error:
    raise missing_extra("starlette", "node") from error

__all__ = ["HEADER", "CallRecords", "Exchange", "recorded", "subject_of"]

HEADER: Final = "Counterfoil-Record"
"""Names the record of an answer: its place in the log (`waiting` in the queue), and its leaf hash."""

MOST_BODY_BYTES: Final = 1_048_576
MOST_HELD_BYTES: Final = 8 * 1_048_576
MOST_REPEATS: Final = 10_000
THREADS: Final = 64

_MARK: Final = "counterfoil_recorded"
_IN_USE: Final = "counterfoil.recording"

Subject = Callable[[Exchange], str | Awaitable[str | None] | None]
F = TypeVar("F", bound=Callable[..., Any])


def recorded(endpoint: F) -> F:
    """Marks an endpoint whose answers are recorded; stands below the route's own decorator."""
    setattr(endpoint, _MARK, True)
    return endpoint


def subject_of(exchange: Exchange) -> str | None:
    """Returns the person that the endpoint named: `request.state.subject = "customer 4711"`."""
    found = exchange.scope.get("state", {}).get("subject")
    return None if found is None else str(found)


class CallRecords:
    """Middleware that records what marked routes answered.

    A request that an outer or inner one of these records already is recorded once. Of a
    repeated request with the same `Idempotency-Key` that gets the same answer, the first
    record is named again (within this process, of the last 10,000).

    Args:
        app: The application.
        organisation: An opened home, a client of a node, or a function that returns it.
        routes: Paths of routes to record beside those marked with `recorded`, `/score/{id}`.
        subject: Returns the person whom an answer is about; `request.state.subject` by default.
        stream: The stream of the records.
        on_log_failure: `deny`: no answer without a record. `spool`: a durable queue.
        headers: Names of request headers to record; no others are, for they hold secrets.
        most_body_bytes: How much of each body is recorded; of a longer one also size and digest.
        most_held_bytes: Largest answer that is held back until it is recorded whole.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        organisation: KeepsCalls | Callable[[], KeepsCalls],
        routes: Iterable[str] = (),
        subject: Subject = subject_of,
        stream: str = STREAM,
        on_log_failure: OnFailure = "deny",
        headers: Sequence[str] = (),
        most_body_bytes: int = MOST_BODY_BYTES,
        most_held_bytes: int = MOST_HELD_BYTES,
    ) -> None:
        self.app = app
        self.headers = tuple(headers)
        self.most_body_bytes = most_body_bytes
        self.most_held_bytes = most_held_bytes
        self._organisation = organisation
        self._routes = frozenset(routes)
        self._subject = subject
        self._stream = stream
        self._on_log_failure = on_log_failure
        self._repeats: OrderedDict[str, RecordedCall] = OrderedDict()  # touched by the event loop's thread alone
        self._limiter: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection."""
        if scope["type"] != "http" or _IN_USE in scope:
            await self.app(scope, receive, send)
            return
        extensions = scope.get("extensions") or {}
        # A file that the server itself reads would pass by unseen.
        scope["extensions"] = {name: value for name, value in extensions.items() if name != "http.response.pathsend"}
        scope[_IN_USE] = True
        answering = _Answering(self, scope, receive, send)
        try:
            await self.app(scope, answering.receive, answering.send)
        except BaseException as error:
            if answering.is_denied and isinstance(error, Exception):
                return  # the problem was sent; the application stumbled over that
            await answering.broke_off(type(error).__name__)
            raise
        await answering.broke_off("")

    def is_marked(self, exchange: Exchange) -> bool:
        """Whether the answer is to be recorded; known once the application has chosen its route."""
        if exchange.route in self._routes or exchange.scope.get("path") in self._routes:
            return True
        endpoint = exchange.scope.get("endpoint")
        while isinstance(endpoint, partial):
            endpoint = endpoint.func
        return bool(getattr(endpoint, _MARK, False))

    async def record(
        self, exchange: Exchange, builds_on: Sequence[str] = (), *, is_stream_begin: bool = False
    ) -> RecordedCall:
        """Makes a record of an exchange durable, away from the event loop.

        Raises:
            LogUnavailable: When it could not be made durable.
        """
        subject = self._subject(exchange)
        if inspect.isawaitable(subject):
            subject = await subject
        repeat = "" if builds_on else self._repeat_key(exchange, subject)
        known = self._repeats.get(repeat)
        if repeat and known is not None:
            return known
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(THREADS)
        work = partial(self._record, exchange, subject, builds_on, is_stream_begin)
        made = await anyio.to_thread.run_sync(work, limiter=self._limiter)
        if repeat:
            self._repeats[repeat] = made
            while len(self._repeats) > MOST_REPEATS:
                self._repeats.popitem(last=False)
        return made

    def _record(
        self, exchange: Exchange, subject: str | None, builds_on: Sequence[str], is_stream_begin: bool
    ) -> RecordedCall:
        call = exchange.call(self.headers, is_stream_begin=is_stream_begin)
        organisation = self._organisation() if callable(self._organisation) else self._organisation
        return organisation.calls.record(
            call,
            subject=subject,
            builds_on=builds_on,
            stream=self._stream,
            on_log_failure=self._on_log_failure,
        )

    @staticmethod
    def _repeat_key(exchange: Exchange, subject: str | None) -> str:
        """Returns what is the same for a repeated request that got the same answer; empty without a key."""
        key = exchange.header(IDEMPOTENCY_KEY)
        if not key or not exchange.response.is_complete or exchange.error:
            return ""
        method, path = exchange.scope.get("method", ""), exchange.scope.get("path", "")
        query, answer = exchange.scope.get("query_string", b"").hex(), exchange.response.sha256()
        parts = [key, subject, method, path, query, exchange.request.sha256(), exchange.status, answer]
        return sha256(json.dumps(parts).encode()).hexdigest()


class _Answering:
    """One request on its way to an answer."""

    def __init__(self, records: CallRecords, scope: Scope, receive: Receive, send: Send) -> None:
        self.is_denied = False
        self._records = records
        self._exchange = Exchange(scope, Body(records.most_body_bytes), Body(records.most_body_bytes))
        self._receive = receive
        self._send = send
        self._is_marked: bool | None = None  # None until the answer begins
        self._start: Message | None = None  # the beginning, held back
        self._held: list[bytes] = []
        self._began: RecordedCall | None = None  # the first record of a stream
        self._is_done = False

    async def receive(self) -> Message:
        """Passes on what the client sends, and keeps it."""
        message = await self._receive()
        if message["type"] == "http.request" and self._is_marked is not False:
            self._exchange.request.add(message.get("body", b""), is_last=not message.get("more_body", False))
        return message

    async def send(self, message: Message) -> None:
        """Holds back the answer until its record is durable."""
        if self.is_denied:
            return
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif message["type"] == "http.response.body" and self._is_marked and not self._is_done:
            await self._take(message)
        else:
            await self._send(message)

    async def broke_off(self, error: str) -> None:
        """Records an answer that the application did not finish."""
        exchange = self._exchange
        if self._is_marked is None:
            self._is_marked = self._records.is_marked(exchange)
        if not self._is_marked or self._is_done or self.is_denied:
            return
        self._is_done = True
        exchange.error = error or "the application did not finish its answer"
        builds_on = [self._began.leaf] if self._began else []
        with anyio.CancelScope(shield=True):  # also for a client that has gone
            try:
                await self._records.record(exchange, builds_on)
            except Exception as failure:  # noqa: BLE001 - no answer was given, and the application's own error goes on
                say_error("an unfinished answer could not be recorded: %s", reason_of(failure))

    async def _begin(self, message: Message) -> None:
        exchange = self._exchange
        self._is_marked = self._records.is_marked(exchange)
        if not self._is_marked:
            await self._send(message)
            return
        exchange.status, exchange.headers = int(message["status"]), list(message.get("headers", ()))
        self._start = message
        if is_stream(exchange.headers):
            await self._begin_stream()

    async def _take(self, message: Message) -> None:
        """Takes a part of the answer's body."""
        exchange, chunk = self._exchange, message.get("body", b"")
        is_last = not message.get("more_body", False)
        exchange.response.add(chunk, is_last=is_last)
        if self._began is None:
            self._held.append(chunk)
            if is_last:
                await self._answer()
            elif exchange.response.size_bytes > self._records.most_held_bytes:
                await self._begin_stream()
            return
        if is_last:
            await self._records.record(
                exchange, [self._began.leaf]
            )  # raises when it cannot: then the stream has no end
            self._is_done = True
        await self._send(message)

    async def _answer(self) -> None:
        """Records the whole answer, then sends it."""
        try:
            made = await self._records.record(self._exchange)
        except Exception as error:  # noqa: BLE001 - whatever it was, there is no answer without a record
            await self._deny(error)
            return
        self._is_done = True
        await self._send_start(made)
        await self._send({"type": "http.response.body", "body": b"".join(self._held)})

    async def _begin_stream(self) -> None:
        """Records the request and the beginning of the answer, then lets it through."""
        try:
            self._began = await self._records.record(self._exchange, is_stream_begin=True)
        except Exception as error:  # noqa: BLE001 - as above
            await self._deny(error)
            return
        await self._send_start(self._began)
        for chunk in self._held:
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        self._held.clear()

    async def _send_start(self, made: RecordedCall) -> None:
        assert self._start is not None
        name = HEADER.lower().encode()
        place = "waiting" if made.index is None else str(made.index)
        headers = [pair for pair in self._start.get("headers", ()) if pair[0].lower() != name]
        headers.append((name, f'{place};leaf="{made.leaf}"'.encode()))
        await self._send({**self._start, "headers": headers})

    async def _deny(self, error: Exception) -> None:
        """Sends problem details instead of the answer, and has the application stop."""
        self.is_denied = True
        self._held.clear()
        say_error("an answer was held back because it could not be recorded: %s", reason_of(error))
        is_ours = isinstance(error, NodeError)
        problem = {
            "detail": "The answer could not be recorded, so it is not given.",
            "status": 503 if is_ours else 500,
            "title": "The record could not be saved",
            "type": PROBLEM_URL + "log_unavailable" if is_ours else "about:blank",
        }
        body = json.dumps(problem).encode()
        headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
        headers += [(b"retry-after", b"5")] if is_ours else []
        await self._send({"type": "http.response.start", "status": problem["status"], "headers": headers})
        await self._send({"type": "http.response.body", "body": b"" if self._is_head else body})
        raise error

    @property
    def _is_head(self) -> bool:
        return bool(self._exchange.scope.get("method") == "HEAD")
