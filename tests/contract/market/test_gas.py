"""What each call costs is committed, and stays within what was promised."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from counterfoil.ledger.contracts.artefact import Artefact

GAS = json.loads((Path(__file__).parents[3] / "docs/reference/gas.json").read_text("utf-8"))
AGAIN = GAS["Market.buy again by allowance"]


@pytest.mark.parametrize(
    ("row", "most"),
    [
        ("Assets.register_and_offer", 200_000),
        ("Market.buy_with_permit first", 125_000),
        ("Market.buy first by allowance", 95_000),
        ("Market.buy again by allowance", 75_000),
        ("Market.buy a period again, which renews it", 75_000),
        ("Market.job from the balance, all three", 145_000),
        ("Market.job from the balance with 40 open, all three", 145_000),
        ("Market.job by allowance, both", 145_000),
        ("Market.job by allowance with 40 open, both", 145_000),
        ("Market.job from the balance, both", 145_000),
        ("Market.offer again", 60_000),
    ],
)
def test_a_call_stays_within_its_budget(row: str, most: int) -> None:
    assert GAS[row] <= most


@pytest.mark.parametrize("count", [1, 2, 32])
def test_each_further_payee_stays_within_its_budget(count: int) -> None:
    assert (GAS[f"Market.buy again with {count} shares"] - AGAIN) / count <= 8_000


def test_a_new_payee_stays_within_its_budget() -> None:
    assert GAS["Market.buy with 1 shares, 1 of them new"] - GAS["Market.buy first by allowance"] <= 25_000
    assert (GAS["Market.buy with 32 shares, 30 of them new"] - AGAIN) / 32 <= 25_000


def test_a_job_costs_the_same_however_many_are_open() -> None:
    for row in ("Market.job from the balance, all three", "Market.job by allowance, both"):
        assert GAS[row.replace(",", " with 40 open,")] == GAS[row]


def test_the_code_is_one_that_chains_take() -> None:
    """EIP-170: 24,576 bytes, of which the immutable takes a word."""
    data = Artefact.load("Market")
    assert len(data.bytecode) < 24_576 - 32


@pytest.mark.parametrize("contract", ["Market", "Credits"])
def test_every_function_that_changes_something_has_a_row(contract: str) -> None:
    rows = {name.partition(" ")[0] for name in GAS if name.startswith(f"{contract}.")}
    changing = {
        f"{contract}.{entry['name']}"
        for entry in Artefact.load(contract).abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    told_by_assets = {"Market.on_registered"}  # its gas is in that of Assets.register_and_offer

    assert rows - {"Market.job"} == changing - told_by_assets | {f"{contract}.deploy"}
