"""What one format says and the other has no word for, each with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Unmapped", "reasons_for", "shown"]

_UNKNOWN: Final = "no version of the format that is read here has this field"
_MOST_SHOWN: Final = 200

_SERVICE: Final = r"/services/[0-9]+"

_REASONS: Final = tuple(
    (re.compile(rf"(?:{pattern})(?=/|$)"), reason)
    for pattern, reason in (
        (r"/(?:nft|datatokens|event|stats|purgatory|price|accessDetails|offchain)", "added by Ocean's indexer"),
        (r"/indexedMetadata", "added by Ocean's indexer"),
        (r"/(?:proof|issuer|additionalDdos|type)", "of the credential around it; its signature is not checked"),
        (r"/@context", "another vocabulary than the version names"),
        (r"/(?:nftAddress|chainId)", "the asset's place on Ocean's contracts; here it gets an id of its own"),
        (r"/metadata/(?:created|updated)", "belongs in the dataset's passport"),
        (r"/metadata/(?:copyrightHolder|contentLanguage)", "belongs in the dataset's passport"),
        (r"/metadata/(?:links|attachments)", "an offer sheet names no other files; mention them in the description"),
        (r"/metadata/algorithm", "algorithms run here as files named by their digest, not in a container of their own"),
        (r"/metadata/(?:author|providedBy)", "the seller is the organisation that signs the sheet"),
        (r"/metadata/(?:tags|categories)", "more tags, or longer ones, than a sheet takes"),
        (r"/metadata/license", "a licence here is a name and the digest of its text"),
        (r"/metadata/(?:name|displayTitle)", "another title, or language, than the draft has"),
        (r"/metadata/description", "in another language or direction, or not a text"),
        (r"/metadata/type", "neither a dataset nor an algorithm"),
        (
            r"/(?:metadata|services/[0-9]+)/additionalInformation",
            "words of the publisher, without a fixed meaning",
        ),
        (rf"{_SERVICE}/id", "Ocean's own name of the service"),
        (rf"{_SERVICE}/type", "neither access nor compute"),
        (rf"{_SERVICE}/files", "encrypted for Ocean's node alone; register the data here and name its content"),
        (rf"{_SERVICE}/datatokenAddress", "access here needs no token of its own"),
        (rf"{_SERVICE}/serviceEndpoint", "this organisation's own node answers"),
        (rf"{_SERVICE}/timeout", "not a number of seconds"),
        (rf"{_SERVICE}/compute/allowRawAlgorithm", "no algorithm runs here that was not approved by its digest"),
        (rf"{_SERVICE}/compute/allowNetworkAccess", "no job has a network here"),
        (
            rf"{_SERVICE}/compute/publisherTrustedAlgorithm(?:Publisher)?s",
            "Ocean's checksums are of its own containers; approve each algorithm here by its digest",
        ),
        (rf"{_SERVICE}/consumerParameters/[0-9]+/default", "not a value of this parameter"),
        (
            rf"{_SERVICE}/consumerParameters/[0-9]+",
            "not a parameter of one text, number, yes or no, or choice; or more is said of it than one has here",
        ),
        (rf"{_SERVICE}/(?:dataSchema|inputSchema|outputSchema)", "the profile of the sheet tells of columns"),
        (rf"{_SERVICE}/state", "how an asset stands is set on the ledger"),
        (rf"{_SERVICE}/(?:name|displayName)", "the title of the asset stands for it"),
        (rf"{_SERVICE}/description", "in another language or direction, or not a text"),
        (
            rf"(?:{_SERVICE})?/credentials",
            "terms here name organisations and purposes, not accounts: nobody may until a rule is written",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A field that was left out.

    Attributes:
        field: JSON Pointer of it, or of what it is in; printable, cut where it is long.
        reason: Why, in words.
        says: What it said, shortened; empty where it is several fields.
    """

    field: str
    reason: str
    says: str = ""

    def to_json(self) -> dict[str, str]:
        """Returns it as JSON values."""
        return {"field": self.field, "reason": self.reason, "says": self.says}


def reasons_for(left: Iterable[tuple[str, Any]], base: str = "") -> Iterator[Unmapped]:
    """Yields what was left of a DDO, fields that share a reason and a place once.

    Args:
        left: (pointer, value) of each.
        base: Pointer below which the DDO's own fields stand.
    """
    seen: set[str] = set()
    for pointer, value in left:
        own = pointer.removeprefix(base)
        matched = next(((found, reason) for pattern, reason in _REASONS if (found := pattern.match(own))), None)
        place = own if matched is None else matched[0][0]
        field = shown(pointer[: len(pointer) - len(own)] + place)
        if field not in seen:
            seen.add(field)
            says = shown(value) if place == own else ""
            yield Unmapped(field, _UNKNOWN if matched is None else matched[1], says)


def shown(value: Any) -> str:
    """Returns a value as a person reads it: printable, and cut where it is long."""
    text = value if isinstance(value, str) else repr(value)
    clean = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: _MOST_SHOWN + 1])
    return clean if len(clean) <= _MOST_SHOWN else clean[: _MOST_SHOWN - 1] + "…"
