"""Opens everything that talks to the ledger, from the settings of a home."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from counterfoil.ledger.accounts.account import Account
from counterfoil.ledger.anchors.anchoring import Anchoring
from counterfoil.ledger.anchors.book import AnchorBook
from counterfoil.ledger.anchors.evidence import Evidence
from counterfoil.ledger.assets.opened import OpenedAssets, open_assets
from counterfoil.ledger.connection import Connection, LedgerPaths
from counterfoil.ledger.market.opened import OpenedMarket, open_market
from counterfoil.ledger.outbox_place import outbox_place
from counterfoil.ledger.packages import use_fast_keccak
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.sending.awaited import awaited
from counterfoil.ledger.sending.outbox import Outbox
from counterfoil.ledger.sending.scanner import Scanner
from counterfoil.ledger.sending.sender import SendingSettings
from counterfoil.ledger.sending.spending import SpendingLimits
from counterfoil.ledger.way import open_embedded, open_nodes
from counterfoil.store.archive import Archive
from counterfoil.store.recorder import Recorder

__all__ = ["OpenedLedger", "all_or_none", "open_chain", "open_ledger", "with_contracts"]


@dataclass(frozen=True, slots=True)
class OpenedLedger:
    """What talks to the ledger while it is open."""

    chain: Chain
    evidence: Evidence
    account: Account
    outbox: Outbox
    anchoring: Anchoring
    assets: OpenedAssets | None
    market: OpenedMarket | None

    def change(
        self, purpose: str, calldata: bytes, *, log_contract: bytes | None = None, key: str = "", timeout_s: float = 900
    ) -> None:
        """Sends one change to the contract and returns when it is final.

        Args:
            purpose: What it is for, in words.
            calldata: As `Evidence` makes it.
            log_contract: 20 bytes of the contract; this home's own by default.
            key: With a key that was used before, nothing is sent and paid again.
            timeout_s: How long to wait.

        Raises:
            Reverted: The contract refuses, in its own words; nothing was spent where that was seen before sending.
            LedgerUnreachable: It was not final in time; nothing is lost.
        """
        contract = log_contract or self.evidence.address
        self.chain.call(contract, calldata, sender=self.account.address)
        row_id = self.outbox.submit(contract, calldata, purpose=purpose, key=key)
        awaited(self.outbox, row_id, purpose, lambda _: None, timeout_s=timeout_s)


def open_ledger(
    paths: LedgerPaths,
    connection: Connection,
    account: Account,
    recorder: Recorder,
    archive: Archive,
    book: AnchorBook,
    stack: ExitStack,
    now: Callable[[], float],
) -> OpenedLedger:
    """Opens the way to the ledger, the outbox and the anchoring of the home's log.

    Args:
        paths: Where the home keeps what belongs to the ledger.
        connection: The settings.
        account: Signs what is sent.
        recorder: Ends epochs.
        archive: Reads the log.
        book: The anchors that were seen.
        stack: Lets go of everything in the end.
        now: Returns Unix seconds.
    """
    use_fast_keccak()
    chain = open_chain(paths, connection, stack, now)
    where = connection.where
    evidence = Evidence(chain, where.contract)
    place = outbox_place(paths, chain.chain_id, account.address)
    limits = SpendingLimits(connection.spend_per_day_wei, connection.spend_per_day_wei)
    outbox = stack.enter_context(
        Outbox(
            place,
            chain,
            account,
            limits=limits,
            settings=SendingSettings(bump_after_s=connection.bump_after_s),
            now=now,
        )
    )
    topics = [None, where.log_id]  # every event of the contract names its log there
    scanner = Scanner(book.engine, chain, "evidence", [where.contract], topics, book, start=connection.opened_at)
    anchoring = Anchoring(
        recorder, archive, evidence, where.log_id, outbox, scanner, book, connection.anchor_policy, now
    )
    assets, market = open_assets(paths, connection, chain, stack), open_market(paths, connection, chain, stack)
    return OpenedLedger(chain, evidence, account, outbox, anchoring, assets, market)


def with_contracts(paths: LedgerPaths, connection: Connection, opened: OpenedLedger, stack: ExitStack) -> OpenedLedger:
    """Returns what is opened, with the contracts of assets and market that the settings name now."""
    assets = open_assets(paths, connection, opened.chain, stack)
    return replace(opened, assets=assets, market=open_market(paths, connection, opened.chain, stack))


def open_chain(paths: LedgerPaths, connection: Connection, stack: ExitStack, now: Callable[[], float]) -> Chain:
    """Opens the way to the chain that the settings name."""
    if connection.is_embedded:
        finality, fees = connection.finality_rule, connection.fee_policy
        return open_embedded(paths.embedded, stack, chain_id=connection.chain_id, finality=finality, fees=fees, now=now)
    return open_nodes(connection, stack, chain_id=connection.chain_id)


@contextmanager
def all_or_none(stack: ExitStack) -> Iterator[ExitStack]:
    """Yields a stack whose parts join `stack` when the block succeeds, and are let go of when it fails."""
    with ExitStack() as parts:
        yield parts
        stack.push(parts.pop_all().__exit__)
