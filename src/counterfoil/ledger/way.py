"""Opens the way to a chain: the embedded ledger of a home, or nodes behind addresses."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypedDict

from counterfoil.errors import LedgerBusy
from counterfoil.ledger.connection import Connection
from counterfoil.ledger.rpc.chain import Chain, FeePolicy, Finality
from counterfoil.ledger.rpc.rpc import Rpc

__all__ = ["Reached", "open_embedded", "open_nodes", "reached"]


class Reached(TypedDict):
    """How nodes and signers are reached."""

    timeout_s: float
    allow_plain_http: bool
    ca_file: Path | None


def open_embedded(
    folder: Path,
    stack: ExitStack,
    *,
    chain_id: int | None = None,
    finality: Finality | None = None,
    fees: FeePolicy | None = None,
    now: Callable[[], float],
) -> Chain:
    """Opens the embedded ledger in `folder`, in this process or where another one serves it.

    Args:
        folder: The ledger's folder.
        stack: Lets go of it in the end.
        chain_id: The chain it must be; None takes what is there.
        finality: When a block counts as final.
        fees: What a unit of gas may cost.
        now: Returns Unix seconds.

    Raises:
        LedgerBusy: Another process holds it, and serves nobody.
        HomeDamaged: Its file was torn or altered.
        WrongChain: It is another ledger.
    """
    from counterfoil.ledger.embedded.ledger import EmbeddedLedger
    from counterfoil.ledger.embedded.lock import served_at

    rpc: Rpc
    try:
        rpc = stack.enter_context(EmbeddedLedger.open(folder, now=now))
    except LedgerBusy:
        url = served_at(folder)
        if url is None:
            raise
        rpc = _endpoint(url, stack)
    return Chain.connect(rpc, chain_id=chain_id, finality=finality, fees=fees)


def open_nodes(settings: Connection, stack: ExitStack, *, chain_id: int | None = None) -> Chain:
    """Opens one or several nodes of a chain; several stand in for one another and are compared.

    Args:
        settings: Where they are, how many must agree, when a block is final, what may be paid.
        stack: Lets go of them in the end.
        chain_id: The chain it must be; None takes what the nodes say.

    Raises:
        LedgerUnreachable: Too few of them answer.
        WrongChain: One of them serves another chain.
    """
    from counterfoil.ledger.rpc.endpoint import Endpoint
    from counterfoil.ledger.rpc.endpoints import Endpoints

    finality = settings.finality_rule
    nodes = [stack.enter_context(Endpoint(url, **reached(settings))) for url in settings.rpc]
    rpc = stack.enter_context(Endpoints(nodes, chain_id=chain_id, agree=settings.agree or None, finality=finality))
    return Chain.connect(rpc, chain_id=chain_id, finality=finality, fees=settings.fee_policy)


def reached(settings: Connection) -> Reached:
    """Returns how nodes and signers are reached, as `Endpoint` and `ExternalAccount` take it."""
    return Reached(
        timeout_s=settings.timeout_s,
        allow_plain_http=settings.allow_plain_http,
        ca_file=Path(settings.ca_file).expanduser() if settings.ca_file else None,
    )


def _endpoint(url: str, stack: ExitStack) -> Rpc:
    from counterfoil.ledger.rpc.endpoint import Endpoint

    return stack.enter_context(Endpoint(url))
