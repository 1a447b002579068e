"""`counterfoil fingerprint`: what a file or folder is, and what changed in it. Needs no home."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.errors import InvalidInput, NotAllowed
from counterfoil.provenance.fingerprints.algorithm import ALGORITHMS, Algorithm, require_algorithm
from counterfoil.provenance.fingerprints.difference import difference_of
from counterfoil.provenance.fingerprints.fingerprint import Fingerprint
from counterfoil.provenance.fingerprints.model import model_digest
from counterfoil.provenance.fingerprints.reading import MOST_THREADS, fingerprint_of
from counterfoil.provenance.fingerprints.report import difference_lines, fingerprint_lines, told_json
from counterfoil.provenance.fingerprints.stat_cache import StatCache
from counterfoil.provenance.fingerprints.table_source import table_of
from counterfoil.provenance.passports.subject import FingerprintOf
from counterfoil.store.new_file import require_new

if TYPE_CHECKING:
    from counterfoil.cli.session import Session

__all__ = ["fingerprint"]

PATH: Final = click.Path(path_type=Path)


@click.command()
@click.argument("path", type=PATH, help="A file or folder.")
@click.option("--against", type=PATH, metavar="FILE", help="Say what changed since this fingerprint, or passport.")
@click.option("--out", type=PATH, metavar="FILE", help="Write the fingerprint to a new file, to compare with later.")
@click.option(
    "--algorithm", type=click.Choice(ALGORITHMS), help="Hash of the contents; what --against has, or else sha256."
)
@click.option(
    "--ignore", multiple=True, metavar="PATTERN", help="Leave out what is called or lies so: '*.tmp'; may be repeated."
)
@click.option("--follow-links", is_flag=True, help="Take links for what they lead to.")
@click.option("--threads", type=click.IntRange(1, MOST_THREADS), help="Threads that read; one a processor by default.")
@click.option("--rows", is_flag=True, help="Of a table, also say what its columns and rows are, whatever its file.")
@click.option("--any-order", is_flag=True, help="The same, and the order of the rows does not count.")
@click.option("--model", "is_model", is_flag=True, help="Of a model, also say what it means, however it was saved.")
@click.option("--fresh", is_flag=True, help="Read every byte, also of files that were not changed since the last time.")
@click.pass_obj
def fingerprint(
    session: Session,
    path: Path,
    against: Path | None,
    out: Path | None,
    algorithm: Algorithm | None,
    ignore: tuple[str, ...],
    follow_links: bool,
    threads: int | None,
    rows: bool,
    any_order: bool,
    is_model: bool,
    fresh: bool,
) -> int:
    """Take the fingerprint of a file or folder: it changes with any name, size or content in it.

    Files that were not changed since the last time are not read again, by what the
    disk says of them; --fresh reads them all the same. With --against, exit code 4
    where it is not as it was: its rows or its model, where those were asked for, and
    otherwise its files.
    """
    before, only = _before(against) if against is not None else (None, "")
    has_asked_rows, has_asked_model = rows or any_order, is_model
    if before is not None:
        algorithm, ignore = algorithm or require_algorithm(before.algorithm), ignore or before.ignored
    if isinstance(before, Fingerprint):
        any_order = any_order or (before.table is not None and before.table.order == "any")
        rows, is_model = rows or before.table is not None, is_model or bool(before.model_sha256)
    require_new(out)
    cache = None if fresh else StatCache.of(path, (*ignore, "links" if follow_links else ""))
    with session.progress("Reading", in_bytes=True) as progress:
        made = fingerprint_of(
            path,
            algorithm=algorithm or "sha256",
            ignore=ignore,
            follow_links=follow_links,
            threads=threads,
            cache=cache,
            progress=progress,
        )
        # Of data that need not be a table or model any more, the files are compared in any case.
        if rows or any_order:
            with suppress(*(() if has_asked_rows else (InvalidInput,))):
                made = replace(made, table=table_of(path, order="any" if any_order else "kept"))
    if is_model:
        with suppress(*(() if has_asked_model else (InvalidInput, NotAllowed))):
            made = replace(made, model_sha256=model_digest(path).hex())
    if only and against is not None and path.is_dir() and (path / only).is_file():
        session.remark(f"note: {against.name} is about one file; compare that: counterfoil fingerprint {path / only}")
    if out is not None:
        made.save(out)
    for one, other in made.alike():
        session.remark(f"note: {one} and {other} look the same; some disks keep only one of them")
    if isinstance(before, FingerprintOf) and against is not None:
        is_same = made.root.hex() == before.root
        session.emit(
            told_json(made, None) | {"same": is_same}, [*fingerprint_lines(path, made), *_root_lines(against, is_same)]
        )
        return 0 if is_same else 4
    found = difference_of(before, made) if isinstance(before, Fingerprint) else None
    session.emit(told_json(made, found), [*fingerprint_lines(path, made), *difference_lines(against, found)])
    return 0 if found is None or found.is_same else 4


def _before(against: Path) -> tuple[Fingerprint | FingerprintOf, str]:
    """Returns the fingerprint in a file of its own, or in a passport's, and the name of the only file in it.

    Where a passport carries no fingerprint, what names it; where there are several files, no name.
    """
    from counterfoil.provenance.passports.data_check import passport_in, read_passport_file

    file = read_passport_file(against)
    if file is None:
        loaded = _loaded(against)
        return loaded, loaded.entries[0].name if loaded.files == 1 else ""
    held = passport_in(file)
    found = held.fingerprint or held.subject.fingerprint
    if found is None:
        raise InvalidInput(
            f"{against.name} names no fingerprint",
            hint=f"hold data to it: counterfoil check {against.name} --data",
        )
    files = held.subject.files
    return found, files[0].name if len(files) == 1 else ""


def _loaded(against: Path) -> Fingerprint:
    try:
        return Fingerprint.load(against)
    except InvalidInput as error:
        raise InvalidInput(
            f"{against.name} is no fingerprint and no passport: {error.message}",
            hint="--against takes what `fingerprint --out` or `passport export` wrote, the latter in its own format",
        ) from error


def _root_lines(against: Path, is_same: bool) -> list[str]:
    """Returns what is known where only the root of the other fingerprint is."""
    if is_same:
        return ["", f"Nothing changed since {against.name}: every name, size and content is as it was."]
    return ["", f"Not as it was in {against.name}, which carries no whole fingerprint to say which file changed."]
