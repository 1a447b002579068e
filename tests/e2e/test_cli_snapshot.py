"""`counterfoil snapshot`, as it is typed; and what a kill in the middle leaves."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
import sources

import counterfoil
from counterfoil.cli.main import run

SECRET = "MARKER-4711-secret"


@pytest.fixture
def web():
    with sources.source() as found:
        yield found


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COUNTERFOIL_SNAPSHOT_SECRET", raising=False)
    assert run(["init", "home", "--name", "Bank AG", "--origin", "bank.example/data"]) == 0
    return tmp_path / "home"


@pytest.fixture
def typed(home, capsys):
    capsys.readouterr()

    def typed(*args, code=0):
        assert run(["snapshot", *map(str, args), "--home", str(home)]) == code
        found = capsys.readouterr()
        return found.out + found.err

    return typed


def test_other_notes_are_another_version_and_it_is_said(typed, web):
    url = f"{web.url}/rates.csv"
    assert "The same contents" not in typed("take", "rates", "--url", url, "--note", "licence=CC0")
    said = typed("take", "rates", "--url", url, "--note", "licence=MIT")
    assert "rates 2 is record" in said
    assert "The same contents as rates 1, with other notes." in said
    assert "Unchanged since rates 2" in typed("take", "rates", "--url", url)
    assert "1 sound, 0 wrong. 2 versions, 1 content." in typed("check")


def test_a_source_is_taken_listed_exported_checked_and_removed(typed, web, tmp_path):
    url = f"{web.url}/rates.csv"
    assert "Would fetch" in typed("take", "rates", "--url", url, "--dry-run")
    assert web.asked == []
    assert "rates 1 is record" in typed("take", "rates", "--url", url, "--note", "licence=CC0")
    assert "Unchanged since rates 1" in typed("take", "rates", "--url", url, "--note", "licence=CC0")
    assert "Unchanged since rates 1" in typed("take", "rates", "--url", url)
    web.bodies["/rates.csv"] += b"3,0.9\n"
    assert json.loads(typed("take", "rates", "--url", url, "--json"))["version"] == "2"
    listed = typed("list")
    assert "rates@1" in listed
    assert "rates@2" in listed
    assert "On the disk:" in listed
    assert "Wrote rates 1" in typed("export", "rates@1", "--out", "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == sources.TABLE
    assert "already exists" in typed("export", "rates@1", "--out", "out.csv", code=2)
    assert "2 sound, 0 wrong." in typed("check")
    assert "would go for good" in typed("remove", "rates@1", "--reason", "too old", "--dry-run")
    assert "needs a yes" in typed("remove", "rates@1", "--reason", "too old", code=2)
    assert "are free again" in typed("remove", "rates@1", "--reason", "too old", "--yes")
    assert "were removed: too old" in typed("export", "rates@1", "--out", "gone.csv", code=3)
    states = {each["version"]: each["state"] for each in json.loads(typed("list", "--json"))["snapshots"]}
    assert states == {"1": "removed", "2": "kept"}


def test_damage_is_exit_code_4(typed, web, home):
    typed("take", "rates", "--url", f"{web.url}/rates.csv")
    [path] = (home / "snapshots").glob("*.sealed")
    path.write_bytes(path.read_bytes()[:-1])
    assert "0 sound, 1 wrong." in typed("check", code=4)
    assert "were altered" in typed("export", "rates", "--out", "x", code=5)


def test_a_query_and_an_api_are_taken(typed, web, tmp_path):
    with sqlite3.connect(tmp_path / "rates.db") as made:
        made.execute("CREATE TABLE rates AS SELECT 1 AS id, 0.5 AS rate")
    made.close()
    (tmp_path / "q.sql").write_text("SELECT * FROM rates ORDER BY id;\n")
    assert "rows 1 is record" in typed("take", "rows", "--sql", f"sqlite:///{tmp_path}/rates.db", "--query", "q.sql")
    web.paths["/api"] = sources.pages(2, by_link=True)
    (tmp_path / "api.toml").write_text(f'url = "{web.url}/api"\nitems = "data.items"\nnext = "links.next"\n')
    assert "items 1 is record" in typed("take", "items", "--api", "api.toml")
    assert "file 1 is record" in typed("take", "file", "--path", f"file://{tmp_path}/q.sql")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "one source"),
        (["--url", "https://a.example/", "--path", "s3://b/c"], "one source"),
        (["--sql", "sqlite:///x.db"], "go together"),
        (["--query", "q.sql", "--url", "https://a.example/"], "go together"),
        (["--sql", f"postgresql://ada:{SECRET}@db.example/x", "--query", "q.sql"], "holds a password"),
        (["--sql", f"postgresql:///x?password={SECRET}", "--query", "q.sql"], "holds a password"),
        (["--url", f"https://ada:{SECRET}@a.example/x"], "holds a name or a password"),
        (["--url", "https://a.example/", "--secret-file", "open"], "others on this machine"),
    ],
    ids=["none", "two", "no query", "only query", "password", "password option", "user", "open file"],
)
def test_what_cannot_be_taken_is_refused_without_repeating_secrets(typed, tmp_path, args, words):
    (tmp_path / "q.sql").write_text("SELECT 1")
    (tmp_path / "open").write_text(SECRET)
    (tmp_path / "open").chmod(0o644)
    said = typed("take", "x", *args, code=6 if "open" in args else 2)
    assert words in said
    assert SECRET not in said


def test_the_secret_comes_from_a_file_or_the_environment_and_is_nowhere_else(typed, web, home, tmp_path, monkeypatch):
    (tmp_path / "secret").write_text(SECRET + "\n")
    (tmp_path / "secret").chmod(0o600)
    said = typed("take", "rates", "--url", f"{web.url}/rates.csv", "--secret-file", "secret")
    monkeypatch.setenv("COUNTERFOIL_SNAPSHOT_SECRET", SECRET)
    said += typed("take", "rates", "--url", f"{web.url}/rates.csv", "--json")
    assert [headers["authorization"] for _, headers in web.asked] == [f"Bearer {SECRET}"] * 2
    assert SECRET not in said
    for path in home.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_a_kill_in_the_middle_leaves_nothing_half(typed, web, home):
    web.paths["/slow"] = sources.flowing
    typed("take", "rates", "--url", f"{web.url}/rates.csv")
    args = ["snapshot", "take", "slow", "--url", f"{web.url}/slow", "--home", str(home)]
    command = [sys.executable, "-c", f"from counterfoil.cli.main import run; run({args!r})"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    work, ends = home / "snapshots" / "work", time.monotonic() + 60
    while not any(path.is_file() and path.stat().st_size for path in work.rglob("*")):
        assert process.poll() is None
        assert time.monotonic() < ends
        web.stop.wait(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert any(path.is_file() for path in work.rglob("*"))
    with counterfoil.open(home) as org:
        assert [path for path in work.rglob("*") if path.is_file()] == []
        assert [each.dataset.record.name for each in org.provenance.snapshots.all()] == ["rates"]
    assert "1 sound, 0 wrong." in typed("check")


def test_contents_that_were_kept_and_never_recorded_go_at_the_next_open(web, home, tmp_path):
    """A kill between the two: the files are there, and no record names them."""
    from hashlib import sha256

    (tmp_path / "orphan").write_bytes(b"nobody")
    digest = sha256(b"nobody").hexdigest()
    with counterfoil.open(home) as org:
        org.sealed_files.put(tmp_path / "orphan", digest)
        (home / "snapshots" / ("0" * 64 + ".sealed")).write_bytes(b"half")
        (home / "snapshots" / f"{digest}.sealed.0011223344556677.new").write_bytes(b"half")
    with counterfoil.open(home):
        assert [path.name for path in (home / "snapshots").rglob("*") if path.is_file()] == []
