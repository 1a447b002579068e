"""A file in an object store, or on any file system that fsspec knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from counterfoil.errors import INSTALL_OBJECTS, InvalidInput, NodeUnreachable, NotFound, NotSetUp, Stale
from counterfoil.provenance.snapshots.source import Fetched, Limits, Progress, Writer, safe_name

__all__ = ["PathSource"]

_PIECE_BYTES: Final = 1 << 20
_WEB: Final = ("http", "https")
_MARKS: Final = ("ETag", "etag", "LastModified", "mtime", "VersionId", "size", "md5Hash")
"""What stores say of one state of a file, by their own names."""

_MOST_MARK: Final = 200
_PATIENCE: Final[dict[str, dict[str, Any]]] = {
    "s3": {"config_kwargs": {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 2}}}
}


@dataclass(frozen=True, slots=True)
class PathSource:
    """A file that fsspec opens, such as `s3://bucket/rates.parquet`; its credentials are the store's own.

    Attributes:
        url: With its scheme; without a name or password.
        file_name: What the file is called; as there when empty.
    """

    url: str
    file_name: str = ""

    def __post_init__(self) -> None:
        hint = "like s3://bucket/rates.parquet or file:///data/rates.csv"
        try:
            parts = urlsplit(self.url)
        except ValueError:
            raise InvalidInput("that is no path of a store", hint=hint) from None
        if not self.url.isprintable() or "::" in self.url or not parts.scheme or not parts.path.strip("/"):
            raise InvalidInput("that is no path of a file in a store", hint=hint)
        if parts.scheme in _WEB:
            raise InvalidInput("an address on the web is given as a URL", hint="--url in the place of --path")
        if parts.username is not None or parts.password is not None or parts.query:
            raise InvalidInput(
                "the path holds a name, a password or options, and paths are recorded",
                hint="the store's own means give them: ~/.aws, AWS_… variables, the machine's role",
            )

    def describe(self) -> dict[str, Any]:
        """Returns what is known of it without asking the store."""
        return {"kind": "path", "url": self.url}

    def fetch(self, folder: Path, limits: Limits, progress: Progress | None) -> Fetched:
        """Writes the file as it is now into `folder`; see `Source.fetch`.

        Raises:
            Stale: It was changed while it was read.
            NotSetUp: fsspec, or the package for this kind of store, is missing.
        """
        if find_spec("fsspec") is None:
            raise NotSetUp("object stores need the package fsspec, which is missing", hint=INSTALL_OBJECTS)
        import fsspec

        path = folder / safe_name(self.file_name or self.url, "body")
        scheme = urlsplit(self.url).scheme
        with path.open("xb") as file:
            writer = Writer(file, limits, progress)
            try:
                store, name = fsspec.core.url_to_fs(self.url, use_listings_cache=False, **_PATIENCE.get(scheme, {}))
                before = store.info(name)
                if before.get("type") == "other":  # a pipe would be waited for, however long
                    raise InvalidInput(f"{self.url} is no file: it is a pipe or a device", hint="check the path")
                writer.total_bytes = int(before.get("size") or 0)
                with store.open(name, "rb", block_size=8 * _PIECE_BYTES, cache_type="readahead") as source:
                    while data := source.read(_PIECE_BYTES):
                        writer.write(data)
                after = store.info(name)
            except (FileNotFoundError, IsADirectoryError):
                raise NotFound(f"the store has no file {self.url}", hint="check the path") from None
            except ImportError as error:
                raise NotSetUp(f"a package for {scheme} stores is missing", hint=INSTALL_OBJECTS) from error
            except (OSError, ValueError) as error:
                raise NodeUnreachable(
                    f"the store cannot be read: {type(error).__name__}", hint="check the path and its credentials"
                ) from None
        if _marks(before) != _marks(after) or (writer.total_bytes and writer.done_bytes != writer.total_bytes):
            raise Stale(f"{self.url} was changed while it was read", hint="try again")
        return Fetched(path, self.describe() | _marks(before))


def _marks(info: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name[0].lower() + name[1:]: str(info[name])[:_MOST_MARK].strip('"')
        for name in _MARKS
        if info.get(name) is not None and str(info[name]).isprintable()
    }
