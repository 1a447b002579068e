"""Fits an imported draft to this home: what it is about is looked up here, and foreign records stay foreign."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.model_register import Model
from counterfoil.provenance.passports.drafting import subject_of
from counterfoil.provenance.passports.imported import Imported
from counterfoil.provenance.passports.parts import Parent

__all__ = ["adopted"]


def adopted(imported: Imported, found: Dataset | Model | None, is_here: Callable[[str], bool]) -> Imported:
    """Returns a draft that can be put on record here.

    Args:
        imported: The draft as its file tells it.
        found: The dataset or model on record with the same content; None where it is not registered yet.
        is_here: Whether a leaf hash is that of a record of this log.
    """
    passport, told = imported.passport, list(imported.unmapped)
    subject = subject_of(found) if found is not None else replace(passport.subject, leaf="")
    if found is not None and passport.subject.version not in ("", subject.version):
        told.append(f"version {passport.subject.version!r}: it is registered here as {subject.version!r}")
    made = passport.transformation
    if made is not None and made.run and not is_here(made.run):
        told.append(f"the run {made.run[:16]}…: it is on record in another log")
        made = replace(made, run="")
    parents = tuple(_parents(imported, is_here, told))
    passport = replace(passport, subject=subject, parents=parents, transformation=made)
    return replace(imported, passport=passport, unmapped=tuple(told))


def _parents(imported: Imported, is_here: Callable[[str], bool], told: list[str]) -> Iterator[Parent]:
    for each in imported.passport.parents:
        if not each.leaf or is_here(each.leaf):
            yield replace(each, origin="") if each.leaf else each
        elif each.origin or imported.origin:
            yield replace(each, origin=each.origin or imported.origin)
        elif each.sha256:
            yield replace(each, leaf="")
        else:
            told.append(f"parent {each.name!r}: nobody says in which log its record {each.leaf[:16]}… is")
