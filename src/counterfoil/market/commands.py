"""`counterfoil market`: selling and buying data and models; each room adds its own commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from counterfoil.ledger.packages import require_packages
from counterfoil.market.buying.commands import accept, buy, download, purchases, reclaim, resume, review, ticket
from counterfoil.market.buying.compute_commands import compute, job
from counterfoil.market.catalogue.commands import search, show
from counterfoil.market.compute.commands import algorithm, approve, approved, jobs, release, rerun
from counterfoil.market.consent import carried_out, sending
from counterfoil.market.contributions.commands import proposals, propose, review_proposal
from counterfoil.market.money_commands import credits, payouts, shares
from counterfoil.market.ocean.commands import export_offer, import_offer
from counterfoil.market.selling.commands import offer, publish
from counterfoil.market.selling.order_commands import known, orders, refund, settle

if TYPE_CHECKING:
    from counterfoil.cli.session import Session

__all__ = ["market"]


@click.group()
def market() -> None:
    """Sell and buy data and models: offers, orders and money on the ledger, contents from node to node.

    An order on the ledger is the only door. Everybody sees the offers, and which account
    bought what; nobody sees the contents but who bought them.
    """


@market.command("deploy")
@click.option("--contract", metavar="ADDRESS", help="A Market contract that is there; otherwise one is deployed.")
@click.option("--from-block", type=click.IntRange(0), help="The block from which on it is there; looked for without.")
@click.option(
    "--token", metavar="ADDRESS", help="The token that prices are in; otherwise that of the settings, or Credits."
)
@sending
@click.pass_obj
def deploy_market(
    session: Session, contract: str | None, from_block: int | None, token: str | None, dry_run: bool, yes: bool
) -> None:
    """Put the Market contract on the home's ledger, or take one that is there.

    Whoever deploys it governs it: may set a fee of at most 10 percent, pause buying, and
    refund in dispute; nothing else. A ledger of the home's own gets one by `counterfoil ledger connect`.
    """
    require_packages()
    from counterfoil.ledger.market.placing import placing_market

    with session.open() as org:
        quote, carry_out = placing_market(org.ledger, contract, from_block, token)
        address = carried_out(session, org, quote, carry_out, dry_run=dry_run, yes=yes)
        credits_at = org.ledger.require_connection().credits
    if address is not None:
        told = {"chain_id": quote.chain_id, "contract": address, "credits": credits_at, "done": True}
        lines = [f"The market is the contract {address} on chain {quote.chain_id}."]
        if credits_at:
            lines.append(f"Prices are in the token {credits_at}. Others here need both: --contract and --token.")
        else:
            lines.append("No token is named for prices: say the command again with --token, or --token for each offer.")
        session.emit(told, lines)


@market.command("key")
@click.pass_obj
def show_key(session: Session) -> None:
    """Print the home's public market key: what sellers' terms and credentials name this organisation by."""
    with session.open() as org:
        key = str(org.market.key)
    session.emit({"key": key}, [key])


for _command in (
    publish,
    offer,
    show,
    search,
    buy,
    download,
    ticket,
    purchases,
    resume,
    orders,
    refund,
    settle,
    accept,
    reclaim,
    review,
    payouts,
    shares,
    propose,
    proposals,
    review_proposal,
    known,
    import_offer,
    export_offer,
    credits,
    compute,
    job,
    jobs,
    release,
    rerun,
    approve,
    approved,
    algorithm,
):
    market.add_command(_command)
