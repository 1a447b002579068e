"""What of a running node needs a person, as far as it can tell itself without asking anybody."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from counterfoil.core.wording import counted
from counterfoil.node.alarms import Concern
from counterfoil.node.chores import ChoreView
from counterfoil.node.webhooks.webhooks import Webhook

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["LEAST_FREE_BYTES", "concerns"]

LEAST_FREE_BYTES: Final = 1 << 30
CLOCK_BEHIND_S: Final = 60


def concerns(org: Organisation, chores: list[ChoreView], webhooks: list[Webhook]) -> Iterator[Concern]:
    """Yields what needs a person now."""
    if not org.recorder.is_sound:
        yield Concern("log", "the log takes no records until the node is started anew", "restart the node")
    waiting = org.recorder.spool.count
    if waiting:
        found = f"{counted(waiting, 'record')} wait because the log could not be written"
        yield Concern("queue", found, "free space or mend the disk of the log; they move by themselves")
    behind_s = org.recorder.clock_behind_s()
    if behind_s > CLOCK_BEHIND_S:
        yield Concern("clock", f"this machine's clock is {behind_s:,} s behind the newest record", "set the clock")
    free = shutil.disk_usage(org.home.paths.folder).free
    if free < LEAST_FREE_BYTES:
        yield Concern("disk", f"{free / (1 << 30):.1f} GiB are free where the home lies", "free some space")
    if org.ledger.fault:
        yield Concern("ledger", f"anchoring fails: {org.ledger.fault}", "see Ledger, or GET /api/v1/ledger")
    problems = org.witness.status().problems
    if problems:
        yield Concern("witness", "; ".join(problems), "see Witnesses, or GET /api/v1/witness")
    for hold in org.provenance.recalls.bar.holds():
        found = f"the {hold.words()}"
        yield Concern(f"recall:{hold.recall}", found, "tell the people, mend it, and end the recall: see Recalls")
    yield from (Concern(f"market:{name}", found, hint) for name, found, hint in org.market.concerns())
    for chore in chores:
        if chore.fault:
            yield Concern(f"chore:{chore.name}", f"{chore.name}: {chore.fault}", "see Work, or GET /api/v1/status")
    for hook in webhooks:
        if hook.said and hook.waiting:
            found = f"the webhook {hook.id} does not take messages: {hook.said}"
            yield Concern(f"webhook:{hook.id}", found, "mend the receiver, or remove the webhook")
