"""Where every request comes in: who asks, how often, how much, how slowly; what goes wrong goes out as a problem.

One ASGI layer around the whole app, so that nothing can be reached around it:

1. the address is looked up, and the key, session or signature tells who asks;
2. a caller beyond its share is asked to wait;
3. the body is counted as it comes in, against a limit and a clock;
4. of a signed request, the body is held back until its digest was checked;
5. answers get the headers that keep browsers from guessing;
6. an error becomes problem+json by the one table; the log gets what was not foreseen.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from starlette.requests import ClientDisconnect

from counterfoil.errors import CounterfoilError, TooLarge, TooManyRequests
from counterfoil.node.shares import Shares
from counterfoil.web.problem import problem_response
from counterfoil.web.roles import Principal

__all__ = ["BODY_GUARD", "Gate", "Identify", "Message", "Observe", "Receive", "Scope"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

Identify = Callable[[Scope], Principal | None]
"""Says who sends a request from its headers, None for nobody known; raises NotSignedIn for a key that is none."""

Observe = Callable[[Scope, int, float], None]
"""Told of every answer: its scope, its status, the seconds it took."""

BODY_GUARD: Final = "body_guard"
"""Where `identify` leaves, in the scope's state, what lets the body through only when it is the one that was signed."""

Refuse = Callable[[Scope, Exception], ASGI]
"""Returns what answers a request that failed."""

_LOGGER: Final = logging.getLogger("counterfoil.node")

_HEADERS: Final = (
    (b"cache-control", b"no-store"),  # what may be kept says so itself
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


class Gate:
    """The outermost layer of the node.

    Args:
        app: What lies behind it.
        identify: Says who asks.
        keyed: Shares of those who are known.
        public: Shares of those who are not, by address.
        most_body_bytes: Largest body, where the route does not allow a file.
        body_timeout_s: Longest that sending a body may take.
        observe: Told of every answer.
        refuse: Returns the answer for an error; a problem by default.
    """

    def __init__(
        self,
        app: ASGI,
        identify: Identify,
        *,
        keyed: Shares,
        public: Shares,
        most_body_bytes: int,
        body_timeout_s: float,
        observe: Observe,
        refuse: Refuse = lambda _scope, error: problem_response(error),
    ) -> None:
        self.app = app
        self._identify = identify
        self._keyed = keyed
        self._public = public
        self._most_body_bytes = most_body_bytes
        self._body_timeout_s = body_timeout_s
        self._observe = observe
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request (or the app's own start and stop)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        answer = _Answer(send)
        try:
            state = scope.setdefault("state", {})
            state["principal"] = who = await self._known(scope)
            self._require_share(who, scope)
            await self.app(scope, _guarded(scope, self._counted(scope, receive)), answer.send)
        except CounterfoilError as error:
            await self._fail(error, answer, scope, receive)
        except asyncio.CancelledError:
            raise
        except ClientDisconnect:  # nobody is there any more to be told
            return
        except Exception as error:
            _LOGGER.exception("%s %s failed", scope["method"], _shown(scope))
            await self._fail(error, answer, scope, receive)
        finally:
            self._observe(scope, answer.status, time.perf_counter() - began)

    async def _fail(self, error: Exception, answer: _Answer, scope: Scope, receive: Receive) -> None:
        if answer.status:  # too late for another answer: the server ends the connection short, which clients notice
            return
        await self._refuse(scope, error)(scope, receive, answer.send)

    async def _known(self, scope: Scope) -> Principal | None:
        """Step 1; who guesses keys uses up the share of their address.

        In a thread where the request is signed: that it was taken is synced, which must hold up nobody.
        """
        try:
            if any(name == b"signature-input" for name, _ in scope["headers"]):
                return await asyncio.to_thread(self._identify, scope)
            return self._identify(scope)
        except CounterfoilError:
            self._require_share(None, scope)
            raise

    def _require_share(self, who: Principal | None, scope: Scope) -> None:
        """Step 2."""
        shares, name = (self._keyed, who.id) if who is not None else (self._public, (scope.get("client") or ("",))[0])
        wait_s = shares.take(name)
        if wait_s > 0:
            raise TooManyRequests(
                "you ask more often than this node allows",
                hint=f"wait {wait_s:.0f} s; many records go into one request as NDJSON",
                retry_after_s=max(1, round(wait_s)),
            )

    def _counted(self, scope: Scope, receive: Receive) -> Receive:
        """Step 3: passes the body on as it comes in; a route that takes files may raise `most_body_bytes`."""
        scope["state"]["most_body_bytes"] = self._most_body_bytes
        length = _content_length(scope)
        if not length and not _is_chunked(scope):
            return receive
        taken = 0
        deadline = 0.0

        async def receive_counted() -> Message:
            nonlocal taken, deadline
            deadline = deadline or time.monotonic() + self._body_timeout_s
            if (length or 0) > scope["state"]["most_body_bytes"]:
                raise _too_large(scope)
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + deadline - time.monotonic()):
                    message = await receive()
            except TimeoutError:
                raise TooLarge(
                    f"the body did not arrive within {self._body_timeout_s:g} seconds",
                    hint="send less at once, or over a faster line",
                ) from None
            taken += len(message.get("body", b""))
            if taken > scope["state"]["most_body_bytes"]:
                raise _too_large(scope)
            if message["type"] == "http.request" and not message.get("more_body"):
                deadline = time.monotonic() + 86_400.0  # what follows is only the news that the caller has gone
            return message

        return receive_counted


class _Answer:
    """Passes an answer on with the headers that every one has, and remembers its status."""

    __slots__ = ("_send", "status")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            present = {name for name, _ in headers}
            message["headers"] = headers + [pair for pair in _HEADERS if pair[0] not in present]
        await self._send(message)


def _guarded(scope: Scope, receive: Receive) -> Receive:
    """Step 4: whoever signed a request signed its body, too."""
    guard: Callable[[Receive], Receive] | None = scope["state"].get(BODY_GUARD)
    return receive if guard is None else guard(receive)


def _too_large(scope: Scope) -> TooLarge:
    most = scope["state"]["most_body_bytes"]
    return TooLarge(f"the body is larger than {most:,} bytes, which is the most taken here", hint="send it in parts")


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    return None


def _is_chunked(scope: Scope) -> bool:
    return any(name == b"transfer-encoding" for name, _ in scope["headers"])


def _shown(scope: Scope) -> str:
    """The path without its query, which may name people; nothing in it can forge a line of the log."""
    return ascii(str(scope.get("path", "")))[1:-1][:200]
