"""Models in safetensors: named arrays of numbers and nothing else, read strictly and written anew.

Source of the format: huggingface/safetensors, README, "Format".
"""

from __future__ import annotations

import json
import re
import struct
from math import prod
from typing import TYPE_CHECKING, Any, Final

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput
from counterfoil.market.compute.gate.cells import Run, number_cells, value_cells
from counterfoil.market.compute.gate.checked import Checked
from counterfoil.market.compute.gate.refusal import Refusal
from counterfoil.market.compute.gate.rules import ModelRule

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_tensors"]

_TYPES: Final = {
    "F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,199}")
_MOST_HEADER: Final = 2**20
_MOST_TENSORS: Final = 2_000
_MOST_DIMENSIONS: Final = 8


def check_tensors(data: bytes, rule: ModelRule) -> Checked:
    """Returns a safetensors file as it may leave: arrays by name, no metadata, no gaps.

    Raises:
        Refusal: `model` for what is no such file, `parameters` for too many numbers, `numbers` for NaN and infinities.
    """
    arrays = _read(data)
    if sum(array.size for array in arrays.values()) > rule.max_parameters:
        raise Refusal("parameters", f"it has more than {rule.max_parameters:,} numbers")
    runs: list[Run] = [Run("names", value_cells(arrays))]
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not _is_finite(array):
            raise Refusal("numbers", "an array holds what is no number: NaN or infinities, which can carry data")
        runs.append(Run(name, number_cells(array), array.shape))
        if array.ndim > 1:
            runs.append(Run(f"{name}, by columns", number_cells(array.reshape(-1, array.shape[-1]).T)))
    return Checked(_written(arrays), runs)


def _is_finite(array: NDArray[Any]) -> bool:
    import numpy as np

    return bool(np.isfinite(array).all())


def _read(data: bytes) -> dict[str, NDArray[Any]]:
    import numpy as np

    try:
        (length,) = struct.unpack_from("<Q", data)
        if not 2 <= length <= min(_MOST_HEADER, len(data) - 8):
            raise Refusal("model", "its header is longer than the file, or than 1 MiB")
        header = canonical.loads(data[8 : 8 + length].rstrip(b" "))
        if not isinstance(header, dict) or len(header) > _MOST_TENSORS:
            raise Refusal("model", f"its header is no object of at most {_MOST_TENSORS:,} arrays")
        if "__metadata__" in header:
            raise Refusal("model", "it carries metadata, which is text")
        body = memoryview(data)[8 + length :]
        arrays, end = {}, 0
        for name, about in sorted(header.items(), key=lambda item: (item[1]["data_offsets"], item[0])):
            if not _NAME.fullmatch(name) or set(about) != {"dtype", "shape", "data_offsets"}:
                raise Refusal("model", "an array's name or its members are not as they should be")
            dtype = np.dtype(_TYPES[about["dtype"]])
            shape = _shape(about["shape"])
            start, stop = about["data_offsets"]
            # Arrays follow one another without gap or overlap: whatever the header says, each byte is in one of them.
            if start != end or stop - start != prod(shape) * dtype.itemsize or not start <= stop <= len(body):
                raise Refusal("model", "its arrays overlap, leave gaps, or do not fit their shapes")
            arrays[name] = np.frombuffer(body[start:stop], dtype=dtype).reshape(shape)
            if dtype.kind == "b" and np.frombuffer(body[start:stop], dtype=np.uint8).max(initial=0) > 1:
                raise Refusal("model", "a truth value is neither 0 nor 1")
            end = stop
    except (InvalidInput, KeyError, TypeError, ValueError, struct.error) as error:
        raise Refusal(
            "model", "it is no safetensors file of the types F64, F32, I64, I32, I16, I8, U8, BOOL"
        ) from error
    if end != len(body):
        raise Refusal("model", "it goes on behind its last array")
    return arrays


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > _MOST_DIMENSIONS:
        raise Refusal("model", f"an array has more than {_MOST_DIMENSIONS} dimensions")
    if not all(type(each) is int and 0 <= each < 2**40 for each in value):
        raise Refusal("model", "a length in its header is no count")
    return tuple(value)


def _written(arrays: dict[str, NDArray[Any]]) -> bytes:
    """Writes the arrays by name, the header padded with spaces to a multiple of eight bytes."""
    header: dict[str, Any] = {}
    end = 0
    names = {dtype: kind for kind, dtype in _TYPES.items()}
    for name in sorted(arrays):
        array = arrays[name]
        kind = names[array.dtype.str]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [end, end + array.nbytes]}
        end += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *(arrays[name].tobytes() for name in sorted(arrays))])
