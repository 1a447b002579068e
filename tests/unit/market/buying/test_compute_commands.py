"""What a buyer is told of its jobs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from making_jobs import COUNT, GATE, HEAD, AtHome, algorithm, bought, step
from making_market import Stall, offered
from making_node import settled

from counterfoil.errors import NotAllowed, Reverted
from counterfoil.market.buying.commands import reclaim
from counterfoil.market.buying.compute_commands import job
from counterfoil.market.buying.computing import ToCompute
from counterfoil.market.compute.jobs.job_book import JobState

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

FAILS = HEAD + "raise SystemExit(1)\n"
LEAK = HEAD + "open('/out/count.json', 'w').write(open('/in/data').read())\n"
NOTE = HEAD + "open('/out/note.txt', 'w').write('look at me')\n"
SLOW = HEAD + "import time\nprint('begun', flush=True)\ntime.sleep(60)\n"

Said = Callable[..., str]


@pytest.fixture
def doses(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "doses.csv"
    path.write_text(f"dose of {request.node.name}\n" + "7\n" * 40)
    return path


@pytest.fixture
def said(stall: Stall, capsys: pytest.CaptureFixture[str]) -> Said:
    def said(*given: str) -> str:
        capsys.readouterr()
        job.main(list(given), obj=AtHome(stall.buyer), standalone_mode=False)
        return capsys.readouterr().out

    return said


def test_one_output_is_one_and_where_it_is_is_told(stall: Stall, doses: Path, said: Said, tmp_path: Path) -> None:
    order = bought(stall, doses, COUNT)
    step(stall, order, JobState.DELIVERED)
    told = said(order, "--to", str(tmp_path / "result"))
    assert told.startswith("The job has finished; 1 output left, checked against the signed receipt.\n  count.json")
    assert f"They are in {tmp_path / 'result'}," in told


@pytest.mark.parametrize(("text", "ended"), [(FAILS, "failed"), (LEAK, "finished")], ids=["fails", "refused"])
def test_where_nothing_left_it_is_told_that_nothing_is_charged_and_where_why_is(
    stall: Stall, doses: Path, said: Said, tmp_path: Path, text: str, ended: str
) -> None:
    order = bought(stall, doses, text)
    step(stall, order, JobState.DELIVERED)
    assert stall.buys.order(order).charge.units == 0
    assert said(order) == (
        f"The job has {ended}; nothing left, and nothing was charged.\n"
        f"Why is in gate.json: counterfoil market job {order} --to FOLDER\n"
    )
    assert said(order, "--to", str(tmp_path / "result")).splitlines()[1:] == [
        f"Why, as far as the gate may tell: {tmp_path / 'result' / 'gate.json'}"
    ]
    assert (tmp_path / "result" / "gate.json").is_file()


def test_one_that_is_held_waits_for_a_person_and_taken_back_its_money_is_with_the_market(
    stall: Stall, doses: Path, said: Said
) -> None:
    order = bought(stall, doses, NOTE)
    step(stall, order, JobState.HELD)
    assert said(order) == (
        "The job is held: somebody at the seller looks at an output before it leaves. "
        f"Its result is fetched with: counterfoil market job {order}\n"
    )
    assert said(order, "--cancel") == "The job was taken back or given up: the seller's node gives the money back.\n"
    step(stall, order, JobState.REFUNDED)
    assert said(order) == (
        "The job is refunded: 12.50 CREDIT is with the market until `counterfoil market payouts withdraw`.\n"
    )


def test_one_that_runs_is_being_stopped(stall: Stall, doses: Path, said: Said) -> None:
    order, jobs = bought(stall, doses, SLOW), stall.seller.market.jobs
    jobs.start()  # as a serving node does
    settled(lambda: jobs.live is not None and bool(jobs.live.lines))
    assert said(order, "--cancel") == "The job is being stopped; then the seller's node gives the money back.\n"
    step(stall, order, JobState.REFUNDED)


def test_one_that_was_not_taken_is_taken_back_by_its_order(stall: Stall, doses: Path, said: Said) -> None:
    rules = {"gate": GATE, "algorithms": {"digests": [algorithm(COUNT).digest_hex]}}
    offer, _ = offered(stall, doses, name="refused", kind="job", delivery_s=3_600, compute=rules)
    planned = stall.buyer.market.computing.planning(offer.offer, ToCompute(algorithm(NOTE)))
    with pytest.raises(NotAllowed):
        planned.carry_out(lambda _: None)
    with pytest.raises(Reverted) as early:
        reclaim.main([planned.order, "--yes"], obj=AtHome(stall.buyer), standalone_mode=False)
    assert f"`counterfoil market job {planned.order} --cancel`" in early.value.hint
    assert "gives the money back" in said(planned.order, "--cancel")
    step(stall, planned.order, JobState.REFUNDED)
    assert "payouts withdraw" in said(planned.order)
