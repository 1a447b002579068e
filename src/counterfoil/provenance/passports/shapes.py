"""Passports as JSON and in words: one shape for the command line, the HTTP API and the console."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from counterfoil.core.wording import counted
from counterfoil.provenance.passports.parts import Parent
from counterfoil.provenance.passports.passport import Passport

if TYPE_CHECKING:
    from counterfoil.provenance.passports.imported import Imported
    from counterfoil.provenance.passports.passports import OnRecord

__all__ = ["imported_json", "passport_facts", "passport_json", "passport_lines", "public_lines"]

_WIDTH: Final = 110
"""Signs in a line."""


def passport_json(found: OnRecord) -> dict[str, Any]:
    """Returns a passport on record as JSON values."""
    return {"index": found.index, "leaf": found.leaf, "passport": found.passport.to_json()}


def imported_json(found: Imported) -> dict[str, Any]:
    """Returns an imported draft as JSON values."""
    return {
        "passport": found.passport.to_json(),
        "unmapped": list(found.unmapped),
        "verified": list(found.verified),
    }


def passport_facts(passport: Passport) -> Iterator[tuple[str, str]]:
    """Yields what a passport says as pairs of a name and words; what is not told is left out."""
    made, collection, consent = passport.transformation, passport.collection, passport.consent
    days = " to ".join(day for day in (collection.start, collection.end) if day)
    facts: Mapping[str, str] = {
        "who": "; ".join(f"{each.organisation} ({each.role})" for each in passport.who),
        "created": passport.created,
        "licence": passport.licence.words,
        "purpose": passport.purpose,
        "collected": " ".join(part for part in (collection.how, f"({days})" if days else "") if part),
        "basis": f"{consent.basis}{f' ({consent.note})' if consent.note else ''}",
        "law of": ", ".join(passport.jurisdiction),
        "made from": "; ".join(_parent_words(each) for each in passport.parents),
        "made by": made.what if made else "",
        "code": f"SHA-256 {made.code}" if made and made.code else "",
        "environment": f"SHA-256 {made.environment}" if made and made.environment else "",
        "seed": made.seed if made else "",
        "parameters": ", ".join(_parameters(made.parameters)) if made else "",
        "reports": "; ".join(f"{each.kind}: {each.headline or 'on record'}" for each in passport.reports),
        "signatures": counted(len(passport.signatures), "file") if passport.signatures else "",
        "notes": passport.notes,
    }
    yield from ((name, words) for name, words in facts.items() if words)


def passport_lines(passport: Passport) -> Iterator[str]:
    """Yields what a passport says, long ones over several lines."""
    yield f"Passport of {passport.title}"
    for name, words in passport_facts(passport):
        yield from _wrapped(name, words)


def public_lines(passport: Passport) -> Iterator[str]:
    """Yields all that becomes public with a passport: what it says, and what it carries along from the record."""
    yield from passport_lines(passport)
    yield "It also carries"
    subject = passport.subject
    size = f"{counted(subject.count, 'file')}, {subject.bytes:,} bytes" if subject.count else ""
    named = [subject.leaf, *(each.leaf for each in passport.parents), *(each.leaf for each in passport.reports)]
    named += [passport.transformation.run] if passport.transformation else []
    facts = {
        "contacts": "; ".join(told for each in passport.who for told in (each.contact, each.origin) if told),
        "size": size + (f", {counted(subject.rows, 'row')}" if subject.rows is not None else ""),
        "files": ", ".join(each.name for each in subject.files),
        f"{len(subject.columns):,} columns": ", ".join(f"{name} ({kind})" for name, kind in subject.columns),
        "fingerprint": subject.fingerprint.root if subject.fingerprint else "",
        "records": ", ".join(dict.fromkeys(leaf for leaf in named if leaf)),
    }
    for name, words in facts.items():
        if words:
            yield from _wrapped(name, words)
    yield "--json shows every word, digests of files among them."


def _parameters(parameters: Mapping[str, str]) -> Iterator[str]:
    """Yields parameters as words; one that is JSON, such as settings, by the way to each of its values."""
    for name, value in parameters.items():
        try:
            told = list(_flat(name, json.loads(value)))
        except (ValueError, RecursionError):
            told = []
        yield from told if value.startswith(("{", "[")) and told else [f"{name}={value}"]


def _flat(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(f"{name}.{key}", item)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for place, item in enumerate(value, 1):
            yield from _flat(f"{name}.{place}", item)
    else:
        yield f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"


def _wrapped(name: str, words: str) -> list[str]:
    return wrap(
        f"  {name:<12}{words}" if len(name) < 12 else f"  {name} {words}",
        _WIDTH,
        subsequent_indent=" " * 14,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _parent_words(parent: Parent) -> str:
    name = f"{parent.name} {parent.version}".rstrip()
    if parent.origin:
        return f"{name} (in the log of {parent.origin}; not checked here)"
    return name if parent.leaf else f"{name} (on no record)"
