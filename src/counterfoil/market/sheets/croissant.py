"""The Croissant document of a listed dataset: from its passport where there is one, and from its offer sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from counterfoil.errors import InvalidInput
from counterfoil.market.sheets.sheet import SignedSheet
from counterfoil.market.sheets.wares import Wares
from counterfoil.provenance.passports.croissant import OWN, croissant_of
from counterfoil.provenance.passports.parts import ISSUER, Licence, Party
from counterfoil.provenance.passports.passport import Passport
from counterfoil.provenance.passports.subject import Subject, SubjectFile

__all__ = ["listing_croissant"]

_TYPES: Final = {"number": "number", "text": "string"}


def listing_croissant(
    listed: SignedSheet,
    passport: Passport | None = None,
    *,
    files: Sequence[SubjectFile] = (),
    url: str = "",
) -> dict[str, Any]:
    """Returns a listed dataset as Croissant 1.1. It says nothing of the price: that is the ledger's to tell.

    Args:
        listed: Its offer sheet.
        passport: Its passport; without one, what the sheet says of the content takes its place.
        files: All files by name, where they are not to stand together as one set.
        url: Of the listing's page.

    Raises:
        InvalidInput: It is no dataset; or the passport is of something else.
    """
    sheet, wares = listed.sheet, listed.sheet.wares
    if wares.category != "dataset":
        raise InvalidInput(f"Croissant describes datasets, and this offer is a {wares.category}")
    if passport is not None and wares.content is not None:
        known = {wares.content.record, wares.content.fingerprint} - {""}
        root = passport.subject.fingerprint.root if passport.subject.fingerprint else ""
        if known and not known & {passport.subject.leaf, root}:
            raise InvalidInput(
                "the passport is of something else than the offer", hint="take the one that the offer sheet names"
            )
    told = croissant_of(passport or _passport_of(wares, sheet.created), files=files, url=url)
    told["@context"] = told["@context"] | {"market": f"{OWN.removesuffix('passport/')}market/"}
    return told | {
        "description": wares.description,
        "keywords": list(wares.tags),
        "market:asset": sheet.asset,
        "market:chainId": sheet.chain_id,
        "market:contract": sheet.market,
        "market:licenceSha256": wares.licence.sha256,
        "market:offer": sheet.offer,
        "market:root": wares.content.root if wares.content else "",
        "market:sheet": listed.digest_hex,
        "name": told.get("name") or wares.title,
        "alternateName": wares.title,
    }


def _passport_of(wares: Wares, created: str) -> Passport:
    """Returns what an offer sheet says of its content, in the form of a passport that is on no record."""
    content = wares.content
    columns = tuple((each.name, _TYPES[each.type]) for each in wares.profile.columns) if wares.profile else ()
    subject = Subject(
        "dataset",
        content.name if content else wares.title,
        content.version if content else "",
        content.record if content else "",
        files=(SubjectFile(content.name, content.size_bytes),) if content else (),
        count=1 if content else 0,
        bytes=content.size_bytes if content else 0,
        rows=wares.profile.rows if wares.profile else None,
        columns=columns,
    )
    party = Party(wares.seller.name, ISSUER, wares.seller.origin)
    licence = Licence(name=wares.licence.name, url=wares.licence.url, sha256=wares.licence.sha256)
    return Passport(subject, (party,), created[:10], licence, purpose=wares.description)
