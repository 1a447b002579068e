"""From many requests to one commit: records that arrive while one is being written share the next.

Handlers run in one event loop and wait without holding a thread. One thread commits:

1. it takes along all that waits;
2. requests that were answered before, and those that came twice, are not recorded again;
3. the rest goes to the recorder, one sync for all (see `store.recorder`);
4. every handler gets its result, and only then answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from counterfoil.errors import CounterfoilError, LogUnavailable, Recalled
from counterfoil.store.prepared import Prepared
from counterfoil.store.recorder import MAX_BATCH, OnFailure, Recorded, Recorder
from counterfoil.store.requests import Requests, key_of, other_request

__all__ = ["Wanted", "Writer"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A record to be made durable, and the tag of the request it answers, if that has one."""

    prepared: Prepared
    tag: bytes | None
    on_failure: OnFailure


Result = Recorded | int | CounterfoilError
"""The record; or the place of the one that the same request left before (`WAITING`: in the queue); or why not."""


@dataclass(slots=True)
class _Job:
    wanted: Sequence[Wanted]
    done: asyncio.Future[list[Result]]


class Writer:
    """The way from the event loop to the log. Made, used and closed in one event loop."""

    def __init__(self, recorder: Recorder, requests: Requests) -> None:
        self._recorder = recorder
        self._requests = requests
        self._thread = ThreadPoolExecutor(1, "counterfoil-writer")
        self._waiting: list[_Job] = []
        self._commit: asyncio.Task[None] | None = None
        self._is_closed = False
        self.is_failing = False
        """Whether the newest records could not be made durable in the log."""

    async def write(self, wanted: Wanted) -> Recorded | int:
        """Returns when the record is durable: the record, or the place of the one that was there.

        Raises:
            LogUnavailable: It could not be made durable; it is not in the log then.
            InvalidInput: Its idempotency key was used for another request.
        """
        result = (await self.write_many([wanted]))[0]
        if isinstance(result, CounterfoilError):
            raise result
        return result

    async def write_many(self, wanted: Sequence[Wanted]) -> list[Result]:
        """Returns when all are durable or refused, one result for each, in order."""
        if self._is_closed:
            raise LogUnavailable("the server is stopping", hint="ask again in a moment")
        job = _Job(wanted, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        if self._commit is None:
            self._commit = asyncio.create_task(self._commit_all())
        return await job.done

    async def close(self) -> None:
        """Returns when everything that waits is committed; nothing is taken from here on."""
        self._is_closed = True
        if self._commit is not None:
            await self._commit
        self._thread.shutdown()

    async def _commit_all(self) -> None:
        """Commits until nothing waits. What arrives meanwhile is the next batch."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                jobs, self._waiting = self._waiting, []
                try:
                    results = await loop.run_in_executor(
                        self._thread, self._commit_batch, [wanted for job in jobs for wanted in job.wanted]
                    )
                except Exception as error:  # noqa: BLE001 - every handler in the batch must be told
                    for job in jobs:
                        if not job.done.done():
                            job.done.set_exception(error)
                    continue
                start = 0
                for job in jobs:
                    end = start + len(job.wanted)
                    if not job.done.done():  # whoever asked may have gone
                        job.done.set_result(results[start:end])
                    start = end
        finally:
            self._commit = None

    # In the writer's thread

    def _commit_batch(self, batch: Sequence[Wanted]) -> list[Result]:
        """Steps 2 and 3."""
        results: list[Result | None] = [None] * len(batch)
        self._answer_known(batch, results)
        firsts: dict[bytes, int] = {}  # by key: another body under the same key is refused like a later one
        again: list[tuple[int, int]] = []
        fresh: dict[OnFailure, list[int]] = {}
        for place, wanted in enumerate(batch):
            if results[place] is not None:
                continue
            first = firsts.setdefault(key_of(wanted.tag), place) if wanted.tag else place
            if first == place:
                fresh.setdefault(wanted.on_failure, []).append(place)
            elif batch[first].tag == wanted.tag:
                again.append((place, first))
            else:
                results[place] = other_request()
        for on_failure, places in fresh.items():
            self._record(batch, places, on_failure, results)
        for place, first in again:
            results[place] = _same_again(results[first])
        if self._requests.should_settle:
            with suppress(CounterfoilError):  # what is recorded is recorded; the chore tries again
                self._requests.settle()
        return [result for result in results if result is not None]

    def _answer_known(self, batch: Sequence[Wanted], results: list[Result | None]) -> None:
        """Step 2: what was answered before."""
        tags = [wanted.tag for wanted in batch if wanted.tag]
        if not tags:
            return
        try:
            known: Mapping[bytes, Result] = self._requests.find(tags)
        except LogUnavailable as error:  # nobody knows now whether they were; those without a name go on
            known = dict.fromkeys(tags, error)
        for place, wanted in enumerate(batch):
            if wanted.tag:
                results[place] = known.get(wanted.tag)

    def _record(
        self, batch: Sequence[Wanted], places: Iterable[int], on_failure: OnFailure, results: list[Result | None]
    ) -> None:
        """Step 3, for those with one wish: in parts that the recorder takes whole or not at all."""
        rest = iter(places)
        while part := list(islice(rest, MAX_BATCH)):
            self._record_part(batch, part, on_failure, results)

    def _record_part(
        self, batch: Sequence[Wanted], places: Sequence[int], on_failure: OnFailure, results: list[Result | None]
    ) -> None:
        try:
            recorded = self._recorder.record([batch[place].prepared for place in places], on_failure)
        except Recalled:
            self._record_admitted(batch, places, on_failure, results)
            return
        except CounterfoilError as error:
            self.is_failing = isinstance(error, LogUnavailable)
            for place in places:
                results[place] = error
            return
        self.is_failing = any(each.index is None for each in recorded)
        made: list[tuple[bytes, int | None]] = []
        for place, result in zip(places, recorded, strict=True):
            results[place] = result
            tag = batch[place].tag
            if tag:
                made.append((tag, result.index))
        self._requests.noticed(made)

    def _record_admitted(
        self, batch: Sequence[Wanted], places: Sequence[int], on_failure: OnFailure, results: list[Result | None]
    ) -> None:
        """Step 3 where a recall holds some back: they are told, and the others are recorded."""
        left = []
        for place in places:
            refused = self._recorder.refusal(batch[place].prepared)
            if refused is None:
                left.append(place)
            else:
                results[place] = refused
        if left:
            self._record_part(batch, left, on_failure, results)


def _same_again(result: Result | None) -> Result:
    """Returns what the second of two same requests gets that came together."""
    if isinstance(result, Recorded):
        return result if result.index is None else result.index
    assert result is not None
    return result
