"""`counterfoil market search` and `counterfoil market show`: what is offered on the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.core.wording import counted
from counterfoil.ledger.packages import require_packages
from counterfoil.market.lines import offer_lines, sheet_lines
from counterfoil.market.shown import shown_offer

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.market.catalogue import Found
    from counterfoil.organisation import Organisation

__all__ = ["search", "show"]

_MOST_SHOWN: Final = 60


@click.command()
@click.argument(
    "words", nargs=-1, help="All of them have to be there; each also finds longer words that begin with it."
)
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(["licence", "period", "job", "sale"]), help="Any of these."
)
@click.option(
    "--category", "categories", multiple=True, type=click.Choice(["dataset", "model", "service"]), help="Any."
)
@click.option("--tag", "tags", multiple=True, help="All of these.")
@click.option("--licence", "licences", multiple=True, metavar="NAME", help="Any of these.")
@click.option("--origin", "origins", multiple=True, help="Of any of these sellers' logs.")
@click.option("--max-price", metavar="AMOUNT", help="At most this price, in the token of the settings.")
@click.option("--free", is_flag=True, help="Only what costs nothing.")
@click.option("--least-rows", type=click.IntRange(0), help="At least so many rows.")
@click.option("--all", "everything", is_flag=True, help="Also what cannot be bought now.")
@click.option("--order", type=click.Choice(["relevance", "newest", "price", "rating"]), help="What comes first.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, help="At most so many.", show_default=True)
@click.option("--after", default="", metavar="PLACE", help="Go on behind a page: `next` of it.")
@click.pass_obj
def search(session: Session, /, words: tuple[str, ...], everything: bool, **given: Any) -> None:
    """Search what is offered on the ledger, by what the offer sheets say.

    The offers come from the ledger, and the sheets from the sellers' nodes, each held
    against the digest that the ledger has. Offers whose sheet cannot be had are counted.
    """
    require_packages()
    with session.open() as org:
        org.market.refresh()
        found = org.market.catalogue.search(_query(org, " ".join(words), everything, given))
        price = org.ledger.market.price
        prices = {each.offer: price(bytes.fromhex(each.token[2:]), each.price_units) for each in found.listings}
    rows = [
        (
            each.told.title[:_MOST_SHOWN],
            prices[each.offer].text,
            each.kind,
            each.told.seller_name,
            f"{each.stars_micro / 1e6:.1f}" if each.stars_micro is not None else "",
            each.offer,
        )
        for each in found.listings
    ]
    header = ("title", "price", "kind", "seller", "stars", "offer")
    lines = [*(session.table(header, rows) if rows else ["Nothing was found."]), *_more(found)]
    session.emit(found.to_json(), lines)


@click.command()
@click.argument("offer_id", metavar="OFFER", help="The offer's id.")
@click.option("--licence", is_flag=True, help="Print the text of its licence instead.")
@click.pass_obj
def show(session: Session, offer_id: str, licence: bool) -> None:
    """Show an offer: its sheet, how it stands on the ledger, and its reviews."""
    require_packages()
    with session.open() as org:
        if licence:
            signed = org.market.sheets.sheet_of(org.ledger.market.offer(offer_id))
            text, named = org.market.sheets.licence_of(signed), signed.sheet.wares.licence
            session.emit({"name": named.name, "sha256": named.sha256, "text": text}, text.splitlines())
            return
        found = shown_offer(org, offer_id)
    lines = [*sheet_lines(found.sheet), "", *offer_lines(found.offer)]
    for each in found.reviews:
        said = f"not counted: {each.hidden}" if each.hidden else each.text or "without words"
        lines.append(f"review      {each.stars} of 5 by {each.author}: {said}")
    session.emit(found.to_json(), lines)


def _query(org: Organisation, words: str, everything: bool, given: dict[str, Any]) -> Any:
    from counterfoil.market.catalogue import Query

    most, token = None, ""
    if given["max_price"] is not None:
        price = org.ledger.market.amount(given["max_price"])
        most, token = price.units, price.token.lower()
    return Query(
        words=words,
        tags=given["tags"],
        kinds=given["kinds"],
        categories=given["categories"],
        licences=given["licences"],
        origins=given["origins"],
        token=token,
        most_units=most,
        is_free=given["free"],
        least_rows=given["least_rows"],
        is_open=not everything,
        order=given["order"] or "",
        limit=given["limit"],
        after=given["after"],
    )


def _more(found: Found) -> Iterator[str]:
    if found.next:
        yield f"{found.total:,} in all; the next page: --after {found.next}"
    if found.without_sheet:
        many = counted(found.without_sheet, "offer")
        yield f"{many} on the ledger cannot be searched: the sheet cannot be had. `counterfoil market show` says why."
