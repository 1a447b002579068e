"""Schemas on record: written to the log once, before the first record that needs them."""

from __future__ import annotations

from counterfoil.core.schema import Schema
from counterfoil.core.statement import Draft
from counterfoil.store.archive import Archive
from counterfoil.store.recorder import OnFailure, Recorder

__all__ = ["keep_schema"]


def keep_schema(recorder: Recorder, archive: Archive, schema: Schema, on_failure: OnFailure = "deny") -> None:
    """Puts a schema on record the first time it is used.

    Raises:
        LogUnavailable: When its record could not be saved, or its file not written.
    """
    if not archive.has_schema(schema):  # the record first: a file without one could not be made anew
        draft = Draft("schema", "schemas", schema.name, about=schema.to_json(), sha256=schema.digest)
        recorder.record([recorder.prepare(draft)], on_failure)
    archive.keep_schema(schema)
