"""The way from the event loop to the log: what is asked for once is on record once, whatever is refused beside it."""

from __future__ import annotations

import asyncio

from making_recalls import trained

from counterfoil.core.statement import Draft
from counterfoil.errors import Recalled
from counterfoil.node.writer import Wanted, Writer
from counterfoil.store.recorder import MAX_BATCH, Recorded
from counterfoil.store.requests import Requests


def test_what_is_refused_in_a_long_queue_makes_nothing_be_recorded_twice(tmp_path):
    with trained(tmp_path) as home:
        home.org.recalls.open("raw", reason="a column was doubled", by="Ada")
        recorder = home.org.recorder
        free = recorder.prepare(Draft("decision", "loans", "loans", (home.bank.loans.leaf,), {}))
        held = recorder.prepare(Draft("decision", "loans", "loans", (home.credit.leaf,), {}))
        wanted = [free] * (MAX_BATCH + 1) + [held]
        requests = Requests(tmp_path / "requests", bytes(32), home.org.archive, recorder)
        size = recorder.log.size

        async def write():
            writer = Writer(recorder, requests)
            results = await writer.write_many([Wanted(each, None, "deny") for each in wanted])
            await writer.close()
            return results

        *recorded, refused = asyncio.run(write())
        assert isinstance(refused, Recalled)
        assert all(isinstance(each, Recorded) for each in recorded)
        assert recorder.log.size - size == MAX_BATCH + 1
