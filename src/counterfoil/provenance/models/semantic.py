"""What a model file means, apart from how it happened to be written.

skl2onnx and skops write other bytes for the same model each time (names, times,
memory addresses). The semantic digest covers what decides the answers and nothing
else. It is a fingerprint to recognise a model by; the file digest is what was kept.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable
from typing import Any

from counterfoil.core import canonical
from counterfoil.errors import INSTALL_ML, InvalidInput, NotAllowed, NotSetUp

__all__ = ["onnx_digest", "read_onnx", "skops_digest", "skops_schema"]

MAX_UNPACKED_BYTES = 1 << 30
_MAX_MEMBERS = 100_000
_MAX_DEPTH = 200


def _digest(kind: str, *parts: object) -> str:
    """Returns the SHA-256 of a tagged list; bytes go in by their own digest."""
    plain = [hashlib.sha256(part).hexdigest() if isinstance(part, bytes) else part for part in parts]
    return hashlib.sha256(canonical.dumps([kind, *plain])).hexdigest()


def read_onnx(data: bytes) -> Any:
    """Returns the parsed ONNX model with its local functions written out.

    Raises:
        InvalidInput: If it is not a whole, self-contained ONNX model.
        NotSetUp: If onnx is not installed.
    """
    try:
        import onnx
        from onnx import inliner
    except ImportError as error:
        raise NotSetUp("reading ONNX models needs onnx", hint=INSTALL_ML) from error
    try:
        model = onnx.load_model_from_string(data)
        for tensor in _tensors(model.graph):
            if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
                raise InvalidInput(
                    "the ONNX model keeps tensors in other files", hint="save it with its tensors inside"
                )
        onnx.checker.check_model(model)
        return inliner.inline_local_functions(model) if model.functions else model
    except InvalidInput:
        raise
    except Exception as error:  # protobuf and the checker raise types of their own
        raise InvalidInput(f"not a usable ONNX model: {str(error)[:200]}") from error


def onnx_digest(data: bytes) -> str:
    """Returns the semantic digest of an ONNX model, 64 hex digits.

    1. An input is named by its name, type and shape; a constant by type, shape and bytes.
    2. A node is its operator, domain, sorted attributes and the digests of its inputs.
    3. The model is its inputs, its outputs (name, digest) and its operator set versions.

    Names inside the graph, the order of nodes, producer, model version, doc strings
    and metadata do not count.
    """
    model = read_onnx(data)
    opsets = sorted((item.domain or "ai.onnx", item.version) for item in model.opset_import)
    return _digest("onnx", opsets, _graph(model.graph, {}, 0))


def _graph(graph: Any, outer: dict[str, str], depth: int) -> str:
    if depth > 16:
        raise InvalidInput("the ONNX model nests more than 16 graphs")
    known = dict(outer)
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [_input(item, i, depth) for i, item in enumerate(graph.input) if item.name not in constants]
    names = [item.name for item in graph.input if item.name not in constants]
    known.update(zip(names, inputs, strict=True))
    known.update((tensor.name, _tensor(tensor)) for tensor in graph.initializer)
    if graph.sparse_initializer:
        raise InvalidInput("the ONNX model has sparse constants, which are not known")
    for node in graph.node:
        attributes = sorted([item.name, _attribute(item, known, depth)] for item in node.attribute)
        read = [known[name] if name else "" for name in node.input]
        digest = _digest("node", node.domain or "ai.onnx", node.op_type, attributes, read)
        known.update((name, _digest("output", digest, i)) for i, name in enumerate(node.output) if name)
    outputs = [["" if depth else item.name, known[item.name]] for item in graph.output]
    return _digest("graph", inputs, outputs)


def _input(item: Any, position: int, depth: int) -> str:
    kind = item.type.tensor_type
    shape = [dim.dim_value if dim.HasField("dim_value") else "?" for dim in kind.shape.dim]
    return _digest("input", [depth, position] if depth else item.name, kind.elem_type, shape)


def _tensor(tensor: Any) -> str:
    from onnx import numpy_helper

    return _array(numpy_helper.to_array(tensor))


def _attribute(item: Any, known: dict[str, str], depth: int) -> str:
    from onnx import AttributeProto, helper

    if item.type == AttributeProto.GRAPH:
        return _graph(item.g, known, depth + 1)
    if item.type == AttributeProto.GRAPHS:
        return _digest("graphs", [_graph(graph, known, depth + 1) for graph in item.graphs])
    if item.type == AttributeProto.TENSOR:
        return _tensor(item.t)
    if item.type == AttributeProto.TENSORS:
        return _digest("tensors", [_tensor(tensor) for tensor in item.tensors])
    if item.type in (AttributeProto.FLOAT, AttributeProto.FLOATS, AttributeProto.INT, AttributeProto.INTS):
        return _digest("numbers", item.type, repr(helper.get_attribute_value(item)))
    if item.type in (AttributeProto.STRING, AttributeProto.STRINGS):
        texts = [item.s] if item.type == AttributeProto.STRING else list(item.strings)
        return _digest("texts", item.type, [text.hex() for text in texts])
    raise InvalidInput(f"the ONNX attribute {item.name[:60]!r} is of a type that is not known")


def _tensors(graph: Any) -> Iterable[Any]:
    """Yields every constant of a graph and of the graphs inside it."""
    yield from graph.initializer
    for node in graph.node:
        for item in node.attribute:
            yield item.t
            yield from item.tensors
            for inner in [item.g, *item.graphs]:
                if inner.node or inner.initializer:
                    yield from _tensors(inner)


def _array(array: Any) -> str:
    """Returns the digest of an array's type, shape and values, without padding bytes."""
    import numpy as np

    kind = array.dtype
    if kind.names:
        return _digest("fields", [[name, _array(array[name])] for name in kind.names], list(array.shape))
    if kind.hasobject:
        texts = [item if isinstance(item, str) else bytes(item).decode("utf-8", "replace") for item in array.ravel()]
        return _digest("array", "text", list(array.shape), texts)
    little = np.ascontiguousarray(array).astype(kind.newbyteorder("<"), copy=False)
    return _digest("array", kind.newbyteorder("<").str, list(array.shape), little.tobytes())


def skops_schema(data: bytes) -> tuple[dict[str, Any], zipfile.ZipFile]:
    """Returns the schema of a skops file and the open archive.

    Raises:
        InvalidInput: If it is not one, or unpacks to more than 1 GiB.
        NotAllowed: If it is an archive around a pickle.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = archive.infolist()
        if len(members) > _MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
            raise InvalidInput(f"the skops file unpacks to more than {MAX_UNPACKED_BYTES} bytes")
        names = [member.filename for member in members]
        if len(set(names)) != len(names):
            raise InvalidInput("the skops file has two members of the same name")
        if any(name.endswith((".pkl", ".pickle", ".joblib")) for name in names):
            raise NotAllowed("the archive holds a pickle, which can run code when read", hint="save it with skops")
        if "schema.json" not in names:
            raise InvalidInput("the archive has no schema.json, so it is not a skops file")
        schema = json.loads(archive.read("schema.json"))
    except (zipfile.BadZipFile, ValueError, RecursionError, EOFError, NotImplementedError, RuntimeError) as error:
        raise InvalidInput(f"not a usable skops file: {str(error)[:200]}") from error
    if not isinstance(schema, dict):
        raise InvalidInput("not a usable skops file: the schema is not an object")
    return schema, archive


def skops_digest(data: bytes) -> str:
    """Returns the semantic digest of a skops file, 64 hex digits.

    It covers the tree of types and values. Memory addresses, file names and times in
    the archive, the skops version, padding inside records and the order of sets do not
    count; an object that is stored once and used twice counts by value.
    """
    schema, archive = skops_schema(data)
    try:
        return _Skops(archive).digest({key: value for key, value in schema.items() if not key.startswith("_skops")})
    except (KeyError, ValueError, RecursionError, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise InvalidInput(f"not a usable skops file: {str(error)[:200]}") from error


class _Skops:
    """Digests of the nodes of one skops schema, each object once."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._seen: dict[Any, str] = {}

    def digest(self, value: Any, depth: int = 0) -> str:
        """Returns the digest of a JSON value of the schema."""
        if depth > _MAX_DEPTH:
            raise InvalidInput(f"the skops file nests more than {_MAX_DEPTH} levels")
        if isinstance(value, list):
            return _digest("list", [self.digest(item, depth + 1) for item in value])
        if not isinstance(value, dict):
            return _digest("value", repr(value))
        mark = value.get("__id__")
        if value.get("__loader__") == "CachedNode":
            return self._seen.get(mark, _digest("inside itself"))
        found = _digest("object", self._pairs(value, depth))
        if mark is not None:
            self._seen[mark] = found
        return found

    def _pairs(self, value: dict[str, Any], depth: int) -> list[Any]:
        pairs: list[Any] = []
        unordered = value.get("__loader__") == "SetNode"
        for key in sorted(value):
            item = value[key]
            if key in ("__id__", "protocol", "_skops_version"):
                continue
            if key == "file" and isinstance(item, str):
                pairs.append([key, self._file(item)])
            elif unordered and key == "content" and isinstance(item, list):
                pairs.append([key, sorted(self.digest(part, depth + 1) for part in item)])
            else:
                pairs.append([key, self.digest(item, depth + 1)])
        return pairs

    def _file(self, name: str) -> str:
        import numpy as np

        content = self._archive.read(name)
        if name.endswith(".npy"):
            return _array(np.load(io.BytesIO(content), allow_pickle=False))
        if name.endswith(".npz"):
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                return _digest("arrays", [[key, _array(arrays[key])] for key in sorted(arrays.files)])
        return _digest("bytes", content)
