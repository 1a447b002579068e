"""Runs an ONNX model one row at a time, on one thread, exactly as written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from counterfoil.core.canonical import JsonValue
from counterfoil.errors import INSTALL_ML, InvalidInput, NotSetUp
from counterfoil.provenance.models.features import Feature, Label, find_label
from counterfoil.provenance.models.fixedpoint import to_micro
from counterfoil.provenance.models.open_row import check_row
from counterfoil.provenance.models.semantic import read_onnx

__all__ = ["OnnxScorer"]

_FLOATS = {"tensor(float)": "float32", "tensor(double)": "float64"}
_NUMBERS = _FLOATS | {"tensor(int64)": "int64", "tensor(int32)": "int32"}


class OnnxScorer:
    """An ONNX classifier with one input a feature, or one float input for all.

    ONNX Runtime promises no equal results between batch sizes, thread counts or
    optimisation levels (its issue 9704), so all three are fixed: one row, one thread,
    optimisation disabled.

    Args:
        data: The model file.
        names: The features of a single float input, in order; x0, x1, ... if empty.
        positive: The scored class; by default the last.

    Raises:
        InvalidInput: If the model or its inputs and outputs are not usable.
        NotSetUp: If onnx or onnxruntime is not installed.
    """

    def __init__(self, data: bytes, names: Sequence[str] = (), positive: Label | None = None) -> None:
        model = read_onnx(data)
        try:
            import onnxruntime as ort
        except ImportError as error:
            raise NotSetUp("scoring ONNX models needs onnxruntime", hint=INSTALL_ML) from error
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        try:
            self._session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions share no public class
            raise InvalidInput(f"ONNX Runtime refuses the model: {str(error)[:200]}") from error
        self._inputs = [(item.name, item.type) for item in self._session.get_inputs()]
        self._single = len(self._inputs) == 1 and self._inputs[0][1] in _FLOATS
        self.features = self._single_features(names) if self._single else self._named_features()
        labels = _labels(model)
        self.positive = labels[-1] if positive is None else labels[find_label(positive, labels)]
        self._output, self._column = _score_output(self._session.get_outputs(), labels, positive)

    def score(self, row: Mapping[str, JsonValue]) -> float:
        """Returns the score of the positive outcome; see `Scorer.score`."""
        values = check_row(row, self.features)
        try:
            answer = self._session.run([self._output], self._feed(values))[0]
            found = _pick(answer, self._column)
        except (OverflowError, ValueError, LookupError, TypeError) as error:
            raise InvalidInput(f"the ONNX model gives no score for this row: {str(error)[:200]}") from error
        except Exception as error:  # as above
            raise InvalidInput(f"ONNX Runtime refuses the row: {str(error)[:200]}") from error
        if found is None:
            raise InvalidInput("the ONNX model answers one number, and it is not about the class that is scored")
        return found

    def score_micro(self, row: Mapping[str, JsonValue]) -> int:
        """Returns the score in micro-units; see `Scorer.score_micro`."""
        return to_micro(self.score(row))

    def _feed(self, values: Sequence[int | float | str]) -> dict[str, Any]:
        import numpy as np

        if self._single:
            name, kind = self._inputs[0]
            return {name: np.array([values], dtype=_FLOATS[kind])}
        feed: dict[str, Any] = {}
        for (name, kind), value in zip(self._inputs, values, strict=True):
            if kind.startswith("tensor(int") and value != int(value):
                raise InvalidInput(f"the feature {name!r} must be a whole number")
            feed[name] = np.array([[value]], dtype=_NUMBERS.get(kind, object))
        return feed

    def _single_features(self, names: Sequence[str]) -> tuple[Feature, ...]:
        width = self._session.get_inputs()[0].shape[-1]
        if not names and isinstance(width, int):
            names = [f"x{i}" for i in range(width)]
        if not names or (isinstance(width, int) and width != len(names)):
            raise InvalidInput(f"the ONNX model takes {width} columns, {len(names)} feature names were given")
        return tuple(Feature(name, "number") for name in names)

    def _named_features(self) -> tuple[Feature, ...]:
        for name, kind in self._inputs:
            if kind not in _NUMBERS and kind != "tensor(string)":
                raise InvalidInput(f"the ONNX input {name!r} is of the type {kind}, which is not known")
        return tuple(
            Feature(name, "number") if kind in _NUMBERS else Feature(name, "category") for name, kind in self._inputs
        )


def _score_output(outputs: Any, labels: list[Label], positive: Label | None) -> tuple[str, Label | int]:
    """Returns the name of the output with scores, and the column or key of the positive class."""
    floats = [item for item in outputs if item.type in _FLOATS or item.type.startswith("seq(map(")]
    if not floats:
        raise InvalidInput("the ONNX model has no output of scores")
    chosen = next((item for item in floats if "prob" in item.name), floats[-1])
    column = len(labels) - 1 if positive is None else find_label(positive, labels)
    return chosen.name, labels[column] if chosen.type.startswith("seq(") else column


def _labels(model: Any) -> list[Label]:
    """Returns the classes of the two columns of scores."""
    for node in model.graph.node:
        for item in node.attribute:
            if item.name == "classlabels_strings" and item.strings:
                return _two([text.decode("utf-8", "replace") for text in item.strings])
            if item.name in ("classlabels_ints", "classlabels_int64s") and item.ints:
                return _two(list(item.ints))
    return [0, 1]  # it names none: the columns are the classes


def _two(labels: list[Label]) -> list[Label]:
    if len(labels) != 2:
        raise InvalidInput(f"only models of two classes can be scored, this one has {len(labels)}")
    return labels


def _pick(answer: Any, column: Label | int) -> float | None:
    """Returns the score; None where a lone number, which is about the last class, is asked for the other."""
    if isinstance(answer, list):
        return float(answer[0][column])
    flat = answer.reshape(-1)
    if flat.size not in (1, 2):
        raise ValueError(f"{flat.size} scores for one row, expected 1 or 2")
    if flat.size == 1:
        return float(flat[0]) if column == 1 else None
    return float(flat[column])
