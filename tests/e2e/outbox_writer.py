"""Submits and sends to a counter until it is killed, and says what was acknowledged.

    python outbox_writer.py OUTBOX SECRET COUNTER CHAIN_ID (URL | FOLDER)

The variable OUTBOX_URL names a database to keep its rows in, instead of the file OUTBOX.

For every line `<seed>` on standard input a child is forked, so that a run costs no
imports. Standard output gets `started <pid>`, then `submitted <id> <key>` for each row
that is durable, then `ended <status>`. With a folder, the embedded ledger in it is opened
in the same process, and is killed with it.
"""

from __future__ import annotations

import os
import random
import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from counter import GENEROUS, TWELVE_BLOCKS, count_call, key_of, place_of

from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.chain import Chain, FeePolicy, Finality
from counterfoil.ledger.rpc.endpoint import Endpoint
from counterfoil.ledger.sending.outbox import Outbox

THREADS = 3


def say(*words: object) -> None:
    """One short write to a pipe is never torn."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def submit_forever(outbox: Outbox, counter: bytes, seed: str) -> None:
    for number in range(10_000):
        key = f"{seed}/{number}"
        row_id = outbox.submit(counter, count_call(key_of(key)), gas=100_000, purpose="count", key=key)
        say("submitted", row_id, key)
        threading.Event().wait(random.Random(key).uniform(0, 0.02))


def run(seed: str, path: Path, secret: bytes, counter: bytes, chain_id: int, where: str) -> None:
    is_url = where.startswith("http")
    rpc: AbstractContextManager[Endpoint | EmbeddedLedger]
    rpc = Endpoint(where) if is_url else EmbeddedLedger.open(Path(where))
    with rpc as ledger:
        chain = Chain(ledger, chain_id, TWELVE_BLOCKS if is_url else Finality(), FeePolicy())
        with Outbox(
            place_of(path, os.environ.get("OUTBOX_URL", "")), chain, LocalAccount(secret), limits=GENEROUS
        ) as outbox:
            for thread in range(THREADS):
                arguments = (outbox, counter, f"{seed}.{thread}")
                threading.Thread(target=submit_forever, args=arguments, daemon=True).start()
            while True:
                outbox.step()


def main(path: str, secret: str, counter: str, chain_id: str, where: str) -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            say("started", os.getpid())
            try:
                run(line.strip(), Path(path), bytes.fromhex(secret), bytes.fromhex(counter), int(chain_id), where)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        say("ended", status)


if __name__ == "__main__":
    main(*sys.argv[1:])
