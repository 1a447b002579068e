"""`counterfoil market import` and `counterfoil market export`: Ocean Protocol's asset descriptions (DDO)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.core.wording import counted
from counterfoil.ledger.packages import require_packages

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.market.ocean.unmapped import Unmapped

__all__ = ["export_offer", "import_offer"]

PATH: Final = click.Path(path_type=Path)


@click.command("import")
@click.argument("file", type=PATH, help="The DDO, as JSON: version 4.1, 4.3, 4.5, 4.7 or 5.0.")
@click.option(
    "--to", type=PATH, required=True, metavar="FOLDER", help="Where the drafts are written, one for each service."
)
@click.pass_obj
def import_offer(session: Session, file: Path, to: Path) -> None:
    """Write drafts of offers from an asset description of Ocean Protocol; list every field that does not map.

    The drafts are for `counterfoil market publish --draft`, with the licence's text, the price, who may have it, and
    for how long. The contents themselves are not fetched: a DDO says where they lie in encrypted form, for Ocean's
    own nodes.
    """
    from counterfoil.market.ocean import import_ddo
    from counterfoil.market.sheets.toml_draft import draft_toml
    from counterfoil.store.named_file import read_named
    from counterfoil.store.new_file import require_new, write_new

    found = import_ddo(read_named(file))
    paths = [to / f"offer-{number}.toml" for number in range(1, len(found.drafts) + 1)]
    for path in paths:
        require_new(path)
    to.mkdir(parents=True, exist_ok=True)
    for path, draft in zip(paths, found.drafts, strict=True):
        write_new(path, draft_toml(draft.told).encode())
    lines = [f"{counted(len(paths), 'draft')} of the DDO {found.version} {found.did}"]
    if not found.is_did_right:
        lines.append("warning: that is not the identifier of its address and chain")
    lasting = [each.duration_s if each.told.get("kind") == "period" else 0 for each in found.drafts]
    lines += [
        f"  {path}{f', to be published with --period {seconds}s' if seconds else ''}"
        for path, seconds in zip(paths, lasting, strict=True)
    ]
    told = {"did": found.did, "drafts": [str(path) for path in paths], "period_s": lasting, "version": found.version}
    session.emit(told | {"unmapped": _told(found.unmapped)}, [*lines, *_unmapped_lines(found.unmapped)])


@click.command("export")
@click.argument("offer_id", metavar="OFFER", help="The offer's id.")
@click.argument("file", type=PATH, help="The file to be.")
@click.option("--nft", required=True, metavar="ADDRESS", help="Of the asset's NFT on Ocean's contracts.")
@click.option("--datatoken", required=True, metavar="ADDRESS", help="Of the service's token.")
@click.option("--chain", type=click.IntRange(1), required=True, help="Number of the chain that these are on.")
@click.option("--endpoint", required=True, metavar="URL", help="Of Ocean's node.")
@click.option("--files", default="", help="The files, as that node encrypted them.")
@click.option("--version", "form", default="4.7.0", help="Of the format.", show_default=True)
@click.pass_obj
def export_offer(
    session: Session,
    offer_id: str,
    file: Path,
    nft: str,
    datatoken: str,
    chain: int,
    endpoint: str,
    files: str,
    form: str,
) -> None:
    """Write an offer as an asset description of Ocean Protocol; list what Ocean has no word for."""
    require_packages()
    from counterfoil.core import canonical
    from counterfoil.market.ocean import OceanPlace, export_ddo
    from counterfoil.store.new_file import write_new

    with session.open() as org:
        offer = org.ledger.market.offer(offer_id)
        signed = org.market.sheets.sheet_of(offer)
    place = OceanPlace(nft, chain, datatoken, endpoint, files, offer.duration_s)
    made = export_ddo(signed, place, form)
    write_new(file, canonical.dumps(made.ddo) + b"\n")
    lines = [f"Written: {file}, a DDO {form}.", *_unmapped_lines(made.unmapped)]
    session.emit({"file": str(file), "unmapped": _told(made.unmapped), "version": form}, lines)


def _told(unmapped: Sequence[Unmapped]) -> list[dict[str, str]]:
    return [each.to_json() for each in unmapped]


def _unmapped_lines(unmapped: Sequence[Unmapped]) -> Iterator[str]:
    if unmapped:
        yield f"{counted(len(unmapped), 'field')} did not map:"
    yield from (f"  {each.field}: {each.reason}" for each in unmapped)
