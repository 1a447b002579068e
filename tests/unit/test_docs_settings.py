"""Every setting that a home's owner may change is in its guide, with the default that the program has."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Final

import pytest

from counterfoil.ledger.connection import Connection
from counterfoil.node.settings import NodeSettings

DOCS: Final = Path(__file__).parents[2] / "docs"
GUIDE: Final = DOCS / "guides" / "real-chain.md"
PAGES: Final = {GUIDE: Connection, DOCS / "reference" / "node.md": NodeSettings}
WRITTEN: Final = "written by `connect`"


def rows(page: Path) -> dict[str, tuple[str, str]]:
    """Returns a page's table of settings: the default and the meaning of each, by name."""
    table = page.read_text(encoding="utf-8").partition("\n## Every setting\n")[2].partition("\n## ")[0]
    return {
        name: (default, meaning)
        for name, default, meaning in re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", table, re.M)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_setting_is_listed_in_order_and_nothing_else(page: Path) -> None:
    assert list(rows(page)) == [each.name for each in fields(PAGES[page])]


@pytest.mark.parametrize(("page", "name"), [(page, each.name) for page, kind in PAGES.items() for each in fields(kind)])
def test_the_default_is_the_one_of_the_program(page: Path, name: str) -> None:
    default = next(each.default for each in fields(PAGES[page]) if each.name == name)
    shown = list(default) if isinstance(default, tuple) else default
    assert rows(page)[name][0] == (WRITTEN if default is MISSING else f"`{json.dumps(shown)}`")


def test_the_guide_for_beginners_has_the_same_defaults() -> None:
    guide = GUIDE.with_name("ledger.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(anchor_\w+)` \| ([\d,]+) \|", guide, re.M))
    defaults = {each.name: each.default for each in fields(Connection) if each.name.startswith("anchor_")}
    assert {name: int(value.replace(",", "")) for name, value in told.items()} == defaults
