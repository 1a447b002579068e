"""Writes what a log says of contributions, each thing once."""

from __future__ import annotations

import threading

from sqlalchemy import select

from counterfoil.core.statement import Draft
from counterfoil.market.contributions.proposal import SignedProposal
from counterfoil.market.contributions.records import ProposalRecord
from counterfoil.market.contributions.views import contribution_records
from counterfoil.store.recorder import Recorder
from counterfoil.store.views import Views

__all__ = ["Told"]


class Told:
    """The records of contributions in one home's log. Safe to use from several threads.

    Args:
        recorder: Writes them.
        views: Finds them.
    """

    def __init__(self, recorder: Recorder, views: Views) -> None:
        self._recorder = recorder
        self._views = views
        self._lock = threading.Lock()  # between looking for a record and writing it

    def write(self, draft: Draft) -> str:
        """Writes a record unless the log has it; returns its leaf hash, hex."""
        proposal, result = draft.about["proposal"], draft.about.get("result", "")
        with self._lock:
            known = self._find(draft.kind, proposal, result)
            return known or self._recorder.write(draft).leaf.hex()

    def proposal(self, signed: SignedProposal, of: str = "") -> str:
        """Returns the leaf hash (hex) of the record of a proposal; writes it where a crash came between.

        Args:
            signed: The proposal.
            of: Leaf hash (hex) of the version it changes, to that version's owner; see `ProposalRecord`.
        """
        return self.write(ProposalRecord(signed, of).draft())

    def places(self, proposal: str) -> list[int]:
        """Returns the places of all records about a proposal, in order."""
        query = select(contribution_records.c.idx).where(contribution_records.c.proposal == proposal)
        return list(self._views.places(query.order_by(contribution_records.c.idx)))

    def _find(self, kind: str, proposal: str, result: str) -> str:
        table = contribution_records
        same = (table.c.kind == kind) & (table.c.proposal == proposal) & (table.c.result == result)
        with self._views.reading() as connection:
            return str(connection.execute(select(table.c.leaf).where(same).limit(1)).scalar() or "")
