"""The fingerprint of arrays and of models that are nothing but named arrays.

An array is its type, its shape and its numbers, row by row, in the byte order of small machines (little-endian),
however it lay in memory. A file of the safetensors format is a set of named arrays: its metadata, the order of its
names and the gaps between them do not count. Source of the format: huggingface/safetensors, README, "Format".
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SIZES", "array_digest", "safetensors_digest", "set_digest", "tensor_digest", "tensors_digest"]

MAX_HEADER_BYTES: Final = 100 * 10**6
"""Largest header, as the format has it."""

_READ_BYTES: Final = 4 * 2**20
_NAMES: Final = {
    "b1": "BOOL",
    "f2": "F16",
    "f4": "F32",
    "f8": "F64",
    "c8": "C64",
    "c16": "C128",
    **{f"{kind}{size}": f"{kind.upper()}{size * 8}" for kind in "iu" for size in (1, 2, 4, 8)},
}
"""What the safetensors format calls the types of numpy."""

SIZES: Final = {
    "BOOL": 1,
    "F8_E5M2": 1,
    "F8_E4M3": 1,
    "F16": 2,
    "BF16": 2,
    "F32": 4,
    "F64": 8,
    "C64": 8,
    "C128": 16,
} | {f"{kind}{size * 8}": size for kind in "IU" for size in (1, 2, 4, 8)}
"""Bytes of one number."""


def array_digest(array: np.ndarray[Any, Any]) -> bytes:
    """Returns the fingerprint of one array, 32 bytes.

    Args:
        array: Any shape; truth values, integers, floats or complex numbers.

    Raises:
        InvalidInput: Its values are of another type, such as objects.
    """
    kind, data = _plain(array)
    return tensor_digest(kind, list(array.shape), sha256(data).hexdigest())


def tensors_digest(tensors: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """Returns the fingerprint of named arrays, 32 bytes: that of a safetensors file which holds them."""
    return set_digest({name: array_digest(array) for name, array in tensors.items()})


def safetensors_digest(path: Path) -> bytes:
    """Returns the fingerprint of what a safetensors file holds, 32 bytes; reads it once, a few MiB at a time.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is none, or cut off.
    """
    try:
        with path.open("rb") as file:
            return set_digest(_read(file, path.stat().st_size))
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    except (KeyError, TypeError, ValueError, struct.error) as error:
        raise InvalidInput(f"{path.name} is no safetensors file, or it is cut off") from error


def _read(file: BinaryIO, size_bytes: int) -> dict[str, bytes]:
    (length,) = struct.unpack("<Q", file.read(8))
    if not 2 <= length <= min(MAX_HEADER_BYTES, size_bytes - 8):
        raise ValueError(length)
    header = json.loads(file.read(length), object_pairs_hook=_once)
    header.pop("__metadata__", None)
    found: dict[str, bytes] = {}
    for name, about in header.items():
        kind, shape, (start, end) = about["dtype"], about["shape"], about["data_offsets"]
        count = 1
        for each in shape:
            if type(each) is not int or each < 0:
                raise ValueError(name)
            count *= each
        if not 0 <= start <= end <= size_bytes - 8 - length or end - start != count * SIZES[kind]:
            raise ValueError(name)
        file.seek(8 + length + start)
        found[name] = tensor_digest(kind, shape, _hash_of(file, end - start))
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses a name that stands there twice: readers would not agree on which one counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("twice")
    return found


def _hash_of(file: BinaryIO, size_bytes: int) -> str:
    made = sha256()
    while size_bytes:
        data = file.read(min(size_bytes, _READ_BYTES))
        if not data:
            raise ValueError("it ends early")
        made.update(data)
        size_bytes -= len(data)
    return made.hexdigest()


def _plain(array: np.ndarray[Any, Any]) -> tuple[str, bytes]:
    import numpy as np

    kind = _NAMES.get(f"{array.dtype.kind}{array.dtype.itemsize}")
    if kind is None:
        raise InvalidInput(f"an array of the type {array.dtype} has no fingerprint", hint="convert it to numbers")
    return kind, np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def tensor_digest(kind: str, shape: list[int], numbers: str) -> bytes:
    """Returns the fingerprint of one array from its type, its shape and the SHA-256 (hex) of its numbers."""
    return sha256(canonical.dumps(["counterfoil array 1", kind, shape, numbers])).digest()


def set_digest(tensors: Mapping[str, bytes]) -> bytes:
    """Returns the fingerprint of named arrays from theirs."""
    pairs = [[name, digest.hex()] for name, digest in sorted(tensors.items())]
    return sha256(canonical.dumps(["counterfoil arrays 1", pairs])).digest()
