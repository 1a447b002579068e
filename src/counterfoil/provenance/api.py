"""Provenance over HTTP: registering datasets and models, and looking them up."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Request

from counterfoil.errors import InvalidInput
from counterfoil.provenance.bodies import DatasetOnRecord, ModelOnRecord
from counterfoil.provenance.model_register import Model
from counterfoil.provenance.reports.api import ReportRoutes
from counterfoil.provenance.shapes import class_of, dataset_json, key_values, model_json
from counterfoil.provenance.tables import read_rows
from counterfoil.web.desk import Desk
from counterfoil.web.multipart import is_multipart
from counterfoil.web.roles import READERS, Role
from counterfoil.web.room import Room, takes, takes_files
from counterfoil.web.upload import received, received_parts

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["ProvenanceRoutes"]

_CSV: Final = "text/csv"
_BYTES: Final = "application/octet-stream"
_PARTS: Final = {"file": "model", "sample": "sample.csv"}
"""Parts of a body that brings a model along with rows to try it on, and the files they become."""

_DATA: Final = takes(media_type=_CSV, file_type=_BYTES)
_ENDING: Final = re.compile(r"\.[A-Za-z0-9]{1,16}")
_MODEL: Final = takes_files(_PARTS, required=("file",), alone=_BYTES)

Name = Annotated[str, Query(min_length=1, max_length=200, description="Its name.")]
FileName = Annotated[str, Query(max_length=200, description="Name of the file it comes from; recorded, never opened.")]
Notes = Annotated[list[str] | None, Query(description="KEY=VALUE: licence, source, purpose; may be repeated.")]
Named = Annotated[str | None, Query(description="Only models of this name.")]
Version = Annotated[str, Query(max_length=200, description="In your own numbering; 1, 2, … without it.")]
Training = Annotated[str | None, Query(description="The dataset it was trained on: its name, or its place.")]
Code = Annotated[list[str] | None, Query(description="KEY=VALUE: what trained it, commit=4f2a; may be repeated.")]
Trust = Annotated[list[str] | None, Query(description="Type that a skops file may load; may be repeated.")]
Feature = Annotated[list[str] | None, Query(description="Input name, where the file has none; may be repeated.")]
Positive = Annotated[str | None, Query(description="The class whose probability is the score; the last without it.")]


class ProvenanceRoutes:
    """The routes of this room.

    Args:
        org: The organisation.
        desk: The node that serves them.
    """

    def __init__(self, org: Organisation, desk: Desk) -> None:
        self._org = org
        self._desk = desk

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room, operator = Room("provenance"), (Role.OPERATOR,)
        room.reads("/datasets", self.list_datasets, READERS, list[DatasetOnRecord])
        room.writes("/datasets", self.register_dataset, operator, DatasetOnRecord, body=_DATA)
        room.reads("/datasets/{wanted}", self.show_dataset, READERS, DatasetOnRecord)
        ReportRoutes(self._org, self._desk).add_to(room)
        room.reads("/models", self.list_models, READERS, list[ModelOnRecord])
        room.writes("/models", self.register_model, operator, ModelOnRecord, body=_MODEL)
        room.reads("/models/{wanted}", self.show_model, READERS, ModelOnRecord)
        return room.router

    def list_datasets(self) -> list[dict[str, Any]]:
        """Lists the registered datasets, oldest first."""
        return [dataset_json(each) for each in self._org.provenance.datasets()]

    async def register_dataset(
        self, request: Request, name: Name, version: Version = "", file: FileName = "", note: Notes = None
    ) -> dict[str, Any]:
        """Records what a file holds: digest, fingerprint, and of a table rows and columns; the file is not kept.

        As text/csv the body is a table with a header row, in UTF-8. As application/octet-stream it is any file; the
        ending of `file` says what it is, such as .parquet. The same content under the
        same name is recorded once.
        """
        kind = request.headers.get("content-type", _CSV).partition(";")[0].strip().lower()
        ending = _ending(file) if kind == _BYTES else ".csv"
        notes = key_values(note or (), "note")
        _require_text(name, version, file, *notes, *notes.values())
        request.state.most_body_bytes = self._desk.most_file_bytes
        async with received(request, self._desk.incoming, f"table{ending}") as path:
            await asyncio.to_thread(self._desk.asked, request, "a dataset")
            register = partial(self._org.provenance.register_dataset, name=name, version=version, notes=notes)
            return dataset_json(await asyncio.to_thread(register, path, file_name=file or f"{name}{ending}"))

    def show_dataset(self, wanted: str) -> dict[str, Any]:
        """Shows a dataset, by name (the newest of it) or by the place of its record."""
        return dataset_json(self._org.provenance.find_dataset(wanted))

    def list_models(self, name: Named = None) -> list[dict[str, Any]]:
        """Lists the registered models, oldest first."""
        return [model_json(each) for each in self._org.provenance.models(name)]

    async def register_model(
        self,
        request: Request,
        name: Name,
        version: Version = "",
        training: Training = None,
        code: Code = None,
        trust: Trust = None,
        feature: Feature = None,
        positive: Positive = None,
    ) -> dict[str, Any]:
        """Records a model file and keeps its bytes for replay.

        The body is an integer model, an ONNX file or a skops file, never a pickle; or, as multipart/form-data, such
        a `file` and a `sample`, a CSV table of rows to try it on. The same model is recorded once.
        """
        request.state.most_body_bytes = self._desk.most_file_bytes
        register = partial(
            self._register,
            name=name,
            version=version,
            training=training,
            code=key_values(code or (), "code"),
            trusted=tuple(trust or ()),
            features=tuple(feature or ()),
            positive=class_of(positive),
        )
        await asyncio.to_thread(self._desk.asked, request, "a model")
        if not is_multipart(request.headers.get("content-type")):
            async with received(request, self._desk.incoming, _PARTS["file"]) as path:
                return model_json(await asyncio.to_thread(register, path, None))
        async with received_parts(request, self._desk.incoming, _PARTS) as parts:
            if "file" not in parts:
                raise InvalidInput("the body has no part named file", hint="send the model as the part `file`")
            return model_json(await asyncio.to_thread(register, parts["file"], parts.get("sample")))

    def show_model(self, wanted: str) -> dict[str, Any]:
        """Shows a model, by name (its newest version) or by the place of its record."""
        return model_json(self._org.provenance.find_model(wanted))

    def _register(self, file: Path, sample: Path | None, *, training: str | None, **told: Any) -> Model:
        provenance = self._org.provenance
        dataset = provenance.find_dataset(training) if training else None
        rows = read_rows(sample) if sample else None
        _require_text(*told["code"], *told["code"].values(), *told["trusted"], *told["features"])
        return provenance.register_model(file, training=dataset, sample=rows, **told)


def _ending(file: str) -> str:
    """Returns the ending of a file's name as a path of this machine may have it; empty without one."""
    found = PurePosixPath(file.replace("\\", "/")).suffix
    return found.lower() if _ENDING.fullmatch(found) else ""


def _require_text(*texts: str) -> None:
    """Refuses what a record of the log should not hold."""
    wrong = next((text for text in texts if not text.isprintable()), None)
    if wrong is not None:
        raise InvalidInput(f"{ascii(wrong)[:60]} holds characters that cannot be printed", hint="give plain text")
