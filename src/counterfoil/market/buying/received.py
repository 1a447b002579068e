"""What the log says of things that came: each once, however often it is asked to say so."""

from __future__ import annotations

import threading

from sqlalchemy import select

from counterfoil.market.records import ReceivedRecord
from counterfoil.market.views import market_records
from counterfoil.store.recorder import Recorder
from counterfoil.store.views import Views

__all__ = ["Received"]


class Received:
    """Writes what one home received. Safe to use from several threads.

    Args:
        recorder: Writes records.
        views: Finds them.
    """

    def __init__(self, recorder: Recorder, views: Views) -> None:
        self._recorder = recorder
        self._views = views
        self._recording = threading.Lock()  # between looking for a record and writing it

    def record(self, made: ReceivedRecord) -> None:
        """Puts on record that something is here, once for each order and statement."""
        query = select(market_records.c.idx).where(
            market_records.c.kind == "received",
            market_records.c.order == made.order,
            market_records.c.digest == made.statement,
        )
        with self._recording:
            with self._views.reading() as connection:
                known = connection.execute(query.limit(1)).first()
            if known is None:
                self._recorder.write(made.draft())
