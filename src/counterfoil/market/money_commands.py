"""`counterfoil market payouts`, `shares` and `credits`: what offers brought, who gets a part, credits for local use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.ledger.packages import require_packages
from counterfoil.market.consent import carried_out, sending
from counterfoil.market.contributions.share_commands import check_shares, claim_share, make_shares
from counterfoil.market.lines import offer_lines

if TYPE_CHECKING:
    from counterfoil.cli.session import Session

__all__ = ["credits", "payouts", "shares"]

PATH: Final = click.Path(path_type=Path)
_TOKEN: Final = click.option(
    "--token", default="", metavar="ADDRESS", help="The token; otherwise that of the settings."
)


@click.group()
def payouts() -> None:
    """See what the market owes this home's account, and have it sent."""


@payouts.command("show")
@_TOKEN
@click.option("--days", type=click.IntRange(1, 3_650), default=30, help="Earnings of so many days.", show_default=True)
@click.pass_obj
def show_payouts(session: Session, token: str, days: int) -> None:
    """Show what the market owes this account, what the account holds, and what was earned each day."""
    require_packages()
    with session.open() as org:
        trading = org.ledger.market
        owed, holds = trading.owed(token), trading.balance(token)
        earned = org.market.selling.earnings.by_day(days)
    lines = [f"owed        {owed.text}, to be withdrawn at any time", f"account     holds {holds.text}"]
    rows = [(each.day, each.orders, each.price.text) for each in earned]
    lines += ["", *session.table(("day", "orders", "buyers paid"), rows)] if rows else []
    told = {"earnings": [each.to_json() for each in earned], "holds": holds.to_json(), "owed": owed.to_json()}
    session.emit(told, lines)


@payouts.command("withdraw")
@_TOKEN
@sending
@click.pass_obj
def withdraw_payouts(session: Session, token: str, dry_run: bool, yes: bool) -> None:
    """Have the market send everything that it owes this home's account."""
    require_packages()
    with session.open() as org:
        holds = carried_out(session, org, *org.ledger.market.withdrawing(token), dry_run=dry_run, yes=yes)
    if holds is not None:
        session.emit({"done": True, "holds": holds.to_json()}, [f"The account holds {holds.text} now."])


@click.group()
def shares() -> None:
    """Say who gets which part of what an offer brings, after fees; the rest is the seller's."""


@shares.command("show")
@click.argument("offer_id", metavar="OFFER", help="The offer's id.")
@click.pass_obj
def show_shares(session: Session, offer_id: str) -> None:
    """Show who gets which part."""
    require_packages()
    with session.open() as org:
        found = org.ledger.market.offer(offer_id)
    parts = None if found.shares is None else [each.to_json() for each in found.shares]
    if parts is None:
        lines = ["Its shares were not shown on the ledger."]
    else:
        lines = [f"{each['bps'] / 100:g} percent for {each['payee']}" for each in parts]
        lines.append(f"{(10_000 - sum(each['bps'] for each in parts)) / 100:g} percent for the seller, {found.seller}")
    session.emit({"offer": found.offer, "shares": parts}, lines)


@shares.command("set")
@click.argument("offer_id", metavar="OFFER", help="The offer's id.")
@click.argument(
    "parts", nargs=-1, metavar="[ADDRESS=PERCENT]…", help="Accounts or roots of claims; none shares nothing."
)
@sending
@click.pass_obj
def set_shares(session: Session, offer_id: str, parts: tuple[str, ...], dry_run: bool, yes: bool) -> None:
    """Share what an offer brings from now on; what was bought before keeps its shares."""
    require_packages()
    from counterfoil.market.selling.listing_options import read_parts

    with session.open() as org:
        plan = org.ledger.market.setting_shares(offer_id, read_parts(parts))
        made = carried_out(session, org, *plan, dry_run=dry_run, yes=yes)
    if made is not None:
        session.emit(made.to_json(), ["What it brings from now on is shared so.", *offer_lines(made)])


for _command in (make_shares, check_shares, claim_share):
    shares.add_command(_command)


@click.group()
def credits() -> None:
    """Make and count credits: a token for local use, worth what its users agree on."""


@credits.command("balance")
@click.argument("account", metavar="[ADDRESS]", required=False, help="This home's account without.")
@_TOKEN
@click.pass_obj
def show_balance(session: Session, account: str | None, token: str) -> None:
    """Show what an account holds."""
    require_packages()
    with session.open() as org:
        holds = org.ledger.market.balance(token, account or "")
    session.emit(holds.to_json(), [holds.text])


@credits.command("mint")
@click.argument("amount", help="Such as 100 or 12.50.")
@click.option("--to", metavar="ADDRESS", help="For this account; for this home's without.")
@sending
@click.pass_obj
def mint_credits(session: Session, amount: str, to: str | None, dry_run: bool, yes: bool) -> None:
    """Make credits. Only their minter can: the account that put them on the ledger, or whom it named."""
    require_packages()
    with session.open() as org:
        account = to or org.ledger.require_connection().account
        made = carried_out(session, org, *org.ledger.market.minting(account, amount), dry_run=dry_run, yes=yes)
        holds = org.ledger.market.balance("", account) if made is not None else None
    if holds is not None:
        session.emit(
            {"account": account, "done": True, "holds": holds.to_json()}, [f"{account} holds {holds.text} now."]
        )
