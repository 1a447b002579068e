"""`counterfoil ledger roles`: who may anchor a log on the ledger, and to whom it belongs there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from counterfoil.ledger.packages import require_packages

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.ledger.anchors.evidence import Role

__all__ = ["roles"]

ROLE: Final = click.Choice(["owner", "writer"])


@click.group()
def roles() -> None:
    """Hand over the log on the ledger, or who may anchor it, in two steps."""


@roles.command()
@click.pass_obj
def show(session: Session) -> None:
    """Show who owns the log on the ledger, who may anchor it, and what is offered to whom."""
    require_packages()
    with session.open() as org:
        held = org.ledger.roles.held()
    session.emit(held, [f"{name.replace('_', ' '):15} {address or 'nobody'}" for name, address in held.items()])


@roles.command()
@click.argument("role", type=ROLE, help="Which one.")
@click.argument("address", help="The account that is to have it.")
@click.pass_obj
def offer(session: Session, role: Role, address: str) -> None:
    """Offer a role to another account, which then accepts it. Only the log's owner can.

    Until it is accepted nothing changes. The zero address withdraws an offer.
    """
    require_packages()
    with session.open() as org:
        to = org.ledger.roles.offer(role, address)
    is_offer = int(to, 16) != 0
    told = f"The role of {role} is offered to {to}." if is_offer else f"The offer of the role of {role} is withdrawn."
    session.emit({"account": to, "role": role}, [told])


@roles.command()
@click.argument("role", type=ROLE, help="Which one.")
@click.option("--log-id", metavar="ID", help="The log; this home's own by default.")
@click.pass_obj
def accept(session: Session, role: Role, log_id: str | None) -> None:
    """Take a role that this home's account was offered."""
    require_packages()
    with session.open() as org:
        taken = org.ledger.roles.accept(role, log_id)
    session.emit({"log_id": taken, "role": role}, [f"This home's account is now the log's {role}."])


@roles.command()
@click.pass_obj
def revoke(session: Session) -> None:
    """Stop the writer at once, when its key is lost or stolen. Only the log's owner can.

    Nobody can anchor the log until a new writer has accepted.
    """
    require_packages()
    with session.open() as org:
        org.ledger.roles.revoke_writer()
    session.emit({"writer": None}, ["Nobody may anchor this log now; offer the role of writer to a new account."])
