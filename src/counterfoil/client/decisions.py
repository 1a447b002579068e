"""Decisions of a node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from counterfoil.client.deployment import RemoteDeployment
from counterfoil.client.provenance import RemoteProvenance
from counterfoil.client.reading import deployed_in, follow_up_in, policy_in, receipt_in, report_in, row_in
from counterfoil.client.wire import Wire
from counterfoil.core.check_receipt import check_receipt
from counterfoil.core.note import VerifierKey
from counterfoil.core.receipt import Receipt
from counterfoil.core.steps import Report
from counterfoil.decisions.decision import Decision
from counterfoil.decisions.deployment import Deployed
from counterfoil.decisions.fitting import compared_rows, require_fit, require_names, scored_class
from counterfoil.decisions.history import FollowUp, History
from counterfoil.decisions.policies import RegisteredPolicy
from counterfoil.decisions.policy import Policy
from counterfoil.errors import InvalidInput, NotAllowed, NotFound
from counterfoil.provenance import Dataset, Model
from counterfoil.store.recorder import OnFailure

__all__ = ["RemoteDecisions"]

MOST_ROWS: Final = 1_000
"""Rows that one page of a search has."""


class RemoteDecisions:
    """Wraps models, has them decide, and everything that follows; see `decisions.Decisions`.

    Args:
        wire: The way to the node.
        provenance: Registers the models.
    """

    def __init__(self, wire: Wire, provenance: RemoteProvenance) -> None:
        self._wire = wire
        self._provenance = provenance

    # Putting models to work

    def wrap(
        self,
        model: Any,
        policy: Policy | Path | str,
        *,
        name: str = "",
        version: str = "",
        training: Dataset | None = None,
        background: Any = None,
        code: Mapping[str, str] | None = None,
        trusted: Sequence[str] = (),
        on_log_failure: OnFailure = "deny",
        receipts: bool = False,
    ) -> RemoteDeployment:
        """Puts a model to work on the node under a policy; see `Decisions.wrap`, and for `receipts`, `deployment`."""
        if on_log_failure not in ("deny", "spool"):
            raise InvalidInput(f"on_log_failure is {str(on_log_failure)[:60]!r}", hint="give deny or spool")
        policy = _read(policy)
        compared = compared_rows(background, policy)
        if not isinstance(model, Model):
            require_names(model)
            model = self._provenance.register_model(
                model,
                name=name or policy.name,
                version=version,
                training=training,
                sample=background,
                code=code,
                trusted=trusted,
                positive=scored_class(model, policy),
                fits=partial(require_fit, policy=policy),
            )
        rules = self.register_policy(policy)
        wanted = {"model": str(model.index), "policy": rules.index, "background": compared}
        made = deployed_in(self._wire.post("/deployments", wanted))
        return RemoteDeployment(
            self._wire, self, made.index, made.leaf, policy, model, on_log_failure, receipts=receipts
        )

    def register_policy(self, policy: Policy | Path | str) -> RegisteredPolicy:
        """Records a policy, once, and returns where it stands."""
        return policy_in(self._wire.post("/policies", _read(policy).to_json()))

    def deployments(self) -> list[Deployed]:
        """Returns every model put to work under a policy, oldest first."""
        return [deployed_in(each) for each in self._wire.get("/deployments")]

    def deployment(self, index: int, *, on_log_failure: OnFailure = "deny", receipts: bool = False) -> RemoteDeployment:
        """Returns a deployment on record, ready to decide as it did; see `Decisions.deployment`.

        Args:
            index: Place of its record.
            on_log_failure: What happens while the log cannot be written.
            receipts: Have each answer bring the receipt along. Without it, `Decision.receipt` asks the node for it,
                which keys for staff may and keys for services may not.
        """
        known = next((each for each in self.deployments() if each.index == index), None)
        if known is None:
            raise NotFound(f"record {index} is no deployment", hint="see which there are: decisions.deployments()")
        model = self._provenance.model_at(known.model_index)
        policy = self.policy_at(known.policy_index)
        return RemoteDeployment(self._wire, self, index, known.leaf, policy, model, on_log_failure, receipts=receipts)

    def policies(self) -> list[RegisteredPolicy]:
        """Returns all policies on record, oldest first."""
        return [policy_in(each) for each in self._wire.get("/policies")]

    def policy_at(self, index: int) -> Policy:
        """Returns the policy whose record stands at `index` (NotFound when there is none)."""
        found = next((each.policy for each in self.policies() if each.index == index), None)
        if found is None:
            raise NotFound(f"record {index} is not a policy")
        return found

    # Looking back

    def history(self, index: int) -> History:
        """Returns a decision and all that followed. Who looked is recorded."""
        told = self._wire.get(f"/decisions/{int(index)}")
        model = None if told["model"] is None else self._provenance.model_at(told["model"])
        named = {f"{each.policy.name} {each.policy.version}": each.policy for each in self.policies()}
        return History(
            told["index"],
            told["leaf"],
            told["seq"],
            told["time"],
            told["stream"],
            told["values"],
            model,
            named.get(told["policy"] or ""),
            tuple(follow_up_in(each) for each in told["followed"]),
            told["state"],
        )

    def search(
        self,
        *,
        subject: str | None = None,
        label: str | None = None,
        since: str | None = None,
        until: str | None = None,
        overridden: bool | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Mapping[str, Any]]:
        """Finds decisions, newest first: `idx`, `time_s`, `label`, `label_now`, `score_micro`, `outcome`."""
        asked = {"subject": subject, "label": label, "since": since, "until": until, "overridden": overridden}
        found: list[Mapping[str, Any]] = []
        while True:
            params = asked | {"before": before, "limit": min(limit - len(found), MOST_ROWS)}
            page = self._wire.get("/decisions", params)
            found += [row_in(each) for each in page["items"]]
            before = page["next"]
            if before is None or len(found) >= limit:
                return found

    def place_of(self, leaf: str) -> int | None:
        """Returns the place of a record by leaf hash (hex), None while it waits in the queue."""
        try:
            return int(self._wire.get(f"/proofs/{leaf}")["index"])
        except NotFound:
            return None

    def receipt(self, index: int, pointers: Iterable[str] | None = None) -> Receipt:
        """Returns the receipt of a decision, showing `pointers` (all fields when None)."""
        show = None if pointers is None else (list(pointers) or ["nothing"])
        return receipt_in(self._wire.get_bytes(f"/decisions/{int(index)}/receipt", {"show": show}))

    def check(self, decision: Decision, *, replay: bool = False) -> Report:
        """Checks a decision's receipt here, against the key that the node names; with `replay`, runs the model again.

        Whoever does not trust the node gives the key: `counterfoil.check(file, issuer=...)`.
        """
        issuer = VerifierKey.parse(self._wire.get("/organisation")["issuer"])
        report = check_receipt(decision.receipt.encode(), issuer=issuer)
        place = self.place_of(decision.leaf) if decision.index is None else decision.index
        if not replay or place is None:
            return report
        return Report(report.what, (*report.steps, *self.replay(place).steps), report.facts, report.answer)

    def replay(self, index: int) -> Report:
        """Has the node run the registered model again on a recorded decision."""
        return report_in(self._wire.get(f"/decisions/{int(index)}/replay"))

    def replay_many(
        self, indices: Sequence[int], progress: Callable[[int, int], None] | None = None
    ) -> Iterator[tuple[int, Report]]:
        """Replays many decisions and yields (place, report); erased ones are passed over."""
        for done, index in enumerate(indices, 1):
            try:
                yield index, self.replay(index)
            except (NotAllowed, NotFound):
                pass
            if progress is not None:
                progress(done, len(indices))

    # What follows a decision

    def override(self, index: int, *, label: str, by: str, reason: str, saw: str) -> FollowUp:
        """Records that a person decided otherwise; see `Decisions.override`."""
        return self._follow(index, "overrides", {"label": label, "by": by, "reason": reason, "saw": saw})

    def appeal(self, index: int, *, text: str, by: str) -> FollowUp:
        """Records what the person says against the decision, and who received it."""
        return self._follow(index, "appeals", {"text": text, "by": by})

    def outcome(self, index: int, *, outcome: str, note: str = "") -> FollowUp:
        """Records what came of a decision, e.g. "repaid" or "default"."""
        return self._follow(index, "outcomes", {"outcome": outcome, "note": note})

    def _follow(self, index: int, kind: str, values: Mapping[str, str]) -> FollowUp:
        told = self._wire.post(f"/decisions/{int(index)}/{kind}", values)
        return follow_up_in(told | {"values": {f"/{name}": value for name, value in values.items()}})


def _read(policy: Policy | Path | str) -> Policy:
    return policy if isinstance(policy, Policy) else Policy.from_toml(Path(policy))
