"""An outbox against whatever can happen to it, in any order: in the end each row is executed once or not at all."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from anvil import needs_anvil
from counter import TWELVE_BLOCKS, count_call, counting_on_anvil, key_of, shut_call
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from counterfoil.errors import NotAllowed
from counterfoil.ledger.rpc.chain import GWEI, FeePolicy
from counterfoil.ledger.sending.outbox import SendingSettings, State

DEEPEST_REORG = 10


class OutboxMachine(RuleBasedStateMachine):
    """Holds an outbox on an anvil, and counts on the contract what was executed."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        patience = SendingSettings(bump_after_s=60, resend_after_s=20, most_in_flight=4)
        fees = FeePolicy(ceiling_wei=100 * GWEI)
        self.counting = self.stack.enter_context(
            counting_on_anvil(folder, finality=TWELVE_BLOCKS, fees=fees, settings=patience)
        )
        self.counting.mine(DEEPEST_REORG)
        self.submitted = 0
        self.foreign = 0

    def teardown(self) -> None:
        try:
            self.check_the_end()
        finally:
            self.stack.close()

    @rule(rows=st.integers(1, 4), is_estimated=st.booleans())
    def submit(self, rows: int, is_estimated: bool) -> None:
        names = range(self.submitted, self.submitted + rows)
        self.counting.submit(*names, gas=None if is_estimated else 100_000)
        self.submitted += rows

    @rule(name=st.integers(0, 9))
    def submit_again(self, name: int) -> None:
        if name < self.submitted:
            assert self.counting.submit(name) == [self.counting.outbox.row_of(str(name)).id]

    @rule(times=st.integers(1, 3))
    def step(self, times: int) -> None:
        for _ in range(times):
            assert self.counting.outbox.step().trouble is None

    @rule(blocks=st.integers(1, 6))
    def mine(self, blocks: int) -> None:
        self.counting.mine(blocks)

    @rule(depth=st.integers(1, DEEPEST_REORG))
    def reorganise(self, depth: int) -> None:
        self.counting.anvil.call("anvil_reorg", depth, [])

    @rule()
    def restart(self) -> None:
        self.counting.reopen()

    @rule()
    def drop(self) -> None:
        self.counting.anvil.call("anvil_dropAllTransactions")

    @rule(seconds=st.sampled_from([1, 21, 61]))
    def let_time_pass(self, seconds: int) -> None:
        self.counting.clock.advance(seconds)

    @rule(base_fee_gwei=st.sampled_from([1, 3, 30, 99, 400]))
    def change_the_fee(self, base_fee_gwei: int) -> None:
        self.counting.set_base_fee(base_fee_gwei * GWEI)
        self.counting.mine()

    @rule(place=st.integers(0, 20))
    def cancel(self, place: int) -> None:
        rows = self.counting.outbox.rows()
        if place >= len(rows):
            return
        try:
            self.counting.outbox.cancel(rows[place].id)
        except NotAllowed:
            assert rows[place].state in (State.FINAL, State.REFUSED)

    @rule(is_mined=st.booleans())
    def send_from_another_wallet(self, is_mined: bool) -> None:
        if self.counting.chain.require_block("latest").base_fee_wei > 99 * GWEI:
            return
        raw = self.counting.wallet.sign(self.counting.counter, count_call(key_of(f"f{self.foreign}")), fee_times=20)
        self.counting.chain.send_raw([raw])
        self.foreign += 1
        if is_mined:
            self.counting.mine()

    @rule(is_shut=st.booleans())
    def shut_or_open(self, is_shut: bool) -> None:
        """A contract that refuses for a while; its state may be taken back as well."""
        self.counting.outbox.submit(self.counting.counter, shut_call(is_shut), gas=60_000, purpose="shut")

    @invariant()
    def nothing_is_doubled(self) -> None:
        counted = Counter(event.topics[1] for event in self.counting.events())
        assert not counted or max(counted.values()) == 1

    @invariant()
    def no_number_is_given_twice(self) -> None:
        held = [row.nonce for row in self.counting.outbox.rows() if row.nonce is not None]
        assert len(held) == len(set(held))

    def check_the_end(self) -> None:
        self.counting.set_base_fee(GWEI)
        self.counting.settle(steps=250)
        self.nothing_is_doubled()
        self.no_number_is_given_twice()
        rows = {row.key: row for row in self.counting.outbox.rows(purpose="count")}
        assert set(rows) == {str(name) for name in range(self.submitted)}
        for name, row in rows.items():
            assert self.counting.counted(name) == (row.state is State.FINAL)


OutboxMachine.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes, each try an anvil
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestOutbox = needs_anvil(OutboxMachine.TestCase)
