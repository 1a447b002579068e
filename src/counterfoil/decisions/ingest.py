"""Decisions that come in over HTTP, one by one or as lines of a long body.

The model answers in the event loop, which takes tens of microseconds; the records of
all requests that wait share one commit. A long body is worked out a few lines at a
time, so that other requests get their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson
from starlette.responses import Response

from counterfoil.core import canonical
from counterfoil.decisions.deployment import Deployment, Made
from counterfoil.decisions.shapes import decision_json
from counterfoil.errors import CounterfoilError, InvalidInput, LogUnavailable, NotAllowed, NotFound, TooLarge
from counterfoil.store.recorder import OnFailure, Recorded
from counterfoil.store.requests import WAITING
from counterfoil.web.answer import json_answer
from counterfoil.web.desk import Desk
from counterfoil.web.problem import problem

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["MOST_BATCH_BYTES", "MOST_LINES", "NDJSON", "Ingest"]

NDJSON: Final = "application/x-ndjson"

MOST_LINES: Final = 10_000
"""Most decisions in one request."""

MOST_BATCH_BYTES: Final = 67_108_864
"""Largest body of many lines."""

MOST_LINE_BYTES: Final = 1_048_576
"""Longest line; values that people or machines are decided on are far shorter."""

CHUNK: Final = 100
CHUNK_BYTES: Final = 262_144
"""Lines, or bytes of lines, worked out before other requests get their turn: a hundredth of a second."""

LARGE_BYTES: Final = 65_536
"""An applicant of so many bytes is worked out in a thread, so that others need not wait."""

_MEMBERS: Final = frozenset({"applicant", "subject"})


class Ingest:
    """Decides for the routes.

    Args:
        org: The organisation.
        desk: The node that serves the routes.
    """

    def __init__(self, org: Organisation, desk: Desk) -> None:
        self._org = org
        self._desk = desk
        self._deployments: dict[int, Deployment] = {}

    async def one(
        self, index: int, body: bytes, tag: bytes | None, on_failure: OnFailure, *, receipts: bool = False
    ) -> Response:
        """Decides on one applicant and answers when the record is durable; with `receipts`, with the receipt, too."""
        deployment = await self._deployment(index)
        if len(body) < LARGE_BYTES:
            made = self._answer(deployment, body, tag)
        else:
            made = await asyncio.to_thread(self._answer, deployment, body, tag)
        written = await self._desk.write(made.prepared, tag, on_failure)
        if isinstance(written, Recorded):
            told = decision_json(deployment.decision(made, written))
            return json_answer(await self._with_receipt(told) if receipts else told, 201)
        told = await asyncio.to_thread(self._told, written)
        return json_answer(await self._with_receipt(told) if receipts else told, replayed=True)

    async def many(
        self,
        index: int,
        lines: Sequence[bytes],
        tags: Sequence[bytes | None],
        on_failure: OnFailure,
        *,
        receipts: bool = False,
    ) -> Response:
        """Decides on one applicant a line; each line of the answer is a decision or a problem, in order."""
        deployment = await self._deployment(index)
        answers: list[bytes] = []
        for chunk in _chunks(lines):
            rows = [(lines[each], tags[each]) for each in chunk]
            answers += await self._chunk(deployment, rows, on_failure, receipts)
        return Response(b"\n".join([*answers, b""]), 200, media_type=NDJSON)

    def lines(self, body: bytes) -> list[bytes]:
        """Returns the lines of a long body; an empty last one is none.

        Raises:
            InvalidInput: There are none, or more than `MOST_LINES`.
        """
        lines = body.removesuffix(b"\n").split(b"\n") if body else []
        if not 1 <= len(lines) <= MOST_LINES:
            raise InvalidInput(f"the body has {len(lines):,} lines", hint=f"1 to {MOST_LINES:,}, one JSON object each")
        return lines

    async def _chunk(
        self, deployment: Deployment, rows: Sequence[tuple[bytes, bytes | None]], on_failure: OnFailure, receipts: bool
    ) -> list[bytes]:
        made: list[Made | CounterfoilError] = []
        for line, tag in rows:
            try:
                made.append(await self._answer_line(deployment, line, tag))
            except CounterfoilError as error:
                made.append(error)
        ready = [(each.prepared, tag) for each, (_, tag) in zip(made, rows, strict=True) if isinstance(each, Made)]
        results = iter(await self._desk.write_many(ready, on_failure))
        return [
            orjson.dumps(
                await self._line(deployment, each, next(results), receipts) if isinstance(each, Made) else problem(each)
            )
            for each in made
        ]

    async def _answer_line(self, deployment: Deployment, line: bytes, tag: bytes | None) -> Made:
        if len(line) > MOST_LINE_BYTES:
            raise TooLarge(f"the line has {len(line):,} bytes; {MOST_LINE_BYTES:,} is the most")
        if len(line) < LARGE_BYTES:
            return self._answer(deployment, line, tag)
        return await asyncio.to_thread(self._answer, deployment, line, tag)

    async def _line(
        self, deployment: Deployment, made: Made, result: Recorded | int | CounterfoilError, receipts: bool
    ) -> dict[str, Any]:
        try:
            if isinstance(result, CounterfoilError):
                raise result
            if isinstance(result, Recorded):
                told = decision_json(deployment.decision(made, result))
            else:
                told = await asyncio.to_thread(self._told, result) | {"replayed": True}
            return await self._with_receipt(told) if receipts else told
        except CounterfoilError as error:
            return problem(error)

    async def _with_receipt(self, told: dict[str, Any]) -> dict[str, Any]:
        """Returns the answer with the receipt of its decision: whoever asks gave the values, so it shows them nothing.

        It is null while the record waits, and where the values were erased since: the decision stands all the same.
        """
        if told["index"] is None:
            return told | {"receipt": None}
        try:
            receipt = await asyncio.to_thread(self._org.decisions.receipt, told["index"])
        except (NotAllowed, NotFound):
            return told | {"receipt": None}
        return told | {"receipt": receipt.encode().decode()}

    async def _deployment(self, index: int) -> Deployment:
        """Returns a deployment, loaded once; its policy is looked at again by `decide`."""
        found = self._deployments.get(index)
        if found is None:
            found = await asyncio.to_thread(self._org.decisions.deployment, index)
            self._deployments[index] = found
        return found

    def _answer(self, deployment: Deployment, body: bytes, tag: bytes | None) -> Made:
        """Reads an applicant strictly and asks the model.

        Raises:
            InvalidInput: It is not JSON, has unknown or missing members, or does not fit the policy.
        """
        value = canonical.loads(body)
        if not isinstance(value, dict) or "applicant" not in value or not value.keys() <= _MEMBERS:
            raise InvalidInput(
                'the body is not {"applicant": {…}, "subject": "…"}',
                hint="applicant holds the feature values by name; subject, your reference of the person, may lack",
            )
        applicant, subject = value["applicant"], value.get("subject")
        if not isinstance(applicant, Mapping):
            raise InvalidInput("applicant is not an object of feature values by name")
        if subject is not None and not isinstance(subject, str):
            raise InvalidInput("subject is not text", hint='references are texts: "4711", not 4711')
        return deployment.answer(applicant, subject=subject, request=tag)

    def _told(self, index: int) -> dict[str, Any]:
        """Returns the answer to a request that was answered before, from the record it left.

        Raises:
            LogUnavailable: The record waits in the queue, and what it says is not at hand.
        """
        if index == WAITING:
            raise LogUnavailable(
                "this request was answered, and its record waits in the queue", hint="ask again when the log is back"
            )
        record = self._org.archive.record(index)
        values = self._org.views.values_of(index, record) or {}
        return {
            "contributions": list(values.get("/reasons", ())),
            "index": index,
            "label": values.get("/output/label"),
            "leaf": self._org.archive.leaf_hex(index),
            "promise": None,
            "reasons": [reason["code"] for reason in values.get("/reasons", ())],
            "score": values.get("/output/score"),
            "score_micro": values.get("/output/score_micro"),
            "seq": record.seq,
            "subject": values.get("/subject"),
            "time": record.time,
        }


def _chunks(lines: Sequence[bytes]) -> Iterator[range]:
    """Yields the places of lines that are worked out together."""
    start = size_bytes = 0
    for place, line in enumerate(lines):
        size_bytes += len(line)
        if place + 1 - start == CHUNK or size_bytes >= CHUNK_BYTES:
            yield range(start, place + 1)
            start, size_bytes = place + 1, 0
    if start < len(lines):
        yield range(start, len(lines))
