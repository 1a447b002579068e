"""Two real homes on loopback cosign each other's heads; a fork of one of them is found out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from organisations import Clock, copy_home
from serving_witness import serving

import counterfoil
from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.core.statement import Draft
from counterfoil.core.steps import Status
from counterfoil.errors import NotAllowed, NotSetUp
from counterfoil.organisation import Organisation
from counterfoil.store.home_settings import HomeSettings
from counterfoil.store.unlock import Unlock


class Pair:
    """The bank, whose log is watched, and the club, which watches it and is watched by it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.clock = Clock()
        self.home = copy_home(folder)
        self.bank = self.open(self.home)
        settings = HomeSettings(name="Club", origin="club.example", key_file="../club.key")
        unlock = Unlock.create_key_file(folder / "club.key")
        self.club = Organisation.create(folder / "club", settings, unlock, now=self.clock)
        self.url = stack.enter_context(serving(self.club.witness.add_checkpoint))
        back = stack.enter_context(serving(lambda body: self.bank.witness.add_checkpoint(body)))
        self.club.witness.add_log(str(self.bank.issuer))
        self.bank.witness.add_witness("club", str(self.club.witness.key), self.url)
        self.bank.witness.add_log(str(self.club.issuer))
        self.club.witness.add_witness("bank", str(self.bank.witness.key), back)

    def open(self, home: Path) -> Organisation:
        return Organisation.open(home, now=self.clock)

    def record(self, org: Organisation, text: str) -> int:
        return org.recorder.write(Draft("event", "events", "e", about={"text": text})).index or 0

    def receipt(self, org: Organisation, index: int, name: str) -> Path:
        path = self.folder / name
        path.write_bytes(org.archive.receipt(index).encode())
        return path

    def check(self, path: Path, org: Organisation | None = None) -> counterfoil.core.steps.Report:  # type: ignore[name-defined]
        org = org or self.bank
        return counterfoil.check(path, issuer=org.issuer, witnesses=org.witness.paths.policy)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        made = Pair(tmp_path, stack)
        yield made
        made.bank.close()
        made.club.close()


def test_both_sign_the_others_head_and_receipts_carry_it(pair: Pair) -> None:
    for org in (pair.bank, pair.club):
        index = pair.record(org, "something")
        before = pair.receipt(org, index, "before.json")
        assert pair.check(before, org).step("witnesses").status is Status.NOT_CHECKED
        found = org.witness.collect()
        assert found.is_enough, found.faults()
        after = pair.receipt(org, index, f"{org.home.settings.name}.json")
        report = pair.check(after, org)
        assert report.exit_code(["witnesses", "issuer", "log"]) == 0, report.to_json()
    assert counterfoil.check(after).step("witnesses").status is Status.NOT_CHECKED


def test_the_signed_head_carries_what_there_is_for_exactly_this_head(pair: Pair) -> None:
    pair.record(pair.bank, "one")
    pair.bank.witness.collect()
    note = SignedCheckpoint.parse(pair.bank.checkpoint()).note
    assert note.cosigned_at(pair.club.witness.key) == int(pair.clock())
    assert note.signed_by(pair.bank.issuer)
    pair.record(pair.bank, "two")
    note = SignedCheckpoint.parse(pair.bank.checkpoint()).note
    assert note.cosigned_at(pair.club.witness.key) is None


def test_a_receipt_takes_the_newest_head_that_enough_signed_if_the_record_is_under_it(pair: Pair) -> None:
    first = pair.record(pair.bank, "one")
    signed_size = pair.bank.witness.collect().size
    second = pair.record(pair.bank, "two")
    assert pair.check(pair.receipt(pair.bank, first, "a.json")).step("witnesses").status is Status.PASSED
    assert pair.check(pair.receipt(pair.bank, second, "b.json")).step("witnesses").status is Status.NOT_CHECKED
    assert SignedCheckpoint.parse(pair.bank.archive.receipt(first).checkpoint).head.size == signed_size


def test_cosignatures_outlive_the_program(pair: Pair) -> None:
    first = pair.record(pair.bank, "one")
    pair.bank.witness.collect()
    pair.bank.close()
    pair.bank = pair.open(pair.home)
    assert pair.check(pair.receipt(pair.bank, first, "a.json")).step("witnesses").status is Status.PASSED
    assert pair.bank.witness.status().witnesses[0].size == pair.bank.witness.collecting.enough.head.size


def test_bundles_are_shown_to_the_witnesses_first(pair: Pair) -> None:
    index = pair.record(pair.bank, "one")
    pair.clock.move(5)
    whole, part = pair.folder / "whole.zip", pair.folder / "part.zip"
    pair.bank.bundles.write_range(whole)
    pair.bank.bundles.write_records(part, [index])
    for path in (whole, part):
        report = pair.check(path)
        assert report.exit_code(["witnesses", "log"]) == 0, report.to_json()


def test_a_fork_is_refused_and_its_receipts_fail(pair: Pair) -> None:
    pair.record(pair.bank, "what everybody saw")
    assert pair.bank.witness.collect().is_enough
    pair.bank.close()
    other_home = pair.folder / "other" / "home"
    shutil.copytree(pair.home, other_home)
    shutil.copy(pair.folder / "bank.key", pair.folder / "other" / "bank.key")
    pair.bank = pair.open(pair.home)
    other = pair.open(other_home)
    try:
        shown = pair.record(pair.bank, "for the auditor")
        hidden = pair.record(other, "for the customer")
        assert shown == hidden
        assert pair.bank.witness.collect().is_enough
        found = other.witness.collect()
        assert not found.is_enough
        assert found.given[0].is_alarm
        assert "another history" in found.given[0].fault
        assert pair.check(pair.receipt(pair.bank, shown, "shown.json")).is_intact
        forked = pair.receipt(other, hidden, "hidden.json")
        assert counterfoil.check(forked, issuer=other.issuer).is_intact, "by itself nothing tells"
        report = pair.check(forked)
        assert report.step("witnesses").status is Status.NOT_CHECKED
        assert report.exit_code(["witnesses"]) == 4, "who insists is told"
        (kept,) = pair.club.witness.status().contradictions
        assert kept.origin == pair.bank.archive.origin
        for _ in range(3):
            pair.record(other, "more of it")
        assert other.witness.collect().given[0].is_alarm, "a longer fork is refused, too"
    finally:
        other.close()


def test_an_older_copy_of_a_home_is_told_so(pair: Pair) -> None:
    pair.bank.close()
    shutil.copytree(pair.home, pair.folder / "old")
    pair.bank = pair.open(pair.home)
    pair.record(pair.bank, "one")
    pair.bank.witness.collect()
    pair.bank.close()
    shutil.rmtree(pair.home)
    shutil.move(pair.folder / "old", pair.home)
    pair.bank = pair.open(pair.home)
    found = pair.bank.witness.collect()
    assert found.given[0].is_alarm
    assert "older copy of the home" in found.given[0].fault
    assert pair.bank.witness.status().problems


def test_a_witness_that_is_down_delays_and_loses_nothing(pair: Pair) -> None:
    pair.bank.witness.add_witness("gone", str(pair.bank.witness.key), "http://127.0.0.1:1", rule="1")
    index = pair.record(pair.bank, "one")
    found = pair.bank.witness.collect()
    assert found.is_enough
    assert found.signed == ("club",)
    assert "gone does not answer" in found.faults()
    assert pair.check(pair.receipt(pair.bank, index, "a.json")).step("witnesses").status is Status.PASSED
    pair.bank.witness.remove_witness("gone")
    assert pair.bank.witness.collect().is_enough


def test_what_was_enough_need_not_be_under_another_policy(pair: Pair) -> None:
    index = pair.record(pair.bank, "one")
    pair.bank.witness.collect()
    pair.bank.witness.add_witness("gone", str(pair.bank.witness.key), "http://127.0.0.1:1")  # all of two, from now on
    assert pair.bank.witness.collecting.enough is None
    assert pair.check(pair.receipt(pair.bank, index, "a.json")).step("witnesses").status is Status.FAILED


def test_a_policy_that_was_changed_by_hand_counts_from_the_next_start(pair: Pair) -> None:
    index = pair.record(pair.bank, "one")
    size = pair.bank.witness.collect().size
    path = pair.bank.witness.paths.policy
    assert pair.bank.archive.witnesses is not None
    assert pair.bank.archive.witnesses.covering(index) is not None
    other = str(pair.bank.witness.key)
    pair.bank.close()
    path.write_text(path.read_text().replace("group witnesses all", f"witness more {other}\ngroup witnesses all more"))
    pair.bank = pair.open(pair.home)
    assert pair.bank.witness.policy is not None
    assert pair.bank.witness.policy.wanted() == "2 of more, club"
    assert pair.bank.archive.witnesses is not None
    assert pair.bank.archive.witnesses.covering(index) is None
    assert pair.bank.archive.size >= size


def test_after_a_change_of_the_logs_key_the_witness_must_be_told(pair: Pair) -> None:
    index = pair.record(pair.bank, "one")
    pair.bank.witness.collect()
    old_policy = pair.folder / "old.policy"
    shutil.copy(pair.bank.witness.paths.policy, old_policy)
    old = pair.bank.issuer
    pair.bank.rotate_log_key()
    found = pair.bank.witness.collect()
    assert "does not know the key" in found.faults()
    pair.club.witness.add_log(str(pair.bank.issuer))
    assert pair.bank.witness.collect().is_enough
    path = pair.receipt(pair.bank, index, "a.json")
    assert counterfoil.check(path, issuer=old, witnesses=old_policy).exit_code(["witnesses", "issuer"]) == 0


def test_a_policy_written_by_hand_is_used_and_left_alone(pair: Pair) -> None:
    path = pair.bank.witness.paths.policy
    pair.bank.close()
    path.write_text("# mine\n" + path.read_text())
    pair.bank = pair.open(pair.home)
    assert pair.bank.witness.collect().is_enough
    with pytest.raises(NotAllowed, match="written by hand"):
        pair.bank.witness.remove_witness("club")


def test_nobody_to_ask_is_an_error_only_for_who_asks(pair: Pair) -> None:
    pair.bank.witness.remove_witness("club")
    with pytest.raises(NotSetUp):
        pair.bank.witness.collect()
    assert pair.bank.witness.due() == ""
    pair.bank.bundles.write_range(pair.folder / "whole.zip")


def test_the_background_collects_what_is_due(pair: Pair) -> None:
    pair.record(pair.bank, "one")
    assert pair.bank.witness.due() == ""
    pair.clock.move(61)
    assert "make one due" in pair.bank.witness.due()
    pair.bank.witness._background_step()
    assert pair.bank.witness.due() == ""
    assert pair.bank.witness.fault == ""
