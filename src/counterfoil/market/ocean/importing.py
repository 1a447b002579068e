"""Reads a DDO: a draft of an offer for each of its services, and the list of what does not map.

1. Read it as strict JSON, bounded; find its version and what it is about.
2. Work out its identifier anew; one that does not fit is told of, and so is an address that is misspelt.
3. Take what an offer sheet has a word for.
4. List everything that was not taken, with the reason.

Nothing is fetched, decrypted or believed: what comes out is a draft for a person to complete.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput, MalformedEvidence
from counterfoil.market.ocean.consumer_parameters import schema_of
from counterfoil.market.ocean.fields import Fields
from counterfoil.market.ocean.unmapped import Unmapped, reasons_for, shown
from counterfoil.market.ocean.versions import VERSIONS, DdoVersion, did_of, is_address, is_spelt_right
from counterfoil.market.sheets.wares import (
    MOST_DESCRIPTION,
    MOST_LICENCE,
    MOST_SELLER,
    MOST_TAG,
    MOST_TAGS,
    MOST_TITLE,
    MOST_URL,
)

__all__ = ["MOST_DDO_BYTES", "MOST_SERVICES", "Imported", "OfferDraft", "import_ddo"]

MOST_DDO_BYTES: Final = 2**20
MOST_SERVICES: Final = 64

_MOST_SECONDS: Final = 2**32 - 1
_CATEGORIES: Final = {"dataset": "dataset", "algorithm": "service"}
_ANYBODY: Final = {"rules": [{"effect": "allow", "name": "anybody"}]}
_NOBODY: Final[dict[str, Any]] = {"rules": []}


@dataclass(frozen=True, slots=True)
class OfferDraft:
    """An offer that one of its services would be.

    Attributes:
        told: What is known of the wares, for `draft_toml`.
        duration_s: How long access lasts, seconds; 0 for good.
    """

    told: Mapping[str, Any]
    duration_s: int


@dataclass(frozen=True, slots=True)
class Imported:
    """What a DDO came to.

    Attributes:
        version: Of the format.
        did: The identifier that it names; may be wrong.
        is_did_right: Whether that is the identifier of its address and chain.
        drafts: One for each service that is access or computation.
        unmapped: Every field that is in none of them.
    """

    version: str
    did: str
    is_did_right: bool
    drafts: tuple[OfferDraft, ...]
    unmapped: tuple[Unmapped, ...]


def import_ddo(data: bytes | Mapping[str, Any]) -> Imported:
    """Returns drafts of offers, and what does not map.

    Args:
        data: The DDO, as JSON or already read.

    Raises:
        MalformedEvidence: It is no JSON, too large, of a version that is not known, or has no metadata or services.
    """
    document = _document(data)
    version = _version(document)
    base: tuple[str, ...] = ("credentialSubject",) if version.is_credential else ()
    fields = Fields(document)
    if not isinstance(fields.look(*base, "metadata"), Mapping) or not isinstance(fields.look(*base, "services"), list):
        raise MalformedEvidence("the DDO has no metadata or no list of services", hint="is it encrypted?")
    fields.take("version")
    fields.take(*base, "version")
    _take_context(fields, version)
    did, wrong = _identifier(fields, version, base)
    first = _asset(fields, base)
    count = min(MOST_SERVICES, len(fields.look(*base, "services")))
    made = [_service(fields, base, place, first, is_only=count == 1) for place in range(count)]
    cut = {each.field: each for draft in made if draft is not None for each in _shortened(draft)}
    drafts = tuple(OfferDraft(_cut_to_fit(each.told), each.duration_s) for each in made if each is not None)
    left = (*wrong, *cut.values(), *reasons_for(fields.left(), "/credentialSubject" if base else ""))
    return Imported(version.name, did, not wrong, drafts, left)


def _document(data: bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        raw = canonical.dumps(data) if isinstance(data, Mapping) else data
        if len(raw) > MOST_DDO_BYTES:
            raise MalformedEvidence(f"a DDO of {len(raw):,} bytes is too large; {MOST_DDO_BYTES:,} is the limit")
        value = canonical.loads(raw)
    except InvalidInput as error:
        raise MalformedEvidence(f"the DDO cannot be read: {error.message}", hint=error.hint) from error
    if not isinstance(value, dict):
        raise MalformedEvidence("the DDO is no object", hint="an encrypted one has to be decrypted by its node first")
    return value


def _version(document: Mapping[str, Any]) -> DdoVersion:
    said = document.get("version")
    found = VERSIONS.get(said) if isinstance(said, str) else None
    if found is None:
        raise MalformedEvidence(
            f"the DDO is of the version {shown(said)}, which is not known", hint=f"known are {', '.join(VERSIONS)}"
        )
    return found


def _take_context(fields: Fields, version: DdoVersion) -> None:
    """Takes the vocabulary where it is the version's own."""
    if fields.look("@context") in ([version.context], version.context):
        fields.take("@context")
    if version.is_credential and fields.look("type") in (["VerifiableCredential"], "VerifiableCredential"):
        fields.take("type")


def _identifier(fields: Fields, version: DdoVersion, base: tuple[str, ...]) -> tuple[str, list[Unmapped]]:
    """Returns the identifier that the DDO names, and what is wrong with it."""
    did = fields.take("id")
    said = did if isinstance(did, str) else ""
    wrong: list[Unmapped] = []
    nft, chain = fields.look(*base, "nftAddress"), fields.look(*base, "chainId")
    if not is_address(nft) or type(chain) is not int or not 0 < chain <= canonical.MAX_SAFE_INTEGER:
        wrong.append(Unmapped("/id", "cannot be worked out: the DDO has no address of an NFT, or no chain", shown(did)))
    elif said != did_of(version, nft, chain):
        wrong.append(Unmapped("/id", "is not the identifier of this NFT on this chain", shown(did)))
    elif not is_spelt_right(nft):
        wrong.append(Unmapped("/nftAddress", "its letters say that it is misspelt", nft))
    inner = fields.take(*base, "id") if base else did
    if inner not in (did, None):
        wrong.append(Unmapped("/credentialSubject/id", "is another than the one around it", shown(inner)))
    return shown(said), wrong


def _asset(fields: Fields, base: tuple[str, ...]) -> dict[str, Any]:
    """Takes what is said of the asset itself."""
    meta = (*base, "metadata")
    kind = str(fields.look(*meta, "type"))
    if kind in _CATEGORIES:
        fields.take(*meta, "type")
    title = _words(fields, *meta, "displayTitle") or fields.text(*meta, "name")
    told: dict[str, Any] = {
        "title": _line(title),
        "description": _lines(_words(fields, *meta, "description")),
        "category": _CATEGORIES.get(kind, "dataset"),
        "tags": _tags(fields, meta),
        "licence": _licence(fields, *meta, "license"),
    }
    seller = fields.text(*meta, "author") or fields.text(*meta, "providedBy")
    return told | ({"seller": {"name": _line(seller)}} if seller else {})


def _service(
    fields: Fields, base: tuple[str, ...], place: int, asset: Mapping[str, Any], *, is_only: bool
) -> OfferDraft | None:
    """Takes what is said of one service; None for one that is neither access nor computation."""
    where: tuple[str | int, ...] = (*base, "services", place)
    kind = fields.look(*where, "type")
    if kind not in ("access", "compute"):
        return None
    fields.take(*where, "type")
    timeout = fields.look(*where, "timeout")
    duration_s = 0
    if type(timeout) is int and 0 <= timeout <= _MOST_SECONDS:
        duration_s = fields.take(*where, "timeout")
    told = dict(asset) | {"kind": "job" if kind == "compute" else "period" if duration_s else "licence"}
    name = "" if is_only else _words(fields, *where, "displayName") or fields.text(*where, "name")
    if name:
        told["title"] = _line(f"{told['title']}: {name}")
    more = _words(fields, *where, "description")
    if more and more != told["description"]:
        told["description"] = _lines(f"{told['description']}\n\n{more}")
    if kind == "compute":
        told["compute"] = {}
        for allowed in ("allowRawAlgorithm", "allowNetworkAccess"):
            if fields.look(*where, "compute", allowed) is False:
                fields.take(*where, "compute", allowed)
    schema = schema_of(fields, *where, "consumerParameters")
    told["parameters"] = schema
    # Not `any` of a generator: each that says nothing is taken, whatever the other says.
    says = [_is_restricted(fields, *each, "credentials") for each in (base, where)]
    told["terms"] = _NOBODY if any(says) else _ANYBODY
    return OfferDraft(told, duration_s)


def _is_restricted(fields: Fields, *steps: str | int) -> bool:
    """Whether anything is said of who may, also what cannot be read; takes what says nothing."""
    if any(_says(fields.look(*steps))):
        return True
    fields.take(*steps)
    return False


def _says(value: Any) -> Iterator[bool]:
    """Yields True for each value within that is there; how several are combined says nothing alone."""
    if isinstance(value, Mapping):
        for key in value.keys() - {"match_allow", "match_deny"}:
            yield from _says(value[key])
    elif isinstance(value, list):
        for item in value:
            yield from _says(item)
    elif value is not None:
        yield True


def _words(fields: Fields, *steps: str | int) -> str:
    """Takes a text, or the value of one with a language (5.0); a language other than English stays unread."""
    if isinstance(fields.look(*steps), Mapping):
        language = fields.look(*steps, "@language")
        if language is None or (isinstance(language, str) and language.lower().partition("-")[0] in ("", "en")):
            fields.text(*steps, "@language")
            if fields.look(*steps, "@direction") in ("", "ltr", None):
                fields.take(*steps, "@direction")
        return fields.text(*steps, "@value")
    return fields.text(*steps)


def _tags(fields: Fields, meta: tuple[str, ...]) -> list[str]:
    """Takes tags and categories that a sheet takes; the others stay unread."""
    found: list[str] = []
    for key in ("tags", "categories"):
        told = fields.look(*meta, key)
        for place, each in enumerate(told if isinstance(told, list) else ()):
            tag = _line(each) if isinstance(each, str) else ""
            if not tag or len(tag) > MOST_TAG or (len(found) == MOST_TAGS and tag not in found):
                continue
            fields.take(*meta, key, place)
            found += [tag] if tag not in found else []
    return found


def _licence(fields: Fields, *steps: str) -> dict[str, str]:
    """Takes the licence: a name, or in 5.0 also the digest of its text and where that is."""
    if not isinstance(fields.look(*steps), Mapping):
        return {"name": _line(fields.text(*steps)), "sha256": "", "url": ""}
    told = {"name": _line(fields.text(*steps, "name")), "sha256": "", "url": ""}
    document: tuple[str | int, ...] = (*steps, "licenseDocuments", 0)
    digest = fields.look(*document, "sha256")
    if isinstance(digest, str) and len(digest) == 64 and set(digest.lower()) <= set("0123456789abcdef"):
        told["sha256"] = fields.text(*document, "sha256").lower()
    url = fields.look(*document, "mirrors", 0, "url")
    if isinstance(url, str) and url.startswith(("https://", "http://")) and len(url) <= MOST_URL and url.isprintable():
        told["url"] = fields.text(*document, "mirrors", 0, "url")
    return told


def _line(text: str) -> str:
    """Returns a text in one line, printable."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _lines(text: str) -> str:
    """Returns a text of several lines, printable."""
    clean = text.replace("\r\n", "\n")
    return "".join(char if char.isprintable() or char == "\n" else " " for char in clean).strip()


def _long(told: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Yields (name, text, limit) of the texts that a sheet would not take."""
    named = (
        ("title", told["title"], MOST_TITLE),
        ("description", told["description"], MOST_DESCRIPTION),
        ("licence", told["licence"]["name"], MOST_LICENCE),
        ("seller", told.get("seller", {}).get("name", ""), MOST_SELLER),
    )
    yield from (each for each in named if len(each[1]) > each[2])


def _shortened(draft: OfferDraft) -> Iterator[Unmapped]:
    """Yields what is about to be cut."""
    for name, text, most in _long(draft.told):
        yield Unmapped(f"/{name}", f"an offer sheet takes {most:,} characters of it: the rest is cut", shown(text))


def _cut_to_fit(told: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is known with the texts that are too long cut, and marked so."""
    made = dict(told)
    for name, text, most in _long(told):
        short = text[: most - 1].rstrip() + "…"
        made[name] = dict(made[name]) | {"name": short} if name in ("licence", "seller") else short
    return made
