"""The sources there are: a file, a file in an object store, and the kept contents of a snapshot.

A folder is one, too: see `folder`. What a source gives is held against the published
hashes chunk by chunk while it is served, so none of them need be trusted to stay as it is.
"""

from __future__ import annotations

import os
import stat
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, Final

from counterfoil.errors import INSTALL_OBJECTS, InvalidInput, NodeUnreachable, NotFound, NotSetUp, Stale

__all__ = ["FileSource", "OpenedSource", "StoreSource"]

BLOCK_BYTES: Final = 8 << 20
"""So much is asked of an object store at once."""


class FileSource:
    """A file of this machine.

    Raises:
        NotFound: There is none.
        InvalidInput: It is a folder, a pipe or a device.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise NotFound(f"{path} cannot be read: {error.strerror}") from error
        found = os.fstat(self._fd)
        if not stat.S_ISREG(found.st_mode):
            self.close()
            raise InvalidInput(f"{path} is no file", hint="a folder is delivered as a tar file of it")
        self.size_bytes = found.st_size

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """See `Source.read_into`."""
        done = 0
        try:
            while done < len(buffer) and (count := os.preadv(self._fd, [buffer[done:]], offset + done)):
                done += count
        except OSError as error:
            raise NodeUnreachable(f"the source cannot be read: {error.strerror}") from error
        return done

    def close(self) -> None:
        """Lets go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class StoreSource:
    """A file that fsspec opens, such as `s3://bucket/scans.tar`; its credentials are the store's own.

    Args:
        url: With its scheme.
        options: What fsspec takes for this kind of store.

    Raises:
        NotSetUp: A package is missing.
        NotFound: The store has no such file.
        NodeUnreachable: The store does not answer.
    """

    def __init__(self, url: str, **options: Any) -> None:
        if find_spec("fsspec") is None:
            raise NotSetUp("object stores need the package fsspec, which is missing", hint=INSTALL_OBJECTS)
        import fsspec

        self._url = url
        self._lock = threading.Lock()  # guards the block
        self._block, self._block_start = b"", -1
        try:
            self._store, self._name = fsspec.core.url_to_fs(url, use_listings_cache=False, **options)
            found = self._store.info(self._name)
        except ImportError as error:
            raise NotSetUp("a package for this kind of store is missing", hint=INSTALL_OBJECTS) from error
        except FileNotFoundError:
            raise NotFound(f"the store has no file {url}", hint="check the path") from None
        except (OSError, ValueError) as error:
            raise _unreachable(error) from None
        if found.get("type") != "file" or not isinstance(found.get("size"), int):
            raise InvalidInput(f"{url} is no file of a known length")
        self.size_bytes: int = found["size"]

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """See `Source.read_into`."""
        done = 0
        while done < len(buffer):
            number, start = divmod(offset + done, BLOCK_BYTES)
            part = self._read_block(number)[start : start + len(buffer) - done]
            if not part:
                break
            buffer[done : done + len(part)] = part
            done += len(part)
        return done

    def close(self) -> None:
        """Lets go of what was read ahead."""
        self._block, self._block_start = b"", -1

    def _read_block(self, number: int) -> bytes:
        start = number * BLOCK_BYTES
        with self._lock:
            if start != self._block_start:
                end = min(start + BLOCK_BYTES, self.size_bytes)
                try:
                    self._block = self._store.cat_file(self._name, start=start, end=end) if end > start else b""
                except FileNotFoundError:
                    raise Stale(f"the store no longer has the file {self._url}") from None
                except (OSError, ValueError) as error:
                    raise _unreachable(error) from None
                self._block_start = start
            return self._block


class OpenedSource:
    """What is open for reading and can be sought in, such as `org.provenance.snapshots.open(…)`.

    Args:
        file: In binary; closed with the source.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()  # one seeks and reads at a time
        self.size_bytes = file.seek(0, os.SEEK_END)

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """See `Source.read_into`."""
        done = 0
        with self._lock:
            self._file.seek(offset)
            while done < len(buffer) and (data := self._file.read(len(buffer) - done)):
                buffer[done : done + len(data)] = data
                done += len(data)
        return done

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _unreachable(error: Exception) -> NodeUnreachable:
    hint = "check the path and its credentials"
    return NodeUnreachable(f"the store cannot be read: {type(error).__name__}", hint=hint)
