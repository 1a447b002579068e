"""Puts an Assets contract on a home's ledger, or takes one that is there, for homes that were connected without."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from counterfoil.ledger import placing as any_placing
from counterfoil.ledger.assets.contract import AssetsContract, artefact
from counterfoil.ledger.connecting import ASSETS_GAS
from counterfoil.ledger.placed import Told, deployed
from counterfoil.ledger.sending.quote import Quote

if TYPE_CHECKING:
    from counterfoil.ledger.connection import Connection
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.sending.outbox import Outbox

__all__ = ["placing"]


def placing(
    ledger: Ledger, contract: str | None = None, from_block: int | None = None
) -> tuple[Quote, Callable[[Told], str]]:
    """Returns what that would cost, and what does it and returns the contract's address; see `ledger.placing`."""
    return any_placing.placing(ledger, _PLACEMENT, contract, from_block)


def _put(outbox: Outbox, connection: Connection, tell: Told) -> Connection:
    return deployed(outbox, artefact(), tell).named_in(connection, "assets")


_PLACEMENT: Final = any_placing.Placement(
    name="Assets",
    setting="assets",
    gas=ASSETS_GAS,
    stays="what is registered",
    require_genuine=lambda chain, address: AssetsContract(chain, address).require_genuine(),
    put=_put,
)
