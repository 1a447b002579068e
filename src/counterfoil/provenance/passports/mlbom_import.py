"""A passport's draft from a CycloneDX ML-BOM, validated against the schema first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from counterfoil.errors import INSTALL_PASSPORT, InvalidInput, NotSetUp
from counterfoil.provenance.passports.countries import is_jurisdiction
from counterfoil.provenance.passports.imported import Imported, held_to_data, licence_of, plain_text, read_object
from counterfoil.provenance.passports.mlbom import NAMES
from counterfoil.provenance.passports.parts import (
    BASES,
    Collection,
    Consent,
    Licence,
    Parent,
    Party,
    Transformation,
    is_licence_expression,
)
from counterfoil.provenance.passports.passport import Passport
from counterfoil.provenance.passports.subject import Subject, SubjectFile
from counterfoil.provenance.passports.told import MOST_ITEMS, MOST_TEXT, is_day, is_sha256

__all__ = ["from_mlbom"]

_KINDS: Final = {"data": "dataset", "machine-learning-model": "model"}
_VERSIONS: Final = ("1.5", "1.6", "1.7")
_TAKEN: Final = {
    "": {
        *("$schema", "bomFormat", "components", "dependencies", "formulation", "metadata", "serialNumber"),
        *("specVersion", "version"),
    },
    "metadata": {"component", "manufacturer", "timestamp", "tools"},
    "component": {
        *("bom-ref", "data", "description", "externalReferences", "hashes", "licenses", "manufacturer", "modelCard"),
        *("name", "pedigree", "properties", "supplier", "type", "version"),
    },
    "modelCard": {"bom-ref", "considerations", "modelParameters"},
    "modelCard.considerations": {"ethicalConsiderations", "useCases"},
    "modelCard.modelParameters": {"datasets"},
    "pedigree": {"ancestors"},
}
"""Members that are read; all others are told as unmapped."""


def from_mlbom(data: bytes, issuer: Party, held_to: Path | None = None) -> Imported:
    """Returns a passport's draft from a CycloneDX document in JSON.

    Args:
        data: The bytes of the file.
        issuer: Who will put the passport on record.
        held_to: The file; its digest is compared with the one in the document.

    Raises:
        InvalidInput: It is no such document, or is about no model or dataset; or see `held_to_data`.
        DoesNotMatch: The file is another.
        NotSetUp: The package that knows the schema is missing.
    """
    told = read_object(data, "CycloneDX document")
    version = plain_text(told.get("specVersion"))
    if told.get("bomFormat") != "CycloneDX" or version not in _VERSIONS:
        raise InvalidInput(
            f"the file is no CycloneDX document of version {', '.join(_VERSIONS)}",
            hint="its bomFormat is CycloneDX and its specVersion one of these",
        )
    _require_valid(data.decode("utf-8"), version)
    reading = _Reading(told)
    passport = reading.passport(issuer)
    found = Imported(passport, tuple(dict.fromkeys(reading.unmapped)), origin=reading.origin)
    return held_to_data(found, held_to, reading.places) if held_to is not None else found


class _Reading:
    """One document, while it is read.

    Attributes:
        unmapped: What found no place, so far.
        places: Where each file of the subject lies.
        origin: Of the log that its leaf hashes are from.
    """

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._told = told
        self._main = _main_of(told)
        self.unmapped: list[str] = []
        self.places: list[str] = []
        self._own = dict(_properties(self._main))
        self.origin = self._own.get("origin", "")[:256]

    def passport(self, issuer: Party) -> Passport:
        main, own = self._main, self._own
        card = _table(main.get("modelCard"))
        self._tell_unread(card)
        purposes = [plain_text(each) for each in _list(_table(card.get("considerations")).get("useCases"))]
        basis = own.get("consent:basis", "")
        day = plain_text(_table(self._told.get("metadata")).get("timestamp"))[:10]
        return Passport(
            self._subject(),
            (issuer, *self._parties({issuer.organisation})),
            day if is_day(day) else "",
            self._licence(),
            " ".join(purposes)[:MOST_TEXT] or plain_text(main.get("description")),
            self._collection(),
            Consent(basis if basis in BASES else "", own.get("consent:note", "")),
            tuple(code for code in own.get("jurisdiction", "").split()[:MOST_ITEMS] if is_jurisdiction(code)),
            tuple(self._parents(card)),
            self._transformation(),
            notes=own.get("notes", ""),
        )

    def _tell_unread(self, card: Mapping[str, Any]) -> None:
        tables = {
            "": self._told,
            "metadata": self._told.get("metadata"),
            "component": self._main,
            "modelCard": card,
            "modelCard.considerations": card.get("considerations"),
            "modelCard.modelParameters": card.get("modelParameters"),
            "pedigree": self._main.get("pedigree"),
        }
        for place, value in tables.items():
            self.unmapped += [
                f"{place}.{key}: no place in a passport".lstrip(".")
                for key in sorted(_table(value))
                if key not in _TAKEN[place]
            ]
        self.unmapped += [
            f"property {plain_text(each.get('name'))[:80]!r}: no place in a passport"
            for each in map(_table, _list(self._main.get("properties")))
            if not plain_text(each.get("name")).startswith(NAMES)
        ]
        self.unmapped += [
            f"externalReferences {plain_text(each.get('url'))[:80]!r}: name it among reports or signatures"
            for each in map(_table, _list(self._main.get("externalReferences")))
        ]

    def _subject(self) -> Subject:
        main, own = self._main, self._own
        name, digest = plain_text(main.get("name"))[:200], _sha256(main)
        leaf, meaning, rows = own.get("leaf", ""), own.get("meaning", ""), own.get("rows", "")
        if digest:
            self.places.append(name)
        return Subject(
            _KINDS[str(main["type"])],
            name,
            plain_text(main.get("version"))[:200],
            leaf if is_sha256(leaf) else "",
            None,
            (SubjectFile(name, 0, digest),) if digest else (),
            1 if digest else 0,
            0,
            int(rows) if rows.isascii() and rows.isdigit() and len(rows) < 16 else None,
            (),
            meaning if is_sha256(meaning) else "",
        )

    def _parties(self, seen: set[str]) -> Iterator[Party]:
        metadata = _table(self._told.get("metadata"))
        for holder, key in ((self._main, "supplier"), (self._main, "manufacturer"), (metadata, "manufacturer")):
            entity = _table(holder.get(key))
            name = plain_text(entity.get("name"))[:200]
            if name and name not in seen:
                seen.add(name)
                page = next((plain_text(each)[:300] for each in _list(entity.get("url"))), "")
                yield Party(name, "publisher", contact=page)

    def _licence(self) -> Licence:
        found = []
        for each in map(_table, _list(self._main.get("licenses"))):
            licence = _table(each.get("license"))
            expression = plain_text(each.get("expression")) or plain_text(licence.get("id"))
            if expression:
                is_one = len(expression) <= 300 and is_licence_expression(expression)
                found.append(Licence(expression) if is_one else Licence(name=expression[:200]))
                continue
            told = licence_of(plain_text(licence.get("url")))
            name = plain_text(licence.get("name"))[:200]
            found.append(told if told.expression else Licence(name=name, url=told.url))
        self.unmapped += [
            f"licenses {each.words[:80]!r}: a passport has one; join them in an SPDX expression" for each in found[1:]
        ]
        return found[0] if found else Licence()

    def _collection(self) -> Collection:
        days = [self._own.get(f"collection:{key}", "") for key in ("from", "until")]
        start, end = (day if is_day(day) else "" for day in days)
        return Collection(self._own.get("collection:how", ""), start, "" if start and end and end < start else end)

    def _parents(self, card: Mapping[str, Any]) -> Iterator[Parent]:
        components = {
            plain_text(each.get("bom-ref")): each for each in map(_table, _list(self._told.get("components")))
        }
        named = [_table(each) for each in _list(_table(self._main.get("pedigree")).get("ancestors"))]
        for each in map(_table, _list(_table(card.get("modelParameters")).get("datasets"))):
            reference = plain_text(each.get("ref"))
            named.append(components.get(reference, {"name": reference}) if reference else each)
        seen: set[tuple[str, str]] = set()
        for each in named:
            own = dict(_properties(each))
            name, digest, leaf = plain_text(each.get("name"))[:200], _sha256(each), own.get("leaf", "")
            leaf = leaf if is_sha256(leaf) else ""
            if not name or (not digest and not leaf):
                self.unmapped.append(f"ancestor or dataset {name[:80]!r}: has no SHA-256")
            elif (leaf, digest) not in seen and len(seen) < MOST_ITEMS:
                seen.add((leaf, digest))
                yield Parent(name, plain_text(each.get("version"))[:200], leaf, own.get("origin", "")[:256], digest)

    def _transformation(self) -> Transformation | None:
        formulas = [_table(each) for each in _list(self._told.get("formulation"))]
        workflows = [(formula, _table(each)) for formula in formulas for each in _list(formula.get("workflows"))]
        if not workflows:
            return None
        for _, other in workflows[1:]:
            self.unmapped.append(f"workflow {plain_text(other.get('uid'))[:80]!r}: a passport tells of one")
        formula, workflow = workflows[0]
        files = {plain_text(each.get("name")): _sha256(each) for each in map(_table, _list(formula.get("components")))}
        kind, _, run = plain_text(workflow.get("uid")).rpartition(":")
        parameters = {
            plain_text(each.get("name"))[:200]: plain_text(each.get("value"))
            for given in map(_table, _list(workflow.get("inputs")))
            for each in map(_table, _list(given.get("parameters"))[:200])
        }
        return Transformation(
            plain_text(workflow.get("description")) or plain_text(workflow.get("name")),
            run if kind == "urn:counterfoil:run" and is_sha256(run) else "",
            files.get("code", ""),
            files.get("environment", ""),
            dict(_properties(workflow)).get("seed", "")[:100],
            dict(sorted(parameters.items())),
        )


def _main_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the component that the document is about."""
    main = _table(_table(told.get("metadata")).get("component"))
    if main.get("type") in _KINDS:
        return main
    found = [each for each in map(_table, _list(told.get("components"))) if each.get("type") in _KINDS]
    models = [each for each in found if each["type"] == "machine-learning-model"] or found
    if len(models) != 1:
        raise InvalidInput(
            f"the document is about {len(models)} models or datasets; a passport is about one",
            hint="its metadata.component says which one it is about",
        )
    return models[0]


def _require_valid(text: str, version: str) -> None:
    try:
        from cyclonedx.schema import SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator
    except ImportError as error:
        raise NotSetUp(
            "reading CycloneDX needs the package cyclonedx-python-lib, which is missing", hint=INSTALL_PASSPORT
        ) from error
    schema = SchemaVersion.from_version(version)
    fault = JsonStrictValidator(schema).validate_str(text)
    if fault is not None:
        told = plain_text(str(getattr(fault, "data", fault)).partition("\n")[0], 200)
        raise InvalidInput(f"the document is no valid CycloneDX {version}: {told}")


def _sha256(component: Mapping[str, Any]) -> str:
    for each in map(_table, _list(component.get("hashes"))):
        digest = plain_text(each.get("content")).lower()
        if each.get("alg") == "SHA-256" and is_sha256(digest):
            return digest
    return ""


def _properties(holder: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields our own properties, by their names without what they start with."""
    for each in map(_table, _list(holder.get("properties"))):
        name = plain_text(each.get("name"))
        if name.startswith(NAMES):
            yield name.removeprefix(NAMES), plain_text(each.get("value"))


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
