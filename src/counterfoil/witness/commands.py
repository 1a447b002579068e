"""`counterfoil witness`: watch others' logs, and have one's own watched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from counterfoil.core.wording import counted
from counterfoil.errors import NotFound

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.core.witness_policy import WitnessPolicy
    from counterfoil.witness.status import WitnessStatus

__all__ = ["witness"]


@click.group()
def witness() -> None:
    """Have others sign the log's head, and sign theirs: nobody can be shown two histories."""


@witness.command("add-log")
@click.argument("key", metavar="KEY|FILE", help="The log's public key, or the issuer.vkey its organisation handed out.")
@click.pass_obj
def add_log(session: Session, key: str) -> None:
    """Watch another organisation's log: sign its heads on request, each as an extension of the last.

    After that log has changed its key, add the new one, too. `remove --log` takes it
    back; what was signed stays known.
    """
    from counterfoil.store.check_file import read_issuer

    with session.open() as org:
        added = org.witness.add_log(str(read_issuer(key)))
        own = str(org.witness.key)
    lines = [
        f"This home watches {added.name} from now on.",
        "Hand out this public key of its cosignatures:",
        f"  {own}",
        "and the address under which this home answers add-checkpoint.",
    ]
    session.emit({"added": str(added), "key": own}, lines)


@witness.command("add-witness")
@click.argument("name", help="What to call it in the policy; no spaces.")
@click.argument("key", help="Its public key, from its operator.")
@click.argument("url", required=False, help="Its address; without one it is not asked, and its signatures count.")
@click.option("--quorum", metavar="any|all|N", help="So many witnesses are enough; as before by default, all at first.")
@click.option("--dry-run", is_flag=True, help="Show the policy as it would be; change nothing.")
@click.pass_obj
def add_witness(session: Session, name: str, key: str, url: str | None, quorum: str | None, dry_run: bool) -> None:
    """Have a witness asked to sign this log's heads, and count its signature.

    It goes into the home's witness policy, the file that checkers use. The witness
    signs nothing before its operator has added this log's public key.
    """
    with session.open() as org:
        policy = org.witness.add_witness(name, key, url or "", rule=quorum, dry_run=dry_run)
        path, own = str(org.witness.paths.policy), str(org.issuer)
    _emit_policy(session, policy, path, dry_run, [f"Give its operator this log's public key: {own}"])


@witness.command()
@click.option("--log", metavar="NAME", help="A log that is watched: its name, or one of its keys.")
@click.option("--witness", "name", metavar="NAME", help="A witness that is asked, as the policy calls it.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed; change nothing.")
@click.pass_obj
def remove(session: Session, log: str | None, name: str | None, dry_run: bool) -> None:
    """Watch a log no longer, or ask a witness no longer. Adding it again undoes it."""
    if (log is None) == (name is None):
        raise click.UsageError("give one of --log and --witness")
    with session.open() as org:
        if name is not None:
            policy = org.witness.remove_witness(name, dry_run=dry_run)
            _emit_policy(session, policy, str(org.witness.paths.policy), dry_run, [])
            return
        gone = org.witness.remove_log(str(log), dry_run=dry_run)
    removed = [str(key) for key in gone]
    told = "would be" if dry_run else "was"
    session.emit(
        {"done": not dry_run, "removed": removed},
        [f"{counted(len(gone), 'key')} of {gone[0].name} {told} removed.", *(f"  {key}" for key in removed)],
    )


@witness.command("list")
@click.pass_obj
def list_(session: Session) -> None:
    """List the logs this home watches, and the witnesses of its own log."""
    with session.open() as org:
        found = org.witness.status()
    session.emit(found.to_json(), _list_lines(session, found))


@witness.command()
@click.option("--save", metavar="NAME", help="Write the two heads by which this log contradicted itself to files.")
@click.pass_obj
def status(session: Session, save: str | None) -> int:
    """Say who has signed which head, what is due, and who contradicted themselves.

    Exit code 1 when something stands in the way. Asks nobody; `collect` does.
    """
    with session.open() as org:
        found = org.witness.status()
    if save is not None:
        _save_contradiction(session, found, save)
        return 0
    session.emit(found.to_json(), _status_lines(found))
    return 1 if found.problems else 0


@witness.command()
@click.pass_obj
def collect(session: Session) -> int:
    """Ask the witnesses now to sign the log's head, and keep what they give.

    Exit code 0: enough signed; 5: too few did, and recording goes on all the same; 4: a
    witness has seen another history of this log.
    """
    with session.open() as org:
        found = org.witness.collect()
        wanted = org.witness.policy.wanted() if org.witness.policy else ""
    head = f"the head over {counted(found.size, 'record')}"
    lines = [f"{each.name} {each.fault or f'has signed {head}'}." for each in found.given]
    lines.append(f"That is {'enough' if found.is_enough else 'not enough'}: the policy wants {wanted}.")
    session.emit(found.to_json(), lines)
    if any(each.is_alarm for each in found.given):
        return 4
    return 0 if found.is_enough else 5


def _emit_policy(session: Session, policy: WitnessPolicy, path: str, dry_run: bool, more: list[str]) -> None:
    told = "The policy would be" if dry_run else f"The witness policy is in {path}"
    lines = [f"{told}:", *(f"  {line}" for line in policy.text().splitlines()), *([] if dry_run else more)]
    session.emit({"done": not dry_run, "file": path, "policy": policy.text(), "quorum": policy.wanted()}, lines)


def _list_lines(session: Session, found: WitnessStatus) -> Iterator[str]:
    if not found.logs:
        yield "This home watches no log; `counterfoil witness add-log` adds one."
    else:
        rows = [(log.origin, f"{log.size:,}", log.time, key) for log in found.logs for key in log.keys]
        yield "Logs that this home watches"
        yield from session.table(("log", "records signed", "when", "public key"), rows)
    yield ""
    if not found.witnesses:
        yield "No witness signs this home's heads; `counterfoil witness add-witness` adds one."
        return
    yield f"Witnesses of this home's log; enough are {found.wanted}"
    asked = [(each.name, f"{each.size:,}", each.url or "(not asked)", each.vkey) for each in found.witnesses]
    yield from session.table(("witness", "records signed", "address", "public key"), asked)


def _status_lines(found: WitnessStatus) -> Iterator[str]:
    yield f"Own key     {found.key or 'none yet; `counterfoil witness add-log` makes it'}"
    for log in found.logs:
        when = f", at {log.time}" if log.time else ""
        yield f"Watches     {log.origin}: signed the head over {counted(log.size, 'record')}{when}"
    if found.policy:
        yield f"Policy      {found.policy}: wants {found.wanted}"
        records = counted(found.log_size, "record")
        yield f"Signed      {found.enough_size:,} of {records} are under a head that enough signed"
    for each in found.witnesses:
        yield f"Witness     {each.name}: has signed the head over {counted(each.size, 'record')}"
    if found.due:
        yield f"Due         {found.due}"
    for problem in found.problems:
        yield f"Problem     {problem}"
    if not found.logs and not found.witnesses:
        yield "Nobody watches this home's log, and it watches nobody's."


def _save_contradiction(session: Session, found: WitnessStatus, origin: str) -> None:
    from pathlib import Path

    pair = next((each for each in found.contradictions if each.origin == origin), None)
    if pair is None:
        raise NotFound(f"no two heads of {origin[:200]!r} that contradict each other are kept here")
    paths: list[Any] = []
    for which, text in (("first", pair.signed), ("second", pair.refused)):
        path = Path(f"{origin.replace('/', '-')}-{pair.size}-{which}.head")
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        paths.append(path)
    session.emit(
        {"files": [str(path) for path in paths], "origin": origin, "size": pair.size},
        [f"Two heads over {counted(pair.size, 'record')} of {origin} are in {paths[0]} and {paths[1]}."],
    )
