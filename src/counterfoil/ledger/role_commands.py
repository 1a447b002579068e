"""`counterfoil ledger roles`: who may anchor a log on the ledger, and to whom it belongs there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from counterfoil.ledger.packages import require_packages

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.ledger.anchors.evidence import Role

__all__ = ["roles"]

ROLE = click.Choice(["owner", "writer"])


@click.group()
def roles() -> None:
    """Hand over the log on the ledger, or who may anchor it, in two steps."""


@roles.command()
@click.pass_obj
def show(session: Session) -> None:
    """Show who owns the log on the ledger, who may anchor it, and what is offered to whom."""
    require_packages()
    from counterfoil.ledger.accounts.account import checksummed

    with session.open() as org:
        where, evidence = org.ledger.require_connection().where, org.ledger.opened.evidence
        held = {
            "owner": evidence.owner(where.log_id),
            "writer": evidence.writer(where.log_id),
            "pending_owner": evidence.pending("owner", where.log_id),
            "pending_writer": evidence.pending("writer", where.log_id),
        }
    shown = {name: checksummed(address) if any(address) else None for name, address in held.items()}
    lines = [f"{name.replace('_', ' '):15} {address or 'nobody'}" for name, address in shown.items()]
    session.emit(shown, lines)


@roles.command()
@click.argument("role", type=ROLE, help="Which one.")
@click.argument("address", help="The account that is to have it.")
@click.pass_obj
def offer(session: Session, role: Role, address: str) -> None:
    """Offer a role to another account, which then accepts it. Only the log's owner can.

    Until it is accepted nothing changes. The zero address withdraws an offer.
    """
    require_packages()
    from counterfoil.ledger.accounts.account import checksummed, parse_address
    from counterfoil.ledger.anchors.evidence import Evidence

    account = parse_address(address)
    with session.open() as org:
        log_id = org.ledger.require_connection().where.log_id
        org.ledger.opened.change(f"offer {role}", Evidence.offer(role, log_id, account))
    to = checksummed(account)
    told = (
        f"The role of {role} is offered to {to}." if any(account) else f"The offer of the role of {role} is withdrawn."
    )
    session.emit({"account": to, "role": role}, [told])


@roles.command()
@click.argument("role", type=ROLE, help="Which one.")
@click.option("--log-id", metavar="ID", help="The log; this home's own by default.")
@click.pass_obj
def accept(session: Session, role: Role, log_id: str | None) -> None:
    """Take a role that this home's account was offered."""
    require_packages()
    from counterfoil.ledger.anchors.evidence import Evidence
    from counterfoil.store.check_file import read_hash

    with session.open() as org:
        wanted = read_hash(log_id) if log_id else org.ledger.require_connection().where.log_id
        org.ledger.opened.change(f"accept {role}", Evidence.accept(role, wanted))
    session.emit({"log_id": f"0x{wanted.hex()}", "role": role}, [f"This home's account is now the log's {role}."])


@roles.command()
@click.pass_obj
def revoke(session: Session) -> None:
    """Stop the writer at once, when its key is lost or stolen. Only the log's owner can.

    Nobody can anchor the log until a new writer has accepted.
    """
    require_packages()
    from counterfoil.ledger.anchors.evidence import Evidence

    with session.open() as org:
        log_id = org.ledger.require_connection().where.log_id
        org.ledger.opened.change("revoke writer", Evidence.revoke_writer(log_id))
    session.emit({"writer": None}, ["Nobody may anchor this log now; offer the role of writer to a new account."])
