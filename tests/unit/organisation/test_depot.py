"""A home whose old parts are in a depot: proofs, receipts, replays and erasures go on; plain text never leaves."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import organisations
import pytest
from organisations import bank, copy_home, open_home, put_to_work, table_rows

from counterfoil.core.statement import Draft
from counterfoil.errors import HomeDamaged, LogUnavailable, NotAllowed, NotFound, NotSetUp
from counterfoil.organisation import Organisation
from counterfoil.organisation.doctor import examine_opened
from counterfoil.store.check_file import check_file
from counterfoil.store.segment import SEGMENT_ENTRIES

FULL = 2 * SEGMENT_ENTRIES + 2_000


@pytest.fixture(scope="module")
def long_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a decision in its first segment, and two full segments."""
    folder = tmp_path_factory.mktemp("long")
    with bank(folder) as home:
        home.decide("anna", note="a secret")
        org = home.org
        prepared = org.recorder.prepare(Draft("event", "events", "padding"))
        while org.archive.size < FULL:
            org.recorder.record([prepared] * 4_000)
        org.views.catch_up()  # once, and not in every copy
    return folder


@pytest.fixture
def home(long_home: Path, tmp_path: Path) -> Path:
    shutil.copytree(long_home, tmp_path, dirs_exist_ok=True)
    with (tmp_path / "home" / "counterfoil.toml").open("a") as settings:
        settings.write(f'depot_url = "file://{tmp_path}/depot"\n')
    return tmp_path / "home"


def first_decision(org: Organisation) -> int:
    return int(org.decisions.search(limit=1)[0]["idx"])


def test_what_is_in_the_depot_is_proved_shown_and_replayed(home: Path, tmp_path: Path) -> None:
    with open_home(home) as org:
        waiting = org.depot.status()
        assert (waiting.kept, waiting.waiting) == (0, 3)  # a segment, a model, and bodies of the vault
        org.vault.scrub()
        before = size_bytes(home)
        pushed = org.depot.push(drop=True)
        assert (pushed.parts, pushed.size_bytes) == (3, waiting.waiting_bytes)
        assert pushed.freed_bytes > SEGMENT_ENTRIES
        assert before - size_bytes(home) == pushed.freed_bytes
        assert org.depot.push(drop=True).parts == 0
        assert not (home / "vault.part").exists()
        assert not (home / "log" / "entries" / "000.seg").exists()
        index = first_decision(org)
        assert check_file(_written(tmp_path / "r.json", org.archive.receipt(index).encode())).is_intact
        assert org.decisions.replay(index).is_intact
        org.erasures.erase_person("anna", basis="test")
        with pytest.raises(NotFound):
            org.archive.tree(index)
    with open_home(home) as org:
        status = org.depot.status()
        models = sum(each.stat().st_size for each in (home / "artefacts").iterdir() if not each.suffix)
        assert (status.kept, status.waiting, status.here_too_bytes) == (3, 0, models)  # they are at work
        live = table_rows(org)
        org.rebuild()
        assert table_rows(org) == live
        assert put_to_work(org).decide(organisations.ROW).index is not None
    assert Organisation.rebuild_hashes(home) > FULL


def size_bytes(home: Path) -> int:
    """Bytes of the parts that are moved; the write-ahead file is empty."""
    files = [home / "vault.db", *(home / "log" / "entries").glob("*.seg"), *(home / "artefacts").iterdir()]
    return sum(path.stat().st_size for path in (*files, home / "working.records") if path.exists())


def _written(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_nothing_private_is_in_the_depot(home: Path, tmp_path: Path) -> None:
    with open_home(home) as org:
        org.depot.push(drop=True)
        tag = org.vault.subject_tag("anna")
    data = b"".join(path.read_bytes() for path in (tmp_path / "depot").rglob("*") if path.is_file())
    assert len(data) > SEGMENT_ENTRIES
    for secret in (b"anna", b"a secret", tag, tag.hex().encode(), b'"approve"'):
        assert secret not in data


def test_while_the_depot_is_away_deciding_goes_on_and_pushing_resumes(home: Path, tmp_path: Path) -> None:
    with open_home(home) as org:
        loans, index = put_to_work(org), first_decision(org)
        org.depot.push(drop=True)
        (tmp_path / "depot").rename(tmp_path / "away")
        (tmp_path / "depot").write_bytes(b"")  # nothing can be put there
        assert loans.decide(organisations.ROW).check().is_intact
        with pytest.raises(LogUnavailable) as caught:
            org.archive.receipt(index)
        assert "depot" in caught.value.message
        org.objects.put(b"another model")
        with pytest.raises(LogUnavailable):
            org.depot.push()
        assert org.depot.status().waiting == 1
        (tmp_path / "depot").unlink()
        (tmp_path / "away").rename(tmp_path / "depot")
        assert org.archive.receipt(index).encode()
        assert org.depot.push().parts == 1


def test_what_deciding_needs_stays_here(home: Path, tmp_path: Path) -> None:
    """After a restart, with the store away and nothing fetched: deciding goes on, and so does looking at the rules."""
    with open_home(home) as org:
        org.depot.push(drop=True)
        deployed = org.decisions.deployments()[-1]
    (tmp_path / "depot").rename(tmp_path / "away")
    shutil.rmtree(home / "cache", ignore_errors=True)
    with open_home(home) as org:
        made = org.decisions.deployment(deployed.index).decide(organisations.ROW)
        assert made.label == "approve"
        assert org.decisions.policies()
        assert org.provenance.models()[-1].index == deployed.model_index
        assert all(each.found for each in examine_opened(org))
        with pytest.raises(LogUnavailable):
            org.archive.record(first_decision_place(org))


def first_decision_place(org: Organisation) -> int:
    return org.decisions.places(before=SEGMENT_ENTRIES)[0]


def test_working_records_that_were_altered_are_looked_up_in_the_log(home: Path) -> None:
    with open_home(home) as org:
        org.depot.push(drop=True)
    path = home / "working.records"
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(bytes(data))
    with open_home(home) as org:
        assert org.decisions.deployments()
    for spoilt in (b"", bytes(data[:-1]), bytes(data[:31])):
        path.write_bytes(spoilt)
        with pytest.raises(HomeDamaged, match=r"working\.records"), open_home(home):
            pass


def test_a_segment_that_was_altered_here_is_not_pushed(home: Path) -> None:
    path = home / "log" / "entries" / "000.seg"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with open_home(home) as org, pytest.raises(HomeDamaged, match="altered"):
        org.depot.push(drop=True)
    with open_home(home) as org:
        assert [key.partition("/")[0] for key in org.archive._depot.kept] == ["artefacts", "vault"]
    assert path.exists()


def test_a_person_is_erased_while_the_depot_with_the_values_is_away(home: Path, tmp_path: Path) -> None:
    with open_home(home) as org:
        index = first_decision(org)
        org.depot.push(drop=True)
        assert [org.archive.record(place).kind for place in org.vault.bodies.here(0, SEGMENT_ENTRIES)] == ["policy"]
        (tmp_path / "depot").rename(tmp_path / "away")
        shutil.rmtree(home / "cache", ignore_errors=True)
        assert index in org.erasures.erase_person("anna", basis="test").erased
        with pytest.raises(NotFound):
            org.vault.get(index, bytes(32))
        org.rotate_vault_key()
        (tmp_path / "away").rename(tmp_path / "depot")
    with open_home(home) as org, pytest.raises(NotFound, match="erased"):
        org.archive.tree(index)


def test_a_record_about_a_person_is_erased_while_the_depot_with_its_entry_is_away(home: Path, tmp_path: Path) -> None:
    with open_home(home) as org:
        index = first_decision(org)
        org.depot.push(drop=True)
        (tmp_path / "depot").rename(tmp_path / "away")
        shutil.rmtree(home / "cache", ignore_errors=True)
        with pytest.raises(LogUnavailable):
            org.archive.entry(index)
        with pytest.raises(LogUnavailable):
            org.erasures.erase_fields(index, ["/input/note"], basis="test")
        assert org.erasures.erase_record(index, basis="test").erased == (index,)
        (tmp_path / "away").rename(tmp_path / "depot")
        with pytest.raises(NotFound, match="erased"):
            org.archive.tree(index)


def test_a_field_is_erased_of_values_that_are_away(home: Path) -> None:
    with open_home(home) as org:
        index = first_decision(org)
        org.depot.push(drop=True)
        org.erasures.erase_fields(index, ["/input/note"], basis="test")
        assert "/input/note" in org.archive.tree(index).erased()
        assert [org.archive.record(place).kind for place in org.vault.bodies.here(0, SEGMENT_ENTRIES)] == ["policy"]


def test_nothing_is_fetched_while_others_wait_however_small_the_cache_is(home: Path) -> None:
    with (home / "counterfoil.toml").open("a") as settings:
        settings.write("depot_cache_mib = 1\n")  # less than a segment of the log
    with open_home(home) as org:
        org.depot.push(drop=True)
        index = first_decision(org)
        depot, fetched = org.archive._depot, []
        real = depot._fetch

        def fetch(key: str, *args: Any) -> None:
            fetched.append((key, org.recorder.lock._is_owned()))  # type: ignore[attr-defined]
            real(key, *args)

        depot._fetch = fetch  # type: ignore[method-assign] - looks on
        saw = org.decisions.history(index).state
        for act in (
            lambda: org.archive.receipt(index),
            lambda: org.decisions.override(index, label="decline", by="Bo", reason="why", saw=saw),
            lambda: org.erasures.erase_fields(index, ["/input/note"], basis="test"),
            lambda: org.erasures.erase_record(index, basis="test"),
        ):
            fetched.clear()
            act()
            keys = [key for key, _ in fetched]
            assert sorted(keys) == sorted(set(keys))
            assert fetched
            assert not any(is_locked for _, is_locked in fetched)


def test_an_older_vault_opens_while_the_depot_is_away_and_shows_nothing_of_what_is_to_be_erased(
    home: Path, tmp_path: Path
) -> None:
    with open_home(home) as org:
        index, loans = first_decision(org), put_to_work(org)
        other = loans.decide(organisations.ROW, subject="ben").index
        org.depot.push(drop=True)
    shutil.copy(home / "vault.db", tmp_path / "older.db")
    with open_home(home) as org:
        org.erasures.erase_fields(index, ["/input/note"], basis="test")
        org.erasures.erase_fields(index, ["/input/housing"], basis="test")
    shutil.copy(tmp_path / "older.db", home / "vault.db")
    shutil.rmtree(home / "cache")
    (tmp_path / "depot").rename(tmp_path / "away")

    for _ in range(2):
        with open_home(home) as org:
            assert org.vault.withheld == {index}
            with pytest.raises(LogUnavailable):
                org.erasures.apply_waiting()
            with pytest.raises(LogUnavailable):  # its entry is away, too
                org.archive.tree(index)
            assert org.archive.tree(other or 0).values()
    with open_home(home) as org:
        assert org.erasures.erase_person("ben", basis="test").erased == (other,)
    with open_home(home) as org:
        (tmp_path / "away").rename(tmp_path / "depot")
        with pytest.raises(NotAllowed, match="restricted"):
            org.archive.tree(index)
        assert [each.id for each in examine_opened(org) if each.id == "fields"] == ["fields"]
        assert org.archive.values_many([(index, org.archive.record(index))]) == {}
        assert org.erasures.apply_waiting() > 0
        assert org.archive.tree(index).erased() == ("/input/housing", "/input/note")
        assert org.vault.withheld == set()
        assert org.vault.erasures_applied == org.archive.size
        with pytest.raises(NotFound):
            org.archive.tree(other or 0)


def test_the_doctor_misses_values_that_the_list_does_not_name(home: Path) -> None:
    with open_home(home) as org:
        org.depot.push(drop=True)
        assert all(not each.todo for each in examine_opened(org) if each.id in ("depot", "vault parts"))
    listed = json.loads((home / "depot.json").read_text())
    del listed["kept"]["vault/000.bodies"]
    (home / "depot.json").write_text(json.dumps(listed))
    with open_home(home) as org:
        (found,) = [each for each in examine_opened(org) if each.id == "vault parts"]
        assert "vault/000.bodies" in found.found
        assert "depot.json" in found.todo
        assert put_to_work(org).decide(organisations.ROW).index is not None


def test_values_that_were_altered_here_are_not_pushed(home: Path) -> None:
    with open_home(home) as org:
        index = first_decision(org)
    db = sqlite3.connect(home / "vault.db")
    with db:
        db.execute("UPDATE bodies SET body = zeroblob(length(body)) WHERE idx = ?", (index,))
    db.close()
    with open_home(home) as org:
        with pytest.raises(HomeDamaged):
            org.depot.push(drop=True)
        assert org.depot.status().waiting == 1
        assert not (home / "log" / "entries" / "000.seg").exists()  # what is whole goes


def test_without_a_depot_in_the_settings(tmp_path: Path) -> None:
    with open_home(copy_home(tmp_path)) as org:
        assert not org.depot.status().is_named
        with pytest.raises(NotSetUp, match="no depot"):
            org.depot.push()
