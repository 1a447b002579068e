"""Jobs of a home whose settings name gVisor: its kernel runs them, and nothing else does where it is missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from making_jobs import COUNT, bought, step
from making_market import market

from counterfoil.market.compute.environment import environment_of
from counterfoil.market.compute.jobs.job_book import JobState
from counterfoil.market.compute.sandbox import Sandbox, Walls
from counterfoil.organisation.doctor import examine_opened

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None or shutil.which("runsc") is None, reason="bubblewrap or runsc is not installed"
)


def test_a_job_waits_for_gvisor_and_runs_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "ward" / "doses.csv"
    data.parent.mkdir()
    data.write_text("dose\n" + "7\n" * 40)
    only_bwrap = tmp_path / "bin"
    only_bwrap.mkdir()
    (only_bwrap / "bwrap").symlink_to(Sandbox.open().bwrap)
    with market(tmp_path, 'job_sandbox = "gvisor"\n') as stall:
        with monkeypatch.context() as without:
            without.setenv("PATH", str(only_bwrap))
            order = bought(stall, data, COUNT)
            stall.seller.market.jobs.step()
            assert stall.seller.market.jobs.book.at(order).state is JobState.QUEUED
            [(name, found, _)] = stall.seller.market.concerns()
            assert (name, "runsc is missing" in found) == (f"job:{order[:18]}", True)
            [told] = [each for each in examine_opened(stall.seller) if each.id == "jobs"]
            assert "apt install runsc" in told.todo
        step(stall, order, JobState.DELIVERED)
        result = stall.buyer.market.computing.fetch(order)
    assert json.loads(result.outputs["count.json"]) == 41
    assert result.receipt.environment == environment_of(Sandbox.open(walls=Walls.GVISOR)).digest_hex
