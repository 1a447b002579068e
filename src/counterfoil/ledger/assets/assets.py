"""The assets of one home on the ledger it is connected to: registering, publishing, recalling, handing over.

How a change is made, and why it is made once, stands in `changes`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, get_args

from sqlalchemy import select

from counterfoil.errors import InvalidInput, NotAllowed, NotFound
from counterfoil.ledger.accounts.account import checksummed, parse_address
from counterfoil.ledger.assets.asset import Asset, AssetHistory
from counterfoil.ledger.assets.book import AssetEvent
from counterfoil.ledger.assets.changes import Change, Changes, Tell, missing
from counterfoil.ledger.assets.contract import AssetsContract, HeldAsset, asset_id
from counterfoil.ledger.assets.history import asset_step, listed_asset
from counterfoil.ledger.assets.kinds import (
    KINDS,
    MAX_PARENTS,
    MAX_ROYALTY_BPS,
    ROLES,
    STATES,
    Kind,
    State,
    asset_text,
    kind_word,
    read_asset,
    require_uri,
)
from counterfoil.ledger.assets.opened import OpenedAssets
from counterfoil.ledger.assets.views import asset_records
from counterfoil.ledger.rpc.hexadecimal import data
from counterfoil.ledger.sending.quote import Quote

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.store.recorder import Recorder
    from counterfoil.store.views import Views

__all__ = ["Assets"]

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Assets:
    """The assets of one home. Safe to use from several threads.

    Args:
        ledger: The home's ledger.
        recorder: Writes what was done into the home's log.
        views: Finds what the log says.
    """

    def __init__(self, ledger: Ledger, recorder: Recorder, views: Views) -> None:
        self._views = views
        self._changes = Changes(ledger, recorder, views)

    # Changes

    def register(
        self,
        kind: Kind,
        manifest_sha256: str,
        *,
        uri: str = "",
        parents: Sequence[str] = (),
        royalty_bps: int = 0,
        of: str = "",
        tell: Tell | None = None,
    ) -> Asset:
        """Registers an asset, and returns it when that is final; one that is registered is returned as it is.

        Args:
            kind: `dataset`, `model`, `service` or `organisation`.
            manifest_sha256: SHA-256 of the document that says what it is, 64 hexadecimal digits.
            uri: Where that is found, at most 128 bytes; everybody can read it.
            parents: Ids of up to 16 assets that it was made from.
            royalty_bps: What its creator asks of each sale, for ever, in hundredths of a percent, at most 1,000.
            of: Leaf hash of the record in this log that the manifest is, hex; empty without one.
            tell: Told what is waited for.

        Raises:
            NotSetUp: The home is not connected to a ledger, or to no Assets contract.
            InvalidInput: It cannot be registered so, or was registered with another kind or royalty.
            OutOfFunds: The account cannot pay the fees. Nothing was sent.
            OverLimit: It may cost more than may still be spent today. Nothing was sent.
            Reverted: The contract refused.
            LedgerUnreachable: It was not final in time; nothing is lost.
        """
        return _carried_out(
            self.registering(kind, manifest_sha256, uri=uri, parents=parents, royalty_bps=royalty_bps, of=of), tell
        )

    def registering(
        self,
        kind: Kind,
        manifest_sha256: str,
        *,
        uri: str = "",
        parents: Sequence[str] = (),
        royalty_bps: int = 0,
        of: str = "",
    ) -> tuple[Quote, Callable[[Tell], Asset]]:
        """Returns what registering would cost and show, and what does it; see `register`."""
        opened, manifest = self._opened, _read_manifest(manifest_sha256)
        _require_registrable(kind, uri, parents, royalty_bps)
        self._require_record(of)
        asset = asset_id(self._account, manifest)
        wanted = (KINDS[kind], royalty_bps)
        known = opened.contract.held(asset)
        if known is not None and (known.kind, known.royalty_bps) != wanted:
            raise InvalidInput(
                f"this account registered the same manifest before, as a {kind_word(known.kind)} with a royalty of "
                f"{known.royalty_bps} hundredths of a percent",
                hint="both are fixed for ever; `counterfoil asset show` shows it",
            )
        ids = [read_asset(each) for each in parents]
        if known is None:
            self._require_parents(ids)
        calldata = AssetsContract.register(KINDS[kind], manifest, uri, royalty_bps, ids)
        title = f"register the {kind}"
        change = Change("registered", title, asset, calldata, "Registered", lambda _: True, of)
        public = {"kind": kind, "manifest": manifest.hex(), "uri": uri, "parents": " ".join(map(asset_text, ids))}
        return self._changes.quote(change, public | ({"royalty_bps": str(royalty_bps)} if royalty_bps else {}))

    def publish(
        self, asset: str, manifest_sha256: str, *, uri: str | None = None, of: str = "", tell: Tell | None = None
    ) -> Asset:
        """Publishes the next version of an asset, and returns it when that is final.

        The newest version is not published twice; with another URI it is said to have moved.

        Args:
            asset: Its id, `0x…`.
            manifest_sha256: SHA-256 of the document that says what this version is, 64 hexadecimal digits.
            uri: Where that is found; None leaves the former one.
            of: Leaf hash of the record in this log that the manifest is, hex; empty without one.
            tell: Told what is waited for.

        Raises:
            NotFound: There is no such asset.
            NotAllowed: This home's account may not publish it.
        """
        return _carried_out(self.publishing(asset, manifest_sha256, uri=uri, of=of), tell)

    def publishing(
        self, asset: str, manifest_sha256: str, *, uri: str | None = None, of: str = ""
    ) -> tuple[Quote, Callable[[Tell], Asset]]:
        """Returns what publishing would cost and show, and what does it; see `publish`."""
        manifest, held = _read_manifest(manifest_sha256), self._require_held(asset)
        self._require_record(of)
        address = held.uri if uri is None else uri
        require_uri(address)
        self._require_role(held, "publisher", "publish versions of it")
        if manifest == held.manifest and self._changes.under_way("published", held.asset) is None:
            title, calldata = "say where it is found", AssetsContract.set_uri(held.asset, address)
            change = Change("moved", title, held.asset, calldata, "UriSet", lambda now: now.uri == address, of)
            return self._changes.quote(change, {"uri": address})
        title, calldata = "publish the next version", AssetsContract.publish(held.asset, manifest, address)
        change = Change("published", title, held.asset, calldata, "Published", lambda now: now.manifest == manifest, of)
        return self._changes.quote(change, {"manifest": manifest.hex(), "uri": address})

    def set_state(self, asset: str, state: State, *, tell: Tell | None = None) -> Asset:
        """Says how an asset stands, and returns it when that is final; nothing is sent where it stands so already.

        Args:
            asset: Its id, `0x…`.
            state: `active`, `deprecated` (there is a better one), `recalled` (it is faulty) or `blocked` (it may not
                be used).
            tell: Told what is waited for.

        Raises:
            NotFound: There is no such asset.
            NotAllowed: This home's account may not say so.
        """
        return _carried_out(self.setting_state(asset, state), tell)

    def setting_state(self, asset: str, state: State) -> tuple[Quote, Callable[[Tell], Asset]]:
        """Returns what that would cost, and what does it; see `set_state`."""
        if state not in get_args(State):
            raise InvalidInput(f"{ascii(state)[:40]} is no state", hint=f"one of {', '.join(STATES)}")
        held, number = self._require_held(asset), STATES[state]
        self._require_role(held, "operator", "set its state")
        calldata = AssetsContract.set_state(held.asset, number)
        change = Change("state", f"call it {state}", held.asset, calldata, "StateSet", lambda now: now.state == number)
        return self._changes.quote(change, {"state": state})

    def transfer(self, asset: str, to: str, *, tell: Tell | None = None) -> Asset:
        """Hands an asset over for good, and returns it when that is final; every role for it lapses.

        Args:
            asset: Its id, `0x…`.
            to: Address of the next owner; a contract there must say that it takes it.
            tell: Told what is waited for.

        Raises:
            NotFound: There is no such asset.
            NotAllowed: This home's account does not own it.
        """
        return _carried_out(self.transferring(asset, to), tell)

    def transferring(self, asset: str, to: str) -> tuple[Quote, Callable[[Tell], Asset]]:
        """Returns what that would cost, and what does it; see `transfer`."""
        held, receiver = self._require_held(asset), parse_address(to)
        if not any(receiver):
            raise InvalidInput("an asset cannot be handed over to nobody", hint="name the next owner's address")
        calldata = AssetsContract.transfer(self._account, receiver, held.asset)

        def is_told_by(event: AssetEvent) -> bool:
            return (event.told["sender"], event.told["receiver"]) == (data(self._account), data(receiver))

        if held.owner == receiver:
            self._require_handed_over(held.asset, receiver, calldata, is_told_by)
        elif held.owner != self._account:
            raise NotAllowed(
                f"it belongs to {checksummed(held.owner)}, and this home uses {checksummed(self._account)}",
                hint="only its owner hands it over from here",
            )
        title = f"hand it over to {checksummed(receiver)}"
        change = Change(
            "transferred",
            title,
            held.asset,
            calldata,
            "Transfer",
            lambda now: now.owner == receiver,
            is_told_by=is_told_by,
        )
        return self._changes.quote(change, {"owner": checksummed(receiver)})

    # Looking

    def show(self, asset: str) -> AssetHistory:
        """Returns an asset with everything that is known of it; asks the ledger for the newest.

        Raises:
            NotFound: There is no such asset.
        """
        opened, wanted = self._opened, asset_text(read_asset(asset))
        opened.scanner.step()
        found = opened.book.find(wanted)
        if found is None:
            raise missing(wanted)
        shown = listed_asset(found, opened.contract, self._account)
        steps = tuple(asset_step(each) for each in opened.book.events(wanted) if each.name != "MetadataUpdate")
        with self._views.reading() as connection:
            query = select(asset_records.c.idx).where(asset_records.c.asset == wanted).order_by(asset_records.c.idx)
            records = tuple(connection.execute(query).scalars())
        try:
            of = self._views.index_of(shown.manifest)
        except NotFound:
            of = None
        return AssetHistory(shown, steps, tuple(opened.book.children(wanted)), records, of)

    def list(self, *, ours: bool = False) -> list[Asset]:
        """Returns the assets in the contract, oldest first; asks the ledger for the newest.

        Args:
            ours: Only those that this home's account owns.
        """
        opened = self._opened
        opened.scanner.step()
        found = [listed_asset(each, opened.contract, self._account) for each in opened.book.listed()]
        return [each for each in found if each.is_ours or not ours]

    # Inner parts

    @property
    def _opened(self) -> OpenedAssets:
        return self._changes.opened

    @property
    def _account(self) -> bytes:
        return self._changes.account

    def _require_held(self, asset: str) -> HeldAsset:
        number = read_asset(asset)
        held = self._opened.contract.held(number)
        if held is None:
            raise missing(asset_text(number))
        return held

    def _require_role(self, held: HeldAsset, role: str, what: str) -> None:
        if not self._opened.contract.may(held.asset, self._account, ROLES[role]):
            raise NotAllowed(
                f"this home's account {checksummed(self._account)} may not {what}",
                hint=f"its owner may, {checksummed(held.owner)}, and gives others roles",
            )

    def _require_parents(self, parents: Sequence[int]) -> None:
        for parent in parents:
            if self._opened.contract.held(parent) is None:
                raise missing(asset_text(parent))

    def _require_handed_over(
        self, asset: int, receiver: bytes, calldata: bytes, is_told_by: Callable[[AssetEvent], bool]
    ) -> None:
        """Refuses an owner that had it from somebody else: only what this home did is repeated, and recorded."""
        waiting = self._changes.under_way("transferred", asset)
        if waiting is not None and waiting.data == calldata:
            return
        self._opened.scanner.step()
        told = [each for each in self._opened.book.events(asset_text(asset)) if each.name == "Transfer"]
        if not any(is_told_by(each) for each in told):
            raise NotAllowed(
                f"it belongs to {checksummed(receiver)} already, and not because this home's account handed it over",
                hint="counterfoil asset show tells who did",
            )

    def _require_record(self, of: str) -> None:
        if of:
            self._views.index_of(of)


def _require_registrable(kind: str, uri: str, parents: Sequence[str], royalty_bps: int) -> None:
    if kind not in KINDS:
        raise InvalidInput(f"{ascii(kind)[:40]} is no kind of asset", hint=f"one of {', '.join(KINDS)}")
    require_uri(uri)
    if not 0 <= royalty_bps <= MAX_ROYALTY_BPS:
        raise InvalidInput(
            f"a royalty of {royalty_bps} hundredths of a percent cannot be", hint=f"from 0 to {MAX_ROYALTY_BPS:,}"
        )
    if len(parents) > MAX_PARENTS:
        raise InvalidInput(f"{len(parents)} parents are named", hint=f"at most {MAX_PARENTS}")
    if len({read_asset(each) for each in parents}) != len(parents):
        raise InvalidInput("a parent is named twice", hint="name each once")


def _read_manifest(text: str) -> bytes:
    digits = text.removeprefix("0x")
    if not _DIGEST.fullmatch(digits) or not digits.strip("0"):
        raise InvalidInput(
            f"{text[:80]!a} is no SHA-256 digest",
            hint="64 digits 0-9, a-f, of the document that says what the asset is",
        )
    return bytes.fromhex(digits)


def _carried_out(planned: tuple[Quote, Callable[[Tell], Asset]], tell: Tell | None) -> Asset:
    """Carries out what can be paid for.

    Raises:
        OutOfFunds: The account cannot pay the fees. Nothing was sent.
        OverLimit: It may cost more than may still be spent today. Likewise.
    """
    quote, carry_out = planned
    quote.require_funds()
    return carry_out(tell or _silent)


def _silent(_: str) -> None:
    """Tells nobody."""
