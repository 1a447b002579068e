"""Rows over HTTP: which datasets' rows were committed to, and what they have under an id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from counterfoil.provenance.rows.bodies import CommitmentOnRecord, ToProve
from counterfoil.provenance.rows.shapes import commitment_json
from counterfoil.web.desk import Desk
from counterfoil.web.roles import READERS, Role
from counterfoil.web.room import Room

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["RowsRoutes"]


class RowsRoutes:
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
        room = Room("rows")
        room.reads("/rows", self.list_commitments, READERS, list[CommitmentOnRecord])
        room.reads("/rows/{index}", self.show, READERS, CommitmentOnRecord)
        room.writes("/rows/{index}/proofs", self.prove, (Role.OPERATOR,), status=200)
        return room.router

    def list_commitments(self) -> list[dict[str, Any]]:
        """Lists the commitments to rows of datasets, oldest first."""
        return [commitment_json(each) for each in self._org.provenance.rows.all()]

    def show(self, index: int) -> dict[str, Any]:
        """Shows a commitment, by the place of its record."""
        return commitment_json(self._org.provenance.rows.at(index))

    def prove(self, index: int, wanted: ToProve, request: Request) -> Response:
        """Proves that an id is in the dataset, with how many rows, or that it is not; the answer is the proof file.

        It shows no row: those are with the data, which the node does not keep. Who asked is on record, the id is not.
        """
        commitment = self._org.provenance.rows.at(index)
        self._desk.looked(request, "whether an id is in a dataset", (index,))
        proof = self._org.provenance.rows.prove(commitment, wanted.id, with_record=wanted.record)
        return Response(proof.encode(), media_type="application/json")
