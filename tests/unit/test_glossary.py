"""One word for one thing: commands and public names are in docs/glossary.md."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from counterfoil.cli.commands import COMMANDS
from counterfoil.ledger.commands import ledger
from counterfoil.witness.commands import witness

GLOSSARY = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text(encoding="utf-8")
TERMS = {word for term in re.findall(r"\*\*([^*]+)\*\*", GLOSSARY) for word in re.split(r",? ", term)}
ROOMS = ("organisation", "decisions", "provenance", "witness")
CODE = set(re.findall(r"`(\w+)`", GLOSSARY))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_a_word_of_the_glossary(command: str) -> None:
    assert command in TERMS or command.removesuffix("s") in TERMS


@pytest.mark.parametrize("subcommand", ledger.commands)
def test_what_the_ledger_does_is_a_word_of_the_glossary(subcommand: str) -> None:
    assert subcommand in TERMS or subcommand.removesuffix("s") in TERMS


@pytest.mark.parametrize("subcommand", witness.commands)
def test_what_witnesses_do_is_a_word_of_the_glossary(subcommand: str) -> None:
    assert subcommand in TERMS


@pytest.mark.parametrize("module", ["counterfoil", *(f"counterfoil.{room}" for room in ROOMS)])
def test_every_public_name_is_in_the_glossary(module: str) -> None:
    public = importlib.import_module(module).__all__
    assert [name for name in public if name not in CODE | {"__version__"}] == []


def test_every_kind_of_record_is_a_word_of_the_glossary() -> None:
    reference = (Path(__file__).parents[2] / "docs" / "reference" / "records.md").read_text(encoding="utf-8")
    table = reference.partition("### Kinds")[2].partition("##")[0]
    kinds = {kind for row in re.findall(r"^\| (`.+?) \|", table, re.M) for kind in re.findall(r"`([a-z]+)`", row)}
    assert len(kinds) >= 13
    assert kinds <= TERMS


def test_no_word_stands_for_two_things() -> None:
    terms = re.findall(r"^\| \*\*(.+?)\*\*", GLOSSARY, re.M)
    assert len(terms) == len(set(terms))
