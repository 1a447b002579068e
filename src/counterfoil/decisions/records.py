"""The records decisions leave: policies, deployments, decisions and what follows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.schema import Schema, SchemaField
from counterfoil.core.statement import Draft, Record
from counterfoil.decisions.policy import Policy
from counterfoil.decisions.reasons import ReasonConfig
from counterfoil.errors import MalformedEvidence

__all__ = [
    "APPEAL",
    "ARTICLES",
    "FOLLOW_UPS",
    "OUTCOME",
    "OVERRIDE",
    "POLICY",
    "DeploymentRecord",
    "decision_schema",
    "policy_draft",
    "state_digest",
]

_FIELD_TYPES: Final = {
    "number": "number",
    "integer": "integer",
    "category": "any",
    "text": "string",
    "boolean": "boolean",
}

POLICY: Final = Schema("policy", (SchemaField("/document", "The policy in full", "object"),))
OVERRIDE: Final = Schema(
    "override",
    (
        SchemaField("/by", "Who overrode the decision", "string"),
        SchemaField("/label", "The new decision", "string"),
        SchemaField("/reason", "Why", "string"),
        SchemaField("/saw", "Digest of what the reviewer had seen", "string"),
    ),
)
APPEAL: Final = Schema(
    "appeal",
    (SchemaField("/by", "Who received the appeal", "string"), SchemaField("/text", "What the person said", "string")),
)
OUTCOME: Final = Schema(
    "outcome",
    (SchemaField("/note", "Remarks", "string"), SchemaField("/outcome", "What came of the decision", "string")),
)
FOLLOW_UPS: Final = {"override": OVERRIDE, "appeal": APPEAL, "outcome": OUTCOME}
"""Schemas of the records that follow a decision, by kind."""

ARTICLES: Final = {"override": "an override", "appeal": "an appeal", "outcome": "an outcome"}
"""The kinds in a sentence."""


def decision_schema(policy: Policy) -> Schema:
    """Returns the private fields of a decision under `policy`, in their fixed order."""
    inputs = [
        SchemaField(f"/input/{feature.name}", feature.title, _FIELD_TYPES[feature.kind]) for feature in policy.features
    ]
    outputs = [
        SchemaField("/output/label", "Decision", "string"),
        SchemaField("/output/score", "Score", "number"),
        SchemaField("/output/score_micro", "Score in millionths", "integer"),
        SchemaField("/reasons", "Reasons", "array"),
        SchemaField("/subject", "Reference of the person", "string"),
    ]
    return Schema(f"decision {policy.name}", tuple(inputs + outputs))


def policy_draft(policy: Policy) -> Draft:
    """Returns the public part of a policy's record; the document itself is a private field."""
    about = {"name": policy.name, "policySha256": policy.digest(), "version": policy.version}
    return Draft("policy", policy.stream, f"{policy.name} {policy.version}", about=about)


@dataclass(frozen=True, slots=True)
class DeploymentRecord:
    """A model put to work under a policy.

    Attributes:
        model: Leaf hash (hex) of the model's record.
        policy: Leaf hash (hex) of the policy's record.
        reasons: How reasons are found; None when the model cannot be explained here.
    """

    model: str
    policy: str
    reasons: ReasonConfig | None

    def draft(self, stream: str, name: str) -> Draft:
        """Returns the record to be written."""
        about = {
            "model": self.model,
            "policy": self.policy,
            "reasons": self.reasons.to_json() if self.reasons else None,
        }
        return Draft("deployment", stream, name, (self.model, self.policy), about)

    @classmethod
    def read(cls, record: Record) -> DeploymentRecord:
        """Reads a deployment back from its record.

        Raises:
            MalformedEvidence: When the record says something else.
        """
        about = record.about
        try:
            reasons = about["reasons"]
            return cls(
                str(about["model"]),
                str(about["policy"]),
                None if reasons is None else ReasonConfig.from_json(reasons),
            )
        except (KeyError, TypeError) as error:
            raise MalformedEvidence("a deployment record lacks a part or holds another type") from error


def state_digest(decision_leaf: str, follow_ups: Sequence[str]) -> str:
    """Returns the digest (hex) of a decision and all that followed, as a reviewer saw it.

    SHA-256 of the canonical JSON of {"decision": leaf, "followed": [leaf, …]}, leaf
    hashes in log order; anyone with the records can recompute it.
    """
    seen: Mapping[str, Any] = {"decision": decision_leaf, "followed": list(follow_ups)}
    return sha256(canonical.dumps(seen)).hexdigest()
