"""`counterfoil ledger status`, `anchor` and `log`: where log and ledger stand, and moving them on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.core.wording import counted
from counterfoil.ledger.amounts import amount
from counterfoil.ledger.packages import require_packages
from counterfoil.ledger.shapes import contradiction_json, state_json

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.ledger.history import SentTransaction, ToldEvent
    from counterfoil.ledger.standing import AnchorState, LedgerStatus

__all__ = ["PROVES_NOTHING_YET", "anchor", "judge", "log", "status"]

PATH: Final = click.Path(path_type=Path)
PROVES_NOTHING_YET: Final = (
    "While one party alone runs this ledger, it proves nothing to outsiders: whoever has the file could make it anew. "
    "Let several parties use it, or connect to a chain that others run."
)


@click.command()
@click.pass_obj
def status(session: Session) -> int:
    """Say where log and ledger stand: what is anchored, what waits, what is stuck, what it cost.

    Exit code 1 when something stands in the way. Without a connection to the ledger it
    tells what is known here.
    """
    require_packages()
    with session.open() as org:
        found = org.ledger.status()
    session.emit(found.to_json(), _status_lines(found))
    return 1 if found.problems else 0


@click.command()
@click.option("--wait/--no-wait", default=True, show_default=True, help="Return when the anchor is final.")
@click.option("--timeout-s", type=click.IntRange(1), default=900, show_default=True, help="Wait no longer than this.")
@click.option("--keep", is_flag=True, help="Have the ledger store this head for good, which costs more.")
@click.pass_obj
def anchor(session: Session, wait: bool, timeout_s: int, keep: bool) -> None:
    """Send the log's head to the ledger now, with the proof that it extends the last one.

    The contract refuses a head that rewrites history. An interrupted wait loses
    nothing: the anchor goes on when the home is opened next.
    """
    require_packages()
    with session.open() as org:
        if wait:
            try:
                state = org.ledger.anchor(timeout_s=timeout_s, progress=_Telling(session))
            except KeyboardInterrupt:
                raise KeyboardInterrupt(
                    "interrupted while waiting", "nothing is lost: the anchor goes on when the home is opened next"
                ) from None
        else:
            state = org.ledger.step(at_once=True)
            _Telling(session)(state)
        kept = org.ledger.keep(timeout_s=timeout_s) if keep else None
        proof = org.ledger.newest(org.archive.size)
    lines = [_anchored(state)]
    if proof is not None:
        lines.append(f"Block {proof.block_number:,} of chain {proof.chain_id}, of {proof.block_time}:")
        lines.append(f"  0x{proof.block_hash.hex()}")
        lines.append("Checkers take it from their own node, and give it as `counterfoil check --block`.")
    if kept is not None:
        lines.append(f"The ledger keeps the head over {counted(kept, 'record')} for good.")
    block = {"hash": f"0x{proof.block_hash.hex()}", "number": proof.block_number} if proof else None
    session.emit(state_json(state) | {"block": block, "kept": kept}, lines)


@click.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Most rows of each kind.")
@click.option("--cancel", type=int, metavar="ID", help="Take back a transaction that has not been executed.")
@click.pass_obj
def log(session: Session, limit: int, cancel: int | None) -> None:
    """Show what the ledger tells of this log, and the transactions this home sent."""
    require_packages()
    with session.open() as org:
        if cancel is not None:
            org.ledger.opened.outbox.cancel(cancel)
        told, sent = org.ledger.history(limit)
    data = {"events": [each.to_json() for each in told], "transactions": [each.to_json() for each in sent]}
    session.emit(data, [*_event_lines(session, told), "", *_sent_lines(session, sent)])


@click.command()
@click.argument("first", type=PATH, metavar="FILE", help="A receipt, bundle or head.")
@click.argument("second", type=PATH, metavar="FILE", help="Another one of the same log, which contradicts it.")
@click.option("--contract", metavar="ADDRESS", help="The contract that holds the log; by default what the files say.")
@click.option("--log-id", metavar="ID", help="The log's id in it; by default what the files say.")
@click.option("--dry-run", is_flag=True, help="Say what the two files show; send nothing.")
@click.pass_obj
def judge(session: Session, first: Path, second: Path, contract: str | None, log_id: str | None, dry_run: bool) -> None:
    """Have a log marked on the ledger whose holder signed two histories.

    Two signed heads of one size that differ are the proof. The contract checks both
    signatures and marks the log for everyone to see, for ever. This home's account pays.
    """
    require_packages()
    from counterfoil.ledger.judging import Contradiction

    with session.open() as org:
        chain_id = org.ledger.require_connection().chain_id
        found = Contradiction.between(first, second, chain_id, contract, log_id)
        is_named = not dry_run and found.mark(org.ledger)
    data = contradiction_json(found, is_named=is_named, done=not dry_run)
    of = found.origin if is_named else f"the log {data['log_id']}, which need not be the one its heads name,"
    told = f"two different heads over {counted(found.size, 'record')} of {of} were signed"
    shows = (
        f"They show that {told}. Nothing was sent." if dry_run else f"Marked: the ledger shows for ever that {told}."
    )
    session.emit(data, [shows])


class _Telling:
    """Says once what is waited for, on stderr; that it is done stands in the result."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._last = ""

    def __call__(self, state: AnchorState) -> None:
        line = _under_way(state)
        if line and line != self._last:
            self._session.remark(line)
        self._last = line


def _under_way(state: AnchorState) -> str:
    """Returns what is waited for, in words; empty when nothing is."""
    if state.fault:
        return f"Waiting: {state.fault}"
    if state.waiting is not None:
        return "The head is sent; waiting for a block ..."
    if state.proven_size < state.ledger_size:
        return f"The head over {counted(state.ledger_size, 'record')} is in a block; waiting until it is final ..."
    return ""


def _anchored(state: AnchorState) -> str:
    if state.is_done:
        rest = state.log_size - state.proven_size
        counts = f" (and {counted(rest, 'count')} of streams added since)" if rest else ""
        return f"Anchored: all {counted(state.proven_size, 'record')} of the log, final{counts}."
    records = counted(state.log_size, "record")
    return f"Anchored: {state.proven_size:,} of {records}, final; {state.ledger_size:,} in a block."


def _status_lines(found: LedgerStatus) -> Iterator[str]:
    kind = "the home's own embedded ledger" if found.is_embedded else "a chain that others' nodes answer for"
    if found.is_lone and not found.is_embedded:
        kind = "an embedded ledger that somebody serves"
    yield f"Ledger      {kind}, chain {found.chain_id}"
    if found.block is not None:
        yield f"            block {found.block:,}, final up to {found.final_block:,}"
    yield f"Contract    {found.contract}"
    yield f"Log id      {found.log_id}"
    held = "" if found.balance_wei is None else f", holds {amount(found.balance_wei)}"
    yield f"Account     {found.account}{held}"
    if found.spent_wei is not None:
        of = "" if found.is_embedded else f" of {amount(found.limit_wei)}"
        yield f"Spent       {amount(found.spent_wei)}{of} in the last 24 hours"
    yield f"Anchored    {found.state.proven_size:,} of {counted(found.state.log_size, 'record')} are under a final head"
    if found.state.ledger_size > found.state.proven_size:
        yield f"            {found.state.ledger_size:,} are under a head in a block that is not final yet"
    if found.state.due:
        yield f"Due         {found.state.due}"
    if found.state.waiting is not None:
        yield f"Under way   transaction {found.state.waiting.id}, {found.state.waiting.state}"
    for node in found.nodes:
        yield f"Node        {node}"
    for problem in found.problems:
        yield f"Problem     {problem}"
    if found.is_lone:
        yield ""
        yield PROVES_NOTHING_YET


def _event_lines(session: Session, told: Sequence[ToldEvent]) -> list[str]:
    if not told:
        return ["The ledger tells nothing of this log yet."]
    rows = [(each.block, each.time, each.sentence) for each in told]
    return ["What the ledger tells of this log, newest first", *session.table(("block", "time", "what"), rows)]


def _sent_lines(session: Session, sent: Sequence[SentTransaction]) -> list[str]:
    if not sent:
        return ["This home has sent no transaction."]
    rows = [(each.id, each.purpose, each.state, each.fee, each.note) for each in sent]
    header = ("id", "what for", "state", "fee", "note")
    return ["What this home sent, newest first", *session.table(header, rows)]
