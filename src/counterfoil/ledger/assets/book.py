"""What the ledger tells of assets: every event of the contract, and what follows from them.

Rows come from the scanner, and are taken back when the ledger takes their block back. What
an asset is now is worked out from its events alone, so that taking back needs no more.
Everything here can be read from the ledger again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    select,
)

from counterfoil.errors import LedgerContradicts
from counterfoil.ledger.assets.kinds import NOBODY, STATES, asset_text
from counterfoil.ledger.rpc.answers import Event
from counterfoil.ledger.rpc.hexadecimal import data
from counterfoil.ledger.told_file import open_told

__all__ = ["AssetBook", "AssetEvent", "ListedAsset"]

metadata: Final = MetaData()

asset_events: Final = Table(
    "asset_events",
    metadata,
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("event", Integer, primary_key=True, autoincrement=False),
    Column("name", String(40), nullable=False),
    Column("asset", String(66), nullable=False),
    Column("transaction_hash", LargeBinary(32), nullable=False),
    Column("told", Text, nullable=False),
    Index("asset_events_by_asset", "asset"),
)
"""Everything the contract told; `asset` is empty for what is about none; `told` is JSON, bytes in it are `0x…`."""


@dataclass(frozen=True, slots=True)
class AssetEvent:
    """One thing the contract told of an asset.

    Attributes:
        block: Height of its block.
        name: `Registered`, `StateSet`, …
        asset: The asset's id, `0x…`.
        transaction_hash: 32 bytes.
        told: Its values by name, as JSON has them.
    """

    block: int
    name: str
    asset: str
    transaction_hash: bytes
    told: dict[str, Any]


@dataclass(slots=True)
class ListedAsset:
    """An asset, as its events tell.

    Attributes:
        asset: Its id, `0x…`.
        block: Height of the block in which it was registered.
        transaction_hash: 32 bytes of the transaction that registered it.
        creator: Address of whoever registered it, `0x…` in lower case.
        owner: Address of the owner, likewise.
        kind: 1 dataset, 2 model, 3 service, 4 organisation.
        state: 0 active, 1 deprecated, 2 recalled, 3 blocked.
        version: From 1.
        manifest: SHA-256 of the newest version's manifest, `0x…`.
        uri: Where that is found.
        royalty_bps: In hundredths of a percent.
        parents: Ids of the assets it was made from.
    """

    asset: str
    block: int
    transaction_hash: bytes
    creator: str
    owner: str
    kind: int
    state: int
    version: int
    manifest: str
    uri: str
    royalty_bps: int
    parents: list[str]


class AssetBook:
    """The table of events. Safe to use from several threads; reads the scanner's events."""

    def __init__(self, engine: Engine) -> None:
        """For `open`."""
        self.engine = engine

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Opens the table, made anew when its file is missing or damaged: the ledger has it all.

        Raises:
            LogUnavailable: When the disk refuses.
        """
        with open_told(path, metadata, lambda _: None) as engine:
            yield cls(engine)

    # The scanner's reader

    def take(self, connection: Connection, new: Sequence[Event]) -> None:
        """Takes new events; the scanner commits."""
        from counterfoil.ledger.assets.contract import read_event  # ABI decoding takes long to load

        for each in map(read_event, new):
            asset = asset_text(each.values["id"]) if "id" in each.values else ""
            told = {name: _shown(name, value) for name, value in each.values.items() if name != "id"}
            connection.execute(
                asset_events.insert().values(
                    block=each.event.block_number,
                    event=each.event.index,
                    name=each.name,
                    asset=asset,
                    transaction_hash=each.event.transaction_hash,
                    told=json.dumps(told),
                )
            )

    def forget(self, connection: Connection, after_block: int) -> None:
        """Takes back what blocks above `after_block` told."""
        connection.execute(asset_events.delete().where(asset_events.c.block > after_block))

    # What it answers

    def events(self, asset: str) -> list[AssetEvent]:
        """Returns what the contract told of an asset, oldest first."""
        return list(self._events(asset))

    def children(self, asset: str) -> list[str]:
        """Returns the ids of the assets that name this one as a parent, oldest first."""
        return [each.asset for each in self._events() if each.told.get("parent") == asset]

    def listed(self) -> list[ListedAsset]:
        """Returns every asset, oldest first."""
        return list(_folded(self._events()).values())

    def find(self, asset: str) -> ListedAsset | None:
        """Returns one asset, None when no event tells of it."""
        return _folded(self._events(asset)).get(asset)

    def _events(self, asset: str | None = None) -> Iterator[AssetEvent]:
        query = select(asset_events).order_by(asset_events.c.block, asset_events.c.event)
        if asset is not None:
            query = query.where(asset_events.c.asset == asset)
        with self.engine.connect() as connection:
            for row in connection.execute(query):
                yield AssetEvent(row.block, row.name, row.asset, row.transaction_hash, json.loads(row.told))


def _folded(events: Iterable[AssetEvent]) -> dict[str, ListedAsset]:
    """Returns what each asset is after its events, by id."""
    found: dict[str, ListedAsset] = {}
    for each in events:
        told = each.told
        if each.name == "Registered":
            found[each.asset] = ListedAsset(
                asset=each.asset,
                block=each.block,
                transaction_hash=each.transaction_hash,
                creator=told["creator"],
                owner=told["creator"],
                kind=told["kind"],
                state=STATES["active"],
                version=1,
                manifest=told["manifest"],
                uri=told["uri"],
                royalty_bps=told["royalty_bps"],
                parents=[],
            )
        elif each.name == "Derived":
            _known(found, each).parents.append(told["parent"])
        elif each.name == "Published":
            known = _known(found, each)
            known.version, known.manifest, known.uri = told["version"], told["manifest"], told["uri"]
        elif each.name == "UriSet":
            _known(found, each).uri = told["uri"]
        elif each.name == "StateSet":
            _known(found, each).state = told["state"]
        elif each.name == "Transfer" and told["sender"] != NOBODY:
            _known(found, each).owner = told["receiver"]
    return found


def _known(found: dict[str, ListedAsset], event: AssetEvent) -> ListedAsset:
    if event.asset not in found:
        raise LedgerContradicts(
            f"the ledger tells {event.name} of the asset {event.asset[:18]}…, and not that it was registered",
            hint="reading began too late: set assets_from in the ledger settings to the block of the contract",
        )
    return found[event.asset]


def _shown(name: str, value: Any) -> Any:
    if name == "parent":
        return asset_text(value)
    return data(value) if isinstance(value, bytes) else value
