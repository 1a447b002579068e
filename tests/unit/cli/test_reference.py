from __future__ import annotations

from pathlib import Path

import click
import pytest

from counterfoil.cli.commands import COMMANDS, WITHOUT_HOME
from counterfoil.cli.main import cli
from counterfoil.cli.reference import EXIT_CODES, commands, pages
from counterfoil.errors import ERROR_TABLE
from counterfoil.node.app import description

DOCS = Path(__file__).parents[3] / "docs" / "reference"
ALL = dict(commands())


def test_the_pages_are_what_the_commands_say():
    for name, page in pages().items():
        assert (DOCS / name).read_text("utf-8") == page, "run: python -m counterfoil.cli.reference docs/reference"


def test_no_command_or_option_is_missing_from_the_page():
    page = (DOCS / "cli.md").read_text("utf-8")
    for path, command in ALL.items():
        section = page.partition(f"\n## {' '.join(path)}\n")[2].partition("\n## ")[0]
        assert section, f"{path} is missing"
        for param in command.params:
            if isinstance(param, click.Option):
                assert all(name in section for name in param.opts), (path, param.opts)


def test_every_command_takes_json_and_a_home_where_it_needs_one():
    for path, command in ALL.items():
        names = {name for param in command.params for name in param.opts}
        assert "--json" in names, path
        assert ("--home" in names) == (" ".join(path) not in WITHOUT_HOME), path


def test_every_command_and_option_says_what_it_does():
    for path, command in ALL.items():
        assert command.help, path
        for param in command.params:
            assert param.help, (path, param.name)


def test_the_root_lists_every_command_with_the_summary_of_its_table():
    help_text = cli.get_help(click.Context(cli, info_name="counterfoil"))
    for name, place in COMMANDS.items():
        assert name in help_text
        assert place.summary.split()[0] in help_text


def test_every_exit_code_of_an_error_is_explained():
    assert {row.exit_code for row in ERROR_TABLE.values()} <= set(EXIT_CODES)


def test_codes_are_distinct():
    codes = [row.code for row in ERROR_TABLE.values()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_can_be_found(name):
    context = click.Context(cli, info_name="counterfoil")
    command = cli.get_command(context, name)
    assert command is not None
    assert command.name == name


def test_every_route_is_on_the_page():
    page = (DOCS / "api.md").read_text("utf-8")
    for path, item in description()["paths"].items():
        for method, operation in item.items():
            section = page.partition(f"\n### {method.upper()} {path}\n")[2].partition("\n### ")[0]
            assert operation["operationId"] in section, (method, path)
            assert all(f"`{each['name']}`" in section for each in operation.get("parameters", ())[:-1])
