"""`counterfoil market publish` and `counterfoil market offer`: putting data and models on offer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.errors import CounterfoilError
from counterfoil.ledger.packages import require_packages
from counterfoil.market.consent import carried_out, sending
from counterfoil.market.lines import offer_lines, sheet_lines
from counterfoil.market.selling.listing_options import listing, to_list

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.organisation import Organisation

__all__ = ["offer", "publish"]

PATH: Final = click.Path(path_type=Path)
_MOST_TITLE: Final = 40


@click.command()
@click.argument("what", metavar="DATASET|MODEL", help="Name, or place of its record in the log.")
@click.argument(
    "where", metavar="FILE|FOLDER|URL|SNAPSHOT", help="Its contents, which are read when they are asked for."
)
@click.option(
    "--number", type=click.IntRange(0), default=1, help="Your number for this offer of it.", show_default=True
)
@listing
@sending
@click.pass_obj
def publish(session: Session, /, what: str, where: str, number: int, dry_run: bool, yes: bool, **given: Any) -> None:
    """Register a dataset or model on the ledger and offer it, in one transaction.

    The offer sheet is filled in from its record, its passport and its quality report. All
    of the sheet is public; the contents leave this home for buyers alone. The same again
    sends nothing, and other options make the offer anew under the same number.
    """
    _publish(session, what, where, number, given, dry_run=dry_run, yes=yes)


@click.group()
def offer() -> None:
    """Offer something more than once, ask another price, or withdraw."""


@offer.command("add")
@click.argument("what", metavar="DATASET|MODEL", help="Name, or place of its record in the log.")
@click.argument("where", metavar="FILE|FOLDER|URL|SNAPSHOT", help="Its contents.")
@listing
@sending
@click.pass_obj
def add_offer(session: Session, /, what: str, where: str, dry_run: bool, yes: bool, **given: Any) -> None:
    """Offer something once more, beside the offers that are there: at another price, under other terms."""
    _publish(session, what, where, None, given, dry_run=dry_run, yes=yes)


@offer.command("list")
@click.option("--all", "everybody", is_flag=True, help="Those of others, too.")
@click.pass_obj
def list_offers(session: Session, everybody: bool) -> None:
    """List the offers on the ledger that this home made, in the order in which they were said."""
    require_packages()
    with session.open() as org:
        trading = org.ledger.market
        found = trading.offers(seller="" if everybody else f"0x{trading.account.hex()}", limit=None)
        titles = [_title(org, each.sheet) for each in found]
    header = ("title", "kind", "price", "left", "stands", "number", "offer")
    rows = [
        (
            title,
            each.kind,
            each.price.text,
            "any" if each.left is None else each.left,
            _stands(each.is_open),
            each.number,
            each.offer,
        )
        for title, each in zip(titles, found, strict=True)
    ]
    session.emit(
        {"offers": [each.to_json() for each in found]}, session.table(header, rows) if rows else ["No offers yet."]
    )


@offer.command("price")
@click.argument("offer_id", metavar="OFFER", help="The offer's id.")
@click.argument("price", help="In its token, such as 12.50.")
@sending
@click.pass_obj
def reprice(session: Session, offer_id: str, price: str, dry_run: bool, yes: bool) -> None:
    """Ask another price from now on; what was bought stays bought."""
    require_packages()
    with session.open() as org:
        made = carried_out(session, org, *org.ledger.market.repricing(offer_id, price), dry_run=dry_run, yes=yes)
    if made is not None:
        session.emit(made.to_json(), [f"It costs {made.price.text} now.", *offer_lines(made)])


@offer.command("withdraw")
@click.argument("offer_id", metavar="OFFER", help="The offer's id.")
@sending
@click.pass_obj
def withdraw(session: Session, offer_id: str, dry_run: bool, yes: bool) -> None:
    """Withdraw an offer: nobody can buy it any more; what was bought stays bought."""
    require_packages()
    with session.open() as org:
        made = carried_out(session, org, *org.ledger.market.withdrawing_offer(offer_id), dry_run=dry_run, yes=yes)
    if made is not None:
        session.emit(made.to_json(), ["It cannot be bought any more.", *offer_lines(made)])


def _publish(
    session: Session, what: str, where: str, number: int | None, given: Mapping[str, Any], *, dry_run: bool, yes: bool
) -> None:
    require_packages()
    with session.open() as org:
        selling = org.market.selling
        wanted = to_list(org, what, where, number, given)
        drafted = selling.drafts.draft(wanted)
        for line in drafted.to_mind:
            session.remark(f"warning: {line}")
        draft = given["draft"]
        with session.progress("Reading", in_bytes=True) as progress:
            if draft is not None and not draft.exists():
                content = selling.offering.content(drafted.listing, progress)
                _write_draft(session, draft, drafted.listing.wares.to_json() | _content(content))
                return
            quote, signed, carry_out = selling.offering.planning(drafted.listing, progress)
        more = {"to_mind": list(drafted.to_mind), "wares": signed.sheet.wares.to_json()}
        for line in ("Everybody can read the offer sheet:", *sheet_lines(signed), ""):
            session.remark(line)
        made = carried_out(session, org, quote, carry_out, dry_run=dry_run, yes=yes, more=more)
    if made is not None:
        lines = [
            f"{signed.sheet.wares.title} is on offer. Buyers fetch it from {signed.sheet.wares.node}.",
            *offer_lines(made),
        ]
        session.emit(made.to_json() | {"to_mind": list(drafted.to_mind)}, lines)


def _content(content: Any) -> dict[str, Any]:
    return {} if content is None else {"content": content.to_json()}


def _write_draft(session: Session, path: Path, told: Mapping[str, Any]) -> None:
    from counterfoil.market.sheets.toml_draft import draft_toml
    from counterfoil.store.new_file import write_new

    write_new(path, draft_toml(told).encode())
    session.emit(
        {"done": False, "draft": str(path)},
        [f"Written: {path}. Look it over, then repeat the command: it takes what stands there."],
    )


def _title(org: Organisation, sheet: str) -> str:
    """Returns the title of an offer whose sheet this home has; empty without."""
    try:
        return org.market.shelf.sheet(sheet).sheet.wares.title[:_MOST_TITLE]
    except CounterfoilError:
        return ""


def _stands(is_open: bool) -> str:
    return "open" if is_open else "closed"
