"""The command line in front of a person: a passphrase, a yes, a bar."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

from cli_bank import bank, decide_args, files, first_decision, template

__all__ = ["bank", "files", "template"]

PROGRAM = str(Path(sys.executable).with_name("counterfoil"))
END = "\x04"
"""What says at a terminal that nothing more is typed."""


def converse(args, answers):
    """Runs the program on a terminal of its own, answering each (prompt, answer) in turn: (exit code, all it said)."""
    terminal, their_end = pty.openpty()
    ends = {"stdin": their_end, "stdout": their_end, "stderr": their_end}
    process = subprocess.Popen([PROGRAM, *args], **ends, start_new_session=True)
    os.close(their_end)
    said, waiting = b"", list(answers)
    heard = 0
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # Linux: the program has closed its end
            break
        if not part:
            break
        said += part
        if waiting and waiting[0][0].encode() in said[heard:]:
            heard = len(said)
            answer = waiting.pop(0)[1]
            os.write(terminal, answer.encode() if answer == END else answer.encode() + b"\n")
    os.close(terminal)
    return process.wait(timeout=60), said.decode()


def test_a_passphrase_is_asked_for_and_not_echoed(bank):
    answers = [("New passphrase", "correct horse"), ("Repeat", "correct horse")]
    assert converse(["keys", "unlock", "--to-passphrase"], answers)[0] == 0
    code, said = converse(["log", "head"], [("Passphrase", "correct horse")])
    assert code == 0
    assert "bank.example/credit" in said
    assert "horse" not in said
    code, said = converse(["log", "head"], [("Passphrase", "wrong")])
    assert code == 6
    assert "error: a passphrase was given, and it is not the one" in said


def test_an_erasure_is_told_and_asked_about(bank):
    args = ["erase", "--record", str(first_decision(bank)), "--basis", "asked"]
    code, said = converse(args, [("Type yes", "y")])
    assert code == 2
    assert "hint: type the word yes; or " in said
    assert said.index("This is what would happen.") < said.index("Type yes")
    assert "nothing was changed" in said
    code, said = converse(args, [("Type yes", END)])
    assert code != 0
    assert "\r\n" in said[said.index("Type yes") : said.index("error: ")]
    assert converse(args, [("Type yes", "yes")])[0] == 0
    assert converse(args, [])[0] == 0  # nothing is left to ask about


def test_a_bar_is_drawn_for_people_and_not_for_programs(bank):
    code, said = converse(decide_args(bank.files), [])
    assert code == 0
    assert "Deciding" in said
    assert said.rindex("decisions are on record") > said.rindex("Deciding")
    code, said = converse([*decide_args(bank.files), "--json"], [])
    assert code == 0
    assert said.startswith("{")
    assert "Deciding" not in said
