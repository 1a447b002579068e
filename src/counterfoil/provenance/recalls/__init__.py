"""Recalls: data, models and rules that turned out to be wrong, and what must not go on because of it."""

from __future__ import annotations

from counterfoil.provenance.recalls.bar import Bar, Hold
from counterfoil.provenance.recalls.records import Action, Reached, RecallEndRecord, RecallRecord
from counterfoil.provenance.recalls.register import Ending, Recall, RecallRegister
from counterfoil.provenance.recalls.views import RecallsView

__all__ = [
    "Action",
    "Bar",
    "Ending",
    "Hold",
    "Reached",
    "Recall",
    "RecallEndRecord",
    "RecallRecord",
    "RecallRegister",
    "RecallsView",
]
