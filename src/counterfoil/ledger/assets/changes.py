"""One change to an asset: what it would cost, sending it once, and having the log say what was done.

Every change has three steps, and may be repeated after any interruption:

1. what it would cost and make public is worked out; nothing is sent;
2. it is sent through the outbox, unless the ledger shows that it is made, or the same call is
   under way already; then it is waited for, until it is final;
3. the home's own log says what was done, unless it does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from counterfoil.errors import NotFound, NotSetUp
from counterfoil.ledger.assets.asset import Asset
from counterfoil.ledger.assets.book import AssetEvent
from counterfoil.ledger.assets.contract import HeldAsset
from counterfoil.ledger.assets.history import listed_asset
from counterfoil.ledger.assets.kinds import asset_text
from counterfoil.ledger.assets.opened import OpenedAssets
from counterfoil.ledger.assets.records import AssetRecord
from counterfoil.ledger.assets.views import asset_records
from counterfoil.ledger.sending.contract_calls import ContractCall, ContractCalls, Tell
from counterfoil.ledger.sending.quote import Quote
from counterfoil.ledger.sending.rows import OutboxRow

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.store.recorder import Recorder
    from counterfoil.store.views import Views

__all__ = ["Change", "Changes", "Tell", "missing"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change to an asset, before it is sent.

    Attributes:
        action: As the record calls it.
        title: What it does, as in "to register it".
        asset: The asset's id.
        calldata: What is sent.
        event: Name of the event by which the contract tells of it.
        is_done: Whether an asset that is there is as it is to be.
        of: Leaf hash of the record that its manifest is, hex; empty without one.
        is_told_by: Whether an event of that name tells of this change, and not of another's like it.
    """

    action: str
    title: str
    asset: int
    calldata: bytes
    event: str
    is_done: Callable[[HeldAsset], bool]
    of: str = ""
    is_told_by: Callable[[AssetEvent], bool] = lambda _event: True


class Changes:
    """Makes changes to assets, each once. Safe to use from several threads.

    Args:
        ledger: The home's ledger.
        recorder: Writes what was done into the home's log.
        views: Finds what the log says.
    """

    def __init__(self, ledger: Ledger, recorder: Recorder, views: Views) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._views = views
        self._calls = ContractCalls(lambda: ledger.opened.outbox)
        self._recording = threading.Lock()  # between looking for the same record and writing it

    def quote(self, change: Change, public: Mapping[str, str]) -> tuple[Quote, Callable[[Tell], Asset]]:
        """Step 1; returns the quote, and what does steps 2 and 3."""
        call = self._call(change)
        quote = self._calls.quote(call, public, asset=asset_text(change.asset))
        return quote, lambda tell: self._carry_out(change, call, tell)

    def _carry_out(self, change: Change, call: ContractCall, tell: Tell) -> Asset:
        """Steps 2 and 3."""
        opened = self.opened
        self._calls.send(call, tell)
        opened.scanner.step()
        found = opened.book.find(asset_text(change.asset))
        if found is None:
            raise missing(asset_text(change.asset))
        shown = listed_asset(found, opened.contract, self.account)
        with self._recording:
            self._record(change, shown, opened)
        return shown

    def _call(self, change: Change) -> ContractCall:
        contract = self.opened.contract

        def is_made() -> bool:
            held = contract.held(change.asset)
            return held is not None and change.is_done(held)

        purpose = _purpose(change.action, change.asset)
        return ContractCall(contract.address, change.calldata, change.title, purpose, is_made)

    def under_way(self, action: str, asset: int) -> OutboxRow | None:
        """Returns the newest change of one kind to an asset that is not final yet, None without one."""
        return self._calls.under_way(_purpose(action, asset), self.opened.contract.address)

    def _record(self, change: Change, shown: Asset, opened: OpenedAssets) -> None:
        """Step 3: has the log say what was done, once for each transaction."""
        events = opened.book.events(shown.asset)
        told = [each for each in events if each.name == change.event and change.is_told_by(each)]
        if not told:  # it always was so
            return
        transaction = f"0x{told[-1].transaction_hash.hex()}"
        with self._views.reading() as connection:
            same = select(asset_records.c.idx).where(asset_records.c.transaction == transaction)
            if connection.execute(same).first() is not None:
                return
            newest = select(asset_records.c.leaf).where(asset_records.c.asset == shown.asset)
            before = connection.execute(newest.order_by(asset_records.c.idx.desc()).limit(1)).scalar()
        record = AssetRecord(
            change.action,
            shown.chain_id,
            shown.contract,
            shown.asset,
            transaction,
            shown.kind,
            shown.manifest,
            shown.version,
            shown.state,
            shown.owner,
            change.of or before or "",
        )
        self._recorder.write(record.draft())

    @property
    def opened(self) -> OpenedAssets:
        """What talks to the contract.

        Raises:
            NotSetUp: Not connected, or to no Assets contract.
        """
        self._ledger.require_connection()
        opened = self._ledger.opened.assets
        if opened is None:
            raise NotSetUp(
                "this home's ledger settings name no Assets contract",
                hint="`counterfoil asset deploy` puts one on the ledger, or takes one with --contract",
            )
        return opened

    @property
    def account(self) -> bytes:
        """20 bytes of the account that pays."""
        return self._ledger.opened.account.address


def _purpose(action: str, asset: int) -> str:
    """Returns what a transaction is for, by which it is found again; half of the id tells one asset from another."""
    return f"asset {asset_text(asset)[:34]} {action}"


def missing(asset: str) -> NotFound:
    """Returns the error for an asset that is not there."""
    return NotFound(f"there is no asset {asset} on this ledger", hint="`counterfoil asset list` shows what there is")
