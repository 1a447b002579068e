"""Answers requests to a witness until it is killed: lengths and bodies on standard input, answers on output.

python witness_server.py FOLDER
"""

from __future__ import annotations

import os
import struct
import sys
import time
from pathlib import Path

from serving_witness import ORIGIN, GrowingLog

from counterfoil.store.keyring import Keyring
from counterfoil.store.unlock import Unlock
from counterfoil.witness.cosigner import Cosigner
from counterfoil.witness.settings import WitnessPaths


def main(folder: Path) -> None:
    """Serves; each answer is its status, the length of its body, the body."""
    ring = Keyring.open(folder / "keys.json", Unlock.from_key_file(folder / "key"))
    cosigner = Cosigner(WitnessPaths(folder / "witness"), ring, "club.example", time.time)
    cosigner.keys = {ORIGIN: (GrowingLog().signer.key,)}
    os.write(1, b"ready\n")
    while header := sys.stdin.buffer.read(4):
        (length,) = struct.unpack(">I", header)
        answer = cosigner.add_checkpoint(sys.stdin.buffer.read(length))
        os.write(1, struct.pack(">HI", answer.status, len(answer.body)) + answer.body)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
