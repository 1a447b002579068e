"""A dataset's passport as Croissant 1.1: JSON-LD that dataset search and data loaders read.

What Croissant has no word for stands under our own namespace, so that nothing is lost
on the way back. The mapping is in docs/reference/passport.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from counterfoil.errors import InvalidInput
from counterfoil.provenance.passports.imported import SHA256_URN
from counterfoil.provenance.passports.parts import ISSUER, Consent, Licence, Parent, Party, ReportOf, filled
from counterfoil.provenance.passports.passport import Passport
from counterfoil.provenance.passports.subject import SubjectFile

__all__ = ["CROISSANT", "OWN", "RAI", "about_people", "croissant_of", "is_personal"]

CROISSANT: Final = "http://mlcommons.org/croissant/1.1"
RAI: Final = "http://mlcommons.org/croissant/RAI/1.0"
OWN: Final = "https://counterfoil.dev/passport/"

_CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "counterfoil": OWN,
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

_FORMATS: Final = {
    ".csv": "text/csv",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".parquet": "application/x-parquet",
    ".pq": "application/x-parquet",
    ".png": "image/png",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".zip": "application/zip",
}
_READABLE: Final = {"text/csv", "text/tab-separated-values", "application/x-parquet"}
"""Formats of which a loader finds a column by its name."""

_TYPES: Final = {
    "boolean": "sc:Boolean",
    "date": "sc:Date",
    "instant": "sc:DateTime",
    "integer": "cr:Int64",
    "local time": "sc:DateTime",
    "number": "cr:Float64",
    "time": "sc:Time",
}
_NOT_PERSONAL: Final = {
    "HIPAA de-identified": "Data about health, de-identified by 45 CFR 164.514(b)",
    "not personal data": "not personal data",
}
_SAFE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_OTHER: Final = "application/octet-stream"


def croissant_of(passport: Passport, *, files: Sequence[SubjectFile] = (), url: str = "") -> dict[str, Any]:
    """Returns a dataset's passport as Croissant 1.1.

    Each file whose SHA-256 is known becomes a FileObject with it. A table in a single
    file also becomes a RecordSet, through which a loader reads its rows.

    Args:
        passport: The passport; what it leaves out is left out there.
        files: All files by name, where they are not to stand together as one set; see `Passports.files`.
        url: Of the dataset's page.

    Raises:
        InvalidInput: It is a model's passport: Croissant describes datasets.
    """
    subject = passport.subject
    if subject.kind != "dataset":
        raise InvalidInput("Croissant describes datasets, and this is a model's passport", hint="--format cyclonedx")
    creators = [each for each in passport.who if each.role == "author"] or _issuers(passport)
    distribution = _distribution(passport, files or subject.files)
    return {"@context": _CONTEXT, "@type": "sc:Dataset"} | filled(
        {
            "citeAs": _citation(passport, creators),
            "conformsTo": [CROISSANT, RAI],
            "counterfoil:consentBasis": passport.consent.basis,
            "counterfoil:fingerprint": subject.fingerprint.root if subject.fingerprint else "",
            "counterfoil:jurisdiction": list(passport.jurisdiction),
            "counterfoil:leaf": subject.leaf,
            "counterfoil:notes": passport.notes,
            "counterfoil:origin": passport.issuer.origin if passport.issuer else "",
            "counterfoil:report": [_report(each) for each in passport.reports],
            "creator": [_organisation(each) for each in creators],
            "dateCreated": passport.created,
            "datePublished": passport.created,
            "description": passport.purpose or passport.title,
            "distribution": distribution,
            "isLiveDataset": False,
            "license": _licence(passport.licence),
            "name": subject.name,
            "prov:wasDerivedFrom": [_parent(each) for each in passport.parents],
            "prov:wasGeneratedBy": _activity(passport),
            "publisher": [_organisation(each) for each in _publishers(passport)],
            "rai:dataCollection": passport.collection.how,
            "rai:dataCollectionTimeframe": [day for day in (passport.collection.start, passport.collection.end) if day],
            "rai:dataUseCases": [passport.purpose] if passport.purpose else [],
            "rai:personalSensitiveInformation": [told] if (told := about_people(passport.consent)) else [],
            "recordSet": list(_record_sets(passport, distribution)),
            "url": url,
            "version": subject.version,
        }
    )


def _issuers(passport: Passport) -> list[Party]:
    return [each for each in passport.who if each.role == ISSUER]


def _publishers(passport: Passport) -> list[Party]:
    return [each for each in passport.who if each.role == "publisher"] or _issuers(passport)


def _organisation(party: Party) -> dict[str, Any]:
    told: dict[str, Any] = {"@type": "sc:Organization", "name": party.organisation}
    if "@" in party.contact:
        return told | {"email": party.contact}
    if party.contact.startswith(("https://", "http://")):
        return told | {"url": party.contact}
    return told | ({"identifier": party.origin} if party.origin else {})


def _citation(passport: Passport, creators: Sequence[Party]) -> str:
    names = ", ".join(each.organisation for each in creators)
    return f"{names} ({passport.created[:4]}): {passport.subject.name} {passport.subject.version}".strip()


def _licence(licence: Licence) -> str:
    """Returns the licence as Croissant advises: the address of a known one, or else what is told of it."""
    expression = licence.expression
    if expression and " " not in expression and "(" not in expression and not expression.startswith("LicenseRef-"):
        return f"https://spdx.org/licenses/{expression}"
    return expression or licence.url or licence.name or (f"{SHA256_URN}{licence.sha256}" if licence.sha256 else "")


def is_personal(consent: Consent) -> bool:
    """Whether the data are said to be about people who can be told."""
    return bool(consent.basis) and consent.basis not in _NOT_PERSONAL


def about_people(consent: Consent) -> str:
    """Returns in a sentence on what basis data about people are used; empty where nothing is told."""
    if not consent.basis:
        return consent.note
    told = _NOT_PERSONAL.get(consent.basis, f"Personal data, used on the basis: {consent.basis}")
    return told + (f". {consent.note}" if consent.note else "")


def _parent(parent: Parent) -> dict[str, Any]:
    by = f"leaf:{parent.leaf}" if parent.leaf else f"sha256:{parent.sha256}"
    told = {"@id": f"urn:counterfoil:{by}", "@type": "prov:Entity", "prov:label": parent.name}
    return told | filled({"counterfoil:origin": parent.origin, "sha256": parent.sha256, "version": parent.version})


def _report(report: ReportOf) -> dict[str, Any]:
    told = {"counterfoil:headline": report.headline, "counterfoil:kind": report.kind, "counterfoil:leaf": report.leaf}
    return {"@type": "counterfoil:Report"} | filled(told | {"sha256": report.sha256})


def _activity(passport: Passport) -> dict[str, Any]:
    made = passport.transformation
    if made is None:
        return {}
    told = {
        "counterfoil:code": made.code,
        "counterfoil:environment": made.environment,
        "counterfoil:parameters": [f"{name}={value}" for name, value in made.parameters.items()],
        "counterfoil:run": made.run,
        "counterfoil:seed": made.seed,
        "prov:label": made.what,
    }
    return {"@type": "prov:Activity"} | filled(told)


def _distribution(passport: Passport, files: Sequence[SubjectFile]) -> list[dict[str, Any]]:
    subject = passport.subject
    if files and all(each.sha256 for each in files):
        return [_file_object(place, each) for place, each in enumerate(files, 1)]
    if not subject.count:
        return []
    return [
        {
            "@id": "files",
            "@type": "cr:FileSet",
            "counterfoil:count": subject.count,
            "encodingFormat": _common_format(files),
            "includes": ["**"],
            "name": "files",
        }
    ]


def _file_object(place: int, file: SubjectFile) -> dict[str, Any]:
    """Returns a file; its hash is that of the bytes, which every loader checks after it has fetched them."""
    return {
        "@id": _id(file.name, place),
        "@type": "cr:FileObject",
        "contentSize": f"{file.bytes} B",
        "contentUrl": _content_url(file.name),
        "encodingFormat": _format(file.name),
        "name": file.name,
        "sha256": file.sha256,
    }


def _record_sets(passport: Passport, distribution: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    columns = passport.subject.columns
    if len(distribution) != 1 or not columns or distribution[0].get("encodingFormat") not in _READABLE:
        return
    yield {
        "@id": "rows",
        "@type": "cr:RecordSet",
        "field": [
            {
                "@id": f"rows/{_id(name, place)}",
                "@type": "cr:Field",
                "counterfoil:type": kind,
                "dataType": _TYPES.get(kind, "sc:Text"),
                "name": name,
                "source": {"extract": {"column": name}, "fileObject": {"@id": distribution[0]["@id"]}},
            }
            for place, (name, kind) in enumerate(columns, 1)
        ],
        "name": "rows",
    }


def _content_url(name: str) -> str:
    """Returns where a loader finds the file: beside the Croissant file or below it, whatever its name says."""
    path = PurePosixPath(name)
    is_below = not path.is_absolute() and ".." not in path.parts and ":" not in name
    return name if is_below else path.name.rpartition(":")[2]


def _id(name: str, place: int) -> str:
    """Returns an identifier: the name, or a number where it has signs that loaders refuse in identifiers."""
    return name if _SAFE.fullmatch(name) else f"_{place}"


def _format(name: str) -> str:
    return _FORMATS.get(PurePosixPath(name).suffix.lower(), _OTHER)


def _common_format(files: Sequence[SubjectFile]) -> str:
    found = {_format(each.name) for each in files}
    return found.pop() if len(found) == 1 else _OTHER
