"""`counterfoil init`, `keys`, `erase`, `rebuild`, `migrate` and `doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

import counterfoil
from counterfoil.core.wording import counted
from counterfoil.errors import InvalidInput
from counterfoil.organisation.organisation import Organisation
from counterfoil.organisation.shapes import erasure_json, findings_json, key_json
from counterfoil.store.durable import replace_file
from counterfoil.store.home_settings import CONFIG_FILE, HOME_FORMAT, HomeSettings
from counterfoil.store.streams import time_text
from counterfoil.store.unlock import Unlock
from counterfoil.store.vault_erasure import Erasure

if TYPE_CHECKING:
    from counterfoil.cli.session import Session

__all__ = ["doctor", "erase", "init", "keys", "migrate", "rebuild"]

PATH: Final = click.Path(path_type=Path)
YES: Final = "repeat with --yes, or look first with --dry-run"


@click.command()
@click.argument("home", type=PATH, help="A new or empty folder.")
@click.option("--name", required=True, help="Legal name of the organisation.")
@click.option("--origin", required=True, help="Name of its log, like bank.example/credit: a web origin without scheme.")
@click.option("--key-file", "new_key_file", type=PATH, metavar="FILE", help="New key file; HOME.key by default.")
@click.option("--passphrase-file", "passphrase", type=PATH, metavar="FILE", help="Use the passphrase in this file.")
@click.pass_obj
def init(
    session: Session, home: Path, name: str, origin: str, new_key_file: Path | None, passphrase: Path | None
) -> None:
    """Make a home in a new or empty folder: keys, an empty log, an empty vault.

    The keys open with a new key file, or with a passphrase. Keep either where no
    backup of the home goes: whoever has both can read everything. Without it nobody
    can, and nothing brings it back.
    """
    if new_key_file is not None and passphrase is not None:
        raise click.UsageError("--key-file and --passphrase-file cannot be combined")
    if (home / CONFIG_FILE).exists():
        raise InvalidInput(f"{home} is a home already", hint="a new home starts in a folder of its own")
    if passphrase is not None:
        unlock = Unlock.from_passphrase_file(passphrase)
        made = Organisation.create(home, HomeSettings(name=name, origin=origin), unlock)
    else:
        made = counterfoil.create(home, name=name, origin=origin, key_file=new_key_file)
    with made:
        issuer, folder, key_file = str(made.issuer), made.home.paths.folder, made.home.key_file
    opens = f"The keys open with {key_file}. Keep a copy of it elsewhere; keep it out of backups of the home."
    session.emit(
        {"home": str(folder), "issuer": issuer, "key_file": str(key_file) if key_file else None},
        [
            f"The home of {name} is in {folder}.",
            opens if key_file else "The keys open with your passphrase. Keep it safe: nothing brings it back.",
            "Hand this public key to whoever is to check your records:",
            f"  {issuer}",
            f"It is in {folder / 'issuer.vkey'}, too.",
        ],
    )


@click.group()
def keys() -> None:
    """List the keys, replace one, change what unlocks them."""


@keys.command("list")
@click.pass_obj
def list_keys(session: Session) -> None:
    """List every key this home has had, oldest first."""
    with session.open() as org:
        issuer, origin = str(org.issuer), org.home.settings.origin
        listed = [key_json(entry, origin) for entry in org.keyring.entries()]
    rows = [
        (each["use"], each["algorithm"], each["id"], each["created"], each["retired"] or "in use", each["public"] or "")
        for each in listed
    ]
    header = ("for", "algorithm", "id", "made", "retired", "public key")
    session.emit(
        {"issuer": issuer, "keys": listed}, [*session.table(header, rows), f"Issuer key to hand out: {issuer}"]
    )


@keys.command()
@click.argument("use", type=click.Choice(["log", "vault", "witness"]), help="Which key.")
@click.pass_obj
def rotate(session: Session, use: Literal["log", "vault", "witness"]) -> None:
    """Replace the log's signing key, or the key that protects the private values.

    The log's old key signs a hand-over to the new one, so whoever trusts the old key
    can go on checking. The old secret is then destroyed. The witness's key has no
    hand-over: every policy that names it must name the new one.
    """
    with session.open() as org:
        key_id, issuer = org.rotate_key(use), str(org.issuer)
        witness = str(org.witness.key) if use == "witness" else ""
    lines = [f"The {use} key was replaced; the new one is {key_id}."]
    if use == "log":
        lines += ["Hand out this public key from now on; the old one goes on to work:", f"  {issuer}"]
    if use == "witness":
        lines += ["Hand out this public key from now on; policies that name the old one wait in vain:", f"  {witness}"]
    session.emit({"id": key_id, "issuer": issuer, "use": use}, lines)


@keys.command()
@click.option("--to-key-file", type=PATH, metavar="FILE", help="A new key file; it must not exist.")
@click.option("--to-passphrase-file", type=PATH, metavar="FILE", help="The passphrase in this file.")
@click.option("--to-passphrase", is_flag=True, help="A passphrase that you type.")
@click.pass_obj
def unlock(session: Session, to_key_file: Path | None, to_passphrase_file: Path | None, to_passphrase: bool) -> None:
    """Change what opens the keys. The keys stay the same.

    Backups made before go on to open with what opened them then.
    """
    if (to_key_file is not None) + (to_passphrase_file is not None) + to_passphrase != 1:
        raise click.UsageError("give one of --to-key-file, --to-passphrase-file and --to-passphrase")
    named = str(to_key_file.absolute()) if to_key_file else ""
    with session.open() as org:
        settings = replace(org.home.settings, key_file=named)  # refused before anything changes
        if to_key_file is not None:
            new = Unlock.create_key_file(to_key_file.absolute())
        else:
            new = Unlock.from_passphrase_file(to_passphrase_file) if to_passphrase_file else session.new_passphrase()
        org.change_unlock(new)
        replace_file(org.home.paths.config, settings.to_toml().encode(), mode=0o600)
    how = f"the key file {named}" if named else "the new passphrase"
    session.emit({"key_file": named or None, "method": new.method}, [f"The keys now open with {how}."])


@click.command()
@click.option("--person", metavar="REF", help="Everything about this person.")
@click.option("--record", type=int, metavar="INDEX", help="One record.")
@click.option("--field", "fields", multiple=True, metavar="POINTER", help="Only this field of --record; repeatable.")
@click.option("--due", is_flag=True, help="What was locked away and whose retention has ended.")
@click.option("--basis", metavar="TEXT", help='Why, e.g. "GDPR Art. 17(1)(b)". It is public: name nobody.')
@click.option("--dry-run", is_flag=True, help="Say what would be erased, change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def erase(
    session: Session,
    person: str | None,
    record: int | None,
    fields: tuple[str, ...],
    due: bool,
    basis: str | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Erase private values for good; the log and every proof stay as they are.

    What must be kept until a date becomes unreadable at once, and is erased by
    `counterfoil erase --due` after it. What would happen is shown first.
    """
    _require_one(person, record, fields, due, basis)
    with session.open() as org:
        plan, carry_out = org.erasures.plan(person=person, record=record, fields=fields, basis=basis or "")
        data: dict[str, Any] = erasure_json(plan, record, fields) | {"dry_run": dry_run}
        lines = list(_erasure_lines(plan, record, fields))
        if dry_run or not yes:
            lines.insert(0, "This is what would happen.")
        empty = not (plan.erased or plan.restricted or fields)
        if dry_run or empty:
            session.emit(data | {"done": False}, [*lines, "Nothing was changed."])
            return
        if not yes:
            session.confirm(lines, "This cannot be undone.", hint=YES)
        carry_out()
        is_scrubbed = org.vault.scrub()
    said = lines if yes else ["Done."]
    if not is_scrubbed:
        said = [*said, "Another program is reading vault.db: old bytes may linger beside it until it lets go."]
    session.emit(data | {"done": True, "scrubbed": is_scrubbed}, said)


@click.command()
@click.pass_obj
def rebuild(session: Session) -> None:
    """Make the log's hashes, the searchable tables and the schema files anew from log and vault."""
    Organisation.rebuild_hashes(session.folder())
    with session.open() as org, session.progress("Rebuilding") as progress:
        count = org.rebuild(progress)
    session.emit({"records": count}, [f"The tables were made anew from {counted(count, 'record')}."])


@click.command()
@click.pass_obj
def migrate(session: Session) -> None:
    """Bring an older home to this version's layout."""
    folder = session.folder().absolute()
    is_migrated = Organisation.migrate(folder)
    said = f"{folder} is at version {HOME_FORMAT} already; there is nothing to do."
    if is_migrated:
        said = (
            f"{folder} was brought to this version. Make a new backup: those from before still hold the old vault.db."
        )
    session.emit({"format": HOME_FORMAT, "home": str(folder), "migrated": is_migrated}, [said])


@click.command()
@click.pass_obj
def doctor(session: Session) -> int:
    """Look the home over and say what needs doing.

    Exit code 0: all is well; 1: something needs doing.
    """
    from counterfoil.organisation.doctor import examine

    findings = list(examine(session.folder(), session.unlock))
    lines = []
    for each in findings:
        lines.append(f"{'! ' if each.todo else 'ok'} {each.id}: {each.found}")
        if each.todo:
            lines.append(f"   to do: {each.todo}")
    needed = sum(bool(each.todo) for each in findings)
    lines.append(
        f"{needed} of {counted(len(findings), 'finding')} {'needs' if needed == 1 else 'need'} doing."
        if needed
        else "All is well."
    )
    session.emit(
        findings_json(findings),
        lines,
    )
    return 1 if needed else 0


def _require_one(person: str | None, record: int | None, fields: tuple[str, ...], due: bool, basis: str | None) -> None:
    if (person is not None) + (record is not None) + due != 1:
        raise click.UsageError("give one of --person, --record and --due")
    if fields and record is None:
        raise click.UsageError("--field goes with --record")
    if due and basis is not None:
        raise click.UsageError("--due needs no --basis: it was given when the records were locked away")
    if not due and basis is None:
        raise click.UsageError("--basis is missing: an erasure says why")


def _erasure_lines(plan: Erasure, record: int | None, fields: tuple[str, ...]) -> Iterator[str]:
    if fields:
        yield f"Erased for good: {', '.join(sorted(set(fields)))} of record {record}."
        return
    if plan.erased:
        yield f"Erased for good: the private values of {counted(len(plan.erased), 'record')} ({_some(plan.erased)})."
    if plan.restricted:
        last = time_text(max(until_s for _, until_s in plan.restricted))
        places = _some([index for index, _ in plan.restricted])
        yield (
            f"Unreadable at once, and kept by their retention until {last} at the latest: "
            f"{counted(len(plan.restricted), 'record')} ({places})."
        )
    if not plan.erased and not plan.restricted:
        yield "There is nothing to erase."


def _some(indices: tuple[int, ...] | list[int]) -> str:
    return ", ".join(str(index) for index in indices[:10]) + (", …" if len(indices) > 10 else "")
