"""Known answers from the standards (tests/vectors/README.md)."""

from __future__ import annotations

import json
import struct
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest

from counterfoil.core import canonical
from counterfoil.core.merkle import (
    EMPTY_ROOT,
    consistency_path,
    inclusion_path,
    is_consistent,
    is_included,
    leaf_hash,
    root_of,
)
from counterfoil.core.note import VerifierKey, parse_note
from counterfoil.core.tiles import entries_path, tile_path, tile_width
from counterfoil.errors import InvalidInput

VECTORS = Path(__file__).parents[1] / "vectors"


def read(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))


JCS, MERKLE, NOTE, TILES, SD_JWT = (read(name) for name in ("jcs", "merkle", "signed_note", "tiles", "sd_jwt"))


def double(bits: str) -> float:
    return float(struct.unpack(">d", bytes.fromhex(bits))[0])


@pytest.fixture(params=["orjson", "plain"], autouse=True)
def writer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer with and without the accelerator."""
    if request.param == "plain":
        monkeypatch.setattr(canonical, "orjson", None)


@pytest.mark.parametrize(("bits", "text"), JCS["numbers"])
def test_rfc_8785_numbers(bits: str, text: str) -> None:
    assert canonical.encode_number(double(bits)) == text
    assert canonical.dumps([double(bits)]) == f"[{text}]".encode()
    assert canonical.loads(text) == double(bits)


@pytest.mark.parametrize("bits", JCS["not_numbers"])
def test_rfc_8785_refuses_what_is_no_number(bits: str) -> None:
    with pytest.raises(InvalidInput):
        canonical.dumps([double(bits)])


def test_rfc_8785_sample_object() -> None:
    sample = JCS["documents"][0]
    assert canonical.dumps(canonical.loads(sample["input"])) == sample["output"].encode()


def test_rfc_8785_order_of_keys() -> None:
    sample = JCS["documents"][1]
    written = canonical.dumps(canonical.loads(sample["input"]))
    assert list(json.loads(written).values()) == sample["order"]


LEAVES = [leaf_hash(bytes.fromhex(leaf)) for leaf in MERKLE["leaves"]]
ROOTS = [bytes.fromhex(root) for root in MERKLE["roots"]]


def subtree(start: int, end: int) -> bytes:
    return root_of(LEAVES[start:end])


def test_reference_tree_roots() -> None:
    assert EMPTY_ROOT.hex() == MERKLE["empty_root"]
    assert [root_of(LEAVES[:size]) for size in range(1, 9)] == ROOTS


@pytest.mark.parametrize("proof", MERKLE["inclusion"])
def test_reference_tree_inclusion(proof: dict[str, Any]) -> None:
    index, size = proof["index"], proof["size"]
    path = [bytes.fromhex(step) for step in proof["path"]]
    assert inclusion_path(index, size, subtree) == path
    assert is_included(LEAVES[index], index, size, path, ROOTS[size - 1])


@pytest.mark.parametrize("proof", MERKLE["consistency"])
def test_reference_tree_consistency(proof: dict[str, Any]) -> None:
    old, new = proof["old"], proof["new"]
    path = [bytes.fromhex(step) for step in proof["path"]]
    assert consistency_path(old, new, subtree) == path
    assert is_consistent(old, ROOTS[old - 1], new, ROOTS[new - 1], path)


def test_signed_note_example() -> None:
    key, note = VerifierKey.parse(NOTE["vkey"]), parse_note(NOTE["note"])
    assert (note.text, note.signed_by(key), str(key)) == (NOTE["text"], True, NOTE["vkey"])
    assert not parse_note(NOTE["note"].replace("don't", "do")).signed_by(key)


def test_tile_paths_and_widths() -> None:
    for level, number, width, path in TILES["paths"]:
        assert tile_path(level, number, width) == path
    for number, width, path in TILES["entries"]:
        assert entries_path(number, width) == path
    for size, tiles in TILES["widths"].items():
        for level, number, width in tiles:
            assert tile_width(int(size), level, number) == width


def test_sd_jwt_disclosure() -> None:
    assert urlsafe_b64encode(canonical.dumps(SD_JWT["parts"])).rstrip(b"=").decode() == SD_JWT["encoded"]
