"""What a node answers, as the objects that a home gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from counterfoil.core.receipt import Promise, Receipt, parse_receipt
from counterfoil.core.steps import Report, Status, Step
from counterfoil.decisions.decision import Book, Decision
from counterfoil.decisions.deployment import Deployed, Preview
from counterfoil.decisions.history import FollowUp
from counterfoil.decisions.policies import RegisteredPolicy
from counterfoil.decisions.policy import Policy
from counterfoil.decisions.reasons import Reason
from counterfoil.errors import NodeUnreachable
from counterfoil.ledger.standing import AnchorState, LedgerStatus
from counterfoil.provenance import Dataset, DatasetRecord, Model, ModelRecord, Run, RunRecord
from counterfoil.store.streams import parse_time
from counterfoil.store.vault_erasure import Erasure

__all__ = [
    "dataset_in",
    "decision_in",
    "deployed_in",
    "erasure_in",
    "follow_up_in",
    "model_in",
    "policy_in",
    "preview_in",
    "receipt_in",
    "report_in",
    "row_in",
    "run_in",
    "status_in",
]

Json = Mapping[str, Any]


def dataset_in(told: Json) -> Dataset:
    """Returns a registered dataset."""
    return Dataset(told["index"], told["leaf"], DatasetRecord.from_about(told))


def model_in(told: Json) -> Model:
    """Returns a registered model."""
    return Model(told["index"], told["leaf"], ModelRecord.from_about(told))


def run_in(told: Json) -> Run:
    """Returns a run on record."""
    return Run(told["index"], told["leaf"], RunRecord.from_about(told))


def policy_in(told: Json) -> RegisteredPolicy:
    """Returns a policy on record."""
    return RegisteredPolicy(told["index"], told["leaf"], Policy.from_json(told["policy"]))


def deployed_in(told: Json) -> Deployed:
    """Returns a deployment on record."""
    return Deployed(told["index"], told["leaf"], told["model"], told["policy"])


def decision_in(told: Json, policy: Policy, book: Book) -> Decision:
    """Returns a decision, its reasons in the policy's words."""
    promise = None
    if told["promise"] is not None:
        stub = parse_receipt(told["promise"].encode())
        if not isinstance(stub, Promise):
            raise NodeUnreachable("the node sent something else in the place of a promise")
        promise = stub
    if told.get("receipt") is not None:
        book = _Brought(receipt_in(told["receipt"].encode()), book)
    return Decision(
        told["label"],
        told["score"],
        told["score_micro"],
        tuple(_reasons(told["contributions"], policy)),
        told["index"],
        told["seq"],
        told["time"],
        told["leaf"],
        told["subject"],
        promise,
        book,
    )


def preview_in(told: Json, policy: Policy) -> Preview:
    """Returns what would be decided, its reasons in the policy's words."""
    return Preview(str(told["label"]), int(told["score_micro"]), tuple(_reasons(told["contributions"], policy)))


def receipt_in(data: bytes) -> Receipt:
    """Returns a receipt."""
    stub = parse_receipt(data)
    if not isinstance(stub, Receipt):
        raise NodeUnreachable("the node sent something else in the place of a receipt")
    return stub


@dataclass(frozen=True, slots=True)
class _Brought:
    """Has the receipt that came with a decision at hand, and asks the node for everything else."""

    whole: Receipt
    book: Book

    def place_of(self, leaf: str) -> int | None:
        return self.book.place_of(leaf)

    def receipt(self, index: int, pointers: Iterable[str] | None = None) -> Receipt:
        return self.whole if pointers is None else self.book.receipt(index, pointers)

    def check(self, decision: Decision, *, replay: bool = False) -> Report:
        return self.book.check(decision, replay=replay)


def _reasons(told: Iterable[Json], policy: Policy) -> Iterable[Reason]:
    for each in told:
        entry = policy.reason(each["code"])
        features = tuple(each["features"])
        yield Reason(each["code"], entry.text, features, each["contribution_micro"], entry.actionable)


def follow_up_in(told: Json) -> FollowUp:
    """Returns an override, appeal or outcome."""
    return FollowUp(told["index"], told["leaf"], told["kind"], told["time"], told["values"])


def row_in(told: Json) -> dict[str, Any]:
    """Returns a decision that a search found, under the names a home's own search gives."""
    names = ("label", "label_now", "score_micro", "outcome")
    return {"idx": told["index"], "time_s": parse_time(told["time"])} | {name: told[name] for name in names}


def report_in(told: Json) -> Report:
    """Returns the report of a check or replay."""
    steps = tuple(
        Step(each["id"], each["title"], Status(each["status"]), each["detail"], each["limit"]) for each in told["steps"]
    )
    return Report(told["what"], steps, told["facts"], told["answer"] or "")


def erasure_in(told: Json) -> Erasure:
    """Returns what an erasure does, or did."""
    kept = tuple((each["index"], parse_time(each["until"])) for each in told["restricted"])
    return Erasure(tuple(told["erased"]), kept, told["scrubbed"] is not False)


def status_in(told: Json) -> LedgerStatus:
    """Returns where log and ledger stand; of an anchor under way only that there is one is known."""
    state = AnchorState(
        told["log_size"],
        told["ledger_size"],
        told["final_size"],
        told["has_news"],
        told["due"] or "",
        None,
        told["fault"] or "",
    )
    return LedgerStatus(
        is_embedded=told["is_embedded"],
        is_lone=told["is_lone"],
        chain_id=told["chain_id"],
        contract=told["contract"],
        log_id=told["log_id"],
        account=told["account"],
        state=state,
        spent_wei=told["spent_in_24_h_wei"],
        limit_wei=told["spend_limit_in_24_h_wei"],
        block=told["block"],
        final_block=told["final_block"],
        balance_wei=told["balance_wei"],
        nodes=tuple(told["nodes"]),
        problems=tuple(told["problems"]),
    )
