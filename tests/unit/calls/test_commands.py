"""`counterfoil calls`, as people and as programs read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from organisations import Clock, copy_home, open_home

from counterfoil.calls import Call
from counterfoil.calls.call import TracePlace
from counterfoil.cli.main import run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with three calls of one trace; the second is about a person, and the third is large and went wrong."""
    folder = copy_home(tmp_path)
    clock = Clock()
    with open_home(folder, clock) as org:
        first = org.calls.record(Call("chat", model="small\x1b[2J", input="hello", place=TracePlace("t-1", "a")))
        clock.move(86_400)
        told = Call("execute_tool", tool="search", input={"q": "loans"}, place=TracePlace("t-1", "b"))
        second = org.calls.record(told, subject="p-1", builds_on=[first.leaf])
        large = Call("chat", input="x" * 300_000, error="timeout", place=TracePlace("t-1", "c"))
        org.calls.record(large, builds_on=[second.leaf])
    return folder


def told(home: Path, capsys: pytest.CaptureFixture[str], *args: str) -> Any:
    assert run([*args, "--home", str(home), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_list_finds_calls(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = told(home, capsys, "calls", "list")["calls"]
    assert [row["operation"] for row in rows] == ["chat", "execute_tool", "chat"]
    assert [row["failed"] for row in rows] == [True, False, False]
    for options, count in (
        (["--subject", "p-1"], 1),
        (["--trace", "t-1"], 3),
        (["--operation", "chat"], 2),
        (["--failed"], 1),
        (["--since", "2026-11-24"], 2),
        (["--until", "2026-11-23"], 1),
        (["--limit", "1"], 1),
        (["--subject", "nobody"], 0),
    ):
        assert len(told(home, capsys, "calls", "list", *options)["calls"]) == count, options


def test_list_reads_as_a_table_and_moves_no_cursor(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["calls", "list", "--home", str(home)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.splitlines()[0].split()[:3] == ["record", "time", "operation"]
    assert run(["calls", "list", "--trace", "none", "--home", str(home)]) == 0
    assert capsys.readouterr().out == "No such call was found.\n"
    assert run(["calls", "list", "--since", "yesterday", "--home", str(home)]) == 2


def test_show_says_what_a_call_builds_on(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    third, second, first = (row["index"] for row in told(home, capsys, "calls", "list")["calls"])
    shown = told(home, capsys, "calls", "show", str(second), "--values")
    assert [each["index"] for each in shown["builds_on"]] == [first]
    values = {field["pointer"]: field["value"] for field in shown["fields"]}
    assert values["/input"] == {"q": "loans"}
    assert run(["calls", "show", str(third), "--values", "--home", str(home)]) == 0
    out = capsys.readouterr().out
    assert "What went wrong: timeout  (/error)" in out
    assert "(300,000 characters; --json prints all)" in out
    assert run(["calls", "show", str(third), "--home", str(home)]) == 0
    assert "--values shows them" in capsys.readouterr().out


def test_show_of_an_erased_call_and_of_another_record(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = told(home, capsys, "calls", "list", "--subject", "p-1")["calls"][0]["index"]
    assert run(["erase", "--person", "p-1", "--basis", "test", "--yes", "--home", str(home)]) == 0
    assert run(["calls", "show", str(index), "--values", "--home", str(home)]) == 0
    assert "private values: erased or locked away" in capsys.readouterr().out
    assert run(["calls", "list", "--home", str(home)]) == 0
    assert "(erased)" in capsys.readouterr().out
    assert run(["calls", "show", "0", "--home", str(home)]) == 3
    assert "log show 0" in capsys.readouterr().err
