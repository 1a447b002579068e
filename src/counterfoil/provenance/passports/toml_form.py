"""A passport as a TOML file that a person fills in."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from counterfoil.errors import InvalidInput
from counterfoil.provenance.passports.parts import ROLES
from counterfoil.provenance.passports.passport import Passport

__all__ = ["MOST_TOML_BYTES", "passport_toml", "read_toml"]

MOST_TOML_BYTES: Final = 1_048_576
"""Largest file that is read."""

_TITLE: Final = """\
# Passport of {title}.
# Fill in what is empty, drop what does not apply, then put it on record:
#
#     counterfoil passport record passport.toml
#
# ALL of it becomes public and cannot be taken back. Name organisations and offices, not people."""

_PARTIES: Final = f"# One table for each party; role is one of: {', '.join(ROLES)}.\n# Exactly one is the issuer."
_LICENCE: Final = "# An SPDX expression such as CC-BY-4.0; or a name, with url or the sha256 of its text."
_COLLECTION: Final = "# How it came about: from where, by whom, chosen how; and the days it is about."
_OF_PARENTS: Final = """\
# Of a model, this and the consent below can stay empty: the passports of what it was made from say it."""
_CONSENT: Final = """\
# On what basis data about people are used. One of:
# consent, contract, legal obligation, vital interests, public task, legitimate interests (GDPR Art. 6);
# HIPAA authorisation, IRB waiver, HIPAA limited data set, HIPAA de-identified (45 CFR 164.508, .512(i), .514);
# other (the note says which); not personal data."""
_PARENTS: Final = """\
# What it was made from, one table each:
# [[parents]]
# name = "applications 2025"
# leaf = "the leaf hash of its record"   # or sha256 = "…" where it is on no record"""
_MADE: Final = """\
# [transformation]
# what = "rows with missing income left out"
# code = "SHA-256 of the code"
# environment = "SHA-256 of the lock file"
# seed = "42"
# parameters = { fraction = 0.8 }"""
_REPORTS: Final = """\
# [[reports]]
# kind = "quality"                       # or "privacy"
# leaf = "the leaf hash of its record"   # or sha256 = "…" of its file
# headline = "no column misses more than 2 % of its values\""""


def passport_toml(passport: Passport) -> str:
    """Returns a passport as a file to fill in, with a comment wherever one is needed."""
    return "\n\n".join("\n".join(block) for block in _blocks(passport)) + "\n"


def read_toml(data: bytes) -> Passport:
    """Reads a passport that somebody filled in.

    Raises:
        InvalidInput: It is no TOML, or a key is unknown or not usable; the message names it.
    """
    if len(data) > MOST_TOML_BYTES:
        raise InvalidInput(f"the passport has {len(data):,} bytes; {MOST_TOML_BYTES:,} is the limit")
    try:
        return Passport.read(tomllib.loads(data.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise InvalidInput("the passport is not text in UTF-8") from error
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the passport is no TOML: {str(error)[:200]}", hint="put texts in quotes") from error


def _blocks(passport: Passport) -> Iterator[list[str]]:
    told = passport.to_json()
    yield [
        *_TITLE.format(title=passport.title).split("\n"),
        "",
        _line("created", passport.created) + "   # the day this version came about",
        _line("purpose", passport.purpose) + "   # what it was made for",
        _line("jurisdiction", list(passport.jurisdiction)) + '   # whose law it is under: ["DE"], ["US-CA", "EU"]',
        _line("notes", passport.notes),
    ]
    for place, each in enumerate(told.get("who", [])):
        yield [*([_PARTIES] if not place else []), *_table("[who]", each, ("contact",))]
    yield [_LICENCE, *_table("licence", told.get("licence", {}), ("expression",))]
    yield [
        *([_OF_PARENTS] if passport.subject.kind == "model" else []),
        _COLLECTION,
        *_table("collection", told.get("collection", {}), ("how", "from", "until")),
    ]
    yield [_CONSENT, *_table("consent", told.get("consent", {}), ("basis", "note"))]
    yield from _lists("parents", told, _PARENTS)
    made = told.get("transformation")
    yield _table("transformation", made, ()) if made else [_MADE]
    yield from _lists("reports", told, _REPORTS)
    yield from _lists("signatures", told, "")
    yield from _subject(told["subject"])


def _lists(name: str, told: Mapping[str, Any], example: str) -> Iterator[list[str]]:
    items = told.get(name, [])
    if not items and example:
        yield [example]
    for each in items:
        yield _table(f"[{name}]", each, ())


def _subject(told: Mapping[str, Any]) -> Iterator[list[str]]:
    plain = {key: value for key, value in told.items() if key not in ("fingerprint", "files", "columns")}
    yield ["# What is on record about it; leave it as it is.", *_table("subject", plain, ())]
    if "fingerprint" in told:
        yield _table("subject.fingerprint", told["fingerprint"], ())
    for name in ("files", "columns"):
        if told.get(name):
            yield [f"[[subject.{name}]]\n" + "\n".join(_members(each)) for each in told[name]]


def _table(name: str, told: Mapping[str, Any], always: Iterable[str]) -> list[str]:
    """Returns a table; members in `always` stand there also when they are empty."""
    return [f"[{name}]", *_members(dict.fromkeys(always, "") | dict(told))]


def _members(told: Mapping[str, Any]) -> list[str]:
    return [_line(key, value) for key, value in told.items()]


def _line(key: str, value: Any) -> str:
    return f"{key} = {_value(value)}"


def _value(value: Any) -> str:
    """Returns a value in TOML 1.0: JSON's texts are TOML's but for DEL, which passports never hold."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_value(key)} = {_value(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)
