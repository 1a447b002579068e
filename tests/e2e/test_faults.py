"""A log that goes away: waiting decisions survive a kill, keep their order, and their promises are kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from organisations import DAY_S, ROW, START_S, bank, copy_home, full_log, open_home, put_to_work

from counterfoil.errors import HomeBusy, LogUnavailable
from counterfoil.store.check_file import check_file
from counterfoil.store.streams import time_text

TESTS = Path(__file__).parents[1]

SPOOL_AND_DIE = """
import json, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from organisations import ROW, full_log, open_home, put_to_work

org = open_home(Path(sys.argv[1]))
loans = put_to_work(org, on_log_failure="spool")
told = [loans.decide(ROW, subject="before").leaf]
with full_log(org):
    for number in range(5):
        decision = loans.decide(ROW | {"note": "x" * 3_000}, subject=f"p{number}")
        decision.save_receipt(Path(sys.argv[3]) / f"{number}.promise")
        told.append(decision.leaf)
    print(json.dumps(told), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""

HOLD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from organisations import open_home

with open_home(Path(sys.argv[1])):
    print("open", flush=True)
    sys.stdin.read()
"""


def run(script: str, *arguments: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def kept(path: Path, against: Path, issuer: object) -> str:
    return check_file(path, issuer=issuer, against=against, now=time_text(START_S + 2 * DAY_S)).answer  # type: ignore[arg-type]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_kill_between_queue_and_log_keeps_order_and_promises(tmp_path: Path, elsewhere: bool) -> None:
    home = copy_home(tmp_path)
    if elsewhere:
        (tmp_path / "other disk").mkdir()
        with (home / "counterfoil.toml").open("a") as file:
            file.write(f"spool_dir = {json.dumps(str(tmp_path / 'other disk'))}\n")
    with run(SPOOL_AND_DIE, home, TESTS, tmp_path) as process:
        assert process.stdout
        told = json.loads(process.stdout.readline())
    assert process.returncode == -signal.SIGKILL
    waiting = (tmp_path / "other disk" if elsewhere else home / "spool") / "waiting"
    assert waiting.stat().st_size > 15_000
    with open_home(home) as org:
        assert waiting.stat().st_size == 0
        places = [org.decisions.place_of(leaf) for leaf in told]
        assert places == sorted(places)  # type: ignore[type-var]
        seqs = [org.archive.record(place or 0).seq for place in places]
        assert seqs == list(range(seqs[0], seqs[0] + 6))
        assert [row["idx"] for row in org.decisions.search(subject="p3")] == [places[4]]
        put_to_work(org).decide(ROW)
        org.bundles.write_range(tmp_path / "all.zip", show="everything")
        report = check_file(tmp_path / "all.zip", issuer=org.issuer)
        assert report.exit_code(["complete", "fields"]) == 0
        for number in range(5):
            assert kept(tmp_path / f"{number}.promise", tmp_path / "all.zip", org.issuer) == "kept"


def test_a_log_that_is_still_away_at_the_next_open_goes_on_with_the_same_numbers(tmp_path: Path) -> None:
    with bank(tmp_path, on_log_failure="spool") as home:
        note = "x" * 3_000
        with full_log(home.org):
            made = [home.decide("a", note=note), home.decide("b", note=note)]
            home.org.close()
            home.org = open_home(home.folder, home.clock)
            home.loans = put_to_work(home.org, on_log_failure="spool")
            assert home.org.recorder.spool.count == 2
            home.clock.move(2 * 3_600)
            made.append(home.decide("c", note=note))
            with pytest.raises(LogUnavailable):
                put_to_work(home.org).decide(ROW | {"note": note})
            home.org.close()
            home.org = open_home(home.folder, home.clock)
            home.loans = put_to_work(home.org, on_log_failure="spool")
        home.org.recorder.drain()
        made.append(home.decide("d"))
        places = [home.org.decisions.place_of(decision.leaf) or 0 for decision in made]
        assert [home.org.archive.record(place).seq for place in places] == [each.seq for each in made]
        assert [decision.seq for decision in made] == [2, 3, 4, 5]
        assert [home.org.archive.tree(place).value("/subject") for place in places] == ["a", "b", "c", "d"]
        home.org.bundles.write_range(tmp_path / "all.zip")
        assert check_file(tmp_path / "all.zip", issuer=home.org.issuer).exit_code(["complete"]) == 0


def test_when_even_the_queue_cannot_be_written_there_is_no_decision(tmp_path: Path) -> None:
    with bank(tmp_path, on_log_failure="spool") as home:
        with full_log(home.org):
            seqs: list[int] = []

            def decide_on() -> None:
                for number in range(200):
                    seqs.append(home.decide(f"p{number}", note="x" * 60_000).seq)

            with pytest.raises(LogUnavailable, match="neither the log nor"):
                decide_on()
            assert 3 < len(seqs) < 20
            assert home.org.recorder.spool.count == len(seqs)
        assert home.org.recorder.drain() == len(seqs)
        assert home.decide("late").seq == seqs[-1] + 1


def test_another_process_is_told_who_writes(tmp_path: Path) -> None:
    home = copy_home(tmp_path)
    with run(HOLD, home, TESTS) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "open\n"
        with pytest.raises(HomeBusy, match=f"process {process.pid} "):
            open_home(home)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    open_home(home).close()
