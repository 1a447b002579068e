from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from organisations import DAY_S, ROW, Bank, bank, full_disk, full_log, open_home, put_to_work, table_rows

from counterfoil.core.check_receipt import check_receipt
from counterfoil.errors import HomeDamaged, InvalidInput, LogUnavailable, NotAllowed, NotFound
from counterfoil.store.check_file import check_file

BASIS = "GDPR Art. 17(1)(b)"


@pytest.fixture
def home(tmp_path: Path, views_on: str) -> Iterator[Bank]:
    with bank(tmp_path) as made:
        yield made


@pytest.fixture
def in_file(tmp_path: Path) -> Iterator[Bank]:
    """A bank whose tables are in a file of the home."""
    with bank(tmp_path) as made:
        yield made


@pytest.fixture
def locked(tmp_path: Path, views_on: str) -> Iterator[Bank]:
    """A bank whose policy keeps records for ten days."""
    with bank(tmp_path, retain_days=10) as made:
        yield made


def is_readable(home: Bank, index: int | None) -> bool:
    try:
        home.org.archive.tree(index or 0)
    except (NotFound, NotAllowed):
        return False
    return True


def test_a_person_is_erased_with_everything_that_followed(home: Bank) -> None:
    decisions = home.org.decisions
    mine, other = home.decide("anna"), home.decide("ben")
    state = decisions.history(mine.index or 0).state
    followed = [
        decisions.override(mine.index or 0, label="decline", by="Bo", reason="fraud by Anna", saw=state),
        decisions.appeal(mine.index or 0, text="Anna says no", by="Cleo"),
        decisions.outcome(mine.index or 0, outcome="repaid", note="Anna paid"),
    ]
    plan = home.org.erasures.plan_person("anna")
    done = home.org.erasures.erase_person("anna", basis=BASIS)
    assert done.erased == plan.erased == (mine.index, *(each.index for each in followed))
    assert done.is_scrubbed
    assert not any(is_readable(home, index) for index in done.erased)
    assert is_readable(home, other.index)
    history = decisions.history(mine.index or 0)
    assert (history.values, history.label_now) == (None, None)
    assert [each.values for each in history.followed] == [None, None, None]
    with pytest.raises(NotFound):
        home.org.erasures.erase_person("anna", basis=BASIS)
    with pytest.raises(NotFound):
        decisions.receipt(mine.index or 0)


def test_the_erasure_record_says_why_and_which_and_nothing_else(home: Bank) -> None:
    indices = [home.decide("anna").index, home.decide("anna").index, home.decide("ben").index]
    indices.append(home.decide("anna").index)
    home.org.erasures.erase_person("anna", basis=BASIS)
    record = home.org.archive.record(home.org.archive.size - 1)
    runs = [[indices[0], indices[1]], [indices[3], indices[3]]]
    assert record.about == {"basis": BASIS, "records": runs, "scope": "person"}


def test_receipts_handed_out_before_still_check_and_proofs_still_hold(home: Bank, tmp_path: Path) -> None:
    receipt = home.decide("anna").receipt.encode()
    before = tmp_path / "before.zip"
    home.org.bundles.write_range(before, show="everything")
    home.org.erasures.erase_person("anna", basis=BASIS)
    assert check_receipt(receipt, issuer=home.org.issuer).is_intact
    after = tmp_path / "after.zip"
    written = home.org.bundles.write_range(after, show="everything")
    assert written.withheld == 1
    report = check_file(after, issuer=home.org.issuer)
    assert report.is_intact
    assert report.step("complete").status == "passed"  # type: ignore[union-attr]
    assert check_file(before, issuer=home.org.issuer).is_intact
    (tmp_path / "receipt").write_bytes(receipt)
    assert check_file(tmp_path / "receipt", issuer=home.org.issuer, against=after).answer == "kept"


def test_an_erased_field_leaves_the_others_provable(home: Bank, tmp_path: Path) -> None:
    decision = home.decide("anna", note="a secret about Anna")
    index = decision.index or 0
    home.org.erasures.erase_fields(index, ["/input/note", "/subject"], basis=BASIS)
    tree = home.org.archive.tree(index)
    assert tree.erased() == ("/input/note", "/subject")
    assert tree.values()["/input/housing"] == "own"
    receipt = home.org.decisions.receipt(index)
    assert b"a secret" not in receipt.encode()
    assert check_receipt(receipt.encode(), issuer=home.org.issuer).is_intact
    report = home.org.decisions.replay(index)
    assert report.step("output").status == "passed"  # type: ignore[union-attr]
    home.org.erasures.erase_fields(index, ["/input/note"], basis=BASIS)  # again, changes nothing
    written = home.org.bundles.write_range(tmp_path / "b.zip", show=("/input",))
    assert written.withheld == 1
    assert check_file(tmp_path / "b.zip").is_intact


@pytest.mark.parametrize("pointers", [["/input/nose"], [], ["input/note"], ["/input"]])
def test_fields_that_are_not_there_are_refused_before_anything_is_written(home: Bank, pointers: list[str]) -> None:
    index = home.decide("anna").index or 0
    size = home.org.archive.size
    with pytest.raises(InvalidInput):
        home.org.erasures.erase_fields(index, pointers, basis=BASIS)
    assert home.org.archive.size == size


@pytest.mark.parametrize("basis", ["", "  ", "x" * 301, "\ud800"])
def test_an_erasure_needs_a_basis(home: Bank, basis: str) -> None:
    index = home.decide("anna").index or 0
    size = home.org.archive.size
    for call in (
        lambda: home.org.erasures.erase_person("anna", basis=basis),
        lambda: home.org.erasures.erase_record(index, basis=basis),
        lambda: home.org.erasures.erase_fields(index, ["/subject"], basis=basis),
    ):
        with pytest.raises(InvalidInput):
            call()
    assert home.org.archive.size == size
    assert is_readable(home, index)


def test_records_without_anything_private_and_policies_stay(home: Bank) -> None:
    kinds = [home.org.archive.record(index).kind for index in range(home.org.archive.size)]
    for kind in ("identity", "policy", "model"):
        with pytest.raises(InvalidInput):
            home.org.erasures.erase_record(kinds.index(kind), basis=BASIS)
    with pytest.raises(NotFound):
        home.org.erasures.erase_record(10**6, basis=BASIS)


def test_under_a_retention_lock_it_is_unreadable_at_once_and_shredded_when_due(locked: Bank) -> None:
    decision = locked.decide("anna")
    index = decision.index or 0
    with pytest.raises(NotAllowed):
        locked.org.erasures.erase_fields(index, ["/subject"], basis=BASIS)
    done = locked.org.erasures.erase_person("anna", basis=BASIS)
    assert (done.erased, done.restricted) == ((), ((index, int(locked.clock.now_s) + 10 * DAY_S),))
    with pytest.raises(NotAllowed):
        locked.org.archive.tree(index)
    assert locked.org.decisions.history(index).values is None
    assert locked.org.decisions.search(subject="anna") == []
    assert locked.org.erasures.shred_due().erased == ()
    locked.clock.move(10 * DAY_S)
    locked.reopen()
    assert locked.org.erasures.due() == [index]
    assert locked.org.erasures.shred_due().erased == (index,)
    with pytest.raises(NotFound):
        locked.org.archive.tree(index)
    assert locked.org.erasures.due() == []
    locked.reopen()
    assert table_rows(locked.org)["decisions"][0][3:8] == (None, None, None, None, None)


def test_nothing_erased_stays_in_any_file(in_file: Bank) -> None:
    secret = "Rumpelstilzchen" * 5
    index = in_file.decide("anna", note=secret).index or 0
    in_file.org.decisions.search()  # fills the tables
    tag, label = in_file.org.vault.subject_tag("anna"), b"approve"
    opened = in_file.org.vault.get(index, in_file.org.archive.record(index).digest)
    assert tag in raw(in_file, "views.db")
    in_file.org.erasures.erase_person("anna", basis=BASIS)
    for name in ("vault.db", "views.db"):
        data = raw(in_file, name)
        for what in (secret.encode(), opened.rk, opened.body[:40]):
            assert what not in data
    assert tag not in raw(in_file, "views.db")
    assert label not in raw(in_file, "views.db")


def raw(home: Bank, name: str) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(home.folder.glob(name + "*")) if not path.name.endswith("shm"))


def test_tables_are_the_same_whether_they_saw_the_erasure_or_were_remade(home: Bank) -> None:
    decisions = home.org.decisions

    def decided(subject: str) -> int:
        index = home.decide(subject).index or 0
        saw = decisions.history(index).state
        decisions.override(index, label="decline", by="Bo", reason="why", saw=saw)
        decisions.outcome(index, outcome="default")
        return index

    people = [decided(f"p{number}") for number in range(8)]
    follow = {number: [each.index for each in decisions.history(people[number]).followed] for number in range(8)}
    erasures = home.org.erasures
    erasures.erase_person("p0", basis=BASIS)
    erasures.erase_record(people[1], basis=BASIS)
    erasures.erase_record(follow[2][0], basis=BASIS)
    erasures.erase_record(follow[3][1], basis=BASIS)
    erasures.erase_fields(people[4], ["/output/label", "/subject"], basis=BASIS)
    erasures.erase_fields(follow[5][0], ["/label"], basis=BASIS)
    saw = decisions.history(people[6]).state
    decisions.override(people[6], label="approve", by="Bo", reason="again", saw=saw)
    erasures.erase_record(follow[6][0], basis=BASIS)  # an older override, behind the one that counts
    plain = home.decide("q").index or 0
    erasures.erase_fields(plain, ["/output/label", "/output/score_micro"], basis=BASIS)
    live = table_rows(home.org)
    rows = {row["idx"]: row for row in decisions.search(limit=100)}
    assert rows[people[2]]["label_now"] is None
    assert rows[people[3]]["outcome"] is None
    assert rows[people[4]]["label"] is None
    assert rows[people[4]]["label_now"] == "decline"
    assert rows[people[5]]["label_now"] is None
    assert rows[people[6]]["label_now"] == "approve"
    assert (rows[plain]["label"], rows[plain]["label_now"]) == (None, None)
    for index, row in rows.items():
        assert decisions.history(index).label_now == row["label_now"] or index == people[1]
    home.org.rebuild()
    assert table_rows(home.org) == live


def test_a_backup_of_the_vault_older_than_the_erasure_is_erased_again_before_anything_reads(
    home: Bank, tmp_path: Path
) -> None:
    gone, field, kept = home.decide("anna"), home.decide("ben", note="x"), home.decide("cleo")
    home.org.close()
    shutil.copy(home.folder / "vault.db", tmp_path / "vault.backup")
    home.org = open_home(home.folder, home.clock)
    home.org.erasures.erase_person("anna", basis=BASIS)
    home.org.erasures.erase_fields(field.index or 0, ["/input/note"], basis=BASIS)
    late = put_to_work(home.org).decide(ROW, subject="dora")
    home.org.close()
    shutil.copy(tmp_path / "vault.backup", home.folder / "vault.db")
    home.org = open_home(home.folder, home.clock)
    assert not is_readable(home, gone.index)
    assert home.org.archive.tree(field.index or 0).erased() == ("/input/note",)
    assert is_readable(home, kept.index)
    assert not is_readable(home, late.index)  # the backup never had it
    home.loans = put_to_work(home.org)
    assert is_readable(home, home.decide("emil").index)


def test_a_backup_of_all_but_the_log_is_brought_up_to_the_log(home: Bank, tmp_path: Path) -> None:
    gone, kept = home.decide("anna"), home.decide("cleo")
    home.org.decisions.search()
    home.org.close()
    shutil.copytree(home.folder, tmp_path / "backup")
    home.org = open_home(home.folder, home.clock)
    home.org.erasures.erase_person("anna", basis=BASIS)
    put_to_work(home.org, version="2").decide(ROW, subject="dora")
    home.org.close()
    shutil.rmtree(tmp_path / "backup" / "log")
    shutil.move(home.folder / "log", tmp_path / "backup" / "log")
    shutil.rmtree(home.folder)
    shutil.move(tmp_path / "backup", home.folder)
    home.org = open_home(home.folder, home.clock)
    assert not is_readable(home, gone.index)
    assert is_readable(home, kept.index)
    assert home.org.decisions.search(subject="anna") == []
    live = table_rows(home.org)
    home.org.rebuild()
    assert table_rows(home.org) == live


def test_a_log_restored_from_before_the_newest_signed_head_is_refused(home: Bank, tmp_path: Path) -> None:
    home.decide("anna")
    home.org.close()
    shutil.copytree(home.folder / "log", tmp_path / "log")
    home.org = open_home(home.folder, home.clock)
    home.org.erasures.erase_person("anna", basis=BASIS)
    home.org.close()
    shutil.move(home.folder / "log", tmp_path / "newer")
    shutil.copytree(tmp_path / "log", home.folder / "log")
    with pytest.raises(HomeDamaged, match="signed for"):
        open_home(home.folder, home.clock)
    shutil.rmtree(home.folder / "log")
    shutil.move(tmp_path / "newer", home.folder / "log")
    home.org = open_home(home.folder, home.clock)


def test_what_waits_in_the_queue_is_erased_with_the_rest(tmp_path: Path) -> None:
    with bank(tmp_path, on_log_failure="spool") as home:
        first = home.decide("anna")
        with full_log(home.org):
            waiting = home.decide("anna", note="x" * 5_000)
            assert waiting.promise is not None
            with pytest.raises(LogUnavailable):
                home.org.erasures.erase_person("anna", basis=BASIS)
            assert is_readable(home, first.index)
        done = home.org.erasures.erase_person("anna", basis=BASIS)
        place = home.org.decisions.place_of(waiting.leaf)
        assert done.erased == (first.index, place)
        assert not is_readable(home, place)
        home.reopen()
        assert not is_readable(home, place)
        assert b"anna" not in raw(home, "spool/waiting")


def test_an_erasure_whose_vault_refused_is_made_up_for_by_the_next(home: Bank) -> None:
    first, second = home.decide("anna"), home.decide("ben")
    home.org.recorder.vault.scrub()
    real = home.org.erasures._vault
    home.org.erasures._vault = None  # type: ignore[assignment] - stands for any failure after the log was written
    with pytest.raises(AttributeError):
        home.org.erasures._write_and_apply(
            [{"basis": BASIS, "records": [[first.index, first.index]], "scope": "record"}]
        )
    home.org.erasures._vault = real
    assert is_readable(home, first.index)
    home.org.erasures.erase_person("ben", basis=BASIS)
    assert not is_readable(home, first.index)
    assert not is_readable(home, second.index)


def test_a_full_disk_erases_nothing_and_says_so(home: Bank) -> None:
    decision = home.decide("anna")
    with full_disk(4_096), pytest.raises(LogUnavailable):
        home.org.erasures.erase_person("anna", basis=BASIS)
    home.reopen()
    home.org.erasures.erase_record(decision.index or 0, basis=BASIS)
    assert not is_readable(home, decision.index)


def test_a_person_may_come_back_after_an_erasure(home: Bank) -> None:
    gone = home.decide("anna")
    home.org.erasures.erase_person("anna", basis=BASIS)
    back = home.decide("anna")
    home.reopen()
    assert not is_readable(home, gone.index)
    assert is_readable(home, back.index)
    assert [row["idx"] for row in home.org.decisions.search(subject="anna")] == [back.index]
