"""The book of jobs by itself."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from counterfoil.errors import Stale
from counterfoil.market.compute.jobs.job_book import JobBook, JobState
from counterfoil.market.state import MarketState


def test_jobs_of_one_second_stand_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    with closing(MarketState(tmp_path / "market")) as state:
        book = JobBook(state, lambda: 1_700_000_000)
        orders = [f"0x{number:064x}" for number in (9, 3, 7, 1)]
        for order in orders:
            book.add(order=order, offer="0x0", buyer="0x1", job=f"job {order}", title="", spec=b"{}")
        assert [each.order for each in book.all()] == orders


def test_an_order_that_was_given_up_takes_no_digest_from_whoever_has_the_job(tmp_path: Path) -> None:
    with closing(MarketState(tmp_path / "market")) as state:
        book = JobBook(state, lambda: 1_700_000_000)
        one, other = (f"0x{number:064x}" for number in (1, 2))
        given = book.give_up(order=one, offer="0x0", buyer="0x1", told="its buyer took it back")
        assert (given.state, given.spec) == (JobState.CANCELLED, b"")
        queued = book.add(order=other, offer="0x0", buyer="0x2", job="ab" * 32, title="count 1", spec=b"{}")
        assert book.give_up(order=other, offer="0x0", buyer="0x2", told="too late") == queued
        with pytest.raises(Stale):
            book.add(order=one, offer="0x0", buyer="0x1", job="cd" * 32, title="count 1", spec=b"{}")
