"""The page about the contract says what the contract is: its functions, events, refusals, code and storage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from counterfoil.ledger.contracts.artefact import Artefact
from counterfoil.ledger.costs import Assumptions, monthly_costs

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "reference" / "evidence.md").read_text(encoding="utf-8")
SOURCE: Final = (ROOT / "src" / "counterfoil" / "ledger" / "contracts" / "Evidence.vy").read_text(encoding="utf-8")
EVIDENCE: Final = Artefact.load("Evidence")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(title: str) -> list[str]:
    """Returns what stands in backquotes in the first column of a section's table, in order."""
    cells = re.findall(r"^\| (`.+?) \|", section(title), re.M)
    return [text for cell in cells for text in re.findall(r"`([^`]+)`", cell)]


def told(entry: Mapping[str, Any]) -> str:
    """Returns a function as the page writes it."""
    arguments = ", ".join(f"{each['type']} {each['name']}" for each in entry["inputs"])
    answers = ", ".join(each["type"] for each in entry["outputs"])
    return f"{entry['name']}({arguments})" + (f" → {answers}" if answers else "")


def test_every_function_is_listed_with_its_arguments() -> None:
    functions = [entry for entry in EVIDENCE.abi if entry["type"] == "function"]
    changing = {told(entry) for entry in functions if entry["stateMutability"] == "nonpayable"}
    assert set(first_cells("Functions that change something")) == changing
    assert set(first_cells("Functions that tell something")) == {told(entry) for entry in functions} - changing


def test_every_event_is_listed_with_its_values() -> None:
    values = {
        name: row.rstrip(" |")
        for names, row in re.findall(r"^\| (`.+?) \| (.+)$", section("Events"), re.M)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert values == {
        entry["name"]: ", ".join(f"`{each['name']}`{'*' if each['indexed'] else ''}" for each in entry["inputs"])
        for entry in EVIDENCE.abi
        if entry["type"] == "event"
    }


def test_every_refusal_is_listed() -> None:
    assert set(first_cells("Refusals")) == set(re.findall(r'^ *assert .*, "(.+)"$', SOURCE, re.M))


def test_the_code_is_the_one_that_ships() -> None:
    assert re.findall(r"^0x[0-9a-f]{64}$", section("Where it is"), re.M) == [f"0x{EVIDENCE.runtime_code_hash.hex()}"]


def test_storage_is_laid_out_as_told() -> None:
    assert [name for name, _ in sorted(EVIDENCE.slots.items(), key=lambda each: each[1])] == [
        "_heads",
        "_kept",
        "_owners",
        "_offered_owners",
        "_offered_writers",
        "_signers",
        "_equivocated",
    ]


def test_the_costs_that_people_are_told_are_those_of_the_command() -> None:
    page = (ROOT / "docs" / "explain" / "ledger.md").read_text(encoding="utf-8")
    for cost in monthly_costs(10_000, 3_600, Assumptions()):
        assert f"| {cost.ledger} | {cost.low_usd:,.2f} | {cost.high_usd:,.2f} | {cost.proves} |" in page
