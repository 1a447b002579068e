"""Records and anchors until it is killed, and says on standard output which anchors are final.

    python anchor_writer.py HOME

For every line on standard input a child is forked, so that a run costs no imports. Standard output gets
`started <pid>`, then `open`, then the proven size after each step, then `ended <status>`.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from counterfoil.core.statement import Draft
from counterfoil.organisation import Organisation

HEAVY = (
    "counterfoil.ledger.anchors.anchoring",
    "counterfoil.ledger.assets.opened",
    "counterfoil.ledger.embedded.ledger",
    "counterfoil.ledger.market.opened",
    "counterfoil.ledger.connecting",
    "counterfoil.ledger.opening",
    "counterfoil.ledger.placed",
    "eth_keyfile",
)
"""What a home imports on its way to its first anchor."""


def tell(*words: object) -> None:
    """One short write to a pipe is never torn."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def record_and_anchor(home: str) -> None:
    with Organisation.open(home) as org:
        tell("open")
        while True:
            org.recorder.write(Draft("event", "events", "one"))
            state = org.ledger.step(at_once=True)
            tell(state.proven_size)


def main(home: str) -> None:
    for each in HEAVY:  # once for all children
        import_module(each)
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            tell("started", os.getpid())
            try:
                record_and_anchor(home)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        tell("ended", status)


if __name__ == "__main__":
    main(sys.argv[1])
