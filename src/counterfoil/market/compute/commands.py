"""What the owner of data does for jobs: approving algorithms, watching them run, letting outputs leave."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.core.steps import report_lines
from counterfoil.core.wording import counted
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.ledger.packages import require_packages
from counterfoil.store.home_settings import SANDBOXES

if TYPE_CHECKING:
    from counterfoil.cli.session import Session

__all__ = ["algorithm", "approve", "approved", "jobs", "release", "rerun"]

PATH: Final = click.Path(path_type=Path)


@click.command()
@click.argument("place", type=PATH, metavar="FILE|FOLDER", help="A .py file, or a folder with algorithm.toml.")
@click.option("--publish", "publication", type=PATH, metavar="FILE", help="Stand for it with this home's market key.")
@click.pass_obj
def algorithm(session: Session, place: Path, publication: Path | None) -> None:
    """Say what an algorithm is called by: the digest of exactly the bytes that would run.

    With --publish the home signs that it stands for it; owners who trust the key need not
    approve each version by itself.
    """
    from counterfoil.core import canonical
    from counterfoil.market.compute.algorithms import Algorithm
    from counterfoil.market.compute.approvals import publish
    from counterfoil.store.new_file import write_new

    found = Algorithm.read(place)
    told = {"digest": found.digest_hex, "name": found.name, "version": found.version}
    lines = [f"{found.name} {found.version}: {counted(len(found.files), 'file')}", f"digest      {found.digest_hex}"]
    if publication is not None:
        with session.open() as org:
            signed = publish(found, org.own_keys.market(), org.home.settings.origin)
            key = str(org.market.key)
        write_new(publication, canonical.dumps(signed))
        told |= {"key": key, "publication": str(publication)}
        lines += [f"signed by   {key}", f"written to  {publication}"]
    session.emit(told, lines)


@click.command()
@click.argument("what", metavar="DIGEST|KEY", help="Digest of an algorithm, or market key of a publisher.")
@click.option("--remove", is_flag=True, help="Take the approval back: jobs that wait are asked about again.")
@click.pass_obj
def approve(session: Session, what: str, remove: bool) -> None:
    """Let an algorithm run next to this home's data, or everything that a publisher stands for.

    Read what you approve: exactly these bytes may see the data. What leaves is the gate's to decide.
    """
    require_packages()
    if Path(what).exists():
        raise InvalidInput(f"{what[:200]} is a file or folder", hint="`counterfoil market algorithm` prints its digest")
    with session.open() as org:
        named = what
        if remove:
            org.market.jobs.approved.remove(what)
        else:
            named = org.market.jobs.approved.add(what)
    session.emit(
        {"approved": not remove, "what": named}, [f"{'No longer approved' if remove else 'Approved'}: {named}"]
    )


@click.command()
@click.pass_obj
def approved(session: Session) -> None:
    """List what was approved by hand, oldest first; offer sheets approve besides."""
    require_packages()
    with session.open() as org:
        found = org.market.jobs.approved.all()
    session.emit({"approved": found}, found or ["Nothing was approved by hand."])


@click.command()
@click.argument("order_id", metavar="[ORDER]", required=False, help="Show this job alone.")
@click.option("--log", is_flag=True, help="Print the job's log too. It may hold the data.")
@click.option("--run", is_flag=True, help="Run what waits now; a serving node does so by itself.")
@click.pass_obj
def jobs(session: Session, order_id: str | None, log: bool, run: bool) -> None:
    """List the jobs that others bought next to this home's data, oldest first; or show one."""
    require_packages()
    if log and order_id is None:
        raise InvalidInput("a log is of one job", hint="name the order")
    with session.open() as org:
        market = org.market
        moved = market.jobs.step() if run else 0
        found = [market.jobs.book.at(order_id)] if order_id is not None else market.jobs.book.all()
        text = market.jobs.log(found[0].order).decode("utf-8", "replace") if log else ""
        settled = [asdict(each) for each in market.jobs.settled(found[0].job)] if order_id is not None else []
    if run:
        session.remark(f"{counted(moved, 'step')} done.")
    header = ("state", "title", "order", "what is known")
    rows = [(each.state.value, each.title, each.order, each.told) for each in found]
    lines = list(session.table(header, rows)) if rows else ["No jobs yet."]
    told = {"decided": settled, "jobs": [each.to_json() for each in found], "log": text or None}
    session.emit(told, [*lines, *(["", *_set_in(text)] if text else [])])


@click.command()
@click.argument(
    "job", metavar="[JOB]", required=False, help="The job, by the digest that the list shows, or its order."
)
@click.argument("name", metavar="[FILE]", required=False, help="The output.")
@click.option("--reason", help="Why, in a line; it is public.")
@click.option("--withhold", is_flag=True, help="Keep it for good instead of letting it leave.")
@click.option("--by", help="Who decides; on record, and private.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def release(
    session: Session, job: str | None, name: str | None, reason: str | None, withhold: bool, by: str | None, yes: bool
) -> None:
    """List the outputs that wait for somebody to look at them; or look at one, and let it leave.

    With JOB alone the outputs of that job are listed. Only the bytes that were shown leave. What was decided stays.
    """
    require_packages()
    if (yes or withhold) and (reason is None or by is None):
        raise InvalidInput("nothing is decided without a reason and a name", hint="say --reason and --by, too")
    with session.open() as org:
        desk = org.market.jobs
        if job is not None and job.startswith("0x"):
            job = desk.book.at(job).job
        if job is None or name is None:
            waiting = desk.pending(job)
            rows = [(each.job, each.name, each.size, each.why, "; ".join(each.found)) for each in waiting]
            header = ("job", "output", "bytes", "held because", "found in it")
            told = {"waiting": [_shown(each.job, each.name, each.sha256, each.size, each.why) for each in waiting]}
            session.emit(told, session.table(header, rows) if rows else ["Nothing waits."])
            return
        preview = desk.preview(job, name)
        shown = _set_in(preview.text) if preview.is_text else [f"no text; its bytes in hex: {preview.text}"]
        lines = [*shown, "" if preview.whole else "(that is its beginning)", f"SHA-256 {preview.sha256}"]
        if reason is None or by is None:
            session.emit(_shown(job, name, preview.sha256, None, "") | {"preview": preview.text}, lines)
            session.remark("To decide, say --reason and --by.")
            return
        word = "withhold" if withhold else "release"
        if not yes:
            session.confirm(lines, f"What leaves cannot be called back. To {word} it is on record.", hint="say --yes")
        settled = desk.decide(job, name, preview.sha256, releases=not withhold, by=by, reason=reason)
    session.emit(
        {"job": job, "name": name, "sha256": settled.sha256, "verdict": settled.verdict},
        [f"{name} is {settled.verdict}."],
    )


@click.command()
@click.argument("folder", type=PATH, metavar="FOLDER", help="What the buyer fetched, with receipt.json in it.")
@click.argument(
    "place", type=PATH, metavar="ALGORITHM", help="The .py file or folder that was handed in; its name counts."
)
@click.argument("data", type=PATH, metavar="DATA", help="The data it ran on, a file or folder.")
@click.option("--issuer", metavar="KEY|FILE", help="The seller's market key, from somewhere you trust.")
@click.option(
    "--sandbox",
    type=click.Choice(SANDBOXES),
    default=SANDBOXES[0],
    show_default=True,
    help="What the algorithm is locked in by; gvisor gives it a kernel of its own.",
)
@click.pass_obj
def rerun(session: Session, folder: Path, place: Path, data: Path, issuer: str | None, sandbox: str) -> int:
    """Check what a job's receipt says by running the job again, for an auditor who may see the data.

    Holds the files in FOLDER against the receipt, too. Works offline and needs no home,
    but a machine on which jobs can be locked in. Takes as long as the job took. Without
    --issuer it cannot say whose key signed sheet and receipt. Exit code 0: nothing
    failed; 4: something does not match.
    """
    require_packages()
    from counterfoil.market.compute.algorithms import Algorithm
    from counterfoil.market.compute.jobs.checking import check_execution, read_bought
    from counterfoil.market.compute.sandbox import Walls
    from counterfoil.store.check_file import named_issuer

    key = named_issuer(issuer) if issuer is not None else None
    receipt, sheet, spec = read_bought(folder)
    code_at_hand = Algorithm.read(place)
    if not data.exists():
        raise NotFound(f"the file or folder {data} is not there", hint="name the data that the job ran on")
    session.remark("The job runs again if all else matches; that takes as long as it took.")
    walls = Walls(sandbox)
    report = check_execution(receipt, sheet, spec, code_at_hand, data, folder=folder, issuer=key, walls=walls)
    code, seller = report.exit_code(), str(sheet.key)
    told = {"exit_code": code, "folder": str(folder), "seller": seller} | report.to_json()
    lines = [*report_lines(report), "", f"Market key on the offer sheet: {seller}", f"Verdict: {report.verdict}"]
    session.emit(told, lines)
    return code


def _set_in(text: str) -> list[str]:
    """Returns the lines of what a job wrote, set in: none of them can look like a line of this command's own."""
    return [f"  {line}" for line in text.removesuffix("\n").split("\n")]


def _shown(job: str, name: str, digest: str, size: int | None, why: str) -> dict[str, object]:
    return {"job": job, "name": name, "sha256": digest, "size": size, "why": why or None}
