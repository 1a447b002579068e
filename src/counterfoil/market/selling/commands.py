"""`counterfoil market publish` and `counterfoil market offer`: putting data and models on offer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.errors import InvalidInput
from counterfoil.ledger.packages import require_packages
from counterfoil.market.consent import carried_out, sending
from counterfoil.market.lines import offer_lines

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.market.selling.listing_draft import ToList
    from counterfoil.organisation import Organisation

__all__ = ["offer", "publish"]

PATH: Final = click.Path(path_type=Path)
_KIND: Final = click.Choice(["dataset", "model"])
_DAY_S: Final = 86_400
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": _DAY_S}


class Span(click.ParamType[int]):
    """A duration such as `30d`, `12h`, `90m` or `3600s`, in seconds."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Reads it."""
        if isinstance(value, int):
            return value
        digits, unit = str(value)[:-1], str(value)[-1:]
        if not digits.isascii() or not digits.isdigit() or unit not in _SECONDS or len(digits) > 9:
            self.fail(f"{value!r} is no duration; expected one such as 30d, 12h, 90m or 3600s", param, ctx)
        return int(digits) * _SECONDS[unit]


_LISTING: Final = (
    click.option("--kind", "what_kind", type=_KIND, help="Which, where a dataset and a model are called so."),
    click.option("--price", default="0", help="In the token, such as 12.50; 0 is free.", show_default=True),
    click.option("--token", default="", metavar="ADDRESS", help="The token; otherwise that of the settings."),
    click.option(
        "--period", type=Span(), default=0, metavar="SPAN", help="Access for a time, such as 30d; else for good."
    ),
    click.option("--sale", is_flag=True, help="Sell the asset itself."),
    click.option(
        "--window", type=Span(), default=0, metavar="SPAN", help="So long after delivery the market holds the money."
    ),
    click.option(
        "--delivery-within",
        type=Span(),
        default=0,
        metavar="SPAN",
        help="With --window: so long after the order it is due; a day without.",
    ),
    click.option("--supply", type=click.IntRange(1), help="How many can be bought; any number without."),
    click.option(
        "--referrer-bps", type=click.IntRange(0, 1_000), default=0, help="For whoever brings a buyer, of 10,000."
    ),
    click.option(
        "--share", "parts", multiple=True, metavar="ADDRESS=PERCENT", help="Who gets a part; may be repeated."
    ),
    click.option("--royalty-bps", type=click.IntRange(0, 1_000), default=0, help="Asked of each sale of the asset."),
    click.option("--parent", "parents", multiple=True, metavar="ID", help="Asset it was made from; may be repeated."),
    click.option("--uri", default="", help="Where the asset's document is found; else the node's address."),
    click.option("--title", default="", help="In a few words; else its name."),
    click.option("--description", default="", help="In some lines; else the purpose that its passport tells."),
    click.option("--tag", "tags", multiple=True, help="A word to find it by; may be repeated."),
    click.option("--licence", type=PATH, metavar="FILE", help="The text that buyers agree to, in UTF-8."),
    click.option(
        "--licence-name", default="", help="What it is called, or an SPDX expression; else as the passport says."
    ),
    click.option("--licence-url", default="", help="Where the text can also be read."),
    click.option("--terms", type=PATH, metavar="FILE.toml", help="Who may have it: docs/reference/terms.md."),
    click.option("--anybody", is_flag=True, help="Let in whoever accepts the licence."),
    click.option("--sample", default="", metavar="COLUMNS", help="Show the first rows of these columns to everybody."),
    click.option("--profile", default="", metavar="COLUMNS", help="Show figures of these columns to everybody."),
    click.option(
        "--draft", type=PATH, metavar="FILE.toml", help="Write a draft to fill in; where it is there, take it."
    ),
)


def _listing(command: Any) -> Any:
    """Options of whatever lists something."""
    for option in reversed(_LISTING):
        command = option(command)
    return command


@click.command()
@click.argument("what", metavar="DATASET|MODEL", help="Name, or place of its record in the log.")
@click.argument(
    "where", metavar="FILE|FOLDER|URL|SNAPSHOT", help="Its contents, which are read when they are asked for."
)
@click.option(
    "--number", type=click.IntRange(0), default=1, help="Your number for this offer of it.", show_default=True
)
@_listing
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
@_listing
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
        found = trading.offers(seller="" if everybody else f"0x{trading.account.hex()}")
    header = ("kind", "price", "left", "stands", "number", "offer")
    rows = [
        (
            each.kind,
            each.price.text,
            "any" if each.left is None else each.left,
            _stands(each.is_open),
            each.number,
            each.offer,
        )
        for each in found
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
        wanted = _to_list(org, what, where, number, given)
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


def _to_list(org: Organisation, what: str, where: str, number: int | None, given: Mapping[str, Any]) -> ToList:
    """Returns what was typed, as it is listed."""
    from counterfoil.ledger.market.selling import OfferDraft
    from counterfoil.market.selling.listing_draft import ToList

    if given["sale"] and given["period"]:
        raise InvalidInput("an offer sells the asset itself or access for a time, not both", hint="make two offers")
    draft = OfferDraft(
        kind="sale" if given["sale"] else "period" if given["period"] else "licence",
        price=given["price"],
        sheet="",
        number=_next_number(org, what, given["what_kind"]) if number is None else number,
        token=given["token"],
        duration_s=given["period"],
        delivery_s=given["delivery_within"] or (_DAY_S if given["window"] else 0),
        window_s=given["window"],
        referrer_bps=given["referrer_bps"],
        shares=read_parts(given["parts"]),
        supply=given["supply"],
    )
    return ToList(
        what,
        where,
        draft,
        what_kind=given["what_kind"],
        title=given["title"],
        description=given["description"],
        tags=given["tags"],
        licence_text=_read(given["licence"]),
        licence_name=given["licence_name"],
        licence_url=given["licence_url"],
        terms=_terms(given["terms"]),
        is_for_anybody=given["anybody"],
        sample=_columns(given["sample"]),
        profile=_columns(given["profile"]),
        file=_read(given["draft"]) if given["draft"] is not None and given["draft"].exists() else b"",
        uri=given["uri"],
        royalty_bps=given["royalty_bps"],
        parents=given["parents"],
    )


def _next_number(org: Organisation, what: str, kind: str | None) -> int:
    """Returns the number behind the highest that this home's offers of an asset have."""
    from counterfoil.ledger.assets.contract import asset_id
    from counterfoil.ledger.assets.kinds import asset_text
    from counterfoil.provenance.assets.manifests import find_manifest

    manifest = bytes.fromhex(find_manifest(org.provenance, what, kind).sha256)
    asset = asset_text(asset_id(org.ledger.market.account, manifest))
    return max((each.number for each in org.ledger.market.offers(asset=asset)), default=0) + 1


def read_parts(parts: tuple[str, ...]) -> Any:
    """Returns shares as they are typed, `ADDRESS=12.5`: an account or a root of claims, and percent of what comes in.

    Raises:
        InvalidInput: It is none.
    """
    from decimal import Decimal, InvalidOperation

    from counterfoil.ledger.market.terms import Share

    found = []
    for part in parts:
        payee, _, percent = part.partition("=")
        try:
            bps = Decimal(percent) * 100
        except InvalidOperation:
            bps = Decimal(0)
        if not bps.is_finite() or bps != bps.to_integral_value():
            raise InvalidInput(f"{part[:90]!a} is no share", hint="ADDRESS=PERCENT, of at most two digits: 0x…=12.5")
        found.append(Share.of(payee, int(bps)))
    return tuple(found)


def _terms(path: Path | None) -> dict[str, Any] | None:
    from counterfoil.market.terms import Terms

    if path is None:
        return None
    try:
        return Terms.from_toml(_read(path).decode("utf-8")).to_json()
    except UnicodeDecodeError:
        raise InvalidInput(f"{path.name} is not text in UTF-8") from None


def _columns(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())


def _read(path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", hint="check the file's name") from error


def _stands(is_open: bool) -> str:
    return "open" if is_open else "closed"
