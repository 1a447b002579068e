"""Models at work under policies: put there once, found again, ready to decide as they did."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import select

from counterfoil.core import canonical
from counterfoil.core.statement import parse_record
from counterfoil.decisions.decision import Book
from counterfoil.decisions.deployment import Deployed, Deployment
from counterfoil.decisions.fitting import (
    BACKGROUND_ROWS,
    compared_rows,
    require_fit,
    require_names,
    scored_class,
)
from counterfoil.decisions.policies import Policies, RegisteredPolicy
from counterfoil.decisions.policy import Policy
from counterfoil.decisions.reasons import Explainer, explainer_for
from counterfoil.decisions.records import DeploymentRecord, decision_schema
from counterfoil.decisions.replay import Replays
from counterfoil.decisions.tables import deployments
from counterfoil.errors import InvalidInput, NotAllowed, NotFound
from counterfoil.provenance import Dataset, Model, Provenance, Scorer, probe_rows
from counterfoil.store.archive import Archive
from counterfoil.store.objects import Objects
from counterfoil.store.recorder import OnFailure, Recorder
from counterfoil.store.schemas import keep_schema
from counterfoil.store.views import Views

__all__ = ["Deployments"]

_LOG: Final = logging.getLogger("counterfoil")


class Writing(Book, Protocol):
    """What deployments ask of the decisions that they are part of."""

    recorder: Recorder
    archive: Archive


class Deployments:
    """The deployments of one home.

    Args:
        book: The decisions they are part of.
        views: Finds records.
        objects: Keeps comparison rows.
        provenance: Registers the models.
        policies: The policies on record.
        replays: Loads what was put to work before.
    """

    def __init__(
        self,
        book: Writing,
        views: Views,
        objects: Objects,
        provenance: Provenance,
        policies: Policies,
        replays: Replays,
    ) -> None:
        self._book = book
        self._recorder = book.recorder
        self._archive = book.archive
        self._views = views
        self._objects = objects
        self._provenance = provenance
        self._policies = policies
        self._replays = replays
        self._bar = provenance.recalls.bar

    def all(self) -> list[Deployed]:
        """Returns every model put to work under a policy, oldest first."""
        with self._views.reading() as connection:
            rows = connection.execute(select(deployments).order_by(deployments.c.idx)).all()
        return [Deployed(int(row.idx), str(row.leaf), int(row.model_idx), int(row.policy_idx)) for row in rows]

    def at(self, index: int, on_log_failure: OnFailure) -> Deployment:
        """Returns a deployment on record, ready to decide as it did; see `Decisions.deployment`."""
        known = next((each for each in self.all() if each.index == index), None)
        if known is None:
            raise NotFound(
                f"record {index} is no deployment",
                hint="see which there are: decisions.deployments()",
            )
        registered = self._policies.at(known.policy_index)
        policy, model, scorer, explainer = self._replays.loaded(known.leaf)
        self._in_force(registered)
        if scorer is None:
            raise NotAllowed(
                f"deployment {index} is of a function, and only its source is on record",
                hint="decide where the function lives, or register a model file",
            )
        self._tell_of_recall(known.leaf, f"deployment {index}")
        record = DeploymentRecord.read(parse_record(self._archive.entry(index)))
        if record.reasons is not None and explainer is None:
            raise NotAllowed(
                f"the reasons that deployment {index} committed to cannot be worked out here",
                hint="install the version of the library it was made with, or deploy the model anew",
            )
        return Deployment(
            self._book,
            self._recorder,
            self._archive,
            policy,
            model,
            known.leaf,
            decision_schema(policy),
            scorer,
            explainer,
            on_log_failure,
            self._bar,
        )

    def wrap(
        self,
        model: Any,
        policy: Policy | Path | str,
        *,
        name: str,
        version: str,
        training: Dataset | None,
        background: Any,
        code: Mapping[str, str] | None,
        trusted: Sequence[str],
        on_log_failure: OnFailure,
    ) -> Deployment:
        """Puts a model to work under a policy; see `Decisions.wrap`."""
        if on_log_failure not in ("deny", "spool"):
            raise InvalidInput(f"on_log_failure is {str(on_log_failure)[:60]!r}", hint="give deny or spool")
        policy = self._in_force(policy)
        compared = compared_rows(background, policy)

        def fits(scorer: Scorer) -> None:
            require_fit(scorer, policy)

        registered = model
        if not isinstance(model, Model):
            require_names(model)
            registered = self._provenance.register_model(
                model,
                name=name or policy.name,
                version=version,
                training=training,
                sample=background,
                code=code,
                trusted=trusted,
                positive=scored_class(model, policy),
                fits=fits,
            )
        self._bar.require(registered.leaf, f"the model {registered.record.name}, put to work,")
        scorer = self._provenance.scorer(registered)
        fits(scorer)
        explainer = self._explainer(scorer, policy, compared)
        return self._deploy(registered, self._policies.register(policy), scorer, explainer, on_log_failure)

    def of_function(
        self, function: Callable[..., Any] | None, policy: Policy | Path | str, name: str, on_log_failure: OnFailure
    ) -> Deployment:
        """Puts a bare function (or a block of code) to work under a policy."""
        policy = self._in_force(policy)
        source = _source(function) if function is not None else ""
        rules = self._policies.register(policy)
        model, scorer = self._provenance.register_function(function, name, source, rules.policy.model_features)
        return self._deploy(model, rules, scorer, None, on_log_failure)

    def require_usable(self, model: Model, policy: Policy) -> None:
        """Raises Recalled where nothing may be decided with this model, or under this policy."""
        self._bar.admit(model.leaf, "the decision")
        registered = self._policies.known(policy)
        if registered is not None:
            self._bar.admit(registered.leaf, "the decision")

    # Inner parts

    def _tell_of_recall(self, leaf: str, what: str) -> None:
        """Says so where a deployment is under recall. It is loaded all the same: what it decided is still answered."""
        hold = self._bar.hold_on(leaf)
        if hold is not None:
            _LOG.warning("%s rests on the %s", what, hold.words())

    def _in_force(self, policy: Policy | Path | str) -> Policy:
        """Returns a policy that may decide today; nothing is recorded of one that may not."""
        if not isinstance(policy, Policy):
            policy = Policy.from_toml(Path(policy))
        today = datetime.fromtimestamp(self._recorder.now_s(), UTC).date()
        if not policy.is_effective(today):
            raise InvalidInput(
                f"the policy {policy.name} {policy.version} takes effect on {policy.effective_from}",
                hint="wait until then, or use the version in force",
            )
        return policy

    def _explainer(self, scorer: Scorer, policy: Policy, rows: Sequence[Mapping[str, Any]]) -> Explainer | None:
        """Returns the explainer of a model being put to work; its rows are committed."""
        if not rows and hasattr(scorer, "to_bytes"):
            rows = probe_rows(scorer, BACKGROUND_ROWS)  # type: ignore[arg-type]
            _LOG.warning("reasons compare applicants with made-up rows; give background=, such as the training rows")
        if not rows:
            _LOG.warning("decisions of this model carry no reasons; give background=, such as the training rows")
            return None
        rows = [{name: row.get(name) for name in policy.model_features} for row in rows]
        explainer = explainer_for(scorer, policy, rows)
        self._keep_background(rows)
        return explainer

    def _keep_background(self, rows: Sequence[Mapping[str, Any]]) -> str:
        return self._objects.put_sealed(canonical.dumps([dict(row) for row in rows]))

    def _deploy(
        self,
        model: Model,
        rules: RegisteredPolicy,
        scorer: Scorer,
        explainer: Explainer | None,
        on_log_failure: OnFailure,
    ) -> Deployment:
        """Records the deployment, once, and returns it ready to decide."""
        for used in (model.leaf, rules.leaf):
            self._bar.admit(used, f"the model {model.record.name}, put to work,")
        schema = decision_schema(rules.policy)
        keep_schema(self._recorder, self._archive, schema)
        record = DeploymentRecord(model.leaf, rules.leaf, explainer.config if explainer else None)
        draft = record.draft(rules.policy.stream, f"{model.record.name} {model.record.version}")
        leaf = self._known_deployment(model, rules, record)
        if leaf is None:
            leaf = self._recorder.write(draft).leaf.hex()
        return Deployment(
            self._book,
            self._recorder,
            self._archive,
            rules.policy,
            model,
            leaf,
            schema,
            scorer,
            explainer,
            on_log_failure,
            self._bar,
        )

    def _known_deployment(self, model: Model, rules: RegisteredPolicy, record: DeploymentRecord) -> str | None:
        """Returns the leaf of the same deployment where it is the newest of its stream."""
        with self._views.reading() as connection:
            row = connection.execute(
                select(deployments.c.idx, deployments.c.leaf)
                .where(deployments.c.model_idx == model.index, deployments.c.policy_idx == rules.index)
                .order_by(deployments.c.idx.desc())
            ).first()
        if row is None or DeploymentRecord.read(parse_record(self._archive.entry(row[0]))) != record:
            return None
        return str(row[1])


def _source(function: Callable[..., Any]) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError) as error:
        raise InvalidInput(
            "the source of the function cannot be read, so it cannot be put on record",
            hint="define it in a file, not at a prompt",
        ) from error
