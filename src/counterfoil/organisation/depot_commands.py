"""`counterfoil depot`: finished parts of the home in an object store."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from counterfoil.core.wording import counted

if TYPE_CHECKING:
    from counterfoil.cli.session import Session

__all__ = ["depot"]


@click.group()
def depot() -> None:
    """Keep finished parts of the log and the vault, and models, in an object store."""


@depot.command()
@click.pass_obj
def status(session: Session) -> None:
    """Say what is in the depot, what is here too, and what waits. Does not ask the store."""
    with session.open() as org:
        found = org.depot.status()
    lines = [
        f"In the depot: {counted(found.kept, 'part')}, {_size(found.kept_bytes)}; "
        f"of that, {_size(found.here_too_bytes)} are here too.",
        f"Waiting to be pushed: {counted(found.waiting, 'part')}, {_size(found.waiting_bytes)}.",
    ]
    if not found.is_named:
        lines.append("The settings name no depot: depot_url in counterfoil.toml does.")
    session.emit(asdict(found), lines)


@depot.command()
@click.option("--drop", is_flag=True, help="Delete here what the depot keeps; it is fetched when it is read.")
@click.pass_obj
def push(session: Session, drop: bool) -> None:
    """Copy full parts of the log, of the vault (sealed), and models to the depot, and read each back."""
    with session.open() as org, session.progress("Pushing") as progress:
        done = org.depot.push(drop=drop, progress=progress)
    said = f"{counted(done.parts, 'part')}, {_size(done.size_bytes)}, copied to the depot and read back."
    if drop:
        said += f" {_size(done.freed_bytes)} were freed here."
    session.emit(asdict(done), [said])


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
