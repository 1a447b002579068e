"""Where a log and its ledger stand, for people and monitors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from counterfoil.errors import CounterfoilError, LedgerError, OverLimit
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.rpc.rpc import RpcError
from counterfoil.ledger.standing import AnchorState, LedgerStatus

if TYPE_CHECKING:
    from counterfoil.ledger.connection import Connection
    from counterfoil.ledger.opening import OpenedLedger

__all__ = ["status_known_here", "status_of"]

CLIENT_NAME: Final = "counterfoil/embedded"
"""How an embedded ledger names itself to its clients."""


def status_of(connection: Connection, opened: OpenedLedger, background_fault: str) -> LedgerStatus:
    """Asks the ledger where things stand; sends nothing.

    Args:
        connection: The settings.
        opened: What talks to the ledger.
        background_fault: Why anchoring in the background failed last, in words; empty when it did not.
    """
    problems: list[str] = []
    block = final = balance = None
    try:
        opened.anchoring.look()
        block = opened.chain.require_block("latest").number
        final = opened.chain.final_block().number
        balance = opened.chain.balance_wei(opened.account.address)
        problems += _faults_on_ledger(connection, opened)
    except LedgerError as error:
        problems.append(f"the ledger does not answer as it should: {error.message}")
    except CounterfoilError as error:
        problems.append(f"{error.message} ({error.hint})" if error.hint else error.message)
    state = opened.anchoring.state()
    problems += _too_dear(opened, state)
    problems += [each.reason for each in opened.outbox.stuck()]
    if background_fault and not any(background_fault in problem for problem in problems):
        problems.append(f"in the background: {background_fault}")
    return LedgerStatus(
        is_embedded=connection.is_embedded,
        is_lone=connection.is_embedded or _is_served(opened),
        chain_id=connection.chain_id,
        contract=connection.contract,
        log_id=connection.log_id,
        account=connection.account,
        state=state,
        spent_wei=opened.outbox.spent_today_wei,
        limit_wei=connection.spend_per_day_wei,
        block=block,
        final_block=final,
        balance_wei=balance,
        nodes=_nodes(opened),
        problems=tuple(dict.fromkeys(problems)),
    )


def status_known_here(
    connection: Connection, log_size: int, ledger_size: int, proven_size: int, due: str, error: CounterfoilError
) -> LedgerStatus:
    """Returns what a home knows without its ledger, which could not be opened.

    Args:
        connection: The settings.
        log_size: Records in the log.
        ledger_size: Records under the newest head that was seen in a block.
        proven_size: Records under the newest head that was final.
        due: Why an anchor is due.
        error: Why the ledger could not be opened.
    """
    state = AnchorState(log_size, ledger_size, proven_size, bool(due), due, None, error.message)
    return LedgerStatus(
        is_embedded=connection.is_embedded,
        is_lone=connection.is_embedded,
        chain_id=connection.chain_id,
        contract=connection.contract,
        log_id=connection.log_id,
        account=connection.account,
        state=state,
        spent_wei=None,
        limit_wei=connection.spend_per_day_wei,
        block=None,
        final_block=None,
        balance_wei=None,
        nodes=(),
        problems=(f"{error.message} ({error.hint})" if error.hint else error.message,),
    )


def _is_served(opened: OpenedLedger) -> bool:
    """Whether the node is somebody's embedded ledger, by its own word."""
    try:
        return str(opened.chain.rpc.call("web3_clientVersion")).startswith(CLIENT_NAME)
    except (LedgerError, RpcError):
        return False


def _faults_on_ledger(connection: Connection, opened: OpenedLedger) -> list[str]:
    found = []
    log_id = connection.where.log_id
    if opened.evidence.is_equivocated(log_id):
        found.append("the ledger has marked this log: two heads that contradict each other were signed for it")
    writer = opened.evidence.writer(log_id)
    if writer != opened.account.address:
        found.append(f"the ledger lets {checksummed(writer)} anchor this log, and this home uses {connection.account}")
    return found


def _too_dear(opened: OpenedLedger, state: AnchorState) -> list[str]:
    """Returns why an anchor that is due may not be paid for now."""
    if not state.due or state.waiting is not None:
        return []
    try:
        opened.anchoring.require_affordable()
    except OverLimit as error:
        return [f"what is due cannot be sent: {error.message} ({error.hint})"]
    except LedgerError:
        return []  # told already
    return []


def _nodes(opened: OpenedLedger) -> tuple[str, ...]:
    from counterfoil.ledger.rpc.endpoints import Endpoints

    nodes = opened.chain.rpc
    if not isinstance(nodes, Endpoints):
        return ()
    return tuple(
        f"{node.host}: {node.state}"
        + (f", block {node.height:,}" if node.height is not None else "")
        + (f", {node.latency_ms:,.0f} ms" if node.latency_ms is not None else "")
        + (f"; {node.last_error}" if node.last_error else "")
        for node in nodes.health()
    )
