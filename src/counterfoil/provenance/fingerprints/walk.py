"""Finds the files below a folder, and refuses what has no content that could be hashed."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple

from counterfoil.errors import InvalidInput, NotFound

__all__ = ["Found", "Stamp", "link_target", "stamp_of", "walk"]

_TOLD: Final = 5
_KINDS: Final = (
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


class Stamp(NamedTuple):
    """What the disk says of a file; while it stays the same, so does the content (see `stat_cache`)."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int


class Found(NamedTuple):
    """A file, or a link that is not followed.

    Attributes:
        path: Its name below the folder, parts separated by `/`.
        full: Where to open it.
        stamp: What the disk says of it.
        is_link: Whether it is a link.
    """

    path: bytes
    full: bytes
    stamp: Stamp
    is_link: bool


def stamp_of(found: os.stat_result) -> Stamp:
    """Returns what the disk says."""
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev)


def walk(root: Path, *, ignore: Sequence[str] = (), follow_links: bool = False) -> list[Found]:
    """Returns the files below a folder, or the one file, ascending by path.

    Args:
        root: The folder or file; where it is a link, what it leads to.
        ignore: Patterns (`*.tmp`, `.git`, `raw/*.csv`) of names, or of paths below the folder, that are left out.
        follow_links: Whether links count as what they lead to. Without it a link is recorded as what it says, and
            one that leads out of the folder is refused: nothing would bind the content.

    Raises:
        NotFound: There is no such file or folder.
        InvalidInput: A file or folder cannot be read, is no file, or a link leads out of the folder or in a circle.
    """
    top = os.fsencode(root)
    try:
        found = os.stat(top)
    except OSError as error:
        raise NotFound(f"{root} cannot be read: {error.strerror}") from error
    if stat.S_ISREG(found.st_mode):
        return [Found(os.path.basename(os.path.abspath(top)), top, stamp_of(found), False)]
    if not stat.S_ISDIR(found.st_mode):
        raise InvalidInput(f"{root} is {_kind(found.st_mode)}, which has no content to take a fingerprint of")
    walked = _Walk(os.path.realpath(top), ignore, follow_links)
    walked.below(top, b"", frozenset({(found.st_dev, found.st_ino)}))
    walked.require_sound()
    return sorted(walked.files)


def link_target(found: Found) -> bytes:
    """Returns what a link says.

    Raises:
        InvalidInput: It cannot be read.
    """
    try:
        return os.readlink(found.full)
    except OSError as error:
        raise InvalidInput(f"{_shown(found.path)} cannot be read: {error.strerror}") from error


class _Walk:
    """One walk through a folder; goes on past what is wrong, so that all of it can be told at once."""

    def __init__(self, real: bytes, ignore: Sequence[str], follow_links: bool) -> None:
        self._inside = real.rstrip(b"/") + b"/"
        self._ignore = ignore
        self._follow = follow_links
        self._faults: list[str] = []
        self.files: list[Found] = []

    def below(self, folder: bytes, prefix: bytes, above: frozenset[tuple[int, int]]) -> None:
        """Finds the files below one folder.

        Args:
            folder: The folder.
            prefix: Its own name below the top, with a `/` behind it.
            above: Device and inode of the folder and of those it lies in, against circles.
        """
        others: list[os.DirEntry[bytes]] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if self._ignore and self._is_ignored(prefix + entry.name, entry.name):
                        continue
                    if entry.is_file(follow_symlinks=False):  # most are, and a million of them are to be found
                        found = Found(
                            prefix + entry.name, entry.path, stamp_of(entry.stat(follow_symlinks=False)), False
                        )
                        self.files.append(found)
                    else:
                        others.append(entry)
        except OSError as error:
            self._faults.append(f"{_shown(prefix)} cannot be read: {error.strerror}")
        for entry in others:  # the folder is closed again: folders may lie deeper in one another than files may be open
            self._look_at(entry, prefix + entry.name, above)

    def require_sound(self) -> None:
        """Refuses the walk when something was wrong (InvalidInput)."""
        if self._faults:
            more = f"; and {len(self._faults) - _TOLD:,} more" if len(self._faults) > _TOLD else ""
            raise InvalidInput("; ".join(self._faults[:_TOLD]) + more, hint="mend that, or leave it out with --ignore")

    def _look_at(self, entry: os.DirEntry[bytes], path: bytes, above: frozenset[tuple[int, int]]) -> None:
        """Takes in what is no plain file."""
        try:
            if entry.is_symlink() and not self._follow:
                self._require_inside(entry.path, path)
                self.files.append(Found(path, entry.path, stamp_of(entry.stat(follow_symlinks=False)), True))
                return
            found = entry.stat()
        except OSError as error:
            self._faults.append(f"{_shown(path)} cannot be read: {error.strerror}")
            return
        place = (found.st_dev, found.st_ino)
        if stat.S_ISREG(found.st_mode):
            self.files.append(Found(path, entry.path, stamp_of(found), False))
        elif not stat.S_ISDIR(found.st_mode):
            self._faults.append(f"{_shown(path)} is {_kind(found.st_mode)}, which has no content")
        elif place in above:
            self._faults.append(f"{_shown(path)} is a link that leads in a circle")
        else:
            self.below(entry.path, path + b"/", above | {place})

    def _require_inside(self, full: bytes, path: bytes) -> None:
        if not (os.path.realpath(full) + b"/").startswith(self._inside):
            self._faults.append(f"{_shown(path)} is a link out of the folder (--follow-links takes what it leads to)")

    def _is_ignored(self, path: bytes, name: bytes) -> bool:
        both = (os.fsdecode(path), os.fsdecode(name))
        return any(fnmatchcase(text, pattern) for pattern in self._ignore for text in both)


def _kind(mode: int) -> str:
    return next((words for is_kind, words in _KINDS if is_kind(mode)), "no file")


def _shown(path: bytes) -> str:
    return path.rstrip(b"/").decode("utf-8", "backslashreplace") or "the folder"
