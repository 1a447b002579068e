"""Looks a home over: what is well, what needs doing, and what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from counterfoil.core.wording import counted
from counterfoil.errors import CounterfoilError, HomeDamaged
from counterfoil.organisation.organisation import Organisation
from counterfoil.store.home import Home
from counterfoil.store.unlock import Unlock
from counterfoil.store.views import records

__all__ = ["LEAST_FREE_BYTES", "Finding", "examine", "examine_opened"]

LEAST_FREE_BYTES: Final = 1 << 30
"""Less free space than this on a disk of the home is worth a word."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        id: Stable name.
        found: What was found, in plain words.
        todo: What to do about it; empty when all is well.
    """

    id: str
    found: str
    todo: str = ""


def examine(folder: Path, unlock: Callable[[Home], Unlock]) -> Iterator[Finding]:
    """Yields findings, from the folder inwards; what cannot be opened ends the list.

    Args:
        folder: The home.
        unlock: Returns what opens the keys.

    Raises:
        NotSetUp: When there is no home, or one of another version.
    """
    try:
        home = Home.open(folder)
    except HomeDamaged as error:
        yield Finding("home", error.message, error.hint)
        return
    yield from _around(home)
    try:
        organisation = Organisation.open(folder, unlock(home))
    except CounterfoilError as error:
        yield Finding("open", error.message, error.hint or "mend this first, then run counterfoil doctor again")
        return
    with organisation:
        yield Finding("open", "nobody else is writing, and the keys open")
        yield from _inside(organisation)


def examine_opened(organisation: Organisation) -> Iterator[Finding]:
    """Yields findings about a home that is open already, in the same order."""
    yield from _around(organisation.home)
    yield from _inside(organisation)


def _around(home: Home) -> Iterator[Finding]:
    """What can be told without opening it."""
    yield Finding("home", f"{home.settings.name}, {home.settings.origin}, in {home.paths.folder}")
    yield _folder_mode(home)
    yield _key_file(home)
    yield from _disks(home)
    yield _jobs(home)


def _folder_mode(home: Home) -> Finding:
    mode = home.paths.folder.stat().st_mode & 0o777
    if mode & 0o077:
        return Finding("folder", f"others on this machine may look into the home (mode {mode:04o})", _chmod(700, home))
    return Finding("folder", "only its owner may look into the home")


def _chmod(mode: int, home: Home) -> str:
    return f"chmod {mode} {home.paths.folder}"


def _key_file(home: Home) -> Finding:
    path = home.key_file
    if path is None:
        return Finding("key file", "the settings name none; the keys open with a passphrase or what you name")
    try:
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        return Finding(
            "key file", f"{path} cannot be read: {error.strerror}", "bring it back from where you keep a copy"
        )
    if mode & 0o077:
        return Finding("key file", f"others on this machine may read {path} (mode {mode:04o})", f"chmod 600 {path}")
    if path.resolve().is_relative_to(home.paths.folder.resolve()):
        return Finding(
            "key file",
            f"{path} lies inside the home: whoever gets a backup of the home can read everything",
            "move it elsewhere and name the new place as key_file in counterfoil.toml",
        )
    return Finding("key file", f"{path}, readable by its owner only")


def _disks(home: Home) -> Iterator[Finding]:
    """Home and queue may lie on two disks; each is looked at once."""
    seen: set[int] = set()
    for path in (home.paths.folder, home.paths.spool):
        device = path.stat().st_dev
        if device not in seen:
            seen.add(device)
            free = shutil.disk_usage(path).free
            found = f"{free / (1 << 30):,.1f} GiB are free where {path} lies"
            yield Finding("disk", found, "free some space" if free < LEAST_FREE_BYTES else "")


def _jobs(home: Home) -> Finding:
    """Whether algorithms of others could run here.

    Most homes run none, so that nothing needs doing about it unless the settings say what they are locked in by.
    """
    from counterfoil.market.compute.sandbox import Sandbox, Walls

    walls = Walls(home.settings.job_sandbox)
    try:
        Sandbox.open(walls=walls)
    except CounterfoilError as error:
        if walls is not Walls.BUBBLEWRAP:
            return Finding("jobs", error.message, error.hint)
        return Finding("jobs", f"{error.message}; needed only where others' algorithms are to run")
    return Finding("jobs", f"others' algorithms can be locked in here: the walls of {walls} were tried and hold")


def _inside(organisation: Organisation) -> Iterator[Finding]:
    """What only an opened home can tell."""
    yield _log(organisation)
    yield from _vault(organisation)
    yield _queue(organisation)
    yield _clock(organisation)
    yield _views(organisation)
    yield _models(organisation)
    yield from _recalls(organisation)
    yield from _depot(organisation)
    yield _ledger(organisation)
    yield _witnesses(organisation)


def _log(organisation: Organisation) -> Finding:
    recovered = organisation.recovered
    found = f"{counted(organisation.archive.size, 'record')}, in step with the last signed head"
    if recovered.bytes_cut:
        found += (
            f"; {recovered.bytes_cut:,} bytes of a half-written append were moved to {recovered.torn_file}, "
            "nothing that was acknowledged is lost"
        )
    return Finding("log", found)


def _vault(organisation: Organisation) -> Iterator[Finding]:
    stats = organisation.vault.stats()
    yield Finding(
        "vault",
        f"private values of {counted(stats.records, 'record')} about {stats.subjects:,} people, "
        f"{stats.erased:,} erased, {stats.restricted:,} locked away",
    )
    due = organisation.erasures.due()
    if due:
        yield Finding("erasures", f"the retention of {len(due):,} locked records has ended", "counterfoil erase --due")
    if withheld := organisation.vault.withheld:
        found = f"fields of {counted(len(withheld), 'record')} are still to be erased, and nobody is shown it meanwhile"
        yield Finding("fields", found, "make the depot answer, then open the home again")


def _depot(organisation: Organisation) -> Iterator[Finding]:
    """Where the settings name a depot, or parts are in one."""
    status = organisation.depot.status()
    if not status.is_named and status.kept:
        found = f"{counted(status.kept, 'part')} of this home are in a depot, and the settings name none"
        yield Finding("depot", found, "write depot_url into counterfoil.toml again")
    elif status.is_named:
        found = f"{counted(status.kept, 'part')} in the depot, {status.waiting:,} wait to be pushed"
        yield Finding("depot", found, "counterfoil depot push" if status.waiting else "")
    if lost := organisation.depot.lost():
        yield Finding(
            "vault parts",
            f"{', '.join(lost[:5])}: private values that left the vault, and are not on the list of the depot",
            "restore the newest depot.json, as it was beside this vault.db",
        )


def _queue(organisation: Organisation) -> Finding:
    waiting = organisation.recorder.spool.count
    if not waiting:
        return Finding("queue", "nothing waits for the log")
    return Finding(
        "queue",
        f"{waiting:,} records wait, because the log could not be written",
        "free space or mend the disk of the log; the next command moves them",
    )


def _clock(organisation: Organisation) -> Finding:
    behind_s = organisation.recorder.clock_behind_s()
    if not behind_s:
        return Finding("clock", "not behind the newest record")
    return Finding(
        "clock",
        f"this machine's clock is {behind_s:,} seconds behind the newest record",
        "set the clock; until then new records carry the newest record's time",
    )


def _views(organisation: Organisation) -> Finding:
    with organisation.views.reading() as connection:
        known = int(connection.execute(select(func.count()).select_from(records)).scalar_one())
    size = organisation.archive.size
    if known == size:
        return Finding("tables", "the searchable tables know every record")
    return Finding("tables", f"the searchable tables know {known:,} of {size:,} records", "counterfoil rebuild")


def _models(organisation: Organisation) -> Finding:
    models = organisation.provenance.models()
    lost = []
    for model in models:
        try:
            organisation.objects.get(model.record.file_sha256)
        except CounterfoilError:
            lost.append(f"{model.record.name} {model.record.version}")
    if lost:
        return Finding(
            "models",
            f"the bytes of {', '.join(lost[:5])} are missing or altered; decisions by them cannot be replayed",
            "restore the folder artefacts from a backup",
        )
    return Finding("models", f"{len(models):,} registered, their bytes are as they were registered")


def _recalls(organisation: Organisation) -> Iterator[Finding]:
    """One finding a recall that is open."""
    for each in organisation.recalls.open_ones():
        told = each.record
        people = counted(told.reached.people, "person", "people")
        yield Finding(
            "recall",
            f"{each.index} is open since {each.opened}: {told.kind} {told.name}, {people} when it opened",
            f"tell them, mend it, then counterfoil recall end {each.index}",
        )


def _ledger(organisation: Organisation) -> Finding:
    """As far as is known here; `counterfoil ledger status` asks the ledger."""
    ledger, size = organisation.ledger, organisation.archive.size
    if not ledger.is_connected:
        return Finding("ledger", "not connected to a ledger: nobody else holds the log's head")
    proof = ledger.newest(size)
    anchored = proof.size if proof is not None else 0
    found = f"{anchored:,} of {counted(size, 'record')} are under a final head on the ledger"
    why = ledger.due()
    return Finding("ledger", found, f"counterfoil ledger anchor: {why}" if why else "")


def _witnesses(organisation: Organisation) -> Finding:
    """As far as is known here; `counterfoil witness collect` asks them."""
    found = organisation.witness.status()
    watched = f"this home watches {counted(len(found.logs), 'log')}" if found.logs else "this home watches no log"
    if found.contradictions:
        pair = found.contradictions[0]
        return Finding(
            "witnesses",
            f"{pair.origin} signed two different heads over {counted(pair.size, 'record')}",
            f"counterfoil witness status --save {pair.origin}",
        )
    if not found.witnesses:
        return Finding("witnesses", f"nobody signs this log's heads; {watched}")
    signed = (
        f"{found.enough_size:,} of {counted(found.log_size, 'record')} are under a head that enough witnesses signed"
    )
    return Finding(
        "witnesses", f"{signed}; {watched}", f"counterfoil witness collect: {found.due}" if found.due else ""
    )
