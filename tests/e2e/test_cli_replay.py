"""A long replay: what was found is told as it comes, and stays told when somebody stops it."""

from __future__ import annotations

import json

from cli_bank import PEOPLE, bank, files, template

from counterfoil.cli.main import run
from counterfoil.decisions import replay_commands
from counterfoil.decisions.decisions import Decisions

__all__ = ["bank", "files", "template"]


def stop_after(monkeypatch, count):
    replay, calls = Decisions.replay, []

    def stopped(self, index):
        if len(calls) == count:
            raise KeyboardInterrupt
        calls.append(index)
        return replay(self, index)

    monkeypatch.setattr(Decisions, "replay", stopped)


def test_results_come_one_by_one_and_stay_after_an_interruption(bank, monkeypatch, capsys):
    stop_after(monkeypatch, 3)
    assert run(["replay", "--all"]) == 130
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 3
    assert all("  as recorded: " in line for line in said.out.splitlines())
    assert "interrupted: 3 of 12 were replayed, 3 as recorded" in said.err


def test_how_far_a_long_replay_is_goes_to_stderr(bank, monkeypatch, capsys):
    monkeypatch.setattr(replay_commands, "REPORTED_EVERY", 5)
    monkeypatch.setattr(replay_commands, "SHOWN_LINES", 5)
    assert run(["replay", "--all"]) == 0
    said = capsys.readouterr()
    assert said.out == "12 as recorded\n"
    assert said.err.splitlines() == ["replayed 5 of 12", "replayed 10 of 12"]
    assert run(["replay", "--all", "--json"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert len(json.loads(said.out)["replays"]) == PEOPLE
