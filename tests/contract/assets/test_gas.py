"""What each call costs is committed, and stays within what was promised."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from counterfoil.ledger.connecting import ASSETS_GAS
from counterfoil.ledger.contracts.artefact import Artefact

GAS = json.loads((Path(__file__).parents[3] / "docs/reference/gas.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("row", "most"),
    [
        ("register", 150_000),
        ("register with 3 parents", 150_000),
        ("register_and_offer", 200_000),
        ("publish", 60_000),
        ("set_state", 35_000),
        ("set_roles", 50_000),
    ],
)
def test_a_call_stays_within_its_budget(row: str, most: int) -> None:
    assert GAS[f"Assets.{row}"] <= most


def test_an_organisation_and_a_service_stay_within_theirs() -> None:
    assert GAS["Assets.register organisation"] + GAS["Assets.register service"] <= 200_000


def test_what_connecting_says_it_costs_is_enough() -> None:
    assert GAS["Assets.deploy"] <= ASSETS_GAS <= 1.1 * GAS["Assets.deploy"]


def test_roles_cost_the_same_however_many_there_are() -> None:
    assert GAS["Assets.set_roles"] == GAS["Assets.set_roles with 40 others"]


def test_every_function_that_changes_something_has_a_row() -> None:
    rows = {name.partition(" ")[0] for name in GAS if name.startswith("Assets.")}
    changing = {
        f"Assets.{entry['name']}"
        for entry in Artefact.load("Assets").abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }

    assert rows == changing | {"Assets.deploy"}
