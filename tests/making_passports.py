"""Passports for tests: one filled in by hand, a home with data to have one, and the file that is handed out."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from making import ORIGIN, BankLog

from counterfoil.core import canonical
from counterfoil.core.fields import Disclosure
from counterfoil.core.passport_file import PassportFile
from counterfoil.core.receipt import Receipt, Shown
from counterfoil.organisation import Organisation
from counterfoil.provenance import Dataset, Model
from counterfoil.provenance.fingerprints.entry import Entry
from counterfoil.provenance.fingerprints.fingerprint import Fingerprint
from counterfoil.provenance.passports.parts import (
    Collection,
    Consent,
    Licence,
    Parent,
    Party,
    ReportOf,
    SignatureOf,
    Transformation,
)
from counterfoil.provenance.passports.passport import Passport
from counterfoil.provenance.passports.subject import FingerprintOf, Subject, SubjectFile

TABLE = "id,income,city,member\n" + "".join(
    f"{place},{place * 10.5},{'Oslo' if place % 2 else 'Bergen'},yes\n" for place in range(600)
)


def filled_in(draft: Passport, **changes: Any) -> Passport:
    """Returns a draft with everything that a person has to say."""
    told = replace(
        draft,
        created="2026-11-20",
        licence=Licence("CC-BY-4.0"),
        purpose="Train the credit model.",
        collection=Collection("From applications at the counter, all of one year.", "2025-01-01", "2025-12-31"),
        consent=Consent("contract", "Names and addresses were left out."),
        jurisdiction=("NO", "EU"),
    )
    return replace(told, **changes)


def registered(org: Organisation, folder: Path, name: str = "people", text: str = TABLE) -> Dataset:
    """Writes a table and registers it."""
    path = folder / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    return org.provenance.register_dataset(path)


def on_record(org: Organisation, found: Dataset | Model, **changes: Any) -> Passport:
    """Puts a filled-in passport on record."""
    return org.provenance.passports.record(filled_in(org.provenance.passports.draft(found), **changes)).passport


def whole_passport(data: bytes = b"a,b\n1,x\n2,y\n", name: str = "people.csv") -> Passport:
    """Returns a passport in which every part says something."""
    digest = sha256(data).hexdigest()
    fingerprint = fingerprint_of_bytes({name: data})
    named = FingerprintOf("sha256", fingerprint.root.hex(), sha256(canonical.dumps(fingerprint.to_json())).hexdigest())
    subject = Subject(
        "dataset",
        "people",
        "2",
        "a" * 64,
        named,
        (SubjectFile(name, len(data), digest),),
        1,
        len(data),
        2,
        (("a", "integer"), ("b", "text")),
    )
    who = (
        Party("Example Bank plc", "issuer", ORIGIN, "https://bank.example/data"),
        Party("Statistics office", "author", contact="data@office.example"),
        Party("Data protection office", "data steward"),
    )
    return filled_in(
        Passport(subject, who),
        parents=(Parent("raw", "1", "b" * 64, sha256="c" * 64), Parent("census", sha256="d" * 64)),
        transformation=Transformation("rows left out", "e" * 64, "f" * 64, "1" * 64, "42", {"fraction": "0.5"}),
        reports=(ReportOf("privacy", "2" * 64), ReportOf("quality", "3" * 64, headline="2 % are missing")),
        signatures=(SignatureOf("4" * 64),),
        notes="Made for tests.",
    )


def fingerprint_of_bytes(files: dict[str, bytes]) -> Fingerprint:
    """Returns the fingerprint of files in memory."""
    entries = [Entry(name.encode(), len(data), "whole", sha256(data).digest()) for name, data in files.items()]
    return Fingerprint.of(entries, "sha256")


def handed_out(passport: Passport, fingerprint: Fingerprint | None = None, log: BankLog | None = None) -> PassportFile:
    """Returns the file of a passport that a log in memory holds, with some records around it."""
    log = log or BankLog()
    log.fill(3)
    index = log.append(passport.draft())
    log.fill(8)
    size = len(log.entries)
    shown = Shown(log.origin, log.entries[index], None, Disclosure((), ()), log.handovers)
    receipt = Receipt(shown, index, log.path(index, size), log.checkpoint(size))
    return PassportFile(receipt, fingerprint.to_json() if fingerprint else None)
