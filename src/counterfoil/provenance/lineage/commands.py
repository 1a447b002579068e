"""`counterfoil lineage`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.core.wording import counted
from counterfoil.errors import InvalidInput
from counterfoil.provenance.lineage.graph import STANDING_WORDS
from counterfoil.provenance.lineage.picture.commands import show
from counterfoil.provenance.lineage.shapes import run_json, shown_json
from counterfoil.provenance.shapes import key_values

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.organisation import Organisation
    from counterfoil.provenance.lineage.rederivation.rederiver import Rederived
    from counterfoil.provenance.lineage.runs import Run

__all__ = ["export_runs", "import_runs", "lineage"]

PATH: Final = click.Path(path_type=Path)

_MISMATCH: Final = 4
_SHOWN: Final = 16
"""Hexadecimal digits of a digest that people are shown."""


@click.group()
def lineage() -> None:
    """Say what came from what, and see it: runs, recorded, told by others, and run again."""


lineage.add_command(show)


@lineage.command("runs")
@click.argument("run", required=False, metavar="[RUN]", help="One of them: its place in the log, or its name.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="Most that are listed.")
@click.pass_obj
def list_runs(session: Session, run: str | None, limit: int) -> None:
    """List the runs on record, newest first, and how well each is known; or show one of them."""
    with session.open() as org:
        if run is not None:
            found = org.provenance.runs.find(run)
            session.emit(shown_json(org.provenance.runs, found), _run_lines(org, found))
            return
        listed = [(each, org.provenance.runs.standing(each)) for each in org.provenance.runs.page(limit)]
    rows = [
        (
            each.index,
            each.record.name,
            each.record.kind,
            len(each.record.inputs),
            len(each.record.outputs),
            each.record.status,
            STANDING_WORDS[standing],
            each.record.source.get("system", ""),
        )
        for each, standing in listed
    ]
    header = ("record", "name", "kind", "in", "out", "ended", "known", "from")
    told = [run_json(each) | {"standing": standing} for each, standing in listed]
    session.emit({"runs": told}, session.table(header, rows) if rows else ["No runs yet."])


@lineage.command("record")
@click.argument("name", help="What was done, in a word or two.")
@click.option("--kind", default="transformation", show_default=True, help="transformation, training, …")
@click.option("--input", "inputs", multiple=True, metavar="NAME|INDEX", help="What went in; may be repeated.")
@click.option("--output", "outputs", multiple=True, metavar="NAME|INDEX", help="What came out; may be repeated.")
@click.option("--code", "code", multiple=True, type=PATH, metavar="FILE", help="What was run; may be repeated.")
@click.option("--parameter", "parameters", multiple=True, metavar="KEY=VALUE", help="JSON, or text; may be repeated.")
@click.option("--seed", type=int, help="Of its random numbers.")
@click.option("--failed", is_flag=True, help="It did not come to its end.")
@click.pass_obj
def record_run(
    session: Session,
    name: str,
    kind: str,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    code: tuple[Path, ...],
    parameters: tuple[str, ...],
    seed: int | None,
    failed: bool,
) -> None:
    """Record a run that was done without this program: what went in, what came out, and how.

    Inputs and outputs are on record already; `counterfoil dataset add` and `model add` put them there.
    What is recorded is your word, and shows as declared; `rederive` can show more.
    """
    from counterfoil.provenance.lineage.capture import source_of
    from counterfoil.provenance.lineage.records import Code, RunRecord

    told = {key: _value(text) for key, text in key_values(parameters, "--parameter").items()}
    source = source_of(code or None)
    with session.open() as org:
        runs, find, now = org.provenance.runs, org.provenance.find, org.provenance.runs.now()
        record = RunRecord(
            name,
            kind,
            tuple(find(each).leaf for each in inputs),
            tuple(find(each).leaf for each in outputs),
            None,
            told,
            {},
            seed,
            now,
            now,
            "failed" if failed else "succeeded",
        )
        runs.require_tellable(record)  # nothing is kept of what is refused
        if source is not None:
            record = replace(record, code=Code(source[0], runs.keep(source[1])))
        made = runs.record(record)
    session.emit(run_json(made), [f"Run {name} is record {made.index}: declared, by you."])


@lineage.command("rederive")
@click.argument("run", metavar="RUN", help="Its place in the log, or its name.")
@click.argument("command", nargs=-1, metavar="[-- COMMAND [ARGUMENT]...]", help="What is run.")
@click.option("--code", "code", multiple=True, type=PATH, metavar="FILE", help="What was run, as it was; repeatable.")
@click.option("--input", "inputs", multiple=True, metavar="NAME=PATH", help="What went in, as it was; repeatable.")
@click.option("--output", "outputs", multiple=True, metavar="NAME=PATH", help="Where it writes, in the folder.")
@click.option(
    "--timeout-s",
    type=click.FloatRange(min=0, min_open=True),
    default=600.0,
    show_default=True,
    help="Longest that the command may take.",
)
@click.pass_obj
def rederive(
    session: Session,
    run: str,
    command: tuple[str, ...],
    code: tuple[Path, ...],
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    timeout_s: float,
) -> int:
    """Run a recorded run again, and record whether the same came out.

    The command is yours, and so are the files: nothing that a record names is ever run. It runs in an empty
    folder with copies of the code and the inputs, under the names that they had. Other code or inputs than on
    record are refused. De-identification needs no command.

    Exit code 0: the same came out; 4: something else did.
    """
    given, wanted = key_values(inputs, "--input"), key_values(outputs, "--output")
    with session.open() as org:
        found = org.provenance.runs.find(run)
        made = org.provenance.rederive(
            found,
            list(command) or None,
            inputs={name: Path(path) for name, path in given.items()},
            code=list(code) or None,
            outputs=wanted,
            timeout_s=timeout_s,
        )
    session.emit({"index": made.index, "run": found.index} | made.record.about, _rederived_lines(found, made))
    return 0 if made.is_same else _MISMATCH


@lineage.group("import")
def import_runs() -> None:
    """Record runs that other systems kept."""


@import_runs.command("openlineage")
@click.argument("file", type=PATH, help="Events, one JSON object a line.")
@click.pass_obj
def import_openlineage(session: Session, file: Path) -> None:
    """Record the runs of a file of OpenLineage events, each once.

    Datasets that are not on record are named in the run's record, and get no place in the lineage. A file with
    a line that is no event is refused as a whole.
    """
    from counterfoil.provenance.lineage.openlineage.shapes import events_in, taken_json

    for _ in events_in(file):
        pass  # all lines are read before the first is taken
    with session.open() as org:
        last = {}
        for event in events_in(file):
            taken = org.openlineage.take(event)
            last[taken.run_id] = taken
    told = [each for each in last.values() if each.run_id]
    recorded = [each for each in told if each.index is not None]
    waiting = sum(each.outcome == "waiting" for each in told)
    missing = sorted({name for each in recorded for names in (each.unmapped or {}).values() for name in names})
    lines = [f"{counted(len(recorded), 'run')} on record; {waiting} without an end yet."]
    if missing:
        lines.append(f"Not on record, and so named only: {', '.join(missing[:8])}{' …' if len(missing) > 8 else ''}.")
        lines.append("hint: counterfoil dataset add FILE --name NAMESPACE/NAME, before the events come")
    session.emit({"runs": [taken_json(each) for each in told]}, lines)


@lineage.group("export")
def export_runs() -> None:
    """Tell our runs to other systems."""


@export_runs.command("openlineage")
@click.argument("file", type=PATH, help="Where the events go; it does not exist yet.")
@click.pass_obj
def export_openlineage(session: Session, file: Path) -> None:
    """Write all runs as OpenLineage events, one JSON object a line."""
    with session.open() as org:
        events = list(org.openlineage.events())
    try:
        with file.open("x", encoding="utf-8") as out:
            out.writelines(json.dumps(each, ensure_ascii=False) + "\n" for each in events)
            out.flush()
            os.fsync(out.fileno())
    except FileExistsError as error:
        raise InvalidInput(f"{file} already exists", hint="name a new file") from error
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}") from error
    session.emit({"events": len(events), "file": str(file)}, [f"{counted(len(events), 'event')} in {file}."])


def _run_lines(org: Organisation, found: Run) -> Iterator[str]:
    record, runs = found.record, org.provenance.runs
    yield f"Run {record.name}, record {found.index}: {record.kind}, {record.status}"
    for what, leaves in (("from", record.inputs), ("to", record.outputs)):
        for leaf in leaves:
            made = org.provenance.with_leaf(leaf)
            yield f"{what:<11} {made.record.name} {made.record.version}, record {made.index}"
    for what, names in record.unmapped.items():
        if names:
            yield f"not known   {what}: {', '.join(names)}"
    yield f"code        {f'{record.code.name}, SHA-256 {record.code.sha256}' if record.code else 'not told'}"
    if record.parameters:
        yield f"parameters  {json.dumps(record.parameters, sort_keys=True)}"
    if record.results:
        yield f"results     {json.dumps(record.results, sort_keys=True)}"
    if record.seed is not None:
        yield f"seed        {record.seed}"
    yield f"time        {record.started or 'not told'} to {record.ended or 'not told'}"
    if record.source:
        yield f"told by     {record.source['system']}, {record.source['id']}"
    yield f"known       {_standing_words(runs.standing(found))}"


def _rederived_lines(run: Run, made: Rederived) -> Iterator[str]:
    word = "the same came out" if made.is_same else "something else came out"
    yield f"Run {run.index}, {run.record.name}: {word}. Record {made.index} says so."
    for each in made.outputs:
        what = {"bytes": "bytes", "table": "rows and columns", "meaning": "meaning"}[each.match]
        if each.is_same:
            yield f"  {each.name}: the same {what}, SHA-256 {each.found[:_SHOWN]}…"
        elif not each.found:
            yield f"  {each.name}: a folder with nothing in it"
        else:
            yield f"  {each.name}: other {what}: {each.recorded[:_SHOWN]}… on record, {each.found[:_SHOWN]}… now"
    if made.is_same:
        yield "This home ran the recorded code on the recorded inputs again and got the same."
        yield "It does not show that the inputs are true, nor that the code does what it should."
    else:
        yield "That may be a forged output; it may also be chance without a seed, a clock, or other packages."


def _standing_words(standing: str) -> str:
    return {
        "declared": "declared: somebody told it, and nobody ran it again",
        "rederived": "re-derived: this home ran it again and the same came out",
        "differs": "differs: this home ran it again and something else came out",
    }[standing]


def _value(text: str) -> object:
    """Returns what a text means as JSON; the text itself where it means nothing."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
