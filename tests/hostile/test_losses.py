"""Faults and mishaps in which something acknowledged could get lost, be doubled, or stay readable."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from organisations import Bank, bank, full_disk, full_log, open_home, put_to_work

from counterfoil.core.check_receipt import check_receipt
from counterfoil.core.statement import Draft
from counterfoil.core.trust import MAX_HANDOVERS
from counterfoil.errors import CounterfoilError, HomeDamaged, LogUnavailable, NotAllowed, NotFound
from counterfoil.organisation import organisation as organisation_module
from counterfoil.store import group_commit
from counterfoil.store.check_file import check_file
from counterfoil.store.group_commit import GroupCommit
from counterfoil.store.spool import Spool, SpooledEntry

BASIS = "GDPR Art. 17(1)(b)"
EVENT = Draft("event", "events", "event")
WAITING = SpooledEntry(b"x" * 3_000, None, b"", b"", 0)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Bank]:
    with bank(tmp_path) as made:
        yield made


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Bank]:
    with bank(tmp_path, on_log_failure="spool") as made:
        yield made


def refused(*_: Any) -> Any:
    raise LogUnavailable("the disk refuses")


def broken_disk(_: int) -> None:
    raise OSError(5, "Input/output error")


# A second writer that no lock can keep out: a copy of the process


def test_a_forked_process_records_nothing_and_leaves_its_parent_s_files_alone(home: Bank) -> None:
    first = home.decide("anna")
    child = os.fork()
    if child == 0:
        outcome = 1
        try:
            home.org.recorder.write(EVENT)
        except LogUnavailable:
            home.org.close()
            outcome = 0
        finally:
            os._exit(outcome)
    assert os.waitpid(child, 0)[1] == 0
    second = home.decide("ben")
    home.reopen()
    assert [home.org.archive.leaf_hex(each.index or 0) for each in (first, second)] == [first.leaf, second.leaf]


# Keys replaced while something fails


def test_what_waits_after_a_vault_key_rotation_that_failed_halfway_survives_it(
    patient: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(patient.org.vault, "rotate_key", refused)
        with pytest.raises(LogUnavailable):
            patient.org.rotate_vault_key()
    with full_log(patient.org):
        waiting = patient.decide("anna")
    assert waiting.promise is not None
    patient.reopen()
    place = patient.org.decisions.place_of(waiting.leaf)
    assert patient.org.archive.tree(place).values()["/subject"] == "anna"


def test_a_full_disk_while_rows_are_sealed_anew_is_told_as_such(home: Bank) -> None:
    with full_disk(16), pytest.raises(LogUnavailable):
        home.org.objects.reseal(bytes(32))


def test_receipts_can_be_followed_while_a_hand_over_could_not_be_written(
    home: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = home.org.issuer
    with monkeypatch.context() as patch:
        patch.setattr(organisation_module, "_save", refused)
        with pytest.raises(LogUnavailable):
            home.org.rotate_log_key()
        home.reopen()
        receipt = home.decide("anna").receipt.encode()
        assert check_receipt(receipt, issuer=known).exit_code(["issuer"]) == 0
    home.reopen()
    assert home.org.issuer != known
    assert check_receipt(home.decide("ben").receipt.encode(), issuer=known).exit_code(["issuer"]) == 0


def test_no_key_is_made_that_checkers_would_not_follow(home: Bank) -> None:
    issuer = home.org.issuer
    home.org.archive.handovers = ("a hand-over",) * MAX_HANDOVERS
    with pytest.raises(NotAllowed):
        home.org.rotate_log_key()
    home.org.archive.handovers = ()
    assert home.org.issuer == issuer


# The waiting queue


def test_what_the_queue_refused_is_not_recorded_after_the_next_start(
    patient: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    with full_log(patient.org), monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken_disk)
        with pytest.raises(LogUnavailable):
            patient.decide("anna")
    size = patient.org.archive.size
    patient.reopen()
    assert patient.org.archive.size == size


def test_half_a_batch_that_the_queue_refused_is_not_in_it(tmp_path: Path) -> None:
    queue = Spool(tmp_path / "waiting", bytes(32))
    queue.append([WAITING])
    with full_disk(8_000), pytest.raises(LogUnavailable):
        queue.append([WAITING, WAITING])
    assert Spool(tmp_path / "waiting", bytes(32)).count == 1


def test_what_is_queued_after_an_emptying_that_failed_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Spool(tmp_path / "waiting", bytes(32))
    queue.append([WAITING] * 2)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken_disk)
        for call in (queue.clear, lambda: queue.append([WAITING])):
            with pytest.raises(LogUnavailable):
                call()
    queue.append([WAITING])
    assert len(list(queue.entries())) == 1
    assert len(list(Spool(tmp_path / "waiting", bytes(32)).entries())) == 1


def test_a_power_failure_while_the_queue_is_emptied_leaves_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "waiting"
    queue = Spool(path, bytes(32))
    queue.append([WAITING] * 3)
    full = path.read_bytes()
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(path.read_bytes()))
    queue.clear()
    assert synced[-1] == bytes(len(full))
    for before, after in ((full, synced[0]), (synced[0], synced[-1])):  # any page may be the old one or the new one
        for page in range(0, len(full), 4_096):
            path.write_bytes(before[:page] + after[page : page + 4_096] + before[page + 4_096 :])
            assert len(list(Spool(path, bytes(32)).entries())) in (0, 3)


def test_a_queue_that_was_away_while_its_numbers_were_given_again_is_kept(patient: Bank) -> None:
    with full_log(patient.org):
        patient.decide("anna")
    patient.org.close()
    queue = patient.folder / "spool" / "waiting"
    away = queue.read_bytes()
    queue.unlink()  # its disk was not mounted
    patient.org = open_home(patient.folder, patient.clock)
    patient.loans = put_to_work(patient.org)
    patient.decide("ben")
    patient.org.close()
    queue.write_bytes(away)
    with pytest.raises(HomeDamaged, match="numbers"):
        open_home(patient.folder, patient.clock)
    assert queue.read_bytes() == away
    queue.unlink()
    patient.org = open_home(patient.folder, patient.clock)


# The vault and the log


def test_an_old_log_put_back_by_mistake_does_not_cost_the_values_of_newer_records(home: Bank, tmp_path: Path) -> None:
    old, newest = tmp_path / "old", tmp_path / "newest"
    home.org.close()
    shutil.copytree(home.folder / "log", old / "log")
    shutil.copy(home.folder / "checkpoint", old)
    home.org = open_home(home.folder, home.clock)
    home.loans = put_to_work(home.org)
    places = [home.decide(f"person {number}").index or 0 for number in range(5)]
    home.org.close()
    newest.mkdir()
    for part in ("log", "checkpoint"):
        shutil.move(home.folder / part, newest / part)
        shutil.move(old / part, home.folder / part)
    with pytest.raises(HomeDamaged, match="vault"):
        open_home(home.folder, home.clock)
    shutil.rmtree(home.folder / "log")
    for part in ("log", "checkpoint"):
        shutil.move(newest / part, home.folder / part)
    home.org = open_home(home.folder, home.clock)
    assert [home.org.archive.tree(place).values()["/subject"] for place in places] == [
        f"person {number}" for number in range(5)
    ]


def test_an_erasure_interrupted_after_it_was_logged_is_carried_out_by_the_next(
    home: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = home.decide("anna").index or 0
    home.decide("ben")
    real = home.org.recorder.record

    def interrupted(*given: Any) -> Any:
        real(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(home.org.recorder, "record", interrupted)
        with pytest.raises(KeyboardInterrupt):
            home.org.erasures.erase_person("anna", basis=BASIS)
    home.org.erasures.erase_person("ben", basis=BASIS)
    with pytest.raises(NotFound):
        home.org.archive.tree(gone)


# What could be read by others


def test_the_tables_are_for_their_owner_only(home: Bank) -> None:
    home.decide("anna")
    home.org.decisions.search()
    with home.org.views.reading():
        modes = {path.name: path.stat().st_mode & 0o777 for path in home.folder.glob("views.db*")}
    assert set(modes.values()) == {0o600}, modes


def test_faults_of_the_tables_quote_no_value(home: Bank) -> None:
    home.decide("anna")
    home.org.decisions.search()
    with home.org.views.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON decisions BEGIN SELECT raise(ABORT, 'database or disk is full'); END"
        )
    home.decide("anna")
    with pytest.raises(CounterfoilError) as caught:
        home.org.decisions.search()
    told = f"{caught.value!r} {caught.value.__cause__}"
    assert "full" in told
    assert "approve" not in told


def test_a_full_disk_while_the_tables_are_remade_is_told_as_such(home: Bank) -> None:
    home.decide("anna")
    with full_disk(4_096), pytest.raises(LogUnavailable):
        home.org.rebuild()


def test_the_last_line_of_what_is_shown_must_end(home: Bank, tmp_path: Path) -> None:
    home.decide("anna")
    whole, cut = tmp_path / "whole.zip", tmp_path / "cut.zip"
    home.org.bundles.write_range(whole, show="everything")
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(cut, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name)[: -1 if name == "disclosures.ndjson" else None])
    assert check_file(whole).is_intact
    assert not check_file(cut).is_intact


# Interrupts in the queue of those who commit together


class Work:
    def __init__(self) -> None:
        self.gate = threading.Lock()
        self.is_done = False


LINES = Path(group_commit.__file__).read_text(encoding="utf-8").split("\n")


def interrupted_at(number: int, call: Callable[[], None]) -> bool:
    """Runs `call` with an interrupt before the given line of the group commit; whether there was such a line."""
    left = number

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename != group_commit.__file__:
            return None
        # Python delivers no signal between the end of a `with` block and the release of its lock.
        if event == "line" and not LINES[frame.f_lineno - 1].lstrip().startswith("with "):
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return left <= 0


def submit_interrupted(group: GroupCommit[Work], number: int, found: list[bool]) -> None:
    found.append(interrupted_at(number, lambda: group.submit(Work())))


@pytest.mark.parametrize("follows", [False, True])
def test_an_interrupt_at_any_line_leaves_nobody_waiting(follows: bool) -> None:
    number, there = 0, True
    while there:
        number += 1
        group: GroupCommit[Work] = GroupCommit(lambda _: None)
        found: list[bool] = []
        threads = [threading.Thread(target=group.submit, args=(Work(),), daemon=True)] if follows else []
        victim = threading.Thread(target=submit_interrupted, args=(group, number, found), daemon=True)
        with group.lock:
            for thread in (*threads, victim):
                thread.start()
                thread.join(0.01)
        threads += [victim, threading.Thread(target=group.submit, args=(Work(),), daemon=True)]
        threads[-1].start()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive(), f"somebody still waits after an interrupt at step {number}"
        there = found[0]
    assert number > 10
