"""`counterfoil ledger up`, `deploy`, `connect`, `disconnect` and `cost`: getting to a ledger."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.core.wording import counted
from counterfoil.errors import NotSetUp
from counterfoil.ledger.account_commands import accounts
from counterfoil.ledger.amounts import amount
from counterfoil.ledger.anchor_commands import PROVES_NOTHING_YET, anchor, judge, log, status
from counterfoil.ledger.costs import ANCHOR_GAS, Assumptions, anchors_per_month, monthly_costs
from counterfoil.ledger.outbox_commands import move_outbox
from counterfoil.ledger.packages import require_packages
from counterfoil.ledger.role_commands import roles
from counterfoil.ledger.shapes import connected_json, costs_json, plan_json, steps_json, wanted_of

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.ledger.connecting import Plan, PlannedStep

__all__ = ["ledger"]

PATH: Final = click.Path(path_type=Path)
YES: Final = "repeat with --yes, or look first with --dry-run"
PORT: Final = 8545


@click.group()
def ledger() -> None:
    """Keep the log's head where nobody can rewrite it, not even its author."""


for each in (status, anchor, log, judge, roles, accounts, move_outbox):
    ledger.add_command(each)


@ledger.command()
@click.argument("folder", type=PATH, required=False, metavar="[FOLDER]", help="A ledger of its own, made if missing.")
@click.option("--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="0 takes a free one.")
@click.option("--fund", "funded", multiple=True, metavar="ADDRESS", help="Account to give funds; may be repeated.")
@click.pass_obj
def up(session: Session, folder: Path | None, port: int, funded: tuple[str, ...]) -> None:
    """Serve an embedded ledger to other programs of this machine, until interrupted.

    Without a folder it is the home's own ledger. With one, a ledger that several
    organisations on this machine use: each connects with --rpc. It answers on the
    loopback address only. Money on it is worth nothing; --fund gives an account some.
    """
    require_packages()
    from counterfoil.ledger.accounts.account import parse_address
    from counterfoil.ledger.connection import LedgerPaths
    from counterfoil.ledger.embedded.ledger import EmbeddedLedger
    from counterfoil.ledger.embedded.server import serve
    from counterfoil.ledger.rpc.chain import Chain
    from counterfoil.ledger.treasury import create_ledger, fund, is_ledger

    place = folder or LedgerPaths(session.folder() / "ledger").embedded
    accounts = [parse_address(text) for text in funded]
    if folder is None and not is_ledger(place):
        raise NotSetUp("this home has no ledger of its own", hint="`counterfoil ledger connect` makes one")
    with EmbeddedLedger.open(place) if is_ledger(place) else create_ledger(place) as opened:
        chain = Chain.connect(opened)
        given = fund(place, chain, accounts) if accounts else []
        with serve(opened, port=port) as server:
            data = {"chain_id": chain.chain_id, "folder": str(place), "funded": len(given), "url": server.url}
            lines = [
                f"The ledger in {place} answers at {server.url} (chain {chain.chain_id}).",
                *([f"{counted(len(given), 'account')} got funds."] if accounts else []),
                PROVES_NOTHING_YET,
                "Interrupt it to stop.",
            ]
            session.emit(data, lines)
            with suppress(KeyboardInterrupt), _terminable():
                server.wait()
    session.remark("Stopped.")


@contextmanager
def _terminable() -> Iterator[None]:
    """Takes a service manager's SIGTERM for what Ctrl-C is."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _connection_options(command: Any) -> Any:
    """Options that say where a ledger is and who pays."""
    for option in reversed(
        [
            click.option(
                "--rpc", multiple=True, metavar="URL", help="A node of the chain; several stand in for one another."
            ),
            click.option(
                "--account", metavar="ADDRESS", help="Account that pays; the only one of this home by default."
            ),
            click.option("--agree", type=click.IntRange(1), help="So many nodes must say the same; two of several."),
            click.option(
                "--allow-plain-http",
                is_flag=True,
                default=None,
                help="Reach nodes without encryption, in a network of your own.",
            ),
            click.option("--signer", metavar="URL", help="A signer elsewhere that holds the account's key."),
            click.option("--fee-ceiling-gwei", type=click.IntRange(1), help="Most that is paid for a unit of gas."),
            click.option("--spend-per-day-gwei", type=click.IntRange(0), help="Most that may be spent in 24 hours."),
            click.option(
                "--finality", type=click.Choice(["finalized", "safe", "confirmations"]), help="When a block is final."
            ),
            click.option(
                "--confirmations",
                type=click.IntRange(1),
                help="Blocks that make one final, with --finality confirmations.",
            ),
            click.option("--dry-run", is_flag=True, help="Say what would be sent and what it costs; send nothing."),
            click.option("--yes", is_flag=True, help="Do not ask."),
        ]
    ):
        command = option(command)
    return command


@ledger.command()
@_connection_options
@click.pass_obj
def deploy(session: Session, /, dry_run: bool, yes: bool, **given: Any) -> None:
    """Put the Evidence contract on a chain, for this organisation and others to use.

    It has no owner and nobody can change it. One for a chain is enough; whoever
    connects names its address. `connect` deploys one by itself when none is named.
    """
    require_packages()
    from counterfoil.ledger.accounts.account import checksummed

    with session.open() as org:
        if dry_run and not given["rpc"] and not org.ledger.paths.has_embedded:
            _emit_outlook(session, org.ledger.joining.outlook(given["account"]))
            return
        plan, carry_out = org.ledger.joining.deployment(wanted_of(given), given["account"])
        lines = _plan_lines(plan)
        if _is_refused(session, plan, lines, dry_run, yes or not given["rpc"]):
            return
        contract = checksummed(carry_out(session.remark))
    session.emit(
        {"chain_id": plan.chain_id, "contract": contract},
        [f"The Evidence contract is at {contract} on chain {plan.chain_id}."],
    )


@ledger.command()
@_connection_options
@click.option("--contract", metavar="ADDRESS", help="An Evidence contract that is there; otherwise one is deployed.")
@click.option("--assets", metavar="ADDRESS", help="An Assets contract that is there, to register datasets and models.")
@click.option(
    "--with-assets/--without-assets",
    default=None,
    help="Whether to put an Assets contract there; done on a ledger of the home's own.",
)
@click.option("--anew", is_flag=True, help="Open another log, though this one is open on that chain already.")
@click.option("--anchor-records", type=click.IntRange(1), help="So many new records are anchored at once.")
@click.option("--anchor-age-s", type=click.IntRange(1), help="A new record is anchored within so many seconds.")
@click.pass_obj
def connect(session: Session, /, dry_run: bool, yes: bool, **given: Any) -> None:
    """Connect the home to a ledger, and open its log there.

    Without --rpc, to a ledger of the home's own: a file in the home, no network, no
    money. With --rpc, to any Ethereum-like chain, where every anchor costs a fee. An
    interrupted connect goes on where it stopped.
    """
    require_packages()
    with session.open() as org:
        wanted = wanted_of(given)
        if dry_run and not given["rpc"] and not org.ledger.paths.has_embedded:
            outlook = org.ledger.joining.outlook(given["account"], wanted)
            _emit_outlook(session, outlook)
            return
        plan, carry_out = org.ledger.connecting(wanted, given["account"])
        lines = _plan_lines(plan)
        if _is_refused(session, plan, lines, dry_run, yes or not given["rpc"]):
            return
        made = carry_out(session.remark)
    session.emit(
        connected_json(made),
        [
            f"Connected to chain {made.chain_id}, contract {made.contract}.",
            f"The log's id there is {made.log_id}.",
            *([f"Datasets and models can be registered in {made.assets}."] if made.assets else []),
            "Hand out both, contract and id, together with the issuer's key.",
            *([] if made.rpc else [PROVES_NOTHING_YET]),
            "From now on its head goes out by itself while records are written.",
            "`counterfoil ledger anchor` sends it at once.",
        ],
    )


@ledger.command()
@click.option("--force", is_flag=True, help="Do not look for transactions under way: ledger or account are lost.")
@click.pass_obj
def disconnect(session: Session, force: bool) -> None:
    """Let go of the ledger, to connect to another one.

    What was anchored stays there, and files handed out go on to prove it.
    """
    require_packages()
    with session.open() as org:
        kept = org.ledger.disconnect(force=force)
    session.emit({"settings": str(kept)}, [f"Disconnected. The settings are kept in {kept}."])


@ledger.command()
@click.option(
    "--records-per-day", type=click.FloatRange(0), default=10_000, show_default=True, help="Volume of the log."
)
@click.option("--interval-s", type=click.IntRange(1), default=3_600, show_default=True, help="Seconds between anchors.")
@click.option("--coin-usd", type=click.FloatRange(0), default=3_000, show_default=True, help="Price of one ETH.")
@click.option(
    "--l1-gwei", type=click.FloatRange(0), nargs=2, default=(1, 10), show_default=True, help="Gas on Ethereum."
)
@click.option(
    "--l2-gwei", type=click.FloatRange(0), nargs=2, default=(0.001, 0.01), show_default=True, help="Gas on a rollup."
)
@click.option(
    "--blob-gwei", type=click.FloatRange(0), nargs=2, default=(1, 10), show_default=True, help="Gas of a rollup's data."
)
@click.pass_obj
def cost(
    session: Session,
    records_per_day: float,
    interval_s: int,
    coin_usd: float,
    l1_gwei: tuple[float, float],
    l2_gwei: tuple[float, float],
    blob_gwei: tuple[float, float],
) -> None:
    """Estimate what anchoring costs in a month, with the prices you assume.

    The cost depends on how often a head is anchored, not on how many records stand
    behind it. Pairs of prices are a quiet and a busy time.
    """
    assumed = Assumptions(coin_usd, l1_gwei, l2_gwei, blob_gwei)
    count = anchors_per_month(records_per_day, interval_s)
    costs = monthly_costs(records_per_day, interval_s, assumed)
    records = int(records_per_day * 30)
    rows = [
        (
            each.ledger,
            f"{each.low_usd:,.2f}",
            f"{each.high_usd:,.2f}",
            f"{each.per_record_usd(records)[1]:.1e}",
            each.proves,
        )
        for each in costs
    ]
    data = costs_json(count, ANCHOR_GAS, assumed, costs)
    session.emit(
        data,
        [
            f"{counted(count, 'anchor')} in 30 days, for {counted(records, 'record')}.",
            "",
            *session.table(
                ("ledger", "quiet, USD", "busy, USD", "busy, USD a record", "its history proves something to"), rows
            ),
            "",
            f"Assumed, not measured: one ETH is {coin_usd:,.0f} USD; a unit of gas costs {_pair(l1_gwei)} gwei on "
            f"Ethereum, {_pair(l2_gwei)} on a rollup and {_pair(blob_gwei)} for a rollup's data. "
            f"Measured: {ANCHOR_GAS:,} units of gas an anchor.",
            f"The embedded ledger grows by about {costs[0].disk_bytes / 1e6:,.1f} MB a month.",
        ],
    )


def _pair(prices: tuple[float, float]) -> str:
    return f"{prices[0]:g} to {prices[1]:g}"


def _plan_lines(plan: Plan) -> list[str]:
    from counterfoil.ledger.accounts.account import checksummed

    lines = [
        f"Chain {plan.chain_id}; the account {checksummed(plan.account)} holds {amount(plan.balance_wei)}.",
        *[f"  {step.title}: up to {amount(step.most_wei)} ({step.gas:,} gas)" for step in plan.steps],
    ]
    return lines if plan.steps else [*lines, "  nothing is left to be sent"]


def _emit_outlook(session: Session, steps: Sequence[PlannedStep]) -> None:
    lines = [f"  {step.title}" for step in steps]
    session.emit(steps_json(steps), ["This is what would be done.", *lines, "Nothing was made or sent."])


def _is_refused(session: Session, plan: Plan, lines: list[str], dry_run: bool, yes: bool) -> bool:
    """Whether it ends here: a dry run. Asks for a yes where fees are real."""
    if dry_run:
        session.emit(plan_json(plan), ["This is what would be sent.", *lines, "Nothing was sent."])
        return True
    plan.require_funds()
    if not yes and plan.steps:
        session.confirm(lines, "Fees are paid in money.", hint=YES)
    return False
