"""The folder of one commitment: its secret, and the trees that proofs are made from.

    secret      32 bytes, sealed under the home's key for rows
    tree/       the leaves of all rows, and the tree over them, as the log keeps its own
    ids.*       the tree over the ids, where there is one (see `tag_files`)
    unrecorded  there until the record is written: without one, the folder goes at the next opening

No id and no value stands in it: leaves are salted, tags look random. All but `secret` can be made anew from the data.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

from counterfoil.core.rows_proof import RowTree
from counterfoil.errors import HomeDamaged, LogUnavailable, NotFound
from counterfoil.provenance.rows.building import TREE_FOLDER
from counterfoil.provenance.rows.secret import RowsSecret
from counterfoil.provenance.rows.tag_files import REBUILD
from counterfoil.store.durable import replace_file, sync_folder
from counterfoil.store.tree_files import TreeFiles

__all__ = ["CommitmentFolder", "clear_unfinished_folders", "new_folder", "settle_folders"]

_SEALED: Final = "secret"
_UNFINISHED: Final = ".unfinished"
_UNRECORDED: Final = "unrecorded"


class CommitmentFolder:
    """The files of one commitment.

    Args:
        rows: The home's folder for all of them.
        tree: The tree over the rows; its root names the folder.
    """

    def __init__(self, rows: Path, tree: RowTree) -> None:
        self.path = rows / tree.root.hex()
        self._tree = tree

    def secret(self, rows_key: bytes) -> RowsSecret:
        """Opens the secret.

        Raises:
            NotFound: It was forgotten, or never came to this copy of the home.
            HomeDamaged: It was altered.
        """
        try:
            sealed = (self.path / _SEALED).read_bytes()
        except OSError as error:
            raise NotFound(
                "the secret of these rows is not here any more, so nothing can be proven about them",
                hint="if it was not forgotten on purpose, restore the folder rows from a backup",
            ) from error
        return RowsSecret.unsealed(sealed, rows_key, self._tree.root)

    def keep_secret(self, secret: RowsSecret, rows_key: bytes) -> None:
        """Writes the secret (LogUnavailable when the disk refuses)."""
        try:
            replace_file(self.path / _SEALED, secret.sealed(rows_key, self._tree.root))
        except OSError as error:
            raise LogUnavailable(f"the secret of the rows cannot be kept: {error.strerror}") from error

    def begin(self, built: Path) -> None:
        """Moves the trees of a commitment without a record yet to here (LogUnavailable when the disk refuses)."""
        try:
            (built / _UNRECORDED).touch(mode=0o600)
        except OSError as error:
            raise LogUnavailable(f"the trees over the rows cannot be kept: {error.strerror}") from error
        self.take_over(built)

    def note_recorded(self) -> None:
        """Takes note that the record is written; what fails here is made good at the next opening."""
        with suppress(OSError):
            (self.path / _UNRECORDED).unlink(missing_ok=True)

    def take_over(self, built: Path) -> None:
        """Moves finished trees here, in place of those that were here; the secret stays."""
        try:
            self.path.mkdir(mode=0o700, exist_ok=True)
            for each in list(built.iterdir()):
                old = self.path / each.name
                if old.is_dir():
                    shutil.rmtree(old)
                each.rename(old)
            sync_folder(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            raise LogUnavailable(f"the trees over the rows cannot be kept: {error.strerror}") from error

    def forget(self) -> None:
        """Destroys the secret, then all else."""
        try:
            (self.path / _SEALED).unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                sync_folder(self.path)
                shutil.rmtree(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            raise LogUnavailable(f"the secret of the rows cannot be destroyed: {error.strerror}") from error

    @contextmanager
    def tree(self) -> Iterator[TreeFiles]:
        """Opens the tree over the rows for reading.

        Raises:
            HomeDamaged: Its files are missing or cut off.
        """
        try:
            files = TreeFiles(self.path / TREE_FOLDER, self._tree.count, read_only=True)
        except HomeDamaged as error:
            raise HomeDamaged(error.message, hint=REBUILD) from error
        try:
            yield files
        finally:
            files.close()


def settle_folders(rows: Path, recorded: Callable[[], Set[str]]) -> None:
    """Deletes folders whose record was never written, their secrets first; for whoever has just opened the home.

    Args:
        rows: The home's folder for all of them.
        recorded: Returns the roots (hex) that records name; asked only where something was left.
    """
    left = [mark.parent for mark in rows.glob(f"*/{_UNRECORDED}")]
    known = recorded() if left else frozenset()
    for path in left:
        with suppress(OSError):  # the next opening tries again
            if path.name not in known:
                (path / _SEALED).unlink(missing_ok=True)
                shutil.rmtree(path)
            else:
                (path / _UNRECORDED).unlink()


def clear_unfinished_folders(rows: Path) -> None:
    """Deletes what a process that was killed has left; for whoever has just opened the home, and nobody else can."""
    for left in rows.glob(f"*{_UNFINISHED}"):
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def new_folder(rows: Path) -> Iterator[Path]:
    """Gives an empty folder to build trees in; what is left in it at the end goes."""
    try:
        rows.mkdir(mode=0o700, exist_ok=True)
        path = rows / f"{token_hex(8)}{_UNFINISHED}"
        path.mkdir(mode=0o700)
    except OSError as error:
        raise LogUnavailable(f"the trees over the rows cannot be written: {error.strerror}") from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
