"""The depot: an object store that keeps finished parts of a home, for which this machine has no room.

What goes there never changes any more: segments of the log that are full, sealed bodies of
the vault, and models. Each part is read back and held against its digest before it counts as
kept, and again whenever it is fetched; what is fetched stays in a folder of bounded size.
`depot.json` in the home lists what is kept, so that a depot that is away is noticed only by
who reads from it.

An object's name has the digest of its bytes in it: whatever a copy of this home pushes to the
same place, it never takes the place of other bytes.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from io import FileIO
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from counterfoil.errors import INSTALL_OBJECTS, HomeDamaged, InvalidInput, LogUnavailable, NotSetUp
from counterfoil.store.durable import replace_file, sync_folder

__all__ = ["DEPOT_VERSION", "Depot", "Kept", "require_depot_url"]

DEPOT_VERSION: Final = 2
"""Version of depot.json. Version 1 did not say what objects are called: it was their key."""

_CHUNK_BYTES: Final = 1 << 20
_UNFINISHED: Final = ".new"
_EXAMPLE: Final = "it looks like s3://bucket/prefix"

_PATIENCE: Final[dict[str, dict[str, Any]]] = {
    "s3": {"config_kwargs": {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 2}}},
    "file": {"auto_mkdir": True},
}
"""What each kind of store is told beside its address; FSSPEC_… variables of the environment add to it."""


def require_depot_url(url: str) -> None:
    """Refuses what names no object store, and what carries a secret.

    Raises:
        InvalidInput: The url itself is not repeated: it may hold a password.
    """
    try:
        parts = urlsplit(url)
        is_secret = parts.username is not None or parts.password is not None or bool(parts.query)
    except ValueError as error:
        raise InvalidInput("depot_url is not an address", hint=_EXAMPLE) from error
    if not parts.scheme or not url.startswith(f"{parts.scheme}://") or parts.fragment:
        raise InvalidInput("depot_url does not name an object store", hint=_EXAMPLE)
    if is_secret:
        raise InvalidInput(
            "depot_url holds a name, a password or options, and settings are no place for secrets",
            hint="take them out; the store's own means give them: ~/.aws, AWS_… variables, the machine's role",
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """A part that the depot keeps.

    Attributes:
        sha256: The digest of its bytes, in hex.
        size_bytes: Their number.
        name: What its object is called, in the folder of this home in the store.
    """

    sha256: str
    size_bytes: int
    name: str


class Depot:
    """The parts of one home in an object store. Safe to use from several threads.

    Args:
        url: The store, as fsspec reads it; empty where the settings name none (any more).
        manifest: `depot.json` of the home.
        cache: Folder for what was fetched.
        cache_bytes: The most it holds; the newest part may exceed it alone.
    """

    def __init__(self, url: str, manifest: Path, cache: Path, cache_bytes: int) -> None:
        self._url = url
        self._manifest = manifest
        self._cache = cache
        self._cache_bytes = cache_bytes
        self._lock = threading.Lock()  # owns `_kept`, the manifest, `_fetching` and `_pins`
        self._fetching: dict[str, threading.Lock] = {}  # one for each digest that was fetched
        self._clearing = threading.Lock()  # one at a time makes room
        self._pins: Counter[str] = Counter()  # files of the cache that somebody holds
        self._held = threading.local()  # what this thread holds, if it does
        self._name, self._kept = _read(manifest)
        for unfinished in cache.glob("*" + _UNFINISHED):  # a home is open once at a time
            unfinished.unlink(missing_ok=True)

    @property
    def is_named(self) -> bool:
        """Whether the settings name a store."""
        return bool(self._url)

    @property
    def kept(self) -> dict[str, Kept]:
        """What is kept, by key."""
        with self._lock:
            return dict(self._kept)

    def find(self, key: str) -> Kept | None:
        """Returns what is known of a part; None where it is not kept."""
        return self._kept.get(key)

    def keep(self, key: str, path: Path, name: Callable[[], str]) -> Kept:
        """Copies a file that will never change to the store, reads it back, and writes down that it is kept.

        Args:
            key: What it is called, e.g. `entries/000.seg`.
            path: The file.
            name: Returns the folder of this home in the store; asked once in a home's life.

        Raises:
            LogUnavailable: The store is away, or gives other bytes back.
            NotSetUp: The settings name no store, or a package is missing.
        """
        digest = _digest(path)
        wanted = Kept(digest, path.stat().st_size, _object_name(key, digest))
        self._name = self._name or name()
        with self._naming_faults():
            store, root = self._opened()
            remote = f"{root}/{self._name}/{wanted.name}"
            if not _has(store, remote, wanted):  # other bytes under this name are a copy that was interrupted
                store.put_file(str(path), remote)
                if not _has(store, remote, wanted):
                    raise LogUnavailable(
                        f"the depot gave other bytes back than it was given for {key}",
                        hint="push again; look at the store",
                    )
            _sync_local(store, remote)
        with self._lock:
            self._kept[key] = wanted
            self._save()
        return wanted

    def local(self, key: str) -> Path:
        """Returns a file with the bytes of a kept part, fetched unless it was fetched before.

        Whoever reads what is in the cache waits for nobody.

        Raises:
            LogUnavailable: The store is away, or the disk refuses.
            HomeDamaged: The store gives other bytes than it was given.
            NotSetUp: The settings name no store, or a package is missing.
        """
        wanted = self._kept[key]
        path = self._cache / wanted.sha256
        self._hold(wanted.sha256)
        if _is_whole(path, wanted):
            return path
        with self._lock:
            fetching = self._fetching.setdefault(wanted.sha256, threading.Lock())
        with fetching:
            if _is_whole(path, wanted):
                return path
            self._fetch(key, wanted, path)
        self._make_room(path)
        return path

    def open(self, key: str) -> FileIO:
        """Opens a kept part as `local` finds it; once open, it can be read whatever becomes of the cache.

        Raises:
            LogUnavailable: As `local`, or somebody else deleted it at once.
        """
        with self.holding():
            try:
                return FileIO(self.local(key))
            except FileNotFoundError as error:
                raise LogUnavailable(f"{key} was fetched, and was gone before it was read", hint="try again") from error

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Lets the cache keep, beyond its size if need be, whatever this thread reads from it meanwhile.

        For whoever reads again under a lock that others wait for: nothing is fetched twice.
        """
        if getattr(self._held, "digests", None) is not None:  # within another one, which goes on
            yield
            return
        held: set[str] = set()
        self._held.digests = held
        try:
            yield
        finally:
            self._held.digests = None
            with self._lock:
                self._pins.subtract(held)
                self._pins += Counter()  # without what nobody holds
            if held:
                self._make_room(None)

    def _hold(self, digest: str) -> None:
        held: set[str] | None = getattr(self._held, "digests", None)
        if held is not None and digest not in held:
            held.add(digest)
            with self._lock:
                self._pins[digest] += 1

    def _fetch(self, key: str, wanted: Kept, path: Path) -> None:
        fresh = path.with_name(path.name + _UNFINISHED)
        with self._naming_faults():
            self._cache.mkdir(mode=0o700, exist_ok=True)
            store, root = self._opened()
            digest, size = sha256(), 0
            with store.open(f"{root}/{self._name}/{wanted.name}", "rb") as source, fresh.open("wb") as target:
                while data := source.read(_CHUNK_BYTES):
                    size += len(data)
                    if size > wanted.size_bytes:
                        break
                    digest.update(data)
                    target.write(data)
        if (digest.hexdigest(), size) != (wanted.sha256, wanted.size_bytes):
            fresh.unlink(missing_ok=True)
            raise HomeDamaged(
                f"the depot gives other bytes for {key} than it was given",
                hint="restore that object from an earlier version of the store, or from a backup",
            )
        fresh.replace(path)

    def _make_room(self, newest: Path | None) -> None:
        """Deletes what was read longest ago, but not what was just fetched or is held."""
        with self._clearing, suppress(FileNotFoundError):  # no folder: nothing was fetched yet
            files = [(path.stat(), path) for path in self._finished()]
            total = sum(status.st_size for status, _ in files)
            for status, path in sorted(files, key=lambda each: each[0].st_mtime):
                if total <= self._cache_bytes:
                    return
                with self._lock:  # nobody begins to hold it in between
                    if path != newest and not self._pins[path.name]:
                        total -= status.st_size
                        path.unlink(missing_ok=True)  # who reads it goes on reading

    def _finished(self) -> list[Path]:
        return [path for path in self._cache.iterdir() if not path.name.endswith(_UNFINISHED)]

    def _opened(self) -> tuple[Any, str]:
        """Returns the file system and the folder in it."""
        if not self._url:
            raise NotSetUp(
                "parts of this home are in an object store, and the settings name none",
                hint="write depot_url into counterfoil.toml again",
            )
        if find_spec("fsspec") is None:
            raise NotSetUp("an object store needs a package that is missing: fsspec", hint=INSTALL_OBJECTS)
        import fsspec

        try:
            store, root = fsspec.core.url_to_fs(self._url, **_PATIENCE.get(urlsplit(self._url).scheme, {}))
        except (ImportError, ValueError) as error:
            raise NotSetUp(f"this kind of object store cannot be used: {error}", hint=INSTALL_OBJECTS) from error
        return store, str(root).rstrip("/")

    @contextmanager
    def _naming_faults(self) -> Iterator[None]:
        try:
            yield
        except (NotSetUp, LogUnavailable, HomeDamaged):
            raise
        except FileNotFoundError as error:
            raise LogUnavailable(
                f"the depot does not have what it was given: {error}",
                hint="look whether depot_url names the right place; restore the object from an earlier version",
            ) from error
        except Exception as error:  # stores raise what their own libraries raise
            raise LogUnavailable(
                f"the depot does not answer: {type(error).__name__}: {error}",
                hint="recording goes on; what was moved can be read, and the rest pushed, when it is back",
            ) from error

    def _save(self) -> None:
        kept = {
            key: {"bytes": part.size_bytes, "object": part.name, "sha256": part.sha256}
            for key, part in sorted(self._kept.items())
        }
        text = json.dumps({"kept": kept, "name": self._name, "version": DEPOT_VERSION}, indent=1)
        try:
            replace_file(self._manifest, text.encode())
            sync_folder(self._manifest.parent)
        except OSError as error:
            raise LogUnavailable(f"{self._manifest.name} could not be saved: {error.strerror or error}") from error


def _read(path: Path) -> tuple[str, dict[str, Kept]]:
    if not path.exists():
        return "", {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["version"] > DEPOT_VERSION:
            raise NotSetUp(f"{path.name} was written by a newer Counterfoil", hint="install the newer version")
        return str(found["name"]), {
            str(key): Kept(
                str(part["sha256"]), int(part["bytes"]), key if found["version"] < 2 else str(part["object"])
            )
            for key, part in found["kept"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise HomeDamaged(f"{path.name} cannot be read", hint="restore it from a backup") from error


def _object_name(key: str, digest: str) -> str:
    """Returns what an object is called: its key with the digest of its bytes, `entries/000.<sha256>.seg`."""
    path = PurePosixPath(key)
    return key if path.stem == digest else str(path.with_name(f"{path.stem}.{digest}{path.suffix}"))


def _is_whole(path: Path, wanted: Kept) -> bool:
    """Whether a file of the cache is there; what is read is the newest then, for the oldest goes first."""
    try:
        os.utime(path)
        return path.stat().st_size == wanted.size_bytes
    except OSError:
        return False


def _has(store: Any, remote: str, wanted: Kept) -> bool:
    """Reads an object and says whether it is there, whole and as it should be."""
    try:
        if store.info(remote)["size"] != wanted.size_bytes:
            return False
        with store.open(remote, "rb") as file:
            return _digest_of(file) == wanted.sha256
    except FileNotFoundError:
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return _digest_of(file)


def _digest_of(file: Any) -> str:
    digest = sha256()
    while data := file.read(_CHUNK_BYTES):
        digest.update(data)
    return digest.hexdigest()


def _sync_local(store: Any, remote: str) -> None:
    """A folder that is used as a store must have the bytes on its disk before they count as kept."""
    if "file" in (store.protocol if isinstance(store.protocol, tuple) else (store.protocol,)):
        path = Path(remote)
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        sync_folder(path.parent)
