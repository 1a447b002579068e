"""Appends to a log until it is killed, and says on standard output what is durable.

    python log_writer.py FOLDER SEED

Each line is `<first index> <number of entries>`, written after the append returned.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

from counterfoil.store.log import Log


def is_entry(data: bytes) -> bool:
    try:
        return isinstance(json.loads(data), dict)
    except ValueError:
        return False


def main(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    log = Log.open(folder, is_entry=is_entry)
    while True:
        count = chance.choice([1, 3, 50, 400, 1500])
        first = log.append(
            [b'{"n":%d,"run":%d,"pad":"%s"}' % (log.size + i, seed, b"x" * (i % 90)) for i in range(count)]
        )
        os.write(sys.stdout.fileno(), b"%d %d\n" % (first, count))
        if log.state_due or chance.random() < 0.05:
            log.save_state({"size": log.size})


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
