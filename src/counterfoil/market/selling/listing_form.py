"""What somebody fills in to list something, as texts: a form that is sent more than once before anything is signed."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.market.selling.goods import Place, is_on_record, read_place

if TYPE_CHECKING:
    from counterfoil.market.selling.listing_draft import ToList
    from counterfoil.organisation import Organisation
    from counterfoil.provenance.datasets import Dataset
    from counterfoil.provenance.model_register import Model

__all__ = ["LISTING_FIELDS", "OFFER_KINDS", "next_number", "place_on_record", "read_listing_form"]

LISTING_FIELDS: Final = (
    "what",
    "where",
    "number",
    "title",
    "description",
    "tags",
    "kind",
    "price",
    "days",
    "objection_days",
    "supply",
    "licence_name",
    "licence_text",
    "who",
    "terms",
    "compute",
    "sample",
    "profile",
)
"""The texts of the form; `sample` and `profile` are JSON lists of columns."""

OFFER_KINDS: Final = ("licence", "period", "job", "sale")
_DAY_S: Final = 86_400
_MOST_DAYS: Final = 36_500
_DELIVERED_WITHIN_S: Final = 3 * _DAY_S


def read_listing_form(org: Organisation, given: Mapping[str, str]) -> ToList:
    """Returns what is to be listed.

    Raises:
        InvalidInput: A field is not usable; the message names it.
        NotFound: Nothing on record is called so.
    """
    from counterfoil.ledger.market.selling import OfferDraft
    from counterfoil.market.selling.listing_draft import ToList

    kind = given.get("kind", "licence")
    if kind not in OFFER_KINDS:
        raise InvalidInput(f"{kind[:40]!a} is no kind of offer", hint=f"one of {', '.join(OFFER_KINDS)}")
    window_s = _days(given, "objection_days") * _DAY_S
    is_held = bool(window_s) or kind == "job"
    draft = OfferDraft(
        kind=kind,  # type: ignore[arg-type]  # looked at above
        price=given.get("price", "") or "0",
        sheet="",
        number=_whole(given, "number", 2**31) or 1,
        duration_s=_days(given, "days") * _DAY_S if kind == "period" else 0,
        delivery_s=_DELIVERED_WITHIN_S if is_held else 0,
        window_s=window_s,
        supply=_whole(given, "supply", 2**31) or None,
    )
    found = org.provenance.find(given.get("what", ""))
    place = place_on_record(org, found, given.get("where", ""))
    return ToList(
        given.get("what", ""),
        place.where,
        draft,
        title=given.get("title", ""),
        description=given.get("description", ""),
        tags=tuple(each.strip() for each in given.get("tags", "").split(",") if each.strip()),
        licence_text=given["licence_text"].strip().encode() + b"\n" if given.get("licence_text", "").strip() else b"",
        licence_name=given.get("licence_name", ""),
        terms=_terms(given),
        is_for_anybody=given.get("who", "anybody") == "anybody",
        compute=_table(given.get("compute", ""), "the rules for computing") if kind == "job" else None,
        sample=_columns(given, "sample"),
        profile=_columns(given, "profile"),
    )


def place_on_record(org: Organisation, found: Dataset | Model, where: str) -> Place:
    """Returns where something on record lies, when it lies there: a snapshot, or the file as it was registered.

    Whoever uses the console need not be whoever runs the machine, and is sold nothing of it but what is on record.

    Raises:
        InvalidInput: Something else lies there, or nothing; or it is an address.
    """
    if "://" in where:
        raise InvalidInput(
            "an address is not taken here", hint="give a file, a folder or a snapshot; the command line takes addresses"
        )
    wrong = InvalidInput(
        f"what is on record as {found.record.name} {found.record.version} does not lie there",
        hint="give the file or folder as it was registered, or the name of its snapshot",
    )
    try:
        place = read_place(where, org.provenance) if where.strip() else None
    except (InvalidInput, NotFound, OSError):
        raise wrong from None
    if place is None:
        raise InvalidInput("where its contents lie was not said", hint="the file or folder on the node's machine")
    try:
        is_same = is_on_record(place, found, org.provenance)
    except (OSError, InvalidInput, NotFound):
        is_same = False
    if not is_same:
        raise wrong
    return place


def next_number(org: Organisation, manifest_sha256: str) -> int:
    """Returns the number behind the highest that this home's offers of an asset have.

    Args:
        org: The organisation.
        manifest_sha256: SHA-256 (hex) of the asset's record, by which the ledger knows it.
    """
    from counterfoil.ledger.assets.contract import asset_id
    from counterfoil.ledger.assets.kinds import asset_text

    asset = asset_text(asset_id(org.ledger.market.account, bytes.fromhex(manifest_sha256)))
    return max((each.number for each in org.ledger.market.offers(asset=asset, limit=None)), default=0) + 1


def _terms(given: Mapping[str, str]) -> dict[str, Any] | None:
    from counterfoil.market.terms import Terms

    if given.get("who", "anybody") == "anybody":
        return None
    return Terms.from_toml(given.get("terms", "")).to_json()


def _table(text: str, what: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"{what} are no TOML: {str(error)[:200]}", hint="docs/reference/jobs.md has the form"
        ) from error


def _columns(given: Mapping[str, str], name: str) -> tuple[str, ...]:
    try:
        found = json.loads(given.get(name) or "[]")
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the columns of the {name} cannot be read", hint="tick them again") from error
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise InvalidInput(f"the columns of the {name} cannot be read", hint="tick them again")
    return tuple(found)


def _days(given: Mapping[str, str], name: str) -> int:
    return _whole(given, name, _MOST_DAYS)


def _whole(given: Mapping[str, str], name: str, most: int) -> int:
    text = given.get(name, "").replace(",", "") or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text) <= most):
        words = {"days": "days of access", "objection_days": "days to object", "supply": "how many can be bought"}
        raise InvalidInput(
            f"{words.get(name, name)}: {text[:40]!a} is not usable", hint=f"a whole number up to {most:,}"
        )
    return int(text)
