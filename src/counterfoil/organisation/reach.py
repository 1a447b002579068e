"""What a recall reaches: everything that came from a record, and the decisions and people behind it.

Content is one thing: a dataset that is wrong is wrong under every name and version that has its bytes,
so all of these are reached, and what came from them.

Counts come from the searchable tables. The people behind decisions are counted by the keyed tags
of their references, so nothing private is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BindParameter, Connection, Integer, bindparam, case, func, select

from counterfoil.decisions.tables import decision_counts, decisions, deployments
from counterfoil.provenance.lineage.graph import Node
from counterfoil.provenance.lineage.lineage import Lineage
from counterfoil.provenance.recalls.records import Reached, leaves_digest
from counterfoil.store.archive import Archive
from counterfoil.store.streams import time_text
from counterfoil.store.views import Views

__all__ = ["DeploymentReach", "Reach", "ReachFinder", "count_people", "these"]

HASH_MEMORY_MIB: Final = 128
"""Memory that PostgreSQL may use while it counts people; it needs so much for a million."""


@dataclass(frozen=True, slots=True)
class DeploymentReach:
    """A model at work under a policy that a recall reaches, and what it decided.

    Attributes:
        index: Place of the deployment's record.
        model: The model.
        policy: The policy.
        decisions: How many decisions.
        labels: How many of them stand at each label now; None where that was erased.
        first: Time of the first, UTC; None without any.
        last: Time of the newest.
    """

    index: int
    model: Node
    policy: Node
    decisions: int
    labels: Mapping[str | None, int]
    first: str | None
    last: str | None


@dataclass(frozen=True, slots=True)
class Reach:
    """What came from a record, or from the same content, and whom it reached.

    Attributes:
        root: The record.
        nodes: Everything that came from it, ascending by place; without itself.
        policies: Policies under which the deployments among these decide.
        deployments: The deployments among these, and itself where it is one.
        decisions: Decisions of them all.
        people: Different people they were about, as far as a reference tells; at least so many.
        unnamed: Decisions that name nobody.
        erased: Decisions whose values were erased or locked away.
        leaves_sha256: See `leaves_digest`.
    """

    root: Node
    nodes: tuple[Node, ...]
    policies: tuple[Node, ...]
    deployments: tuple[DeploymentReach, ...]
    decisions: int
    people: int
    unnamed: int
    erased: int
    leaves_sha256: str

    def of_kind(self, kind: str) -> tuple[Node, ...]:
        """Returns what came from it and is of one kind."""
        return tuple(node for node in self.nodes if node.kind == kind)

    def numbers(self) -> Reached:
        """Returns it as a recall's record has it."""
        kinds = Counter(node.kind for node in self.nodes)
        return Reached(
            datasets=kinds["dataset"],
            deployments=kinds["deployment"],
            models=kinds["model"],
            policies=len(self.policies),
            runs=kinds["run"],
            decisions=self.decisions,
            people=self.people,
            unnamed=self.unnamed,
            erased=self.erased,
            leaves_sha256=self.leaves_sha256,
        )


@dataclass(slots=True)
class _Count:
    """What the decisions of one deployment come to."""

    decisions: int = 0
    first_s: int = 0
    last_s: int = 0
    named: int = 0
    erased: int = 0


class ReachFinder:
    """Finds what a record reaches.

    Args:
        archive: Reads records.
        views: The searchable tables.
        lineage: Knows what came from what.
    """

    def __init__(self, archive: Archive, views: Views, lineage: Lineage) -> None:
        self._archive = archive
        self._views = views
        self._lineage = lineage

    def of(self, root: int) -> Reach:
        """Returns what the record at `root` reaches, as it is now."""
        places = sorted(self._lineage.concerned([root]))
        nodes = tuple(map(self._node, places))
        with self._views.reading() as connection:
            known = _deployments(connection, [root, *places])
            counts = _counts(connection, known)
            labels = _labels(connection, known)
            people = count_people(connection, known)
        found = tuple(
            self._deployment(index, *known[index], counts.get(index, _Count()), labels.get(index, {}))
            for index in sorted(known)
        )
        total = sum(each.decisions for each in counts.values())
        named, erased = sum(each.named for each in counts.values()), sum(each.erased for each in counts.values())
        policies = tuple(self._node(place) for place in sorted({policy for _, policy in known.values()}))
        digest = leaves_digest(map(self._archive.leaf_hex, places))
        return Reach(self._node(root), nodes, policies, found, total, people, total - named - erased, erased, digest)

    def _node(self, place: int) -> Node:
        record = self._archive.record(place)
        return Node(place, record.kind, record.name)

    def _deployment(
        self, index: int, model: int, policy: int, count: _Count, labels: Mapping[str | None, int]
    ) -> DeploymentReach:
        first, last = (time_text(count.first_s), time_text(count.last_s)) if count.decisions else (None, None)
        return DeploymentReach(index, self._node(model), self._node(policy), count.decisions, dict(labels), first, last)


def these(places: Iterable[int]) -> BindParameter[int]:
    """Returns places to stand behind `in_`, as many as there may be: written out, for parameters are limited."""
    return bindparam("places", list(places), Integer, expanding=True, literal_execute=True)


def _deployments(connection: Connection, places: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Returns the deployments among places, each with the places of its model and its policy."""
    rows = connection.execute(select(deployments).where(deployments.c.idx.in_(these(places))))
    return {int(row.idx): (int(row.model_idx), int(row.policy_idx)) for row in rows}


def _counts(connection: Connection, known: Iterable[int]) -> dict[int, _Count]:
    # A decision that never named anybody has a label; one whose values are gone has neither.
    is_erased = decisions.c.subject.is_(None) & decisions.c.label.is_(None)
    query = (
        select(
            decisions.c.deployment_idx,
            func.count(),
            func.min(decisions.c.time_s),
            func.max(decisions.c.time_s),
            func.count(decisions.c.subject),
            func.sum(case((is_erased, 1), else_=0)),
        )
        .where(decisions.c.deployment_idx.in_(these(known)))
        .group_by(decisions.c.deployment_idx)
    )
    return {int(row[0]): _Count(*map(int, row[1:])) for row in connection.execute(query)}


def _labels(connection: Connection, known: Iterable[int]) -> dict[int, dict[str | None, int]]:
    counts = decision_counts.c
    query = (
        select(counts.deployment_idx, counts.label, func.sum(counts.decisions))
        .where(counts.deployment_idx.in_(these(known)))
        .group_by(counts.deployment_idx, counts.label)
        .order_by(counts.label)
    )
    found: dict[int, dict[str | None, int]] = {}
    for index, label, number in connection.execute(query):
        if number:
            found.setdefault(int(index), {})[label or None] = int(number)
    return found


def count_people(connection: Connection, known: Iterable[int]) -> int:
    """Returns the number of different people, by their tags, among the decisions of deployments.

    PostgreSQL hashes the tags, where it may use memory for a million of them: else it walks an index, in three
    times as long. SQLite would sort them, in twice as long as it takes to hand them over and count them here.
    """
    tags = select(decisions.c.subject).where(
        decisions.c.deployment_idx.in_(these(known)), decisions.c.subject.is_not(None)
    )
    if connection.dialect.name == "sqlite":
        return len(set(connection.execute(tags).scalars()))
    connection.exec_driver_sql(f"SET LOCAL work_mem = '{HASH_MEMORY_MIB}MB'")  # for this transaction only
    return int(connection.execute(select(func.count()).select_from(tags.distinct().subquery())).scalar_one())
