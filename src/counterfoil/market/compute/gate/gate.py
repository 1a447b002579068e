"""The output gate: what of a job's outputs may leave, decided file by file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
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
from counterfoil.market.compute.gate.rules import LOG, FileRule, GateRules, JsonRule, ModelRule, TableRule, TextRule
from counterfoil.market.compute.gate.table_output import check_table
from counterfoil.market.compute.gate.tensors_output import check_tensors
from counterfoil.market.compute.gate.text_output import check_text

__all__ = ["Gated", "check_outputs"]

_OTHERS: Final = "*"
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
        decision: For the receipt and the record: it holds nothing of what does not leave.
        passed: What leaves, by name.
        held: What leaves when the owner releases it, by name.
        findings: What of the data was found in a file, by name; for the owner alone.
    """

    decision: GateDecision
    passed: Mapping[str, bytes]
    held: Mapping[str, bytes]
    findings: Mapping[str, tuple[Finding, ...]]


def check_outputs(
    folder: Path, rules: GateRules, data: RowIndex | None, *, job: str, exit_code: int, log: bytes = b""
) -> Gated:
    """Decides over everything that a job left in its folder.

    Nothing in the folder may change while this reads it: the job has ended. Memory is bounded by the files that the
    rules allow, times what reading the type takes (JSON: about thirty).

    Args:
        folder: Where the job wrote.
        rules: Of the offer.
        data: What outputs are held against; None where the data are no table.
        job: SHA-256 (hex) of the job's specification.
        exit_code: Of the algorithm. Whether it is zero is all that leaves of it.
        log: What it said while it ran; the first `logBytes` are held for the owner, and the rest is dropped.

    Raises:
        NotFound: There is no such folder.
        NotSetUp: A package that a file's type needs is not installed.
    """
    try:
        names = names_in(folder)
    except Refusal as refusal:
        names, files = [], [FileDecision(_OTHERS, "refused", refusal.rule, refusal.why)]
    else:
        # Names that no rule knows, and how many there are, could carry data: they are one entry.
        unnamed = any(name not in rules.files for name in names)
        files = [FileDecision(_OTHERS, "refused", "name", "files that no rule names")] if unnamed else []
    leaving: dict[str, dict[str, bytes]] = {"passed": {}, "held": {}}
    findings: dict[str, tuple[Finding, ...]] = {}
    left_bytes = rules.max_bytes
    for rule, read in _wanted(folder, names, rules, log):
        found: list[Finding] = []
        try:
            outcome, word, why, may_leave = _check_one(read, rule, data, left_bytes, found)
        except Refusal as refusal:
            files.append(FileDecision(rule.name, "refused", refusal.rule, refusal.why))
        else:
            leaving[outcome][rule.name] = may_leave
            left_bytes -= len(may_leave)
            shown = (sha256(may_leave).hexdigest(), len(may_leave)) if outcome == "passed" else (None, None)
            files.append(FileDecision(rule.name, outcome, word, why, *shown))
        if found:
            findings[rule.name] = tuple(found)
    compared = None if data is None else {"columns": data.columns, "compared": data.compared, "rows": data.rows}
    decision = GateDecision(job, rules.digest_hex, exit_code == 0, tuple(files), compared)
    return Gated(decision, leaving["passed"], leaving["held"], findings)


def _wanted(
    folder: Path, names: list[str], rules: GateRules, log: bytes
) -> Iterator[tuple[FileRule, Callable[[], bytes]]]:
    """Returns what has a rule, and how its bytes are read."""
    for name in names:
        if name in rules.files:
            yield rules.files[name], partial(read_output, folder, name, rules.files[name].max_bytes)
    if log and rules.log_bytes:
        yield TextRule(LOG, rules.log_bytes), lambda: log[: rules.log_bytes]


def _check_one(
    read: Callable[[], bytes], rule: FileRule, data: RowIndex | None, left_bytes: int, found: list[Finding]
) -> tuple[Outcome, str, str, bytes]:
    """Returns outcome, rule, reason and the bytes that may leave; adds to `found` what of the data is in the file."""
    try:
        checked = _checked(read(), rule)
    except RecursionError as error:
        raise Refusal(rule.type, "it is nested too deeply") from error
    if len(checked.data) > left_bytes:
        raise Refusal("total", "all files together are larger than allowed")
    _require_leaves(checked, rule, data)
    if data is not None:
        found += data.find(checked.runs)
    refused = next((each for each in found if each.outcome == "refused"), None)
    if refused is not None:
        raise Refusal(refused.rule, _WORDS[refused.rule])
    if found:
        return "held", found[0].rule, _WORDS[found[0].rule], checked.data
    if rule.release == "owner":
        return "held", "owner", "the owner releases it by hand", checked.data
    return "passed", rule.type, "", checked.data


def _checked(data: bytes, rule: FileRule) -> Checked:
    if isinstance(rule, JsonRule):
        return check_json(data, rule)
    if isinstance(rule, TableRule):
        return check_table(data, rule)
    if isinstance(rule, ModelRule):
        return {"safetensors": check_tensors, "onnx": check_onnx, "integer": check_integer}[rule.form](data, rule)
    return check_text(data)


def _require_leaves(checked: Checked, rule: FileRule, data: RowIndex | None) -> None:
    """Refuses a tree with small leaves, and one whose leaves cannot be counted: without a table none can."""
    if not isinstance(rule, ModelRule) or not rule.least_leaf or not checked.trees:
        return
    least = None if data is None else least_rows_in_leaves(checked.trees, data.numbers)
    if least is None:
        raise Refusal("leaf", "the rows in its leaves cannot be counted: a feature is no numeric column of a table")
    if least < rule.least_leaf:
        raise Refusal("leaf", f"a leaf stands for fewer than {rule.least_leaf} rows of the data")
