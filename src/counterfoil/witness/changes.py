"""What an admin changes about witnesses at a node: who asked is on record before it is done."""

from __future__ import annotations

from fastapi import Request

from counterfoil.core.note import VerifierKey
from counterfoil.core.witness_policy import WitnessPolicy
from counterfoil.web.desk import Desk
from counterfoil.witness.witness import Witness

__all__ = ["WitnessChanges"]


class WitnessChanges:
    """Changes on request, for the API and the console alike; each raises what the same method of `Witness` does.

    Args:
        witness: What is changed.
        desk: The node, which records who asked.
    """

    def __init__(self, witness: Witness, desk: Desk) -> None:
        self._witness = witness
        self._desk = desk

    def add_log(self, request: Request, vkey: str) -> VerifierKey:
        """Watches another organisation's log from now on; returns its key."""
        self._desk.asked(request, "watching a log")
        return self._witness.add_log(vkey)

    def remove_log(self, request: Request, name: str) -> list[VerifierKey]:
        """Watches a log no longer; returns the keys that went. What was signed stays known."""
        self._desk.asked(request, "watching a log no longer")
        return self._witness.remove_log(name)

    def add_witness(self, request: Request, name: str, vkey: str, url: str, rule: str | None) -> WitnessPolicy:
        """Has a witness asked to sign this log's heads; returns the policy as it is now."""
        self._desk.asked(request, "a witness")
        return self._witness.add_witness(name, vkey, url, rule=rule)

    def remove_witness(self, request: Request, name: str) -> WitnessPolicy:
        """Asks a witness no longer; returns the policy as it is now."""
        self._desk.asked(request, "a witness no longer")
        return self._witness.remove_witness(name)
