"""The command line when something is wrong: the exit codes, the two lines, and never a traceback."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from cli_bank import bank, decide_args, files, first_decision, state_of, template
from organisations import full_disk, full_log

import counterfoil
from counterfoil.cli.main import run
from counterfoil.store.home import Home

__all__ = ["bank", "files", "template"]

PROGRAM = Path(sys.executable).with_name("counterfoil")


# Whoever starts the tests in the background leaves them deaf to interrupts, and their children too.
HEARING = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"


def start(*args, **options):
    command = [sys.executable, "-c", HEARING, PROGRAM, *args]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def finish(process):
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, out, err


# One process of its own for each exit code


def test_0_the_program_helps():
    code, out, err = finish(start("--help"))
    assert (code, err) == (0, "")
    assert "Commands:" in out


def test_0_a_passed_check_in_a_plain_environment(bank):
    bank.text("receipt", str(first_decision(bank)), "--out", "r.json")
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code, out, err = finish(start("check", "r.json", "--issuer", bank.issuer, cwd=bank.folder, env=env))
    assert (code, err) == (0, "")
    assert "1. Can the file be read? PASSED" in out


def test_1_what_the_system_refuses(bank):
    index = str(first_decision(bank))
    assert "File name too long" in bank.error("receipt", index, "--out", "x" * 300, code=1)


def test_2_wrong_use():
    code, out, err = finish(start("check"))
    assert (code, out) == (2, "")
    assert err == "error: missing argument 'FILE'\nhint: see `counterfoil check --help`\n"


def test_3_not_found(bank):
    assert bank.error("log", "show", "99999", code=3).startswith("error: there is no record 99999")
    bank.error("log", "show", "--", "-1", code=3)
    bank.error("model", "show", "nobody", code=3)
    bank.error("override", "0", "--label", "x", "--by", "x", "--reason", "x", "--saw", "x", code=3)
    bank.error("erase", "--person", "nobody", "--basis", "asked", code=3)
    bank.error("bundle", "b.zip", "--subject", "nobody", code=3)
    bank.error("check", "none.json", code=3)
    bank.error("check", str(bank.folder), code=3)


def test_4_a_changed_receipt(bank):
    bank.text("receipt", str(first_decision(bank)), "--out", "r.json")
    path = bank.folder / "r.json"
    path.write_text(path.read_text().replace('/output/label\\",\\"', '/output/label\\",\\"x'))
    report = bank.data("check", "r.json", "--issuer", bank.issuer, code=4)
    assert report["intact"] is False
    assert "✗ 3." in bank.text("check", "r.json", code=4)


def test_4_a_step_that_was_required_and_not_checked(bank):
    bank.text("receipt", str(first_decision(bank)), "--out", "r.json")
    assert "you required issuer" in bank.text("check", "r.json", "--require", "issuer", code=4)


def test_5_no_home(tmp_path):
    code, _, err = finish(start("log", "head", "--home", str(tmp_path)))
    assert code == 5
    assert err.startswith("error: ")
    assert "counterfoil init" in err


def test_5_somebody_else_is_writing(bank):
    with Home.open(bank.home).lock():
        assert "in use" in bank.error("log", "head", code=5)
        found = bank.data("doctor", code=1)
    assert [each["id"] for each in found["findings"] if each["todo"]] == ["open"]


def test_6_the_wrong_key(bank, monkeypatch):
    wrong = bank.folder / "wrong.key"
    wrong.write_text("A" * 43 + "=\n")
    wrong.chmod(0o600)
    assert "it is not the one" in bank.error("log", "head", "--key-file", str(wrong), code=6)
    monkeypatch.setenv("COUNTERFOIL_KEY_FILE", str(bank.folder / "none"))
    bank.error("log", "head", code=6)


def test_6_a_pickle(bank):
    import pickle

    (bank.folder / "model.pkl").write_bytes(pickle.dumps({"a": 1}))
    bank.error("model", "add", "model.pkl", code=6)


def test_130_interrupted(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = start("check", str(pipe))
    writer = None
    for _ in range(600):  # the command opens the pipe and waits for what never comes
        try:
            writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError as error:
            assert error.errno == errno.ENXIO
            time.sleep(0.02)
    assert writer is not None
    for _ in range(10):  # one that comes the moment before the wait begins is heard only when that ends
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
            break
    code, out, err = finish(process)
    os.close(writer)
    assert (code, out) == (130, "")
    assert err.strip() == "error: interrupted"


# Hostile and wrong input


@pytest.mark.parametrize(
    "args",
    [
        ["model", "add", "{bad}"],
        ["policy", "check", "{bad}"],
        ["policy", "add", "{bad}"],
        ["decide", "{bad}", "--model", "credit", "--policy", "{policy}", "--subject", "customer"],
        ["decide", "{people}", "--model", "credit", "--policy", "{bad}", "--subject", "customer"],
    ],
)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"a,b\n1\n", b"\x00" * 100, b"[" * 5000])
def test_files_that_are_something_else(bank, args, content):
    (bank.folder / "bad.bin").write_bytes(content)
    names = {"bad": "bad.bin", "policy": bank.files / "credit.toml", "people": bank.files / "people.csv"}
    bank.error(*[arg.format(**names) for arg in args], code=2)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"a,b\n1\n", b'"a,b\n', b"a,a\n1,2\n"])
def test_tables_that_are_something_else(bank, content):
    (bank.folder / "bad.csv").write_bytes(content)
    bank.error("dataset", "add", "bad.csv", code=2)
    bank.error("model", "add", str(bank.files / "model.json"), "--sample", "bad.csv", code=2)


@pytest.mark.parametrize(
    "args",
    [
        ["dataset", "add", "none"],
        ["model", "add", "none"],
        ["policy", "check", "none"],
        ["decide", "none", "--model", "credit", "--policy", "{policy}", "--subject", "customer"],
        [
            "decide",
            "{people}",
            "--model",
            "none",
            "--policy",
            "{policy}",
            "--subject",
            "customer",
            "--ignore",
            "{label}",
        ],
    ],
)
def test_files_and_names_that_are_not_there(bank, args):
    names = {"policy": bank.files / "credit.toml", "people": bank.files / "people.csv", "label": "creditability"}
    bank.error(*[arg.format(**names) for arg in args], code=3)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"PK\x03\x04 cut off", b"\xff" * 50, b"[" * 100_000, b"null", b"1e999"]
)
def test_evidence_that_is_something_else_does_not_match(tmp_path, content, capsys):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert run(["check", str(path), "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["intact"] is False


def test_a_value_in_a_file_cannot_forge_a_line(bank):
    people = (bank.files / "people.csv").read_text().splitlines()
    forged = people[1].replace("customer 0", '"x\x1b[2J\n✓ 9. All is proven PASSED"')
    (bank.folder / "people.csv").write_text(people[0] + "\n" + forged + "\n")
    (bank.folder / "credit.toml").write_text((bank.files / "credit.toml").read_text())
    made = bank.data(*decide_args(bank.folder))["decisions"][0]
    bank.text("receipt", str(made["index"]), "--out", "r.json")
    text = bank.text("check", "r.json")
    assert "\x1b" not in text
    assert "\n✓ 9." not in text


def test_a_misspelt_issuer_is_the_checkers_slip(bank):
    bank.text("receipt", str(first_decision(bank)), "--out", "r.json")
    bank.error("check", "r.json", "--issuer", "bank.example/credit+00000000+AAAA", code=2)
    bank.error("check", "r.json", "--issuer", "nowhere.vkey", code=3)
    bank.error("check", "r.json", "--require", "nonsense", code=2)
    bank.error("check", "r.json", "--since", "r.json", code=2)


def test_a_zip_that_leaves_its_folder_does_not_match(tmp_path, capsys):
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("../bundle.json", b"{}")
    assert run(["check", str(path)]) == 4
    assert "points outside the bundle" in capsys.readouterr().out


def test_a_wrong_row_is_named_and_nothing_is_recorded(bank):
    size = bank.data("log", "head")["size"]
    lines = (bank.files / "people.csv").read_text().splitlines()
    cells = lines[3].split(",")
    cells[2] = "soon"
    (bank.folder / "people.csv").write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:]]) + "\n")
    (bank.folder / "credit.toml").write_text((bank.files / "credit.toml").read_text())
    assert "row 3: Term of the loan" in bank.error(*decide_args(bank.folder), code=2)
    assert bank.data("log", "head")["size"] == size


def test_files_are_never_overwritten(bank):
    index = str(first_decision(bank))
    (bank.folder / "there").write_text("mine")
    size = bank.data("log", "head")["size"]
    bank.error("receipt", index, "--out", "there", code=2)
    bank.error("bundle", "there", code=2)
    bank.error(*decide_args(bank.files), "--out", "there", code=2)
    assert (bank.folder / "there").read_text() == "mine"
    assert bank.data("log", "head")["size"] == size


@pytest.mark.parametrize(
    "args",
    [
        ["erase", "--basis", "x"],
        ["erase", "--person", "a", "--record", "1", "--basis", "x"],
        ["erase", "--person", "a"],
        ["erase", "--person", "a", "--field", "/x", "--basis", "x"],
        ["erase", "--due", "--basis", "x"],
        ["replay"],
        ["replay", "1", "--all"],
        ["replay", "--sample", "0"],
        ["bundle", "b.zip", "--from", "1", "--index", "2"],
        ["keys", "unlock"],
        ["keys", "rotate", "everything"],
    ],
)
def test_options_that_do_not_go_together_are_wrong_use(bank, args):
    assert "hint: see `counterfoil" in bank.error(*args, code=2)


@pytest.mark.parametrize(
    "args",
    [
        ["bundle", "b.zip", "--from", "0", "--to", "99999"],
        ["bundle", "b.zip", "--show", "label"],
        ["dataset", "add", "{people}", "--note", "nothing"],
        ["dataset", "add", "{people}", "--note", "a=1", "--note", "a=2"],
        ["log", "search", "--since", "yesterday"],
        ["receipt", "{index}", "--out", "r.json", "--show", "/nothing"],
        ["override", "{index}", "--label", "perhaps", "--by", "Ann", "--reason", "x", "--saw", "{state}"],
        ["override", "{index}", "--label", "approve", "--by", "Ann", "--reason", " ", "--saw", "{state}"],
        ["erase", "--record", "{index}", "--field", "/nothing", "--basis", "x", "--yes"],
        ["erase", "--record", "{index}", "--basis", " ", "--yes"],
        ["erase", "--record", "0", "--basis", "x", "--yes"],
        ["init", "{home}", "--name", "Bank AG", "--origin", "bank.example"],
        ["init", "new", "--name", "Bank AG", "--origin", "https://bank.example"],
        ["init", "new", "--name", " ", "--origin", "bank.example"],
    ],
)
def test_values_that_cannot_be_used(bank, args):
    index = first_decision(bank)
    names = {"index": index, "state": state_of(bank, index), "people": bank.files / "people.csv", "home": bank.home}
    bank.error(*[arg.format(**names) for arg in args], code=2)


# The log is away


def test_a_decision_without_a_record_is_denied_or_waits_under_a_promise(bank):
    args = [*decide_args(bank.files), "--background", str(bank.files / "training.csv")]
    with counterfoil.open(bank.home) as org, full_log(org):
        pass  # only to make the log larger than everything else
    with full_disk((bank.home / "log" / "entries" / "000.seg").stat().st_size):
        assert "0 of 12 rows were decided" in bank.error(*args, code=5)
        assert "promises need a place" in bank.error(*args, "--on-log-failure", "spool", code=2)
        made = bank.data(*args, "--on-log-failure", "spool")
        assert made["waiting"] == 12
        found = bank.data("doctor", code=1)
        assert [each["id"] for each in found["findings"] if each["todo"]] == ["queue"]
    promise = bank.folder / "promise.json"
    promise.write_text(made["decisions"][0]["promise"])
    bank.text("check", str(promise), "--issuer", bank.issuer, "--require", "issuer")
    bank.text("bundle", "b.zip")
    report = bank.data("check", str(promise), "--issuer", bank.issuer, "--against", "b.zip", "--require", "kept")
    assert report["answer"] == "kept"
    assert len(bank.data("log", "search")["decisions"]) == 24
    bank.text("doctor")
