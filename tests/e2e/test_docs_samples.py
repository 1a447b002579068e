"""Every sample in the front page and the guides runs, and every command they name exists.

The guide "First decisions" makes the home that the other pages go on from.
"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import click
import pytest

from counterfoil.cli.commands import COMMANDS
from counterfoil.cli.main import cli

ROOT = Path(__file__).parents[2]
FIRST = ROOT / "docs" / "guides" / "first-decisions.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TOLD = [PAGES[0], *sorted((ROOT / "docs" / "guides").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)


def name_of(value: object) -> str | None:
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else None


def run(page: Path, names: dict[str, Any]) -> dict[str, Any]:
    for number, block in enumerate(blocks(page, "python"), 1):
        exec(compile(block, f"{page.name}, sample {number}", "exec", dont_inherit=True), names)
    return names


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder in which the guide "First decisions" was followed, and the names it left."""
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return folder, run(FIRST, {})


def test_the_first_guide_ends_with_a_check_that_passes(first: tuple[Path, dict[str, Any]]) -> None:
    report = first[1]["report"]
    assert report.is_intact
    assert report.verdict == "intact, and signed by the issuer you named"
    assert first[1]["decision"].reasons


@pytest.mark.parametrize("page", [page for page in TOLD if page != FIRST and blocks(page, "python")], ids=name_of)
def test_samples_run(
    page: Path, first: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here"
    shutil.copytree(first[0], folder)
    monkeypatch.chdir(folder)
    if page.name == "README.md":
        (folder / "receipt.json").unlink()
    names = run(page, dict(first[1]))
    if page.name == "README.md":
        assert names["decision"].label == "decline"
        assert names["report"].is_intact
        names["org"].close()


def console_lines() -> list[tuple[Path, str]]:
    lines = [(page, line) for page in PAGES for block in blocks(page, "console") for line in block.splitlines()]
    return [(page, line.removeprefix("$ ")) for page, line in lines if line.startswith("$ ")]


@pytest.mark.parametrize(("page", "line"), console_lines(), ids=name_of)
def test_commands_take_what_they_are_given(page: Path, line: str) -> None:
    program, *args = shlex.split(line, comments=True)
    if program == "pip":
        return
    assert program == "counterfoil"
    command: click.Command = cli
    context = cli.make_context("counterfoil", args)
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        name, found, args = command.resolve_command(context, rest)
        assert found is not None
        command = found
        if args == ["--help"]:
            return
        context = command.make_context(name, args, parent=context)


def test_every_command_named_in_passing_exists() -> None:
    named = {
        (page.name, word)
        for page in PAGES
        for word in re.findall(r"`counterfoil ([a-z][a-z-]*)", page.read_text(encoding="utf-8"))
    }
    assert {(page, word) for page, word in named if word not in COMMANDS} == set()


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r": ([\w/.-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M))
    assert {page.relative_to(ROOT / "docs").as_posix() for page in PAGES[1:]} == listed


def test_links_of_the_front_page_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", PAGES[0].read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
