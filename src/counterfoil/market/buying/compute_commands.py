"""`counterfoil market compute` and what a buyer does about its jobs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.core.wording import counted
from counterfoil.errors import InvalidInput
from counterfoil.ledger.packages import require_packages
from counterfoil.market.buying.stating import limiting, stated_of, stating
from counterfoil.market.consent import carried_out, sending
from counterfoil.market.lines import offer_lines, sheet_lines
from counterfoil.store.named_file import read_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from counterfoil.cli.session import Session
    from counterfoil.ledger.market.offer import Order
    from counterfoil.market.buying.computing import ToCompute
    from counterfoil.market.compute.jobs.result_file import Result
    from counterfoil.market.sheets.sheet import SignedSheet
    from counterfoil.organisation import Organisation

__all__ = ["compute", "job"]

PATH: Final = click.Path(path_type=Path)
_POLL_S: Final = 1.0
_OVER: Final = ("delivered", "forgotten", "refunded")
_STATES: Final = {
    "cancelled": "The job was taken back or given up: the seller's node gives the money back.",
    "forgotten": "The job was settled long ago, and its result is no longer kept.",
    "held": "The job is held: somebody at the seller looks at an output before it leaves.",
    "stopping": "The job is being stopped; then the seller's node gives the money back.",
}


@click.command()
@click.argument("offer_id", metavar="OFFER", help="An offer of jobs, as `counterfoil market search` lists it.")
@click.argument("place", type=PATH, metavar="[ALGORITHM]", required=False, help="A .py file, or a folder.")
@click.option("--parameters", type=PATH, metavar="FILE", help="JSON for the algorithm.")
@click.option("--statistics", type=PATH, metavar="FILE", help="JSON: statistics with noise, in place of an algorithm.")
@click.option("--publication", type=PATH, metavar="FILE", help="The publisher's document, where its key is trusted.")
@limiting
@click.option("--to", type=PATH, help="Folder for the result; it must be new.")
@click.option("--wait", type=click.IntRange(0), default=0, help="Seconds to wait for the result.", show_default=True)
@stating
@sending
@click.pass_obj
def compute(
    session: Session,
    offer_id: str,
    place: Path | None,
    parameters: Path | None,
    statistics: Path | None,
    publication: Path | None,
    most: str,
    token: str,
    to: Path | None,
    wait: int,
    dry_run: bool,
    yes: bool,
    purpose: str | None,
    jurisdiction: str | None,
    accept_licence: bool,
    credentials: tuple[Path, ...],
) -> None:
    """Have an algorithm run next to data that never leave, and get what may leave with a signed receipt.

    The price is a ceiling: whoever gets nothing pays nothing. Killed at any moment, the
    same order goes on with `counterfoil market job`.
    """
    require_packages()
    wanted = _wanted(place, parameters, statistics, publication)
    with session.open() as org:
        found = org.ledger.market.offer(offer_id)
        signed = org.market.sheets.sheet_of(found)
        stated = stated_of(
            signed,
            purpose=purpose,
            jurisdiction=jurisdiction,
            accept_licence=accept_licence,
            credentials=credentials,
        )
        planned = org.market.computing.planning(offer_id, wanted, stated, to=to, most=most, token=token)
        for line in (*sheet_lines(signed), "", *offer_lines(found), f"admission   {planned.admission}", ""):
            session.remark(line)
        if not _is_named(signed, wanted):
            session.remark(
                "warning: the offer sheet names neither this algorithm nor its publisher. Unless the seller "
                "approved it by hand, the job is refused; the money comes back by `counterfoil market job ORDER "
                "--cancel`. Ask first."
            )
        told: dict[str, Any] = {"admission": planned.admission, "order": planned.order}
        purchase = carried_out(session, org, planned.quote, planned.carry_out, dry_run=dry_run, yes=yes, more=told)
        if purchase is None:
            return
        state = _awaited(session, org, purchase.order, wait)
        result = org.market.computing.fetch(purchase.order, to) if state == "delivered" else None
        _emit(session, org, purchase.order, state, result)


@click.command()
@click.argument("order_id", metavar="ORDER", help="The order.")
@click.option("--cancel", is_flag=True, help="Take it back where it waits or was not taken, or have it stopped.")
@click.option("--wait", type=click.IntRange(0), default=0, help="Seconds to wait for the result.", show_default=True)
@click.option("--to", type=PATH, help="Folder for the result; it must be new.")
@click.pass_obj
def job(session: Session, order_id: str, cancel: bool, wait: int, to: Path | None) -> None:
    """Say how far a job is that this home bought, hand it in again where that failed, and fetch the result."""
    require_packages()
    with session.open() as org:
        computing = org.market.computing
        if cancel:
            state = computing.cancel(order_id)["state"]
            said = _words("stopping" if state == "running" else state)
            session.emit({"order": order_id, "state": state}, [said])
            return
        if computing.status(order_id)["state"] == "awaited":
            computing.hand_in(order_id)
        state = _awaited(session, org, order_id, wait)
        result = computing.fetch(order_id, to) if state == "delivered" else None
        _emit(session, org, order_id, state, result)


def _is_named(signed: SignedSheet, wanted: ToCompute) -> bool:
    """Whether a sheet says that an algorithm may run; statistics need no approval."""
    if wanted.algorithm is None or wanted.publication:
        return True
    said = (signed.sheet.wares.compute or {}).get("algorithms", {})
    return wanted.algorithm.digest_hex in (*said.get("digests", ()), *said.get("votes", ()))


def _wanted(
    place: Path | None, parameters: Path | None, statistics: Path | None, publication: Path | None
) -> ToCompute:
    from counterfoil.market.buying.computing import ToCompute
    from counterfoil.market.compute.algorithms import Algorithm

    if (place is None) == (statistics is None):
        raise InvalidInput("name an algorithm, or statistics", hint="one of the two")
    asked: Sequence[Any] = _json(statistics, list) if statistics is not None else ()
    return ToCompute(
        Algorithm.read(place) if place is not None else None,
        _json(parameters, dict) if parameters is not None else {},
        tuple(asked),
        publication=read_named(publication) if publication is not None else b"",
    )


def _json(path: Path, kind: type) -> Any:
    try:
        found = json.loads(read_named(path))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is no JSON: {str(error)[:100]}") from error
    if not isinstance(found, kind):
        raise InvalidInput(f"{path} holds no {'object' if kind is dict else 'list'}")
    return found


def _awaited(session: Session, org: Organisation, order: str, wait_s: int) -> str:
    """Returns how far a job is, after waiting for its end for so long."""
    ends_s, last = time.monotonic() + wait_s, ""
    while True:
        state = str(org.market.computing.status(order)["state"])
        if state in _OVER or time.monotonic() > ends_s:
            return state
        if state != last:
            session.remark(_words(state))
            last = state
        time.sleep(_POLL_S)


def _emit(session: Session, org: Organisation, order_id: str, state: str, result: Result | None) -> None:
    order, path = org.ledger.market.order(order_id), org.market.purchases.at(order_id).path
    if result is None:
        session.emit({"order": order_id, "receipt": None, "state": state}, [_standing(order, state)])
        return
    told = {"order": order_id, "receipt": result.receipt.to_json(), "state": state, "to": path or None}
    session.emit(told, result_lines(result, order, path))


def _words(state: str) -> str:
    return _STATES.get(state, f"The job is {state}.")


def _standing(order: Order, state: str) -> str:
    """Returns in a line how a job stands that has no result yet, or gives none any more."""
    if state == "refunded":
        if not order.price.units:
            return "The job is refunded; nothing was paid."
        return (
            f"The job is refunded: {order.price.text} is with the market until `counterfoil market payouts withdraw`."
        )
    if state in ("cancelled", *_OVER):
        return _words(state)
    return f"{_words(state)} Its result is fetched with: counterfoil market job {order.order}"


def result_lines(result: Result, order: Order, path: str) -> list[str]:
    """Returns for people what came of a job.

    Args:
        result: As it was fetched.
        order: As the ledger has it.
        path: The folder that it is in; empty where it was not written.
    """
    receipt = result.receipt
    if receipt.outputs:
        left = counted(len(receipt.outputs), "output")
        lines = [f"The job has {receipt.exit}; {left} left, checked against the signed receipt."]
        lines += [f"  {each.name}  {each.size:,} bytes  SHA-256 {each.sha256}" for each in receipt.outputs]
    else:
        charged = f"{order.charge.text} was charged" if order.charge.units else "nothing was charged"
        lines = [f"The job has {receipt.exit}; nothing left, and {charged}."]
        if not result.gate:
            lines.append("It never came to the gate, and its log stays with the seller: ask there.")
        elif path:
            lines.append(f"Why, as far as the gate may tell: {Path(path) / 'gate.json'}")
        else:
            lines.append(f"Why is in gate.json: counterfoil market job {order.order} --to FOLDER")
    if path and receipt.outputs:
        lines.append(f"They are in {path}, with receipt.json and the gate's decision.")
    return lines
