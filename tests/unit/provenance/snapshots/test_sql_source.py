"""What a query gives, from real databases."""

from __future__ import annotations

import sqlite3
from hashlib import sha256
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from postgres import GUARDED, PASSWORD

from counterfoil.errors import CounterfoilError, InvalidInput, NodeUnreachable, TooLarge
from counterfoil.provenance.snapshots import Limits, SqlSource

LIMITS = Limits(timeout_s=30)
QUERY = "SELECT id, rate FROM rates ORDER BY id"


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "rates.db"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE rates (id INTEGER, rate REAL, name TEXT)")
        made.executemany("INSERT INTO rates VALUES (?, ?, ?)", [(1, 0.5, "a"), (2, 0.7, "b")])
    made.close()
    return path


def change(path, statement):
    with sqlite3.connect(path) as made:
        made.execute(statement)
    made.close()


def source(path, query=QUERY, **more):
    return SqlSource(f"sqlite:///{path}", query, **more)


def rows(source, folder, limits=LIMITS):
    return parquet.read_table(source.fetch(folder, limits, None).file)


def test_rows_in_another_order_under_other_notes_are_another_version(org, database):
    def taken(order, **more):
        query = f"SELECT id, rate FROM rates ORDER BY id {order}"
        return org.provenance.snapshots.take(source(database, query), name="rates", **more).dataset.record.version

    assert taken("ASC", notes={"licence": "CC0"}) == "1"
    assert (taken("DESC", notes={"licence": "CC0"}), taken("DESC")) == ("1", "1")
    assert taken("DESC", notes={"licence": "MIT"}) == "2"


def test_a_query_is_a_table_of_parquet(org, database):
    taken = org.provenance.snapshots.take(source(database), name="rates")
    record = taken.dataset.record
    assert (record.rows, record.file_name) == (2, "rows.parquet")
    assert dict(record.columns) == {"id": "integer", "rate": "number"}
    told = taken.run.record.parameters["source"]
    assert {name: told[name] for name in ("kind", "dialect", "database", "count", "readOnly", "querySha256")} == {
        "kind": "sql",
        "dialect": "sqlite",
        "database": "rates.db",
        "count": 2,
        "readOnly": True,
        "querySha256": sha256(QUERY.encode()).hexdigest(),
    }
    assert org.provenance.runs.kept(told["querySha256"]) == QUERY.encode()
    with org.provenance.snapshots.open("rates") as file:
        assert parquet.read_table(file).to_pylist() == [{"id": 1, "rate": 0.5}, {"id": 2, "rate": 0.7}]


def test_the_same_rows_in_another_order_are_the_same(org, database):
    first = org.provenance.snapshots.take(source(database, "SELECT id, rate FROM rates ORDER BY id"), name="rates")
    again = org.provenance.snapshots.take(source(database, "SELECT id, rate FROM rates ORDER BY id DESC"), name="rates")
    assert (again.dataset, again.is_new) == (first.dataset, False)
    change(database, "UPDATE rates SET rate = 0.9 WHERE id = 2")
    assert org.provenance.snapshots.take(source(database), name="rates").dataset.record.version == "2"


def test_another_column_is_another_version(org, database):
    org.provenance.snapshots.take(source(database), name="rates")
    query = "SELECT id, rate AS price FROM rates ORDER BY id"
    assert org.provenance.snapshots.take(source(database, query), name="rates").is_new


def test_the_same_rows_give_the_same_bytes(database, tmp_path):
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        found.append(source(database).fetch(tmp_path / name, LIMITS, None).file.read_bytes())
    assert found[0] == found[1]


def test_rows_of_many_batches_have_the_type_that_fits_all(tmp_path, database):
    change(database, "DELETE FROM rates")
    made = sqlite3.connect(database)
    with made:
        made.executemany(
            "INSERT INTO rates VALUES (?, ?, ?)", ((n, None if n < 9_000 else n / 2, None) for n in range(70_000))
        )
    made.close()
    table = rows(source(database, "SELECT * FROM rates ORDER BY id"), tmp_path)
    assert table.num_rows == 70_000
    assert (str(table.schema.field("rate").type), str(table.schema.field("name").type)) == ("double", "null")
    assert table["rate"].null_count == 9_000


def test_a_query_without_rows_is_a_table_without_rows(tmp_path, database):
    table = rows(source(database, "SELECT id, name FROM rates WHERE 0"), tmp_path)
    assert (table.num_rows, table.column_names) == (0, ["id", "name"])


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("DROP TABLE rates", "refuses the query|gives no rows"),
        ("DELETE FROM rates RETURNING id", "refuses the query"),
        ("SELECT 1; DROP TABLE rates", "refuses the query"),
        ("INSERT INTO rates VALUES (3, 1, 'c')", "refuses the query|gives no rows"),
        ("SELECT nothing FROM nowhere", "refuses the query"),
        ("this is no SQL", "refuses the query"),
        ("PRAGMA query_only = OFF", "refuses the query"),
        ("PRAGMA journal_mode = WAL", "refuses the query"),
        ("PRAGMA user_version = 7", "refuses the query"),
        ("ATTACH 'new.db' AS n", "refuses the query"),
        ("VACUUM INTO 'new.db'", "refuses the query"),
        ("VACUUM", "refuses the query"),
        ("UPDATE sqlite_master SET sql = ''", "refuses the query"),
        ("SELECT id, id FROM rates", "two columns named 'id'"),
        ("SELECT 1 AS x UNION ALL SELECT 'a'", "do not go together"),
        ("SELECT 9223372036854775807 AS x UNION ALL SELECT 0.5", "do not go together"),
        ("", "empty"),
        (" ; ", "refuses|gives no rows|cannot be run"),
    ],
)
def test_a_query_that_is_no_snapshot_is_refused_and_changes_nothing(tmp_path, database, query, words, monkeypatch):
    before, work = database.read_bytes(), tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match=words):
        source(database, query).fetch(work, LIMITS, None)
    assert database.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"rates.db", "work"}


def test_a_database_that_others_write_to_is_read(tmp_path, database):
    writing = sqlite3.connect(database)
    writing.execute("PRAGMA journal_mode = WAL")
    writing.execute("INSERT INTO rates VALUES (3, 0.9, 'c')")
    writing.commit()
    assert rows(source(database), tmp_path).num_rows == 3
    writing.close()
    (tmp_path / "closed").mkdir()
    assert rows(source(database), tmp_path / "closed").num_rows == 3


def test_views_functions_and_searches_are_reading(tmp_path, database):
    change(database, "CREATE VIEW few AS SELECT upper(name) AS name FROM rates WHERE id IN (SELECT max(id) FROM rates)")
    change(database, "CREATE VIRTUAL TABLE words USING fts5(word)")
    change(database, "INSERT INTO words VALUES ('one two')")
    query = "WITH n AS (SELECT * FROM few) SELECT n.name, word FROM n, words WHERE words MATCH 'two'"
    assert rows(source(database, query), tmp_path).to_pylist() == [{"name": "B", "word": "one two"}]


def test_a_table_larger_than_the_limit_is_refused(tmp_path, database):
    query = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
    with pytest.raises(TooLarge):
        source(database, query).fetch(tmp_path, Limits(most_bytes=1_000_000), None)


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite:///nowhere.db", "sqlite://", "oracle9://x/y", "postgresql://"])
def test_what_names_no_database_is_refused(tmp_path, url):
    with pytest.raises(CounterfoilError):
        SqlSource(url, QUERY).fetch(tmp_path, LIMITS, None)


@pytest.fixture
def server(postgres):
    with postgres.empty_database() as url:
        name = url.partition("///")[2].partition("?")[0]
        postgres.execute(
            "CREATE TABLE kinds (id int, price numeric(10, 2), made timestamptz, day date, at time, raw bytea,"
            " told jsonb, number uuid, is_good boolean, names text[], net inet)",
            name,
        )
        postgres.execute(
            "INSERT INTO kinds VALUES (1, 12.50, '2026-11-01 10:00+02', '2026-11-01', '08:30', '\\x00ff',"
            ' \'{"b": 1, "a": 2}\','
            " '00000000-0000-0000-0000-000000000001', true, '{x,y}', '10.0.0.1'), (2, null, null, null, null, null,"
            " null, null, null, null, null)",
            name,
        )
        yield postgres, url, name


def test_postgres_values_keep_their_types(tmp_path, server):
    _, url, _ = server
    table = rows(SqlSource(url, "SELECT * FROM kinds ORDER BY id"), tmp_path)
    types = {each.name: str(each.type) for each in table.schema}
    assert types["price"].startswith("decimal128")
    assert (types["made"], types["day"], types["at"]) == ("timestamp[us, tz=UTC]", "date32[day]", "time64[us]")
    first, second = table.to_pylist()
    assert (str(first["price"]), first["raw"], first["told"]) == ("12.50", b"\x00\xff", '{"a":2,"b":1}')
    assert (first["number"], first["names"]) == ("00000000-0000-0000-0000-000000000001", '["x","y"]')
    assert first["made"].isoformat() == "2026-11-01T08:00:00+00:00"
    assert set(second.values()) == {2, None}
    assert isinstance(table, pa.Table)


@pytest.mark.parametrize(
    "query",
    [
        "DROP TABLE kinds",
        "SELECT 1; DROP TABLE kinds",
        "COMMIT; DROP TABLE kinds",
        "DELETE FROM kinds RETURNING id",
        "WITH gone AS (DELETE FROM kinds RETURNING id) SELECT * FROM gone",
        "SELECT * FROM kinds FOR UPDATE",
        "SELECT * FROM nowhere",
    ],
)
def test_postgres_is_read_and_never_written(tmp_path, server, query):
    postgres, url, name = server
    with pytest.raises(InvalidInput, match="refuses|no rows"):
        SqlSource(url, query).fetch(tmp_path, LIMITS, None)
    assert postgres.execute("SELECT count(*) FROM kinds", name) == [(2,)]


def test_a_query_that_takes_too_long_is_ended_by_the_server(tmp_path, server):
    with pytest.raises(CounterfoilError):
        SqlSource(server[1], "SELECT pg_sleep(60)").fetch(tmp_path, Limits(timeout_s=0.5), None)


def test_a_password_is_never_on_record_nor_in_a_message(org, server):
    postgres, _, name = server
    if not postgres.execute(f"SELECT 1 FROM pg_roles WHERE rolname = '{GUARDED}'"):
        postgres.execute(f"CREATE ROLE {GUARDED} LOGIN PASSWORD '{PASSWORD}'")
    postgres.execute(f"GRANT SELECT ON kinds TO {GUARDED}", name)
    url = postgres.url(name, GUARDED)
    taken = org.provenance.snapshots.take(SqlSource(url, "SELECT id FROM kinds", secret=PASSWORD), name="kinds")
    assert taken.dataset.record.rows == 2
    wrong = SqlSource(url, "SELECT id FROM kinds", secret=PASSWORD + "!")
    with pytest.raises(NodeUnreachable) as refused:
        org.provenance.snapshots.take(wrong, name="kinds")
    assert PASSWORD not in f"{refused.value.message} {refused.value.hint} {wrong!r} {refused.value.__cause__!r}"
    inline = url.replace("///", f"//:{quote(PASSWORD)}@/")
    org.provenance.snapshots.take(SqlSource(inline, "SELECT id FROM kinds"), name="kinds")
    for path in org.home.paths.folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert PASSWORD.encode() not in data, path
            assert quote(PASSWORD).encode() not in data, path
            assert GUARDED.encode() not in data, path


def test_a_server_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(NodeUnreachable, match="does not answer"):
        SqlSource(f"postgresql:///x?host={quote(str(tmp_path))}", QUERY).fetch(tmp_path, LIMITS, None)
