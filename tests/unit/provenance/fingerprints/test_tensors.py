"""The fingerprints of arrays and of sets of named arrays."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.fingerprints.tensors import array_digest, safetensors_digest, tensors_digest

TENSORS = {
    "layer.weight": np.arange(12, dtype="f4").reshape(3, 4),
    "layer.bias": np.array([0.5, -0.0, np.nan], dtype="f8"),
    "ids": np.array([1, 2, 3], dtype="i8"),
    "mask": np.array([True, False]),
    "none": np.zeros((0, 5), dtype="f2"),
    "one": np.array(7, dtype="f4"),
}


def test_a_file_has_the_fingerprint_of_what_it_holds(tmp_path):
    save_file(TENSORS, tmp_path / "a.safetensors")
    save_file(dict(reversed(TENSORS.items())), tmp_path / "b.safetensors", metadata={"trained": "today"})
    assert (tmp_path / "a.safetensors").read_bytes() != (tmp_path / "b.safetensors").read_bytes()
    wanted = tensors_digest(TENSORS)
    assert safetensors_digest(tmp_path / "a.safetensors") == wanted
    assert safetensors_digest(tmp_path / "b.safetensors") == wanted


def test_how_an_array_lies_in_memory_does_not_count():
    array = np.arange(24, dtype="f8").reshape(4, 6)
    wanted = array_digest(array)
    assert array_digest(np.asfortranarray(array)) == wanted
    assert array_digest(array.astype(">f8")) == wanted
    assert array_digest(np.arange(48, dtype="f8").reshape(4, 12)[:, :6] * 0 + array) == wanted


def test_whatever_is_another_array_has_another_fingerprint():
    array = np.arange(6, dtype="i4")
    others = [array, array.reshape(2, 3), array.reshape(3, 2), array.astype("i8"), array.astype("u4"), array[::-1]]
    others += [array.astype("f4"), array[:5], -array, np.array(0, dtype="i4"), np.zeros(0, dtype="i4")]
    assert len({array_digest(each) for each in others}) == len(others)


def test_names_count():
    assert tensors_digest({"a": np.ones(2)}) != tensors_digest({"b": np.ones(2)})
    assert tensors_digest({"a": np.ones(2), "b": np.zeros(2)}) != tensors_digest({"b": np.ones(2), "a": np.zeros(2)})


NO_NUMBERS = {
    "objects": np.array([object()]),
    "texts": np.array(["a"]),
    "dates": np.array(["2026-01-01"], dtype="M8[D]"),
}


@pytest.mark.parametrize("what", NO_NUMBERS)
def test_what_is_no_number_has_none(what):
    with pytest.raises(InvalidInput, match="has no fingerprint"):
        array_digest(NO_NUMBERS[what])


def file_with(header: object, data: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def about(**changes: object) -> dict[str, object]:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes


BAD = {
    "nothing": b"",
    "half a length": b"\x01\x00",
    "a header longer than the file": file_with({}, length=10**6),
    "a header of a terabyte": file_with({}, length=10**12),
    "no JSON": file_with(b"{nonsense}"),
    "no object": file_with([1, 2]),
    "cut off": file_with({"a": about()}, b"1234567"),
    "another size than its shape": file_with({"a": about(shape=[3])}, b"12345678"),
    "a shape below nothing": file_with({"a": about(shape=[-2])}, b"12345678"),
    "a shape of floats": file_with({"a": about(shape=[2.0])}, b"12345678"),
    "an unknown type": file_with({"a": about(dtype="F31")}, b"12345678"),
    "offsets that go back": file_with({"a": about(data_offsets=[8, 0])}, b"12345678"),
    "offsets before the start": file_with({"a": about(data_offsets=[-8, 0])}, b"12345678"),
    "a name twice": file_with(b'{"a": %s, "a": %s}' % ((json.dumps(about()).encode(),) * 2), b"12345678"),
    "no shape": file_with({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, b"12345678"),
}


@pytest.mark.parametrize("how", BAD)
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, how):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(BAD[how])
    with pytest.raises(InvalidInput, match=r"bad\.safetensors is no safetensors file"):
        safetensors_digest(path)


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        safetensors_digest(tmp_path / "missing.safetensors")
