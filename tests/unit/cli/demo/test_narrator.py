"""The demonstration's voice: what it claims is counted, and what it shows fits."""

from __future__ import annotations

from counterfoil.cli.demo.narrator import Narrator
from counterfoil.core.steps import Report, failed, passed


def test_one_claim_that_does_not_hold_is_told_and_kept(capsys):
    narrator = Narrator()
    narrator.claim("water is wet", True)
    assert narrator.all_held
    narrator.claim("the moon is cheese", False)
    assert not narrator.all_held
    assert capsys.readouterr().out == "ok  water is wet\nNOT AS TOLD: the moon is cheese\n"


def test_silence(capsys):
    narrator = Narrator(is_silent=True)
    narrator.title("A story")
    narrator.say("Once.")
    narrator.claim("it held", True)
    assert capsys.readouterr().out == ""
    assert narrator.claims == [("it held", True)]


def test_only_the_step_that_failed_is_shown(capsys):
    report = Report("bundle", (passed("format", "Read?", "yes"), failed("log", "In the log?", "no, it is elsewhere")))
    Narrator().failure(report)
    assert " ".join(capsys.readouterr().out.split()) == "FAILED at step 2: In the log? no, it is elsewhere"


def test_long_findings_are_wrapped_and_cannot_move_the_cursor(capsys):
    Narrator().steps(Report("bundle", (failed("log", "In the log?", "word \x1b[2J" * 40),)))
    out = capsys.readouterr().out
    assert max(len(line) for line in out.splitlines()) <= 80
    assert "\x1b" not in out
