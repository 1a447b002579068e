"""The contract as the package ships it, read by whoever has no compiler."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from vyper.utils import keccak256

import counterfoil
from counterfoil.core.check_anchor import KNOWN_CODE
from counterfoil.errors import NotFound
from counterfoil.ledger.contracts.artefact import Artefact

ROOT = Path(__file__).parents[4]
EVIDENCE = Artefact.load("Evidence")


def test_it_is_read_once() -> None:
    assert Artefact.load("Evidence") is EVIDENCE
    assert (EVIDENCE.name, EVIDENCE.compiler, EVIDENCE.evm_version) == ("Evidence", "vyper 0.4.3", "cancun")


def test_selectors_and_topics_are_those_of_the_abi() -> None:
    for kind, table, size in (("function", EVIDENCE.selectors, 4), ("event", EVIDENCE.topics, 32)):
        entries = [entry for entry in EVIDENCE.abi if entry["type"] == kind]
        signatures = {f"{entry['name']}({','.join(each['type'] for each in entry['inputs'])})" for entry in entries}
        assert dict(table) == {signature: keccak256(signature.encode())[:size] for signature in signatures}


def test_they_are_found_by_name() -> None:
    assert EVIDENCE.selector("eip712Domain").hex() == "84b0196e"  # as ERC-5267 gives it
    assert EVIDENCE.selector("owner").hex() == "02571be3"  # with its leading zero
    assert EVIDENCE.topic("Kept") == EVIDENCE.topics["Kept(bytes32,uint256,bytes32)"]


@pytest.mark.parametrize("look_up", [EVIDENCE.selector, EVIDENCE.topic])
@pytest.mark.parametrize("name", ["nothing", "", "kept(bytes32,uint256)", "Keep"])
def test_what_is_not_there_is_not_found(look_up: object, name: str) -> None:
    with pytest.raises(NotFound, match="Evidence has no"):
        look_up(name)  # type: ignore[operator]


def test_every_checker_knows_this_code_and_where_it_keeps_heads() -> None:
    assert KNOWN_CODE[EVIDENCE.runtime_code_hash] == EVIDENCE.slots["_heads"]
    for name in ("docs/reference/anchor.md", "examples/independent_anchor.py"):
        assert EVIDENCE.runtime_code_hash.hex() in (ROOT / name).read_text(encoding="utf-8"), name


def test_the_slots_of_a_module_are_found_by_its_name() -> None:
    assets = Artefact.load("Assets")
    assert (assets.slots["erc721._words"], assets.slots["_manifests"], assets.slots["_uris"]) == (0, 4, 5)
    page = (ROOT / "docs/reference/assets.md").read_text(encoding="utf-8")
    assert assets.runtime_code_hash.hex() in page
    for function in assets.selectors:
        assert function.partition("(")[0] in page, function
    for entry in assets.abi:
        if entry["type"] == "event":
            assert f"`{entry['name']}`" in page, entry["name"]


def test_the_page_of_the_market_tells_every_function_event_and_refusal() -> None:
    page = (ROOT / "docs/reference/market-contract.md").read_text(encoding="utf-8")
    market = Artefact.load("Market")
    assert market.runtime_code_hash.hex() in page
    assert Artefact.load("Credits").runtime_code_hash.hex() in page
    assert dict(market.immutables) == {"ASSETS": 0}
    for function in market.selectors:
        assert f"`{function.partition('(')[0]}(" in page, function
    for entry in market.abi:
        if entry["type"] == "event":
            values = ", ".join(f"`{each['name']}`{'*' * each['indexed']}" for each in entry["inputs"])
            assert f"| `{entry['name']}` | {values} |" in page, entry["name"]
    for source in market.sources_sha256:
        text = (ROOT / "src/counterfoil/ledger/contracts" / source).read_text(encoding="utf-8")
        for refusal in re.findall(r'assert .*, "(.+)"$', text, re.MULTILINE):
            assert f"`{refusal}`" in page, refusal


@pytest.mark.parametrize("name", ["Nothing", "../contracts/Evidence", "", "evidence/"])
def test_an_unknown_contract_is_not_found(name: str) -> None:
    with pytest.raises(NotFound, match="there is no contract"):
        Artefact.load(name)


def test_it_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        EVIDENCE.bytecode = b""  # type: ignore[misc]
    with pytest.raises(TypeError):
        EVIDENCE.slots["_heads"] = 5  # type: ignore[index]


def test_reading_it_needs_the_standard_library_only() -> None:
    program = (
        f"import sys; sys.path.append({str(Path(counterfoil.__file__).parents[1])!r});"
        "from counterfoil.ledger.contracts.artefact import Artefact; Artefact.load('Evidence');"
        "print(*{name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) <= {"counterfoil", "__main__"}
