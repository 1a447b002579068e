"""Filling and searching the tables of a million decisions, in a file and in PostgreSQL side by side.

The rows are made up and handed to the tables as the log would hand them over, decrypted:
what is measured is the tables' own work. One decision in twenty is overridden. Searches
go the way users' do, through `decisions.search` and `decisions.counts`.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import bank
from measure import Figure, Run, size_bytes, start

from counterfoil.core.statement import read_record
from counterfoil.organisation import Organisation
from counterfoil.store.streams import time_text
from counterfoil.store.view_database import PostgresViews
from counterfoil.store.views import BATCH, Row, Views

RECORDS = 1_000_000
DAYS = 365
DAY_S = 86_400
START_S = 1_700_000_000
OVERRIDDEN_EVERY = 20
KNOWN_EVERY = 1_000
LOOKS = 200
SUBJECT_MS = 50

SEARCHES = {
    "subject": "Decisions on one person",
    "newest": "The newest 50 decisions",
    "label": "The newest 50 of one label",
    "window": "50 decisions of an hour, a year ago",
    "label_window": "50 decisions of one label up to a moment, a year ago",
    "overridden": "The newest 50 that were overridden",
    "counts": "Counts of every day, policy and label",
}
PLACES = {"sqlite": "in a file", "postgres": "in PostgreSQL"}
FIGURES = tuple(
    figure
    for place, words in PLACES.items()
    for figure in (
        Figure(f"{place}_records_folded_per_cpu_s", "records per CPU second", f"Tables filled, {words}", "higher"),
        Figure(f"{place}_bytes_per_record", "bytes", f"Disk for tables and indexes, {words}", "lower"),
        *(
            Figure(
                f"{place}_{name}_ms",
                "milliseconds",
                f"{says}, {words}",
                "lower",
                SUBJECT_MS if name == "subject" else None,
            )
            for name, says in SEARCHES.items()
        ),
    )
)


def main() -> None:
    run = start("views", __doc__, FIGURES, only={"choices": list(PLACES), "help": "one of the two"})
    for place in PLACES:
        if run.options.only in (None, place):
            with run.folder() as folder, bank.home(folder) as org, tables_in(place, org) as found:
                if found is not None:
                    _measure(run, place, org, found)
                else:
                    for figure in FIGURES:
                        if figure.name.startswith(place):
                            run.note(figure.name, "PostgreSQL's server is not installed here")
    run.repeat = 1
    run.finish()


@dataclass(frozen=True, slots=True)
class Place:
    """Where the tables are.

    Attributes:
        cpu_s: Returns the CPU seconds spent so far, a server's own counted in.
        used_bytes: Returns what the tables take on disk.
        note: What to mind; empty without.
    """

    cpu_s: Callable[[], float]
    used_bytes: Callable[[], int]
    note: str = ""


@contextmanager
def tables_in(place: str, org: Organisation) -> Iterator[Place | None]:
    """Points the home's tables there; yields None where that is not installed."""
    if place == "sqlite":
        yield Place(time.process_time, lambda: size_bytes(org.home.paths.views))
        return
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from postgres import binaries, running_server

    if binaries() is None:
        yield None
        return
    with running_server() as server:
        url = server.new_database()
        views: Views = org.views
        views.close()
        views._database = PostgresViews(url, lambda: "counterfoil_views_benchmark")

        def used() -> int:
            return int(server.execute("SELECT pg_database_size('home1')")[0][0])

        version = server.execute("SHOW server_version")[0][0]
        empty = used()
        yield Place(
            lambda: time.process_time() + _server_cpu_s(server),
            lambda: used() - empty,
            f"PostgreSQL {version} on a Unix socket; its own CPU is counted too",
        )
        views.close()


def _server_cpu_s(server: Any) -> float:
    """Returns the CPU that the server's processes have used, those that ended included."""
    ticks, parent = 0, server._process.pid
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        fields = text.rpartition(")")[2].split()
        if int(stat.parent.name) == parent:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == parent:
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _measure(run: Run, place: str, org: Organisation, found: Place) -> None:
    records = run.count(RECORDS, least=2 * BATCH)
    random = Random(run.seed)
    decisions = bank.Decisions(org, random, 1)
    first = org.archive.size
    org.decisions.search()
    spent_s = 0.0
    for rows in batches(org, decisions.leaf, random, first, records):
        before = found.cpu_s()
        org.views._fold_together(rows)
        spent_s += found.cpu_s() - before
        run.say(f"{place}: {rows[-1].index:,} of {records:,}")
    run.add(f"{place}_records_folded_per_cpu_s", records / spent_s)
    run.add(f"{place}_bytes_per_record", found.used_bytes() / records)
    if found.note:
        run.note(f"{place}_records_folded_per_cpu_s", found.note)
    if place == "postgres":
        with org.views.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")  # as autovacuum does by itself
    old = time_text(START_S + DAY_S)
    later = time_text(START_S + DAY_S + 3_600)
    search, counts = org.decisions.search, org.decisions.counts
    looks: dict[str, Callable[[], Any]] = {
        "subject": lambda: search(subject=f"customer {random.randrange(records // KNOWN_EVERY) * KNOWN_EVERY}"),
        "newest": search,
        "label": lambda: search(label="decline"),
        "window": lambda: search(since=old, until=later),
        "label_window": lambda: search(label="decline", until=old),
        "overridden": lambda: search(overridden=True),
        "counts": counts,
    }
    times = run.count(LOOKS, least=5)
    for name, look in looks.items():
        took = sorted(_took_ms(look) for _ in range(times))
        run.add(f"{place}_{name}_ms", statistics.median(took))
        run.note(f"{place}_{name}_ms", f"{times} times; slowest {took[-1]:.1f} ms; {len(look()):,} rows")


def _took_ms(look: Callable[[], Any]) -> float:
    began = time.perf_counter()
    look()
    return (time.perf_counter() - began) * 1e3


def batches(org: Organisation, leaf: str, random: Random, first: int, records: int) -> Iterator[list[Row]]:
    """Makes decisions and overrides as rows, 2,000 at a time."""
    decision = read_record(org.archive.entry(first - 1))
    leaves: list[bytes] = []
    for begin in range(0, records, BATCH):
        rows = []
        for number in range(begin, min(begin + BATCH, records)):
            made = random.randbytes(32)
            time_s = START_S + number * DAYS * DAY_S // records
            label = random.choice(("approve", "decline"))
            if number % OVERRIDDEN_EVERY == OVERRIDDEN_EVERY - 1:
                about = leaves[random.randrange(len(leaves))].hex()
                record = decision._replace(kind="override", builds_on=(about,), seq=number)
                values: dict[str, Any] = {"/label": label}
            else:
                record = decision._replace(builds_on=(leaf,), seq=number)
                values = {"/output/label": label, "/output/score_micro": random.randrange(1_000_000)}
                if number % 50 == 0:
                    leaves.append(made)
            known = number % KNOWN_EVERY == 0
            subject = org.vault.subject_tag(f"customer {number}") if known else random.randbytes(16)
            rows.append(Row(first + number, made, record, time_s, values, subject))
        yield rows


if __name__ == "__main__":
    main()
