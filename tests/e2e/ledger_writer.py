"""Sends to an embedded ledger until it is killed, and says on standard output what was acknowledged.

    python ledger_writer.py FOLDER

For each line `<run> write` or `<run> create` on standard input it forks a process that does that, and prints
`pid <number>`. That process prints `ready`, then `<account> <first nonce> <count>` after each send returned; once
it is dead, `dead` follows. Forking saves loading the EVM for every kill.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from small_ledger import CHAIN_ID, GWEI, Purse

from counterfoil.core.keccak import keccak256
from counterfoil.ledger.accounts.transaction import Transaction
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.hexadecimal import data
from counterfoil.ledger.rpc.rpc import RpcError

COUNTER = bytes.fromhex("5f546001015f5500")
"""Adds one to slot 0."""

PURSE = Purse()


def say(text: str) -> None:
    os.write(sys.stdout.fileno(), f"{text}\n".encode())


def raw(who: int, nonce: int, counter: bytes) -> bytes:
    """Returns the account's transaction with this number: the same bytes in every run."""
    return PURSE.accounts[who].sign(Transaction(CHAIN_ID, nonce, counter, b"", 100_000, 100 * GWEI, 0, 1)).raw


def write(folder: Path, run: int) -> None:
    chance = random.Random(run)
    ledger = EmbeddedLedger.open(folder)
    counter = bytes.fromhex(ledger.call("eth_getBlockReceipts", "0x1")[0]["contractAddress"][2:])
    nonces = [int(ledger.call("eth_getTransactionCount", data(PURSE.address(who)), "latest"), 16) for who in range(4)]
    say("ready")
    for who in range(3):
        if nonces[who]:  # what the run before sent last, acknowledged or not
            last = raw(who, nonces[who] - 1, counter)
            (answer,) = ledger.batch([("eth_sendRawTransaction", [data(last)])])
            assert isinstance(answer, RpcError)
            assert answer.message == "already known"
    while True:
        who, count = chance.randrange(3), chance.choice([1, 1, 1, 5, 40])
        raws = [raw(who, nonce, counter) for nonce in range(nonces[who], nonces[who] + count)]
        assert ledger.send(raws) == [keccak256(each) for each in raws]
        say(f"{who} {nonces[who]} {count}")
        nonces[who] += count


def create(folder: Path) -> None:
    say("ready")
    with EmbeddedLedger.create(folder, chain_id=CHAIN_ID, funded=PURSE.funded):
        say("3 0 0")


def main(folder: Path) -> None:
    for line in sys.stdin:
        run, _, what = line.strip().partition(" ")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                write(folder, int(run)) if what == "write" else create(folder / run)
                status = 0
            finally:
                os._exit(status)
        say(f"pid {child}")
        os.waitpid(child, 0)
        say("dead")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
