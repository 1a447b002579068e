"""scikit-learn: a classifier whose decisions about people are recorded, and that is a classifier otherwise.

    model = RecordedClassifier(make_pipeline(...), organisation=org, policy="credit.toml")
    model.fit(people, outcome, register=True)
    model.predict(people)                                   # as ever: nothing is recorded
    model.predict(applicants, subjects=references)          # decisions, on record

It wraps the whole pipeline, because the policy and the record speak of features by their names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from counterfoil.adapters.keeping import KeepsDecisions, missing_extra
from counterfoil.errors import InvalidInput, NotSetUp
from counterfoil.store.recorder import OnFailure

try:
    import numpy as np
    from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
    from sklearn.utils import get_tags
    from sklearn.utils.metaestimators import available_if
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise missing_extra("scikit-learn", "ml") from error

if TYPE_CHECKING:
    from counterfoil.decisions import Decision, Deployment, Policy
    from counterfoil.provenance import Dataset

__all__ = ["RecordedClassifier"]

M = TypeVar("M", bound=Callable[..., Any])


def _inner_has(name: str) -> Callable[[M], M]:
    """Shows a method only where the wrapped classifier has it, too."""

    def has(wrapper: RecordedClassifier) -> bool:
        return hasattr(getattr(wrapper, "estimator_", wrapper.estimator), name)

    decorated: Callable[[M], M] = available_if(has)
    return decorated


class RecordedClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that records each decision about a named person.

    Without `subjects` it answers as the classifier it wraps, and records nothing: that is
    what cross-validation and search need. With them it decides under the policy, by the
    registered artefact, and returns the policy's labels once all are durable.

    Copies that scikit-learn makes (`clone`) keep the organisation; a pickled one has none,
    for an opened home cannot leave its process.

    Args:
        estimator: The classifier, best a whole pipeline.
        organisation: An opened home, or a client of a node.
        policy: The policy, or its TOML file.
        name: Name of the model on record; the policy's name when empty.
        version: Version of the model, in your own numbering.
        on_log_failure: `deny`: no decision without a record. `spool`: a durable queue.

    Attributes:
        estimator_: The fitted classifier.
        classes_: Its classes.
        n_features_in_: Number of features, where it knows.
        feature_names_in_: Their names, where it knows.
        deployment_: The model at work, once it was registered or has decided.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        organisation: KeepsDecisions | None = None,
        policy: Policy | Path | str | None = None,
        name: str = "",
        version: str = "",
        on_log_failure: OnFailure = "deny",
    ) -> None:
        self.estimator = estimator
        self.organisation = organisation
        self.policy = policy
        self.name = name
        self.version = version
        self.on_log_failure = on_log_failure

    def fit(
        self, X: Any, y: Any, *, register: bool = False, dataset: Dataset | Path | str | None = None, **settings: Any
    ) -> Self:
        """Fits a copy of the classifier.

        Args:
            X: Training rows.
            y: Their classes.
            register: Put the model on record and to work; the first 100 rows of `X`
                are kept, sealed, as what reasons compare an applicant with.
            dataset: The file that `X` was read from, or a registered dataset.
            settings: Passed on to the classifier.

        Raises:
            NotSetUp: `register` without an organisation or a policy.
            InvalidInput: When model and policy do not fit.
        """
        if dataset is not None and not register:
            raise InvalidInput("a dataset was named, and nothing is registered", hint="give register=True as well")
        self.__dict__.pop("deployment_", None)
        self.estimator_ = clone(self.estimator).fit(X, y, **settings)
        self._take_over()
        if register:
            self.put_to_work(background=X, dataset=dataset)
        return self

    def put_to_work(self, *, background: Any = None, dataset: Dataset | Path | str | None = None) -> Deployment:
        """Registers the fitted model, once, and puts it to work under the policy.

        Args:
            background: Rows that reasons compare an applicant with; without any, decisions
                of most models carry no reasons.
            dataset: The file that the model was trained on, or a registered dataset.
        """
        check_is_fitted(self)
        organisation = self._organisation()
        training = dataset
        if isinstance(dataset, str | Path):
            training = organisation.provenance.register_dataset(dataset)
        deployment: Deployment = organisation.decisions.wrap(
            self.estimator_,
            self.policy,
            name=self.name,
            version=self.version,
            training=training,
            background=background,
            on_log_failure=self.on_log_failure,
        )
        self.deployment_ = deployment
        return deployment

    def decide(self, X: Any, subjects: Sequence[str] | str) -> list[Decision]:
        """Decides on every row and returns the decisions once all are durable.

        Args:
            X: A DataFrame with the policy's features, or a list of objects.
            subjects: Your references of the people in the same order, or the name of
                the column with them.

        Raises:
            InvalidInput: For an unusable row, naming it. Nothing was recorded.
            LogUnavailable: When the records could not be saved.
        """
        check_is_fitted(self)
        deployment = self.__dict__.get("deployment_") or self.put_to_work()
        if not hasattr(X, "columns") and not _is_rows(X):
            raise InvalidInput(
                "decisions are recorded by the names of features, and these rows have none",
                hint="give a DataFrame; wrap the whole pipeline rather than its last step",
            )
        decided: list[Decision] = deployment.decide_many(X, subjects=subjects)
        return decided

    def predict(self, X: Any, subjects: Sequence[str] | str | None = None) -> Any:
        """Returns the classes of rows; with `subjects` the labels that were decided and recorded.

        The labels are the policy's words, such as approve and decline; the classes are
        the classifier's.
        """
        check_is_fitted(self)
        if subjects is None:
            return self.estimator_.predict(X)
        return np.array([decision.label for decision in self.decide(X, subjects)], dtype=object)

    @_inner_has("predict_proba")
    def predict_proba(self, X: Any) -> Any:
        """Returns the classifier's probabilities; nothing is recorded."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @_inner_has("predict_log_proba")
    def predict_log_proba(self, X: Any) -> Any:
        """Returns the classifier's logarithms of probabilities; nothing is recorded."""
        check_is_fitted(self)
        return self.estimator_.predict_log_proba(X)

    @_inner_has("decision_function")
    def decision_function(self, X: Any) -> Any:
        """Returns the classifier's confidence; nothing is recorded."""
        check_is_fitted(self)
        return self.estimator_.decision_function(X)

    def __sklearn_is_fitted__(self) -> bool:
        return "estimator_" in self.__dict__

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.classifier_tags = inner.classifier_tags
        tags.non_deterministic = inner.non_deterministic
        return tags

    def __sklearn_clone__(self) -> Self:
        """Returns an unfitted copy; the organisation is the same, for an opened home cannot be copied."""
        settings = self.get_params(deep=False)
        return type(self)(**settings | {"estimator": clone(self.estimator)})

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out what cannot leave the process."""
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "deployment_"} | {"organisation": None}

    def _organisation(self) -> KeepsDecisions:
        if self.organisation is None:
            raise NotSetUp(
                "this classifier has no organisation that could record its decisions",
                hint="give organisation=; a pickled classifier gets it by set_params",
            )
        if self.policy is None:
            raise NotSetUp("decisions are made under a policy, and this classifier has none", hint="give policy=")
        return self.organisation

    def _take_over(self) -> None:
        """Shows what the fitted classifier knows about its input."""
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))


def _is_rows(X: Any) -> bool:
    return isinstance(X, list | tuple) and all(isinstance(row, Mapping) for row in X)
