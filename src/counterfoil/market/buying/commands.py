"""`counterfoil market buy` and what a buyer does afterwards."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.core.age import secret_text
from counterfoil.core.wording import counted
from counterfoil.errors import InvalidInput, Reverted
from counterfoil.ledger.packages import require_packages
from counterfoil.market.buying.stating import limiting, stated_of, stating
from counterfoil.market.consent import carried_out, sending
from counterfoil.market.lines import offer_lines, order_lines, purchase_lines, sheet_lines
from counterfoil.market.sheets.sheet import read_sheet
from counterfoil.store.durable import replace_file
from counterfoil.store.streams import time_text

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.market.buying.purchases import Purchase
    from counterfoil.organisation import Organisation

__all__ = ["accept", "buy", "download", "purchases", "reclaim", "resume", "review", "ticket"]

PATH: Final = click.Path(path_type=Path)
_WAYS: Final = click.Choice(["auto", "allowance", "permit", "authorization", "balance"])
_FETCHED: Final = ("licence", "period")
_TO: Final = "The file to be, or the folder it is put in; the current folder without."


@click.command()
@click.argument("offer_id", metavar="OFFER", help="The offer's id, as `counterfoil market search` lists it.")
@stating
@limiting
@click.option("--way", type=_WAYS, default="auto", help="How it is paid.", show_default=True)
@click.option("--referrer", default="", metavar="ADDRESS", help="Account of whoever brought you.")
@click.option("--to", type=PATH, help=_TO)
@click.option("--no-download", is_flag=True, help="Buy only; `counterfoil market download` fetches it later.")
@click.option("--again", is_flag=True, help="Buy it although this account has access for good already.")
@sending
@click.pass_obj
def buy(
    session: Session,
    offer_id: str,
    purpose: str | None,
    jurisdiction: str | None,
    accept_licence: bool,
    credentials: tuple[Path, ...],
    most: str,
    token: str,
    way: Any,
    referrer: str,
    to: Path | None,
    no_download: bool,
    again: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Buy what is offered, and fetch it: checked against what the seller published.

    The seller's node is asked first whether its terms would let you in, so nobody pays for
    what is then refused. Killed at any moment, the same command or `counterfoil market
    resume` goes on: nothing is paid twice.
    """
    require_packages()
    with session.open() as org:
        found = org.ledger.market.offer(offer_id)
        signed = org.market.sheets.sheet_of(found)
        if not again:
            _require_no_access(org, found.offer, found.kind)
        stated = stated_of(
            signed,
            purpose=purpose,
            jurisdiction=jurisdiction,
            accept_licence=accept_licence,
            credentials=credentials,
        )
        planned = org.market.buying.planning(
            offer_id,
            stated,
            most=most,
            token=token,
            way=way,
            referrer=referrer,
            to=None if no_download else to or Path(),
        )
        told = {"admission": planned.admission, "order": planned.order, "sheet": signed.digest_hex}
        for line in (*sheet_lines(signed), "", *offer_lines(found), f"admission   {planned.admission}", ""):
            session.remark(line)
        purchase = carried_out(session, org, planned.quote, planned.carry_out, dry_run=dry_run, yes=yes, more=told)
        if purchase is None:
            return
        session.remark(f"Bought: order {purchase.order}.")
        if purchase.kind in _FETCHED and not no_download:
            purchase = _fetched(session, org, purchase.order, to)
        order = org.ledger.market.order(purchase.order)
    _emit(session, purchase, order.to_json(), [f"{purchase.title} is yours."])


@click.command()
@click.argument("order_id", metavar="ORDER", help="The order's id.")
@click.option("--to", type=PATH, help=f"{_TO} Where it was to be before, if it was begun.")
@click.option(
    "--unpack", type=PATH, metavar="FOLDER", help="Unpack a folder that was bought, strictly, into a new one."
)
@click.pass_obj
def download(session: Session, order_id: str, to: Path | None, unpack: Path | None) -> None:
    """Fetch what was bought; goes on where it broke off, and checks every piece against what was published.

    A folder comes as one tar file. Unpacking it with --unpack takes plain files and folders
    alone: no links, and nothing that would lie elsewhere.
    """
    require_packages()
    from counterfoil.market.delivery.extracting import extract

    with session.open() as org:
        purchase = _fetched(session, org, order_id, to)
        order = org.ledger.market.order(purchase.order)
    lines = [f"{purchase.title} is here."]
    if unpack is not None:
        lines.append(f"{counted(extract(Path(purchase.path), unpack), 'file')} unpacked into {unpack}.")
    _emit(session, purchase, order.to_json(), lines)


@click.command()
@click.argument("order_id", metavar="ORDER", help="The order's id.")
@click.option("--to", type=PATH, required=True, metavar="FOLDER", help="Where key and ticket are put; made if missing.")
@click.pass_obj
def ticket(session: Session, order_id: str, to: Path) -> None:
    """Write key and ticket of an order, to fetch what was bought with curl and age, without this program.

    Whoever has both files can fetch and read it: for this order alone, and for a week. The
    same again writes a new ticket. What is fetched so is not held against what was published.
    """
    require_packages()
    with session.open() as org:
        purchase = org.market.buying.settled(order_id)
        if purchase.kind not in _FETCHED:
            raise InvalidInput(f"nothing is fetched for a {purchase.kind}", hint="see `counterfoil market purchases`")
        word = org.market.buying.ticket(purchase.order)
        secret = secret_text(org.market.purchases.secret_of(purchase))
    key, kept = to / "order-key.txt", to / "ticket"
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path, text in ((key, secret), (kept, word)):
        replace_file(path, f"{text}\n".encode(), mode=0o600)
    wares = read_sheet(purchase.sheet).sheet.wares
    url = f"{wares.node}/api/v1/market/orders/{purchase.order}/content"
    name = wares.content.name if wares.content is not None else "content"
    lines = [f"Written: {key} and {kept}.", fetching_command(key, kept, url, name)]
    session.emit({"key": str(key), "ticket": str(kept), "url": url}, lines)


@click.command()
@click.argument("order_id", metavar="[ORDER]", required=False, help="Show this one alone.")
@click.pass_obj
def purchases(session: Session, order_id: str | None) -> None:
    """List what this home bought or is buying, newest first; or show one, with how its order stands."""
    require_packages()
    with session.open() as org:
        if order_id is not None:
            purchase = org.market.purchases.at(order_id)
            order = org.ledger.market.order(purchase.order)
            _emit(session, purchase, order.to_json(), [*order_lines(order), ""])
            return
        found = org.market.purchases.all()
    rows = [(each.state.value, each.kind, each.title, each.order, each.fault) for each in found]
    header = ("state", "kind", "title", "order", "fault")
    told = {"purchases": [each.to_json() for each in found]}
    session.emit(told, session.table(header, rows) if rows else ["Nothing was bought yet."])


@click.command()
@click.pass_obj
def resume(session: Session) -> int:
    """Go on with every purchase that was interrupted. Exit code 1 where one cannot go on now."""
    require_packages()
    with session.open() as org, session.progress("Fetching", in_bytes=True) as progress:
        moved = [*org.market.buying.resume(progress), *org.market.computing.resume()]
        faults = [each for each in org.market.purchases.all() if each.fault and each.is_under_way]
    lines = [f"{each.title}: {each.state.value}" for each in moved] or ["Nothing was left to be done."]
    lines += [f"{each.title} cannot go on now: {each.fault} (order {each.order})" for each in faults]
    session.emit({"faults": [each.to_json() for each in faults], "moved": [each.to_json() for each in moved]}, lines)
    return 1 if faults else 0


@click.command()
@click.argument("order_id", metavar="ORDER", help="The order's id.")
@sending
@click.pass_obj
def accept(session: Session, order_id: str, dry_run: bool, yes: bool) -> None:
    """Say that what was delivered is right: the seller is paid before the window is over."""
    require_packages()
    with session.open() as org:
        made = carried_out(session, org, *org.ledger.market.accepting(order_id), dry_run=dry_run, yes=yes)
    if made is not None:
        session.emit(made.to_json(), [f"The seller has {made.charge.text} now.", *order_lines(made)])


@click.command()
@click.argument("order_id", metavar="ORDER", help="The order's id.")
@sending
@click.pass_obj
def reclaim(session: Session, order_id: str, dry_run: bool, yes: bool) -> None:
    """Take the money back for what was not delivered in time."""
    require_packages()
    with session.open() as org:
        order = org.ledger.market.order(order_id)
        try:
            quote, take = org.ledger.market.reclaiming(order_id)
            made = carried_out(session, org, quote, take, dry_run=dry_run, yes=yes)
        except Reverted as error:
            hint = f"it is due at {time_text(order.due)}; what is not delivered by then can be taken back"
            if order.kind == "job":
                hint += f"; before, `counterfoil market job {order.order} --cancel` asks the seller's node for it"
            raise Reverted(error.message, hint=hint, data=error.data) from error
    if made is not None:
        session.emit(
            made.to_json(),
            [f"{made.price.text} is owed to you: `counterfoil market payouts withdraw`.", *order_lines(made)],
        )


@click.command()
@click.argument("offer_id", metavar="OFFER", help="The offer's id.")
@click.option("--stars", type=click.IntRange(1, 5), required=True, help="From 1 to 5.")
@click.option("--text", default="", help="In words; everybody can read them.")
@sending
@click.pass_obj
def review(session: Session, offer_id: str, stars: int, text: str, dry_run: bool, yes: bool) -> None:
    """Say what you think of something that you bought; the next review takes the place of this one.

    The stars go on the ledger, with the digest of the text. The text is signed by this
    home's market key and handed to the seller's node, where catalogues find it.
    """
    require_packages()
    with session.open() as org:
        quote, carry_out = org.market.reviews.planning(offer_id, stars, text.strip())
        made = carried_out(session, org, quote, carry_out, dry_run=dry_run, yes=yes)
    if made is not None:
        where = "The seller's node has its text." if made.is_handed_over else f"note: {made.why}"
        session.emit(made.to_json(), [f"Your review of {stars} of 5 stars is on the ledger.", where])


def fetching_command(key: Path, ticket: Path, url: str, name: str) -> str:
    """Returns a line for a shell that fetches and opens a file; the seller chose `url` and `name`, so all is quoted."""
    key_path, ticket_path, address, to = (shlex.quote(str(each)) for each in (key, ticket, url, name))
    return f'curl -fsS -H "Authorization: Bearer $(cat {ticket_path})" {address} | age -d -i {key_path} > {to}'


def _fetched(session: Session, org: Organisation, order: str, to: Path | None) -> Purchase:
    with session.progress("Fetching", in_bytes=True) as progress:
        return org.market.buying.fetch(order, to, progress)


def _emit(session: Session, purchase: Purchase, order: dict[str, Any], lines: list[str]) -> None:
    session.emit(purchase.to_json() | {"on_ledger": order}, [*lines, *purchase_lines(purchase)])


def _require_no_access(org: Organisation, offer: str, kind: str) -> None:
    trading = org.ledger.market
    if kind != "licence" or org.market.purchases.under_way(offer, trading.account) is not None:
        return
    if trading.access_until(offer) is None:
        raise InvalidInput(
            "this account has access to it for good already",
            hint="`counterfoil market purchases` lists the order; --again buys it once more",
        )
