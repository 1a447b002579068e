from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from organisations import (
    ORIGIN,
    ROW,
    Bank,
    Clock,
    bank,
    copy_home,
    full_disk,
    full_log,
    open_home,
    put_to_work,
    table_rows,
)

import counterfoil
from counterfoil.core.check_receipt import check_receipt
from counterfoil.core.note import Signer
from counterfoil.core.trust import sign_handover
from counterfoil.errors import CounterfoilError, HomeBusy, HomeDamaged, InvalidInput, Locked, LogUnavailable
from counterfoil.organisation import Organisation
from counterfoil.store.home_settings import HomeSettings
from counterfoil.store.unlock import Unlock


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Bank]:
    with bank(tmp_path) as made:
        yield made


def test_a_new_home_says_who_it_is(tmp_path: Path) -> None:
    with counterfoil.create(tmp_path / "bank", name="Example Bank plc", origin=ORIGIN) as org:
        record = org.archive.record(0)
        assert record.kind == "identity"
        assert record.about == {"key": str(org.issuer), "name": "Example Bank plc", "origin": ORIGIN}
        assert (tmp_path / "bank" / "issuer.vkey").read_text() == f"{org.issuer}\n"
    assert (tmp_path / "bank.key").stat().st_mode & 0o077 == 0
    with counterfoil.open(tmp_path / "bank") as org:
        assert org.archive.size == 1


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "bank").mkdir()
    (tmp_path / "bank" / "mine").write_text("x")
    with pytest.raises(InvalidInput):
        counterfoil.create(tmp_path / "bank", name="B", origin=ORIGIN, key_file=tmp_path / "k")
    assert (tmp_path / "bank" / "mine").read_text() == "x"


def test_a_second_writer_is_told_who_has_the_home(home: Bank) -> None:
    with pytest.raises(HomeBusy, match="this process"):
        open_home(home.folder)
    home.decide("anna")
    home.org.close()
    home.org = open_home(home.folder, home.clock)


def test_closing_twice_is_harmless_and_a_closed_home_records_nothing(home: Bank) -> None:
    size = home.org.archive.size
    home.org.close()
    home.org.close()
    with pytest.raises(CounterfoilError):
        home.decide("anna")
    with open_home(home.folder, home.clock) as again:
        assert again.archive.size == size
        with pytest.raises(CounterfoilError):
            home.decide("anna")
        assert again.archive.size == size


def test_a_failed_open_lets_go_of_everything(home: Bank) -> None:
    home.org.close()
    checkpoint = (home.folder / "checkpoint").read_bytes()
    (home.folder / "checkpoint").write_bytes(b"not a head\n")
    for _ in range(3):
        with pytest.raises(HomeDamaged):
            open_home(home.folder)
    (home.folder / "checkpoint").write_bytes(checkpoint)
    home.org = open_home(home.folder, home.clock)


@pytest.mark.parametrize("part", ["log/entries/000.seg", "log/state.json", "keys.json", "vault.db", "handovers.json"])
def test_altered_parts_are_refused_and_nothing_is_changed(tmp_path: Path, part: str) -> None:
    folder = copy_home(tmp_path)
    if part == "handovers.json":
        with open_home(folder) as org:
            org.rotate_log_key()
    path = folder / part
    good = path.read_bytes()
    for bad in (b"", b"{}", b"\xff" * len(good), good[: len(good) // 2]):
        path.write_bytes(bad)
        before = {each: each.read_bytes() for each in (folder / "log").rglob("*") if each.is_file()}
        with pytest.raises(CounterfoilError):
            open_home(folder).close()
        assert {each: each.read_bytes() for each in (folder / "log").rglob("*") if each.is_file()} == before
    path.write_bytes(good)
    open_home(folder).close()


def test_a_record_changed_in_the_log_is_not_what_was_signed_for(tmp_path: Path) -> None:
    folder = copy_home(tmp_path)
    path = folder / "log" / "entries" / "000.seg"
    path.write_bytes(path.read_bytes().replace(b"Example Bank plc", b"Exemple Bank plc"))
    shutil.rmtree(folder / "log" / "hashes")
    (folder / "log" / "hashes").mkdir()
    with pytest.raises(HomeDamaged):
        open_home(folder)


def test_the_tables_are_remade_when_lost_garbage_or_of_another_version(home: Bank) -> None:
    for subject in ("anna", "ben"):
        home.decide(subject)
    live = table_rows(home.org)
    path = home.folder / "views.db"

    def lose() -> None:
        path.unlink()

    def fill_with_garbage() -> None:
        path.write_bytes(b"garbage" * 1_000)

    def empty() -> None:
        path.write_bytes(b"")

    def make_older() -> None:
        import sqlite3

        with sqlite3.connect(path) as db:
            db.execute("UPDATE cursor SET version = 0")
            db.execute("DELETE FROM decisions")
        db.close()

    for damage in (lose, fill_with_garbage, empty, make_older):
        home.org.close()
        for side in ("-wal", "-shm"):
            path.with_name(path.name + side).unlink(missing_ok=True)
        damage()
        home.org = open_home(home.folder, home.clock)
        assert table_rows(home.org) == live, damage.__name__
    home.loans = put_to_work(home.org)


def test_tables_of_another_history_are_remade(home: Bank, tmp_path: Path) -> None:
    home.org.close()
    shutil.copytree(home.folder.parent, tmp_path / "other")
    with open_home(tmp_path / "other" / "home") as other:
        put_to_work(other).decide_many([ROW] * 5, subjects=[f"p{n}" for n in range(5)])
        other.decisions.search()
    home.org = open_home(home.folder, home.clock)
    home.loans = put_to_work(home.org)
    home.decide("anna")
    home.org.close()
    shutil.copy(tmp_path / "other" / "home" / "views.db", home.folder / "views.db")
    home.org = open_home(home.folder, home.clock)
    assert len(home.org.decisions.search()) == 1
    home.loans = put_to_work(home.org)
    for number in range(8):
        home.decide(f"q{number}")
    assert len(home.org.decisions.search()) == 9


def test_lost_schemas_are_written_anew_from_the_log(home: Bank) -> None:
    decision = home.decide("anna")
    for path in (home.folder / "schemas").iterdir():
        path.unlink()
    home.reopen()
    assert home.org.decisions.history(decision.index or 0).values
    for path in (home.folder / "schemas").iterdir():
        path.write_bytes(b"{}")
    home.org.close()
    home.org = open_home(home.folder, home.clock)
    home.org.rebuild()
    names = {path.name for path in (home.folder / "schemas").iterdir()}
    home.org.close()
    home.org = open_home(home.folder, home.clock)
    assert home.org.decisions.history(decision.index or 0).values
    assert len(names) == 2
    size = home.org.archive.size
    home.loans = put_to_work(home.org)
    assert home.org.archive.size == size


def test_a_schema_whose_record_could_not_be_written_is_recorded_later(home: Bank) -> None:
    index = home.decide("anna").index or 0
    with full_disk(4_096), pytest.raises(LogUnavailable):
        home.org.decisions.appeal(index, text="no", by="Cleo")
    home.reopen()
    home.org.decisions.appeal(index, text="no", by="Cleo")
    kinds = [home.org.archive.record(each).name for each in range(home.org.archive.size)]
    assert kinds.count("appeal") == 2  # the schema and the appeal
    for path in (home.folder / "schemas").iterdir():
        path.unlink()
    home.reopen()
    assert home.org.decisions.history(index).followed[0].values


def test_threads_may_search_while_others_decide_and_override(home: Bank) -> None:
    for path in home.folder.glob("views.db*"):
        path.unlink()
    home.org.views.close()
    faults: list[BaseException] = []

    def run(number: int) -> None:
        try:
            for count in range(6):
                decision = home.decide(f"p{number}-{count}")
                index = decision.index or 0
                saw = home.org.decisions.history(index).state
                home.org.decisions.override(index, label="decline", by="Bo", reason="why", saw=saw)
                assert home.org.decisions.search(subject=f"p{number}-{count}")[0]["label_now"] == "decline"
                assert decision.check().is_intact
        except BaseException as error:  # noqa: BLE001 - handed to the test
            faults.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    live = table_rows(home.org)
    home.org.rebuild()
    assert table_rows(home.org) == live
    assert len(live["decisions"]) == 48


def test_replacing_the_vault_key_keeps_every_value_and_the_old_key_opens_nothing(home: Bank, tmp_path: Path) -> None:
    decision = home.decide("anna")
    old = home.org.keyring.secret("vault")
    home.org.rotate_vault_key()
    assert home.org.keyring.secret("vault") != old
    assert home.org.archive.tree(decision.index or 0).values()["/subject"] == "anna"
    assert home.decide("anna").check(replay=True).is_intact
    home.reopen()
    assert home.org.archive.tree(decision.index or 0).values()["/subject"] == "anna"
    assert [row["idx"] for row in home.org.decisions.search(subject="anna")]
    assert home.org.archive.record(home.org.archive.size - 1).kind in ("key", "decision")
    from counterfoil.store.vault import Vault

    with pytest.raises(Locked):
        Vault.open(home.folder / "vault.db", old)


def test_keys_from_before_a_rotation_do_not_open_the_newer_vault(home: Bank, tmp_path: Path) -> None:
    keys = (home.folder / "keys.json").read_bytes()
    home.org.rotate_vault_key()
    home.org.close()
    newer = (home.folder / "keys.json").read_bytes()
    (home.folder / "keys.json").write_bytes(keys)
    with pytest.raises(Locked, match="vault"):
        open_home(home.folder)
    (home.folder / "keys.json").write_bytes(newer)
    home.org = open_home(home.folder, home.clock)


def test_log_keys_are_handed_over_one_after_the_other(home: Bank) -> None:
    first = home.org.issuer
    for _ in range(3):
        home.org.rotate_log_key()
    home.reopen()
    receipt = home.decide("anna").receipt.encode()
    assert check_receipt(receipt, issuer=first).exit_code(["issuer"]) == 0
    records = [home.org.archive.record(index) for index in range(home.org.archive.size)]
    keys = [record.about for record in records if record.kind == "key"]
    assert [about["handover"] for about in keys] == list(home.org.archive.handovers)
    assert keys[-1]["key"] == str(home.org.issuer)
    thief = Signer(first.name, bytes(32))
    handovers = json.loads((home.folder / "handovers.json").read_text())
    assert (
        check_receipt(
            receipt.replace(
                handovers[0].split("\n")[4].encode(), sign_handover(thief, home.org.issuer, 1)[-90:].encode()
            ),
            issuer=first,
        ).exit_code(["issuer"])
        == 4
    )


def test_another_way_to_unlock(home: Bank, tmp_path: Path) -> None:
    decision = home.decide("anna")
    home.org.change_unlock(Unlock.from_passphrase("open sesame", scrypt_n=16))
    home.org.close()
    with pytest.raises(Locked):
        open_home(home.folder)
    with pytest.raises(Locked):
        Organisation.open(home.folder, Unlock.from_passphrase("open barley", scrypt_n=16))
    home.org = Organisation.open(home.folder, Unlock.from_passphrase("open sesame"), now=home.clock)
    assert home.org.archive.tree(decision.index or 0).values()["/subject"] == "anna"


def test_a_full_disk_while_closing_loses_nothing(home: Bank) -> None:
    decision = home.decide("anna")
    with full_disk(100), pytest.raises(LogUnavailable):
        home.org.checkpoint()
    with full_disk(100), pytest.raises(LogUnavailable):
        home.org.close()
    home.org = open_home(home.folder, home.clock)
    assert home.org.archive.leaf_hex(decision.index or 0) == decision.leaf


def test_a_home_whose_log_is_full_can_still_be_read(home: Bank) -> None:
    decision = home.decide("anna")
    with full_log(home.org):
        home.org.close()
        home.clock.move(7_200)
        home.org = open_home(home.folder, home.clock)  # an epoch is due and cannot be written
        assert home.org.archive.tree(decision.index or 0).values()
        with pytest.raises(LogUnavailable):
            put_to_work(home.org).decide(ROW | {"note": "x" * 2_000}, subject="ben")
    assert put_to_work(home.org).decide(ROW).check().is_intact


def test_settings_survive(tmp_path: Path) -> None:
    settings = HomeSettings(name='Bänk "A" plc', origin=ORIGIN, epoch_s=60, spool_dir=str(tmp_path / "elsewhere"))
    unlock = Unlock.from_passphrase("x", scrypt_n=16)
    with Organisation.create(tmp_path / "bank", settings, unlock, now=Clock()) as org:
        assert org.home.paths.spool == tmp_path / "elsewhere"
    with Organisation.open(tmp_path / "bank", unlock, now=Clock()) as org:
        assert org.home.settings == settings
