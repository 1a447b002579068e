"""The middleware in real FastAPI and Starlette applications: no answer leaves before its record is durable."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from organisations import Bank, bank, full_disk, full_log
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from counterfoil.adapters.bodies import Body
from counterfoil.adapters.starlette import HEADER, CallRecords, Exchange, recorded
from counterfoil.errors import LogUnavailable
from counterfoil.web.problem import problem


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bank]:
    with bank(tmp_path) as opened:
        yield opened


class Applicant(BaseModel):
    name: str
    income: float


def scoring(made: Bank, **settings: Any) -> FastAPI:
    """An application with a model endpoint, as its users have it."""
    app = FastAPI()

    @app.post("/score")
    @recorded
    def score(applicant: Applicant, request: Request) -> dict[str, Any]:
        request.state.subject = applicant.name
        return {"score": 0.5 if applicant.income > 0 else 1 / applicant.income}

    @app.get("/health")
    async def health() -> str:
        return "well"

    @app.get("/risk/{region}")
    async def risk(region: str) -> str:
        return f"low in {region}"

    app.add_middleware(CallRecords, organisation=made.org, routes=["/risk/{region}"], **settings)
    return app


def asked(app: Any, method: str, path: str, **more: Any) -> httpx.Response:
    """Asks the application over its ASGI interface."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://bank.example") as client:
            return await client.request(method, path, **more)

    return asyncio.run(ask())


def values_of(made: Bank, answer: httpx.Response) -> dict[str, Any]:
    place, _, leaf = answer.headers[HEADER].partition(";leaf=")
    assert made.org.archive.leaf_hex(int(place)) == json.loads(leaf)
    return dict(made.org.calls.values(int(place)))


def kinds(made: Bank) -> int:
    return len(made.org.calls.search(limit=1_000))


def test_an_answer_names_its_record_which_holds_request_and_answer(made: Bank) -> None:
    answer = asked(scoring(made), "POST", "/score?trial=yes", json={"name": "p-1", "income": 10})

    assert (answer.status_code, answer.json()) == (200, {"score": 0.5})
    values = values_of(made, answer)
    assert values["/operation"] == "request"
    assert values["/name"] == "POST /score"
    assert values["/subject"] == "p-1"
    assert values["/input"]["query"] == "trial=yes"
    assert json.loads(values["/input"]["body"]["text"]) == {"name": "p-1", "income": 10}
    assert values["/output"]["status"] == 200
    body = values["/output"]["body"]
    assert (body["text"], body["sha256"]) == (answer.text, sha256(answer.content).hexdigest())
    assert "complete" not in body
    assert "authorization" not in json.dumps(values)
    entry = made.org.archive.entry(made.org.calls.search()[0]["idx"])
    assert b"p-1" not in entry
    assert b"score" not in entry


def test_only_marked_routes_are_recorded(made: Bank) -> None:
    app = scoring(made)
    assert HEADER not in asked(app, "GET", "/health").headers
    assert HEADER not in asked(app, "GET", "/nowhere").headers
    assert kinds(made) == 0
    values = values_of(made, asked(app, "GET", "/risk/north"))
    assert values["/input"]["path"] == "/risk/north"
    assert values["/input"]["body"] is None
    assert values["/attributes"] == {"http.route": "/risk/{region}"}


def test_a_refusal_is_an_answer_too(made: Bank) -> None:
    answer = asked(scoring(made), "POST", "/score", json={"name": "p-1"})
    assert answer.status_code == 422
    assert values_of(made, answer)["/output"]["status"] == 422


def test_an_application_that_fails_leaves_a_record_that_says_so(made: Bank) -> None:
    answer = asked(scoring(made), "POST", "/score", json={"name": "p-1", "income": 0})
    assert answer.status_code == 500
    (row,) = made.org.calls.search(failed=True)
    values = made.org.calls.values(row["idx"])
    assert values["/error"] == "ZeroDivisionError"
    assert values["/subject"] == "p-1"
    assert "/output" not in values


def test_without_a_record_there_is_no_answer(made: Bank) -> None:
    ran = []
    app = Starlette(routes=[Route("/score", recorded(lambda r: JSONResponse({"secret": 1}, background=task())))])

    def task() -> BackgroundTask:
        return BackgroundTask(lambda: ran.append(1))

    app.add_middleware(CallRecords, organisation=made.org)
    with full_disk(0):
        answer = asked(app, "GET", "/score")
        assert asked(app, "HEAD", "/score").status_code == 503
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["status"] == 503
    assert answer.json()["type"] == problem(LogUnavailable("full"))["type"]
    assert "secret" not in answer.text
    assert HEADER not in answer.headers
    assert not ran
    assert kinds(made) == 0


def test_that_an_answer_was_held_back_is_logged(made: Bank, caplog: pytest.LogCaptureFixture) -> None:
    app = scoring(made)
    made.org.close()
    with caplog.at_level(logging.ERROR, "counterfoil"):
        assert asked(app, "GET", "/risk/north").status_code == 503
    assert "held back because it could not be recorded: this home was closed" in caplog.text
    assert "north" not in caplog.text


def test_with_the_log_away_an_answer_waits_under_a_promise_where_that_is_allowed(made: Bank) -> None:
    with full_log(made.org):
        assert asked(scoring(made), "GET", "/risk/north").status_code == 503
        answer = asked(scoring(made, on_log_failure="spool"), "GET", "/risk/north")
    assert answer.status_code == 200
    place, _, leaf = answer.headers[HEADER].partition(";leaf=")
    assert place == "waiting"
    made.reopen()
    index = made.org.calls.place_of(json.loads(leaf))
    assert index is not None
    assert made.org.calls.values(index)["/input"]["path"] == "/risk/north"


def test_the_person_may_be_found_by_a_function_of_the_exchange(made: Bank) -> None:
    def by_body(exchange: Exchange) -> str:
        return str(exchange.json()["name"])

    async def by_header(exchange: Exchange) -> str | None:
        await asyncio.sleep(0)
        return exchange.header("X-Customer") or None

    asked(scoring(made, subject=by_body), "POST", "/score", json={"name": "p-7", "income": 1})
    assert len(made.org.calls.search(subject="p-7")) == 1
    asked(scoring(made, subject=by_header), "GET", "/risk/a", headers={"x-customer": "p-8"})
    assert len(made.org.calls.search(subject="p-8")) == 1
    answer = asked(scoring(made, subject=by_body), "GET", "/risk/a")  # no body: there is no such person
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "north" not in answer.text


def test_only_named_headers_are_recorded(made: Bank) -> None:
    app = scoring(made, headers=["X-Request-Id"])
    answer = asked(app, "GET", "/risk/a", headers={"x-request-id": "r-1", "authorization": "Bearer secret"})
    attributes = values_of(made, answer)["/attributes"]
    assert attributes["http.request.header.x-request-id"] == "r-1"
    assert "secret" not in json.dumps(values_of(made, answer))


def test_a_repeated_request_with_its_key_names_the_first_record(made: Bank) -> None:
    app = scoring(made)
    told = {"json": {"name": "p-1", "income": 1}, "headers": {"idempotency-key": "k-1"}}
    first, again = (asked(app, "POST", "/score", **told) for _ in range(2))
    assert first.headers[HEADER] == again.headers[HEADER]
    assert kinds(made) == 1
    told["json"] = {"name": "p-1", "income": 2}
    assert asked(app, "POST", "/score", **told).headers[HEADER] != first.headers[HEADER]
    assert kinds(made) == 2
    del told["headers"]
    assert asked(app, "POST", "/score", **told).headers[HEADER] != first.headers[HEADER]


def test_added_twice_it_records_once(made: Bank) -> None:
    app = scoring(made)
    app.add_middleware(CallRecords, organisation=lambda: made.org, routes=["/health"])
    assert HEADER in asked(app, "GET", "/health").headers
    assert kinds(made) == 1


def test_bodies_that_are_no_text_and_mounted_applications(made: Bank, tmp_path: Path) -> None:
    (tmp_path / "plot.bin").write_bytes(bytes(range(256)))

    @recorded
    async def plot(request: Request) -> Response:
        return FileResponse(tmp_path / "plot.bin", headers={HEADER: "forged"})

    app = Starlette(routes=[Mount("/models", routes=[Route("/plot", plot)])])
    app.add_middleware(CallRecords, organisation=made.org)

    async def ask() -> list[Any]:
        """A server that could read the file itself is not asked to."""
        sent: list[Any] = []
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/models/plot",
            "query_string": b"\xff",
            "headers": [],
            "extensions": {"http.response.pathsend": {}},
        }
        await app(scope, _nothing_more(), lambda message: _collect(sent, message))
        return sent

    start, *rest = asyncio.run(ask())
    assert b"".join(message["body"] for message in rest) == bytes(range(256))
    named = [value for key, value in start["headers"] if key == HEADER.lower().encode()]
    assert len(named) == 1
    assert named[0] != b"forged"
    values = made.org.calls.values(made.org.calls.search()[0]["idx"])
    assert "base64" in values["/output"]["body"]
    assert values["/input"]["query"] == "\\xff"


def _nothing_more() -> Any:
    """Returns a client that sends an empty body and then keeps quiet."""
    said: list[bool] = []

    async def receive() -> Any:
        if said:
            await asyncio.Event().wait()
        said.append(True)
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


async def _collect(sent: list[Any], message: Any) -> None:
    sent.append(message)


def streaming(made: Bank, chunks: list[bytes], media_type: str = "text/event-stream", **settings: Any) -> Starlette:
    @recorded
    async def tell(request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            for chunk in chunks:
                if chunk == b"fail":
                    raise RuntimeError("the model is away")
                yield chunk

        return StreamingResponse(parts(), media_type=media_type)

    app = Starlette(routes=[Route("/tell", tell, methods=["POST"])])
    app.add_middleware(CallRecords, organisation=made.org, **settings)
    return app


def test_a_stream_is_recorded_before_its_first_and_before_its_last_byte(made: Bank) -> None:
    seen: list[tuple[Any, int]] = []

    async def ask() -> None:
        async def note(message: Any) -> None:
            seen.append((message, kinds(made)))

        scope = {"type": "http", "method": "POST", "path": "/tell", "query_string": b"", "headers": []}
        await streaming(made, [b"data: 1\n\n", b"data: 2\n\n"])(scope, _nothing_more(), note)

    asyncio.run(ask())
    assert [count for _, count in seen] == [1, 1, 1, 2]
    assert not seen[-1][0].get("more_body")
    whole, beginning = made.org.calls.search()
    assert made.org.archive.record(whole["idx"]).builds_on == (made.org.archive.leaf_hex(beginning["idx"]),)
    assert made.org.calls.values(beginning["idx"])["/output"] == {"status": 200, "streamed": True}
    body = made.org.calls.values(whole["idx"])["/output"]["body"]
    assert body["text"] == "data: 1\n\ndata: 2\n\n"


def test_a_stream_whose_end_cannot_be_recorded_has_no_end(made: Bank) -> None:
    sent: list[Any] = []
    limit = ExitStack()

    async def ask() -> None:
        async def note(message: Any) -> None:
            sent.append(message)
            if message.get("body") == b"data: 1\n\n":
                limit.enter_context(full_disk(0))

        scope = {"type": "http", "method": "POST", "path": "/tell", "query_string": b"", "headers": []}
        await streaming(made, [b"data: 1\n\n"])(scope, _nothing_more(), note)

    with limit, pytest.raises(LogUnavailable):
        asyncio.run(ask())
    assert all(message.get("more_body", True) for message in sent if message["type"] == "http.response.body")


def test_a_stream_that_cannot_begin_to_be_recorded_is_not_sent(made: Bank) -> None:
    app = streaming(made, [b"data: 1\n\n"] * 3)
    with full_disk(0):
        answer = asked(app, "POST", "/tell")
    assert answer.status_code == 503
    assert b"data" not in answer.content


def test_a_stream_that_breaks_off_is_recorded_as_far_as_it_went(made: Bank) -> None:
    async def ask() -> None:
        scope = {"type": "http", "method": "POST", "path": "/tell", "query_string": b"", "headers": []}
        await streaming(made, [b"data: 1\n\n", b"fail"])(scope, _nothing_more(), lambda m: _collect([], m))

    with pytest.raises(RuntimeError, match="away"):
        asyncio.run(ask())
    whole, beginning = made.org.calls.search()
    values = made.org.calls.values(whole["idx"])
    assert values["/error"] == "RuntimeError"
    assert values["/output"]["body"]["text"] == "data: 1\n\n"
    assert values["/output"]["body"]["complete"] is False
    assert made.org.archive.record(whole["idx"]).builds_on == (made.org.archive.leaf_hex(beginning["idx"]),)


def test_large_answers_stop_being_held_and_long_bodies_are_cut_and_counted(made: Bank) -> None:
    chunks = [b"x" * 1_000] * 50
    app = streaming(made, chunks, "text/plain", most_held_bytes=5_000, most_body_bytes=10_000)
    answer = asked(app, "POST", "/tell", content=b"y" * 30_000)
    assert answer.content == b"".join(chunks)
    whole, beginning = made.org.calls.search()
    assert str(beginning["idx"]) in answer.headers[HEADER]
    values = made.org.calls.values(whole["idx"])
    body = values["/output"]["body"]
    assert (body["bytes"], body["kept"], len(body["text"])) == (50_000, 10_000, 10_000)
    assert body["sha256"] == sha256(answer.content).hexdigest()
    asked_for = values["/input"]["body"]
    assert (asked_for["bytes"], asked_for["kept"]) == (30_000, 10_000)
    assert asked_for["sha256"] == sha256(b"y" * 30_000).hexdigest()


def test_a_body_that_the_endpoint_did_not_read_is_said_to_be_incomplete(made: Bank) -> None:
    app = Starlette(routes=[Route("/score", recorded(lambda request: PlainTextResponse("no")), methods=["POST"])])
    app.add_middleware(CallRecords, organisation=made.org)
    answer = asked(app, "POST", "/score", content=b"y")
    body = values_of(made, answer)["/input"]["body"]
    assert (body["bytes"], body["complete"]) == (0, False)


def test_answers_in_pieces_are_sent_in_one_once_recorded(made: Bank) -> None:
    answer = asked(streaming(made, [b"a", b"b"], "text/plain"), "POST", "/tell")
    assert answer.text == "ab"
    assert values_of(made, answer)["/output"]["body"]["text"] == "ab"


def test_a_client_that_goes_away_leaves_a_record(made: Bank) -> None:
    async def ask() -> None:
        begun = asyncio.Event()

        @recorded
        async def slow(request: Request) -> Response:
            begun.set()
            await asyncio.Event().wait()
            return PlainTextResponse("never")

        app = Starlette(routes=[Route("/slow", slow)])
        app.add_middleware(CallRecords, organisation=made.org)
        scope = {"type": "http", "method": "GET", "path": "/slow", "query_string": b"", "headers": []}
        task = asyncio.create_task(app(scope, _nothing_more(), lambda m: _collect([], m)))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(ask())
    assert made.org.calls.values(made.org.calls.search()[0]["idx"])["/error"] == "CancelledError"


def test_it_works_outside_of_compression(made: Bank) -> None:
    app = scoring(made)
    app.add_middleware(GZipMiddleware, minimum_size=1)
    answer = asked(app, "GET", "/risk/north", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert values_of(made, answer)["/output"]["body"]["text"] == answer.text


def test_many_at_once_share_commits_and_leave_the_loop_free(made: Bank) -> None:
    app = scoring(made)

    async def ask_all() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bank.example") as client:
            answers = [client.get(f"/risk/{number}") for number in range(200)]
            return list(await asyncio.gather(*answers))

    answers = asyncio.run(ask_all())
    assert len({answer.headers[HEADER] for answer in answers}) == 200
    for number in (0, 57, 199):
        assert values_of(made, answers[number])["/input"]["path"] == f"/risk/{number}"


def test_bodies_know_what_they_are_worth() -> None:
    body = Body(4)
    for chunk in (b"ab", b"", b"cdef", b"g"):
        body.add(chunk, is_last=chunk == b"g")
    assert body.kept == b"abcd"
    assert body.sha256() == sha256(b"abcdefg").hexdigest()
    assert body.to_json("text/plain") == {
        "bytes": 7,
        "kept": 4,
        "sha256": body.sha256(),
        "text": "abcd",
        "type": "text/plain",
    }
    nothing = Body(0)
    nothing.add(b"abc", is_last=True)
    assert (nothing.kept, nothing.sha256()) == (b"", sha256(b"abc").hexdigest())
