"""A home: one organisation's folder, its settings, and the lock of its single writer.

counterfoil.toml   settings                     keys.json    sealed secret keys
log/               the log                      vault.db     private values, encrypted
views.db           searchable tables (derived)  spool/       decisions waiting for the log
artefacts/         models' bytes by digest      schemas/     field schemas by digest
lock               who is writing             checkpoint   the newest signed head
depot.json         what the depot keeps       cache/       what was fetched from it
handovers.json     notes of replaced log keys   issuer.vkey  the public key, to hand out
ledger/            the shared ledger, if used   witness/     cosignatures: asked for, and given
snapshots/         what live sources gave, by digest, encrypted
rows/              how rows of datasets are proven
events/            what was told of runs that have not ended
market/            what was bought, sold and computed
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from counterfoil.errors import HomeBusy, HomeDamaged, InvalidInput, LogUnavailable, NotSetUp
from counterfoil.store.durable import replace_file, sync_folder
from counterfoil.store.home_settings import CONFIG_FILE, HomeSettings

__all__ = ["Home", "HomePaths"]

_FOLDERS: Final = ("log", "artefacts", "schemas")
_FILES: Final = ("keys.json", "vault.db")
_INIT: Final = "run `counterfoil init` to make one, or name the right folder with --home"


@dataclass(frozen=True, slots=True)
class HomePaths:
    """Where everything is. `spool` may lie on another disk."""

    folder: Path
    config: Path
    lock: Path
    keys: Path
    log: Path
    vault: Path
    views: Path
    spool: Path
    artefacts: Path
    schemas: Path
    checkpoint: Path
    handovers: Path
    issuer: Path
    ledger: Path
    witness: Path
    depot: Path
    working: Path
    cache: Path
    events: Path
    snapshots: Path
    rows: Path
    market: Path

    @classmethod
    def of(cls, folder: Path, spool_dir: str = "spool") -> Self:
        """Returns the paths below `folder`; a relative `spool_dir` lies there too."""
        return cls(
            folder=folder,
            config=folder / CONFIG_FILE,
            lock=folder / "lock",
            keys=folder / "keys.json",
            log=folder / "log",
            vault=folder / "vault.db",
            views=folder / "views.db",
            spool=folder / Path(spool_dir).expanduser(),
            artefacts=folder / "artefacts",
            schemas=folder / "schemas",
            checkpoint=folder / "checkpoint",
            handovers=folder / "handovers.json",
            issuer=folder / "issuer.vkey",
            ledger=folder / "ledger",
            witness=folder / "witness",
            depot=folder / "depot.json",
            working=folder / "working.records",
            cache=folder / "cache",
            events=folder / "events",
            snapshots=folder / "snapshots",
            rows=folder / "rows",
            market=folder / "market",
        )


@dataclass(frozen=True, slots=True)
class Home:
    """A folder that was checked to be a home.

    Attributes:
        paths: Where everything is.
        settings: What counterfoil.toml says.
    """

    paths: HomePaths
    settings: HomeSettings

    @property
    def key_file(self) -> Path | None:
        """The key file that the settings name, made absolute; None when they name none."""
        if not self.settings.key_file:
            return None
        return self.paths.folder / Path(self.settings.key_file).expanduser()

    @classmethod
    def create(cls, folder: Path, settings: HomeSettings) -> Self:
        """Makes the folders (mode 0700) and writes the settings.

        Keys, vault and log are made by their owners afterwards; until they exist, `open` refuses.

        Args:
            folder: Missing, or empty.
            settings: Name, origin and the rest.

        Raises:
            InvalidInput: The folder is not empty, or not a folder.
            LogUnavailable: It cannot be written.
        """
        folder = folder.absolute()
        paths = HomePaths.of(folder, settings.spool_dir)
        try:
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise InvalidInput(f"{folder} is not an empty folder", hint="a home starts in a folder of its own")
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            for part in (paths.log, paths.artefacts, paths.schemas, paths.spool):
                part.mkdir(mode=0o700, exist_ok=True)
            replace_file(paths.config, settings.to_toml().encode(), mode=0o600)
            sync_folder(folder.parent)
        except OSError as error:
            raise LogUnavailable(f"no home can be made in {folder}: {error.strerror}") from error
        return cls(paths, settings)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Checks that `folder` is a complete home of this version. Changes nothing.

        Raises:
            NotSetUp: No home there, somebody else's folder, or a home of another version.
            HomeDamaged: A home with parts missing or settings that cannot be used.
        """
        folder = folder.absolute()
        config = folder / CONFIG_FILE
        if not config.is_file():
            raise NotSetUp(_why_no_home(folder), hint=_INIT)
        try:
            settings = HomeSettings.parse(config.read_bytes())
        except OSError as error:
            raise NotSetUp(f"{config} cannot be read: {error.strerror}") from error
        paths = HomePaths.of(folder, settings.spool_dir)
        missing = [name for name in _FILES if not (folder / name).is_file()]
        missing += [name for name in _FOLDERS if not (folder / name).is_dir()]
        if not paths.spool.is_dir():
            missing.append(settings.spool_dir)
        if missing:
            raise HomeDamaged(
                f"the home {folder} is not complete, it lacks {', '.join(missing)}",
                hint="restore it from a backup; after an interrupted `counterfoil init`, delete the folder and repeat",
            )
        return cls(paths, settings)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the writer's lock; the kernel frees it when the process ends, however it ends.

        Raises:
            HomeBusy: Another process, or another part of this one, is writing.
        """
        try:
            fd = os.open(self.paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise LogUnavailable(
                    f"the home {self.paths.folder} is not writable: {error.strerror}",
                    hint="every command that opens a home needs to write there; run it as the home's owner",
                ) from error
            raise LogUnavailable(f"the home cannot be locked: {error.strerror}") from error
        try:
            _lock(fd, self.paths)
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()} {_command()}\n".encode(), 0)
            yield
            os.ftruncate(fd, 0)
        finally:
            # The file stays: a second writer could otherwise lock a file that nobody sees any more.
            os.close(fd)


def _lock(fd: int, paths: HomePaths) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid, _, command = os.pread(fd, 400, 0).decode(errors="replace").strip().partition(" ")
        shown = "".join(ch for ch in command if ch.isprintable())
        who = f"process {pid} ({shown})" if pid.isdigit() else "another process"
        if pid == str(os.getpid()):
            who = f"this process ({pid}) itself"
        raise HomeBusy(
            f"{paths.folder} is in use: {who} is writing to it",
            hint="close it there first, or let that process do it: one process opens a home at a time",
        ) from error


def _command() -> str:
    """Returns the running command's name, without arguments: those may name people or files."""
    return Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"


def _why_no_home(folder: Path) -> str:
    if not folder.exists():
        return f"there is no home at {folder}"
    if not folder.is_dir():
        return f"{folder} is not a folder"
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        return f"{folder} cannot be read: {error.strerror}"
    if not names:
        return f"{folder} is empty, there is no home in it"
    return (
        f"{folder} is not a home: it holds {', '.join(names[:3])}{' …' if len(names) > 3 else ''}, and no {CONFIG_FILE}"
    )
