"""`counterfoil rows`: proofs that a person's record is in a dataset, or that it is not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.core.rows import MAX_ID_BYTES
from counterfoil.core.rows_proof import IdProof, RowProof
from counterfoil.core.steps import report_lines
from counterfoil.core.wording import counted
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.rows.shapes import commitment_json
from counterfoil.store.new_file import require_new, write_new

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.organisation import Organisation
    from counterfoil.provenance.rows.commitments import Commitment

__all__ = ["rows"]

PATH: Final = click.Path(path_type=Path)
YES: Final = "say --yes to do it without being asked"

_DATASET: Final = click.argument("dataset", metavar="NAME|NAME@VERSION|INDEX", help="The dataset on record.")
_DATA: Final = click.argument("data", type=PATH, help="Its file or folder, as it was registered.")


@click.group()
def rows() -> None:
    """Prove that a person's record is in a dataset, or that it is not."""


@rows.command()
@_DATASET
@_DATA
@click.option("--id", "id_column", default="", metavar="COLUMN", help="Where the ids of people stand.")
@click.pass_obj
def commit(session: Session, dataset: str, data: Path, id_column: str) -> None:
    """Commit to every row of a dataset, and to every id in it.

    The data itself is not kept, nor any id. Without --id only rows can be proven,
    by their number, and nobody's absence.
    """
    with session.open() as org, session.progress("Committing") as progress:
        found = org.provenance.rows.commit(
            org.provenance.find_dataset(dataset), data, id_column=id_column, progress=progress
        )
    session.emit(
        commitment_json(found), [f"The rows of {found.record.dataset} are record {found.index}: {_size_words(found)}."]
    )


@rows.command("list")
@click.pass_obj
def list_commitments(session: Session) -> None:
    """List the commitments, oldest first."""
    with session.open() as org:
        found = org.provenance.rows.all()
    table = [(each.index, each.record.dataset, _size_words(each)) for each in found]
    lines = session.table(("record", "dataset", "holds"), table) if table else ["No rows were committed to yet."]
    session.emit({"commitments": [commitment_json(each) for each in found]}, lines)


@rows.command()
@_DATASET
@click.option("--id", "text", metavar="ID", help="Whose rows; other users of this machine can see what is typed.")
@click.option("--id-file", type=PATH, metavar="FILE", help="The id is the first line of this file; - is stdin.")
@click.option("--row", "number", type=click.IntRange(0), metavar="N", help="One row by its number, from 0.")
@click.option("--data", type=PATH, metavar="PATH", help="The data, to show the rows in the proof.")
@click.option("--without-record", is_flag=True, help="Leave out the record: small, and whose it is stays open.")
@click.option("--out", type=PATH, required=True, metavar="FILE", help="The new proof file.")
@click.pass_obj
def prove(
    session: Session,
    dataset: str,
    text: str | None,
    id_file: Path | None,
    number: int | None,
    data: Path | None,
    without_record: bool,
    out: Path,
) -> None:
    """Prove what a dataset has under an id, which may be nothing; or what its row N is.

    Whoever gets the file checks it with `counterfoil check`. It shows the rows of this
    id, where --data is given, and of no other.
    """
    if (text is not None) + (id_file is not None) + (number is not None) != 1:
        raise click.UsageError("give one of --id, --id-file and --row")
    require_new(out)
    wanted = _read_id(id_file) if id_file is not None else text
    with session.open() as org, session.progress("Reading") as progress:
        register = org.provenance.rows
        found = _commitment(org, dataset)
        proof: IdProof | RowProof
        if number is not None:
            if data is None:
                raise InvalidInput("a row is proven by showing it", hint="name the data with --data")
            proof = register.prove_row(found, number, data, with_record=not without_record, progress=progress)
        else:
            proof = register.prove(found, wanted or "", data=data, with_record=not without_record, progress=progress)
    encoded = proof.encode()
    write_new(out, encoded + b"\n")
    told = {"file": str(out), "finding": _finding(proof), "record": found.index, "size_bytes": len(encoded)}
    session.emit(told, [_finding_words(proof, found), f"Written: {out}, {len(encoded):,} bytes."])


@rows.command()
@_DATASET
@_DATA
@click.pass_obj
def check(session: Session, dataset: str, data: Path) -> int:
    """Build the trees again from the data, and hold them against the record.

    For whoever audits the home: this shows that no row and no id was left out, which
    no single proof can. Exit code 4 when the data leads to something else.
    """
    with session.open() as org, session.progress("Reading") as progress:
        found = _commitment(org, dataset)
        report = org.provenance.rows.check(found, data, progress)
    code = report.exit_code(())
    session.emit({"exit_code": code} | report.to_json(), [f"A {report.what}", "", *report_lines(report)])
    return code


@rows.command()
@_DATASET
@_DATA
@click.pass_obj
def rebuild(session: Session, dataset: str, data: Path) -> None:
    """Make the files from which proofs are made anew, from the data."""
    with session.open() as org, session.progress("Reading") as progress:
        found = _commitment(org, dataset)
        org.provenance.rows.rebuild(found, data, progress)
    session.emit(commitment_json(found), [f"The files for the rows of {found.record.dataset} were made anew."])


@rows.command()
@_DATASET
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def forget(session: Session, dataset: str, yes: bool) -> None:
    """Destroy the secret of a commitment: nothing more can be proven under it.

    What is on record stays, and says nothing any more, not even to whoever guesses a
    row. Proofs that were handed out go on to hold. Copies in backups are not touched.
    """
    with session.open() as org:
        found = _commitment(org, dataset)
        if not yes:
            told = [f"Nothing more could be proven about the rows of {found.record.dataset}, record {found.index}."]
            session.confirm(told, "This cannot be undone.", hint=YES)
        org.provenance.rows.forget(found)
    session.emit(commitment_json(found), [f"The secret of the rows of {found.record.dataset} was destroyed."])


def _commitment(org: Organisation, dataset: str) -> Commitment:
    return org.provenance.rows.newest(org.provenance.find_dataset(dataset))


def _size_words(found: Commitment) -> str:
    record = found.record
    told = counted(record.rows.count, "row")
    return f"{told}, {counted(record.ids.count, 'id')} in the column {record.ids.column}" if record.ids else told


def _finding(proof: IdProof | RowProof) -> str:
    if isinstance(proof, RowProof):
        return "row"
    return "present" if proof.is_present else "absent"


def _finding_words(proof: IdProof | RowProof, found: Commitment) -> str:
    name = found.record.dataset
    if isinstance(proof, RowProof):
        return f"Row {proof.index:,} of {name} is proven, and shown."
    if proof.is_present:
        return f"The id is in {name}, with {counted(proof.place.count, 'row')}{'' if proof.shown else ', not shown'}."
    return f"The id is not in {name}."


def _read_id(path: Path) -> str:
    """Returns the first line of a file, or of stdin; messages never quote it."""
    most = MAX_ID_BYTES + 2
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.readline(most)
        else:
            with path.open("rb") as file:
                data = file.readline(most)
        return data.decode().rstrip("\r\n")
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise InvalidInput("the id is not text in UTF-8") from None  # Python's own error would quote it
