"""What a recall says about itself in the log: what was recalled, why, and what it had reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final, Literal, TypeAlias

from counterfoil.core import canonical
from counterfoil.core.schema import Schema, SchemaField
from counterfoil.core.statement import Draft, Record
from counterfoil.errors import InvalidInput, MalformedEvidence
from counterfoil.provenance.records import STREAM

__all__ = [
    "MOST_REASON_CHARS",
    "RECALL",
    "RECALLABLE",
    "RECALL_END",
    "Action",
    "Reached",
    "RecallEndRecord",
    "RecallRecord",
    "leaves_digest",
    "require_action",
    "require_reason",
]

Action: TypeAlias = Literal["block", "warn"]
"""What an open recall does to whatever rests on what was recalled: nothing more is decided, or it is only said."""

RECALLABLE: Final = ("dataset", "deployment", "model", "policy", "run")
"""Kinds of records that can be recalled: those that others come from."""

MOST_REASON_CHARS: Final = 500

RECALL: Final = Schema("recall", (SchemaField("/by", "Who recalled it", "string"),))
RECALL_END: Final = Schema("recall-end", (SchemaField("/by", "Who ended the recall", "string"),))

_MOST_NAME_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Reached:
    """What a recall had reached when it was opened, in numbers: of records, and of people.

    Attributes:
        datasets: Datasets that came from it, without itself; so the next four.
        deployments: Models put to work under a policy.
        models: Models that came from it.
        policies: Policies under which these models decided.
        runs: Runs that used it, or what came from it.
        decisions: Decisions of those deployments.
        people: Different people they were about, as far as a reference tells; at least so many.
        unnamed: Decisions that name nobody.
        erased: Decisions whose values were erased or locked away: nobody can say any more whom they were about.
        leaves_sha256: `leaves_digest` of everything reached.
    """

    datasets: int
    deployments: int
    models: int
    policies: int
    runs: int
    decisions: int
    people: int
    unnamed: int
    erased: int
    leaves_sha256: str

    def to_json(self) -> dict[str, Any]:
        """Returns it as a record has it."""
        told = asdict(self)
        return told | {"leavesSha256": told.pop("leaves_sha256")}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Reached:
        """Reads it back; KeyError, TypeError or ValueError for anything else."""
        names = [name for name in cls.__slots__ if name != "leaves_sha256"]
        return cls(**{name: int(value[name]) for name in names}, leaves_sha256=str(value["leavesSha256"]))


@dataclass(frozen=True, slots=True)
class RecallRecord:
    """A recall, as it was opened.

    Attributes:
        kind: Kind of what was recalled, of `RECALLABLE`.
        name: Its name and version.
        leaf: Leaf hash (hex) of its record.
        action: What the recall does while it is open.
        reason: Why, in plain words. It is public.
        reached: What it had reached.
    """

    kind: str
    name: str
    leaf: str
    action: Action
    reason: str
    reached: Reached

    def draft(self, request: Mapping[str, str]) -> Draft:
        """Returns the public part of the record; `request` marks the request that it answers, if there is one."""
        about = {
            "action": self.action,
            "reached": self.reached.to_json(),
            "reason": self.reason,
            "what": {"kind": self.kind, "leaf": self.leaf, "name": self.name},
        }
        return Draft("recall", STREAM, _plain(self.name), (self.leaf,), {**about, **request})

    @classmethod
    def read(cls, record: Record) -> RecallRecord:
        """Reads a recall back from its record.

        Raises:
            MalformedEvidence: When the record says something else.
        """
        about = record.about
        try:
            what, action = about["what"], about["action"]
            if action not in ("block", "warn"):
                raise ValueError(action)
            reached = Reached.from_json(about["reached"])
            names = (str(what["kind"]), str(what["name"]), str(what["leaf"]))
            return cls(*names, action, str(about["reason"]), reached)
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedEvidence("a recall's record lacks a part or holds another type") from error


@dataclass(frozen=True, slots=True)
class RecallEndRecord:
    """The end of a recall: leaf hash (hex) of the recall's record, and why it ended, in public."""

    recall: str
    reason: str

    def draft(self, name: str, request: Mapping[str, str]) -> Draft:
        """Returns the public part of the record; `name` is that of what was recalled."""
        about = {"reason": self.reason, "recall": self.recall}
        return Draft("recall-end", STREAM, _plain(name), (self.recall,), {**about, **request})

    @classmethod
    def read(cls, record: Record) -> RecallEndRecord:
        """Reads it back from its record.

        Raises:
            MalformedEvidence: When the record says something else.
        """
        try:
            return cls(str(record.about["recall"]), str(record.about["reason"]))
        except (KeyError, TypeError) as error:
            raise MalformedEvidence("a recall's end lacks a part or holds another type") from error


def leaves_digest(leaves: Iterable[str]) -> str:
    """Returns the SHA-256 (hex) of the canonical JSON of the leaf hashes (hex), sorted, as an array."""
    return sha256(canonical.dumps(sorted(leaves))).hexdigest()


def require_reason(reason: str, of_what: str) -> str:
    """Returns a reason without spaces around it.

    Raises:
        InvalidInput: It is empty, longer than `MOST_REASON_CHARS`, or holds what cannot be printed.
    """
    text = reason.strip()
    if not text:
        raise InvalidInput(f"{of_what} says why", hint="give a reason in plain words; it is public, so name nobody")
    if len(text) > MOST_REASON_CHARS:
        raise InvalidInput(f"the reason has {len(text):,} characters; {MOST_REASON_CHARS} is the limit")
    if not text.isprintable():
        raise InvalidInput("the reason holds characters that cannot be printed", hint="give one line of plain text")
    return text


def require_action(action: str) -> Action:
    """Returns what a recall does (InvalidInput for what none can)."""
    if action == "block":
        return "block"
    if action == "warn":
        return "warn"
    raise InvalidInput(f"a recall cannot {action[:40]!r}", hint="give block or warn")


def _plain(name: str) -> str:
    """Returns a name as a record's subject can have it."""
    return "".join("?" if each in '"\\' or not each.isprintable() else each for each in name)[:_MOST_NAME_CHARS]
