"""`counterfoil calls`: what models, tools and agents were asked, and what they answered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.calls.shapes import call_json, found_json

if TYPE_CHECKING:
    from counterfoil.cli.session import Session

__all__ = ["calls"]

SHOWN_CHARS: Final = 2_000
"""Longest value that is printed in full; `--json` prints all."""


@click.group()
def calls() -> None:
    """Look at calls of models, tools and agents."""


@calls.command("list")
@click.option("--subject", metavar="REF", help="Your reference of the person.")
@click.option("--operation", metavar="WORD", help="What was done: chat, execute_tool, invoke_agent, …")
@click.option("--trace", metavar="ID", help="Only calls of this trace.")
@click.option("--failed/--not-failed", default=None, help="Only those that did, or did not, go wrong.")
@click.option("--since", metavar="TIME", help="Earliest time, UTC: 2026-11-23 or 2026-11-23T19:00:00Z.")
@click.option("--until", metavar="TIME", help="Latest time, UTC; a day counts to its end.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="Most rows.")
@click.pass_obj
def list_calls(
    session: Session,
    subject: str | None,
    operation: str | None,
    trace: str | None,
    failed: bool | None,
    since: str | None,
    until: str | None,
    limit: int,
) -> None:
    """Find calls, newest first."""
    from counterfoil.store.streams import full_moment

    earliest, latest = full_moment(since, "T00:00:00Z", "--since"), full_moment(until, "T23:59:59Z", "--until")
    with session.open() as org:
        found = org.calls.search(
            subject=subject,
            operation=operation,
            trace=trace,
            failed=failed,
            since=earliest,
            until=latest,
            limit=limit,
        )
        rows = [found_json(row) for row in found]
    header = ("record", "time", "operation", "model", "tool", "agent", "went wrong", "trace")
    cells = [(*(row[name] for name in _COLUMNS), _failed_text(row["failed"]), row["trace"]) for row in rows]
    lines = session.table(header, cells) if rows else ["No such call was found."]
    session.emit({"calls": rows, "limit": limit}, lines)


@calls.command()
@click.argument("index", type=int, help="Place of the record in the log.")
@click.option("--values", is_flag=True, help="Show the private values, too.")
@click.pass_obj
def show(session: Session, index: int, values: bool) -> None:
    """Show one call, and which records it builds on.

    Values that were too large for one record are put together again.
    """
    with session.open() as org:
        data = call_json(org.calls, org.archive, index, with_values=values)
    session.emit(data, _call_lines(data, values))


_COLUMNS: Final = ("index", "time", "operation", "model", "tool", "agent")


def _failed_text(failed: bool | None) -> str:
    return "(erased)" if failed is None else "yes" if failed else ""


def _call_lines(data: Mapping[str, Any], with_values: bool) -> Iterator[str]:
    yield f"Record {data['index']}: {data['operation']}, number {data['seq']} of {data['stream']}, {data['time']}"
    yield f"leaf    {data['leaf']}"
    yield f"issuer  {data['issuer']}"
    for each in data["builds_on"]:
        place = "waiting in the queue" if each["index"] is None else f"record {each['index']}"
        yield f"builds on {each['leaf']} ({place})"
    if data["fields"] is None:
        yield "private values: erased or locked away"
        return
    if not with_values:
        yield f"private values: {len(data['fields'])} fields are there (--values shows them)"
        return
    for field in data["fields"]:
        yield f"  {field['title']}: {_value_text(field['value'])}  ({field['pointer']})"


def _value_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= SHOWN_CHARS:
        return text
    return f"{text[:SHOWN_CHARS]}… ({len(text):,} characters; --json prints all)"
