"""The output gate: preparing data to compare with, and checking outputs of each type against it, per second of CPU.

The data are 100,000 rows of 20 numeric columns. The outputs hold random numbers, so that every check runs to its end:
4,000,000 weights as safetensors, 100,000 numbers as JSON, a table of 100,000 rows, and a decision over all three.
"""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from random import Random
from typing import Any

from measure import Figure, Run, peak_mib, spending, start

from counterfoil.market.compute.gate import GateRules, RowIndex, check_outputs

ROWS = 100_000
COLUMNS = 20
WEIGHTS = 4_000_000
NUMBERS = 100_000

FIGURES = (
    Figure("index_rows_per_cpu_s", "rows per CPU second", "Preparing the data, 20 columns", "higher"),
    Figure("tensors_mb_per_cpu_s", "MB per CPU second", "A model in safetensors, F64, checked and compared", "higher"),
    Figure("json_mb_per_cpu_s", "MB per CPU second", "A JSON list of numbers with a schema", "higher"),
    Figure("table_rows_per_cpu_s", "rows per CPU second", "A table of three columns", "higher"),
    Figure("peak_memory_mib", "MiB", "Most memory meanwhile, data included", "lower"),
)
SCHEMA = {"type": "array", "maxItems": 10_000_000, "items": {"type": "number"}}
COLUMN_RULES = [
    {"name": "region", "type": "text", "values": ["north", "south"]},
    {"name": "people", "type": "count"},
    {"name": "mean", "type": "number"},
]
RULES = {
    "model.safetensors": {"type": "model", "form": "safetensors", "maxParameters": WEIGHTS},
    "result.json": {"type": "json", "schema": SCHEMA},
    "groups.csv": {"type": "table", "maxRows": 1_000_000, "columns": COLUMN_RULES, "leastGroup": 5},
}
MOST_BYTES = {"json": 8 * 2**20, "table": 64 * 2**20, "model": 64 * 2**20}


def main() -> None:
    run = start("gate", __doc__, FIGURES)
    random = Random(run.seed)
    rows = run.count(ROWS, least=100)
    data = {f"c{number}": [random.gauss(number, 1.0) for _ in range(rows)] for number in range(COLUMNS)}
    RowIndex.build({"warm": [0.5] * 100})  # what is imported once is no cost of a row
    for _ in range(run.repeat):
        with spending() as spent:
            index = RowIndex.build(data)
        run.add("index_rows_per_cpu_s", rows / spent.cpu_s)
        for name, figure in (
            ("model.safetensors", "tensors_mb_per_cpu_s"),
            ("result.json", "json_mb_per_cpu_s"),
            ("groups.csv", "table_rows_per_cpu_s"),
        ):
            with run.folder() as folder:
                content, units = _output(name, run, random)
                (Path(folder) / name).write_bytes(content)
                with spending() as spent:
                    _checked(Path(folder), name, index)
            run.add(figure, units / spent.cpu_s)
    run.add("peak_memory_mib", peak_mib())
    run.finish()


def _checked(folder: Path, name: str, index: RowIndex) -> None:
    rule: dict[str, Any] = {"name": name, **RULES[name]}
    rule["maxBytes"] = MOST_BYTES[rule["type"]]
    rules = GateRules.from_json({"maxBytes": 2**27, "files": [rule]})
    gated = check_outputs(folder, rules, index, job="0" * 64, exit_code=0)
    assert gated.decision.files[0].outcome != "refused", gated.decision.files[0].why


def _output(name: str, run: Run, random: Random) -> tuple[bytes, float]:
    """Returns an output, and how many units of its figure it is."""
    if name == "model.safetensors":
        count = run.count(WEIGHTS, least=1_000)
        body = b"".join(struct.pack("<d", random.gauss(0, 100)) for _ in range(count))
        header = json.dumps({"w": {"dtype": "F64", "shape": [count], "data_offsets": [0, len(body)]}}).encode()
        content = struct.pack("<Q", len(header)) + header + body
        return content, len(content) / 1e6
    count = run.count(NUMBERS, least=1_000) + 1  # one for every row of the data would be refused
    if name == "result.json":
        content = json.dumps([random.gauss(0, 100) for _ in range(count)]).encode()
        return content, len(content) / 1e6
    out = io.StringIO()
    out.write("region,people,mean\n")
    for _ in range(count):
        out.write(f"{random.choice(('north', 'south'))},{random.randrange(5, 999)},{random.gauss(0, 100)}\n")
    return out.getvalue().encode(), count


if __name__ == "__main__":
    main()
