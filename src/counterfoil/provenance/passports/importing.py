"""Tells the formats apart that a passport's draft can be made of."""

from __future__ import annotations

from pathlib import Path

from counterfoil.provenance.passports.croissant_import import from_croissant
from counterfoil.provenance.passports.imported import Imported, read_object
from counterfoil.provenance.passports.mlbom_import import from_mlbom
from counterfoil.provenance.passports.parts import Party

__all__ = ["imported_from"]


def imported_from(data: bytes, issuer: Party, held_to: Path | None = None) -> Imported:
    """Returns a passport's draft from a Croissant file or a CycloneDX document.

    Args:
        data: The bytes of the file.
        issuer: Who will put the passport on record.
        held_to: The data, whose digests are compared; None compares nothing.

    Raises:
        InvalidInput: It is neither; or a digest cannot be compared.
        DoesNotMatch: The data are others.
        NotFound: A file is not there.
        NotSetUp: The package that knows CycloneDX is missing.
    """
    if "bomFormat" in read_object(data, "Croissant file or CycloneDX document"):
        return from_mlbom(data, issuer, held_to)
    return from_croissant(data, issuer, held_to)
