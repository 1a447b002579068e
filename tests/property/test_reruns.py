"""Which jobs are run twice: it follows from a job's digest, and of many it is the share that was asked for."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.market.compute.jobs.rules import ComputeRules

JOBS = [sha256(f"job {each}".encode()).hexdigest() for each in range(2_000)]
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)


def rules(percent: int) -> ComputeRules:
    return ComputeRules.from_json({"gate": {"maxBytes": 1, "files": []}, "rerunPercent": percent})


@given(digests, st.integers(0, 100))
def test_a_job_is_drawn_by_its_digest_alone(job: str, percent: int) -> None:
    """As docs/reference/jobs.md says it, so that a buyer can work it out again."""
    place = int(sha256(b"rerun" + bytes.fromhex(job)).hexdigest()[:8], 16) % 100
    assert rules(percent).is_drawn(job) is (place < percent)


@given(st.integers(1, 99))
def test_of_many_jobs_about_the_share_is_drawn_that_was_asked_for(percent: int) -> None:
    """Within three standard deviations; and whom a smaller share draws, a larger one does."""
    these, more = rules(percent), rules(percent + 1)
    drawn = {job for job in JOBS if these.is_drawn(job)}
    deviation = (percent * (100 - percent) * len(JOBS)) ** 0.5 / 100
    assert abs(len(drawn) - len(JOBS) * percent / 100) <= 3 * deviation
    assert drawn <= {job for job in JOBS if more.is_drawn(job)}


def test_at_none_no_job_is_drawn_and_at_a_hundred_each() -> None:
    none, each = rules(0), rules(100)
    assert not any(none.is_drawn(job) for job in JOBS)
    assert all(each.is_drawn(job) for job in JOBS)
