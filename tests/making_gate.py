"""Data, rules and outputs for tests of the output gate; the data are scikit-learn's on breast cancer."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from counterfoil.market.compute.gate import Gated, GateRules, RowIndex, check_outputs

JOB = "5e" * 32


@cache
def cancer() -> Any:
    """Returns the data as a frame: 569 rows, 30 columns and `target`."""
    from sklearn.datasets import load_breast_cancer

    return load_breast_cancer(as_frame=True).frame


@cache
def index() -> RowIndex:
    frame = cancer()
    return RowIndex.build({name: frame[name].to_numpy() for name in frame.columns})


NUMBERS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "weights": {"type": "array", "maxItems": 2_000, "items": {"type": "number"}},
        "rows": {
            "type": "array",
            "maxItems": 2_000,
            "items": {"type": "array", "maxItems": 100, "items": {"type": "number"}},
        },
        "note": {"type": "string", "maxLength": 2_000},
        "count": {"type": "integer"},
    },
}


def rules(*files: dict[str, Any], **more: Any) -> GateRules:
    return GateRules.from_json({"maxBytes": 2_000_000, "files": list(files)} | more)


def json_rule(**more: Any) -> dict[str, Any]:
    return {"name": "result.json", "type": "json", "maxBytes": 500_000, "schema": NUMBERS} | more


def table_rule(**more: Any) -> dict[str, Any]:
    columns = [
        {"name": "region", "type": "text", "values": ["north", "south"]},
        {"name": "people", "type": "count"},
        {"name": "mean", "type": "number", "digits": 3},
    ]
    shown = {"name": "groups.csv", "type": "table", "maxBytes": 100_000, "maxRows": 1_000, "columns": columns}
    return shown | {"leastGroup": 5, "below": "suppress"} | more


def model_rule(form: str, **more: Any) -> dict[str, Any]:
    name = {"safetensors": "model.safetensors", "onnx": "model.onnx", "integer": "model.json"}[form]
    return {"name": name, "type": "model", "form": form, "maxBytes": 2_000_000, "maxParameters": 50_000} | more


def gated(folder: Path, given: GateRules, data: RowIndex | None = None, **outputs: Any) -> Gated:
    """Writes outputs (`result_json=…` is result.json) and has them checked."""
    for name, content in outputs.items():
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / ".".join(name.rsplit("_", 1))).write_bytes(raw)
    return check_outputs(folder, given, data, job=JOB, exit_code=0)


def outcome(result: Gated, name: str) -> tuple[str, str]:
    [found] = [each for each in result.decision.files if each.name == name]
    return found.outcome, found.rule
