"""Asks a live ledger about an anchor: what the proof in a file cannot say by itself.

1. the node serves the ledger that the file names
2. the block is there, at its height, and final
3. the contract has not marked the log: nobody proved that it signed two histories
4. whether the log's key stands for other logs in the same contract, too

Whoever trusts the node can trust the block's hash; the rest of the proof is checked
offline as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from counterfoil.core.anchor import Anchor
from counterfoil.core.check_anchor import STEP
from counterfoil.core.note import VerifierKey
from counterfoil.core.steps import Report, Status, Step
from counterfoil.errors import LedgerContradicts, LedgerUnreachable, Reverted
from counterfoil.ledger.anchors.evidence import Evidence, artefact, read_event
from counterfoil.ledger.connection import Connection
from counterfoil.ledger.contracts.abi import ContractEvent
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.way import open_nodes

__all__ = ["LedgerAnswer", "ask", "ask_nodes"]

_SHOWN_LOGS: Final = 5
_LIMIT: Final = "that the issuer keeps no second log under another key or in another contract"


@dataclass(frozen=True, slots=True)
class LedgerAnswer:
    """What a live ledger said about an anchor.

    Attributes:
        block: Hash of the anchor's block, which stands and is final; None when that was not confirmed.
        fault: What speaks against the anchor, in words; empty when nothing does.
        doubt: Why nothing can be said yet, in words; empty when something can.
        remarks: What else the ledger told, each in words.
    """

    block: bytes | None = None
    fault: str = ""
    doubt: str = ""
    remarks: tuple[str, ...] = ()

    def added_to(self, report: Report) -> Report:
        """Returns the report with what the ledger said in its step `anchor`."""
        return replace(report, steps=tuple(self._added(step) if step.id == STEP else step for step in report.steps))

    def _added(self, step: Step) -> Step:
        if step.status is Status.FAILED:
            return step
        if self.fault:
            return replace(step, status=Status.FAILED, detail=self.fault, limit="")
        if self.doubt:
            return replace(step, status=Status.NOT_CHECKED, detail=self.doubt)
        remarks = "".join(f"; but {remark}" for remark in self.remarks)
        detail = f"{step.detail}; the ledger itself says that this block stands and is final{remarks}"
        return replace(step, detail=detail, limit=_LIMIT if step.status is Status.PASSED else step.limit)


def ask_nodes(
    urls: Sequence[str], anchor: Anchor, issuer: VerifierKey | None = None, *, confirmations: int | None = None
) -> LedgerAnswer:
    """Asks the nodes at `urls`, which stand in for one another and are compared.

    Args:
        urls: The nodes.
        anchor: What the file carries.
        issuer: The key the checker trusts.
        confirmations: So many blocks make one final; None takes what the nodes call final.

    Raises:
        LedgerUnreachable: None of them answers.
        LedgerContradicts: They disagree, or answer what cannot be.
    """
    with ExitStack() as stack:
        settings = Connection.draft(rpc=tuple(urls))
        if confirmations is not None:
            settings = replace(settings, finality="confirmations", confirmations=confirmations)
        return ask(open_nodes(settings, stack), anchor, issuer)


def ask(chain: Chain, anchor: Anchor, issuer: VerifierKey | None = None) -> LedgerAnswer:
    """Asks one ledger about an anchor.

    Args:
        chain: The ledger.
        anchor: What the file carries.
        issuer: The key the checker trusts; told when the log was opened for another one.
    """
    if chain.chain_id != anchor.chain_id:  # 1
        return LedgerAnswer(
            fault=f"the file speaks of ledger {anchor.chain_id}, and the node you named serves {chain.chain_id}"
        )
    standing = _standing(chain, anchor)  # 2
    if standing.block is None:
        return standing
    evidence = Evidence(chain, anchor.contract)
    try:
        if evidence.is_equivocated(anchor.log_id):  # 3
            return replace(
                standing,
                fault="the ledger has marked this log: somebody proved there that its signer signed two different "
                "histories of one size",
            )
    except (LedgerContradicts, Reverted) as error:
        return LedgerAnswer(doubt=f"the node did not say whether the log is marked: {error.message}")
    return replace(standing, remarks=_remarks(evidence, anchor, issuer))  # 4


def _standing(chain: Chain, anchor: Anchor) -> LedgerAnswer:
    """Returns whether the anchor's block is one of the ledger's final ones."""
    block = chain.block(anchor.block_hash)
    tip = chain.require_block("latest")
    if block is None and anchor.block_number > tip.number:
        return LedgerAnswer(doubt=f"the node has got to block {tip.number}, and the anchor is in {anchor.block_number}")
    if block is None:
        return LedgerAnswer(fault=f"the ledger has no block 0x{anchor.block_hash.hex()}")
    at_height = chain.block(block.number)
    if at_height is None or at_height.hash != block.hash:
        return LedgerAnswer(fault=f"the ledger took the anchor's block back: another one is its number {block.number}")
    final = chain.final_block()
    if block.number > final.number:
        return LedgerAnswer(
            doubt=f"the anchor's block {block.number} is not final yet; the newest final one is {final.number}"
        )
    return LedgerAnswer(block=block.hash)


def _remarks(evidence: Evidence, anchor: Anchor, issuer: VerifierKey | None) -> tuple[str, ...]:
    last = evidence.chain.final_block().number
    try:
        found = evidence.chain.events(0, last, [anchor.contract], [artefact().topic("Opened"), anchor.log_id])
        if not found:
            return ("the node does not know when the log was opened",)
        opened = read_event(found[0])
        others = evidence.logs_of_key(opened.values["log_key"], 0, last)
    except (LedgerContradicts, LedgerUnreachable, Reverted) as error:  # many nodes refuse to search so far back
        return (f"whether the log's key stands for another log was not told: {error.message}",)
    remarks = [_opened_for_another(issuer)] if issuer and opened.values["log_key"] != issuer.public else []
    others = [each for each in others if each.values["log_id"] != anchor.log_id]
    return (*remarks, *([_other_logs(others)] if others else []))


def _opened_for_another(issuer: VerifierKey) -> str:
    return f"the log was opened for another key than {issuer.fingerprint}; ask the issuer, who may have changed it"


def _other_logs(others: Sequence[ContractEvent]) -> str:
    named = ", ".join(
        f"0x{bytes(each.values['log_id']).hex()} by {each.values['opener']}" for each in others[:_SHOWN_LOGS]
    )
    more = f" and {len(others) - _SHOWN_LOGS} more" if len(others) > _SHOWN_LOGS else ""
    return (
        f"the same key stands for {len(others)} other log{'s' if len(others) > 1 else ''}, too: {named}{more}; "
        "anybody can open one in its name, so ask the issuer which count"
    )
