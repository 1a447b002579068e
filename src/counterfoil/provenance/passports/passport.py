"""A passport: who, when, licence, purpose, how collected, on what basis, where, from what, made how, checked how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from counterfoil.core.statement import Draft
from counterfoil.errors import InvalidInput
from counterfoil.provenance.passports.countries import is_jurisdiction
from counterfoil.provenance.passports.parts import (
    ISSUER,
    OTHER,
    Collection,
    Consent,
    Licence,
    Parent,
    Party,
    ReportOf,
    SignatureOf,
    Transformation,
    filled,
)
from counterfoil.provenance.passports.subject import Subject
from counterfoil.provenance.passports.told import Told
from counterfoil.provenance.records import STREAM

__all__ = ["Passport"]

_HINT: Final = "fill them in; `counterfoil passport new` writes what is already on record"


@dataclass(frozen=True, slots=True)
class Passport:
    """What is told about one version of a dataset or model. All of it becomes public when it is put on record.

    Attributes:
        subject: What it is about.
        who: Who has to do with it; exactly one of them issues the passport.
        created: Day on which the version came about, `2026-11-25`.
        licence: What others may do with it.
        purpose: What it was made for.
        collection: How it came about.
        consent: On what basis data about people are used.
        jurisdiction: Codes of ISO 3166 of the places whose law it is under.
        parents: What it was made from.
        transformation: What made it from them; None where nothing is told.
        reports: What checked it.
        signatures: Signature files that go with it.
        notes: Anything else, in words.
        supersedes: Leaf hash (hex) of the passport that this one takes the place of; set when it is put on record.
    """

    subject: Subject
    who: tuple[Party, ...] = ()
    created: str = ""
    licence: Licence = field(default_factory=Licence)
    purpose: str = ""
    collection: Collection = field(default_factory=Collection)
    consent: Consent = field(default_factory=Consent)
    jurisdiction: tuple[str, ...] = ()
    parents: tuple[Parent, ...] = ()
    transformation: Transformation | None = None
    reports: tuple[ReportOf, ...] = ()
    signatures: tuple[SignatureOf, ...] = ()
    notes: str = ""
    supersedes: str = ""

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Self:
        """Reads a passport from JSON or TOML values; what is left out is empty.

        Raises:
            InvalidInput: A key is unknown, or its value is not usable; the message names it.
        """
        told = Told(value)
        subject, made = told.table("subject"), told.table("transformation")
        if subject is None:
            raise InvalidInput("the passport has no subject", hint="counterfoil passport new writes a whole one")
        passport = cls(
            Subject.read(subject),
            tuple(Party.read(each) for each in told.tables("who")),
            told.day("created"),
            Licence.read(told.table("licence") or Told({}, "licence")),
            told.text("purpose"),
            Collection.read(told.table("collection") or Told({}, "collection")),
            Consent.read(told.table("consent") or Told({}, "consent")),
            told.texts("jurisdiction"),
            tuple(Parent.read(each) for each in told.tables("parents")),
            Transformation.read(made) if made is not None else None,
            tuple(ReportOf.read(each) for each in told.tables("reports")),
            tuple(SignatureOf.read(each) for each in told.tables("signatures")),
            told.text("notes"),
            told.digest("supersedes"),
        )
        told.require_known()
        for code in passport.jurisdiction:
            if not is_jurisdiction(code):
                raise told.error(
                    "jurisdiction", f"holds {code[:20]!r}; expected codes of ISO 3166 such as DE, US-CA or EU"
                )
        return passport

    @property
    def issuer(self) -> Party | None:
        """Who puts it on record; None where nobody, or more than one, is named so."""
        found = [each for each in self.who if each.role == ISSUER]
        return found[0] if len(found) == 1 else None

    @property
    def title(self) -> str:
        """What it is about, in a few words: `dataset training 2`."""
        return f"{self.subject.kind} {self.subject.name} {self.subject.version}".rstrip()

    def lacks(self) -> Iterator[str]:
        """Yields the keys without which it is no passport; what a model rests on, its parents' passports say."""
        is_model = self.subject.kind == "model"
        wanted = {
            "subject.kind": self.subject.kind,
            "subject.name": self.subject.name,
            'who (one with role = "issuer")': self.issuer and self.issuer.organisation and self.issuer.origin,
            "created": self.created,
            "licence (expression, url or sha256)": self.licence.is_told,
            "purpose": self.purpose,
            "collection.how": self.collection.how or is_model,
            "consent.basis": self.consent.basis or is_model,
            'consent.note (names the "other" basis)': self.consent.note or self.consent.basis != OTHER,
            "jurisdiction": self.jurisdiction,
        }
        yield from (key for key, value in wanted.items() if not value)
        yield from (
            f"who[{place}].organisation and role"
            for place, each in enumerate(self.who, 1)
            if not (each.organisation and each.role)
        )

    def require_whole(self) -> None:
        """Refuses a passport that leaves out what every passport says.

        Raises:
            InvalidInput: Names everything that is missing.
        """
        missing = list(self.lacks())
        if missing:
            raise InvalidInput(f"the passport leaves out: {', '.join(missing)}", hint=_HINT)

    def draft(self) -> Draft:
        """Returns the record to be written: it builds on what it is about, and on all that it names in this log."""
        here = [each.leaf for each in self.parents if each.leaf and not each.origin]
        run = [self.transformation.run] if self.transformation and self.transformation.run else []
        reports = [each.leaf for each in self.reports if each.leaf]
        before = [self.supersedes] if self.supersedes else []
        builds_on = tuple(dict.fromkeys((self.subject.leaf, *before, *here, *run, *reports)))
        name = f"{self.subject.name} {self.subject.version}".rstrip()
        return Draft("passport", STREAM, name, builds_on, self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Returns it as the record has it; empty members are left out."""
        return filled(
            {
                "collection": self.collection.to_json(),
                "consent": self.consent.to_json(),
                "created": self.created,
                "jurisdiction": list(self.jurisdiction),
                "licence": self.licence.to_json(),
                "notes": self.notes,
                "parents": [each.to_json() for each in self.parents],
                "purpose": self.purpose,
                "reports": [each.to_json() for each in self.reports],
                "signatures": [each.to_json() for each in self.signatures],
                "subject": self.subject.to_json(),
                "supersedes": self.supersedes,
                "transformation": self.transformation.to_json() if self.transformation else None,
                "who": [each.to_json() for each in self.who],
            }
        )
