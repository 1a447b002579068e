"""`counterfoil market propose`, `proposals` and `review-proposal`: changing somebody's open dataset for a share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.ledger.packages import require_packages
from counterfoil.market.consent import carried_out, sending
from counterfoil.store.named_file import read_named
from counterfoil.store.new_file import write_new
from counterfoil.store.streams import time_text

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.market.contributions.proposing import Call
    from counterfoil.market.contributions.registry import Held

__all__ = ["proposals", "propose", "review_proposal"]

PATH: Final = click.Path(path_type=Path)
_NODE: Final = click.option("--node", default="", metavar="URL", help="The owner's node, for another home's proposal.")


@click.command()
@click.argument("asset_id", metavar="ASSET", help="The owner's asset.")
@click.argument("file", type=PATH, help="The changed file.")
@click.option("--base", type=PATH, required=True, metavar="FILE", help="The file as it was: the newest version.")
@click.option("--words", required=True, help="What changed, and why.")
@click.option("--licence", required=True, metavar="SHA256", help="The licence it is given under, that you have read.")
@click.option("--bps", type=click.IntRange(0, 9_999), default=0, help="The share that you ask, of 10,000.")
@click.option("--account", default="", metavar="ADDRESS", help="Who is to be paid; this home's account without.")
@click.option("--record", default="", metavar="LEAF", help="The run or passport in this home's log that tells of it.")
@click.option("--parent", "parents", multiple=True, metavar="SHA256", help="What else it was made from; repeatable.")
@click.option("--offer", default="", metavar="ID", help="Where it is too large to be sent: a free offer of yours.")
@click.option("--dry-run", is_flag=True, help="Say what would be signed; hand in nothing.")
@click.pass_obj
def propose(
    session: Session,
    asset_id: str,
    file: Path,
    base: Path,
    words: str,
    licence: str,
    bps: int,
    account: str,
    record: str,
    parents: tuple[str, ...],
    offer: str,
    dry_run: bool,
) -> None:
    """Propose a change to somebody's open dataset; its owner, or its reviewers, decide.

    What the owner promises is shown by `counterfoil market proposals call`. The file goes to the
    owner's node, encrypted to its owner; it is taken over only if it is accepted.
    """
    require_packages()
    from counterfoil.market.contributions.proposal import Lineage
    from counterfoil.market.contributions.proposing import ProposalDraft

    with session.open() as org:
        lineage = Lineage(record, org.archive.origin if record else "", parents)
        draft = ProposalDraft(asset_id, file, base, words, licence, bps, account, lineage, offer)
        proposing = org.market.contributions.proposing
        if dry_run:
            _, signed, _ = proposing.prepare(draft)
            lines = ["This is what would be signed.", *_proposal_lines(signed.proposal), "Nothing was handed in."]
            session.emit({"document": signed.proposal.to_json(), "done": False}, lines)
            return
        signed, stands = proposing.propose(draft)
    session.emit(stands, [f"The proposal {signed.digest_hex} was handed in.", *_standing_lines(stands)])


@click.group()
def proposals() -> None:
    """Take proposals for a dataset, decide them, and follow your own."""


@proposals.command("open")
@click.argument("asset_id", metavar="ASSET", help="The asset, of this home.")
@click.option(
    "--offer", "offers", multiple=True, required=True, metavar="ID", help="An offer whose proceeds are shared."
)
@click.option("--licence", "licences", multiple=True, required=True, type=PATH, metavar="FILE", help="A licence text.")
@click.option("--anybody", is_flag=True, help="From anybody; else from those whose market key is known here.")
@click.option("--reviewer", "reviewers", multiple=True, metavar="KEY", help="Market key of who decides; repeatable.")
@click.option("--needed", type=click.IntRange(0, 32), default=0, help="How many of them must agree.")
@click.option("--fixed", is_flag=True, help="Earlier shares stay; else all of them become smaller alike.")
@click.option("--most-bps", type=click.IntRange(0, 9_999), default=2_000, help="The most that may be asked, of 10,000.")
@click.option("--close", is_flag=True, help="Take none any more.")
@click.pass_obj
def open_asset(
    session: Session,
    asset_id: str,
    offers: tuple[str, ...],
    licences: tuple[Path, ...],
    anybody: bool,
    reviewers: tuple[str, ...],
    needed: int,
    fixed: bool,
    most_bps: int,
    close: bool,
) -> None:
    """Say, signed and for everybody to read, that proposals for an asset are taken, from whom, and who decides."""
    require_packages()
    from counterfoil.market.contributions.taking import OpeningDraft

    with session.open() as org:
        texts = tuple(org.market.shelf.put_licence(read_named(each)) for each in licences)
        signed = org.market.contributions.taking.open(
            OpeningDraft(
                asset_id,
                offers,
                texts,
                who="anybody" if anybody else "known",
                reviewers=reviewers,
                needed=needed,
                rule="fixed" if fixed else "dilute",
                most_bps=most_bps,
                is_open=not close,
            )
        )
    session.emit(dict(signed.opening.to_json()) | {"digest": signed.digest_hex}, _opening_lines(signed.opening))


@proposals.command("call")
@click.argument("asset_id", metavar="ASSET", help="Somebody's asset.")
@click.pass_obj
def show_call(session: Session, asset_id: str) -> None:
    """Show what the owner of an asset promises to whoever proposes a change; asks the owner's node."""
    require_packages()
    with session.open() as org:
        found: Call = org.market.contributions.proposing.call(asset_id)
    told = dict(found.opening.opening.to_json()) | {"digest": found.opening.digest_hex, "node": found.node}
    session.emit(told, [*_opening_lines(found.opening.opening), f"node        {found.node}"])


@proposals.command("list")
@click.option("--sent", is_flag=True, help="Those that this home made.")
@click.option("--active", is_flag=True, help="Only those that are still to be decided.")
@click.pass_obj
def list_proposals(session: Session, sent: bool, active: bool) -> None:
    """List the proposals to this home, oldest first; or those that it made."""
    require_packages()
    with session.open() as org:
        room = org.market.contributions
        if sent:
            made = room.proposing.sent()
            sent_rows = [(each.proposal.created, each.proposal.asset[:14], each.digest_hex) for each in made]
            told: list[dict[str, Any]] = [
                {"asset": each.proposal.asset, "created": each.proposal.created, "proposal": each.digest_hex}
                for each in made
            ]
            session.emit({"proposals": told}, _table(session, ("made", "asset", "proposal"), sent_rows))
            return
        held = room.registry.all(active=active)
    rows = [
        (each.state, f"{each.agree} for, {each.against} against", _percent(each), each.signed.digest_hex)
        for each in held
    ]
    header = ("state", "reviewers", "asks", "proposal")
    session.emit({"proposals": [each.to_json() for each in held]}, _table(session, header, rows))


@proposals.command("show")
@click.argument("digest", metavar="PROPOSAL", help="Its digest.")
@click.option("--save", type=PATH, metavar="FILE", help="Write its contents there, for reviewers to look at.")
@click.option("--contents", type=PATH, metavar="FILE", help="Its contents, where they were had under an offer.")
@click.pass_obj
def show_proposal(session: Session, digest: str, save: Path | None, contents: Path | None) -> None:
    """Show a proposal to this home, and check its contents against what it says of them."""
    require_packages()
    with session.open() as org:
        room = org.market.contributions
        held = room.registry.held(digest)
        lines = [*_proposal_lines(held.signed.proposal), *_standing_lines(held.to_json())]
        lines.insert(0, f"from        {held.signed.key}, received {time_text(int(held.received_s))}")
        told = held.to_json() | {"document": held.signed.proposal.to_json(), "contributor": str(held.signed.key)}
        is_at_hand = held.state in ("open", "reviewed") and not held.signed.proposal.offer
        if is_at_hand or save is not None or contents is not None:
            data = room.accepting.look(digest, contents)
            lines.append("contents    are what the proposal says: root, fingerprint, and what changed")
            told["checked"] = True
            if save is not None:
                write_new(save, data)
                lines.append(f"written     {save}")
    session.emit(told, lines)


@proposals.command("accept")
@click.argument("digest", metavar="PROPOSAL", help="Its digest.")
@click.option("--contents", type=PATH, metavar="FILE", help="Its contents, where they were had under an offer.")
@sending
@click.pass_obj
def accept_proposal(session: Session, digest: str, contents: Path | None, dry_run: bool, yes: bool) -> None:
    """Accept a proposal: the dataset's next version, on the ledger and on offer, and a share for who contributed.

    Who bought before keeps what was bought. Interrupted, repeat the command.
    """
    require_packages()
    with session.open() as org:
        plan = org.market.contributions.accepting.planning(digest, contents)
        made = carried_out(session, org, *plan, dry_run=dry_run, yes=yes)
    if made is not None:
        name = f"{made.dataset.record.name} {made.dataset.record.version}"
        lines = [f"The proposal is {name}, and version {made.version} of the asset."]
        lines += [f"offer       {each.offer} promises it now, and is shared anew" for each in made.offers]
        session.emit({"done": True} | made.to_json(), lines)


@proposals.command("decline")
@click.argument("digest", metavar="PROPOSAL", help="Its digest.")
@click.option("--words", default="", help="Why; its contributor can read it.")
@click.pass_obj
def decline_proposal(session: Session, digest: str, words: str) -> None:
    """Decline a proposal for good; its contents are removed."""
    require_packages()
    with session.open() as org:
        held = org.market.contributions.taking.decline(digest, words)
    session.emit(held.to_json(), _standing_lines(held.to_json()))


@proposals.command("standing")
@click.argument("digest", metavar="PROPOSAL", help="Its digest.")
@_NODE
@click.pass_obj
def show_standing(session: Session, digest: str, node: str) -> None:
    """Ask the owner's node how a proposal stands."""
    require_packages()
    with session.open() as org:
        stands = org.market.contributions.proposing.standing(digest, node)
    session.emit(stands, _standing_lines(stands))


@proposals.command("resume")
@click.argument("digest", metavar="PROPOSAL", help="Its digest.")
@click.argument("file", type=PATH, help="The file that it proposes.")
@click.pass_obj
def resume_proposal(session: Session, digest: str, file: Path) -> None:
    """Hand a proposal of this home in again, where that broke off."""
    require_packages()
    with session.open() as org:
        stands = org.market.contributions.proposing.resume(digest, file)
    session.emit(stands, _standing_lines(stands))


@proposals.command("withdraw")
@click.argument("digest", metavar="PROPOSAL", help="Its digest.")
@click.pass_obj
def withdraw_proposal(session: Session, digest: str) -> None:
    """Take a proposal of this home back, unless it was decided."""
    require_packages()
    with session.open() as org:
        stands = org.market.contributions.proposing.withdraw(digest)
    session.emit(stands, _standing_lines(stands))


@click.command("review-proposal")
@click.argument("digest", metavar="PROPOSAL", help="Its digest.")
@click.option("--agree/--against", required=True, help="Whether it should be accepted.")
@click.option("--words", default="", help="Why.")
@_NODE
@click.pass_obj
def review_proposal(session: Session, digest: str, agree: bool, words: str, node: str) -> None:
    """Give this home's vote on a proposal, as one of the reviewers that the asset's owner named. It is given once."""
    require_packages()
    with session.open() as org:
        room = org.market.contributions
        if node:
            stands = room.proposing.vote(digest, agree, words, node)
        else:  # the owner's own home reviews
            stands = room.taking.vote(digest, room.proposing.signed_vote(digest, agree, words)).to_json()
    session.emit(stands, _standing_lines(stands))


def _standing_lines(stands: dict[str, Any]) -> Iterator[str]:
    yield f"proposal    {stands['proposal']}"
    yield f"state       {stands['state']}"
    if stands["agree"] or stands["against"]:
        yield f"reviewers   {stands['agree']} agree, {stands['against']} do not"
    if stands["words"]:
        yield f"words       {stands['words']}"


def _proposal_lines(proposal: Any) -> Iterator[str]:
    content, table = proposal.content, proposal.table
    yield f"asset       {proposal.asset}"
    yield f"base        {proposal.base}"
    yield f"contents    {content.name}, {content.size_bytes:,} bytes, root {content.root}"
    yield f"words       {proposal.words}"
    if table is not None:
        yield f"rows        {table.rows_before:,} before, {table.rows_after:,} now"
        for name in ("added", "removed", "changed"):
            if named := getattr(table, name):
                yield f"{name:11} columns {', '.join(named[:10])}"
    yield f"asks        {proposal.bps / 100:g} percent for {proposal.account}"
    yield f"licence     SHA-256 {proposal.licence}"
    for parent in proposal.lineage.parents:
        yield f"made from   {parent}"
    if proposal.lineage.record:
        yield f"record      {proposal.lineage.record} in {proposal.lineage.log}"
    if proposal.offer:
        yield f"had under   {proposal.offer}"


def _opening_lines(opening: Any) -> Iterator[str]:
    yield f"asset       {opening.asset}"
    whom = "anybody" if opening.who == "anybody" else "whom its owner knows"
    yield f"stands      {'open' if opening.is_open else 'closed'} to {whom}"
    if opening.reviewers:
        yield f"decide      {opening.needed} of {len(opening.reviewers)} reviewers, then the owner"
    else:
        yield "decides     the owner"
    for reviewer in opening.reviewers:
        yield f"reviewer    {reviewer}"
    yield f"share       at most {opening.most_bps / 100:g} percent"
    yield f"rule        {'earlier shares become smaller alike' if opening.rule == 'dilute' else 'earlier shares stay'}"
    yield f"sent along  up to {opening.most_bytes:,} bytes"
    for licence in opening.licences:
        yield f"licence     SHA-256 {licence}"
    for offer in opening.offers:
        yield f"offer       {offer}"


def _percent(held: Held) -> str:
    return f"{held.signed.proposal.bps / 100:g} percent"


def _table(session: Session, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    return list(session.table(header, rows)) if rows else ["No proposals."]
