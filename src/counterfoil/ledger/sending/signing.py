"""Numbers, fees and signatures: turns rows into signed versions that are durable before they leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.errors import LedgerContradicts, LedgerUnreachable, OutOfFunds, OverLimit, Reverted
from counterfoil.ledger.accounts.account import Account
from counterfoil.ledger.accounts.transaction import Transaction
from counterfoil.ledger.rpc.chain import Chain, Fees
from counterfoil.ledger.sending.journal import Journal, Signed
from counterfoil.ledger.sending.look import Look
from counterfoil.ledger.sending.rows import Attempt, Kind, OutboxRow
from counterfoil.ledger.sending.settling import refused
from counterfoil.ledger.sending.spending import Budget
from counterfoil.ledger.sending.stuck import Cause, Notes

__all__ = ["GAS_MARGIN_PERCENT", "Signing", "raised"]

GAS_MARGIN_PERCENT: Final = 25
"""Added to an estimate: what is before it in the same block may make it dearer."""


@dataclass(frozen=True, slots=True)
class Signing:
    """Signs in one step, for one account.

    Attributes:
        chain: The ledger.
        account: Signs.
        journal: Keeps what was signed.
        budget: What may still be promised in this step.
        look: What the ledger said in this step.
        notes: Takes what stands in the way.
        now_s: Unix seconds.
    """

    chain: Chain
    account: Account
    journal: Journal
    budget: Budget
    look: Look
    notes: Notes
    now_s: float

    # Rows that wait

    def sign_waiting(self, waiting: Sequence[OutboxRow], *, is_first: bool, offered: Fees | None) -> int:
        """Gives waiting rows numbers and signs them, in order, as far as nothing stands in the way.

        Args:
            waiting: In the order in which they go out; rows that hold a number already come first.
            is_first: Whether no row before them is still in no block.
            offered: What a unit of gas is offered; None when it costs more than the ceiling.

        Returns:
            How many were signed.
        """
        if offered is None:
            self._note_ceiling(waiting)
            return 0
        planned: list[tuple[OutboxRow, int]] = []
        for row in waiting:
            try:
                gas_limit = self._gas_limit(row)
                carried_wei = 0 if row.is_cancel_asked else row.value_wei
                self.budget.take(gas_limit * offered.max_wei + carried_wei)
            except Reverted as error:
                if is_first and not planned and row.nonce is None:
                    self.journal.change([refused(row, error.message)], self.now_s)
                    continue
                self.notes.add(row, Cause.WOULD_REFUSE, f"{error.message}; it is tried again after those before it")
                break
            except (OutOfFunds, OverLimit, LedgerContradicts) as error:
                self.notes.add(row, _cause_of(error), error.message)
                break
            planned.append((row, gas_limit))
        assigned = self.journal.assign(planned, self.look.nonce)
        return self._sign([_Chosen(row, _kind(row), row.gas_limit or 0, offered) for row in assigned])

    def _gas_limit(self, row: OutboxRow) -> int:
        """Returns the most gas a row may use: as signed before, as set, or as estimated, with a margin."""
        if row.is_cancel_asked:
            return self._estimate(self.account.address, b"", 0)
        if row.gas_limit is not None and row.nonce is not None:
            return row.gas_limit
        if row.value_wei > self.budget.free_wei:
            raise OutOfFunds(
                f"it carries {row.value_wei:,} wei, and the account has {max(0, self.budget.free_wei):,} to spare",
                hint="send the account funds; what waits goes out by itself then",
            )
        return row.gas if row.gas is not None else self._estimate(row.to, row.data, row.value_wei)

    def _estimate(self, to: bytes | None, data: bytes, value_wei: int) -> int:
        gas = self.chain.estimate_gas(self.account.address, to, data, value_wei)
        return max(gas, min(gas + gas * GAS_MARGIN_PERCENT // 100, self.look.tip.gas_limit))

    # Rows that were sent

    def sign_again(self, sent: Sequence[OutboxRow], offered: Fees | None) -> int:
        """Signs rows again under their numbers with more for the fee, as far as ceiling and limits allow.

        Returns:
            How many were signed.
        """
        chosen = []
        for row in sent:
            newest = row.live[-1]
            fees = raised(newest, offered, self.chain.fees.ceiling_wei)
            if fees is None:
                self._note_ceiling([row])
                continue
            try:
                gas_limit = self._gas_limit(row)
                carried_wei = 0 if row.is_cancel_asked else row.value_wei
                self.budget.take(gas_limit * fees.max_wei + carried_wei, instead_of_wei=row.most_wei)
            except (OutOfFunds, OverLimit, LedgerContradicts, Reverted) as error:
                self.notes.add(row, _cause_of(error), f"more cannot be offered for it: {error.message}")
                continue
            chosen.append(_Chosen(row, _kind(row), gas_limit, fees))
        return self._sign(chosen)

    # Both

    def _sign(self, chosen: Sequence[_Chosen]) -> int:
        """Signs and keeps; what a signer elsewhere does not sign waits with its number."""
        signed: list[Signed] = []
        for each in chosen:
            try:
                signed.append(Signed(each.row, each.kind, self.account.sign(self._transaction(each))))
            except (LedgerUnreachable, LedgerContradicts) as error:
                self.notes.add(each.row, Cause.SIGNER, error.message)
                break
        self.journal.keep_signed(signed, self.look.tip.number, self.now_s)
        return len(signed)

    def _transaction(self, chosen: _Chosen) -> Transaction:
        row, is_send = chosen.row, chosen.kind is Kind.SEND
        assert row.nonce is not None
        return Transaction(
            chain_id=self.chain.chain_id,
            nonce=row.nonce,
            to=row.to if is_send else self.account.address,
            data=row.data if is_send else b"",
            gas=chosen.gas_limit,
            max_fee_wei=chosen.fees.max_wei,
            tip_wei=chosen.fees.tip_wei,
            value_wei=row.value_wei if is_send else 0,
        )

    def _note_ceiling(self, rows: Sequence[OutboxRow]) -> None:
        base, ceiling = self.look.tip.base_fee_wei, self.chain.fees.ceiling_wei
        self.notes.add_all(
            rows,
            Cause.FEE_CEILING,
            f"a unit of gas costs {base:,} wei now, and at most {ceiling:,} may be offered: it waits until the fee"
            " falls or the ceiling is raised",
        )


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A row that holds a number, and how it is signed now."""

    row: OutboxRow
    kind: Kind
    gas_limit: int
    fees: Fees


def raised(newest: Attempt, offered: Fees | None, ceiling_wei: int) -> Fees | None:
    """Returns what to offer in place of an earlier offer: at least an eighth more of fee and tip, as nodes demand.

    Args:
        newest: The version to be replaced.
        offered: What is offered for a unit of gas now; None when it costs more than the ceiling.
        ceiling_wei: Most that is offered.

    Returns:
        None when so much is not allowed.
    """
    least_max_wei, least_tip_wei = _an_eighth_more(newest.max_fee_wei), _an_eighth_more(newest.tip_wei)
    if offered is None or least_max_wei > ceiling_wei:
        return None
    max_wei = max(offered.max_wei, least_max_wei)
    return Fees(max_wei, min(max(offered.tip_wei, least_tip_wei), max_wei))


def _an_eighth_more(amount_wei: int) -> int:
    return max(amount_wei + 1, -(-amount_wei * 9 // 8))


def _kind(row: OutboxRow) -> Kind:
    return Kind.CANCEL if row.is_cancel_asked else Kind.SEND


def _cause_of(error: Exception) -> Cause:
    if isinstance(error, OutOfFunds):
        return Cause.OUT_OF_FUNDS
    if isinstance(error, OverLimit):
        return Cause.SPENDING_LIMIT
    return Cause.WOULD_REFUSE if isinstance(error, Reverted) else Cause.CONTRADICTS
