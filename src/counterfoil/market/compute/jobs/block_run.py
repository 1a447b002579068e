"""Runs an algorithm over blocks of rows, so that only noisy means of its numbers leave.

The algorithm sees one block at a time as `/in/data`, a CSV file with the header of the whole, and writes
`/out/answer.json`: one object with the numbers that the offer declares. How long a block took, that it failed and
what it logged is told to nobody but the owner.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from counterfoil.core.signed_document import SignedDocument
from counterfoil.errors import InvalidInput, Stale
from counterfoil.market.compute.approvals import Approvals
from counterfoil.market.compute.execution import Execution, Input, Work, content_root, execute
from counterfoil.market.compute.gate.privacy.blocks import split
from counterfoil.market.compute.gate.privacy.rules import BlockRules
from counterfoil.market.compute.sandbox import Exit, Sandbox
from counterfoil.market.compute.sandbox.log import Line

__all__ = ["ANSWER", "answers_of_blocks"]

ANSWER: Final = "answer.json"
_MOST_ANSWER_BYTES: Final = 65_536


def answers_of_blocks(
    sandbox: Sandbox,
    work: Work,
    approvals: Approvals,
    rules: BlockRules,
    person: str | None,
    scratch: Path,
    *,
    publication: SignedDocument | None = None,
    on_line: Line | None = None,
    is_stopped: Callable[[], bool] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Mapping[str, Any] | None], Execution]:
    """Returns what the algorithm gave for each block, None where nothing usable, and the last run.

    Args:
        sandbox: The walls.
        work: The job; its input `data` is a CSV file.
        approvals: The owner's list.
        rules: How many blocks.
        person: The column that says whose row it is; None: each row is a person.
        scratch: Folder for blocks and outputs.
        publication: The publisher's document.
        on_line: Told each line of every block's log as it comes.
        is_stopped: Says whether the owner wants it ended.
        progress: Told (blocks done, blocks in all).

    Raises:
        InvalidInput: The data are no such table, or have too few rows.
        Stale: It was stopped.
    """
    given = work.inputs["data"]
    if content_root(given.place) != given.root_hex:
        raise Stale("the data are no longer those that were offered")
    header, rows = _read(given.place)
    persons = None
    if person is not None:
        if person not in header:
            raise InvalidInput(f"the data have no column {person!r}, which says whose row it is")
        at = header.index(person)
        persons = [row[at] for row in rows]
    blocks = split(os.urandom(32), len(rows), rules.count, persons)
    answers: list[Mapping[str, Any] | None] = []
    last: Execution | None = None
    for number, block in enumerate(blocks):
        folder = Path(tempfile.mkdtemp(prefix="block-", dir=scratch))
        try:
            path = folder / "data.csv"
            _write(path, header, [rows[each] for each in block])
            part = replace(work, inputs={"data": Input(path, content_root(path))})
            into = folder / "out"
            last = execute(
                sandbox, part, approvals, into, publication=publication, on_line=on_line, is_stopped=is_stopped
            )
            if last.outcome.exit is Exit.OWNER:
                raise Stale("the job was stopped")
            answers.append(_answer(into / ANSWER) if last.outcome.exit is Exit.FINISHED else None)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if progress is not None:
            progress(number + 1, len(blocks))
    assert last is not None, "there are two blocks at least"
    return answers, last


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput("blocks are made of a CSV file in UTF-8, and the data are none") from error
    if len(lines) < 2:
        raise InvalidInput("the data have no rows")
    return lines[0], lines[1:]


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _answer(path: Path) -> Mapping[str, Any] | None:
    """Returns what a block gave, None for anything that is no small JSON object."""
    try:
        if path.stat().st_size > _MOST_ANSWER_BYTES:
            return None
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
