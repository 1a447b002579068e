"""Reorganisations: what is taken back goes out again by itself, with the same bytes, and nothing is doubled."""

from __future__ import annotations

from pathlib import Path

import pytest
from anvil import needs_anvil
from counter import TWELVE_BLOCKS, counting_on_anvil

from counterfoil.ledger.sending.outbox import State

pytestmark = [needs_anvil, pytest.mark.usefixtures("outbox_on")]


@pytest.mark.parametrize("depth", range(1, 11))
def test_rows_in_blocks_that_are_taken_back_go_out_again(depth: int, tmp_path: Path) -> None:
    with counting_on_anvil(tmp_path, finality=TWELVE_BLOCKS) as counting:
        counting.mine(2)
        ids: list[int] = []
        for block in range(depth + 1):
            ids += counting.submit(f"{block}/a", f"{block}/b")
            counting.outbox.step()
            counting.mine()
        counting.outbox.step()
        assert counting.states(ids) == [State.MINED] * len(ids)
        sent = [row.attempts for row in counting.rows(ids)]
        counting.anvil.call("anvil_reorg", depth, [])
        stepped = counting.outbox.step()
        assert (stepped.taken_back, stepped.sent) == (2 * depth, 2 * depth)
        assert counting.states(ids) == [State.MINED] * 2 + [State.SENT] * 2 * depth
        counting.mine()
        counting.settle(blocks=4)
        assert counting.states(ids) == [State.FINAL] * len(ids)
        assert [row.attempts for row in counting.rows(ids)] == sent
        assert counting.total == len(ids) == len(counting.events())


def test_a_reorganisation_while_nobody_looked(tmp_path: Path) -> None:
    with counting_on_anvil(tmp_path, finality=TWELVE_BLOCKS) as counting:
        counting.mine(3)
        ids = counting.submit("a")
        counting.outbox.step()
        counting.mine()
        before = counting.receipt(ids[0])
        counting.outbox.step()
        counting.anvil.call("anvil_reorg", 2, [])
        counting.mine(3)
        counting.reopen()
        counting.settle(blocks=4)
        row = counting.rows(ids)[0]
        assert before is not None
        assert row.state is State.FINAL
        assert row.block_hash != before.block_hash
        assert counting.counted("a") == 1


def test_a_row_may_land_in_another_block_at_once(tmp_path: Path) -> None:
    with counting_on_anvil(tmp_path, finality=TWELVE_BLOCKS) as counting:
        counting.mine(3)
        ids = counting.submit("a")
        counting.outbox.step()
        counting.mine()
        counting.outbox.step()
        raw = counting.rows(ids)[0].attempts[0].raw
        counting.anvil.call("anvil_reorg", 2, [["0x" + raw.hex(), 0]])
        assert counting.outbox.step().mined == 1
        receipt, row = counting.receipt(ids[0]), counting.rows(ids)[0]
        assert receipt is not None
        assert (row.state, row.block_hash, row.block_number) == (State.MINED, receipt.block_hash, receipt.block_number)
        counting.settle(blocks=4)
        assert counting.counted("a") == 1
