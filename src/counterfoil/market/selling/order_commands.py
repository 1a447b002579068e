"""`counterfoil market orders`, `refund`, `settle` and `known`: what was bought here, whose keys are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from counterfoil.ledger.market.offer import ORDER_STATES
from counterfoil.ledger.packages import require_packages
from counterfoil.market.consent import carried_out, sending
from counterfoil.market.lines import order_lines

if TYPE_CHECKING:
    from counterfoil.cli.session import Session

__all__ = ["known", "orders", "refund", "settle"]

_STATE: Final = click.Choice(list(ORDER_STATES))


@click.command()
@click.argument("order_id", metavar="[ORDER]", required=False, help="Show this one alone.")
@click.option("--state", "states", type=_STATE, multiple=True, help="Only those that stand so; may be repeated.")
@click.pass_obj
def orders(session: Session, order_id: str | None, states: tuple[str, ...]) -> None:
    """List the orders for this home's offers, oldest first; or show one.

    Paid: paid at once. Held: the market keeps the money until it is delivered. Delivered: the
    buyer can still object. Settled: the seller has it. Refunded: the buyer has it back.
    """
    require_packages()
    with session.open() as org:
        trading = org.ledger.market
        if order_id is not None:
            shown = trading.order(order_id)
            session.emit(shown.to_json(), order_lines(shown))
            return
        found = trading.orders(seller=f"0x{trading.account.hex()}", states=states, limit=None)
    rows = [(each.state, each.price.text, each.kind, each.buyer, each.order) for each in found]
    header = ("state", "price", "kind", "buyer", "order")
    session.emit(
        {"orders": [each.to_json() for each in found]}, session.table(header, rows) if rows else ["No orders yet."]
    )


@click.command()
@click.argument("order_id", metavar="ORDER", help="The order's id.")
@sending
@click.pass_obj
def refund(session: Session, order_id: str, dry_run: bool, yes: bool) -> None:
    """Give a buyer everything back; the access that the order gave ends. Only while the market holds the money."""
    require_packages()
    with session.open() as org:
        made = carried_out(session, org, *org.ledger.market.refunding(order_id), dry_run=dry_run, yes=yes)
    if made is not None:
        session.emit(made.to_json(), [f"{made.price.text} went back to the buyer.", *order_lines(made)])


@click.command()
@click.argument("order_id", metavar="ORDER", help="The order's id.")
@sending
@click.pass_obj
def settle(session: Session, order_id: str, dry_run: bool, yes: bool) -> None:
    """Have the market pay out an order whose window is over; anybody can, and a running node does it by itself.

    The buyer can before its window is over, and gives up the time to complain.
    """
    require_packages()
    with session.open() as org:
        made = carried_out(session, org, *org.ledger.market.settling(order_id), dry_run=dry_run, yes=yes)
    if made is not None:
        session.emit(made.to_json(), [f"{made.charge.text} is the seller's now.", *order_lines(made)])


@click.group()
def known() -> None:
    """Say whose market keys are known, so that terms can name organisations by the origin of their log."""


@known.command("add")
@click.argument("vkey", metavar="KEY", help="As `counterfoil market key` prints it in their home.")
@click.pass_obj
def add_known(session: Session, vkey: str) -> None:
    """Take a key for that of the origin it is named for. Ask them for it in a way that you trust."""
    require_packages()
    with session.open() as org:
        key = org.market.selling.known.add(vkey)
    session.emit({"key": str(key), "origin": key.name}, [f"This key is taken for that of {key.name}."])


@known.command("list")
@click.pass_obj
def list_known(session: Session) -> None:
    """List the keys that are known."""
    require_packages()
    with session.open() as org:
        keys = [str(each) for each in org.market.selling.known.all()]
    session.emit({"keys": keys}, keys or ["No keys are known."])


@known.command("remove")
@click.argument("vkey", metavar="KEY", help="As it is listed.")
@click.pass_obj
def remove_known(session: Session, vkey: str) -> None:
    """Forget a key."""
    require_packages()
    with session.open() as org:
        org.market.selling.known.remove(vkey)
    session.emit({"done": True, "key": vkey}, ["The key is not known any more."])
