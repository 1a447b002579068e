"""A passport's draft from a Croissant file, read without any network: no context is fetched, nothing is run.

Croissant is JSON-LD, whose members can be spelt in several ways. The common ones are
read: with and without a prefix, a text or one per language, one item or a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from counterfoil.errors import InvalidInput
from counterfoil.provenance.passports.countries import is_jurisdiction
from counterfoil.provenance.passports.croissant import about_people
from counterfoil.provenance.passports.imported import Imported, held_to_data, licence_of, plain_text, read_object
from counterfoil.provenance.passports.parts import BASES, Collection, Consent, Licence, Parent, Party, Transformation
from counterfoil.provenance.passports.passport import Passport
from counterfoil.provenance.passports.subject import MOST_COLUMNS, Subject, SubjectFile
from counterfoil.provenance.passports.told import MOST_ITEMS, MOST_TEXT, is_day, is_sha256

__all__ = ["from_croissant"]

_SPEC: Final = "mlcommons.org/croissant/"
_NAMESPACES: Final = (
    "http://mlcommons.org/croissant/RAI/",
    "http://mlcommons.org/croissant/",
    "http://mlcommons.org/schema/",
    "http://purl.org/dc/terms/",
    "http://www.w3.org/ns/prov#",
    "https://counterfoil.dev/passport/",
    "https://schema.org/",
    "http://schema.org/",
)
_PREFIXES: Final = frozenset({"counterfoil", "cr", "dct", "ml", "prov", "rai", "sc", "schema"})
_TYPES: Final = {
    "bool": "boolean",
    "boolean": "boolean",
    "date": "date",
    "datetime": "instant",
    "float": "number",
    "float16": "number",
    "float32": "number",
    "float64": "number",
    "integer": "integer",
    "text": "text",
    "time": "time",
    "url": "text",
} | {f"{sign}int{bits}": "integer" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_TAKEN: Final = frozenset(
    {
        *("@context", "@id", "@type", "citeAs", "code", "conformsTo", "consentBasis", "creator", "dataCollection"),
        *("dataCollectionTimeframe", "dataUseCases", "dateCreated", "datePublished", "description", "distribution"),
        *("fingerprint", "isLiveDataset", "jurisdiction", "leaf", "license", "name", "notes", "origin"),
        *("personalSensitiveInformation", "publisher", "recordSet", "version", "wasDerivedFrom", "wasGeneratedBy"),
    }
)
_LANGUAGE: Final = re.compile(r"[a-z]{2}(?:-[A-Za-z0-9]{2,8})*")
_UNITS: Final = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4}


def from_croissant(data: bytes, issuer: Party, held_to: Path | None = None) -> Imported:
    """Returns a passport's draft from a Croissant file.

    Persons are not taken over by name: a passport is public and names organisations.

    Args:
        data: The bytes of the file.
        issuer: Who will put the passport on record.
        held_to: The data; the digests in the file are compared with theirs.

    Raises:
        InvalidInput: It is no Croissant file; or see `held_to_data`.
        DoesNotMatch: The data are others.
    """
    told = _table(read_object(data, "Croissant file"))
    types = [_local(plain_text(each)) for each in _list(told.get("@type"))]
    conforms = [plain_text(_id(each)) for each in _list(told.get("conformsTo"))]
    if "Dataset" not in types or not any(_SPEC in each for each in conforms):
        raise InvalidInput(
            "the file is no Croissant: its type is no Dataset, or it does not say which Croissant it conforms to",
            hint="a Croissant file has conformsTo http://mlcommons.org/croissant/1.0 or 1.1",
        )
    reading = _Reading(told)
    passport, origin = reading.passport(issuer), _text(told.get("origin"))[:256]
    found = Imported(passport, tuple(dict.fromkeys(reading.unmapped)), origin=origin)
    return held_to_data(found, held_to, reading.places) if held_to is not None else found


class _Reading:
    """One file, while it is read.

    Attributes:
        unmapped: What found no place, so far.
        places: Where each file of the subject lies.
    """

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._told = told
        self.unmapped = [f"{key}: no place in a passport" for key in sorted(told) if key not in _TAKEN]
        self.places: list[str] = []

    def passport(self, issuer: Party) -> Passport:
        told = self._told
        purposes = [_text(each) for each in _list(told.get("dataUseCases"))]
        return Passport(
            self._subject(),
            (
                issuer,
                *self._parties("creator", "author", issuer),
                *self._parties("publisher", "publisher", issuer),
            ),
            _day(told.get("dateCreated")) or _day(told.get("datePublished")),
            self._licence(),
            " ".join(purposes)[:MOST_TEXT],
            self._collection(),
            self._consent(),
            tuple(code for code in map(_text, _list(told.get("jurisdiction"))[:MOST_ITEMS]) if is_jurisdiction(code)),
            tuple(self._parents()),
            self._transformation(),
            notes=_text(told.get("notes")) or _text(told.get("description")),
        )

    def _subject(self) -> Subject:
        told, files = self._told, tuple(self._files())
        return Subject(
            "dataset",
            _text(told.get("name"))[:200],
            _text(told.get("version"))[:200],
            _digest(told.get("leaf")),
            None,
            files,
            len(files),
            sum(each.bytes for each in files),
            None,
            self._columns(),
        )

    def _files(self) -> Iterator[SubjectFile]:
        for item in _list(self._told.get("distribution")):
            file = _table(item)
            name = _text(file.get("name")) or _text(file.get("@id"))
            if _local(_text(file.get("@type"))) != "FileObject":
                self.unmapped.append(f"distribution {name[:80]!r}: a set of files, without digests of its own")
                continue
            digest = _text(file.get("sha256")).lower()
            if not is_sha256(digest):
                self.unmapped.append(f"distribution {name[:80]!r}: has no SHA-256")
                continue
            if len(self.places) == MOST_ITEMS:
                self.unmapped.append(f"distribution: files beyond the first {MOST_ITEMS}")
                return
            self.places.append(_text(file.get("contentUrl")) or name)
            yield SubjectFile(name, _size(_text(file.get("contentSize"))), digest)

    def _columns(self) -> tuple[tuple[str, str], ...]:
        sets = [_table(each) for each in _list(self._told.get("recordSet"))]
        if len(sets) != 1:
            if sets:
                self.unmapped.append(f"recordSet: {len(sets)} of them, and a passport tells the columns of one table")
            return ()
        fields = [_table(each) for each in _list(sets[0].get("field"))]
        if len(fields) > MOST_COLUMNS:
            self.unmapped.append(f"recordSet: {len(fields):,} fields; {MOST_COLUMNS:,} is the limit")
            return ()
        return tuple(self._column(each) for each in fields)

    def _column(self, field: Mapping[str, Any]) -> tuple[str, str]:
        extract = _table(_table(field.get("source")).get("extract"))
        name = (_text(extract.get("column")) or _text(field.get("name")) or _text(field.get("@id")))[:300]
        own = _text(field.get("type"))[:100]
        told = [_local(_text(_id(each))) for each in _list(field.get("dataType"))]
        known = next((_TYPES[each.lower()] for each in told if each.lower() in _TYPES), "")
        if not own and not known and told:
            self.unmapped.append(f"field {name[:80]!r}: its type {told[0][:60]!r}")
        return name, own or known or "text"

    def _parties(self, key: str, role: str, issuer: Party) -> Iterator[Party]:
        for item in _list(self._told.get(key))[:MOST_ITEMS]:
            party = _table(item)
            kinds = [_local(_text(each)) for each in _list(party.get("@type"))]
            name = _text(party.get("name"))
            if "Organization" not in kinds or not name:
                self.unmapped.append(f"{key}: somebody who is no organisation; add an office that can be asked")
                continue
            if name != issuer.organisation:
                yield Party(name[:200], role, contact=(_text(party.get("email")) or _text(party.get("url")))[:300])

    def _licence(self) -> Licence:
        found = [
            _text(each) or _text(_table(each).get("url")) or _text(_table(each).get("name"))
            for each in _list(self._told.get("license"))
        ]
        for each in found[1:]:
            self.unmapped.append(f"license {each[:80]!r}: a passport has one; join them in an SPDX expression")
        return licence_of(found[0] if found else "")

    def _collection(self) -> Collection:
        days = [_day(each) for each in _list(self._told.get("dataCollectionTimeframe"))]
        start, end = (days[0] if days else ""), (days[-1] if len(days) > 1 else "")
        if end and end < start:
            self.unmapped.append("dataCollectionTimeframe: it ends before it starts")
            start = end = ""
        return Collection(_text(self._told.get("dataCollection")), start, end)

    def _consent(self) -> Consent:
        basis = _text(self._told.get("consentBasis"))
        note = " ".join(_text(each) for each in _list(self._told.get("personalSensitiveInformation")))[:MOST_TEXT]
        note = note.removeprefix(about_people(Consent(basis))).removeprefix(". ")
        return Consent(basis if basis in BASES else "", note)

    def _parents(self) -> Iterator[Parent]:
        for item in _list(self._told.get("wasDerivedFrom"))[:MOST_ITEMS]:
            table = _table(item)
            by = _text(item) or _text(table.get("@id"))
            name = (_text(table.get("label")) or _text(table.get("name")) or by)[:200]
            kind, _, digest = by.removeprefix("urn:counterfoil:").partition(":")
            is_ours = by.startswith("urn:counterfoil:") and is_sha256(digest)
            leaf = digest if is_ours and kind == "leaf" else ""
            sha256 = digest if is_ours and kind == "sha256" else _digest(table.get("sha256"))
            if not leaf and not sha256:
                self.unmapped.append(f"wasDerivedFrom {name[:80]!r}: has no digest that a passport could name")
                continue
            yield Parent(name, _text(table.get("version"))[:200], leaf, _text(table.get("origin"))[:256], sha256)

    def _transformation(self) -> Transformation | None:
        told = _list(self._told.get("wasGeneratedBy"))
        if not told:
            return None
        for each in told[1:]:
            self.unmapped.append(f"wasGeneratedBy {_text(_table(each).get('label'))[:80]!r}: a passport tells of one")
        made = _table(told[0])
        run, code, environment = (_digest(made.get(key)) for key in ("run", "code", "environment"))
        pairs = [_text(each).partition("=") for each in _list(made.get("parameters"))[:200]]
        return Transformation(
            _text(told[0]) or _text(made.get("label")) or _text(made.get("description")),
            run,
            code,
            environment,
            _text(made.get("seed"))[:100],
            {name: value for name, sign, value in pairs if sign and name},
        )


def _table(value: Any) -> dict[str, Any]:
    """Returns an object with its keys brought to their local names; an empty one for anything else."""
    return {_local(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}


def _local(key: str) -> str:
    for start in _NAMESPACES:
        if key.startswith(start):
            return key.removeprefix(start)
    prefix, colon, name = key.partition(":")
    return name if colon and prefix in _PREFIXES else key


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _id(value: Any) -> Any:
    return value.get("@id") if isinstance(value, Mapping) else value


def _text(value: Any) -> str:
    """Returns a text that stands by itself, as `@value`, or once per language (English, or else the first)."""
    if isinstance(value, list):
        value = next((each for each in value if isinstance(each, Mapping) and each.get("@language") == "en"), None) or (
            value[0] if value else None
        )
    if isinstance(value, Mapping):
        languages = [item for key, item in value.items() if _LANGUAGE.fullmatch(key)]
        value = value.get("@value") or value.get("en") or (languages[0] if languages else None)
    return plain_text(value)


def _digest(value: Any) -> str:
    found = _text(value)
    return found if is_sha256(found) else ""


def _day(value: Any) -> str:
    found = _text(value)[:10]
    return found if is_day(found) else ""


def _size(text: str) -> int:
    """Returns a size in bytes of what is written `12 B` or `3.5 MB`; 0 where it is anything else."""
    number, _, unit = text.partition(" ")
    try:
        found = float(number) * _UNITS.get(unit.upper() or "B", 0)
    except ValueError:
        return 0
    return int(found) if 0 <= found < 2**53 else 0
