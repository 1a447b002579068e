"""Writes an offer sheet as a DDO of the version asked for, and lists what does not map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.errors import InvalidInput
from counterfoil.market.ocean.consumer_parameters import consumer_parameters
from counterfoil.market.ocean.unmapped import Unmapped
from counterfoil.market.ocean.versions import VERSIONS, DdoVersion, did_of, is_address, is_spelt_right
from counterfoil.market.sheets.sheet import SignedSheet
from counterfoil.market.sheets.wares import SheetLicence, Wares

__all__ = ["Exported", "OceanPlace", "export_ddo"]

_MOST_DESCRIPTION: Final = 7_000
_MOST_TEXT: Final = 256
_MOST_FILES: Final = 8_192
_MOST_ENDPOINT: Final = 2_048
_NO_ACCOUNT: Final = "0x" + "00" * 20
"""An account that nobody has: a list with it alone lets nobody in, where an empty one lets in anybody."""

_LEFT: Final[Mapping[str, str]] = {
    "content": "Ocean does not bind what it sells to its bytes; the root stands under additionalInformation",
    "passport": "Ocean has no passports",
    "profile": "Ocean has no profiles of columns",
    "quality": "Ocean has no figures of quality",
    "sample": "Ocean has no sample rows; a link could lead to some",
    "compute": "what may leave, and limits, have no word in Ocean; approve algorithms there by Ocean's own checksums",
    "terms": "terms name organisations and purposes, and Ocean knows accounts: nobody may there until some are named",
    "node": "the service's endpoint is Ocean's node",
}


@dataclass(frozen=True, slots=True)
class OceanPlace:
    """Where the asset is on Ocean's contracts, which whoever publishes it there knows.

    Attributes:
        nft_address: Of its NFT, `0x…`.
        chain_id: Of the chain.
        datatoken: Address of the service's token.
        endpoint: Of Ocean's node.
        files: The files, as that node encrypted them; empty before.
        duration_s: How long access lasts, seconds; 0 for good.
        language: Of the texts, for 5.0.
    """

    nft_address: str
    chain_id: int
    datatoken: str
    endpoint: str
    files: str = ""
    duration_s: int = 0
    language: str = "en"

    def __post_init__(self) -> None:
        for name, address in (("NFT", self.nft_address), ("token", self.datatoken)):
            if not is_address(address) or not is_spelt_right(address):
                raise InvalidInput(f"the address of the {name} is none, or misspelt", hint="0x and 40 digits")
        if self.chain_id < 1 or self.duration_s < 0:
            raise InvalidInput("a chain has a number above 0, and access no negative duration")
        if not self.endpoint.startswith(("https://", "http://")) or not 10 <= len(self.endpoint) <= _MOST_ENDPOINT:
            raise InvalidInput("the endpoint of Ocean's node is no web address", hint="like https://node.example")
        if len(self.files) > _MOST_FILES:
            raise InvalidInput(f"the encrypted files have more than {_MOST_FILES:,} characters")


@dataclass(frozen=True, slots=True)
class Exported:
    """A DDO, and what of the sheet is not in it."""

    ddo: dict[str, Any]
    unmapped: tuple[Unmapped, ...]


def export_ddo(listed: SignedSheet, place: OceanPlace, version: str = "4.7.0") -> Exported:
    """Returns the DDO of an offer.

    Args:
        listed: The offer sheet.
        place: Where the asset is on Ocean's contracts.
        version: A key of `VERSIONS`.

    Raises:
        InvalidInput: The version is not known; or the offer sells the asset itself, which Ocean does by its NFT.
    """
    form = VERSIONS.get(version)
    if form is None:
        raise InvalidInput(f"a DDO of the version {version[:20]!r} is not known", hint=f"one of {', '.join(VERSIONS)}")
    wares = listed.sheet.wares
    if wares.kind == "sale":
        raise InvalidInput("this offer sells the asset itself", hint="on Ocean that is done by transferring its NFT")
    left = [Unmapped(f"/{key}", _LEFT[key]) for key in _LEFT if _is_said(wares, key)]
    metadata = _metadata(listed, form, place, left)
    service = _service(wares, form, place, left)
    return Exported(_around(form, place, metadata, service, wares), tuple(left))


def _is_said(wares: Wares, key: str) -> bool:
    """Whether a part is there; terms that let anybody in need no word."""
    return not _is_open(wares) if key == "terms" else getattr(wares, key) is not None


def _is_open(wares: Wares) -> bool:
    """Whether the terms are one rule, which lets anybody in."""
    rules = wares.terms.get("rules")
    return (
        isinstance(rules, list)
        and len(rules) == 1
        and isinstance(rules[0], Mapping)
        and set(rules[0]) == {"effect", "name"}
        and rules[0]["effect"] == "allow"
    )


def _metadata(listed: SignedSheet, form: DdoVersion, place: OceanPlace, left: list[Unmapped]) -> dict[str, Any]:
    sheet, wares = listed.sheet, listed.sheet.wares
    if wares.category != "dataset":
        left.append(Unmapped("/category", "Ocean knows datasets and algorithms in containers", wares.category))
    if form.has_limits and len(wares.description) > _MOST_DESCRIPTION:
        left.append(Unmapped("/description", f"Ocean takes {_MOST_DESCRIPTION:,} characters: the rest is cut"))
    if len(wares.title) < form.least_name:
        left.append(Unmapped("/title", f"Ocean asks for {form.least_name} characters", wares.title))
    if len(wares.description) < form.least_description:
        left.append(Unmapped("/description", f"Ocean asks for {form.least_description} characters", wares.description))
    description = wares.description[:_MOST_DESCRIPTION] if form.has_limits else wares.description
    told: dict[str, Any] = {
        "created": sheet.created,
        "updated": sheet.created,
        "type": "dataset",
        "name": wares.title,
        "description": _in_language(description, form, place),
        "author": wares.seller.name[:_MOST_TEXT],
        "tags": list(wares.tags),
        "license": _licence(wares.licence, form, left),
        "additionalInformation": _additional(listed),
    }
    if form.is_credential:
        told |= {"providedBy": wares.seller.name, "copyrightHolder": ""}
    return {key: value for key, value in told.items() if value != []}


def _additional(listed: SignedSheet) -> dict[str, Any]:
    """Returns what leads back to the sheet; plain values, as 5.0 asks."""
    told = {
        "counterfoilAsset": listed.sheet.asset,
        "counterfoilChainId": listed.sheet.chain_id,
        "counterfoilMarket": listed.sheet.market,
        "counterfoilOffer": listed.sheet.offer,
        "counterfoilSheet": listed.digest_hex,
    }
    content = listed.sheet.wares.content
    return told if content is None else told | {"counterfoilRoot": content.root}


def _licence(licence: SheetLicence, form: DdoVersion, left: list[Unmapped]) -> Any:
    if not form.is_credential:
        left.append(Unmapped("/licence/sha256", "a licence is a short name in this version", licence.sha256))
        if licence.url:
            left.append(Unmapped("/licence/url", "a licence is a short name in this version", licence.url))
        return licence.name[:_MOST_TEXT]
    mirrors = [{"type": "url", "url": licence.url, "method": "get"}] if licence.url else []
    document = {"name": licence.name, "fileType": "text/plain", "sha256": licence.sha256, "mirrors": mirrors}
    return {"name": licence.name, "licenseDocuments": [document]}


def _service(wares: Wares, form: DdoVersion, place: OceanPlace, left: list[Unmapped]) -> dict[str, Any]:
    kind = "compute" if wares.kind == "job" else "access"
    parameters, more = consumer_parameters(wares.parameters, as_objects=form.is_credential)
    left += more
    if not place.files:
        left.append(Unmapped("/content", "Ocean's node has to encrypt the files first; `files` stays empty"))
    told: dict[str, Any] = {
        "id": "1",
        "type": kind,
        "name": f"{kind} service",
        "files": place.files,
        "datatokenAddress": place.datatoken,
        "serviceEndpoint": place.endpoint,
        "timeout": place.duration_s,
    }
    if kind == "compute":
        told["compute"] = {
            "allowRawAlgorithm": False,
            "allowNetworkAccess": False,
            "publisherTrustedAlgorithmPublishers": [],
            "publisherTrustedAlgorithms": [],
        }
    if parameters:
        told["consumerParameters"] = parameters
    return told | ({"state": 0, "credentials": {"allow": [], "deny": []}} if form.is_credential else {})


def _around(
    form: DdoVersion, place: OceanPlace, metadata: dict[str, Any], service: dict[str, Any], wares: Wares
) -> dict[str, Any]:
    """Returns the whole document."""
    did = did_of(form, place.nft_address, place.chain_id)
    inner = {
        "chainId": place.chain_id,
        "nftAddress": place.nft_address,
        "metadata": metadata,
        "services": [service],
    }
    nobody = [{"type": "address", "values": [_NO_ACCOUNT]}]
    credentials = {"allow": [] if _is_open(wares) else nobody, "deny": []}
    if not form.is_credential:
        return {"@context": [form.context], "id": did, "version": form.name} | inner | {"credentials": credentials}
    return {
        "@context": [form.context],
        "id": did,
        "type": ["VerifiableCredential"],
        "version": form.name,
        "issuer": wares.seller.origin,
        "credentialSubject": {"id": did} | inner | {"credentials": credentials},
    }


def _in_language(text: str, form: DdoVersion, place: OceanPlace) -> Any:
    return {"@value": text, "@language": place.language, "@direction": "ltr"} if form.is_credential else text
