"""`counterfoil market shares make`, `check` and `claim`: paying many contributors through one root of claims."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.errors import InvalidInput
from counterfoil.ledger.packages import require_packages
from counterfoil.market.consent import carried_out, sending
from counterfoil.store.named_file import read_named
from counterfoil.store.new_file import write_new

if TYPE_CHECKING:
    from counterfoil.cli.session import Session

__all__ = ["check_shares", "claim_share", "make_shares"]

PATH: Final = click.Path(path_type=Path)
_HEADER: Final = ["account", "part"]
_MOST_DIGITS: Final = 30


@click.command("make")
@click.argument("file", type=PATH, help="CSV with the columns account and part: whole numbers, in proportion.")
@click.option("--out", type=PATH, required=True, metavar="FILE", help="The share file, to be given to all of them.")
@click.pass_obj
def make_shares(session: Session, file: Path, out: Path) -> None:
    """Make a share file: who gets which part of what comes in under one root, for up to 100,000 accounts.

    Set the root as a share with `counterfoil market shares set OFFER ROOT=PERCENT`; then everybody
    named in the file claims its part with it, whenever it likes.
    """
    from counterfoil.market.contributions.share_file import ShareFile

    made = ShareFile.of(_amounts(file))
    write_new(out, made.encode())
    lines = [f"root        {made.root}", f"accounts    {len(made.claims):,}", f"written     {out}"]
    session.emit({"accounts": len(made.claims), "file": str(out), "root": made.root}, lines)


@click.command("check")
@click.argument("file", type=PATH, help="The share file.")
@click.option("--account", default="", metavar="ADDRESS", help="Show the part of this one, and its proof.")
@click.option("--root", default="", metavar="ROOT", help="As the ledger has it: `counterfoil market shares show`.")
@click.pass_obj
def check_shares(session: Session, file: Path, account: str, root: str) -> None:
    """Check a share file without any ledger: its root is worked out anew, and an account's part shown."""
    from counterfoil.errors import DoesNotMatch
    from counterfoil.market.contributions.share_file import WHOLE, ShareFile

    found = ShareFile.read(read_named(file))
    if root and root.removeprefix("0x").lower() != found.root:
        raise DoesNotMatch(
            f"the file's claims have the root {found.root}", hint="ask for the file of the root you have"
        )
    told = {"accounts": len(found.claims), "root": found.root}
    lines = [f"root        {found.root}", f"accounts    {len(found.claims):,}"]
    if account:
        claim = found.claim(account)
        told["claim"] = claim.to_json()
        lines.append(f"part        {claim.weight * 100 / WHOLE:.10f} percent, leaf {claim.index} of {claim.size}")
    session.emit(told, lines)


@click.command("claim")
@click.argument("file", type=PATH, help="The share file.")
@click.option("--token", default="", metavar="ADDRESS", help="The token; otherwise that of the settings.")
@sending
@click.pass_obj
def claim_share(session: Session, file: Path, token: str, dry_run: bool, yes: bool) -> None:
    """Claim this account's part of what came in under a root of claims; what was claimed before is left out."""
    require_packages()
    from counterfoil.market.contributions.share_file import ShareFile

    found = ShareFile.read(read_named(file))
    with session.open() as org:
        claim = found.claim(org.ledger.require_connection().account)
        plan = org.ledger.market.claiming(claim.root, claim.weight, claim.index, claim.size, claim.proof, token)
        holds = carried_out(session, org, *plan, dry_run=dry_run, yes=yes)
    if holds is not None:
        session.emit({"done": True, "holds": holds.to_json()}, [f"The account holds {holds.text} now."])


def _amounts(path: Path) -> dict[str, int]:
    """Returns the parts in a CSV file.

    Raises:
        InvalidInput: It is something else, or names an account twice.
    """
    try:
        rows = list(csv.reader(io.StringIO(read_named(path).decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{path.name} is no CSV in UTF-8", hint="columns: account, part") from error
    if not rows or rows[0] != _HEADER:
        raise InvalidInput(f"{path.name} has other columns", hint=f"the first line is {','.join(_HEADER)}")
    found: dict[str, int] = {}
    for number, row in enumerate(rows[1:], 2):
        is_part = len(row) == 2 and row[1].isascii() and row[1].isdigit() and len(row[1]) <= _MOST_DIGITS
        if not is_part or row[0] in found:
            raise InvalidInput(
                f"line {number} of {path.name} is no account and its part, or names one twice",
                hint="0x and 40 digits, a comma, and a whole number",
            )
        found[row[0]] = int(row[1])
    return found
