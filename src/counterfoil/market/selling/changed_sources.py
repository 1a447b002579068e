"""Sources that no longer give what was published: told to a person until they are put right, and on record for good."""

from __future__ import annotations

import logging
import threading
from typing import Final

from sqlalchemy import Column, Integer, String, Table, select

from counterfoil.core.statement import Draft
from counterfoil.market.delivery.deliveries import SourceChanged
from counterfoil.market.records import STREAM
from counterfoil.market.state import MarketState, metadata
from counterfoil.store.recorder import Recorder

__all__ = ["ChangedSources"]

_LOGGER: Final = logging.getLogger("counterfoil.market")

changed_sources: Final = Table(
    "changed_sources",
    metadata,
    Column("root", String(64), primary_key=True),
    Column("chunk", Integer, nullable=False),
    Column("noticed_s", Integer, nullable=False),
)
"""One row a content whose source has changed, until somebody says where it lies anew."""


class ChangedSources:
    """The changed sources of one home. Safe to use from several threads.

    Args:
        state: Where they are kept.
        recorder: Puts each on record, once until it is put right.
    """

    def __init__(self, state: MarketState, recorder: Recorder) -> None:
        state.make(changed_sources)
        self._state = state
        self._recorder = recorder
        self._noticing = threading.Lock()  # between looking for a change and keeping it

    def notice(self, change: SourceChanged) -> None:
        """Takes that a source has changed; no byte of the changed chunk was sent.

        The record comes first: what is kept here is not written again, and must not be without one.
        """
        with self._noticing:
            if change.root in dict(self.all()):
                return
            _LOGGER.error("the source of the content %s… has changed from chunk %d on", change.root[:12], change.chunk)
            about = {"chunk": change.chunk, "content": change.root, "order": change.order, "sheet": change.sheet}
            self._recorder.write(Draft("source-change", STREAM, change.root, (), about))
            values = {"root": change.root, "chunk": change.chunk, "noticed_s": self._recorder.now_s()}
            with self._state.writing() as connection:
                connection.execute(changed_sources.insert().values(**values))

    def settle(self, root: str) -> None:
        """Forgets a content whose source was named anew."""
        with self._state.writing() as connection:
            connection.execute(changed_sources.delete().where(changed_sources.c.root == root))

    def all(self) -> list[tuple[str, int]]:
        """Returns root and first changed chunk of each."""
        with self._state.reading() as connection:
            rows = connection.execute(select(changed_sources).order_by(changed_sources.c.root))
            return [(row.root, row.chunk) for row in rows]
