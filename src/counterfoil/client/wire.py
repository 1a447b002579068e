"""The way to a node: requests that may be repeated, and its problems as the errors they are.

A request goes out under a key of its own (`Idempotency-Key`), made before the first try,
so that trying again can never do a thing twice. It is tried again when the connection
breaks, when the node is stopping, busy or cannot make records durable, and when it is
asked too often; for as long as the caller's patience lasts.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from counterfoil.client.problems import error_in
from counterfoil.core import canonical
from counterfoil.errors import (
    INSTALL_CLIENT,
    CounterfoilError,
    HomeBusy,
    InvalidInput,
    LogUnavailable,
    NodeUnreachable,
    NotSetUp,
    TooManyRequests,
)

if TYPE_CHECKING:
    import httpx

__all__ = ["PATIENCE_S", "TIMEOUT_S", "Wire"]

TIMEOUT_S: Final = 60.0
"""Longest that the node may say nothing."""

PATIENCE_S: Final = 30.0
"""How long a request is tried again."""

MOST_TRIES: Final = 20
FIRST_WAIT_S: Final = 0.1
MOST_WAIT_S: Final = 5.0
POLL_S: Final = 0.2
_CHUNK_BYTES: Final = 1 << 18
_API: Final = "/api/v1"

_PASSING: Final = (HomeBusy, LogUnavailable, TooManyRequests)
"""Errors that may be gone in a moment."""

Progress = Callable[[int, int], None]
Content = Callable[[], "bytes | Iterator[bytes]"]
Params = Mapping[str, Any]


class Wire:
    """Sends requests to one node. Safe to use from many threads.

    Args:
        url: Address of the node, `https://node.bank.example`.
        key: The key that an admin of it gave out.
        timeout_s: Longest that the node may say nothing.
        patience_s: How long a request is tried again.
        ca_file: Certificates that the node's own is checked against; the machine's own without it.
        allow_plain_http: Whether to reach another machine without encryption.

    Raises:
        InvalidInput: The address or the key cannot be.
        NotSetUp: A package is missing.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S,
        ca_file: Path | str | None = None,
        allow_plain_http: bool = False,
    ) -> None:
        try:
            import httpx
        except ImportError:
            raise NotSetUp("a client needs the package httpx, which is missing", hint=INSTALL_CLIENT) from None
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise InvalidInput("the key is empty, or holds characters that no key has", hint="give it as you got it")
        self.url = _checked(httpx, url, allow_plain_http)
        self._patience_s = patience_s
        self._faults = (httpx.TransportError,)
        self._client = httpx.Client(
            base_url=self.url + _API,
            headers={"authorization": f"Bearer {key}"},
            timeout=timeout_s,
            verify=_trusted(ca_file),
            trust_env=False,  # neither a proxy nor another key from the environment
        )
        self._discretion = _Discretion(self._client.base_url.host)
        logging.getLogger("httpx").addFilter(self._discretion)

    def __repr__(self) -> str:
        return f"Wire({self.url!r})"

    def close(self) -> None:
        """Lets go of the connections."""
        logging.getLogger("httpx").removeFilter(self._discretion)
        self._client.close()

    def get(self, path: str, params: Params | None = None) -> Any:
        """Returns the JSON at a path below the API."""
        return _json(self._send("GET", path, params=params))

    def get_bytes(self, path: str, params: Params | None = None) -> bytes:
        """Returns the bytes at a path below the API."""
        return self._send("GET", path, params=params).content

    def post(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Params | None = None,
        content: Content | None = None,
        media_type: str = "application/json",
        files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> Any:
        """Sends a body, JSON or `content` (asked for again at each try), and returns the JSON answered."""
        return _json(self._posted(path, body, params, content, media_type, files))

    def post_lines(self, path: str, lines: Iterable[Mapping[str, Any]], *, params: Params | None = None) -> list[Any]:
        """Sends JSON objects one a line, and returns those answered."""
        body = b"\n".join(canonical.dumps(line) for line in lines)
        answer = self._posted(path, None, params, lambda: body, "application/x-ndjson", None)
        return [_parsed(line) for line in answer.content.splitlines()]

    def save(self, method: str, path: str, to: Path, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """Saves what is answered to a new file, whole or not at all; a job (202) is returned and not saved."""
        partial = to.with_name(to.name + ".partial")
        content = None if body is None else canonical.dumps(body)
        try:
            answer = self._send(method, path, content=lambda: content or b"", keyed=method == "POST", to=partial)
            if answer.status_code != 202:
                partial.rename(to)
            return answer
        finally:
            partial.unlink(missing_ok=True)

    def finished(
        self, job: Mapping[str, Any], progress: Progress | None = None, timeout_s: float = float("inf")
    ) -> Mapping[str, Any]:
        """Returns a job when it is done, asking for it until then.

        Raises:
            CounterfoilError: What it failed with; or NodeUnreachable: it was not done in time, and goes on.
        """
        ends = time.monotonic() + timeout_s
        while job["state"] in ("waiting", "running"):
            if time.monotonic() > ends:
                raise NodeUnreachable(
                    f"the work was not done within {timeout_s:g} seconds",
                    hint=f"it goes on: ask the node for the job {job['id']}",
                )
            time.sleep(POLL_S)
            job = self.get(f"/jobs/{job['id']}")
            if progress is not None and job["total"]:
                progress(int(job["done"]), int(job["total"]))
        if job["state"] != "done":
            raise error_in(job["error"] or {"code": "stale", "detail": f"the work was {job['state']}"}, 500)
        return job

    # Inner parts

    def _posted(
        self,
        path: str,
        body: Mapping[str, Any] | None,
        params: Params | None,
        content: Content | None,
        media_type: str,
        files: Mapping[str, tuple[str, bytes]] | None,
    ) -> httpx.Response:
        data = canonical.dumps(body or {})
        return self._send(
            "POST",
            path,
            params=params,
            content=content or (lambda: data),
            media_type=media_type,
            files=files,
            keyed=True,
        )

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        content: Content | None = None,
        media_type: str = "application/json",
        files: Mapping[str, tuple[str, bytes]] | None = None,
        keyed: bool = False,
        to: Path | None = None,
    ) -> httpx.Response:
        """Sends a request until it is answered, or refused for good, or the patience is over."""
        headers = {"idempotency-key": uuid.uuid4().hex} if keyed else {}
        if content is not None and files is None:
            headers["content-type"] = media_type
        told = {name: value for name, value in (params or {}).items() if value is not None}
        ends = time.monotonic() + self._patience_s
        for number in range(MOST_TRIES):
            body: dict[str, Any] = {"files": files} if files else {"content": content() if content else None}
            fault: CounterfoilError
            try:
                answer = self._tried(self._client.build_request(method, path, params=told, headers=headers, **body), to)
            except self._faults as error:
                fault = NodeUnreachable(
                    f"the node at {self.url} does not answer: {type(error).__name__}",
                    hint="is it running, and is the address right?",
                )
                fault.__cause__ = error
                wait_s = min(MOST_WAIT_S, FIRST_WAIT_S * 2**number)
            else:
                if answer.is_success:
                    return answer
                fault = error_in(_problem_in(answer), answer.status_code)
                if not isinstance(fault, _PASSING) and answer.status_code not in (502, 504):
                    raise fault
                wait_s = _asked_wait_s(answer, min(MOST_WAIT_S, FIRST_WAIT_S * 2**number))
                if isinstance(fault, TooManyRequests):
                    fault.retry_after_s = max(1, round(wait_s))
            if number == MOST_TRIES - 1 or time.monotonic() + wait_s > ends:
                break
            time.sleep(wait_s)
        raise fault

    def _tried(self, request: httpx.Request, to: Path | None) -> httpx.Response:
        answer = self._client.send(request, stream=True)
        try:
            if to is None or answer.status_code != 200:
                answer.read()
                return answer
            with _new_file(to) as file:
                for chunk in answer.iter_bytes(_CHUNK_BYTES):
                    file.write(chunk)
            return answer
        finally:
            answer.close()


class _Discretion(logging.Filter):
    """Keeps what is asked about people out of httpx's log, which quotes addresses with their queries."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self._host = host

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(self._without_query(each) for each in record.args)
        return True

    def _without_query(self, value: object) -> object:
        is_ours = getattr(value, "host", None) == self._host and hasattr(value, "copy_with")
        return value.copy_with(query=None) if is_ours else value  # type: ignore[attr-defined]


@contextmanager
def _new_file(path: Path) -> Iterator[Any]:
    try:
        with path.open("wb") as file:
            yield file
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error


def _checked(httpx: Any, url: str, allow_plain_http: bool) -> str:
    """Returns the address without a slash at its end.

    Raises:
        InvalidInput: It is none, names a user, or would send the key in the clear.
    """
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        parts = httpx.URL("")
    is_port = parts.port is None or 0 < parts.port < 65_536
    if (
        parts.scheme not in ("http", "https")
        or not is_port
        or not parts.host
        or parts.query
        or parts.fragment
        or parts.userinfo
    ):
        raise InvalidInput(
            "the node's address cannot be used", hint="like https://node.bank.example; the key is given apart"
        )
    if parts.scheme == "http" and not allow_plain_http and not _is_here(parts.host):
        raise InvalidInput(
            "the key would travel without encryption",
            hint="use https://; in a network of your own, allow_plain_http=True",
        )
    return str(parts).rstrip("/")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _trusted(ca_file: Path | str | None) -> Any:
    import ssl

    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise InvalidInput(f"the certificates in {ca_file} cannot be used: {error}") from error


def _asked_wait_s(answer: httpx.Response, otherwise_s: float) -> float:
    text = answer.headers.get("retry-after", "")
    return float(min(int(text), 3_600)) if text.isascii() and text.isdigit() and len(text) < 6 else otherwise_s


def _problem_in(answer: httpx.Response) -> Any:
    try:
        return _parsed(answer.content)
    except NodeUnreachable:
        return None


def _json(answer: httpx.Response) -> Any:
    return _parsed(answer.content)


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NodeUnreachable(
            "what answered is no node of Counterfoil: it sent no JSON", hint="is the address right?"
        ) from error
