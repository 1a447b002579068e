"""Where a log and its ledger stand, as whoever asks holds it; loads nothing of the ledger itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterfoil.ledger.sending.rows import OutboxRow

__all__ = ["AnchorState", "LedgerStatus"]


@dataclass(frozen=True, slots=True)
class AnchorState:
    """Where a log and its ledger stand.

    Attributes:
        log_size: Records in the log.
        ledger_size: Records under the newest head in a block.
        proven_size: Records under the newest final head whose proof is kept.
        has_news: Whether the log has gained more than counts of its streams since the newest head in a block.
        due: Why an anchor is due, in words; empty when none is.
        waiting: The anchor under way, None without one.
        fault: What stands in the way, in words; empty when nothing does.
    """

    log_size: int
    ledger_size: int
    proven_size: int
    has_news: bool
    due: str
    waiting: OutboxRow | None
    fault: str = ""

    @property
    def is_done(self) -> bool:
        """Whether everything is under a final head, but for counts that were added since."""
        return not self.has_news and self.proven_size >= self.ledger_size


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """Where a log and its ledger stand.

    Attributes:
        is_embedded: Whether the ledger is the home's own.
        is_lone: Whether it is an embedded ledger, the home's own or one that somebody serves: one party holds it.
        chain_id: The chain.
        contract: Address of the Evidence contract.
        log_id: The log's id there.
        account: Address that anchors.
        state: What is anchored, due and under way.
        spent_wei: Paid in the last 24 hours; None when the ledger could not be opened.
        limit_wei: Most that may be.
        block: Height of the newest block; None when the ledger does not answer.
        final_block: Height of the newest final block; None likewise.
        balance_wei: What the account holds; None likewise.
        nodes: One line for each node.
        problems: What stands in the way, in words.
    """

    is_embedded: bool
    is_lone: bool
    chain_id: int
    contract: str
    log_id: str
    account: str
    state: AnchorState
    spent_wei: int | None
    limit_wei: int
    block: int | None
    final_block: int | None
    balance_wei: int | None
    nodes: tuple[str, ...]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns the status as JSON."""
        return {
            "account": self.account,
            "balance_wei": self.balance_wei,
            "block": self.block,
            "chain_id": self.chain_id,
            "contract": self.contract,
            "due": self.state.due or None,
            "fault": self.state.fault or None,
            "final_block": self.final_block,
            "final_size": self.state.proven_size,
            "has_news": self.state.has_news,
            "is_embedded": self.is_embedded,
            "is_lone": self.is_lone,
            "ledger_size": self.state.ledger_size,
            "log_id": self.log_id,
            "log_size": self.state.log_size,
            "nodes": list(self.nodes),
            "problems": list(self.problems),
            "spent_in_24_h_wei": self.spent_wei,
            "spend_limit_in_24_h_wei": self.limit_wei,
            "waiting": self.state.waiting.id if self.state.waiting else None,
        }
