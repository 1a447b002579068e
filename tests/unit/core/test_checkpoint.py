"""Heads of a log."""

from __future__ import annotations

from base64 import b64encode

import pytest
from making import ORIGIN, signer

from counterfoil.core.checkpoint import Checkpoint, SignedCheckpoint
from counterfoil.errors import MalformedEvidence

ROOT = bytes(range(32))
HEAD = Checkpoint(ORIGIN, 70_000, ROOT)
B64 = b64encode(ROOT).decode()


def test_reads_what_it_writes() -> None:
    signed = SignedCheckpoint.parse(HEAD.signed(signer()))
    assert signed.head == HEAD == Checkpoint.parse(HEAD.text())
    assert signed.note.signed_by(signer().key)
    assert Checkpoint.parse(Checkpoint("a", 0, ROOT).text()).size == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"a\n1\n{B64}",
        f"a\n1\n{B64}\nextension\n",
        f"\n1\n{B64}\n",
        f"a\n-1\n{B64}\n",
        f"a\n01\n{B64}\n",
        f"a\n+1\n{B64}\n",
        f"a\n1_0\n{B64}\n",
        f"a\n\u0661\n{B64}\n",
        f"a\n\n{B64}\n",
        f"a\n{10**16}\n{B64}\n",
        f"a\n1\n{B64[:-1]}\n",
        f"a\n1\n{B64[:-2]}9=\n",
        f"a\n1\n{b64encode(ROOT[:31]).decode()}\n",
        f"a\n1\n{b64encode(ROOT + b'x').decode()}\n",
        f"a\n1\n {B64}\n",
        f"a\x9b2J\n1\n{B64}\n",
        f"a\u202eb\n1\n{B64}\n",
    ],
    ids=range(18),
)
def test_refuses_what_is_no_head(text: str) -> None:
    with pytest.raises(MalformedEvidence):
        Checkpoint.parse(text)
