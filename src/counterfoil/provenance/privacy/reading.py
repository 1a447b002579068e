"""Reads privacy reports back from JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.provenance.privacy.identifiers import Finding
from counterfoil.provenance.privacy.measures import Diversity
from counterfoil.provenance.privacy.report import REPORT_VERSION, Groups, PrivacyReport, SizeBand
from counterfoil.provenance.privacy.singling_out import Combination, Uniqueness

__all__ = ["read_privacy"]


def read_privacy(told: Mapping[str, Any]) -> PrivacyReport:
    """Returns a report; KeyError, TypeError or ValueError for what is none."""
    if told["version"] != REPORT_VERSION:
        raise ValueError("another version")
    harbor = told["safeHarbor"]
    return PrivacyReport(
        str(told["sha256"]),
        int(told["rows"]),
        int(told["columns"]),
        tuple(_finding(each) for each in harbor["findings"]),
        int(harbor["more"]),
        tuple(str(name) for name in harbor["pseudonyms"]),
        None if told["groups"] is None else _groups(told["groups"]),
        _uniqueness(told["uniqueness"]),
    )


def _finding(told: Mapping[str, Any]) -> Finding:
    return Finding(str(told["column"]), str(told["identifier"]), str(told["what"]), str(told["by"]), int(told["rows"]))


def _groups(told: Mapping[str, Any]) -> Groups:
    sizes = (
        SizeBand(
            int(each["from"]),
            None if each["to"] is None else int(each["to"]),
            int(each["groups"]),
            int(each["rows"]),
        )
        for each in told["sizes"]
    )
    return Groups(
        tuple(str(name) for name in told["quasi"]),
        int(told["k"]),
        int(told["groups"]),
        int(told["uniqueRows"]),
        tuple(sizes),
        tuple(_diversity(each) for each in told["diversity"]),
    )


def _diversity(told: Mapping[str, Any]) -> Diversity:
    return Diversity(
        str(told["column"]),
        bool(told["ordered"]),
        int(told["distinctL"]),
        int(told["entropyLMicro"]),
        None if told["cMicro"] is None else int(told["cMicro"]),
        int(told["tMicro"]),
        int(told["missing"]),
    )


def _uniqueness(told: Mapping[str, Any]) -> Uniqueness:
    found = (
        Combination(tuple(str(name) for name in each["columns"]), int(each["uniqueRows"]))
        for each in told["combinations"]
    )
    return Uniqueness(
        tuple(found), int(told["lookedAt"]), int(told["possible"]), tuple(str(name) for name in told["ownValues"])
    )
