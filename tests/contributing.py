"""A seller's dataset that takes proposals, and a contributor's change to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from making_market import LICENCE, Stall, offered

from counterfoil.ledger.market.offer import Offer
from counterfoil.market.contributions.contributions import Contributions
from counterfoil.market.contributions.opening import SignedOpening
from counterfoil.market.contributions.proposing import ProposalDraft
from counterfoil.market.contributions.taking import OpeningDraft

__all__ = ["Open", "changed", "opened", "proposal"]


@dataclass(frozen=True, slots=True)
class Open:
    """A dataset on offer that takes proposals.

    Attributes:
        offer: The offer.
        path: The seller's file.
        licence: Digest of the licence under which contributions are taken.
        opening: What the seller said.
    """

    offer: Offer
    path: Path
    licence: str
    opening: SignedOpening


def opened(stall: Stall, folder: Path, *, name: str = "scans", rows: int = 600, draft: Any = None, **more: Any) -> Open:
    """Lists a table under a name of its own, and opens it to proposals; `more` is of the opening."""
    path = folder / "scans.csv"
    path.write_text("person,dose\n" + "".join(f"{name}-{each},{each % 7}\n" for each in range(rows)))
    offer, _ = offered(stall, path, name=name, **(draft or {}))

    licence = stall.seller.market.shelf.put_licence(LICENCE)
    told = OpeningDraft(offer.asset, (offer.offer,), (licence,), **{"who": "anybody"} | more)
    return Open(offer, path, licence, stall.seller.market.contributions.taking.open(told))


def changed(open_: Open, folder: Path, *, name: str = "corrected.csv", mark: str = "9") -> Path:
    """Corrects the last row of a table."""
    path = folder / name
    lines = open_.path.read_text().splitlines()
    lines[-1] = f"{lines[-1].partition(',')[0]},{mark}"
    path.write_text("\n".join([*lines, "late,1"]) + "\n")
    return path


def proposal(open_: Open, path: Path, **more: Any) -> ProposalDraft:
    """Returns a proposal of a change, for a tenth."""
    told = {"words": "One dose was wrong, and one person was missing.", "licence": open_.licence, "bps": 1_000}
    return ProposalDraft(open_.offer.asset, path, open_.path, **told | more)  # type: ignore[arg-type]


def sides(stall: Stall) -> tuple[Contributions, Contributions]:
    """Returns the owner's side and the contributor's."""
    return stall.seller.market.contributions, stall.buyer.market.contributions
