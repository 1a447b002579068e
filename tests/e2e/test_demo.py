"""The demonstration and the example, as a newcomer runs them: in an empty folder, without a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import counterfoil
from counterfoil.cli.main import run
from counterfoil.core.steps import Report

ROOT = Path(__file__).parents[2]
PROGRAM = "import sys; from counterfoil.cli.main import main; sys.exit(main())"


@dataclass(frozen=True)
class Shown:
    """A finished demonstration."""

    folder: Path
    output: str
    code: int

    def check(self, file: str, **options: Any) -> Report:
        return counterfoil.check(self.folder / file, issuer=str(self.folder / "bank.vkey"), **options)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    here = tmp_path_factory.mktemp("newcomer")
    earlier = here / "counterfoil-demo"
    earlier.mkdir()
    (earlier / "mine.txt").touch()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "demo"],
        cwd=here,
        env={"PATH": os.environ["PATH"], "HOME": str(here), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
    )
    assert done.stderr == ""
    return Shown(here / "counterfoil-demo-2", done.stdout, done.returncode)


def test_every_claim_holds(shown: Shown) -> None:
    assert shown.code == 0
    assert "NOT AS TOLD" not in shown.output
    assert "22 of 22 claims held." in shown.output


def test_it_reads_in_80_columns(shown: Shown) -> None:
    assert max(len(line) for line in shown.output.splitlines()) <= 80
    assert "\x1b" not in shown.output


def test_the_story_is_told(shown: Shown) -> None:
    told = " ".join(shown.output.split())
    for line in (
        "300 of 300 decisions come out the same, score, decision and reasons",
        "FAILED at step 6: Do the values shown belong to their records?",
        "FAILED at step 3: Do the records lead to the log's head?",
        "FAILED at step 4: Is it signed by the issuer?",
        "convicted: the issuer signed two different histories",
        "ok the bank can no longer read the values",
        "ok held against it, the old receipt is kept",
        "25 or younger",
    ):
        assert line in told


def test_the_files_are_where_it_says(shown: Shown) -> None:
    names = {path.relative_to(shown.folder).as_posix() for path in shown.folder.rglob("*") if path.is_file()}
    assert {name for name in names if not name.startswith("bank/")} == {
        "applicant/receipt.json",
        "applicant/receipt.svg",
        "applicant/receipt.txt",
        "auditor/evidence.zip",
        "auditor/evidence-after-erasure.zip",
        *(f"auditor/forged-{number}.zip" for number in range(1, 5)),
        "applicants.csv",
        "bank.key",
        "bank.vkey",
        "credit.toml",
        "training.csv",
    }


def test_the_files_say_the_same_to_whoever_checks_them_later(shown: Shown) -> None:
    assert shown.check("applicant/receipt.json").exit_code(["fields", "log", "issuer"]) == 0
    assert shown.check("auditor/evidence.zip").exit_code(["complete", "fields", "issuer"]) == 0
    for number, step_id in enumerate(("fields", "log", "issuer"), 1):
        report = shown.check(f"auditor/forged-{number}.zip")
        assert [step.id for step in report.steps if str(step.status) == "failed"] == [step_id]
    against = shown.folder / "auditor" / "forged-4.zip"
    assert shown.check("applicant/receipt.json", against=against).answer == "convicted"


def test_the_page_for_the_person_ends_whole(shown: Shown) -> None:
    page = (shown.folder / "applicant" / "receipt.txt").read_text(encoding="utf-8")
    assert page.startswith("Receipt of a decision\n")
    assert page.endswith("so\n  ask.\n")


def test_the_commands_to_try_work(shown: Shown, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    output = shown.output.replace("\\\n    ", "")
    lines = [line.strip() for line in output.splitlines() if line.startswith("    counterfoil ")]
    assert len(lines) == 6
    monkeypatch.chdir(shown.folder)
    assert [run(line.split()[1:]) for line in lines] == [0, 4, 0, 0, 0, 0]
    assert capsys.readouterr().err == ""


def test_nothing_is_overwritten(shown: Shown, capsys: Any) -> None:
    assert run(["demo", "--folder", str(shown.folder)]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_a_folder_from_before_is_left_alone(shown: Shown) -> None:
    assert [path.name for path in shown.folder.with_name("counterfoil-demo").iterdir()] == ["mine.txt"]


def test_the_example_of_three_lines(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "three_lines.py")], cwd=tmp_path, capture_output=True, encoding="utf-8"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "decline, with a score of 0.324" in done.stdout
    assert done.stdout.endswith("intact, and signed by the issuer you named\n")
    assert counterfoil.check(tmp_path / "bank-three-lines.receipt.json").is_intact
