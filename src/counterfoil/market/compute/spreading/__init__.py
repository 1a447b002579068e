"""Spreading jobs over an owner's own machines; each locks them in as this one does."""

from __future__ import annotations

from counterfoil.market.compute.spreading.fleet import Fleet, TlsFiles
from counterfoil.market.compute.spreading.parcel import Parcel, Returned, run_parcel

__all__ = ["Fleet", "Parcel", "Returned", "TlsFiles", "run_parcel"]
