"""Opening and remaking the log's hash files."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from shutil import rmtree

from counterfoil.errors import HomeDamaged
from counterfoil.store.durable import sync_folder
from counterfoil.store.log_state import LogState
from counterfoil.store.segment import Segments
from counterfoil.store.tree_files import TreeFiles

__all__ = ["hash_into", "open_hashes", "rewrite_hashes"]

_FLUSH_LEAVES = 8192


def open_hashes(folder: Path, state: LogState, segments: Segments, *, read_only: bool) -> TreeFiles:
    """Returns the hash files up to the saved state; remakes missing ones unless `read_only`.

    Raises:
        HomeDamaged: When they, or the segments, do not lead to the saved root.
        OSError: When the disk refuses.
    """
    if not read_only:
        (folder / "hashes").mkdir(exist_ok=True)
    try:
        tree = TreeFiles(folder / "hashes", state.size, read_only=read_only)
    except HomeDamaged:
        if read_only:
            raise
        rewrite_hashes(folder, state, segments)
        return TreeFiles(folder / "hashes", state.size)
    if tree.root(state.size) != state.root:
        tree.close()
        raise HomeDamaged(
            "the hash files do not lead to the log's saved root",
            hint="run `counterfoil rebuild`; if it fails too, restore the log folder from a backup",
        )
    return tree


def rewrite_hashes(folder: Path, state: LogState, segments: Segments) -> None:
    """Derives all hash files up to the saved state and puts them in place when they fit it.

    Raises:
        HomeDamaged: When they do not lead to the saved root. Nothing was changed.
        OSError: When the disk refuses.
    """
    fresh = folder / "hashes.new"
    rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    (folder / "hashes").mkdir(exist_ok=True)
    tree = TreeFiles(fresh, 0)
    try:
        hash_into(tree, segments.entries(0, state.size))
        tree.sync()
        if tree.root(state.size) != state.root:
            raise HomeDamaged(
                f"the first {state.size} entries do not lead to the log's saved root: an entry was altered",
                hint="keep a copy of the log folder as it is, then restore it from a backup",
            )
        for path in fresh.iterdir():
            path.replace(folder / "hashes" / path.name)
        sync_folder(folder / "hashes")
    finally:
        tree.close()
        rmtree(fresh, ignore_errors=True)


def hash_into(tree: TreeFiles, entries: Iterable[bytes]) -> None:
    """Adds entries to a tree and flushes it, in bounded memory (OSError)."""
    leaves: list[bytes] = []
    for entry in entries:
        leaves.append(sha256(b"\x00" + entry).digest())
        if len(leaves) == _FLUSH_LEAVES:
            tree.extend(leaves)
            tree.flush()
            leaves = []
    tree.extend(leaves)
    tree.flush()
