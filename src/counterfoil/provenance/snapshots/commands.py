"""`counterfoil snapshot`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.core.wording import counted
from counterfoil.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.provenance.snapshots.source import Source

__all__ = ["snapshot"]

PATH: Final = click.Path(path_type=Path)
_KINDS: Final = "--url, --api, --sql or --path"


@click.group()
def snapshot() -> None:
    """Keep what live sources give: a URL, an API, a database, an object store.

    A secret that a source asks for comes from --secret-file, from
    COUNTERFOIL_SNAPSHOT_SECRET or, on the web, from .netrc; never from the command
    line, where others on the machine can read it.
    """


@snapshot.command("take")
@click.argument("name", help="Name of the dataset that it becomes a version of.")
@click.option("--url", metavar="URL", help="A file on the web: https://data.example/rates.csv")
@click.option("--api", type=PATH, metavar="FILE.toml", help="A paged JSON API, as this file describes it.")
@click.option("--sql", metavar="URL", help="A database: postgresql://reader@db.example/rates; with --query.")
@click.option("--query", type=PATH, metavar="FILE.sql", help="The SELECT to run there.")
@click.option("--path", metavar="URL", help="A file in a store: s3://bucket/rates.parquet")
@click.option("--file-name", default="", help="Name of the file; by its address otherwise. Its ending says what it is.")
@click.option("--version", default="", help="In your own numbering; 1, 2, … by default.")
@click.option("--note", "notes", multiple=True, metavar="KEY=VALUE", help="Licence, purpose; may be repeated.")
@click.option("--secret-file", type=PATH, metavar="FILE", help="Holds the token or password; mode 0600.")
@click.option("--most-mib", type=click.IntRange(1), default=8_192, show_default=True, help="Largest that is taken.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(0.1), default=3_600, show_default=True, help="Seconds in all."
)
@click.option("--dry-run", is_flag=True, help="Say what would be fetched; ask nobody and record nothing.")
@click.pass_obj
def take(
    session: Session,
    name: str,
    url: str | None,
    api: Path | None,
    sql: str | None,
    query: Path | None,
    path: str | None,
    file_name: str,
    version: str,
    notes: tuple[str, ...],
    secret_file: Path | None,
    most_mib: int,
    timeout_s: float,
    dry_run: bool,
) -> None:
    """Fetch what a source gives now, keep it, and record it with where it came from.

    An unchanged source makes no second copy and no version, but where other notes
    are given; that it was asked is on record.
    """
    from counterfoil.provenance.shapes import key_values, twin_lines
    from counterfoil.provenance.snapshots.shapes import size_words, source_words, taken_json
    from counterfoil.provenance.snapshots.source import Limits

    limits = Limits(most_bytes=most_mib << 20, timeout_s=timeout_s)
    source = _source(url, api, sql, query, path, file_name, secret_file)
    pairs = key_values(notes, "--note")
    with session.open() as org:
        if dry_run:
            told = source.describe()
            known = org.provenance.snapshots.all(name)
            lines = [f"Would fetch {source_words(told)}.", f"{counted(len(known), 'version')} of {name} on record."]
            session.emit({"dry_run": True, "source": told, "versions": len(known)}, lines)
            return
        with session.progress("Fetching", in_bytes=True) as progress:
            taken = org.provenance.snapshots.take(
                source, name=name, version=version, notes=pairs, limits=limits, progress=progress
            )
        twins = twin_lines(taken.dataset, org.provenance.datasets(name)) if taken.is_new else []
    record = taken.dataset.record
    if taken.is_new:
        said = f"{record.name} {record.version} is record {taken.dataset.index}: {size_words(record.size_bytes)}."
    else:
        said = f"Unchanged since {record.name} {record.version} (record {taken.dataset.index}); no copy was made."
    session.emit(
        taken_json(taken), [said, *twins, f"SHA-256 {record.sha256}", f"Run {taken.run.index} says where it came from."]
    )


@snapshot.command("list")
@click.option("--name", default="", help="Only versions of this dataset.")
@click.pass_obj
def list_snapshots(session: Session, name: str) -> None:
    """List the snapshots, oldest first, and what their contents take on the disk."""
    from counterfoil.provenance.snapshots.shapes import size_words, snapshot_json, source_words

    with session.open() as org:
        found, taken_bytes = org.provenance.snapshots.all(name), org.provenance.snapshots.size_bytes()
    rows = [
        (
            each.dataset.index,
            f"{each.dataset.record.name}@{each.dataset.record.version}",
            size_words(each.dataset.record.size_bytes),
            each.fetches[-1].ended,
            len(each.fetches),
            each.state,
            source_words(each.fetches[-1].source),
        )
        for each in found
    ]
    header = ("record", "snapshot", "size", "last fetch", "fetches", "contents", "source")
    lines = session.table(header, rows) if rows else ["No snapshots yet."]
    lines.append(f"On the disk: {size_words(taken_bytes)}.")
    session.emit({"disk_bytes": taken_bytes, "snapshots": [snapshot_json(each) for each in found]}, lines)


@snapshot.command("export")
@click.argument("wanted", metavar="NAME[@VERSION]|INDEX", help="A snapshot; of a name, its newest version.")
@click.option("--out", type=PATH, required=True, metavar="PATH", help="The new file.")
@click.pass_obj
def export(session: Session, wanted: str, out: Path) -> None:
    """Write the contents to a new file, held against their digest."""
    with session.open() as org, session.progress("Writing", in_bytes=True) as progress:
        found = org.provenance.snapshots.find(wanted)
        size = org.provenance.snapshots.export(found.dataset, out, progress)
    record = found.dataset.record
    session.emit(
        {"file": str(out), "name": record.name, "sha256": record.sha256, "size_bytes": size, "version": record.version},
        [f"Wrote {record.name} {record.version} to {out}: {size:,} bytes.", f"SHA-256 {record.sha256}"],
    )


@snapshot.command("check")
@click.pass_obj
def check(session: Session) -> int:
    """Read all contents and hold them against their digests; exit code 4 where something is wrong."""
    with session.open() as org, session.progress("Reading", in_bytes=True) as progress:
        wrong = org.provenance.snapshots.check(progress)
        found = org.provenance.snapshots.all()
    names = {each.dataset.record.sha256: f"{each.dataset.record.name}@{each.dataset.record.version}" for each in found}
    kept = len({each.dataset.record.sha256 for each in found if each.state == "kept"} - wrong.keys())
    lines = [f"{names[digest]}: {words}" for digest, words in wrong.items()]
    told = [{"sha256": digest, "snapshot": names[digest], "wrong": words} for digest, words in wrong.items()]
    last = f"{kept:,} sound, {len(wrong):,} wrong."
    if len(names) < len(found):  # versions that differ in their notes, or went back to what was
        last += f" {counted(len(found), 'version')}, {counted(len(names), 'content')}."
    session.emit({"sound": kept, "wrong": told}, [*lines, last])
    return 4 if wrong else 0


@snapshot.command("remove")
@click.argument("wanted", metavar="NAME[@VERSION]|INDEX", help="A snapshot; of a name, its newest version.")
@click.option("--reason", required=True, help="Why; recorded. Name nobody.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(session: Session, wanted: str, reason: str, dry_run: bool, yes: bool) -> None:
    """Destroy a snapshot's contents for good; that it was taken, and its digest, stay on record."""
    from counterfoil.provenance.snapshots.shapes import size_words

    with session.open() as org:
        found = org.provenance.snapshots.find(wanted).dataset
        plan = org.provenance.snapshots.remove(found, reason=reason, is_dry_run=True)
        names = [f"{each.record.name}@{each.record.version}" for each in plan.datasets]
        told = [f"The contents of {', '.join(names)} would go for good: {size_words(found.record.size_bytes)}."]
        if dry_run:
            session.emit({"dry_run": True, "freed_bytes": 0, "snapshots": names}, told)
            return
        if not yes:
            session.confirm(told, "Remove them?", hint="repeat it with --yes; --dry-run says what would go")
        done = org.provenance.snapshots.remove(found, reason=reason)
    session.emit(
        {"dry_run": False, "freed_bytes": done.freed_bytes, "snapshots": names},
        [f"Removed the contents of {', '.join(names)}; {size_words(done.freed_bytes)} are free again."],
    )


def _source(
    url: str | None,
    api: Path | None,
    sql: str | None,
    query: Path | None,
    path: str | None,
    file_name: str,
    secret_file: Path | None,
) -> Source:
    """Returns the one source that was named."""
    from counterfoil.provenance.snapshots import ApiForm, ApiSource, PathSource, SqlSource, UrlSource
    from counterfoil.provenance.snapshots.credentials import find_secret
    from counterfoil.provenance.snapshots.sql_source import require_no_password

    if sum(each is not None for each in (url, api, sql, path)) != 1:
        raise InvalidInput(f"a snapshot has one source: {_KINDS}", hint="name one of them")
    if (query is not None) != (sql is not None):
        raise InvalidInput("--sql and --query go together", hint="--query names the file that holds the SELECT")
    if path is not None:
        if secret_file is not None:
            raise InvalidInput("a store takes its credentials by its own means", hint="such as ~/.aws, AWS_… variables")
        return PathSource(path, file_name)
    secret = find_secret(secret_file)
    if url is not None:
        return UrlSource(url, secret, file_name)
    if api is not None:
        return ApiSource(ApiForm.load(api), secret)
    assert sql is not None
    assert query is not None
    require_no_password(sql)
    return SqlSource(sql, _text(query), secret)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFound(f"the query {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the query {path} is no text in UTF-8") from error
