"""`counterfoil passport`: write one, put it on record, hand it out, and take over others' formats."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.store.new_file import require_new, write_new

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.organisation import Organisation
    from counterfoil.provenance.datasets import Dataset
    from counterfoil.provenance.model_register import Model
    from counterfoil.provenance.passports.imported import Imported

__all__ = ["passport"]

PATH: Final = click.Path(path_type=Path)
WANTED: Final = "Dataset or model: its name, NAME@VERSION, or the place of its record."
PUBLIC: Final = "All of this becomes public, and cannot be taken back: a newer passport only takes its place."
YES: Final = "look first with --dry-run; then add --yes"
FORMATS: Final = ("passport", "croissant", "cyclonedx")
GUESSED: Final = "note: some loaders guess the types of CSV all the same, and read the code 021 as 21; Parquet keeps it"


@click.group()
def passport() -> None:
    """Say who, when, why and whence of a dataset or model, for others to read and check."""


@passport.command("new")
@click.argument("wanted", metavar="NAME|INDEX", help=WANTED)
@click.option("--out", type=PATH, metavar="FILE", help="Write it to a new file, such as passport.toml.")
@click.pass_obj
def new(session: Session, wanted: str, out: Path | None) -> None:
    """Write a passport to fill in, with what is on record already.

    Without --out it goes to the screen. A file that is there already is left as it is.
    """
    from counterfoil.provenance.passports.toml_form import passport_toml

    require_new(out)
    with session.open() as org:
        draft = org.provenance.passports.draft(org.provenance.find(wanted))
    text = passport_toml(draft)
    if out is not None:
        write_new(out, text.encode())
    shown = [f"Written: {out}"] if out is not None else text.rstrip("\n").split("\n")
    session.emit({"missing": list(draft.lacks()), "passport": draft.to_json()}, shown)


@passport.command("record")
@click.argument("file", type=PATH, help="The passport, filled in: passport.toml.")
@click.option("--dry-run", is_flag=True, help="Check it and show what would become public; write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def record(session: Session, file: Path, dry_run: bool, yes: bool) -> None:
    """Check a passport and put it on record, where it is public from then on.

    Shows it and asks first. The same passport is recorded once; a changed one takes the
    place of the one before, which stays in the log.
    """
    from counterfoil.provenance.passports.shapes import passport_json, public_lines
    from counterfoil.provenance.passports.toml_form import MOST_TOML_BYTES, read_toml

    told = read_toml(_read(file, MOST_TOML_BYTES))
    with session.open() as org:
        passports = org.provenance.passports
        made = passports.prepared(told)
        lines = [*public_lines(made), PUBLIC]
        if dry_run:
            session.emit({"done": False, "passport": made.to_json()}, [*lines, "Nothing was written."])
            return
        if not yes:
            session.confirm(lines, "Put it on record?", hint=YES)
        found = passports.record(told)
    said = [*(lines if yes else []), f"The passport of {made.title} is record {found.index}."]
    session.emit({"done": True} | passport_json(found), said)


@passport.command("show")
@click.argument("wanted", metavar="NAME|INDEX", help=WANTED)
@click.pass_obj
def show(session: Session, wanted: str) -> None:
    """Show the passport of a dataset or model; of several, the newest."""
    from counterfoil.provenance.passports.shapes import passport_json, passport_lines

    with session.open() as org:
        subject = org.provenance.find(wanted)
        found = org.provenance.passports.require(subject)
        _remark_recall(session, org, subject)
    session.emit(passport_json(found), [*passport_lines(found.passport), f"  {'record':<12}{found.index}"])


@passport.command("list")
@click.pass_obj
def list_all(session: Session) -> None:
    """List the passports on record, the newest of each dataset and model."""
    from counterfoil.provenance.passports.shapes import passport_json

    with session.open() as org:
        found = org.provenance.passports.all()
    rows = [(each.index, each.passport.title, each.passport.licence.words, each.passport.created) for each in found]
    lines = session.table(("record", "of", "licence", "created"), rows) if rows else ["No passports yet."]
    session.emit({"passports": [passport_json(each) for each in found]}, lines)


@passport.command("export")
@click.argument("wanted", metavar="NAME|INDEX", help=WANTED)
@click.option("--out", type=PATH, required=True, metavar="FILE", help="The new file, such as training.passport.json.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="passport", help="What others read.")
@click.option(
    "--with-fingerprint",
    is_flag=True,
    help="Add every file's name and digest, so that others can say what changed; those names become known.",
)
@click.pass_obj
def export(session: Session, wanted: str, out: Path, form: str, with_fingerprint: bool) -> None:
    """Write a passport to a file that others read.

    The format `passport` carries its proof: anybody checks it with `counterfoil check`.
    `croissant` (datasets) and `cyclonedx` say the same in the words of other tools, and
    prove nothing.
    """
    require_new(out)
    with session.open() as org:
        subject = org.provenance.find(wanted)
        data = _exported(org, subject, form, with_fingerprint)
        _remark_recall(session, org, subject)
    if form == "croissant" and b'"text/csv"' in data and b'"sc:Text"' in data:
        session.remark(GUESSED)
    write_new(out, data)
    lines = [f"Written: {out}, {len(data):,} bytes."]
    if form == "passport":
        lines.append(f"Whoever has it checks it: counterfoil check {out} --issuer KEY --data PATH")
    session.emit({"bytes": len(data), "file": str(out), "format": form}, lines)


@passport.command("import")
@click.argument("file", type=PATH, help="A Croissant file, or a CycloneDX document in JSON.")
@click.option("--data", type=PATH, metavar="PATH", help="The file or folder: its digests must be those in FILE.")
@click.option("--out", type=PATH, metavar="FILE", help="Write the draft to a new file, such as passport.toml.")
@click.pass_obj
def import_(session: Session, file: Path, data: Path | None, out: Path | None) -> None:
    """Make a passport to fill in from another format; what found no place in it is listed.

    With --data, the digests in FILE are compared with the data. Nothing is put on record.
    """
    from counterfoil.provenance.passports.shapes import imported_json
    from counterfoil.provenance.passports.toml_form import passport_toml

    require_new(out)
    with session.open() as org:
        found = _imported(org, file, data)
    text = passport_toml(found.passport)
    if out is not None:
        write_new(out, text.encode())
    shown = [f"Written: {out}"] if out is not None else text.rstrip("\n").split("\n")
    session.emit(imported_json(found), [*shown, *_imported_lines(found, data)])


def _imported_lines(found: Imported, data: Path | None) -> Iterator[str]:
    # As comments, so that what goes to the screen can go to a file.
    yield f"# {len(found.verified)} digests are those of the data." if data else "# No digest was compared (--data)."
    if not found.passport.subject.leaf:
        yield "# It is not registered here yet: counterfoil dataset add, or model add, then import it again."
    if found.unmapped:
        yield "# Not taken over:"
        yield from (f"#   {line}" for line in found.unmapped)


def _remark_recall(session: Session, org: Organisation, found: Dataset | Model) -> None:
    """Says on stderr where what a passport is about is under recall; the passport itself cannot say so."""
    hold = org.provenance.recalls.bar.hold_on(found.leaf)
    if hold is not None:
        session.remark(f"note: {found.record.name} {found.record.version} rests on the {hold.words()}")


def _exported(org: Organisation, found: Dataset | Model, form: str, with_fingerprint: bool) -> bytes:
    passports = org.provenance.passports
    if form == "passport":
        return passports.export(found, with_fingerprint=with_fingerprint).encode() + b"\n"
    known = passports.require(found).passport
    if form == "croissant":
        from counterfoil.provenance.passports.croissant import croissant_of

        told: dict[str, Any] = croissant_of(known, files=passports.files(found) if with_fingerprint else ())
    else:
        from counterfoil.provenance.passports.mlbom import mlbom_of

        told = mlbom_of(known)
    return json.dumps(told, ensure_ascii=False, indent=2).encode() + b"\n"


def _imported(org: Organisation, file: Path, data: Path | None) -> Imported:
    from counterfoil.provenance.passports.imported import MOST_IMPORTED_BYTES
    from counterfoil.provenance.passports.importing import imported_from

    passports = org.provenance.passports
    return passports.imported(imported_from(_read(file, MOST_IMPORTED_BYTES), passports.issuer, data))


def _read(path: Path, most_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > most_bytes:
        raise InvalidInput(f"{path} is larger than {most_bytes:,} bytes")
    return data
