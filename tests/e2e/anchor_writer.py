"""Records and anchors until it is killed: `python anchor_writer.py HOME`, one line for each anchor that is final."""

from __future__ import annotations

import sys

from counterfoil.core.statement import Draft
from counterfoil.organisation import Organisation


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(home: str) -> None:
    with Organisation.open(home) as org:
        tell("open")
        while True:
            org.recorder.write(Draft("event", "events", "one"))
            state = org.ledger.step(at_once=True)
            tell(str(state.proven_size))


if __name__ == "__main__":
    main(sys.argv[1])
