"""A home whose process is killed or interrupted at any moment keeps all that was acknowledged."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from organisations import copy_home, table_rows

from counterfoil.core.merkle import leaf_hash
from counterfoil.core.note import VerifierKey
from counterfoil.core.statement import parse_record
from counterfoil.errors import NotFound
from counterfoil.organisation import Organisation
from counterfoil.store.check_file import check_file

WRITER = Path(__file__).with_name("decision_writer.py")


@dataclass
class Writer:
    """Runs work in children of one process, and stops them at a moment of chance."""

    process: subprocess.Popen[str]
    chance: random.Random
    runs: int = 0
    lines: list[list[str]] = field(default_factory=list)

    def run(
        self, what: str, *, with_signal: signal.Signals = signal.SIGKILL, longest_s: float = 0.04
    ) -> list[list[str]]:
        """Returns what the child said until the signal hit it."""
        assert self.process.stdin
        self.runs += 1
        self.process.stdin.write(f"{what} {self.runs}\n")
        self.process.stdin.flush()
        pid = int(self._read()[1])
        said: list[list[str]] = []
        if self.chance.random() < 0.85:  # the others are stopped while they open the home
            said.append(self._read())
        time.sleep(self.chance.uniform(0, longest_s))
        os.kill(pid, with_signal)
        while not said or said[-1][0] != "ended":
            said.append(self._read())
        status = int(said.pop()[1])
        stopped = os.waitstatus_to_exitcode(status)
        expected = {-with_signal} if with_signal is signal.SIGKILL else {-with_signal, 130}
        assert stopped in expected, f"{what} ended by itself: {stopped}"
        return said

    def _read(self) -> list[str]:
        assert self.process.stdout
        return self.process.stdout.readline().split()


@contextmanager
def writing(home: Path, seed: int) -> Iterator[Writer]:
    command = [sys.executable, str(WRITER), str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Writer(process, random.Random(seed))
        finally:
            process.kill()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return copy_home(tmp_path)


def opened(home: Path) -> Organisation:
    return Organisation.open(home)


@dataclass
class Known:
    """What a reader of the home has seen so far, and expects to see again."""

    next_of: dict[str, int] = field(default_factory=dict)
    size: int = 0

    def check(self, org: Organisation, said: list[list[str]]) -> None:
        """Everything acknowledged is there once, in gapless sequence, and its values restore."""
        told: dict[int, tuple[int, str, str]] = {}
        for line in said:
            if line[0] == "decided":
                index, seq, leaf = int(line[1]), int(line[2]), line[3]
                assert index not in told
                told[index] = (seq, leaf, line[4])
        for index, entry in enumerate(org.archive.entries(self.size), self.size):
            record = parse_record(entry)
            assert record.seq == self.next_of.get(record.stream, 0)
            self.next_of[record.stream] = record.seq + 1
            if record.has_fields:
                values = org.archive.tree(index).values()
                if index in told:
                    assert told.pop(index) == (record.seq, leaf_hash(entry).hex(), values["/subject"])
        assert not told
        self.size = org.archive.size


def require_complete(org: Organisation, path: Path, issuer: VerifierKey | None = None) -> None:
    org.bundles.write_range(path, show="everything")
    report = check_file(path, issuer=issuer or org.issuer)
    assert report.verdict == "intact, and signed by the issuer you named", report.verdict
    for step in ("complete", "fields"):
        found = report.step(step)
        assert found is not None
        assert found.status == "passed", found.detail


def require_same_tables(org: Organisation) -> None:
    live = table_rows(org)
    org.rebuild()
    assert table_rows(org) == live


def test_fifty_kills_while_threads_decide(home: Path, tmp_path: Path) -> None:
    known, acknowledged = Known(), 0
    with writing(home, 2026) as writer:
        for run in range(50):
            said = writer.run("decide")
            with opened(home) as org:
                known.check(org, said)
                assert (
                    org.vault.stats().records
                    == sum(org.archive.record(index).has_fields for index in range(org.archive.size))
                    if run % 10 == 9
                    else True
                )
            acknowledged += len(said)
    assert acknowledged > 200
    with opened(home) as org:
        require_complete(org, tmp_path / "all.zip")
        require_same_tables(org)


def test_kills_during_erasures_leave_none_half_done(home: Path, tmp_path: Path) -> None:
    erased, spared, fields = 0, 0, 0
    with writing(home, 7) as writer:
        for run in range(60):  # a loaded machine gets less done before each kill
            if run >= 15 and min(erased, spared, fields) > 5:
                break
            said = writer.run("erase")
            with opened(home) as org:
                logged = {index for record in erasures(org) for index in record}
                gone = [int(line[1]) for line in said if line[0] == "erased"]
                for index in gone:
                    with pytest.raises(NotFound):
                        org.archive.tree(index)
                    erased += 1
                for index in (int(line[1]) for line in said if line[0] == "erased-fields"):
                    assert org.archive.tree(index).erased() == ("/input/housing", "/subject")
                    fields += 1
                for index in (int(line[1]) for line in said if line[0] == "decided"):
                    if index not in logged:
                        assert "/subject" in org.archive.tree(index).values()
                        spared += 1
                    elif index not in gone:
                        with pytest.raises((NotFound, KeyError)):
                            org.archive.tree(index).values()["/subject"]
                if run % 5 == 4:
                    require_same_tables(org)
    assert erased > 5
    assert spared > 5
    with opened(home) as org:
        require_complete(org, tmp_path / "all.zip")


def erasures(org: Organisation) -> Iterator[list[int]]:
    for index in range(org.archive.size):
        record = org.archive.record(index)
        if record.kind == "erasure":
            for first, last in record.about["records"]:
                yield list(range(first, last + 1))


def test_kills_while_keys_are_replaced(home: Path, tmp_path: Path) -> None:
    known = Known()
    with opened(home) as org:
        first_issuer = org.issuer
    with writing(home, 11) as writer:
        for run in range(24):
            said = writer.run("rotate-log" if run % 2 else "rotate-vault", longest_s=0.03)
            with opened(home) as org:
                known.check(org, said)
                assert org.keyring.pending("log") is None
                assert org.keyring.pending("vault") is None
                for line in said:
                    if line[0] == "rotated" and "+" in line[1]:
                        assert str(org.issuer) == line[1]
                        assert (home / "issuer.vkey").read_text().strip() == line[1]
    with opened(home) as org:
        assert org.issuer != first_issuer
        require_complete(org, tmp_path / "all.zip", first_issuer)


def test_kills_during_rebuild(home: Path, tmp_path: Path) -> None:
    with writing(home, 13) as writer:
        said = writer.run("decide", longest_s=0.2)
        for _ in range(8):
            writer.run("rebuild", longest_s=0.1)
        with opened(home) as org:
            Known().check(org, said)
            require_same_tables(org)


def test_an_interrupt_at_any_moment_ends_in_a_home_that_opens(home: Path, tmp_path: Path) -> None:
    known = Known()
    with writing(home, 17) as writer:
        for _ in range(12):
            said = writer.run("decide", with_signal=signal.SIGINT, longest_s=0.05)
            with opened(home) as org:
                known.check(org, said)
    with opened(home) as org:
        require_complete(org, tmp_path / "all.zip")


def test_kills_while_recalls_open_and_end(home: Path) -> None:
    """Behind an open recall stands no decision; what was acknowledged as open is open, and the tables say the same."""
    known, recalled, ended = Known(), set[int](), set[int]()
    with writing(home, 57) as writer:
        for _ in range(20):
            said = writer.run("recall", longest_s=0.5)
            recalled |= {int(line[1]) for line in said if line[0] == "recalled"}
            ended |= {int(line[1]) for line in said if line[0] == "ended-recall"}
            with opened(home) as org:
                known.check(org, said)
                found = _require_no_decision_behind_a_recall(org)
                assert recalled <= found.keys()
                assert ended <= {index for index, is_open in found.items() if not is_open}
                assert {each.index: each.ended is None for each in org.recalls.all()} == found
    assert recalled
    assert ended
    with opened(home) as org:
        require_same_tables(org)


def _require_no_decision_behind_a_recall(org: Organisation) -> dict[int, bool]:
    """Returns every recall of the log, and whether it is open; the counts it names are those of the log before it."""
    found: dict[int, bool] = {}
    decided = 0
    for index, entry in enumerate(org.archive.entries()):
        record = parse_record(entry)
        if record.kind == "recall":
            assert record.about["reached"]["decisions"] == decided
            found[index] = True
        elif record.kind == "recall-end":
            found[org.views.index_of(record.builds_on[0])] = False
        elif record.kind == "decision":
            assert not any(found.values()), index
            decided += 1
    return found
