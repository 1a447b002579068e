"""What an offer is, as it is typed: the options of whatever lists something, read into what is listed."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.errors import InvalidInput
from counterfoil.store.named_file import read_named

if TYPE_CHECKING:
    from counterfoil.ledger.market.terms import OfferKind, Share
    from counterfoil.market.selling.listing_draft import ToList
    from counterfoil.organisation import Organisation

__all__ = ["Span", "listing", "read_parts", "to_list"]

PATH: Final = click.Path(path_type=Path)
_KIND: Final = click.Choice(["dataset", "model"])
_DAY_S: Final = 86_400
_WHOLE_BPS: Final = 10_000
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
        "--compute",
        type=PATH,
        metavar="FILE.toml",
        help="Sell computations next to it, under these rules: docs/reference/jobs.md.",
    ),
    click.option("--parameters", type=PATH, metavar="FILE.json", help="What the buyer fills in, as JSON Schema."),
    click.option(
        "--window", type=Span(), default=0, metavar="SPAN", help="So long after delivery the market holds the money."
    ),
    click.option(
        "--delivery-within",
        type=Span(),
        default=0,
        metavar="SPAN",
        help="With --window or --compute: so long after the order it is due; a day without.",
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


def listing(command: Any) -> Any:
    """Adds the options of whatever lists something."""
    for option in reversed(_LISTING):
        command = option(command)
    return command


def to_list(org: Organisation, what: str, where: str, number: int | None, given: Mapping[str, Any]) -> ToList:
    """Returns what was typed, as it is listed."""
    from counterfoil.ledger.market.selling import OfferDraft
    from counterfoil.market.selling.listing_draft import ToList

    kinds: dict[str, OfferKind] = {"compute": "job", "period": "period", "sale": "sale"}
    asked = [kind for name, kind in kinds.items() if given[name]]
    if len(asked) > 1:
        raise InvalidInput(f"an offer is for a {asked[0]} or a {asked[1]}, not both", hint="make two offers")
    is_held = given["window"] or given["compute"]
    draft = OfferDraft(
        kind=asked[0] if asked else "licence",
        price=given["price"],
        sheet="",
        number=_next_number(org, what, given["what_kind"]) if number is None else number,
        token=given["token"],
        duration_s=given["period"],
        delivery_s=given["delivery_within"] or (_DAY_S if is_held else 0),
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
        compute=_compute(given["compute"]),
        parameters=_parameters(given["parameters"]),
        sample=_columns(given["sample"]),
        profile=_columns(given["profile"]),
        file=_read(given["draft"]) if given["draft"] is not None and given["draft"].exists() else b"",
        uri=given["uri"],
        royalty_bps=given["royalty_bps"],
        parents=given["parents"],
    )


def _next_number(org: Organisation, what: str, kind: str | None) -> int:
    from counterfoil.market.selling.listing_form import next_number
    from counterfoil.provenance.assets.manifests import find_manifest

    return next_number(org, find_manifest(org.provenance, what, kind).sha256)


def read_parts(parts: tuple[str, ...]) -> tuple[Share, ...]:
    """Returns shares as they are typed, `ADDRESS=12.5`: an account or a root of claims, and percent of what comes in.

    Raises:
        InvalidInput: It is none.
    """
    from decimal import Decimal

    from counterfoil.ledger.market.terms import Share

    found = []
    for part in parts:
        payee, _, percent = part.partition("=")
        try:
            bps = Decimal(percent) * 100
        except ArithmeticError:  # no number, or one beyond all
            bps = Decimal(0)
        if not bps.is_finite() or not 0 < bps <= _WHOLE_BPS or bps != bps.to_integral_value():
            raise InvalidInput(
                f"{part[:90]!a} is no share",
                hint="ADDRESS=PERCENT, up to 100, with at most two digits behind the point: 0x…=12.5",
            )
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


def _compute(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        return tomllib.loads(_read(path).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"{path.name} is not valid TOML: {error}") from None


def _parameters(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        told = json.loads(_read(path))
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise InvalidInput(f"{path.name} is no JSON object", hint="docs/reference/terms.md says what a schema may be")
    return told


def _columns(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())


def _read(path: Path | None) -> bytes:
    return b"" if path is None else read_named(path)
