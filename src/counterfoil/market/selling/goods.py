"""Where the contents of this home's offers lie, by their root: what is sold is read from there when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import Column, String, Table, Text, select

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.market.delivery.folder import FolderSource
from counterfoil.market.delivery.source import Source
from counterfoil.market.delivery.sources import FileSource, OpenedSource, StoreSource
from counterfoil.market.selling.changed_sources import ChangedSources
from counterfoil.market.state import MarketState, metadata
from counterfoil.provenance import Dataset, Model, Provenance
from counterfoil.provenance.text_table import digest_of

__all__ = ["Goods", "Place", "is_on_record", "read_place", "snapshot_place"]

PlaceKind = Literal["path", "store", "snapshot"]

goods: Final = Table(
    "goods",
    metadata,
    Column("root", String(64), primary_key=True),
    Column("place", Text, nullable=False),
)
"""One row a content; `place` is JSON."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a content lies.

    Attributes:
        kind: `path` (a file or folder of this machine), `store` (an address that fsspec opens) or `snapshot`.
        where: The absolute path, the address, or the snapshot as NAME@VERSION.
    """

    kind: PlaceKind
    where: str


class Goods:
    """The places of one home. Safe to use from several threads.

    Args:
        state: Where they are kept.
        provenance: Opens snapshots.
        changed: Knows whose source has changed.
    """

    def __init__(self, state: MarketState, provenance: Provenance, changed: ChangedSources) -> None:
        state.make(goods)
        self._state = state
        self._provenance = provenance
        self._changed = changed

    def put(self, root: str, place: Place) -> None:
        """Keeps where a content lies from now on; whoever says so has just read it there.

        Args:
            root: Of the content, 64 hexadecimal digits.
            place: Where it lies.
        """
        told = json.dumps({"kind": place.kind, "where": place.where})
        with self._state.writing() as connection:
            same = goods.c.root == root
            if not connection.execute(goods.update().where(same).values(place=told)).rowcount:
                connection.execute(goods.insert().values(root=root, place=told))
        self._changed.settle(root)

    def place(self, root: str) -> Place:
        """Returns where a content lies.

        Raises:
            NotFound: This home never offered it.
        """
        with self._state.reading() as connection:
            found = connection.execute(select(goods.c.place).where(goods.c.root == root)).scalar()
        if found is None:
            raise NotFound(
                f"where the content {root[:12]}… lies is not known here",
                hint="`counterfoil market offer` keeps it, and may be repeated",
            )
        told = json.loads(found)
        return Place(told["kind"], told["where"])

    def open(self, place: Place) -> Source:
        """Opens what lies at a place; whoever asked closes it.

        Raises:
            NotFound: It is gone.
        """
        openers: dict[str, Callable[[str], Source]] = {
            "path": _opened_path,
            "store": StoreSource,
            "snapshot": lambda name: OpenedSource(self._provenance.snapshots.open(name)),
        }
        return openers[place.kind](place.where)


def read_place(text: str, provenance: Provenance) -> Place:
    """Returns the place that a text names: an address of a store, a file or folder, or a snapshot by its name.

    Raises:
        InvalidInput: It names none of these.
    """
    if "://" in text:
        return Place("store", text)
    path = Path(text).expanduser()
    if path.exists():
        return Place("path", str(path.resolve()))
    try:
        return snapshot_place(text, provenance)
    except NotFound:
        raise InvalidInput(
            f"{text[:200]!a} is neither a file or folder, nor an address, nor a snapshot of this home",
            hint="name what is to be delivered; `counterfoil snapshot list` shows the snapshots",
        ) from None


def snapshot_place(name: str, provenance: Provenance) -> Place:
    """Returns the place of a snapshot by its name, of which the newest version counts, or by NAME@VERSION.

    Raises:
        NotFound: There is no such snapshot.
    """
    record = provenance.snapshots.find(name).dataset.record
    return Place("snapshot", f"{record.name}@{record.version}")


def is_on_record(place: Place, found: Dataset | Model, provenance: Provenance) -> bool:
    """Whether what lies at a place is what is on record, by its digest; an address is taken at its word.

    Raises:
        NotFound: The snapshot is gone.
        InvalidInput: A file or folder cannot be read.
    """
    if place.kind == "store":
        return True
    on_record = found.record.sha256 if isinstance(found, Dataset) else found.record.file_sha256
    if place.kind == "snapshot":
        return provenance.snapshots.find(place.where).dataset.record.sha256 == on_record
    return digest_of(Path(place.where)) == on_record


def _opened_path(where: str) -> Source:
    path = Path(where)
    return FolderSource(path) if path.is_dir() else FileSource(path)
