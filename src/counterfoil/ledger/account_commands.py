"""`counterfoil ledger accounts`: the accounts that pay and anchor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.ledger.packages import require_packages
from counterfoil.ledger.shapes import account_json, accounts_json

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.ledger.accounts.keyfile import Keyfile

__all__ = ["accounts"]

PATH: Final = click.Path(path_type=Path)


@click.group()
def accounts() -> None:
    """List the accounts of this home, make one, bring one along."""


@accounts.command("list")
@click.pass_obj
def list_accounts(session: Session) -> None:
    """List the accounts whose key files are in this home."""
    require_packages()
    with session.open() as org:
        rows = accounts_json(org.ledger)
    table = session.table(
        ("address", "key file", "used"), [(row["address"], row["file"], "yes" if row["used"] else "") for row in rows]
    )
    session.emit({"accounts": rows}, table if rows else ["This home has no account yet."])


@accounts.command()
@click.option("--account-passphrase-file", type=PATH, metavar="FILE", help="Use the passphrase in this file.")
@click.pass_obj
def create(session: Session, account_passphrase_file: Path | None) -> None:
    """Make an account in an Ethereum key file.

    Without a passphrase of your own, the home's keys open it, so that anchoring needs
    nobody at night.
    """
    require_packages()
    with session.open() as org:
        made = org.ledger.joining.accounts.create(account_passphrase_file)
    _emit_account(session, made)


@accounts.command("import")
@click.argument("file", type=PATH, help="An Ethereum key file, or a file with a secret key of 64 hexadecimal digits.")
@click.option("--account-passphrase-file", type=PATH, metavar="FILE", help="Passphrase of the key file.")
@click.pass_obj
def import_account(session: Session, file: Path, account_passphrase_file: Path | None) -> None:
    """Bring an account along from a key file of another wallet.

    Two programs that send for one account get into each other's way: use an account
    for this home alone.
    """
    require_packages()
    with session.open() as org:
        made = org.ledger.joining.accounts.bring(file, account_passphrase_file)
    _emit_account(session, made)


def _emit_account(session: Session, made: Keyfile) -> None:
    told = account_json(made)
    session.emit(told, [f"The account {told['address']} is in {told['file']}."])
