"""A home, its log and its keys as JSON: one shape for the command line, the HTTP API and whoever reads either."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from counterfoil.core.note import COSIGNATURE, ED25519, VerifierKey
from counterfoil.core.statement import Record
from counterfoil.store.keyring import KeyEntry
from counterfoil.store.streams import time_text
from counterfoil.store.vault_erasure import Erasure
from counterfoil.witness.cosigner import witness_name

if TYPE_CHECKING:
    from counterfoil.organisation.doctor import Finding
    from counterfoil.organisation.organisation import Organisation

__all__ = ["about_json", "erasure_json", "fields_json", "findings_json", "key_json", "record_json"]


def about_json(org: Organisation) -> dict[str, Any]:
    """Returns what everybody may know of an organisation: it is all in its log's heads and identity."""
    connection = org.ledger.connection
    ledger = None
    if connection is not None:
        ledger = {"chain_id": connection.chain_id, "contract": connection.contract, "log_id": connection.log_id}
    settings = org.home.settings
    return {"issuer": str(org.issuer), "ledger": ledger, "name": settings.name, "origin": settings.origin}


def record_json(org: Organisation, index: int, record: Record) -> dict[str, Any]:
    """Returns the public part of a record."""
    return {
        "about": json.loads(json.dumps(dict(record.about))),
        "builds_on": list(record.builds_on),
        "index": index,
        "issuer": record.issuer,
        "kind": record.kind,
        "leaf": org.archive.leaf_hex(index),
        "name": record.name,
        "seq": record.seq,
        "stream": record.stream,
        "time": record.time,
    }


def fields_json(org: Organisation, index: int, record: Record, *, with_values: bool) -> list[dict[str, Any]] | None:
    """Returns a record's private fields; None when they are gone or locked away."""
    if record.schema is None:
        return []
    values = org.views.values_of(index)
    if values is None:
        return None
    schema = org.archive.schema(record.schema)
    listed = []
    for field in schema.fields:
        entry = {"pointer": field.pointer, "title": field.title, "is_there": field.pointer in values}
        listed.append(entry | ({"value": values.get(field.pointer)} if with_values else {}))
    return listed


def erasure_json(plan: Erasure, record: int | None, fields: Sequence[str]) -> dict[str, Any]:
    """Returns what an erasure does, or did, in places of the log."""
    kept = [] if fields else [{"index": index, "until": time_text(until_s)} for index, until_s in plan.restricted]
    return {"erased": list(plan.erased), "fields": sorted(set(fields)), "record": record, "restricted": kept}


def findings_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """Returns what looking a home over found."""
    listed = [{"found": each.found, "id": each.id, "todo": each.todo or None} for each in findings]
    return {"findings": listed, "todo": sum(bool(each.todo) for each in findings)}


def key_json(entry: KeyEntry, origin: str) -> dict[str, Any]:
    """Returns a key without its secret."""
    return {
        "algorithm": entry.algorithm,
        "created": entry.created,
        "has_secret": entry.has_secret,
        "id": entry.id,
        "public": _public_text(entry, origin),
        "retired": entry.retired,
        "use": entry.use,
    }


def _public_text(entry: KeyEntry, origin: str) -> str | None:
    if entry.use in ("log", "node"):
        return str(VerifierKey(origin, ED25519, entry.public))
    if entry.use == "witness":
        return str(VerifierKey(witness_name(origin), COSIGNATURE, entry.public))
    return f"0x{entry.public.hex()}" if entry.public else None
