"""The searchable tables on a real PostgreSQL server: whose they are, and what happens when it goes away."""

from __future__ import annotations

import shutil
import signal
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import organisations
import pytest
from organisations import ROW, Bank, bank, copy_home, open_home, put_to_work, table_rows
from postgres import GUARDED, PASSWORD, PostgresServer, running_server

from counterfoil.core.statement import Draft
from counterfoil.errors import CounterfoilError, HomeDamaged, InvalidInput, LogUnavailable, NotSetUp
from counterfoil.store.home_settings import HomeSettings


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    with postgres.empty_database() as organisations.views_url:
        yield organisations.views_url
    organisations.views_url = ""


@pytest.fixture
def home(tmp_path: Path, database: str) -> Iterator[Bank]:
    with bank(tmp_path) as made:
        yield made


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that only this test uses, to be stopped."""
    with running_server() as server:
        organisations.views_url = server.url()
        yield server
        organisations.views_url = ""


def schemas(postgres: PostgresServer, url: str) -> list[str]:
    name = url.partition("///")[2].partition("?")[0]
    found = postgres.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'counterfoil%'", name)
    return sorted(row[0] for row in found)


def run(postgres: PostgresServer, url: str, schema: str, statement: str) -> list[tuple[object, ...]]:
    name = url.partition("///")[2].partition("?")[0]
    return postgres.execute(statement, name, schema)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_decisions_go_on_while_the_server_is_away_and_are_found_when_it_is_back(
    how: signal.Signals, own_server: PostgresServer, tmp_path: Path
) -> None:
    with bank(tmp_path) as home:
        home.decide("anna")
        assert len(home.org.decisions.search()) == 1
        own_server.stop(how)
        decided = [home.decide(f"p{number}") for number in range(3)]
        assert all(each.index is not None for each in decided)
        assert decided[0].check().is_intact
        with pytest.raises(LogUnavailable) as caught:
            home.org.decisions.search()
        assert "start PostgreSQL" in caught.value.hint
        erased = home.org.erasures.erase_person("anna", basis="test")
        assert erased.erased == (decided[0].index - 1,)
        assert not erased.is_scrubbed
        with pytest.raises(LogUnavailable):
            home.org.rebuild()
        own_server.start()
        assert len(home.org.decisions.search()) == 4
        assert home.org.decisions.search(subject="anna") == []
        live = table_rows(home.org)
        home.org.rebuild()
        assert table_rows(home.org) == live


def test_a_home_opens_and_decides_while_the_server_is_away(own_server: PostgresServer, tmp_path: Path) -> None:
    with bank(tmp_path) as home:
        home.decide("anna")
        loans = home.loans
        own_server.stop()
        assert loans.decide(ROW, subject="ben").index is not None
        home.org.close()
        home.org = open_home(home.folder, home.clock)
        with pytest.raises(LogUnavailable):
            put_to_work(home.org)  # looks whether it is the deployment on record
        assert home.org.archive.receipt(home.org.archive.size - 1).encode()
        own_server.start()
        home.loans = put_to_work(home.org)
        home.decide("cleo")
        assert len(home.org.decisions.search()) == 3


def test_sessions_that_an_administrator_ends_are_replaced(home: Bank, postgres: PostgresServer) -> None:
    for number in range(3):
        home.decide(f"p{number}")
        postgres.kill_sessions()
        assert len(home.org.decisions.search()) == number + 1


def test_what_is_erased_is_vacuumed_out_of_every_table(home: Bank, postgres: PostgresServer, database: str) -> None:
    for number in range(40):
        home.decide(f"p{number}")
    tag = home.org.vault.subject_tag("p7")
    assert home.org.decisions.search(subject="p7")
    (schema,) = schemas(postgres, database)
    assert home.org.erasures.erase_person("p7", basis="test").is_scrubbed
    assert run(postgres, database, schema, f"SELECT 1 FROM decisions WHERE subject = '\\x{tag.hex()}'") == []
    run(postgres, database, schema, "SELECT pg_stat_force_next_flush()")
    dead = "SELECT relname, n_dead_tup FROM pg_stat_user_tables WHERE n_dead_tup > 0 AND relname <> 'cursor'"
    assert run(postgres, database, schema, dead) == []
    assert run(postgres, database, schema, "SELECT is_scrub_due FROM cursor") == [(False,)]


def test_an_erasure_that_the_server_missed_is_wiped_when_it_is_back(own_server: PostgresServer, tmp_path: Path) -> None:
    with bank(tmp_path) as home:
        for number in range(40):
            home.decide(f"p{number}")
        home.org.decisions.search()
        own_server.stop()
        assert not home.org.erasures.erase_person("p7", basis="test").is_scrubbed
        own_server.start()
        assert home.org.decisions.search(subject="p7") == []
        (schema,) = schemas(own_server, organisations.views_url)
        due = run(own_server, organisations.views_url, schema, "SELECT is_scrub_due FROM cursor")
        assert due == [(False,)]


def test_homes_share_a_database_and_see_their_own_rows_only(
    database: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    settings = HomeSettings(name="Other plc", origin="other.example/a", key_file="../other.key", views_url=database)
    from counterfoil.organisation import Organisation
    from counterfoil.store.unlock import Unlock

    unlock = Unlock.create_key_file(tmp_path / "other.key")
    with Organisation.create(tmp_path / "other", settings, unlock) as other, bank(tmp_path / "bank") as home:
        home.decide("anna")
        assert other.decisions.search() == []
        assert len(home.org.decisions.search()) == 1
        found = schemas(postgres, database)
        assert [name.rpartition("_")[0] for name in found] == [
            "counterfoil_views_bank_example_credit",
            "counterfoil_views_other_example_a",
        ]


def test_a_copy_of_a_home_on_the_same_tables_shows_nobody_the_other_ones_rows(home: Bank, tmp_path: Path) -> None:
    home.decide("anna")
    home.org.decisions.search()
    home.org.close()
    shutil.copytree(home.folder.parent, tmp_path / "copy")
    home.org = open_home(home.folder, home.clock)
    home.loans = put_to_work(home.org)
    with open_home(tmp_path / "copy" / "home", home.clock) as copy:
        theirs = put_to_work(copy)
        for number in range(4):
            home.decide(f"mine{number}")
            theirs.decide(ROW, subject=f"theirs{number}")
            theirs.decide(ROW, subject=f"also{number}")
            assert len(home.org.decisions.search()) == number + 2
            assert len(copy.decisions.search()) == 2 * number + 3
            assert copy.decisions.search(subject=f"mine{number}") == []
            assert home.org.decisions.search(subject=f"theirs{number}") == []


def test_tables_that_somebody_changed_are_damage_until_they_are_remade(
    home: Bank, postgres: PostgresServer, database: str
) -> None:
    home.decide("anna")
    live = table_rows(home.org)
    (schema,) = schemas(postgres, database)
    run(postgres, database, schema, "ALTER TABLE decisions DROP COLUMN outcome")
    with pytest.raises(HomeDamaged) as caught:
        home.org.decisions.search()
    assert "rebuild" in caught.value.hint
    home.org.rebuild()
    assert table_rows(home.org) == live
    run(postgres, database, schema, "DROP TABLE cursor; CREATE TABLE cursor (x int)")
    home.org.close()
    home.org = open_home(home.folder, home.clock)
    assert table_rows(home.org) == live


def test_faults_of_the_server_quote_no_value(home: Bank, postgres: PostgresServer, database: str) -> None:
    home.decide("anna")
    home.org.decisions.search()
    (schema,) = schemas(postgres, database)
    run(postgres, database, schema, "ALTER TABLE decisions ADD CONSTRAINT odd CHECK (idx < 0) NOT VALID")
    home.decide("anna")
    with pytest.raises(CounterfoilError) as caught:
        home.org.decisions.search()
    told = f"{caught.value!r} {caught.value.__cause__} {caught.value.__cause__.__cause__}"
    assert "odd" in told
    assert "approve" not in told


def test_a_text_that_the_server_cannot_hold_is_kept_without_its_zeros(home: Bank) -> None:
    index = home.decide("anna").index or 0
    home.org.decisions.outcome(index, outcome="re\0paid")
    assert home.org.decisions.search()[0]["outcome"] == "re\ufffdpaid"
    assert home.org.decisions.search(label="a\0b") == []
    live = table_rows(home.org)
    home.org.rebuild()
    assert table_rows(home.org) == live


def test_rebuild_moves_the_tables_from_the_file_to_the_server_and_back(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    with bank(tmp_path) as home:
        home.decide("anna")
        in_file = table_rows(home.org)
        config = home.folder / "counterfoil.toml"
        before = config.read_text()
        for text in (before + f'views_url = "{postgres.new_database()}"\n', before):
            home.org.close()
            config.write_text(text)
            home.org = open_home(home.folder, home.clock)
            home.org.rebuild()
            assert table_rows(home.org) == in_file
            home.loans = put_to_work(home.org)


def test_nobody_who_records_waits_for_a_server_that_is_silent(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, bank(tmp_path) as home:  # it takes calls, and says nothing
        home.org.close()
        with (home.folder / "counterfoil.toml").open("a") as settings:
            settings.write(f'views_url = "postgresql://127.0.0.1:{silent.getsockname()[1]}/x?connect_timeout=60"\n')
        home.org = open_home(home.folder, home.clock)
        told: list[BaseException] = []

        def search() -> None:
            try:
                home.org.decisions.search()
            except CounterfoilError as error:
                told.append(error)

        searching = threading.Thread(target=search)
        searching.start()
        call, _ = silent.accept()
        home.org.recorder.write(Draft("event", "events", "meanwhile"))
        assert home.org.archive.receipt(home.org.archive.size - 1).encode()
        assert searching.is_alive()
        call.close()
        silent.close()
        searching.join(60)
        assert [type(each) for each in told] == [LogUnavailable]


def test_threads_search_and_override_while_sessions_are_ended(home: Bank, postgres: PostgresServer) -> None:
    faults: list[BaseException] = []

    def run(number: int) -> None:
        try:
            for count in range(4):
                index = home.decide(f"p{number}-{count}").index or 0
                while True:
                    try:
                        saw = home.org.decisions.history(index).state
                        home.org.decisions.override(index, label="decline", by="Bo", reason="why", saw=saw)
                        break
                    except LogUnavailable:
                        continue
        except BaseException as error:  # noqa: BLE001 - handed to the test
            faults.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        postgres.kill_sessions()
        threads[-1].join(0.05)
    for thread in threads:
        thread.join(60)
    assert faults == []
    live = table_rows(home.org)
    assert len(live["decisions"]) == 16
    home.org.rebuild()
    assert table_rows(home.org) == live


# Getting in


def test_a_password_comes_from_a_password_file_and_from_nowhere_in_the_home(
    own_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_server.execute(f"CREATE ROLE {GUARDED} LOGIN PASSWORD '{PASSWORD}'")
    own_server.execute(f"GRANT CREATE ON DATABASE postgres TO {GUARDED}")
    organisations.views_url = own_server.url(user=GUARDED)
    folder = copy_home(tmp_path)
    passfile = tmp_path / "pgpass"
    passfile.write_text(f"*:*:*:{GUARDED}:{PASSWORD}\n")
    passfile.chmod(stat.S_IRUSR | stat.S_IWUSR)
    with open_home(folder) as org:
        with pytest.raises(LogUnavailable, match="password"):
            org.decisions.search()
        monkeypatch.setenv("PGPASSFILE", str(passfile))
        assert org.decisions.search() == []
        passfile.write_text(f"*:*:*:{GUARDED}:wrong\n")
        org.views.close()
        with pytest.raises(LogUnavailable) as caught:
            org.decisions.search()
        assert "wrong" not in f"{caught.value} {caught.value.__cause__}"


def test_a_user_who_may_not_make_a_schema_is_told_what_to_grant(own_server: PostgresServer, tmp_path: Path) -> None:
    own_server.execute("CREATE ROLE visitor LOGIN")
    organisations.views_url = own_server.url(user="visitor")
    with open_home(copy_home(tmp_path)) as org, pytest.raises(NotSetUp) as caught:
        org.decisions.search()
    assert "GRANT CREATE" in caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://bank:secret7@db.example/evidence",
        "postgresql://bank:@db.example/evidence",
        "postgresql://db.example/evidence?password=secret7",
        "postgres://db.example/evidence?sslmode=require&sslpassword=secret7",
    ],
)
@pytest.mark.parametrize("setting", ["views_url", "outbox_url"])
def test_a_password_in_the_settings_is_refused_and_not_repeated(setting: str, url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        HomeSettings(name="Bank", origin="bank.example", **{setting: url})
    assert "PGPASSFILE" in caught.value.hint
    assert "secret7" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


@pytest.mark.parametrize("url", ["mysql://db.example/evidence", "db.example", "sqlite:///x.db", "postgresql://[::1/x"])
def test_what_names_no_postgresql_database_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        HomeSettings(name="Bank", origin="bank.example", views_url=url)


def test_an_option_that_libpq_does_not_know_is_refused_when_it_is_used(tmp_path: Path, database: str) -> None:
    organisations.views_url = "postgresql:///x?sslmodus=require"
    with open_home(copy_home(tmp_path)) as org, pytest.raises(InvalidInput, match="sslmodus"):
        org.decisions.search()
