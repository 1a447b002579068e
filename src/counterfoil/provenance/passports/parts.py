"""The parts of a passport that a person fills in: who, the licence, how it was collected and on what basis."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from counterfoil.errors import InvalidInput
from counterfoil.provenance.passports.told import Told

__all__ = [
    "BASES",
    "ISSUER",
    "OTHER",
    "REPORTS",
    "ROLES",
    "Collection",
    "Consent",
    "Licence",
    "Parent",
    "Party",
    "ReportOf",
    "SignatureOf",
    "Transformation",
    "filled",
    "is_licence_expression",
    "is_web_address",
]

ISSUER: Final = "issuer"
ROLES: Final = (ISSUER, "author", "contact", "data steward", "funder", "processor", "publisher")
"""What somebody has to do with it; one of them, the issuer, is who puts the passport on record."""

BASES: Final = (
    "consent",
    "contract",
    "legal obligation",
    "vital interests",
    "public task",
    "legitimate interests",
    "HIPAA authorisation",
    "IRB waiver",
    "HIPAA limited data set",
    "HIPAA de-identified",
    "other",
    "not personal data",
)
"""The lawful bases of GDPR Art. 6(1)(a) to (f); of 45 CFR 164.508, 164.512(i), 164.514(e) and 164.514(b); any
other, which a note names; and that the data are not about people."""

OTHER: Final = "other"

REPORTS: Final = ("quality", "privacy")
"""Kinds of reports that a passport names."""

MOST_PARAMETERS: Final = 200

_EXPRESSION: Final = re.compile(r"[A-Za-z0-9.+-]+(?: WITH [A-Za-z0-9.+-]+)?")
_OPERATOR: Final = re.compile(r" (?:AND|OR) ")
_URL: Final = re.compile(r"https?://[^\s/?#\"<>]+[^\s\"<>]*")
_LEAF_HINT: Final = "the leaf hash of a record, as `counterfoil log show` prints it"


def filled(told: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a table without the members that are empty: what is not known is left out."""
    return {key: value for key, value in told.items() if value not in ("", None, [], {})}


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody who has to do with it: an organisation or an office, never a person's name where it can be avoided.

    Attributes:
        organisation: Its name.
        role: One of `ROLES`.
        origin: Of its log, where it keeps one.
        contact: An address or page of an office.
    """

    organisation: str
    role: str
    origin: str = ""
    contact: str = ""

    @classmethod
    def read(cls, told: Told) -> Self:
        """Reads it; InvalidInput names the key that is wrong."""
        made = cls(
            told.text("organisation", most=200),
            told.one_of("role", ROLES),
            told.text("origin", most=256),
            told.text("contact", most=300),
        )
        told.require_known()
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns it as the record has it."""
        return filled(
            {"contact": self.contact, "organisation": self.organisation, "origin": self.origin, "role": self.role}
        )


@dataclass(frozen=True, slots=True)
class Licence:
    """What others may do with it.

    Attributes:
        expression: SPDX licence expression: `CC-BY-4.0`, `MIT OR Apache-2.0`, `LicenseRef-bank-internal`.
        name: Of a licence that SPDX does not list.
        url: Where its text is.
        sha256: Of its text.
    """

    expression: str = ""
    name: str = ""
    url: str = ""
    sha256: str = ""

    @classmethod
    def read(cls, told: Told) -> Self:
        """Reads it; InvalidInput names the key that is wrong."""
        made = cls(
            told.text("expression", most=300), told.text("name", most=200), told.text("url"), told.digest("sha256")
        )
        told.require_known()
        if made.expression and not is_licence_expression(made.expression):
            raise InvalidInput(
                f"the passport's licence.expression is {made.expression[:60]!r}; expected an SPDX expression",
                hint="such as CC-BY-4.0 or MIT OR Apache-2.0; give any other licence as name, with url or sha256",
            )
        if made.url and not is_web_address(made.url):
            raise told.error("url", f"is {made.url[:60]!r}; expected a web address such as https://…")
        return made

    @property
    def is_told(self) -> bool:
        """Whether it says anything: an expression, an address or the digest of a text."""
        return bool(self.expression or self.url or self.sha256)

    @property
    def words(self) -> str:
        """It in a few words, for people."""
        return self.expression or self.name or self.url or self.sha256

    def to_json(self) -> dict[str, Any]:
        """Returns it as the record has it."""
        return filled({"expression": self.expression, "name": self.name, "sha256": self.sha256, "url": self.url})


@dataclass(frozen=True, slots=True)
class Collection:
    """How it came about.

    Attributes:
        how: In words: from where, by whom, chosen how.
        start: First day it is about or was collected on, `2026-11-25`; empty where not known.
        end: Last day; likewise.
    """

    how: str = ""
    start: str = ""
    end: str = ""

    @classmethod
    def read(cls, told: Told) -> Self:
        """Reads it; InvalidInput names the key that is wrong."""
        made = cls(told.text("how"), told.day("from"), told.day("until"))
        told.require_known()
        if made.start and made.end and made.end < made.start:
            raise told.error("until", f"is {made.end}, before its from, {made.start}")
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns it as the record has it."""
        return filled({"from": self.start, "how": self.how, "until": self.end})


@dataclass(frozen=True, slots=True)
class Consent:
    """On what basis data about people are used: one of `BASES`, and words on it, which `other` must have."""

    basis: str = ""
    note: str = ""

    @classmethod
    def read(cls, told: Told) -> Self:
        """Reads it; InvalidInput names the key that is wrong."""
        made = cls(told.one_of("basis", BASES), told.text("note"))
        told.require_known()
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns it as the record has it."""
        return filled({"basis": self.basis, "note": self.note})


@dataclass(frozen=True, slots=True)
class Parent:
    """A dataset or model that this one was made from.

    Attributes:
        name: Its name.
        version: Its version, where it has one.
        leaf: Leaf hash (hex) of its record in the log of `origin`; empty for one that is on no record.
        origin: Of the log its record is in; empty for this passport's own log.
        sha256: Of its content: of the file's bytes, or its fingerprint's root.
    """

    name: str
    version: str = ""
    leaf: str = ""
    origin: str = ""
    sha256: str = ""

    @classmethod
    def read(cls, told: Told) -> Self:
        """Reads it; InvalidInput names the key that is wrong."""
        made = cls(
            told.text("name", most=200),
            told.text("version", most=200),
            told.digest("leaf"),
            told.text("origin", most=256),
            told.digest("sha256"),
        )
        told.require_known()
        if not made.name:
            raise told.error("name", "is left out; expected the name of what it was made from")
        if not made.leaf and not made.sha256:
            raise InvalidInput(
                f"the passport's parent {made.name[:60]!r} has neither leaf nor sha256",
                hint=f"leaf is {_LEAF_HINT}; sha256 that of its content",
            )
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns it as the record has it."""
        told = {"leaf": self.leaf, "name": self.name, "origin": self.origin, "sha256": self.sha256}
        return filled(told | {"version": self.version})


@dataclass(frozen=True, slots=True)
class Transformation:
    """What made it from its parents.

    Attributes:
        what: In words.
        run: Leaf hash (hex) of the run's record.
        code: SHA-256 (hex) of the code.
        environment: SHA-256 (hex) of the lock file that names every package.
        seed: Of its random numbers; text, for seeds can be larger than JSON's numbers.
        parameters: By name, each as text.
    """

    what: str = ""
    run: str = ""
    code: str = ""
    environment: str = ""
    seed: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, told: Told) -> Self:
        """Reads it; InvalidInput names the key that is wrong."""
        made = cls(
            told.text("what"),
            told.digest("run"),
            told.digest("code"),
            told.digest("environment"),
            told.text("seed", most=100),
            told.named("parameters", MOST_PARAMETERS),
        )
        told.require_known()
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns it as the record has it."""
        told = {"code": self.code, "environment": self.environment, "parameters": dict(self.parameters)}
        return filled(told | {"run": self.run, "seed": self.seed, "what": self.what})


@dataclass(frozen=True, slots=True)
class ReportOf:
    """A report about it: one of `REPORTS`, where its record or file is, and what it says in a line."""

    kind: str
    leaf: str = ""
    sha256: str = ""
    headline: str = ""

    @classmethod
    def read(cls, told: Told) -> Self:
        """Reads it; InvalidInput names the key that is wrong."""
        made = cls(
            told.one_of("kind", REPORTS), told.digest("leaf"), told.digest("sha256"), told.text("headline", most=500)
        )
        told.require_known()
        if not made.kind:
            raise told.error("kind", f"is left out; expected one of: {', '.join(REPORTS)}")
        if not made.leaf and not made.sha256:
            raise told.error("leaf", f"is left out, and so is sha256; expected one of them: {_LEAF_HINT}")
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns it as the record has it."""
        return filled({"headline": self.headline, "kind": self.kind, "leaf": self.leaf, "sha256": self.sha256})


@dataclass(frozen=True, slots=True)
class SignatureOf:
    """A signature file that goes with it: SHA-256 (hex) of its bytes, and its format."""

    sha256: str
    format: str = "openssf-model-signing-1.0"

    @classmethod
    def read(cls, told: Told) -> Self:
        """Reads it; InvalidInput names the key that is wrong."""
        made = cls(told.digest("sha256"), told.text("format", most=100))
        told.require_known()
        if not made.sha256:
            raise told.error("sha256", "is left out; expected that of the signature file")
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns it as the record has it."""
        return filled({"format": self.format, "sha256": self.sha256})


def is_web_address(text: str) -> bool:
    """Whether a text is an address on the web, as a passport may name one."""
    return _URL.fullmatch(text) is not None


def is_licence_expression(text: str) -> bool:
    """Whether a text has the form of an SPDX expression (SPDX 2.3, annex D); parentheses must pair."""
    bare = text.replace("(", "").replace(")", "")
    depth = 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            return False
    return depth == 0 and all(_EXPRESSION.fullmatch(part.strip()) for part in _OPERATOR.split(bare))
