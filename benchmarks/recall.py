"""What a recall costs at a million decisions: finding what a dataset reached, counting the people, opening it.

A dataset, the run that trained on it, the model and its deployment are records of the log. The tables
are then filled with made-up rows, handed over as the log would hand them over, decrypted; each decision
names a person of its own, and one row in twenty overrides a decision. Recalling goes the way users do,
through `recalls.preview` and `recalls.open`. The notice list is written of real decisions.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import bank
import views as tables
from measure import Figure, Run, spending, start

from counterfoil.organisation import Organisation
from counterfoil.organisation.reach import count_people
from counterfoil.store.views import BATCH

RECORDS = 1_000_000
LOOKS = 5
REAL = 20_000
RECALL_S = 2.0
WHY = "a column was doubled"

PLACES = tables.PLACES
FIGURES = (
    *(
        figure
        for place, words in PLACES.items()
        for figure in (
            Figure(f"{place}_recall_s", "seconds", f"What a dataset reached, with counts, {words}", "lower", RECALL_S),
            Figure(f"{place}_people_s", "seconds", f"Of that, counting different people, {words}", "lower"),
            Figure(f"{place}_open_s", "seconds", f"A recall opened and on record, {words}", "lower", RECALL_S),
        )
    ),
    Figure("notices_per_cpu_s", "people per CPU second", "People written into a notice list", "higher"),
    Figure("idle_cpu_us", "microseconds of CPU", "A decision recorded, with no recall open", "lower"),
    Figure(
        "guarded_cpu_us",
        "microseconds of CPU",
        "A decision recorded, while a recall of something else is open",
        "lower",
    ),
)


def main() -> None:
    run = start("recall", __doc__, FIGURES, only={"choices": [*PLACES, "real"], "help": "one of the three"})
    for place in PLACES:
        if run.options.only in (None, place):
            with run.folder() as folder, bank.home(folder) as org, tables.tables_in(place, org) as measured:
                if measured is None:
                    run.note(f"{place}_recall_s", "PostgreSQL's server is not installed here")
                else:
                    _reach(run, place, org, folder, measured)
    if run.options.only in (None, "real"):
        with run.folder() as folder, bank.home(folder) as org:
            _real(run, org, folder)
    run.repeat = 1
    run.finish()


def _trained(org: Organisation, folder: Path, random: Random, count: int) -> bank.Decisions:
    """Puts the constant model to work, and says that it was trained on the dataset `training`."""
    for name in ("training", "other"):
        (folder / f"{name}.csv").write_text(f"age,amount\n30,{len(name)}\n", encoding="utf-8")
        org.provenance.register_dataset(folder / f"{name}.csv")
    made = bank.Decisions(org, random, count)
    with org.provenance.run("train", inputs=["training"], kind="training") as captured:
        captured.model(org.provenance.models()[0])
    made.decide(made.applicants[0], subject="customer 0")  # the newest record, which the made-up rows look like
    return made


def _reach(run: Run, place: str, org: Organisation, folder: Path, measured: tables.Place) -> None:
    random = Random(run.seed)
    leaf = _trained(org, folder, random, 1).leaf
    first = org.archive.size
    org.decisions.search()
    for rows in tables.batches(org, leaf, random, first, run.count(RECORDS, least=2 * BATCH)):
        org.views._fold_together(rows)
        run.say(f"{place}: {rows[-1].index:,}")
    if place == "postgres":
        with org.views.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")  # as autovacuum does by itself
    found = org.recalls.preview("training")
    before_s = measured.cpu_s()
    took = [_took_s(lambda: org.recalls.preview("training")) for _ in range(LOOKS)]
    cpu_s = (measured.cpu_s() - before_s) / LOOKS
    run.add(f"{place}_recall_s", statistics.median(took))
    run.note(
        f"{place}_recall_s",
        f"{LOOKS} times; slowest {max(took):.2f} s; {cpu_s:.2f} CPU s each; "
        f"{found.decisions:,} decisions, {found.people:,} people",
    )
    known = [each.index for each in found.deployments]

    def people() -> int:
        with org.views.reading() as connection:
            return count_people(connection, known)

    run.add(f"{place}_people_s", statistics.median(_took_s(people) for _ in range(LOOKS)))
    # The tables are ahead of the log by the made-up rows, so the tables have nothing to read of the recall's record.
    opening: Callable[[], Any] = lambda: _opened(org)  # noqa: E731
    run.add(f"{place}_open_s", _took_s(opening))


def _opened(org: Organisation) -> None:
    register = org.provenance.recalls
    root = org.recalls.find("training")
    with register.opening(root, "block", reason=WHY, by="Ada") as opening:
        opening.record(org.recalls.preview("training").numbers())


def _real(run: Run, org: Organisation, folder: Path) -> None:
    made = _trained(org, folder, Random(run.seed), 100)
    count = run.count(REAL, least=500)
    for _ in range(run.repeat):
        run.add("idle_cpu_us", _per_decision_cpu_us(made, count))
    other = org.recalls.open("other", reason=WHY, by="Ada")
    for _ in range(run.repeat):
        run.add("guarded_cpu_us", _per_decision_cpu_us(made, count))
    opened = org.recalls.open("training", reason=WHY, by="Ada")
    assert other.reach.decisions == 0
    with spending() as spent:
        written = org.recalls.notices(opened.recall, folder / "people.ndjson", by="Ada")
    run.add("notices_per_cpu_s", written.people / spent.cpu_s)
    run.note("notices_per_cpu_s", f"{written.people:,} people, {opened.reach.decisions:,} decisions")


def _per_decision_cpu_us(made: bank.Decisions, count: int) -> float:
    prepared = [made.prepare(number) for number in range(count)]
    with spending() as spent:
        made.org.recorder.record(prepared)
    return spent.cpu_s / count * 1e6


def _took_s(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
