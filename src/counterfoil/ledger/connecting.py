"""Connects a home to a ledger: the contract, the log in it, and the settings that name both.

Every transaction goes through the outbox under a key of its own, so that whoever was
interrupted says `connect` again and goes on where it stopped; nothing is paid twice.
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Final

from counterfoil.core.note import VerifierKey
from counterfoil.core.statement import Draft
from counterfoil.errors import (
    InvalidInput,
    NotAllowed,
    NotFound,
    OutOfFunds,
    OverLimit,
)
from counterfoil.ledger.accounts.account import Account, checksummed
from counterfoil.ledger.amounts import amount
from counterfoil.ledger.anchors.evidence import Evidence, artefact, log_id_of
from counterfoil.ledger.assets.contract import AssetsContract
from counterfoil.ledger.assets.contract import artefact as assets_artefact
from counterfoil.ledger.connection import Connection, LedgerPaths
from counterfoil.ledger.market.contract import MarketContract
from counterfoil.ledger.market.deploying import market_steps, put_market
from counterfoil.ledger.outbox_place import outbox_place
from counterfoil.ledger.packages import use_fast_keccak
from counterfoil.ledger.placed import Placed, Told, deployed, placed_at, sent_once
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.sending.outbox import Outbox
from counterfoil.ledger.sending.spending import SpendingLimits
from counterfoil.ledger.treasury import create_ledger, is_ledger
from counterfoil.ledger.way import open_embedded, open_nodes

__all__ = [
    "ASSETS_GAS",
    "Plan",
    "PlannedStep",
    "Wanted",
    "connect",
    "deploy",
    "further_steps",
    "open_way",
    "plan_of",
    "record_of",
]

DEPLOY_GAS: Final = 2_100_000
ASSETS_GAS: Final = 2_150_000
OPEN_GAS: Final = 110_000
NAME_GAS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller asks to be connected to.

    Attributes:
        draft: The settings, as far as they are known before anything is connected.
        contract: 20 bytes of an Evidence contract that is there already; None deploys one.
        is_anew: Whether to open another log on a chain where this one is open already.
        assets: 20 bytes of an Assets contract that is there already.
        assets_from: Height of the block from which on that one is there; None looks for it.
        with_assets: Whether to put an Assets contract there where none is named; None does so on a ledger of the
            home's own, where it costs no money.
        market: 20 bytes of a Market contract that is there already.
        market_from: Height of the block from which on that one is there; None looks for it.
        credits: 20 bytes of the token that prices are in where none is named; a new market comes with one.
        with_market: Whether to put a Market there where none is named; None does so where an Assets contract is put
            on a ledger of the home's own.
    """

    draft: Connection
    contract: bytes | None = None
    is_anew: bool = False
    assets: bytes | None = None
    assets_from: int | None = None
    with_assets: bool | None = None
    market: bytes | None = None
    market_from: int | None = None
    credits: bytes | None = None
    with_market: bool | None = None

    @property
    def deploys_assets(self) -> bool:
        """Whether an Assets contract is put there."""
        is_wanted = not self.draft.rpc if self.with_assets is None else self.with_assets
        return is_wanted and self.assets is None

    @property
    def deploys_market(self) -> bool:
        """Whether a Market is put there, and Credits to pay in."""
        has_assets = self.assets is not None or self.deploys_assets
        is_wanted = has_assets and not self.draft.rpc if self.with_market is None else self.with_market
        return is_wanted and self.market is None

    def require_whole(self) -> None:
        """Refuses a Market without the Assets contract whose assets it sells; one that is there sells no new one's.

        Raises:
            InvalidInput: That is asked for.
        """
        needs_one_that_is_there = self.market is not None or (self.deploys_market and not self.deploys_assets)
        if needs_one_that_is_there and self.assets is None:
            raise InvalidInput(
                "a Market is wanted, and no Assets contract", hint="name the Assets contract whose assets it offers"
            )


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One transaction that is still to be sent: what it does, and the most it costs."""

    title: str
    gas: int
    most_wei: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What connecting would send, and whether the account can pay for it.

    Attributes:
        chain_id: The chain.
        account: 20 bytes.
        balance_wei: What the account holds.
        contract: 20 bytes of the contract; None while it is to be deployed.
        log_id: 32 bytes the log will have.
        steps: What is still to be sent.
        limit_wei: The most that the settings let be spent in 24 hours.
    """

    chain_id: int
    account: bytes
    balance_wei: int
    contract: bytes | None
    log_id: bytes
    steps: tuple[PlannedStep, ...]
    limit_wei: int

    @property
    def most_wei(self) -> int:
        """The most that connecting costs."""
        return sum(step.most_wei for step in self.steps)

    def require_funds(self) -> None:
        """Makes sure that the account can pay, and may.

        Raises:
            OutOfFunds: It cannot.
            OverLimit: The settings allow less in a day.
        """
        if self.most_wei > self.limit_wei:
            raise OverLimit(
                f"connecting costs up to {amount(self.most_wei)}, and {amount(self.limit_wei)} may be spent in a day",
                hint="give a higher --spend-per-day-gwei",
            )
        if self.balance_wei < self.most_wei:
            raise OutOfFunds(
                f"the account {checksummed(self.account)} holds {amount(self.balance_wei)}, "
                f"and connecting costs up to {amount(self.most_wei)}",
                hint="send it funds on this chain, then repeat",
            )


def open_way(paths: LedgerPaths, wanted: Wanted, account: bytes, stack: ExitStack, now: Callable[[], float]) -> Chain:
    """Opens the way to the chain that is wanted; a home's own ledger is made if it is not there yet."""
    use_fast_keccak()
    if wanted.draft.rpc:
        return open_nodes(wanted.draft, stack)
    if not is_ledger(paths.embedded):
        create_ledger(paths.embedded, [account], now=now).close()
    finality, fees = wanted.draft.finality_rule, wanted.draft.fee_policy
    return open_embedded(paths.embedded, stack, finality=finality, fees=fees, now=now)


def plan_of(chain: Chain, account: bytes, origin: str, wanted: Wanted, signer: bytes | None) -> Plan:
    """Returns what connecting would send.

    Args:
        chain: The chain.
        account: 20 bytes of the account that would pay and anchor.
        origin: The log's name.
        wanted: What to connect to.
        signer: 20 bytes by which the contract would know the key that signs heads; None while it is to be made.

    Raises:
        LedgerContradicts: The contract is another one than this version knows.
        NotAllowed: The log is open there, and another account may anchor it.
    """
    contract, log_id = wanted.contract, log_id_of(account, origin)
    price = chain.offered().max_wei
    steps = []
    is_open = False
    if contract is None:
        steps.append(PlannedStep("put the Evidence contract on the ledger", DEPLOY_GAS, DEPLOY_GAS * price))
    else:
        evidence = Evidence(chain, contract)
        evidence.require_genuine()
        is_open = any(evidence.owner(log_id))
        if is_open and evidence.writer(log_id) != account:
            raise NotAllowed(
                f"the log {origin} is open there, and another account may anchor it",
                hint="its owner assigns the writer: the account that is to anchor accepts it",
            )
        if is_open and (signer is None or not evidence.is_signer(log_id, signer)):
            steps.append(PlannedStep("name the key that signs heads for it", NAME_GAS, NAME_GAS * price))
    if not is_open:
        steps.append(PlannedStep(f"open the log {origin} in it", OPEN_GAS, OPEN_GAS * price))
    wanted.require_whole()
    if wanted.assets is not None:
        AssetsContract(chain, wanted.assets).require_genuine()
    if wanted.market is not None:
        MarketContract(chain, wanted.market).require_genuine(wanted.assets)
    steps += further_steps(wanted, price)
    balance_wei, limit_wei = chain.balance_wei(account), wanted.draft.spend_per_day_wei
    return Plan(chain.chain_id, account, balance_wei, contract, log_id, tuple(steps), limit_wei)


def further_steps(wanted: Wanted, price_wei: int) -> list[PlannedStep]:
    """Returns what putting the contracts of assets and market there would send, at so much for a unit of gas."""
    assets = [("put the Assets contract on the ledger", ASSETS_GAS)] if wanted.deploys_assets else []
    market = market_steps(wanted.credits) if wanted.deploys_market else []
    return [PlannedStep(title, gas, gas * price_wei) for title, gas in (*assets, *market)]


def connect(
    paths: LedgerPaths,
    wanted: Wanted,
    chain: Chain,
    account: Account,
    log_key: VerifierKey,
    signer: bytes,
    *,
    tell: Told,
    now: Callable[[], float] = clock.time,
) -> Connection:
    """Sends what is still to be sent, waits until it is final, and writes the settings.

    Args:
        paths: Where the home keeps what belongs to the ledger.
        wanted: What to connect to.
        chain: The open way there.
        account: Pays, opens the log and anchors.
        log_key: The log's public key; its name is the log's origin.
        signer: 20 bytes by which the contract will know the key that signs heads for it.
        tell: Told what is being done.
        now: Returns Unix seconds.
    """
    origin = log_key.name
    plan_of(chain, account.address, origin, wanted, signer).require_funds()
    with _outbox(paths, wanted, chain, account, now) as outbox:
        contract = wanted.contract or deployed(outbox, artefact(), tell).address
        evidence = Evidence(chain, contract)
        evidence.require_genuine()
        opened_at = _opened(outbox, evidence, account, log_key, signer, tell)
        assets = _assets(outbox, wanted, tell)
        market, credits = _market(outbox, wanted, assets, tell)
    connection = replace(
        wanted.draft,
        chain_id=chain.chain_id,
        contract=checksummed(contract),
        log_id="0x" + log_id_of(account.address, origin).hex(),
        account=checksummed(account.address),
        opened_at=opened_at,
        credits=checksummed(credits) if credits else "",
    )
    connection = assets.named_in(connection, "assets") if assets else connection
    connection = market.named_in(connection, "market") if market else connection
    connection.save(paths)
    return connection


def deploy(
    paths: LedgerPaths,
    wanted: Wanted,
    chain: Chain,
    account: Account,
    *,
    tell: Told,
    now: Callable[[], float] = clock.time,
) -> bytes:
    """Puts the Evidence contract on a chain; returns its 20 bytes when it is final. See `connect`."""
    with _outbox(paths, wanted, chain, account, now) as outbox:
        return deployed(outbox, artefact(), tell).address


def record_of(connection: Connection, origin: str, signer: bytes) -> Draft:
    """Returns the record by which the log itself says where its heads are anchored."""
    about = {
        "account": connection.account,
        "chainId": connection.chain_id,
        "contract": connection.contract,
        "logId": connection.log_id,
        "openedAt": connection.opened_at,
        "signer": checksummed(signer),
    }
    return Draft("ledger", "organisation", origin, about=about)


def _outbox(paths: LedgerPaths, wanted: Wanted, chain: Chain, account: Account, now: Callable[[], float]) -> Outbox:
    limit_wei = wanted.draft.spend_per_day_wei
    place = outbox_place(paths, chain.chain_id, account.address)
    return Outbox(place, chain, account, limits=SpendingLimits(limit_wei, limit_wei), now=now)


def _assets(outbox: Outbox, wanted: Wanted, tell: Told) -> Placed | None:
    if wanted.assets is None:
        return deployed(outbox, assets_artefact(), tell) if wanted.deploys_assets else None
    return placed_at(outbox.chain, wanted.assets, wanted.assets_from)


def _market(outbox: Outbox, wanted: Wanted, assets: Placed | None, tell: Told) -> tuple[Placed | None, bytes | None]:
    """Returns the Market, put there where that is wanted, and the token that prices are in."""
    if wanted.deploys_market and assets is not None:
        return put_market(outbox, assets.address, wanted.credits, tell)
    found = placed_at(outbox.chain, wanted.market, wanted.market_from) if wanted.market else None
    return found, wanted.credits


def _opened(
    outbox: Outbox, evidence: Evidence, account: Account, log_key: VerifierKey, signer: bytes, tell: Told
) -> int:
    """Opens the log unless it is open; returns the height of the block in which it was."""
    log_id = log_id_of(account.address, log_key.name)
    opening = f"open {log_id.hex()} in {evidence.address.hex()} on {evidence.chain.chain_id}"
    if not any(evidence.owner(log_id)):
        tell(f"Opening the log {log_key.name} in it ...")
        calldata = evidence.open(log_key.name, log_key.public, account.address, signer)
        return sent_once(outbox, evidence.address, calldata, "open", opening, tell).block_number
    if not evidence.is_signer(log_id, signer):
        tell("Naming the key that signs heads ...")
        key = f"name {signer.hex()} for {log_id.hex()} in {evidence.address.hex()}"
        sent_once(outbox, evidence.address, evidence.name_signer(log_id, signer), "name signer", key, tell)
    with suppress(NotFound):  # sent from here, and interrupted: many nodes refuse to search the whole chain
        row = outbox.row_of(opening)
        if row.block_number is not None:
            return row.block_number
    final = evidence.chain.final_block().number
    found = [each for each in evidence.logs_of_key(log_key.public, 0, final) if each.values["log_id"] == log_id]
    return found[0].event.block_number if found else 0
