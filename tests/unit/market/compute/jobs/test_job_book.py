"""The book of jobs by itself."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from counterfoil.market.compute.jobs.job_book import JobBook
from counterfoil.market.state import MarketState


def test_jobs_of_one_second_stand_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    with closing(MarketState(tmp_path / "market")) as state:
        book = JobBook(state, lambda: 1_700_000_000)
        orders = [f"0x{number:064x}" for number in (9, 3, 7, 1)]
        for order in orders:
            book.add(order=order, offer="0x0", buyer="0x1", job=f"job {order}", title="", spec=b"{}")
        assert [each.order for each in book.all()] == orders
