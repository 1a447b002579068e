from __future__ import annotations

import pytest

from counterfoil.market.compute.jobs.job_spec import JobSpec
from counterfoil.market.compute.sandbox import Limits

MIB = 2**20
LARGE = Limits(memory_bytes=4_096 * MIB, disk_bytes=512 * MIB)
SMALL = Limits(memory_bytes=512 * MIB, disk_bytes=64 * MIB)


@pytest.mark.parametrize(
    ("asked", "most", "memory_mib", "disk_mib"),
    [
        pytest.param({}, LARGE, 4_096, 512, id="nothing"),
        pytest.param({"memory_bytes": 300 * MIB}, LARGE, 300, 300, id="less-memory-than-room-for-files"),
        pytest.param({"disk_bytes": 1_024 * MIB}, SMALL, 512, 64, id="more-room-for-files-than-memory"),
        pytest.param({"memory_bytes": 9_000 * MIB, "disk_bytes": MIB}, LARGE, 4_096, 1, id="more-memory"),
    ],
)
def test_of_each_limit_the_lower_counts(asked, most, memory_mib, disk_mib):
    """Whatever was asked for can be run: a job whose limits did not fit together was paid, and then given up."""
    spec = JobSpec("0x" + "1" * 64, None, "2" * 64, "3" * 64, statistics=({"kind": "count"},), limits=asked)
    found = JobSpec.decode(spec.encode()).capped(most)
    assert (found.memory_bytes, found.disk_bytes) == (memory_mib * MIB, disk_mib * MIB)
    assert found.cpu_s == most.cpu_s


def test_what_is_asked_for_stays_below_the_owners_ceilings():
    asked = {"cpu_s": 5, "wall_s": 10_000, "memory_bytes": 2**40, "disk_bytes": MIB}
    spec = JobSpec("0x" + "1" * 64, None, "2" * 64, "3" * 64, statistics=({"kind": "count"},), limits=asked)
    assert spec.capped(Limits()) == Limits(cpu_s=5, disk_bytes=MIB)
