"""`counterfoil ledger move-outbox`: between a file of the home and a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from counterfoil.core.wording import counted
from counterfoil.ledger.packages import require_packages

if TYPE_CHECKING:
    from counterfoil.cli.session import Session

__all__ = ["move_outbox"]


@click.command("move-outbox")
@click.option("--from", "source_url", metavar="URL", default="", help="The database to move it back from.")
@click.option("--dry-run", is_flag=True, help="Say what would be moved, and change nothing.")
@click.pass_obj
def move_outbox(session: Session, source_url: str, dry_run: bool) -> None:
    """Move the outbox to where the home's settings want it.

    With outbox_url in counterfoil.toml it is moved there from its file. Without, --from
    names the database, and it is moved back into a file. Refused while a transaction is
    not done; the old one is set aside, not deleted.
    """
    require_packages()
    from counterfoil.ledger import moving

    with session.open() as org:
        settings, now_s = org.ledger.require_connection(), org.recorder.now_s()
        moved = moving.move_outbox(org.ledger.paths, settings, source_url=source_url, dry_run=dry_run, now_s=now_s)
    number = counted(moved.rows, "transaction")
    said = f"{number} moved from {moved.source} to {moved.target}."
    if not moved.is_done:
        said = f"{number} would be moved from {moved.source} to {moved.target}. Nothing was changed."
    session.emit({"done": moved.is_done, "rows": moved.rows, "source": moved.source, "target": moved.target}, [said])
