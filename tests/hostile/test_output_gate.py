"""Outputs that are made to get past the gate, or to bring it down."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import making_gate as made
import pytest

NUMBER = {"type": "number"}
ANY = {"type": "array", "maxItems": 1_000_000, "items": NUMBER}


def refused(folder: Path, rule: dict[str, Any], content: bytes) -> str:
    (folder / rule["name"]).write_bytes(content)
    result = made.gated(folder, made.rules(rule))
    [decided] = result.decision.files
    assert (decided.outcome, result.passed, result.held) == ("refused", {}, {})
    return decided.rule


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "json"),
        (b"NaN", "json"),
        (b"[Infinity]", "json"),
        (b"[1e999]", "json"),
        (b"[9223372036854775808]", "json"),
        (b"[18014398509481985]", "json"),
        (b'{"count": 1, "count": 2}', "json"),
        (b"[" * 100_000 + b"]" * 100_000, "json"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "json"),
        (b'["\\ud800"]', "json"),
        (b"\xff\xfe[1]", "json"),
        (b"[1] PK\x03\x04", "json"),
        (b"%PDF-1.7 [1]", "json"),
        (b'["text"]', "schema"),
        (b"[true]", "schema"),
        (b"[null]", "schema"),
        (b'{"more": 1}', "schema"),
        (json.dumps([[1]]).encode(), "schema"),
        (b"[1]" + b" " * 600_000, "size"),
    ],
    ids=lambda value: repr(value[:8] + value[-120:]) if isinstance(value, bytes) else value,
)
def test_json_that_is_no_such_json_is_refused(tmp_path: Path, content: bytes, rule: str) -> None:
    assert refused(tmp_path, made.json_rule(schema=ANY), content) == rule


def test_what_stands_between_the_values_does_not_leave(tmp_path: Path) -> None:
    """White space, the order of keys and how a number is spelt could each carry a bit for every value."""
    given = b'{ "weights" : [1.0,\t1e0, 10E-1], "count":1}'
    result = made.gated(tmp_path, made.rules(made.json_rule()), None, result_json=given)
    assert result.passed["result.json"] == b'{"count":1,"weights":[1,1,1]}'


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "columns"),
        (b"region,people,mean,extra\n", "columns"),
        (b"region,people,mean\nnorth,5\n", "columns"),
        (b"region,people,mean\nnorth,5,1,1\n", "columns"),
        (b"region,people,mean\n=cmd|' /C calc'!A0,5,1\n", "cell"),
        (b"region,people,mean\nnorth,5,=1+1\n", "cell"),
        (b"region,people,mean\nNorth,5,1\n", "cell"),
        (b"region,people,mean\nnorth,5,NaN\n", "cell"),
        (b"region,people,mean\nnorth,5,inf\n", "cell"),
        (b"region,people,mean\nnorth,5,1e999\n", "cell"),
        (b"region,people,mean\nnorth,5,0x10\n", "cell"),
        (b"region,people,mean\nnorth,5,1_0\n", "cell"),
        ("region,people,mean\nnorth,\u0665,1\n".encode(), "cell"),
        (b"region,people,mean\nnorth,9223372036854775807,1\n", "cell"),
        (b"region,people,mean\nnorth,-5,1\n", "cell"),
        (b"region,people,mean\nnorth,5," + b"1" * 2_000 + b"\n", "cell"),
        (b'region,people,mean\nnorth,5,"1\n', "table"),
        (b"region,people,mean\nnorth,5,\x001\n", "table"),
        (b"\xef\xbb\xbfregion,people,mean\n", "table"),
        (b"region,people,mean\n\xff,5,1\n", "table"),
        (b"region,people,mean\n" + b"north,5,1\n" * 1_001, "length"),
        (b'region,people,mean\n"' + b"a" * 99_000 + b'",5,1\n', "cell"),
        (b"region,people,mean\n" + b"\n" * 50, "columns"),
    ],
    ids=lambda value: repr(value[:8] + value[-120:]) if isinstance(value, bytes) else value,
)
def test_a_table_that_is_no_such_table_is_refused(tmp_path: Path, content: bytes, rule: str) -> None:
    assert refused(tmp_path, made.table_rule(), content) == rule


def tensors(header: Any, body: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def one(dtype: str = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape) if isinstance(shape, tuple) else shape, "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "model"),
        (b"\x80\x04K\x01.", "model"),
        (pickle.dumps({"a": 1}), "model"),
        (tensors({"a": one()}, b"\0" * 8, length=2**63), "model"),
        (tensors({"a": one()}, b"\0" * 8, length=99), "model"),
        (tensors({"a": one()}, b"\0" * 7), "model"),
        (tensors({"a": one()}, b"\0" * 9), "model"),
        (tensors({"a": one(offsets=(1, 9))}, b"\0" * 9), "model"),
        (tensors({"a": one(), "b": one()}, b"\0" * 8), "model"),
        (tensors({"a": one(shape=(3,))}, b"\0" * 8), "model"),
        (tensors({"a": one(shape=(2**62, 4))}, b"\0" * 8), "model"),
        (tensors({"a": one(shape=(-1, -2))}, b"\0" * 8), "model"),
        (tensors({"a": one(shape=[True, 2])}, b"\0" * 8), "model"),
        (tensors({"a": one(shape=(1,) * 9 + (2,))}, b"\0" * 8), "model"),
        (tensors({"a": one("F16", (4,))}, b"\0" * 8), "model"),
        (tensors({"a": one("BOOL", (8,))}, b"\2" * 8), "model"),
        (tensors({"a": one() | {"more": 1}}, b"\0" * 8), "model"),
        (tensors({"a": one(offsets=("0", "8"))}, b"\0" * 8), "model"),
        (tensors({"a": one(offsets=(8, 0))}, b"\0" * 8), "model"),
        (tensors({"row 17.99": one()}, b"\0" * 8), "model"),
        (tensors({"__metadata__": {"rows": "17.99"}, "a": one()}, b"\0" * 8), "model"),
        (tensors(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{}}', b"\0" * 8), "model"),
        (tensors([]), "model"),
        (tensors({"a": 1}), "model"),
        (tensors({f"a{number}": one(shape=(0,), offsets=(0, 0)) for number in range(2_001)}), "model"),
        (tensors({"a": one()}, struct.pack("<2f", float("nan"), 1)), "numbers"),
        (tensors({"a": one()}, struct.pack("<2f", float("inf"), 1)), "numbers"),
        (tensors({"a": one("I8", (60_000,), (0, 60_000))}, b"\0" * 60_000), "parameters"),
    ],
    ids=lambda value: repr(value[:8] + value[-120:]) if isinstance(value, bytes) else value,
)
def test_tensors_whose_header_lies_are_refused(tmp_path: Path, content: bytes, rule: str) -> None:
    assert refused(tmp_path, made.model_rule("safetensors"), content) == rule


def onnx_model(**more: Any) -> Any:
    from onnx import TensorProto, helper

    weight = helper.make_tensor("w", TensorProto.FLOAT, [2, 1], [0.5, 0.25])
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, size]) for name, size in (("x", 2), ("y", 1)))
    return helper.make_model(helper.make_graph([node], "g", [x], [y], [weight]), **more)


def spoiled(kind: str) -> bytes:
    from onnx import helper

    model = onnx_model()
    weight = model.graph.initializer[0]
    if kind == "metadata":
        helper.set_model_props(model, {"rows": "17.99"})
    elif kind == "doc":
        model.graph.node[0].doc_string = "17.99 10.38"
    elif kind == "operator":
        model.graph.node[0].op_type = "PythonOp"
    elif kind == "layers":
        model.graph.node.append(helper.make_node("MatMul", ["y", "w"], ["z"]))
    elif kind == "external":
        weight.data_location = 1
        entry = weight.external_data.add()
        entry.key, entry.value = "location", "/etc/passwd"
    elif kind == "nan":
        weight.float_data[0] = float("nan")
    elif kind == "shape":
        weight.dims[0] = 2**40
    elif kind == "twice":
        weight.raw_data = b"\0" * 8
    elif kind == "bytes":
        attribute = model.graph.node[0].attribute.add()
        attribute.name, attribute.s, attribute.type = "a", b"\xff\xfe\x00", 3
    elif kind == "segment":
        weight.segment.begin = 1799
    elif kind == "beside":
        del weight.float_data[:]
        weight.dims[0] = 0
        weight.int32_data.append(1799)
    elif kind == "more":
        weight.float_data.append(17.99)
    elif kind == "domain":
        model.graph.node[0].domain = "com.example"
    elif kind == "long":
        model.graph.name = "a" * 201
    elif kind == "names":
        for number in range(2_000):
            model.graph.input.add().name = f"{number:0100}"
    data = bytes(model.SerializeToString())
    if kind == "unknown":
        data += b"\xfa\x3f\x0817.99 10"  # field 1023, length-delimited
    return data[:-3] if kind == "cut" else data


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("metadata", "text"),
        ("doc", "text"),
        ("operator", "family"),
        ("layers", "family"),
        ("external", "model"),
        ("nan", "numbers"),
        ("shape", "model"),
        ("twice", "model"),
        ("bytes", "text"),
        ("segment", "model"),
        ("beside", "model"),
        ("more", "model"),
        ("domain", "family"),
        ("long", "text"),
        ("names", "text"),
        ("unknown", "model"),
        ("cut", "model"),
    ],
)
def test_an_onnx_model_with_a_hiding_place_is_refused(tmp_path: Path, kind: str, rule: str) -> None:
    given = made.model_rule("onnx", families=["linear"])
    assert refused(tmp_path, given, spoiled(kind)) == rule
    whole = made.gated(tmp_path, made.rules(given), None, model_onnx=bytes(onnx_model().SerializeToString()))
    assert made.outcome(whole, "model.onnx") == ("passed", "model")


@pytest.mark.parametrize("form", ["safetensors", "onnx", "integer"])
@pytest.mark.parametrize("kind", ["pickle", "zip", "gzip", "html"])
def test_programs_and_archives_are_no_models(tmp_path: Path, form: str, kind: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", b"\0" * 10_000_000)
    contents = {
        "pickle": pickle.dumps(Path("/etc/passwd")),
        "zip": packed.getvalue(),
        "gzip": b"\x1f\x8b\x08" + b"\0" * 100,
        "html": b"<html><script>alert(1)</script></html>",
    }
    families = {} if form == "safetensors" else {"families": ["linear", "trees"]}
    assert refused(tmp_path, made.model_rule(form, **families), contents[kind]) == "model"


@pytest.mark.parametrize("kind", ["link", "link to itself", "hard link", "pipe", "folder", "sparse"])
def test_only_plain_files_are_read(tmp_path: Path, kind: str) -> None:
    folder, secret = tmp_path / "out", tmp_path / "secret.json"
    folder.mkdir()
    secret.write_bytes(b'{"count":1}')
    path = folder / "result.json"
    if kind == "link":
        path.symlink_to(secret)
    elif kind == "link to itself":
        path.symlink_to(path)
    elif kind == "hard link":
        path.hardlink_to(secret)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        with path.open("wb") as file:
            file.truncate(2**40)
    result = made.gated(folder, made.rules(made.json_rule()))
    assert made.outcome(result, "result.json") == ("refused", "size" if kind == "sparse" else "kind")


def test_a_folder_of_very_many_files_is_refused_as_a_whole(tmp_path: Path) -> None:
    for number in range(1_001):
        (tmp_path / str(number)).touch()
    result = made.gated(tmp_path, made.rules(made.json_rule()), None, result_json={"count": 1})
    assert [(each.name, each.rule) for each in result.decision.files] == [("*", "files")]
    assert result.passed == {}


def test_memory_stays_within_the_size_of_what_is_allowed(tmp_path: Path) -> None:
    """The worst of a file of 400 kB is a list of empty lists; a file of 1 GiB is not read at all."""
    with (tmp_path / "groups.csv").open("wb") as file:
        file.truncate(2**30)
    (tmp_path / "result.json").write_bytes(b"[" + b"[]," * 130_000 + b"[]]")
    rules = made.rules(made.json_rule(), made.table_rule())
    tracemalloc.start()
    try:
        result = made.gated(tmp_path, rules, made.index())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [each.outcome for each in result.decision.files] == ["refused", "refused"]
    assert peak < 60_000_000


@pytest.mark.parametrize("content", [b"\x1b[2Jhidden", b"a\0b", b"\xff", "\u202eabc".encode()], ids=repr)
def test_a_text_that_a_terminal_would_obey_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refused(tmp_path, {"name": "notes.txt", "type": "text", "maxBytes": 100}, content) == "text"
