from __future__ import annotations

import json
import subprocess
import sys

import pytest

from counterfoil.cli.main import _guarded, _tell, run
from counterfoil.cli.session import Session, one_line, table
from counterfoil.errors import ERROR_TABLE, InvalidInput, NotSetUp


def guarded(error, capsys, *, as_json=False):
    def work():
        raise error

    def tell(row, message, hint):
        _tell(row, message, hint, as_json=as_json)
        return row.exit_code

    code = _guarded(work, tell)
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize(("kind", "row"), list(ERROR_TABLE.items()))
def test_each_error_has_its_exit_code_and_the_two_lines(kind, row, capsys):
    code, out, err = guarded(kind("what was found", hint="what to try"), capsys)
    assert (code, out) == (row.exit_code, "")
    assert err == "error: what was found\nhint: what to try\n"


def test_an_error_is_an_object_too(capsys):
    code, out, err = guarded(InvalidInput("found", hint="try"), capsys, as_json=True)
    assert (code, err) == (2, "")
    assert json.loads(out) == {"error": {"code": "invalid_input", "hint": "try", "message": "found"}}


def test_an_error_without_a_hint_is_one_line(capsys):
    assert guarded(InvalidInput("found"), capsys)[2] == "error: found\n"


def test_an_interruption_is_130(capsys):
    assert guarded(KeyboardInterrupt(), capsys)[0] == 130


def test_what_the_system_refuses_names_the_file(capsys):
    code, _, err = guarded(PermissionError(13, "Permission denied", "/somewhere"), capsys)
    assert (code, err) == (1, "error: /somewhere: Permission denied\n")


def test_the_unforeseen_is_told_without_a_traceback(capsys):
    code, _, err = guarded(ZeroDivisionError("division by zero"), capsys)
    assert code == 1
    assert "ZeroDivisionError" in err
    assert "COUNTERFOIL_DEBUG=1" in err
    assert "Traceback" not in err


def test_debugging_shows_where(monkeypatch, capsys):
    monkeypatch.setenv("COUNTERFOIL_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        guarded(ZeroDivisionError(), capsys)


def test_nothing_in_a_message_moves_the_cursor(capsys):
    err = guarded(InvalidInput("bad \x1b[2J\nerror: forged \u202e"), capsys)[2]
    assert err == "error: bad \\x1b[2J\\nerror: forged \\u202e\n"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["chek"], "no such command 'chek'"),
        (["check"], "missing argument 'FILE'"),
        (["check", "--bogus", "x"], "no such option"),
        (["override", "x"], "'x' is not a valid integer"),
        (["log", "search", "--limit", "0"], "0 is not in the range"),
    ],
)
def test_wrong_use_is_2_in_our_voice(args, words, capsys):
    assert run(args) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert words in err
    assert "\nhint: see `counterfoil" in err
    assert "Usage:" not in err


def test_wrong_use_with_json_is_an_object(capsys):
    assert run(["chek", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"


def test_without_a_command_it_helps(capsys):
    run([])
    assert "Commands:" in "".join(capsys.readouterr())


def test_no_home_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COUNTERFOIL_HOME", raising=False)
    assert run(["log", "head"]) == 5
    assert "no home was named" in capsys.readouterr().err
    with pytest.raises(NotSetUp):
        Session().folder()


def test_the_folder_is_the_one_named_else_this_one(tmp_path, monkeypatch):
    (tmp_path / "counterfoil.toml").touch()
    monkeypatch.chdir(tmp_path)
    assert Session().folder().absolute() == tmp_path
    assert Session(home=tmp_path / "other").folder() == tmp_path / "other"


def test_a_question_nobody_can_answer_is_refused():
    with pytest.raises(InvalidInput):
        Session(as_json=True).confirm([], "Really?", hint="--yes")


def test_tables_align_and_hold_lines_together():
    assert table(("a", "b"), [("long one", None), ("x\ny", 2)]) == ["a         b", "long one", "x\\ny      2"]


@pytest.mark.parametrize("text", ["", "plain", "Größe ✓ 100 €", "two words"])
def test_plain_text_stays_as_it_is(text):
    assert one_line(text) == text


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("counterfoil.cli.main", {"sqlalchemy", "numpy", "rich", "cryptography", "counterfoil.organisation"}),
        ("counterfoil.cli.check, counterfoil.store.check_file", {"sqlalchemy", "numpy", "rich", "sqlite3", "sklearn"}),
    ],
)
def test_light_commands_import_nothing_heavy(module, heavy):
    code = f"import {module}, sys; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & set(loaded)


@pytest.mark.parametrize("group", ["dataset", "ledger", "snapshot", "lineage"])
def test_a_group_tells_of_each_command_to_the_end_of_the_sentence(capsys, group):
    assert run([group, "--help"]) == 0
    told = " ".join(capsys.readouterr().out.partition("Commands:")[2].split())
    assert told
    assert "..." not in told
    if group == "dataset":
        assert "digest, fingerprint, and of a table rows and columns. list" in told
