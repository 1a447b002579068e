"""Share files: what they look like to the byte, how the whole is parted, and what is refused."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from counterfoil.cli.main import run
from counterfoil.core.merkle import is_included, leaf_hash
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence, NotFound
from counterfoil.market.contributions.share_file import WHOLE, ShareFile

A, B, C = (f"0x{each * 20}" for each in ("0a", "0b", "0c"))


def node(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


def leaf(account: str, weight: int) -> bytes:
    return node(b"\0", bytes(12), bytes.fromhex(account[2:]), weight.to_bytes(32))


def test_the_whole_is_parted_to_the_last_part_and_the_root_is_that_of_the_contract() -> None:
    made = ShareFile.of({C: 1, A.upper().replace("0X", "0x"): 1, B: 1})
    assert made.claims == ((A, WHOLE // 3 + 1), (B, WHOLE // 3), (C, WHOLE // 3))
    first, second, third = (leaf(*each) for each in made.claims)
    root = node(b"\1", node(b"\1", first, second), third)
    assert made.root == root.hex()
    assert (
        made.encode()
        == (
            f'{{"claims":[["{A}",333333333334],["{B}",333333333333],["{C}",333333333333]],'
            f'"format":"counterfoil shares 1","root":"{made.root}"}}\n'
        ).encode()
    )
    assert ShareFile.read(made.encode()) == made
    assert made.claim(C).proof == (node(b"\1", first, second).hex(),)


def test_each_of_a_thousand_has_a_proof() -> None:
    made = ShareFile.of({f"0x{each:040x}": each for each in range(1, 1_001)})
    for account, weight in made.claims[::97]:
        claim = made.claim(account)
        word = bytes.fromhex(account[2:]).rjust(32, b"\0") + weight.to_bytes(32)
        proof = [bytes.fromhex(each) for each in claim.proof]
        assert is_included(leaf_hash(word), claim.index, claim.size, proof, bytes.fromhex(made.root))
    with pytest.raises(NotFound, match="no part"):
        made.claim(A)


@pytest.mark.parametrize(
    ("amounts", "words"),
    [
        ({}, "nobody shares"),
        ({A: 0}, "whole number above zero"),
        ({A: 1, A.upper().replace("0X", "0x"): 1}, "named twice"),
        ({"0x" + "00" * 20: 1}, "zero address"),
        ({"0a" * 20: 1}, "no account"),
        ({"0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed": 1}, "misspelt"),  # of ERC-55, its second letter in capitals
        ({A: 1, B: 10**13}, "one of them is none"),
    ],
    ids=["nobody", "nothing", "twice", "zero address", "no address", "misspelt", "too little"],
)
def test_what_cannot_be_shared_is_refused(amounts: dict[str, int], words: str) -> None:
    with pytest.raises(InvalidInput) as told:
        ShareFile.of(amounts)
    assert words in f"{told.value.message} {told.value.hint}"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda told: told | {"root": "ab" * 32}, DoesNotMatch),
        (lambda told: told | {"claims": told["claims"][::-1]}, MalformedEvidence),
        (lambda told: told | {"claims": [*told["claims"], told["claims"][-1]]}, MalformedEvidence),
        (lambda told: told | {"claims": [[A, WHOLE]]}, DoesNotMatch),
        (lambda told: told | {"claims": [[A, WHOLE + 1], [B, -1]]}, MalformedEvidence),
        (lambda told: told | {"claims": [[A.upper(), WHOLE]]}, MalformedEvidence),
        (lambda told: told | {"claims": [[A, WHOLE, 1]]}, MalformedEvidence),
        (lambda told: told | {"claims": [[A, True]]}, MalformedEvidence),
        (lambda told: told | {"claims": {}}, MalformedEvidence),
        (lambda told: told | {"more": 1}, MalformedEvidence),
        (lambda told: {}, MalformedEvidence),
    ],
    ids=["root", "order", "twice", "others", "negative", "letters", "triple", "true", "object", "more", "empty"],
)
def test_a_file_that_was_changed_is_found_out(change: object, error: type[Exception]) -> None:
    told = json.loads(ShareFile.of({A: 2, B: 1}).encode())
    with pytest.raises(error):
        ShareFile.read(json.dumps(change(told), sort_keys=True, separators=(",", ":")).encode())  # type: ignore[operator]


def test_made_and_checked_on_the_command_line_without_a_home(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts.csv").write_text(f"account,part\n{A},3\n{B},1\n")
    assert run(["--json", "market", "shares", "make", "parts.csv", "--out", "shares.json"]) == 0
    root = json.loads(capsys.readouterr().out)["root"]
    checked = ["--json", "market", "shares", "check", "shares.json", "--root", f"0x{root}"]
    assert run([*checked, "--account", B]) == 0
    assert json.loads(capsys.readouterr().out)["claim"]["weight"] == WHOLE // 4
    assert run([*checked[:-1], "ab" * 32]) != 0
    (tmp_path / "twice.csv").write_text(f"account,part\n{A},3\n{A},1\n")
    assert run(["market", "shares", "make", "twice.csv", "--out", "other.json"]) != 0
    assert "line 3 of twice.csv" in capsys.readouterr().err
    assert not (tmp_path / "other.json").exists()
