"""Every sample in the front page, the guides and the contract's page runs, in the order of the page.

The guide "First decisions" makes the home that the other pages go on from.
"""

from __future__ import annotations

import io
import re
import shlex
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import click
import pytest
from making_node import serving

from counterfoil.cli.main import run
from counterfoil.cli.reference import commands

ROOT = Path(__file__).parents[2]
FIRST = ROOT / "docs" / "guides" / "first-decisions.md"
CLIENT = ROOT / "docs" / "guides" / "client.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OPTIONS = {
    path: {
        name for each in command.params if isinstance(each, click.Option) for name in (*each.opts, *each.secondary_opts)
    }
    for path, command in commands()
}
TOLD = [PAGES[0], *sorted((ROOT / "docs" / "guides").glob("*.md")), ROOT / "docs" / "reference" / "evidence.md"]


def blocks(page: Path, language: str = "python|console") -> list[tuple[str, str]]:
    return re.findall(rf"^```({language})\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)


def name_of(value: object) -> str | None:
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else None


def run_page(page: Path, names: dict[str, Any]) -> dict[str, Any]:
    for number, (language, block) in enumerate(blocks(page), 1):
        if language == "python":
            exec(compile(block, f"{page.name}, sample {number}", "exec", dont_inherit=True), names)
        else:
            for line in block.splitlines():
                run_line(line)
    return names


def run_line(line: str) -> None:
    """Runs a command; `> FILE` keeps what it prints."""
    assert line.startswith("$ "), line
    program, *args = shlex.split(line.removeprefix("$ "), comments=True)
    if program == "pip":
        return
    assert program == "counterfoil"
    target = None
    if ">" in args:
        target, args = Path(args[-1]), args[:-2]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(args)
    assert code == 0, f"{line}\n{out.getvalue()}{err.getvalue()}"
    if target is not None:
        target.write_text(out.getvalue(), encoding="utf-8")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder in which the guide "First decisions" was followed, and the names it left."""
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return folder, run_page(FIRST, {})


def test_the_first_guide_ends_with_a_check_that_passes(first: tuple[Path, dict[str, Any]]) -> None:
    report = first[1]["report"]
    assert report.is_intact
    assert report.verdict == "intact, and signed by the issuer you named"
    assert first[1]["decision"].reasons


@pytest.mark.parametrize("page", [page for page in TOLD if page not in (FIRST, CLIENT) and blocks(page)], ids=name_of)
def test_samples_run(
    page: Path, first: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here"
    shutil.copytree(first[0], folder)
    monkeypatch.chdir(folder)
    if page.name == "README.md":
        (folder / "receipt.json").unlink()  # the front page writes its own
        for name in ("raw", "clean"):  # and has a step between two tables of yours
            (folder / f"{name}.csv").write_text(f"{name},age\n1,30\n", encoding="utf-8")
    names = run_page(page, dict(first[1]))
    if page.name == "README.md":
        assert names["decision"].label == "decline"
        assert names["report"].is_intact
        names["org"].close()


def test_the_clients_guide_ends_with_a_check_that_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path) as node:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COUNTERFOIL_NODE", node.url)
        monkeypatch.setenv("COUNTERFOIL_KEY", node.client.headers["authorization"].removeprefix("Bearer "))
        Path("issuer.vkey").write_text(f"{node.org.issuer}\n")
        names = run_page(CLIENT, {})
    assert names["decision"].label == "decline"
    assert names["report"].verdict == "intact, and signed by the issuer you named"


def test_every_command_named_in_passing_exists() -> None:
    assert [said for said in told_commands() if not is_command(said[1])] == []


def test_every_option_named_in_passing_exists() -> None:
    named = [(page, said, word.partition("=")[0]) for page, said in told_commands() for word in said]
    named = [each for each in named if re.match("--[a-z]", each[2])]
    assert len(named) > 300
    assert [each for each in named if each[2] not in options_of(each[1])] == []


def told_commands() -> list[tuple[str, list[str]]]:
    """Returns page and words for each `counterfoil …` in backquotes or on a line of a block."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        said = re.findall(r"`counterfoil ([a-z][^`]*)`", text)
        said += re.findall(r"^(?:\$ | {4})?counterfoil ([a-z].*?)(?:   .*| [>#].*)?$", text, re.M)
        # what has a number behind small words is the name of a format, such as the one of an offer
        found += [(page.name, each.split()) for each in said if not re.match(r"[a-z ]+ \d+\b", each)]
    return found


def path_of(said: list[str]) -> tuple[str, ...]:
    """Returns the words of a command, or of a group of commands, with which a line begins."""
    known = {path[:n] for path in OPTIONS for n in range(1, len(path) + 1)}
    return max((tuple(said[:n]) for n in range(1, 4) if tuple(said[:n]) in known), key=len, default=())


def is_command(said: list[str]) -> bool:
    """Whether it is a command, a whole group, or what a group does without a word of its own (`recall DATASET`)."""
    path = path_of(said)
    return path in OPTIONS or (bool(path) and len(path) == len(said)) or path == ("recall",)


def options_of(said: list[str]) -> set[str]:
    """Returns the options that a command takes; of a group, those of its commands."""
    path = path_of(said)
    return {"--help"}.union(*(options for each, options in OPTIONS.items() if each[: len(path)] == path))


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r": ([\w/.-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M))
    assert {page.relative_to(ROOT / "docs").as_posix() for page in PAGES[1:]} == listed


def test_every_file_a_page_names_is_there() -> None:
    named = re.compile(r"`((?:tests|examples|benchmarks|src)/[\w./-]+)`")
    found = {name for page in PAGES for name in named.findall(page.read_text(encoding="utf-8"))}
    assert found
    assert {name for name in found if not (ROOT / name).exists()} == set()


def test_links_of_the_front_page_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", PAGES[0].read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
