"""The output gate: what of a job's outputs may leave, decided file by file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from counterfoil.market.compute.gate.checked import Checked
from counterfoil.market.compute.gate.decision import FileDecision, GateDecision, Outcome
from counterfoil.market.compute.gate.integer_output import check_integer, least_rows_in_leaves
from counterfoil.market.compute.gate.json_output import check_json
from counterfoil.market.compute.gate.leaks import Finding, RowIndex
from counterfoil.market.compute.gate.onnx_output import check_onnx
from counterfoil.market.compute.gate.output_file import names_in, read_output
from counterfoil.market.compute.gate.refusal import Refusal
from counterfoil.market.compute.gate.rules import FileRule, GateRules, JsonRule, ModelRule, TableRule
from counterfoil.market.compute.gate.table_output import check_table
from counterfoil.market.compute.gate.tensors_output import check_tensors
from counterfoil.market.compute.gate.text_output import check_text

__all__ = ["Gated", "check_outputs"]

_WORDS: Final = {
    "rows": "it holds a row of the data",
    "cells": "it holds values of one row of the data close together",
    "column": "it holds values of a column of the data in their order",
    "values": "it holds many values that are in the data",
    "entries": "it has an entry for every row of the data",
}


@dataclass(frozen=True, slots=True)
class Gated:
    """A decision, and the bytes that it is about.

    Attributes:
        decision: For the receipt and the record.
        leaving: What may leave, by name: of files that passed at once, of files that are held when they are released.
        findings: Where in a file something of the data was found, by name, for the owner alone.
    """

    decision: GateDecision
    leaving: Mapping[str, bytes]
    findings: Mapping[str, tuple[Finding, ...]]


def check_outputs(folder: Path, rules: GateRules, data: RowIndex | None, *, job: str, exit_code: int) -> Gated:
    """Decides over everything that a job left in its folder.

    Nothing in the folder may change while this reads it: the job has ended. Memory is bounded by the largest file that
    the rules allow, times what reading its type takes (JSON: about thirty).

    Args:
        folder: Where the job wrote.
        rules: Of the offer.
        data: What outputs are held against; None where the data are no table.
        job: SHA-256 (hex) of the job's specification.
        exit_code: Of the algorithm. Whether it is zero is all that leaves of it.

    Raises:
        NotFound: There is no such folder.
        NotSetUp: A package that a file's type needs is not installed.
    """
    files: list[FileDecision] = []
    leaving: dict[str, bytes] = {}
    findings: dict[str, tuple[Finding, ...]] = {}
    left_bytes = rules.max_bytes
    try:
        names = names_in(folder)
    except Refusal as refusal:
        names, files = [], [FileDecision("*", "refused", refusal.rule, refusal.why, None, None)]
    for name in names:
        decided, may_leave, found = _check_one(folder, name, rules, data, left_bytes)
        files.append(decided)
        if found:
            findings[name] = tuple(found)
        if may_leave is not None:
            leaving[name] = may_leave
            left_bytes -= len(may_leave)
    compared = None if data is None else {"columns": data.columns, "compared": data.compared, "rows": data.rows}
    decision = GateDecision(job, rules.digest_hex, exit_code == 0, tuple(files), compared)
    return Gated(decision, leaving, findings)


def _check_one(
    folder: Path, name: str, rules: GateRules, data: RowIndex | None, left_bytes: int
) -> tuple[FileDecision, bytes | None, list[Finding]]:
    rule = rules.files.get(name)
    if rule is None:  # its name could carry data as well
        return FileDecision(_harmless(name), "refused", "name", "no rule names it", None, None), None, []
    written: bytes | None = None
    found: list[Finding] = []
    try:
        written = read_output(folder, name, rule.max_bytes)
        checked = _checked(written, rule)
        if len(checked.data) > left_bytes:
            raise Refusal("total", f"all files together are larger than {rules.max_bytes:,} bytes")
        if data is not None:
            _require_leaves(checked, rule, data)
            found = data.find(checked.runs)
    except Refusal as refusal:
        return _decided(name, "refused", refusal.rule, refusal.why, written, None), None, found
    except RecursionError:
        return _decided(name, "refused", rule.type, "it is nested too deeply", written, None), None, found
    refused = next((each for each in found if each.outcome == "refused"), None)
    if refused is not None:
        return _decided(name, "refused", refused.rule, _WORDS[refused.rule], written, None), None, found
    if found or rule.release == "owner":
        cause, why = (found[0].rule, _WORDS[found[0].rule]) if found else ("owner", "the owner releases it by hand")
        return _decided(name, "held", cause, why, written, checked.data), checked.data, found
    return _decided(name, "passed", rule.type, "", written, checked.data), checked.data, found


def _checked(data: bytes, rule: FileRule) -> Checked:
    if isinstance(rule, JsonRule):
        return check_json(data, rule)
    if isinstance(rule, TableRule):
        return check_table(data, rule)
    if isinstance(rule, ModelRule):
        return {"safetensors": check_tensors, "onnx": check_onnx, "integer": check_integer}[rule.form](data, rule)
    return check_text(data)


def _require_leaves(checked: Checked, rule: FileRule, data: RowIndex) -> None:
    if not isinstance(rule, ModelRule) or not rule.least_leaf or not checked.trees:
        return
    least = least_rows_in_leaves(checked.trees, data.numbers)
    if least is None:
        raise Refusal("leaf", "the rows in its leaves cannot be counted: it has features that are no numeric columns")
    if least < rule.least_leaf:
        raise Refusal("leaf", f"a leaf stands for fewer than {rule.least_leaf} rows of the data")


def _decided(
    name: str, outcome: Outcome, rule: str, why: str, written: bytes | None, leaving: bytes | None
) -> FileDecision:
    return FileDecision(
        name,
        outcome,
        rule,
        why,
        None if written is None else sha256(written).hexdigest(),
        None if written is None else len(written),
        None if leaving is None else sha256(leaving).hexdigest(),
        None if leaving is None else len(leaving),
    )


def _harmless(name: str) -> str:
    """Returns what stands for the name of a file that no rule names: the name itself stays."""
    return f"unnamed-{sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
