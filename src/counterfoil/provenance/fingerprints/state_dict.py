"""The fingerprint of a PyTorch state dict, read without running it.

`torch.save` writes a zip file: `data.pkl`, a pickle that says which tensors there are, and `data/N`, their numbers.
The pickle is never loaded: see `state_dict_program`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from counterfoil.errors import NotFound
from counterfoil.provenance.fingerprints.state_dict_program import Storage, Tensor, followed, refused
from counterfoil.provenance.fingerprints.tensors import SIZES, set_digest, tensor_digest

__all__ = ["state_dict_digest"]

MAX_PROGRAM_BYTES: Final = 16 * 2**20
"""Largest `data.pkl`: some fifty thousand tensors."""

MOST_OVER: Final = 8
"""So many times its own size may be read of a file: tensors may share numbers, and not endlessly."""

_LOCAL_HEADER: Final = b"PK\x03\x04"

_READ_BYTES: Final = 4 * 2**20


def state_dict_digest(path: Path) -> bytes:
    """Returns the fingerprint of a state dict that `torch.save` wrote: that of a safetensors file with these tensors.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is none, or anything but a dict of names and contiguous tensors.
    """
    try:
        with zipfile.ZipFile(path) as file:
            members = _members(path, file)
            root = _root(members)
            _require_little_endian(file, members, root)
            tensors = dict(_tensors(_read(file, members, f"{root}/data.pkl", MAX_PROGRAM_BYTES)))
            _require_one_meaning(tensors.values())
            if sum(_bytes_up_to(each) for each in tensors.values()) > MOST_OVER * path.stat().st_size:
                raise refused("its tensors share the same numbers too often")
            return set_digest(
                {
                    name: _digest(file, members.get(f"{root}/data/{each.storage.key}"), each)
                    for name, each in tensors.items()
                }
            )
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, RecursionError) as error:
        raise refused("it is cut off, or damaged") from error


def _members(path: Path, file: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Returns what is in the file; refuses one that another reader, or another disk, would take for another model.

    What begins as something else is loaded by torch as its older format, whatever zip file hangs behind; and it
    finds members whatever the case of their names.
    """
    with path.open("rb") as start:
        begins = start.read(len(_LOCAL_HEADER))
    found = file.infolist()
    if begins != _LOCAL_HEADER or min((each.header_offset for each in found), default=1):
        raise refused("something else stands in front of its zip file")
    if len({each.filename.casefold() for each in found}) != len(found) or any(each.compress_type for each in found):
        raise refused("it holds a member twice, or a compressed one")
    return {each.filename: each for each in found}


def _root(members: dict[str, zipfile.ZipInfo]) -> str:
    found = [name.removesuffix("/data.pkl") for name in members if name.endswith("/data.pkl")]
    if len(found) != 1:
        raise refused("it holds no data.pkl, or several")
    if any(not name.startswith(f"{found[0]}/") for name in members):
        raise refused(f"it holds members outside of {found[0][:60]!r}")
    return found[0]


def _require_one_meaning(tensors: Iterable[Tensor]) -> None:
    """Refuses the same numbers told as two types: torch takes whichever it meets first for both."""
    known: dict[str, Storage] = {}
    for each in tensors:
        if known.setdefault(each.storage.key, each.storage) != each.storage:
            raise refused("it tells the same numbers as two types, or as two counts")


def _require_little_endian(file: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], root: str) -> None:
    name = f"{root}/byteorder"
    if name in members and _read(file, members, name, 16) != b"little":
        raise refused("its numbers are in the byte order of large machines")


def _read(file: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], name: str, most_bytes: int) -> bytes:
    if members[name].file_size > most_bytes:
        raise refused(f"its {name.rpartition('/')[2]} is larger than {most_bytes:,} bytes")
    return file.read(name)


def _tensors(program: bytes) -> Iterator[tuple[str, Tensor]]:
    made = followed(program)
    if not isinstance(made, dict):
        raise refused("it is no dict of tensors")
    for name, each in made.items():
        if not isinstance(name, str) or not isinstance(each, Tensor):
            raise refused(f"{str(name)[:60]!r} is no tensor", hint="save model.state_dict() alone")
        yield name, each


def _bytes_up_to(tensor: Tensor) -> int:
    """Returns where a tensor ends among its numbers: so much has to be read for it."""
    return (tensor.offset + tensor.count) * SIZES[tensor.storage.kind]


def _digest(file: zipfile.ZipFile, member: zipfile.ZipInfo | None, tensor: Tensor) -> bytes:
    """Returns the digest of a tensor that lies in the file row by row."""
    count, size_bytes = tensor.count, SIZES[tensor.storage.kind]
    if count and not _lies_row_by_row(tensor):
        raise refused("a tensor does not lie row by row", hint="save it after .contiguous()")
    if member is None or _bytes_up_to(tensor) > member.file_size:
        raise refused("a tensor lies outside of its numbers")
    made = sha256()
    with file.open(member) as numbers:
        numbers.seek(tensor.offset * size_bytes)
        left = count * size_bytes
        while left:
            data = numbers.read(min(left, _READ_BYTES))
            if not data:
                raise refused("its numbers end early")
            made.update(data)
            left -= len(data)
    return tensor_digest(tensor.storage.kind, list(tensor.shape), made.hexdigest())


def _lies_row_by_row(tensor: Tensor) -> bool:
    """Whether neighbours along the last axis are neighbours in the file, and so on; an axis of one does not count."""
    wanted = 1
    for length, stride in zip(reversed(tensor.shape), reversed(tensor.strides), strict=True):
        if length != 1 and stride != wanted:
            return False
        wanted *= length
    return True
