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
    LedgerContradicts,
    LedgerUnreachable,
    NotAllowed,
    NotFound,
    OutOfFunds,
    OverLimit,
    Reverted,
)
from counterfoil.ledger.accounts.account import Account, checksummed
from counterfoil.ledger.amounts import amount
from counterfoil.ledger.anchors.evidence import Evidence, artefact, log_id_of
from counterfoil.ledger.connection import Connection, LedgerPaths
from counterfoil.ledger.outbox_place import outbox_place
from counterfoil.ledger.packages import use_fast_keccak
from counterfoil.ledger.rpc.answers import TransactionReceipt
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.sending.outbox import Outbox
from counterfoil.ledger.sending.rows import OutboxRow, State
from counterfoil.ledger.sending.spending import SpendingLimits
from counterfoil.ledger.treasury import create_ledger, is_ledger
from counterfoil.ledger.way import open_embedded, open_nodes

__all__ = ["Plan", "PlannedStep", "Wanted", "connect", "deploy", "open_way", "plan_of", "record_of"]

TELL_S: Final = 3.0
DEPLOY_GAS: Final = 2_100_000
OPEN_GAS: Final = 110_000
NAME_GAS: Final = 60_000
WAIT_S: Final = 3_600.0
"""Ethereum itself takes 13 to 20 minutes until a block is final."""

Told = Callable[[str], None]
"""Told what is being done, in words."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller asks to be connected to.

    Attributes:
        draft: The settings, as far as they are known before anything is connected.
        contract: 20 bytes of an Evidence contract that is there already; None deploys one.
        is_anew: Whether to open another log on a chain where this one is open already.
    """

    draft: Connection
    contract: bytes | None = None
    is_anew: bool = False


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
    balance_wei, limit_wei = chain.balance_wei(account), wanted.draft.spend_per_day_wei
    return Plan(chain.chain_id, account, balance_wei, contract, log_id, tuple(steps), limit_wei)


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
        contract = wanted.contract or _deployed(outbox, chain, tell)
        evidence = Evidence(chain, contract)
        evidence.require_genuine()
        opened_at = _opened(outbox, evidence, account, log_key, signer, tell)
    connection = replace(
        wanted.draft,
        chain_id=chain.chain_id,
        contract=checksummed(contract),
        log_id="0x" + log_id_of(account.address, origin).hex(),
        account=checksummed(account.address),
        opened_at=opened_at,
    )
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
        return _deployed(outbox, chain, tell)


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


def _deployed(outbox: Outbox, chain: Chain, tell: Told) -> bytes:
    tell("Putting the Evidence contract on the ledger ...")
    key = f"deploy {artefact().runtime_code_hash.hex()[:16]} on {chain.chain_id}"
    receipt = _sent(outbox, chain, None, artefact().bytecode, "deploy", key, tell)
    if receipt.contract is None:
        raise LedgerContradicts("the ledger's node names no contract for the transaction that made one")
    return receipt.contract


def _opened(
    outbox: Outbox, evidence: Evidence, account: Account, log_key: VerifierKey, signer: bytes, tell: Told
) -> int:
    """Opens the log unless it is open; returns the height of the block in which it was."""
    log_id = log_id_of(account.address, log_key.name)
    opening = f"open {log_id.hex()} in {evidence.address.hex()} on {evidence.chain.chain_id}"
    if not any(evidence.owner(log_id)):
        tell(f"Opening the log {log_key.name} in it ...")
        calldata = evidence.open(log_key.name, log_key.public, account.address, signer)
        return _sent(outbox, evidence.chain, evidence.address, calldata, "open", opening, tell).block_number
    if not evidence.is_signer(log_id, signer):
        tell("Naming the key that signs heads ...")
        key = f"name {signer.hex()} for {log_id.hex()} in {evidence.address.hex()}"
        _sent(outbox, evidence.chain, evidence.address, evidence.name_signer(log_id, signer), "name signer", key, tell)
    with suppress(NotFound):  # sent from here, and interrupted: many nodes refuse to search the whole chain
        row = outbox.row_of(opening)
        if row.block_number is not None:
            return row.block_number
    final = evidence.chain.final_block().number
    found = [each for each in evidence.logs_of_key(log_key.public, 0, final) if each.values["log_id"] == log_id]
    return found[0].event.block_number if found else 0


def _sent(
    outbox: Outbox, chain: Chain, to: bytes | None, calldata: bytes, purpose: str, key: str, tell: Told
) -> TransactionReceipt:
    """Sends once and for all, and returns the receipt when it is final; what was refused before is tried anew."""
    row = outbox.row(outbox.submit(to, calldata, purpose=purpose, key=key))
    tries = 1
    while row.state in (State.REFUSED, State.CANCELLED):
        tries += 1
        row = outbox.row(outbox.submit(to, calldata, purpose=purpose, key=f"{key}, try {tries}"))
    row = _waited(outbox, row.id, tell)
    if not row.state.is_done:
        stuck = next((each.reason for each in outbox.stuck() if each.id == row.id), "no block has become final with it")
        raise LedgerUnreachable(
            f"to {purpose} takes longer than {WAIT_S / 60:,.0f} minutes: {stuck}",
            hint="nothing is lost: repeat the command, and it goes on where it stopped",
        )
    if row.state is not State.FINAL or row.transaction_hash is None:
        raise Reverted(f"the ledger refused to {purpose}: {row.error or row.state}", hint="repeat it to try anew")
    receipt = chain.receipt(row.transaction_hash)
    if receipt is None:
        raise LedgerContradicts("the ledger's node does not know a transaction that it called final")
    return receipt


def _waited(outbox: Outbox, row_id: int, tell: Told) -> OutboxRow:
    """Waits until a row is done, or long enough, and tells each new reason why it is not."""
    ends_s, told = clock.monotonic() + WAIT_S, ""
    while True:
        row = outbox.wait(row_id, until="final", timeout_s=TELL_S)
        if row.state.is_done or clock.monotonic() > ends_s:
            return row
        in_block = (
            "it is in a block; waiting until that is final" if row.state is State.MINED else "waiting for a block"
        )
        reason = next((each.reason for each in outbox.stuck() if each.id == row_id), in_block)
        if reason != told:
            tell(f"  {reason} ...")
            told = reason
