"""`counterfoil asset`: datasets and models on the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.ledger.amounts import amount
from counterfoil.ledger.assets.asset import Asset, AssetHistory
from counterfoil.ledger.assets.kinds import MAX_ROYALTY_BPS, STATES
from counterfoil.ledger.packages import require_packages

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.ledger.assets.kinds import State
    from counterfoil.ledger.sending.quote import Quote
    from counterfoil.organisation import Organisation

__all__ = ["asset"]

PUBLIC: Final = "Everybody who uses the ledger can read this, for ever; nothing else of it leaves this home:"
YES: Final = "repeat with --yes, or look first with --dry-run"
_KIND: Final = click.Choice(["dataset", "model"])
_URI: Final = "Where the record of it is found; everybody can read this."


@click.group()
def asset() -> None:
    """Put datasets and models on the ledger: who registered what, when, and how it stands.

    Nobody has to: what is private stays in the log, and proofs hold without it.
    """


def _sending(command: Any) -> Any:
    """Options of whatever may cost a fee."""
    command = click.option("--yes", is_flag=True, help="Do not ask.")(command)
    return click.option("--dry-run", is_flag=True, help="Say what would be sent and shown; send nothing.")(command)


@asset.command("register")
@click.argument("what", metavar="DATASET|MODEL", help="Name, or place of its record in the log.")
@click.option("--kind", type=_KIND, help="Which, where a dataset and a model are called so.")
@click.option("--uri", default="", help=_URI)
@click.option(
    "--royalty-bps",
    type=click.IntRange(0, MAX_ROYALTY_BPS),
    default=0,
    help="What you ask of each sale, for ever, in hundredths of a percent.",
)
@click.option("--parent", "parents", multiple=True, metavar="ID|NAME", help="Asset it was made from; may be repeated.")
@_sending
@click.pass_obj
def register_asset(
    session: Session,
    what: str,
    kind: str | None,
    uri: str,
    royalty_bps: int,
    parents: tuple[str, ...],
    dry_run: bool,
    yes: bool,
) -> None:
    """Register a dataset or model on the ledger; this home's account owns it there.

    The ledger is told the digest of its record, its kind and the URI, and nothing else.
    The same one again is not registered twice.
    """
    require_packages()
    from counterfoil.provenance.assets.manifests import find_manifest
    from counterfoil.provenance.assets.names import parents_on_ledger

    with session.open() as org:
        found = find_manifest(org.provenance, what, kind)
        parents = tuple(_find(org, each) for each in parents)
        for name, parent in parents_on_ledger(org.provenance, found, org.ledger.assets.list()):
            if parent not in parents:
                session.remark(f"{found.name} was made from {name}, which is an asset: to say so, --parent {parent}")
        change = org.ledger.assets.registering(
            found.kind, found.sha256, uri=uri, parents=parents, royalty_bps=royalty_bps, of=found.leaf
        )
        made = _made(session, *change, dry_run=dry_run, yes=yes or not org.ledger.require_connection().rpc)
    if made is not None:
        session.emit(made.to_json(), [f"The {found.kind} {found.name} is on the ledger.", *_asset_lines(made)])


@asset.command("publish")
@click.argument("asset_id", metavar="ID|NAME", help="The asset.")
@click.argument("what", metavar="DATASET|MODEL", help="The next version: name, or place of its record.")
@click.option("--kind", type=_KIND, help="Which, where a dataset and a model are called so.")
@click.option("--uri", help=f"{_URI} Without it, what was said before.")
@_sending
@click.pass_obj
def publish_asset(
    session: Session, asset_id: str, what: str, kind: str | None, uri: str | None, dry_run: bool, yes: bool
) -> None:
    """Publish the next version of an asset; or, of the newest, where it is found now."""
    require_packages()
    from counterfoil.provenance.assets.manifests import find_manifest

    with session.open() as org:
        found = find_manifest(org.provenance, what, kind)
        change = org.ledger.assets.publishing(_find(org, asset_id), found.sha256, uri=uri, of=found.leaf)
        made = _made(session, *change, dry_run=dry_run, yes=yes or not org.ledger.require_connection().rpc)
    if made is not None:
        session.emit(made.to_json(), [f"{found.name} is version {made.version}.", *_asset_lines(made)])


@asset.command("state")
@click.argument("asset_id", metavar="ID|NAME", help="The asset.")
@click.argument("state", type=click.Choice(list(STATES)), help="How it stands from now on.")
@_sending
@click.pass_obj
def set_state(session: Session, asset_id: str, state: State, dry_run: bool, yes: bool) -> None:
    """Say how an asset stands: whoever uses it is warned on the ledger.

    Deprecated: there is a better one. Recalled: it is faulty. Blocked: it may not be used.
    """
    require_packages()
    with session.open() as org:
        change = org.ledger.assets.setting_state(_find(org, asset_id), state)
        made = _made(session, *change, dry_run=dry_run, yes=yes or not org.ledger.require_connection().rpc)
    if made is not None:
        session.emit(made.to_json(), [f"The {made.kind} is {made.state}.", *_asset_lines(made)])


@asset.command("transfer")
@click.argument("asset_id", metavar="ID|NAME", help="The asset.")
@click.argument("address", help="The next owner's account.")
@_sending
@click.pass_obj
def transfer_asset(session: Session, asset_id: str, address: str, dry_run: bool, yes: bool) -> None:
    """Hand an asset over for good. Only its owner can; every role for it lapses."""
    require_packages()
    with session.open() as org:
        change = org.ledger.assets.transferring(_find(org, asset_id), address)
        made = _made(session, *change, dry_run=dry_run, yes=yes)
    if made is not None:
        session.emit(made.to_json(), [f"The {made.kind} belongs to {made.owner}.", *_asset_lines(made)])


@asset.command("list")
@click.option("--ours", is_flag=True, help="Only what this home's account owns.")
@click.pass_obj
def list_assets(session: Session, ours: bool) -> None:
    """List the assets on the ledger, oldest first, with the names that this home has for them."""
    require_packages()
    from counterfoil.provenance.assets.names import asset_name

    with session.open() as org:
        found = org.ledger.assets.list(ours=ours)
        names = [asset_name(org.provenance, each) for each in found]
    rows = [
        (name, each.kind, each.state, each.version, "ours" if each.is_ours else each.owner, each.asset)
        for name, each in zip(names, found, strict=True)
    ]
    header = ("here called", "kind", "state", "version", "owner", "asset")
    lines = session.table(header, rows) if rows else ["No assets yet."]
    told = [each.to_json() | {"name": name or None} for name, each in zip(names, found, strict=True)]
    session.emit({"assets": told}, lines)


@asset.command("show")
@click.argument("asset_id", metavar="ID|NAME", help="The asset.")
@click.pass_obj
def show_asset(session: Session, asset_id: str) -> None:
    """Show an asset, everything the ledger tells of it, and what this home's log says."""
    require_packages()
    with session.open() as org:
        found = org.ledger.assets.show(_find(org, asset_id))
    session.emit(found.to_json(), _history_lines(session, found))


@asset.command("deploy")
@click.option("--contract", metavar="ADDRESS", help="An Assets contract that is there; otherwise one is deployed.")
@click.option("--from-block", type=click.IntRange(0), help="The block from which on it is there; looked for without.")
@_sending
@click.pass_obj
def deploy_assets(session: Session, contract: str | None, from_block: int | None, dry_run: bool, yes: bool) -> None:
    """Put the Assets contract on the home's ledger, or take one that is there.

    It has no owner and nobody can change it; one for a chain is enough. A ledger of the
    home's own gets one by `counterfoil ledger connect`.
    """
    require_packages()
    from counterfoil.ledger.assets.placing import placing

    with session.open() as org:
        quote, carry_out = placing(org.ledger, contract, from_block)
        is_free = quote.gas == 0 or not org.ledger.require_connection().rpc
        if _is_refused(session, quote, dry_run=dry_run, yes=yes or is_free):
            return
        address = carry_out(session.remark)
    session.emit(
        {"chain_id": quote.chain_id, "contract": address, "done": True},
        [f"Assets are registered in the contract {address} on chain {quote.chain_id}."],
    )


def _find(org: Organisation, wanted: str) -> str:
    """Returns the id of an asset that was named by it, or by what this home calls it."""
    from counterfoil.provenance.assets.names import find_asset

    return wanted if wanted.lower().startswith("0x") else find_asset(org.provenance, org.ledger.assets.list(), wanted)


def _made(
    session: Session,
    quote: Quote,
    carry_out: Callable[[Callable[[str], None]], Asset],
    *,
    dry_run: bool,
    yes: bool,
) -> Asset | None:
    """Does what was quoted, after asking; returns None after a dry run."""
    if _is_refused(session, quote, dry_run=dry_run, yes=yes):
        return None
    if quote.gas and yes:
        for line in _public_lines(quote):
            session.remark(line)
    try:
        return carry_out(session.remark)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "interrupted while waiting", "nothing is lost: repeat the command, and it goes on where it stopped"
        ) from None


def _is_refused(session: Session, quote: Quote, *, dry_run: bool, yes: bool) -> bool:
    """Whether it ends here: a dry run. Asks for a yes where something is sent."""
    lines = [*_quote_lines(quote), *_public_lines(quote)]
    if dry_run:
        session.emit(quote.to_json(), ["This is what would be sent.", *lines, "Nothing was sent."])
        return True
    quote.require_funds()
    if quote.gas and not yes:
        session.confirm(lines, "What the ledger is told stays there.", hint=YES)
    return False


def _quote_lines(quote: Quote) -> Iterator[str]:
    from counterfoil.ledger.accounts.account import checksummed

    yield f"Chain {quote.chain_id}; the account {checksummed(quote.account)} holds {amount(quote.balance_wei)}."
    if quote.gas:
        yield f"  {quote.title}: up to {amount(quote.most_wei)} ({quote.gas:,} gas)"
    else:
        yield f"  {quote.title}: nothing is left to be sent"


def _public_lines(quote: Quote) -> Iterator[str]:
    if quote.public:
        yield PUBLIC
        yield from (f"  {name.replace('_', ' '):11} {value}" for name, value in quote.public.items())


def _asset_lines(found: Asset) -> Iterator[str]:
    yield f"asset       {found.asset}"
    yield f"kind        {found.kind}, version {found.version}, {found.state}"
    yield f"record      SHA-256 {found.manifest}, of what its owner's log says of it"
    yield f"found at    {found.uri or 'no address was given'}"
    yield f"owner       {found.owner}{', this home' if found.is_ours else ''}"
    yield f"registered  by {found.creator} in block {found.block:,}"
    yield f"contract    {found.contract} on chain {found.chain_id}"
    if found.royalty_bps:
        yield f"royalty     {found.royalty_bps / 100:g} percent"
    for parent in found.parents:
        yield f"made from   {parent}"


def _history_lines(session: Session, found: AssetHistory) -> Iterator[str]:
    yield from _asset_lines(found.asset)
    for child in found.children:
        yield f"used for    {child}"
    if found.of is not None:
        yield f"in the log  record {found.of} is what the ledger has the digest of"
    for record in found.records:
        yield f"            record {record} is about it"
    yield ""
    yield from session.table(("block", "what the ledger tells"), [(each.block, each.sentence) for each in found.steps])
