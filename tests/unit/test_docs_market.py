"""The market's pages say what is so: examples can be read, limits and costs are the program's, extras are there."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Final

import pytest

from counterfoil.market.compute.gate.privacy.rules import PrivacyRules
from counterfoil.market.compute.gate.rules import GateRules
from counterfoil.market.compute.sandbox import Limits
from counterfoil.market.terms.terms import Terms

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
REFERENCE: Final = DOCS / "reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def examples(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)


def test_the_gates_examples_are_rules_that_can_be_used() -> None:
    rules, _, privacy = (json.loads(each) for each in examples(page("output-gate.md"), "json"))
    assert list(GateRules.from_json(rules).files) == ["result.json", "groups.csv", "model.safetensors", "notes.txt"]
    assert PrivacyRules.from_json(privacy).rows_per_person == 3


def test_the_guides_rules_of_a_job_can_be_used() -> None:
    [rules] = examples((DOCS / "guides" / "compute.md").read_text(encoding="utf-8"), "json")
    assert len(GateRules.from_json(json.loads(rules)["gate"]).files) == 3


def test_the_terms_in_the_example_can_be_used() -> None:
    [terms] = examples(page("terms.md"), "toml")
    assert [each.effect for each in Terms.from_toml(terms).rules] == ["allow", "deny"]


def test_every_limit_of_a_job_is_listed_with_its_default() -> None:
    listed = re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", page("sandbox.md"), re.M)
    assert {name: int(value.replace(",", "")) for name, value in listed} == {
        each.name: each.default for each in fields(Limits)
    }


def test_the_costs_that_people_are_told_are_those_in_the_snapshot() -> None:
    told = page("market-contract.md").partition("\n## What it costs\n")[2].partition("\n## ")[0]
    gas = json.loads(page("gas.json"))
    rows = (
        "Market.buy_with_permit first",
        "Market.buy first by allowance",
        "Market.buy again by allowance",
        "Market.job from the balance, both",
        "Market.job by allowance, both",
        "Market.job from the balance, all three",
        "Market.job by allowance, all three",
    )
    assert re.findall(r"\b\d+,\d{3}\b", told) == [f"{gas[row]:,}" for row in rows]


@pytest.mark.parametrize("name", ["README.md", "docs", "examples"])
def test_every_extra_that_people_are_told_to_install_is_there(name: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    place = ROOT / name
    texts = [each.read_text(encoding="utf-8") for each in ([place] if place.is_file() else place.rglob("*.[mp][dy]"))]
    lists = [
        found
        for text in texts
        for found in re.findall(r"(?:install\swith|\bextras?)\s((?:`\w+`(?:,\s|\sand\s)?)+)|'\.\[(\w+)\]'", text)
    ]
    named = {word for backquoted, bare in lists for word in (*re.findall(r"`(\w+)`", backquoted), bare) if word}
    assert named - extras.keys() == set()
    assert named
