"""A passport as a CycloneDX 1.6 bill of materials for machine learning (ML-BOM).

A model stands there as a `machine-learning-model` with its model card, a dataset as
`data`; what it was made from are its ancestors. What CycloneDX has no word for stands
in properties under our own name. The mapping is in docs/reference/passport.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from counterfoil.provenance.passports.croissant import about_people, is_personal
from counterfoil.provenance.passports.parts import ISSUER, Licence, Parent, Party, filled
from counterfoil.provenance.passports.passport import Passport

__all__ = ["NAMES", "SPEC_VERSION", "mlbom_of"]

SPEC_VERSION: Final = "1.6"
NAMES: Final = "counterfoil:"
"""What the names of our own properties start with."""

_URN: Final = "urn:counterfoil:"


def mlbom_of(passport: Passport) -> dict[str, Any]:
    """Returns a passport as a CycloneDX document; the same passport gives the same document."""
    subject = passport.subject
    main = _main(passport)
    parents = [_component(each) for each in passport.parents]
    identity = subject.leaf or (subject.fingerprint.root if subject.fingerprint else passport.title)
    told: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, _URN + identity)}",
        "version": 1,
        "metadata": filled(
            {
                "component": main,
                "manufacturer": _entity(passport.issuer) if passport.issuer else None,
                "timestamp": f"{passport.created}T00:00:00Z" if passport.created else "",
                "tools": {"components": [{"type": "application", "name": "counterfoil"}]},
            }
        ),
    }
    depends = [{"ref": main["bom-ref"], "dependsOn": list(dict.fromkeys(each["bom-ref"] for each in parents))}]
    unique = {each["bom-ref"]: each for each in parents}
    more = {
        "components": list(unique.values()),
        "dependencies": depends if parents else [],
        "formulation": list(_formulation(passport, main["bom-ref"])),
    }
    return told | filled(more)


def _main(passport: Passport) -> dict[str, Any]:
    subject, is_model = passport.subject, passport.subject.kind == "model"
    file = subject.files[0] if len(subject.files) == 1 else None
    told: dict[str, Any] = {
        "type": "machine-learning-model" if is_model else "data",
        "bom-ref": _URN + (f"leaf:{subject.leaf}" if subject.leaf else f"name:{subject.name}@{subject.version}"),
        "name": subject.name,
    }
    more = {
        "version": subject.version,
        "description": passport.purpose,
        "authors": [{"name": each.organisation} for each in passport.who if each.role == "author"],
        "supplier": next((_entity(each) for each in passport.who if each.role in ("publisher", ISSUER)), None),
        "hashes": [{"alg": "SHA-256", "content": file.sha256}] if file and file.sha256 else [],
        "licenses": _licences(passport.licence),
        "pedigree": filled({"ancestors": [_component(each, with_ref=False) for each in passport.parents]}),
        "externalReferences": [_reference(each) for each in _references(passport)],
        "modelCard": _model_card(passport) if is_model else None,
        "data": [] if is_model else [_data(passport)],
        "properties": list(_properties(passport)),
    }
    return told | filled(more)


def _entity(party: Party) -> dict[str, Any]:
    is_page, is_mail = party.contact.startswith(("https://", "http://")), "@" in party.contact
    told = {"url": [party.contact] if is_page else [], "contact": [{"email": party.contact}] if is_mail else []}
    return {"name": party.organisation} | filled(told)


def _licences(licence: Licence) -> list[dict[str, Any]]:
    """Returns the licence: one that SPDX lists by its identifier, else as an expression, or by name and address."""
    expression = licence.expression
    if expression and not any(sign in expression for sign in " ()+") and not expression.startswith("LicenseRef-"):
        return [{"license": {"id": expression}}]
    if expression:
        return [{"expression": expression}]
    if not licence.is_told and not licence.name:
        return []
    text = {"text": {"content": f"SHA-256 of the text: {licence.sha256}"}} if licence.sha256 else {}
    name = licence.name or licence.url or "see the text"
    return [{"license": {"name": name} | filled({"url": licence.url}) | text}]


def _component(parent: Parent, *, with_ref: bool = True) -> dict[str, Any]:
    """Returns something that it was made from; what kind of thing it is, its own passport says."""
    by = f"leaf:{parent.leaf}" if parent.leaf else f"sha256:{parent.sha256}"
    told: dict[str, Any] = {"type": "data", "name": parent.name} | ({"bom-ref": _URN + by} if with_ref else {})
    properties = {"leaf": parent.leaf, "origin": parent.origin}
    more = {
        "version": parent.version,
        "hashes": [{"alg": "SHA-256", "content": parent.sha256}] if parent.sha256 else [],
        "properties": [{"name": NAMES + key, "value": value} for key, value in properties.items() if value],
    }
    return told | filled(more)


def _model_card(passport: Passport) -> dict[str, Any]:
    datasets = [{"ref": _component(each)["bom-ref"]} for each in passport.parents]
    considerations = {
        "useCases": [passport.purpose] if passport.purpose else [],
        "ethicalConsiderations": [{"name": told}] if (told := about_people(passport.consent)) else [],
    }
    return filled({"modelParameters": filled({"datasets": datasets}), "considerations": filled(considerations)})


def _data(passport: Passport) -> dict[str, Any]:
    owners = [{"organization": {"name": each.organisation}} for each in passport.who if each.role == ISSUER]
    stewards = [{"organization": {"name": each.organisation}} for each in passport.who if each.role == "data steward"]
    more = {
        "name": passport.subject.name,
        "sensitiveData": [about_people(passport.consent)] if is_personal(passport.consent) else [],
        "governance": filled({"owners": owners, "stewards": stewards}),
    }
    return {"type": "dataset"} | filled(more)


def _references(passport: Passport) -> Iterator[tuple[str, str, str, str]]:
    """Yields (type, address, comment, SHA-256) of what goes along."""
    for report in passport.reports:
        address = f"{_URN}leaf:{report.leaf}" if report.leaf else f"{_URN}sha256:{report.sha256}"
        kind = "quality-metrics" if report.kind == "quality" else "evidence"
        yield kind, address, f"{report.kind} report: {report.headline}".rstrip(": "), report.sha256
    for signature in passport.signatures:
        yield "attestation", f"{_URN}sha256:{signature.sha256}", signature.format, signature.sha256


def _reference(told: tuple[str, str, str, str]) -> dict[str, Any]:
    kind, address, comment, sha256 = told
    hashes = [{"alg": "SHA-256", "content": sha256}] if sha256 else []
    return {"type": kind, "url": address} | filled({"comment": comment, "hashes": hashes})


def _formulation(passport: Passport, made_ref: str) -> Iterator[dict[str, Any]]:
    """Yields how it was made: one workflow, with code and environment by their digests."""
    made = passport.transformation
    if made is None:
        return
    uid = f"{_URN}run:{made.run}" if made.run else f"{made_ref}:made"
    used = {"code": made.code, "environment": made.environment}
    components = [
        {"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": digest}]}
        for name, digest in used.items()
        if digest
    ]
    inputs = [{"resource": {"ref": _component(each)["bom-ref"]}} for each in passport.parents]
    parameters = [{"name": name, "value": value} for name, value in made.parameters.items()]
    workflow = {"bom-ref": uid, "uid": uid, "taskTypes": ["build"]} | filled(
        {
            "description": made.what,
            "inputs": [*inputs, *([{"parameters": parameters}] if parameters else [])],
            "outputs": [{"resource": {"ref": made_ref}}],
            "properties": [{"name": f"{NAMES}seed", "value": made.seed}] if made.seed else [],
        }
    )
    yield filled({"components": components, "workflows": [workflow]})


def _properties(passport: Passport) -> Iterator[dict[str, str]]:
    subject = passport.subject
    told = {
        "collection:from": passport.collection.start,
        "collection:how": passport.collection.how,
        "collection:until": passport.collection.end,
        "consent:basis": passport.consent.basis,
        "consent:note": passport.consent.note,
        "fingerprint": subject.fingerprint.root if subject.fingerprint else "",
        "jurisdiction": " ".join(passport.jurisdiction),
        "leaf": subject.leaf,
        "meaning": subject.meaning,
        "notes": passport.notes,
        "origin": passport.issuer.origin if passport.issuer else "",
        "rows": "" if subject.rows is None else str(subject.rows),
    }
    yield from ({"name": NAMES + name, "value": value} for name, value in told.items() if value)
