"""Snapshots over HTTP: taking them from the public internet, in the background, and listing them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.errors import InvalidInput
from counterfoil.provenance.naming import is_text
from counterfoil.provenance.snapshots.addresses import Reach
from counterfoil.provenance.snapshots.api_source import ApiForm, ApiSource
from counterfoil.provenance.snapshots.bodies import SnapshotShown, ToSnapshot
from counterfoil.provenance.snapshots.shapes import snapshot_json
from counterfoil.provenance.snapshots.url_source import UrlSource
from counterfoil.web.answer import answered
from counterfoil.web.desk import Desk
from counterfoil.web.roles import JOBS, READERS
from counterfoil.web.room import Room, Started

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["SnapshotRoutes", "guarded_source"]


class SnapshotRoutes:
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
        room = Room("snapshots")
        room.reads("/snapshots", self.list_snapshots, READERS, list[SnapshotShown])
        room.writes("/snapshots", self.take, JOBS["snapshot"], Started, status=202)
        return room.router

    def list_snapshots(self) -> list[dict[str, Any]]:
        """Lists the snapshots, oldest first; their contents stay in the home."""
        return [snapshot_json(each) for each in self._org.provenance.snapshots.all()]

    def take(self, request: Request, wanted: ToSnapshot) -> Response:
        """Fetches what a source on the web gives now, in the background, and records it.

        Addresses that are not public are refused, unless the node's settings name their network.
        """
        asked = wanted.model_dump(exclude_defaults=True)
        if not all(is_text(text) for text in (wanted.name, wanted.version, *wanted.notes, *wanted.notes.values())):
            raise InvalidInput("a name or a note holds characters that cannot be printed", hint="give plain text")
        given = asked | {"most_bytes": self._desk.most_file_bytes, "networks": list(self._desk.snapshot_networks)}
        guarded_source(given)  # what cannot be fetched is said now
        return answered(self._desk, request, asked, lambda: (202, self._desk.start_job(request, "snapshot", given)))


def guarded_source(given: Mapping[str, Any]) -> UrlSource | ApiSource:
    """Returns the source that somebody afar names; it may reach the public internet and the named networks.

    Raises:
        InvalidInput: It is none, or they name two.
    """
    reach = Reach(given.get("networks", ()))
    if bool(given.get("url")) == bool(given.get("api")):
        raise InvalidInput("a snapshot has one source", hint="give url or api")
    if given.get("url"):
        return UrlSource(str(given["url"]), "", str(given.get("file_name", "")), reach, is_guarded=True)
    return ApiSource(ApiForm.read(dict(given["api"])), "", reach, is_guarded=True)
