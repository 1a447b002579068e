"""Calls that change a contract, each made once: what one would cost, sending it, waiting until it is final.

A call may be repeated after any interruption. What is under way already is waited for, what
the ledger shows to be made is not sent again, and what the contract would refuse is refused
before anything is spent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from counterfoil.errors import Reverted
from counterfoil.ledger.sending.awaited import WAIT_S, awaited
from counterfoil.ledger.sending.outbox import Outbox
from counterfoil.ledger.sending.quote import Quote
from counterfoil.ledger.sending.rows import OPEN, OutboxRow
from counterfoil.ledger.sending.signing import GAS_MARGIN_PERCENT

__all__ = ["ContractCall", "ContractCalls", "Tell"]

Tell: TypeAlias = Callable[[str], None]
"""Told what is being done, in words."""


@dataclass(frozen=True, slots=True)
class ContractCall:
    """One call that changes a contract, before it is sent.

    Attributes:
        contract: 20 bytes.
        calldata: What is sent.
        title: What it does, as in "to register it".
        purpose: What the outbox knows it by: two calls for one purpose are never under way for the same end.
        is_made: Whether the ledger shows that nothing is left to be done; asked only when nothing is under way.
        is_any: Whether a call for this purpose is the same whatever its bytes are: a signature in it may differ.
        gas: Most gas it is taken to use in a quote, where another call must be made first; None to estimate it.
    """

    contract: bytes
    calldata: bytes
    title: str
    purpose: str
    is_made: Callable[[], bool]
    is_any: bool = False
    gas: int | None = None

    def is_same(self, row: OutboxRow) -> bool:
        """Whether a row under way for this purpose does what this call is to do."""
        return self.is_any or row.data == self.calldata


class ContractCalls:
    """Makes calls through the outbox of one home. Safe to use from several threads.

    Args:
        outbox: Returns the outbox, which knows chain and account.

    Attributes:
        timeout_s: How long a call is waited for.
    """

    def __init__(self, outbox: Callable[[], Outbox]) -> None:
        self._outbox = outbox
        self._submitting = threading.Lock()  # between looking for the same call and submitting it
        self.timeout_s = WAIT_S

    def quote(self, call: ContractCall, public: Mapping[str, str], *, asset: str = "") -> Quote:
        """Returns what a call would cost now, nothing where nothing is left to be sent.

        Args:
            call: The call.
            public: What everybody can read afterwards, by name; what is empty is left out.
            asset: Id of the asset that it is about, `0x…`.

        Raises:
            Reverted: The contract would refuse.
        """
        outbox = self._outbox()
        gas = self._gas(call, outbox)
        return Quote(
            title=call.title,
            chain_id=outbox.chain.chain_id,
            contract=call.contract,
            account=outbox.account.address,
            gas=gas,
            most_wei=gas * outbox.chain.offered().max_wei if gas else 0,
            balance_wei=outbox.chain.balance_wei(outbox.account.address),
            left_wei=outbox.left_today_wei,
            asset=asset,
            public={name: value for name, value in public.items() if value},
        )

    def send(self, call: ContractCall, tell: Tell, wait_s: float | None = None) -> None:
        """Sends a call unless it is made, and returns when it is final.

        Args:
            call: The call.
            tell: Told why it is not done yet.
            wait_s: How long it is waited for; `timeout_s` by default.

        Raises:
            Reverted: The contract refused.
            LedgerUnreachable: It was not final in time; nothing is lost.
        """
        row_id = self._submitted(call)
        if row_id is not None:
            tell(f"Sent: {call.title}. Waiting until it is final ...")
            try:
                awaited(
                    self._outbox(), row_id, call.title, tell, timeout_s=self.timeout_s if wait_s is None else wait_s
                )
            except Reverted:
                if not call.is_made():  # somebody may have brought the same before, with what this account signed
                    raise

    def is_left(self, call: ContractCall) -> bool:
        """Whether something is left to be sent: what is under way decides, else what the ledger holds."""
        newest = self.under_way(call.purpose, call.contract)
        return not (call.is_same(newest) if newest is not None else call.is_made())

    def under_way(self, purpose: str, contract: bytes) -> OutboxRow | None:
        """Returns the newest call of a contract for a purpose that is not final yet, None without one."""
        rows = self._outbox().rows(purpose=purpose, states=OPEN)
        return next((row for row in rows if row.to == contract), None)

    def _submitted(self, call: ContractCall) -> int | None:
        """Returns the number in the outbox of the transaction that makes a call; None when it is made already."""
        outbox = self._outbox()
        with self._submitting:
            newest = self.under_way(call.purpose, call.contract)
            if newest is not None and call.is_same(newest):
                return newest.id
            if newest is None and call.is_made():
                return None
            outbox.chain.estimate_gas(outbox.account.address, call.contract, call.calldata)  # refuses before paying
            return outbox.submit(call.contract, call.calldata, purpose=call.purpose)

    def _gas(self, call: ContractCall, outbox: Outbox) -> int:
        if not self.is_left(call):
            return 0
        if call.gas is not None:
            return call.gas
        gas = outbox.chain.estimate_gas(outbox.account.address, call.contract, call.calldata)
        return gas + gas * GAS_MARGIN_PERCENT // 100
