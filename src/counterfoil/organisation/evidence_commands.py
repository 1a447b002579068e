"""`counterfoil log` and `counterfoil bundle`: looking into the log, and handing parts of it out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.core.wording import counted
from counterfoil.decisions.shapes import found_json, history_json
from counterfoil.errors import InvalidInput
from counterfoil.organisation.bundles import places_about, read_show
from counterfoil.organisation.shapes import fields_json, record_json

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.decisions import History

__all__ = ["bundle", "log"]

PATH: Final = click.Path(path_type=Path)


@click.group()
def log() -> None:
    """Look into the log: one record, a search, the signed head."""


@log.command()
@click.argument("index", type=int, help="Place of the record in the log.")
@click.option("--values", is_flag=True, help="Show the private values, too.")
@click.pass_obj
def show(session: Session, index: int, values: bool) -> None:
    """Show one record; for a decision also what followed, and its state.

    The state is what `override --saw` asks for: it stands for the decision and all
    that followed, as it is shown here.
    """
    with session.open() as org:
        record = org.archive.record(index)
        history = org.decisions.history(index) if record.kind == "decision" else None
        data = record_json(org, index, record) | (history_json(history) if history else {})
        data["fields"] = fields_json(org, index, record, with_values=values)
    session.emit(data, _record_lines(data, history, values))


@log.command()
@click.option("--subject", metavar="REF", help="Your reference of the person.")
@click.option("--label", help="The decision as it stands today.")
@click.option("--since", metavar="TIME", help="Earliest time, UTC: 2026-11-23 or 2026-11-23T19:00:00Z.")
@click.option("--until", metavar="TIME", help="Latest time, UTC; a day counts to its end.")
@click.option("--overridden/--not-overridden", default=None, help="Only those that a person did, or did not, change.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="Most rows.")
@click.pass_obj
def search(
    session: Session,
    subject: str | None,
    label: str | None,
    since: str | None,
    until: str | None,
    overridden: bool | None,
    limit: int,
) -> None:
    """Find decisions, newest first."""
    from counterfoil.store.streams import full_moment

    earliest, latest = full_moment(since, "T00:00:00Z", "--since"), full_moment(until, "T23:59:59Z", "--until")
    with session.open() as org:
        found = org.decisions.search(
            subject=subject, label=label, since=earliest, until=latest, overridden=overridden, limit=limit
        )
        rows = [found_json(row) for row in found]
    header = ("record", "time", "decision", "as it stands", "score", "outcome")
    cells = [
        (row["index"], row["time"], row["label"] or "(erased)", row["label_now"], row["score_micro"], row["outcome"])
        for row in rows
    ]
    session.emit(
        {"decisions": rows, "limit": limit}, session.table(header, cells) if rows else ["No such decision was found."]
    )


@log.command()
@click.pass_obj
def head(session: Session) -> None:
    """Print the signed head over everything recorded so far.

    Keep it: a later bundle must extend it (`counterfoil check --since`).
    """
    with session.open() as org:
        note, size, issuer = org.checkpoint(), org.archive.size, str(org.issuer)
    session.emit({"head": note, "issuer": issuer, "size": size}, note.removesuffix("\n").split("\n"))


@click.command()
@click.argument("out", type=PATH, metavar="OUT.zip", help="The new file.")
@click.option("--from", "first", type=click.IntRange(min=0), metavar="INDEX", help="First record of a range.")
@click.option("--to", "last", type=click.IntRange(min=0), metavar="INDEX", help="Last record of a range.")
@click.option("--index", "indices", type=int, multiple=True, metavar="INDEX", help="One record; may be repeated.")
@click.option("--subject", metavar="REF", help="Every record about this person.")
@click.option(
    "--show",
    multiple=True,
    metavar="POINTER",
    help="Fields to show: everything, nothing (the default), or a field or group such as /output; may be repeated.",
)
@click.pass_obj
def bundle(
    session: Session,
    out: Path,
    first: int | None,
    last: int | None,
    indices: tuple[int, ...],
    subject: str | None,
    show: tuple[str, ...],
) -> None:
    """Write records, their proofs and chosen fields into one file for an auditor.

    Without a choice the whole log is taken. Only a range, whole blocks of 256 records,
    can show that nothing is missing. Chosen records bring along those they build on.
    """
    chosen = [name for name, given in (("--from/--to", first is not None or last is not None),) if given]
    chosen += [name for name, given in (("--index", indices), ("--subject", subject)) if given]
    if len(chosen) > 1:
        raise click.UsageError(f"{' and '.join(chosen)} cannot be combined")
    fields = read_show(show)
    if out.exists():
        raise InvalidInput(f"{out} already exists", hint="choose another name or remove it first")
    with session.open() as org, session.progress("Writing") as progress:
        if indices or subject is not None:
            places = list(indices) if subject is None else places_about(org.vault, subject)
            written = org.bundles.write_records(out, places, show=fields, progress=progress)
        else:
            end = None if last is None else last + 1
            written = org.bundles.write_range(out, first or 0, end, show=fields, progress=progress)
        issuer = str(org.issuer)
    stand = "is" if written.records == 1 else "are"
    said = f"{counted(written.records, 'record')} {stand} in {out}"
    lines = [f"{said}, {written.shown:,} of them with fields shown."]
    if written.withheld:
        lines.append(f"{written.withheld:,} have fields that were erased or are locked away.")
    lines.append(f"To check it: counterfoil check {out} --issuer '{issuer}'")
    session.emit(
        {
            "file": str(out),
            "issuer": issuer,
            "records": written.records,
            "shown": written.shown,
            "withheld": written.withheld,
        },
        lines,
    )


def _record_lines(data: Mapping[str, Any], history: History | None, with_values: bool) -> Iterator[str]:
    yield f"Record {data['index']}: {data['kind']} number {data['seq']} of {data['stream']}, {data['time']}"
    yield f"leaf    {data['leaf']}"
    yield f"issuer  {data['issuer']}"
    for leaf in data["builds_on"]:
        yield f"builds on {leaf}"
    if data["about"]:
        yield f"public  {json.dumps(data['about'], ensure_ascii=False, sort_keys=True)}"
    yield from _field_lines(data["fields"], with_values)
    if history is not None:
        yield f"decided by the model at record {data['model']} under the policy {data['policy']}"
        for each in history.followed:
            yield f"followed by {each.kind} {each.index}, {each.time}{_values_text(each.values) if with_values else ''}"
        yield f"as it stands: {history.label_now or '(erased)'}"
        yield f"state   {history.state}"


def _field_lines(fields: list[dict[str, Any]] | None, with_values: bool) -> Iterator[str]:
    if fields is None:
        yield "private values: erased or locked away"
        return
    there = [each for each in fields if each["is_there"]]
    if not with_values:
        if fields:
            yield f"private values: {len(there)} of {len(fields)} fields are there (--values shows them)"
        return
    for each in there:
        value = each["value"]
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield f"  {each['title']}: {text}  ({each['pointer']})"


def _values_text(values: Mapping[str, Any] | None) -> str:
    if values is None:
        return ": (erased)"
    return ": " + ", ".join(f"{pointer.lstrip('/')} {value}" for pointer, value in values.items() if value != "")
