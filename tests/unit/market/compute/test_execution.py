from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest
from making_algorithms import TOTAL, numbers, total, work_on

from counterfoil.errors import DoesNotMatch, InvalidInput, NotAllowed
from counterfoil.market.compute.algorithms import Algorithm
from counterfoil.market.compute.approvals import Approvals
from counterfoil.market.compute.execution import compared, execute
from counterfoil.market.compute.sandbox import Exit, Sandbox


def approving(*algorithms):
    return Approvals(digests=frozenset(each.digest_hex for each in algorithms))


@pytest.fixture
def sandbox():
    return Sandbox.open()


def test_an_approved_algorithm_runs_on_the_agreed_data(sandbox, tmp_path):
    lines = []
    done = execute(
        sandbox, work_on(numbers(tmp_path), times=2), approving(total()), tmp_path / "out", on_line=lines.append
    )
    assert (done.outcome.exit, done.outcome.detail, lines) == (Exit.FINISHED, "", ["rows 101"])
    assert (tmp_path / "out/total.txt").read_text() == "10100"
    assert (done.approval.by, [each.name for each in done.outcome.outputs]) == ("digest", ["order.txt", "total.txt"])
    usage = done.outcome.usage
    assert usage.peak_bytes > 2**20
    assert usage.padded(1000).wall_ms % 1000 == 0 < usage.padded(1000).wall_ms


def test_an_algorithm_swapped_after_its_approval_does_not_run(sandbox, tmp_path):
    place = total().lay_out(tmp_path / "algorithm")
    approvals = approving(Algorithm.read(place))
    (place / "total.py").chmod(0o644)
    (place / "total.py").write_bytes(TOTAL.replace(b"sum(rows)", b"rows"))
    work = work_on(numbers(tmp_path), Algorithm.read(place))
    with pytest.raises(NotAllowed):
        execute(sandbox, work, approvals, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_data_than_agreed_is_not_worked_on(sandbox, tmp_path):
    data = numbers(tmp_path)
    work = work_on(data)
    data.write_text("1\n")
    with pytest.raises(DoesNotMatch, match="content root"):
        execute(sandbox, work, approving(total()), tmp_path / "out")


def test_data_changed_while_the_job_runs_makes_it_void(sandbox, tmp_path):
    data = numbers(tmp_path)
    slow = total(TOTAL + b"import time; time.sleep(0.3)\n")

    def change(line):
        time.sleep(0.02)
        os.utime(data)

    with pytest.raises(DoesNotMatch, match="changed while the job ran"):
        execute(sandbox, work_on(data, slow), approving(slow), tmp_path / "out", on_line=change)


def test_a_folder_is_data_too(sandbox, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    numbers(folder)
    code = TOTAL.replace(b"'/in/data'", b"'/in/data/numbers.txt'")
    done = execute(sandbox, work_on(folder, total(code)), approving(total(code)), tmp_path / "out")
    assert done.outcome.exit is Exit.FINISHED


def test_what_is_not_installed_is_said_before_anything_runs(sandbox, tmp_path):
    needs = Algorithm.of({"algorithm.toml": b'name = "x"\nversion = "1"\npackages = ["nowhere-9"]', "main.py": b""})
    with pytest.raises(InvalidInput, match="nowhere-9, and none is here"):
        execute(sandbox, work_on(numbers(tmp_path), needs), approving(needs), tmp_path / "out")


def test_a_second_run_is_the_same_byte_for_byte_or_says_what_differs(sandbox, tmp_path):
    work = work_on(numbers(tmp_path))
    first = execute(sandbox, work, approving(total()), tmp_path / "1")
    again = compared(first, execute(sandbox, work, approving(total()), tmp_path / "2"))
    assert (again.differing, again.environment) == ((), ())
    code = TOTAL + b"import os; open('/out/id.txt', 'w').write(os.urandom(8).hex())\n"
    chance = replace(work, algorithm=total(code))
    first = execute(sandbox, chance, approving(chance.algorithm), tmp_path / "3")
    again = compared(first, execute(sandbox, chance, approving(chance.algorithm), tmp_path / "4"))
    assert again.differing == ("id.txt",)


def test_the_owner_can_end_a_job(sandbox, tmp_path):
    slow = total(b"import time; time.sleep(30)")
    done = execute(
        sandbox, work_on(numbers(tmp_path), slow), approving(slow), tmp_path / "out", is_stopped=lambda: True
    )
    assert (done.outcome.exit, done.outcome.for_buyer, done.outcome.outputs) == (Exit.OWNER, "failed", ())
