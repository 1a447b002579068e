"""Proof files for single records."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from counterfoil.core.proofs import LogProof, decode_hashes, encode_hashes
from counterfoil.errors import MalformedEvidence

HASH = bytes(range(32))
PROOF = LogProof(12, (HASH, HASH[::-1]), "origin\n20\nroot\n\n\u2014 sig\n")


@pytest.mark.parametrize("proof", [PROOF, LogProof(0, (), "head\n"), LogProof(10**15, (HASH,) * 50, "")])
def test_reads_back(proof: LogProof) -> None:
    assert LogProof.parse(proof.text()) == proof


def test_an_extra_line_is_skipped() -> None:
    text = PROOF.text().replace("index 12", "extra AAAA\nindex 12")
    assert LogProof.parse(text) == PROOF


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("c2sp.org", "other"),
        ("index 12", "index"),
        ("index 12", "index -1"),
        ("index 12", "index 012"),
        ("index 12", "index 1 2"),
        ("index 12", "index \u0661"),
        ("index 12", "index " + "9" * 17),
        ("index 12", "place 12"),
        ("index 12\n", ""),
        ("AAEC", "!AEC"),
        ("AAEC", ""),
    ],
)
def test_other_shapes_are_refused(old: str, new: str) -> None:
    with pytest.raises(MalformedEvidence):
        LogProof.parse(PROOF.text().replace(old, new, 1))


@pytest.mark.parametrize("text", ["", "\n\n", "c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v1\nextra x"])
def test_empty_files_are_refused(text: str) -> None:
    with pytest.raises(MalformedEvidence):
        LogProof.parse(text)


GOOD = b64encode(HASH).decode()


@pytest.mark.parametrize(
    "value",
    [
        None,
        GOOD,
        {"a": 1},
        [None],
        [5],
        [[GOOD]],
        [""],
        [GOOD[:-1]],
        [GOOD + "="],
        [GOOD + "\n"],
        [" " + GOOD],
        [GOOD[:-2] + "9="],  # the same 32 bytes, with spare bits set
        [b64encode(HASH[:31]).decode()],
        [b64encode(HASH + b"x").decode()],
        ["\u00e9" * 44],
        [GOOD] * 1_088,
    ],
    ids=range(16),
)
def test_lists_that_are_no_hashes_are_refused(value: Any) -> None:
    with pytest.raises(MalformedEvidence):
        decode_hashes(value, "a test")


def test_hashes_read_back() -> None:
    assert decode_hashes(encode_hashes([HASH] * 1_087), "a test") == (HASH,) * 1_087
    assert decode_hashes([], "a test") == ()
