"""What is offered, in the seller's words: everything of an offer sheet but its place on the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from counterfoil.core.note import require_origin
from counterfoil.errors import CounterfoilError, MalformedEvidence
from counterfoil.market.sheets.checks import SheetChecks
from counterfoil.market.sheets.members import Members
from counterfoil.market.sheets.profile import Profile
from counterfoil.market.sheets.sample import Sample
from counterfoil.provenance.snapshots.web import require_web_address

__all__ = [
    "CATEGORIES",
    "KINDS",
    "MOST_DESCRIPTION",
    "MOST_LICENCE",
    "MOST_SELLER",
    "MOST_TAG",
    "MOST_TAGS",
    "MOST_TITLE",
    "MOST_URL",
    "Content",
    "PassportOf",
    "Quality",
    "Seller",
    "SheetLicence",
    "Wares",
    "filled",
    "read_url",
]

KINDS: Final[Mapping[str, int]] = {"licence": 1, "period": 2, "job": 3, "sale": 4}
"""What is bought, and the contract's number for it: access for good, for a time, one computation, the asset itself."""

CATEGORIES: Final = ("dataset", "model", "service")

MOST_TITLE: Final = 200
MOST_DESCRIPTION: Final = 8_000
MOST_TAGS: Final = 32
MOST_TAG: Final = 60
MOST_LICENCE: Final = 300
MOST_SELLER: Final = 200
MOST_URL: Final = 512
_MOST_NAME: Final = 255
_MICRO: Final = 1_000_000


def filled(told: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an object without the members that are empty: what there is not is left out."""
    return {key: value for key, value in told.items() if value not in ("", None, [], ())}


@dataclass(frozen=True, slots=True)
class SheetLicence:
    """Under what the content is given.

    Attributes:
        name: An SPDX expression, or what the licence is called.
        sha256: Of its text, hex: the text that the buyer agrees to, whatever an address shows later.
        url: Where it can also be read.
    """

    name: str
    sha256: str
    url: str = ""

    @classmethod
    def read(cls, told: Members) -> Self:
        """Reads it; InvalidInput names the member that is wrong."""
        made = cls(told.text("name", MOST_LICENCE), told.digest("sha256"), read_url(told, "url", needed=False))
        told.require_known()
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns it as the sheet has it."""
        return filled({"name": self.name, "sha256": self.sha256, "url": self.url})


@dataclass(frozen=True, slots=True)
class Content:
    """What is delivered, or computed on.

    Attributes:
        root: Of its chunks, hex; see the delivery's format.
        size_bytes: Of all of it.
        name: Of the file, or of the folder.
        media_type: `text/csv`; of a folder `application/x-tar`.
        version: In the seller's own numbering.
        record: Leaf hash (hex) of the record that registered it in the seller's log; empty without one.
        fingerprint: Root (hex) of its fingerprint; empty without one.
    """

    root: str
    size_bytes: int
    name: str
    media_type: str
    version: str = ""
    record: str = ""
    fingerprint: str = ""

    @classmethod
    def read(cls, told: Members) -> Self:
        """Reads it; InvalidInput names the member that is wrong."""
        made = cls(
            told.digest("root"),
            told.whole("size"),
            told.text("name", _MOST_NAME),
            told.text("mediaType", 100),
            told.text("version", 200, needed=False),
            told.digest("record", needed=False),
            told.digest("fingerprint", needed=False),
        )
        told.require_known()
        if "/" in made.name or made.name in (".", ".."):
            raise told.error("name", "is no name of a file: it would lead into another folder")
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns it as the sheet has it."""
        return filled(
            {
                "fingerprint": self.fingerprint,
                "mediaType": self.media_type,
                "name": self.name,
                "record": self.record,
                "root": self.root,
                "size": self.size_bytes,
                "version": self.version,
            }
        )


@dataclass(frozen=True, slots=True)
class Quality:
    """The figures of a quality report that catalogues compare.

    Attributes:
        table_sha256: SHA-256 (hex) of the table that was looked at.
        rows: Of it.
        columns: Of it.
        missing_micro: Rows that the column with the most lacks, in millionths of all rows.
        duplicates_micro: Rows that equal an earlier one, likewise.
        drift_micro: Largest drift of any column from the table it was made from; None without one.
        record: Leaf hash (hex) of the report's record in the seller's log; empty without one.
    """

    table_sha256: str
    rows: int
    columns: int
    missing_micro: int
    duplicates_micro: int
    drift_micro: int | None = None
    record: str = ""

    @classmethod
    def read(cls, told: Members) -> Self:
        """Reads it; InvalidInput names the member that is wrong."""
        made = cls(
            told.digest("tableSha256"),
            told.whole("rows"),
            told.whole("columns"),
            told.whole("missingMicro", most=_MICRO),
            told.whole("duplicatesMicro", most=_MICRO),
            told.some("driftMicro"),
            told.digest("record", needed=False),
        )
        told.require_known()
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns it as the sheet has it."""
        return filled(
            {
                "columns": self.columns,
                "driftMicro": self.drift_micro,
                "duplicatesMicro": self.duplicates_micro,
                "missingMicro": self.missing_micro,
                "record": self.record,
                "rows": self.rows,
                "tableSha256": self.table_sha256,
            }
        )


@dataclass(frozen=True, slots=True)
class PassportOf:
    """Which passport goes with it: SHA-256 (hex) of its file, and the leaf of its record in the seller's log."""

    sha256: str
    record: str = ""

    @classmethod
    def read(cls, told: Members) -> Self:
        """Reads it; InvalidInput names the member that is wrong."""
        made = cls(told.digest("sha256"), told.digest("record", needed=False))
        told.require_known()
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns it as the sheet has it."""
        return filled({"record": self.record, "sha256": self.sha256})


@dataclass(frozen=True, slots=True)
class Seller:
    """Who sells: the organisation's name, and the origin of its log."""

    name: str
    origin: str

    @classmethod
    def read(cls, told: Members) -> Self:
        """Reads it; InvalidInput names the member that is wrong."""
        made = cls(told.text("name", MOST_SELLER), told.text("origin", 256))
        told.require_known()
        try:
            require_origin(made.origin)
        except MalformedEvidence as error:
            raise told.error("origin", "cannot name a log; expected a name such as bank.example/decisions") from error
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns it as the sheet has it."""
        return {"name": self.name, "origin": self.origin}


@dataclass(frozen=True, slots=True)
class Wares:
    """What is offered. All of it is public.

    Attributes:
        kind: A key of `KINDS`.
        category: One of `CATEGORIES`.
        title: In a few words.
        description: In some lines.
        tags: Words to find it by.
        licence: Under what it is given.
        content: What is delivered or computed on; None for a service that has none.
        terms: Who may have it, as the reader of terms has it.
        parameters: What the buyer fills in, as its reader has it.
        compute: What may be computed and what may leave; None for anything but a job.
        sample: Rows that the owner shows; None without.
        profile: What the columns hold; None without.
        quality: Figures of its quality report; None without.
        passport: Which passport goes with it; None without.
        node: Base address of the seller's node.
        seller: Who sells.
    """

    kind: str
    category: str
    title: str
    description: str
    licence: SheetLicence
    node: str
    seller: Seller
    content: Content | None = None
    tags: tuple[str, ...] = ()
    terms: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    compute: Mapping[str, Any] | None = None
    sample: Sample | None = None
    profile: Profile | None = None
    quality: Quality | None = None
    passport: PassportOf | None = None

    @classmethod
    def read(cls, told: Members, checks: SheetChecks, *, is_draft: bool = False) -> Self:
        """Reads it.

        Args:
            told: The sheet, of which the caller reads the rest.
            checks: What reads the parts that others define.
            is_draft: Whether the content may be left out, which is read when it is listed.

        Raises:
            InvalidInput: A member is missing or not usable; the message names it.
        """
        made = cls(
            told.one_of("kind", tuple(KINDS)),
            told.one_of("category", CATEGORIES),
            told.text("title", MOST_TITLE),
            told.text("description", MOST_DESCRIPTION, lines=True),
            SheetLicence.read(told.table("licence")),
            read_url(told, "node"),
            Seller.read(told.table("seller")),
            Content.read(told.table("content")) if told.has("content") else None,
            told.texts("tags", MOST_TAGS, MOST_TAG),
            told.plain("terms"),
            told.plain("parameters"),
            told.plain("compute") if told.has("compute") else None,
            Sample.read(told.table("sample")) if told.has("sample") else None,
            Profile.read(told.table("profile")) if told.has("profile") else None,
            Quality.read(told.table("quality")) if told.has("quality") else None,
            PassportOf.read(told.table("passport")) if told.has("passport") else None,
        )
        made._require_fitting(told, is_draft=is_draft)
        checks.check(made.terms, made.parameters, made.compute)
        return made

    def _require_fitting(self, told: Members, *, is_draft: bool) -> None:
        """Refuses parts that do not go together; of a draft the content is read when it is listed."""
        if self.content is None and self.category != "service" and not is_draft:
            raise told.error("content", f"is left out; a {self.category} has one")
        if (self.compute is not None) != (self.kind == "job"):
            raise told.error("compute", "is left out; a job has it" if self.kind == "job" else "belongs to a job alone")

    def to_json(self) -> dict[str, Any]:
        """Returns it as the sheet has it; members that are not there are left out."""
        return filled(
            {
                "category": self.category,
                "compute": None if self.compute is None else dict(self.compute),
                "content": self.content.to_json() if self.content else None,
                "description": self.description,
                "kind": self.kind,
                "licence": self.licence.to_json(),
                "node": self.node,
                "parameters": dict(self.parameters),
                "passport": self.passport.to_json() if self.passport else None,
                "profile": self.profile.to_json() if self.profile else None,
                "quality": self.quality.to_json() if self.quality else None,
                "sample": self.sample.to_json() if self.sample else None,
                "seller": self.seller.to_json(),
                "tags": list(self.tags),
                "terms": dict(self.terms),
                "title": self.title,
            }
        )


def read_url(told: Members, key: str, *, needed: bool = True) -> str:
    """Returns an address on the web: http or https, without a name, password, query or fragment."""
    found = told.text(key, MOST_URL, needed=needed)
    if not found:
        return ""
    try:
        parts = require_web_address(found)
    except CounterfoilError as error:
        raise told.error(key, "is no web address; expected one such as https://bank.example") from error
    if key == "node" and (parts.query or parts.fragment):
        raise told.error(key, "has a query or a fragment; expected the address below which the node answers")
    return found
