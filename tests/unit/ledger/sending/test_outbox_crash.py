"""A process that ends at any one commit, or before or after any one sending: nothing is lost, nothing doubled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from anvil import needs_anvil
from counter import TWELVE_BLOCKS, AnvilCounting, count_call, counting_on_anvil, key_of
from sqlalchemy import Connection, Engine, event

from counterfoil.ledger.rpc.chain import GWEI, Chain
from counterfoil.ledger.rpc.rpc import Call, Rpc
from counterfoil.ledger.sending.outbox import State

pytestmark = [needs_anvil, pytest.mark.usefixtures("outbox_on")]


class Killed(BaseException):
    """The process ends here; not even an `except Exception` sees it."""


class Fuse:
    """Counts the places where a process can end, and ends it at one of them."""

    def __init__(self, blows_at: int = 0) -> None:
        self.blows_at = blows_at
        self.places = 0

    def burn(self) -> None:
        self.places += 1
        if self.places == self.blows_at:
            raise Killed


class FusedRpc:
    """A way to a ledger on which the process can end before and after each sending.

    Questions leave no trace: to end at one is to end after the last commit or sending before it.
    """

    def __init__(self, rpc: Rpc, fuse: Fuse) -> None:
        self._rpc = rpc
        self._fuse = fuse

    def call(self, method: str, *params: Any) -> Any:
        return self._rpc.call(method, *params)

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        is_sending = any(method == "eth_sendRawTransaction" for method, _ in calls)
        if is_sending:
            self._fuse.burn()
        results = self._rpc.batch(calls)
        if is_sending:
            self._fuse.burn()
        return results


@contextmanager
def burning_at_commits(fuse: Fuse) -> Iterator[None]:
    def burn(connection: Connection) -> None:
        fuse.burn()

    event.listen(Engine, "commit", burn)
    try:
        yield
    finally:
        event.remove(Engine, "commit", burn)


def plainly(counting: AnvilCounting) -> list[Callable[[], object]]:
    """Rows that are signed, mined, final."""
    return [
        lambda: counting.submit("a", "b"),
        counting.outbox_step,
        counting.mine,
        counting.outbox_step,
        lambda: counting.submit("c", gas=None),
        counting.outbox_step,
        lambda: counting.mine(12),
        counting.outbox_step,
    ]


def dearly(counting: AnvilCounting) -> list[Callable[[], object]]:
    """Rows whose fee is raised, one of which is cancelled."""
    return [
        lambda: counting.submit("a", "b"),
        counting.outbox_step,
        lambda: counting.set_base_fee(20 * GWEI),
        counting.mine,
        counting.outbox_step,
        lambda: counting.outbox.cancel(counting.outbox.row_of("a").id),
        lambda: counting.set_base_fee(15 * GWEI),
        counting.outbox_step,
        counting.mine,
        counting.outbox_step,
    ]


def beside_others(counting: AnvilCounting) -> list[Callable[[], object]]:
    """Rows whose numbers another wallet uses, and a reorganisation."""
    foreign = count_call(key_of("foreign"))
    return [
        lambda: counting.submit("a", "b"),
        counting.outbox_step,
        lambda: counting.chain.send_raw([counting.wallet.sign(counting.counter, foreign, nonce=0, fee_times=5)]),
        counting.mine,
        counting.outbox_step,
        lambda: counting.anvil.call("anvil_reorg", 1, []),
        counting.outbox_step,
        lambda: counting.mine(12),
        counting.outbox_step,
        lambda: counting.mine(12),
        counting.outbox_step,
    ]


class FusedCounting(AnvilCounting):
    def outbox_step(self) -> None:
        self.outbox.step()


def run(base: AnvilCounting, folder: Path, scenario: Callable[[Any], list[Callable[[], object]]], blows_at: int) -> int:
    """Runs a scenario with the process ended at one place and started anew; returns how many places there are."""
    snapshot = base.anvil.call("evm_snapshot")
    fuse = Fuse(blows_at)
    chain = base.chain
    fused = Chain(FusedRpc(chain.rpc, fuse), chain.chain_id, chain.finality, chain.fees)
    path = folder / f"{blows_at}.db"
    with FusedCounting(path, chain, base.account, base.counter, through=fused) as counting:
        counting.anvil, counting.wallet = base.anvil, base.wallet
        with burning_at_commits(fuse):
            for stage in scenario(counting):
                try:
                    stage()
                except Killed:
                    counting.reopen()
                    base.mine()  # blocks are made meanwhile, and their fee is another
                    stage()
        places, fuse.blows_at = fuse.places, 0
        base.set_base_fee(GWEI)
        counting.settle(blocks=6)
        rows = counting.outbox.rows(purpose="count")
        assert [counting.counted(row.key) for row in rows] == [row.state is State.FINAL for row in rows]
        assert {row.state for row in rows} <= {State.FINAL, State.CANCELLED}
        assert len(rows) >= 2
        assert counting.total == len(counting.events())
    assert base.anvil.call("evm_revert", snapshot)
    return places


@pytest.mark.parametrize("scenario", [plainly, dearly, beside_others])
def test_a_process_that_ends_anywhere(scenario: Callable[[Any], list[Callable[[], object]]], tmp_path: Path) -> None:
    with counting_on_anvil(tmp_path, finality=TWELVE_BLOCKS) as base:
        base.mine(3)
        places = run(base, tmp_path, scenario, 0)
        assert places > 10
        for blows_at in range(1, places + 1):
            run(base, tmp_path, scenario, blows_at)
