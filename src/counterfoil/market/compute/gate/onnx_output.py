"""Models in ONNX: a graph of allowed operators, without text, code or data beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from counterfoil.errors import INSTALL_ML, NotSetUp
from counterfoil.market.compute.gate.cells import Run, number_cells, numbers_in_texts, value_cells
from counterfoil.market.compute.gate.checked import Checked
from counterfoil.market.compute.gate.refusal import Refusal
from counterfoil.market.compute.gate.rules import ModelRule

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

__all__ = ["check_onnx"]

_SHARED: Final = frozenset(
    {"ArgMax", "ArrayFeatureExtractor", "Cast", "Concat", "FeatureVectorizer", "Identity", "Imputer", "Normalizer"}
) | {"Reshape", "Scaler", "ZipMap"}
_PRODUCTS: Final = frozenset({"Gemm", "LinearClassifier", "LinearRegressor", "MatMul"})
_FAMILIES: Final = {
    "linear": _PRODUCTS | {"Abs", "Add", "Div", "Mul", "ReduceSum", "Sigmoid", "Softmax", "Sub"},
    "trees": frozenset({"TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor"}),
}
_FORBIDDEN: Final = frozenset(
    [
        "doc_string",
        "external_data",
        "functions",
        "g",
        "graphs",
        "metadata_props",
        "quantization_annotation",
        "training_info",
    ]
)
_DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml"})
_DATA_OF: Final = {1: "float_data", 6: "int32_data", 7: "int64_data", 11: "double_data"}
"""Where arrays of FLOAT, INT32, INT64 and DOUBLE have their numbers, if not in `raw_data`."""

_MOST_TEXT_BYTES: Final = 65_536
_MOST_WORD: Final = 200


def check_onnx(data: bytes, rule: ModelRule) -> Checked:
    """Returns an ONNX model as it may leave: written anew, of the families that its rule names.

    Raises:
        Refusal: `model` for what is none, `family` for other operators, `text`, `parameters` or `numbers`.
        NotSetUp: The package onnx is not installed.
    """
    model = _parsed(data)
    allowed = _SHARED.union(*(_FAMILIES[each] for each in rule.families))
    operators = [node.op_type for node in model.graph.node]
    # Two products after one another are the layers of a network, and no linear model.
    known = all(node.domain in _DOMAINS for node in model.graph.node)
    if not known or not allowed.issuperset(operators) or sum(each in _PRODUCTS for each in operators) > 1:
        raise Refusal("family", f"it has operators beyond {' and '.join(rule.families)} models")
    texts: list[str] = []
    arrays: list[NDArray[Any]] = []
    count = 0
    for part in _parts(model):
        if isinstance(part, str):
            texts.append(part)
            continue
        count += part.size
        if count > rule.max_parameters:
            raise Refusal("parameters", f"it has more than {rule.max_parameters:,} numbers")
        arrays.append(part)
    if sum(map(len, texts)) > _MOST_TEXT_BYTES or any(len(each) > _MOST_WORD for each in texts):
        raise Refusal("text", "its names are longer than names are")
    runs = [_numbers(arrays), Run("names", value_cells(texts)), Run("numbers in names", numbers_in_texts(texts))]
    return Checked(model.SerializeToString(deterministic=True), runs)


def _parsed(data: bytes) -> onnx.ModelProto:
    try:
        import onnx
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    except ImportError as error:
        raise NotSetUp("reading ONNX needs onnx", hint=INSTALL_ML) from error
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise Refusal("model", "it is no ONNX model") from error
    size = model.ByteSize()
    model.DiscardUnknownFields()  # what no reader knows is nothing but a place to hide data
    if model.ByteSize() != size or not model.graph.node:
        raise Refusal("model", "it holds what is no part of an ONNX model, or no graph")
    return model


def _parts(message: Any) -> Iterator[Any]:
    """Returns every text and every array of numbers in a message, wherever it lies."""
    import numpy as np

    if type(message).__name__ == "TensorProto":
        yield _tensor(message)
        yield message.name
        return
    for field, value in message.ListFields():
        if field.name in _FORBIDDEN and value != "":  # an empty doc_string is what converters write
            raise Refusal("text", f"it has {field.name}, where anything could stand")
        values = value if field.is_repeated else [value]
        if field.type == field.TYPE_MESSAGE:
            for each in values:
                yield from _parts(each)
        elif field.type in (field.TYPE_STRING, field.TYPE_BYTES):
            yield from (each if isinstance(each, str) else _word(each) for each in values)
        else:
            yield np.array(list(values), dtype=np.float64)


def _word(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal("text", "a text in it is none") from error


def _tensor(message: Any) -> NDArray[Any]:
    """Returns an array; it may have its name, its type, its shape and its numbers once, and nothing else."""
    import numpy as np
    from onnx import numpy_helper

    field = _DATA_OF.get(message.data_type)
    if field is None:
        raise Refusal("model", "an array in it is of another type than FLOAT, DOUBLE, INT64 and INT32")
    parts = {each.name for each, value in message.ListFields() if value not in ("", 0)}
    data = parts - {"data_type", "dims", "name"}
    if data not in ({field}, {"raw_data"}, set()):
        raise Refusal("model", "an array in it lies in another file, or holds more than its numbers")
    try:
        array = np.asarray(numpy_helper.to_array(message))
    except (ValueError, TypeError, RuntimeError) as error:
        raise Refusal("model", "an array in it does not fit its shape") from error
    if len(message.raw_data) not in (0, array.nbytes) or len(getattr(message, field)) not in (0, array.size):
        raise Refusal("model", "an array in it has more numbers than its shape")
    return array


def _numbers(arrays: list[NDArray[Any]]) -> Run:
    """Returns all numbers as one run, with the lengths of all arrays."""
    import numpy as np

    numbers = np.concatenate([np.zeros(0), *(array.ravel().astype(np.float64) for array in arrays)])
    if not np.isfinite(numbers).all():
        raise Refusal("numbers", "it holds what is no number: NaN or infinities, which can carry data")
    return Run("its numbers", number_cells(numbers), tuple({length for array in arrays for length in array.shape}))
