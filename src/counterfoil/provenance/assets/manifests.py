"""What a registered dataset or model is called on a ledger: its manifest, and the digest of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.model_register import Model
from counterfoil.provenance.provenance import Provenance

__all__ = ["Manifest", "find_manifest", "manifest_sha256"]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What stands for a dataset or model on a ledger.

    Attributes:
        kind: `dataset` or `model`.
        name: What it is called here; not shown on the ledger.
        sha256: The manifest's digest, 64 hexadecimal digits.
        leaf: Leaf hash of its record in the log, hex.
    """

    kind: Literal["dataset", "model"]
    name: str
    sha256: str
    leaf: str


def manifest_sha256(found: Dataset | Model) -> str:
    """Returns the digest of what a dataset or model says about itself, 64 hexadecimal digits.

    The manifest is its record in the log, and the digest is the record's leaf hash, SHA-256(0x00 || record)
    (RFC 9162 2.1.1). Whoever is shown the record computes it; and the log proves, by this digest alone, that the
    record is in it.
    """
    return found.leaf


def find_manifest(provenance: Provenance, wanted: str, kind: str | None = None) -> Manifest:
    """Returns the manifest of a dataset or model, by its name or by the place of its record.

    Args:
        provenance: Where it is registered.
        wanted: Its name (its newest version), NAME@VERSION, or its place.
        kind: `dataset` or `model`; None takes either.

    Raises:
        NotFound: Nothing is called so.
        InvalidInput: A dataset and a model are.
    """
    if kind is None:
        found = provenance.find(wanted)
    else:
        found = provenance.find_dataset(wanted) if kind == "dataset" else provenance.find_model(wanted)
    is_dataset = isinstance(found, Dataset)
    return Manifest(
        "dataset" if is_dataset else "model",
        f"{found.record.name} {found.record.version}".rstrip(),
        manifest_sha256(found),
        found.leaf,
    )
