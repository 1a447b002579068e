"""Makes and revokes keys in a home until it is killed, and says what was acknowledged.

    python access_writer.py HOME

Standard output gets `made <token>` or `revoked <token>` for each thing that is done.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from making_access import CHEAP

from counterfoil.node.access import HOME, Access
from counterfoil.node.settings import NodeSettings
from counterfoil.node.state import STATE_FILE, NodeState
from counterfoil.organisation import Organisation
from counterfoil.web.roles import Role


def say(*words: str) -> None:
    """One short write to a pipe is never torn."""
    os.write(1, (" ".join(words) + "\n").encode())


def main(home: Path) -> None:
    org = Organisation.open(home)
    access = Access(NodeState(home / STATE_FILE), NodeSettings(), org, org.recorder.now_s, CHEAP)
    for count in range(1_000_000):
        made = access.keys.add(f"key {count}", frozenset({Role.SERVICE}), by=HOME)
        say("made", made.token)
        if count % 3 == 0:
            access.keys.revoke(made.key.id, by=HOME)
            say("revoked", made.token)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
