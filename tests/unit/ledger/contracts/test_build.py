"""The shipped artefacts come from the shipped sources, byte for byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from counterfoil.ledger.contracts.artefact import Artefact
from counterfoil.ledger.contracts.build import CONTRACTS, FOLDER, build, main


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The sources in another folder, without artefacts."""
    return shutil.copytree(
        FOLDER, tmp_path / "a folder", ignore=shutil.ignore_patterns("*.json", "*.py", "__pycache__")
    )


def test_the_shipped_artefacts_are_what_the_sources_compile_to(elsewhere: Path) -> None:
    assert main([], elsewhere) == 0
    for contract in CONTRACTS:
        made, shipped = ((folder / f"{contract}.json").read_bytes() for folder in (elsewhere, FOLDER))
        assert made == shipped, f"{contract}: run python -m counterfoil.ledger.contracts.build"


def test_every_contract_is_shipped() -> None:
    assert (
        {path.stem for path in FOLDER.glob("*.vy")} == {path.stem for path in FOLDER.glob("*.json")} == set(CONTRACTS)
    )


def test_every_source_names_its_compiler_and_its_licence() -> None:
    for source in FOLDER.rglob("*.vy"):
        text = source.read_text(encoding="utf-8")
        assert text.startswith("# pragma version 0.4.3\n"), source.name
        assert "@license Apache-2.0\n" in text, source.name
        assert "snekmate" not in text, source.name


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_function_says_what_it_takes_and_gives(contract: str) -> None:
    artefact, said = Artefact.load(contract), set()
    for source in artefact.sources_sha256:
        text = (FOLDER / source).read_text(encoding="utf-8")
        for function in text.split("@external\n")[1:]:
            body = function.partition("# Inside")[0]
            name = body.partition("def ")[2].partition("(")[0]
            entry = next(entry for entry in reversed(artefact.abi) if entry.get("name") == name)
            assert "@notice " in body, name
            for each in entry["inputs"]:
                assert f"@param {each['name']} " in body, f"{name}: {each['name']}"
            assert ("@return " in body) == bool(entry["outputs"]), name
            said.add(name)
    assert said == {entry["name"] for entry in artefact.abi if entry["type"] == "function"}


def test_the_rules_of_prague_give_the_same_code(elsewhere: Path) -> None:
    source = elsewhere / "Evidence.vy"
    source.write_text(source.read_text("utf-8").replace("evm-version cancun", "evm-version prague"), encoding="utf-8")
    later = json.loads(build("Evidence", elsewhere))

    assert later["evm_version"] == "prague"
    assert bytes.fromhex(later["runtime_code_hash"][2:]) == Artefact.load("Evidence").runtime_code_hash


def test_checking_finds_a_source_that_was_changed(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(FOLDER / "Credits.json", elsewhere)
    assert main(["--check", "Credits"], elsewhere) == 0
    source = elsewhere / "Credits.vy"
    source.write_text(source.read_text("utf-8").replace("amount <= allowed", "amount < allowed", 1), "utf-8")

    assert main(["--check", "Credits"], elsewhere) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: Credits.json does not come from these sources",
        "hint: run python -m counterfoil.ledger.contracts.build",
    ]


def test_other_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--write"]) == 2
    assert capsys.readouterr().err.startswith("usage: ")
