"""What is to be listed, filled in from what is on record: the dataset or model, its passport, its quality report.

One place for the command line, the API and the console. What is asked for goes before what a draft
file says, and that before what is on record. Nothing is signed or sent here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.market.checks import SHEET_CHECKS
from counterfoil.market.selling.goods import Place, is_on_record, read_place, snapshot_place
from counterfoil.market.selling.offering import Listing, Registered
from counterfoil.market.sheets.figures import quality_figures
from counterfoil.market.sheets.shelf import Shelf
from counterfoil.market.sheets.toml_draft import read_draft
from counterfoil.market.sheets.wares import PassportOf, Quality, Seller, SheetLicence, Wares
from counterfoil.provenance import Provenance
from counterfoil.provenance.assets.manifests import manifest_sha256
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.model_register import Model
from counterfoil.store.archive import Archive

if TYPE_CHECKING:
    from counterfoil.ledger.market.selling import OfferDraft
    from counterfoil.ledger.market.terms import OfferKind
    from counterfoil.market.sheets.profile import Profile
    from counterfoil.market.sheets.sample import Sample
    from counterfoil.provenance.text_table import TextTable

__all__ = ["Drafted", "ListingDrafts", "ToList"]

SAMPLE_ROWS: Final = 10
_UNNAMED: Final = "as its text says"
_UNSAID: Final = "licence"
"""The kind of an offer where nothing else is asked for: a draft file may say another."""

_ACCEPTED: Final = "whoever accepts the licence"


@dataclass(frozen=True, slots=True)
class ToList:
    """What somebody wants to list; what is left empty is taken from the draft file, else from what is on record.

    Attributes:
        what: Name of the dataset or model, or the place of its record.
        where: Its contents: a file, a folder, an address, or a snapshot's name.
        draft: Price and rules.
        what_kind: `dataset` or `model`, where both are called so.
        title: In a few words.
        description: In some lines.
        tags: Words to find it by.
        licence_text: The text that buyers agree to.
        licence_name: What it is called, or an SPDX expression.
        licence_url: Where it can also be read.
        terms: Who may have it; None leaves it to the draft file.
        is_for_anybody: Whether everybody may who accepts the licence.
        compute: What may be computed, for a job.
        parameters: What the buyer fills in.
        sample: Columns of which the first rows are shown to everybody.
        sample_rows: How many rows.
        profile: Columns of which figures are shown to everybody.
        file: A draft file in TOML; empty without one.
        uri: Where the asset's document is found; the node's address by default.
        royalty_bps: What the creator asks of each sale of the asset.
        parents: Ids of assets it was made from.
        is_remote: Whether it was named over the network: then it is a snapshot, or lies below the folder for that.
    """

    what: str
    where: str
    draft: OfferDraft
    what_kind: str | None = None
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    licence_text: bytes = b""
    licence_name: str = ""
    licence_url: str = ""
    terms: Mapping[str, Any] | None = None
    is_for_anybody: bool = False
    compute: Mapping[str, Any] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    sample: tuple[str, ...] = ()
    sample_rows: int = SAMPLE_ROWS
    profile: tuple[str, ...] = ()
    file: bytes = b""
    uri: str = ""
    royalty_bps: int = 0
    parents: tuple[str, ...] = ()
    is_remote: bool = False


@dataclass(frozen=True, slots=True)
class Drafted:
    """What would be listed.

    Attributes:
        listing: For `Offering.planning`.
        to_mind: What its owner should look at before everybody sees it, in words.
    """

    listing: Listing
    to_mind: tuple[str, ...]


class ListingDrafts:
    """Fills in listings for one home. Safe to use from several threads.

    Args:
        provenance: The home's datasets and models.
        archive: Says under which leaf hash a record stands.
        shelf: Takes licence texts and passports.
        seller: Who sells.
        node: Base address of the home's node; empty where the settings name none.
        folder: Whose files may be named over the network; None for none.
    """

    def __init__(
        self,
        provenance: Provenance,
        archive: Archive,
        shelf: Shelf,
        seller: Seller,
        node: str,
        folder: Path | None = None,
    ) -> None:
        self._provenance = provenance
        self._archive = archive
        self._shelf = shelf
        self._seller = seller
        self._node = node
        self._folder = folder

    def draft(self, wanted: ToList) -> Drafted:
        """Returns what would be listed; the licence's text and the passport are put on the shelf.

        Raises:
            NotFound: Nothing on record is called so, the contents are not there, or no licence text is.
            InvalidInput: Something cannot be listed so; the message says what.
        """
        if wanted.is_for_anybody and wanted.terms is not None:
            raise InvalidInput(
                "that anybody is let in and the terms both say who may have it", hint="leave one of them out"
            )
        found = self._found(wanted)
        place = self._place(wanted)
        self._require_same(found, place)
        table = _table(place) if wanted.sample or wanted.profile else None
        wares = self._wares(wanted, found)
        if table is not None:
            wares = replace(wares, sample=_sample(table, wanted) or wares.sample)
            wares = replace(wares, profile=_profile(table, wanted.profile) or wares.profile)
        listing = Listing(
            wares,
            _registered(found),
            place,
            replace(wanted.draft, kind=cast("OfferKind", wares.kind)),
            uri=wanted.uri or self._node,
            royalty_bps=wanted.royalty_bps,
            parents=wanted.parents,
        )
        return Drafted(listing, _to_mind(table, wanted))

    def _place(self, wanted: ToList) -> Place:
        """Returns where the contents lie; over the network nobody learns or offers what else is on this machine."""
        if not wanted.is_remote:
            return read_place(wanted.where, self._provenance)
        if self._folder is not None and "://" not in wanted.where:
            folder = self._folder.resolve()
            path = (folder / wanted.where).resolve()
            if folder in path.parents and path.exists():
                return Place("path", str(path))
        try:
            return snapshot_place(wanted.where, self._provenance)
        except NotFound:
            raise InvalidInput(
                f"{wanted.where[:200]!a} is neither a snapshot nor in the folder of what may be offered over HTTP",
                hint="name a snapshot; or set market_folder in counterfoil.toml and put the file there",
            ) from None

    def _require_same(self, found: Dataset | Model, place: Place) -> None:
        """Refuses a file, folder or snapshot that is not what is on record."""
        if is_on_record(place, found, self._provenance):
            return
        name = place.where if place.kind == "snapshot" else Path(place.where).name
        raise InvalidInput(
            f"{name} is not what is on record as {found.record.name} {found.record.version}",
            hint="give the file as it was registered, or register this one first",
        )

    def _found(self, wanted: ToList) -> Dataset | Model:
        if wanted.what_kind is None:
            return self._provenance.find(wanted.what)
        find = self._provenance.find_dataset if wanted.what_kind == "dataset" else self._provenance.find_model
        return find(wanted.what)

    def _wares(self, wanted: ToList, found: Dataset | Model) -> Wares:
        base = self._from_record(wanted, found)
        if wanted.file:
            base = read_draft(wanted.file, SHEET_CHECKS, self._known(wanted))
            if wanted.draft.kind not in (_UNSAID, base.kind):
                raise InvalidInput(
                    f"the draft is for a {base.kind}, and a {wanted.draft.kind} was asked for",
                    hint=f"write kind = {wanted.draft.kind!r} into the draft, or ask for what it says",
                )
            named = base.licence
            wanted = replace(
                wanted,
                licence_name=wanted.licence_name or named.name,
                licence_url=wanted.licence_url or named.url,
            )
        licence = base.licence if wanted.file and not wanted.licence_text else self._licence(wanted, found)
        terms = base.terms if wanted.terms is None else wanted.terms
        if wanted.is_for_anybody:
            terms = {"rules": [{"effect": "allow", "licence": licence.sha256, "name": _ACCEPTED}]}
        if not terms.get("rules"):
            raise InvalidInput(
                "nobody would be let in: no rule says who may have it",
                hint="--terms FILE.toml says who (docs/reference/terms.md); --anybody: whoever accepts the licence",
            )
        made = replace(
            base,
            title=wanted.title or base.title,
            description=wanted.description or base.description,
            tags=wanted.tags or base.tags,
            licence=licence,
            terms=terms,
            compute=wanted.compute or base.compute,
            parameters=wanted.parameters or base.parameters,
        )
        SHEET_CHECKS.check(made.terms, made.parameters, made.compute)
        return made

    def _known(self, wanted: ToList) -> dict[str, dict[str, str] | str]:
        """Returns what stands in where a draft leaves it empty, such as one from another market."""
        known: dict[str, dict[str, str] | str] = {
            "seller": {"name": self._seller.name, "origin": self._seller.origin},
        }
        if self._node:
            known["node"] = self._node
        if wanted.licence_text:
            known["licence"] = {"name": _UNNAMED, "sha256": sha256(wanted.licence_text).hexdigest()}
        return known

    def _from_record(self, wanted: ToList, found: Dataset | Model) -> Wares:
        """Returns what is on record, as a sheet says it."""
        passport = self._provenance.passports.of(found)
        purpose = passport.passport.purpose if passport is not None else ""
        return Wares(
            wanted.draft.kind,
            "dataset" if isinstance(found, Dataset) else "model",
            found.record.name,
            purpose.strip() or _in_words(found),
            SheetLicence("", ""),
            self._node,
            self._seller,
            quality=self._quality(found),
            passport=self._passport(found),
        )

    def _licence(self, wanted: ToList, found: Dataset | Model) -> SheetLicence:
        """Returns the licence: what was given, else what the passport names, where its text is on the shelf."""
        passport = self._provenance.passports.of(found)
        known = passport.passport.licence if passport is not None else None
        name = wanted.licence_name or (known.expression or known.name if known is not None else "")
        url = wanted.licence_url or (known.url if known is not None else "")
        if not wanted.licence_text:
            if known is None or not known.sha256:
                raise NotFound(
                    "no text of a licence is given, and buyers agree to a text", hint="give it: --licence FILE"
                )
            self._shelf.licence(known.sha256)
            return SheetLicence(name, known.sha256, url)
        digest = sha256(wanted.licence_text).hexdigest()
        if known is not None and known.sha256 and known.sha256 != digest:
            raise InvalidInput(
                "the licence text is another than the passport names", hint="give that text, or correct the passport"
            )
        return SheetLicence(name or _UNNAMED, self._shelf.put_licence(wanted.licence_text), url)

    def _quality(self, found: Dataset | Model) -> Quality | None:
        newest = self._provenance.reports.quality(found)[-1:] if isinstance(found, Dataset) else []
        if not newest or not newest[0].report.rows:
            return None
        return quality_figures(newest[0].report, self._archive.leaf_hex(newest[0].index))

    def _passport(self, found: Dataset | Model) -> PassportOf | None:
        known = self._provenance.passports.of(found)
        if known is None:
            return None
        try:
            kept = self._shelf.passport(known.leaf)
        except NotFound:
            kept = self._shelf.put_passport(known.leaf, self._provenance.passports.export(found).encode())
        return PassportOf(sha256(kept).hexdigest(), known.leaf)


def _registered(found: Dataset | Model) -> Registered:
    is_dataset = isinstance(found, Dataset)
    root = found.record.root if isinstance(found, Dataset) else ""
    return Registered(
        "dataset" if is_dataset else "model",
        found.record.name,
        found.record.version,
        manifest_sha256(found),
        found.leaf,
        root,
    )


def _in_words(found: Dataset | Model) -> str:
    if isinstance(found, Dataset):
        record = found.record
        size = f"{record.rows:,} rows" if record.rows is not None else f"{record.size_bytes:,} bytes"
        return f"The dataset {record.name}, version {record.version}: {size}."
    return f"The model {found.record.name}, version {found.record.version}."


def _table(place: Place) -> TextTable:
    from counterfoil.provenance.text_table import text_table

    if place.kind != "path":
        raise InvalidInput("rows and figures are taken of a table on this machine", hint="leave sample and profile out")
    return text_table(Path(place.where))


def _sample(table: TextTable, wanted: ToList) -> Sample | None:
    from counterfoil.market.sheets.sample import take_sample

    return take_sample(table, wanted.sample, wanted.sample_rows) if wanted.sample else None


def _profile(table: TextTable, columns: Sequence[str]) -> Profile | None:
    from counterfoil.market.sheets.profile import take_profile

    return take_profile(table, columns) if columns else None


def _to_mind(table: TextTable | None, wanted: ToList) -> tuple[str, ...]:
    from counterfoil.market.sheets.warnings import columns_to_mind

    if table is None:
        return ()
    return tuple(columns_to_mind(table, tuple(dict.fromkeys((*wanted.sample, *wanted.profile)))).lines())
