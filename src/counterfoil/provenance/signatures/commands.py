"""`counterfoil model sign` and `model check`: signatures over model files, which others' tools check, too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.core.steps import report_lines
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.store.new_file import require_new, write_new

if TYPE_CHECKING:
    from counterfoil.cli.session import Session

__all__ = ["check", "sign"]

PATH: Final = click.Path(path_type=Path)


@click.command()
@click.argument("path", type=PATH, help="The model: a file or a folder.")
@click.option("--out", type=PATH, required=True, metavar="FILE", help="The new signature file, such as model.sig.")
@click.option(
    "--public-key", "pem", type=PATH, metavar="FILE", help="Also write this organisation's key to a new file."
)
@click.option("--ignore", multiple=True, metavar="PATH", help="Left out, besides git's own files; may be repeated.")
@click.pass_obj
def sign(session: Session, path: Path, out: Path, pem: Path | None, ignore: tuple[str, ...]) -> None:
    """Sign a model's files, so that whoever gets them can check that they are yours.

    The signature is of the form that OpenSSF's model signing has (1.0): `counterfoil
    model check` reads it, and so does `model_signing verify key`.
    """
    from counterfoil.provenance.signatures.model_signature import GIT_PATHS, public_pem, sign_model

    require_new(out)
    require_new(pem)
    with session.open() as org, session.progress("Reading", in_bytes=True) as progress:
        key = org.own_keys.model()
        data = sign_model(path, key, ignore=(*GIT_PATHS, *ignore, *_inside(path, out)), progress=progress)
    public = public_pem(key.public_key())
    for file, content in ((out, data), (pem, public)):
        if file is not None:
            write_new(file, content)
    session.emit(
        {"public_key": public.decode(), "signature": str(out)},
        [f"Signed: {out}.", "Hand this key out apart from the model:", *public.decode().splitlines()],
    )


@click.command()
@click.argument("path", type=PATH, help="The model: a file or a folder.")
@click.option("--signature", type=PATH, required=True, metavar="FILE", help="The signature file.")
@click.option(
    "--public-key", "pem", type=PATH, metavar="FILE", help="The signer's key in PEM, from somewhere you trust."
)
@click.pass_obj
def check(session: Session, path: Path, signature: Path, pem: Path | None) -> int:
    """Check a model's files against their signature, this organisation's or anybody's.

    Needs no home and no network. Without --public-key it can say that the files are
    those that were signed, and not who signed them. Exit code 4 when something failed.
    """
    from counterfoil.provenance.signatures.model_signature import (
        MAX_SIGNATURE_BYTES,
        check_model_signature,
        read_public_key,
    )

    key = read_public_key(_read(pem, 2**16)) if pem is not None else None
    with session.progress("Reading", in_bytes=True) as progress:
        report = check_model_signature(path, _read(signature, MAX_SIGNATURE_BYTES), key, progress=progress)
    code = report.exit_code(())
    lines = [f"{path}: a {report.what}", "", *report_lines(report), "", f"Verdict: {report.verdict}"]
    session.emit({"exit_code": code, "path": str(path)} | report.to_json(), lines)
    return code


def _inside(path: Path, out: Path) -> tuple[str, ...]:
    """Returns the signature file's own place in the model's folder, where it is in there."""
    try:
        return (out.absolute().relative_to(path.absolute()).as_posix(),)
    except ValueError:
        return ()


def _read(path: Path, most_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > most_bytes:
        raise InvalidInput(f"{path} is larger than {most_bytes:,} bytes")
    return data
