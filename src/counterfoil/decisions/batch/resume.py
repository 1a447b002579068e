"""Going on with a table that was interrupted: the log says who is decided, the table only who is in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from counterfoil.decisions.batch.applicants import Applicant
from counterfoil.decisions.batch.run import COLUMNS
from counterfoil.decisions.views import decisions, deployments
from counterfoil.errors import InvalidInput, LogUnavailable
from counterfoil.store.durable import replace_file

if TYPE_CHECKING:
    from counterfoil.decisions.deployment import Deployment
    from counterfoil.organisation import Organisation

__all__ = ["Remaining", "on_record", "remaining", "restore_table"]

_LEAF_DIGITS: Final = 64


@dataclass(frozen=True, slots=True)
class Remaining:
    """What an interrupted run left.

    Attributes:
        to_decide: Rows whose people have no decision yet, in the table's order.
        decided: The other rows, with the place of the decision in the log.
    """

    to_decide: Sequence[Applicant]
    decided: Sequence[tuple[Applicant, int]]


def on_record(org: Organisation, deployment: Deployment, since: int = 0) -> dict[bytes, list[int]]:
    """Returns the places of decisions with this model under this policy, oldest first, by the person's tag.

    Args:
        org: The home.
        deployment: Model and policy.
        since: First place in the log that counts.
    """
    with org.views.reading() as connection:
        of_leaf = select(deployments.c.model_idx, deployments.c.policy_idx).where(deployments.c.leaf == deployment.leaf)
        same = of_leaf.subquery()
        alike = select(deployments.c.idx).where(
            deployments.c.model_idx == same.c.model_idx, deployments.c.policy_idx == same.c.policy_idx
        )
        query = (
            select(decisions.c.subject, decisions.c.idx)
            .where(decisions.c.deployment_idx.in_(alike), decisions.c.idx >= since, decisions.c.subject.is_not(None))
            .order_by(decisions.c.idx)
        )
        found: dict[bytes, list[int]] = {}
        for tag, index in connection.execute(query):
            found.setdefault(tag, []).append(int(index))
    return found


def remaining(org: Organisation, deployment: Deployment, applicants: Sequence[Applicant]) -> Remaining:
    """Returns which rows are decided already. A person in k rows needs k decisions.

    Raises:
        LogUnavailable: While decisions wait in the queue: the log cannot tell of them yet.
    """
    if waiting := org.recorder.spool.count:
        raise LogUnavailable(
            f"{waiting:,} decisions still wait in the queue, so the log cannot say who is decided",
            hint="see why with `counterfoil doctor`, and resume when they are in the log",
        )
    known = on_record(org, deployment)
    rows: dict[bytes, list[Applicant]] = {}
    for each in applicants:
        rows.setdefault(org.vault.subject_tag(each.subject), []).append(each)
    decided: dict[int, int] = {}
    for tag, same in rows.items():
        newest = known.get(tag, [])[-len(same) :]
        decided |= {each.row: index for each, index in zip(same, newest, strict=False)}
    return Remaining(
        [each for each in applicants if each.row not in decided],
        [(each, decided[each.row]) for each in applicants if each.row in decided],
    )


def restore_table(out: Path, org: Organisation, left: Remaining) -> None:
    """Writes the rows that are decided and missing in `out` behind those that are there.

    A line that the interruption cut is written anew.

    Raises:
        InvalidInput: When `out` is a table of other rows, and nothing was changed.
    """
    people = {each.row: each.subject for each in left.to_decide} | {each.row: each.subject for each, _ in left.decided}
    there = list(_whole_lines(out)) if out.exists() else []
    for line in there:
        if people.get(int(line[0])) != line[1]:
            raise InvalidInput(
                f"{out} is not the table of these applicants: its row {line[0]} is about somebody else",
                hint="name the table of the interrupted run, or a new one",
            )
    known = {int(line[0]) for line in there}
    missing = [_recorded(each, org, index) for each, index in left.decided if each.row not in known]
    mode = out.stat().st_mode & 0o777 if out.exists() else 0o666  # less what the process's umask takes away
    replace_file(out, _encoded([list(COLUMNS), *there, *missing]), mode=mode)


def _whole_lines(out: Path) -> Iterator[list[str]]:
    """Yields the rows of a table of decisions, up to the first that is not whole."""
    try:
        text = out.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        text = error.object[: error.start].decode("utf-8")
    whole = text[: text.rfind("\n") + 1]
    reader = csv.reader(whole.splitlines(keepends=True), strict=True)
    header = next(reader, None)
    if header is not None and header != list(COLUMNS):
        raise InvalidInput(f"{out} is not a table of decisions", hint="name the table of the interrupted run")
    while True:
        try:
            line = next(reader)
        except (StopIteration, csv.Error):
            return
        if len(line) != len(COLUMNS) or not line[0].isdecimal() or len(line[8]) != _LEAF_DIGITS:
            return
        yield line


def _recorded(applicant: Applicant, org: Organisation, index: int) -> list[Any]:
    """Returns a row of the table, from the decision's record."""
    record = org.archive.record(index)
    values = org.archive.values(index, record)
    codes = " ".join(str(reason["code"]) for reason in values.get("/reasons", ()))
    made = (values.get("/output/label", ""), values.get("/output/score", ""), codes)
    place = (index, record.seq, record.time, org.archive.leaf_hex(index), "")
    return [applicant.row, applicant.subject, *made, *place]


def _encoded(lines: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()
