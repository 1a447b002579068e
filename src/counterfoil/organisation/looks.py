"""Who looked: every privileged read of private values is a record itself.

Who looked and at what is private, too: only the fact is public, and which records it
was about. It is written before anything is shown, so nobody sees what they leave no
trace of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from counterfoil.core.schema import Schema, SchemaField
from counterfoil.core.statement import Draft
from counterfoil.decisions.policies import keep_schema
from counterfoil.store.archive import Archive
from counterfoil.store.prepared import Private
from counterfoil.store.recorder import Recorder

__all__ = ["LOOK", "STREAM", "Looks"]

STREAM: Final = "looks"

MOST_PLACES: Final = 200
"""Records that one look names by their leaf hashes; of a longer list, only the number is told."""

LOOK: Final = Schema(
    "look",
    (
        SchemaField("/by", "Who looked", "string"),
        SchemaField("/records", "How many records were shown", "integer"),
        SchemaField("/what", "What they looked at", "string"),
    ),
)


class Looks:
    """Records who looked into one home.

    Args:
        recorder: Writes the records.
        archive: Reads the leaf hashes of what was looked at.
    """

    def __init__(self, recorder: Recorder, archive: Archive) -> None:
        self._recorder = recorder
        self._archive = archive

    def record(self, *, by: str, what: str, places: Sequence[int] = ()) -> int:
        """Records a look and returns its place in the log, when it is durable.

        Args:
            by: Id of whoever looks.
            what: What they look at, in a few words.
            places: Places of the records whose private values are shown.

        Raises:
            LogUnavailable: It could not be recorded; then nothing may be shown.
        """
        keep_schema(self._recorder, self._archive, LOOK)
        leaves = tuple(self._archive.leaf_hex(place) for place in places) if len(places) <= MOST_PLACES else ()
        values = {"/by": by, "/records": len(places), "/what": what}
        written = self._recorder.write(Draft("look", STREAM, "look", leaves), Private(LOOK, values))
        assert written.index is not None
        return written.index
