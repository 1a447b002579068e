"""One request and its answer while they pass through: what is kept of them, and how they are told as a call."""

from __future__ import annotations

import json
import time as clock
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from counterfoil.adapters.bodies import Body
from counterfoil.calls import Call
from counterfoil.calls.call import nanosecond_text

__all__ = ["IDEMPOTENCY_KEY", "Exchange", "header_of", "is_stream"]

IDEMPOTENCY_KEY: Final = "idempotency-key"
_STREAMS: Final = ("text/event-stream", "application/x-ndjson", "application/jsonl", "application/json-seq")

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(slots=True)
class Exchange:
    """A request to the application and its answer.

    Attributes:
        scope: The ASGI scope; the application's own state is in `scope["state"]`.
        request: Bytes of the request, as far as the application read them.
        response: Bytes of the answer.
        status: Status of the answer, 0 before there is one.
        headers: Headers of the answer.
    """

    scope: Any
    request: Body
    response: Body
    status: int = 0
    headers: Sequence[tuple[bytes, bytes]] = ()
    error: str = ""
    _began_ns: int = field(default_factory=clock.time_ns)

    @property
    def route(self) -> str:
        """The route's path with its placeholders, or the path where no route is known."""
        route = self.scope.get("route")
        return str(getattr(route, "path", "") or self.scope.get("path", ""))

    @property
    def _has_body(self) -> bool:
        announced = self.header("content-length") not in ("", "0") or self.header("transfer-encoding")
        return bool(self.request.size_bytes or announced)

    def json(self) -> Any:
        """Returns the request's body as JSON.

        Raises:
            ValueError: When it is not JSON, or is not all there.
        """
        if self.request.size_bytes > len(self.request.kept):
            raise ValueError(f"the body has {self.request.size_bytes} bytes, and {len(self.request.kept)} are kept")
        return json.loads(self.request.kept)

    def header(self, name: str) -> str:
        """Returns a header of the request, empty without it."""
        return header_of(self.scope.get("headers", ()), name)

    def call(self, recorded_headers: Sequence[str], *, is_stream_begin: bool = False) -> Call:
        """Returns the exchange as a call.

        Args:
            recorded_headers: Names of the request's headers to record; no other is, for headers hold secrets.
            is_stream_begin: Tell the request and how the answer begins; its body comes in a record of its own.
        """
        attributes: dict[str, Any] = {"http.route": self.route}
        told = {name.lower(): self.header(name) for name in (*recorded_headers, IDEMPOTENCY_KEY)}
        attributes |= {f"http.request.header.{name}": value for name, value in told.items() if value}
        output: dict[str, Any] = {"status": self.status}
        if is_stream_begin:
            output["streamed"] = True
        else:
            output["body"] = self.response.to_json(header_of(self.headers, "content-type"))
        return Call(
            "request",
            name=f"{self.scope.get('method', '')} {self.route}",
            input={
                "body": self.request.to_json(self.header("content-type")) if self._has_body else None,
                "method": self.scope.get("method", ""),
                "path": self.scope.get("path", ""),
                "query": bytes(self.scope.get("query_string", b"")).decode("utf-8", "backslashreplace"),
            },
            output=output if self.status else None,
            error=self.error or None,
            started=nanosecond_text(self._began_ns),
            ended=nanosecond_text(clock.time_ns()),
            attributes=attributes,
        )


def header_of(headers: Headers, name: str) -> str:
    """Returns a header by its name, empty without it."""
    wanted = name.lower().encode("latin-1", "replace")
    return next((value.decode("latin-1") for key, value in headers if key.lower() == wanted), "")


def is_stream(headers: Headers) -> bool:
    """Whether an answer is meant to be read while it is made."""
    return header_of(headers, "content-type").partition(";")[0].strip().lower() in _STREAMS
