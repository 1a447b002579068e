"""The chores of a node: what each does, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from counterfoil.core.wording import counted
from counterfoil.node.chores import Chore
from counterfoil.node.concerns import concerns

if TYPE_CHECKING:
    from counterfoil.node.node import Node

__all__ = ["chores_of"]

REQUESTS_EVERY_S: Final = 2.0
TABLES_EVERY_S: Final = 2.0
QUEUE_EVERY_S: Final = 5.0
COUNTS_EVERY_S: Final = 60.0
RETENTION_EVERY_S: Final = 600.0
FILES_EVERY_S: Final = 600.0
DEPOT_EVERY_S: Final = 300.0
ALARMS_EVERY_S: Final = 10.0
ACCESS_EVERY_S: Final = 60.0
MARKET_EVERY_S: Final = 5.0
CATALOGUE_EVERY_S: Final = 30.0


def chores_of(node: Node) -> list[Chore]:
    """Returns what this node does by itself."""
    org = node.org

    def tables() -> str:
        org.views.catch_up()
        return ""

    def requests() -> str:
        node.requests.settle()
        return ""

    def queue() -> str:
        moved = org.recorder.drain() if org.recorder.spool.count else 0
        return f"moved {counted(moved, 'record')} to the log" if moved else ""

    def counts() -> str:
        written = len(org.recorder.close_epochs()) if org.recorder.streams.has_ended_epochs() else 0
        return f"wrote {counted(written, 'count')}" if written else ""

    def retention() -> str:
        erased = org.erasures.shred_due().erased if org.erasures.due() else ()
        org.erasures.apply_waiting()
        return f"erased the private values of {counted(len(erased), 'record')}" if erased else ""

    def depot() -> str:
        copied = org.depot.push().parts if org.home.settings.depot_url else 0
        return f"copied {counted(copied, 'part')} to the depot" if copied else ""

    def alarms() -> str:
        return node.alarms.settle(concerns(org, node.chores.list(), node.webhooks.list()))

    def files() -> str:
        deleted = node.jobs.forget_files(node.settings.job_files_s)
        return f"deleted {counted(deleted, 'file')} of finished jobs" if deleted else ""

    def access() -> str:
        node.access.keep()
        return ""

    def market() -> str:
        return org.market.step()

    def catalogue() -> str:
        found = org.market.refresh().found if org.market.is_open else 0
        return f"found {counted(found, 'offer sheet')}" if found else ""

    return [
        Chore("requests", "Notes which named requests were answered.", REQUESTS_EVERY_S, requests),
        Chore("tables", "Takes new records into the searchable tables.", TABLES_EVERY_S, tables),
        Chore("queue", "Moves waiting decisions to the log, once it can be written again.", QUEUE_EVERY_S, queue),
        Chore("counts", "Puts on record how many records each stream has had.", COUNTS_EVERY_S, counts),
        Chore("retention", "Erases what was locked away and has been kept long enough.", RETENTION_EVERY_S, retention),
        Chore("access", "Notes when keys were last used and people last signed in.", ACCESS_EVERY_S, access),
        Chore("files", "Deletes the files of jobs that were done a while ago.", FILES_EVERY_S, files),
        Chore(
            "depot",
            "Copies finished parts of the log to the object store, if the settings name one.",
            DEPOT_EVERY_S,
            depot,
        ),
        Chore("alarms", "Looks whether anything needs a person.", ALARMS_EVERY_S, alarms),
        Chore(
            "market",
            "Delivers and settles what was sold, and goes on with what is being bought.",
            MARKET_EVERY_S,
            market,
            waits_for_others=True,
        ),
        Chore(
            "catalogue",
            "Reads what is offered on the ledger, and fetches the offer sheets.",
            CATALOGUE_EVERY_S,
            catalogue,
            waits_for_others=True,
        ),
    ]
