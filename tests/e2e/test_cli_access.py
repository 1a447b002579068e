"""`counterfoil access`, as people and as programs use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from organisations import copy_home, open_home

from counterfoil.cli.main import run
from counterfoil.node.access import HOME, Access, RequestSigner
from counterfoil.node.settings import NodeSettings
from counterfoil.node.state import STATE_FILE, NodeState

PASSWORD = "correct horse battery"


@pytest.fixture
def home(tmp_path, monkeypatch):
    found = copy_home(tmp_path)
    monkeypatch.setenv("COUNTERFOIL_HOME", str(found))
    return found


@pytest.fixture
def data(home, capsys):
    """Runs a command with --json and returns what it says."""

    def ran(*args, code=0):
        assert run([*args, "--json"]) == code, capsys.readouterr()
        return json.loads(capsys.readouterr().out)

    return ran


def password_file(folder: Path, text: str = f"{PASSWORD}\n") -> str:
    path = folder / "password"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_key_is_shown_once_listed_and_revoked(data, capsys):
    made = data("access", "add", "scoring", "--role", "service", "--role", "auditor", "--expires", "2099-01-31")
    assert made["key"].startswith(f"cf_{made['id']}_")
    assert made["roles"] == ["auditor", "service"]
    assert run(["access", "list"]) == 0
    shown = capsys.readouterr().out
    assert made["id"] in shown
    assert made["key"][12:] not in shown
    assert data("access", "revoke", made["id"])["works"] is False
    assert data("access", "revoke", made["id"])["works"] is False
    assert [each["works"] for each in data("access", "list")["keys"]] == [False]


def test_people_are_added_changed_and_removed(data, home, tmp_path):
    named = ("--password-file", password_file(tmp_path))
    assert data("access", "user-add", "bo", "--role", "admin", *named)["roles"] == ["admin"]
    assert data("access", "user-roles", "bo", "--role", "auditor")["roles"] == ["auditor"]
    with open_home(home) as org:
        state = NodeState(home / STATE_FILE)
        assert Access(state, NodeSettings(), org, org.recorder.now_s).login("bo", PASSWORD, "192.0.2.1").token
        state.close()
    data("access", "password", "bo", *named)
    data("access", "user-remove", "bo")
    assert data("access", "list")["users"] == []
    assert data("access", "user-remove", "bo", code=3)["error"]["code"] == "not_found"


def test_other_nodes_are_listed_and_removed(data):
    key = str(RequestSigner("other.example/log", b"o" * 32).key)
    assert data("access", "peer-add", key, "--role", "auditor")["origin"] == "other.example/log"
    assert [each["vkey"] for each in data("access", "list")["peers"]] == [key]
    data("access", "peer-remove", "other.example/log")
    assert data("access", "list")["peers"] == []


def test_a_password_never_stands_on_the_command_line(data, capsys):
    said = data("access", "user-add", "bo", "--role", "admin", code=5)["error"]
    assert "--password-file" in said["hint"]
    assert run(["access", "user-add", "bo", "--role", "admin", "--password", PASSWORD]) == 2
    assert PASSWORD not in capsys.readouterr().err


@pytest.mark.parametrize("text", ["two\nlines\n", "short\n", "", "x" * 9_000], ids=["two", "short", "empty", "long"])
def test_a_password_file_holds_one_usable_line(data, tmp_path, text):
    named = ("--password-file", password_file(tmp_path, text))
    assert data("access", "user-add", "bo", "--role", "admin", *named, code=2)["error"]["code"] == "invalid_input"
    assert data("access", "list")["users"] == []


def test_while_a_node_has_the_home_the_way_is_told(data, home):
    with open_home(home):
        said = data("access", "add", "scoring", "--role", "service", code=5)["error"]
    assert said["code"] == "home_busy"
    assert "/api/v1/access" in said["hint"]


def test_who_worked_on_the_home_is_on_record(data, home):
    data("access", "add", "scoring", "--role", "service")
    with open_home(home) as org:
        assert org.views.values_of(org.archive.size - 1)["/by"] == HOME
