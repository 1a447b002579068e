"""Policies on record: registered once, found again by digest."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from counterfoil.core import canonical
from counterfoil.decisions.policy import Policy
from counterfoil.decisions.records import POLICY, policy_draft
from counterfoil.decisions.views import policies
from counterfoil.errors import InvalidInput
from counterfoil.store.archive import Archive
from counterfoil.store.prepared import Private
from counterfoil.store.recorder import Recorder
from counterfoil.store.schemas import keep_schema
from counterfoil.store.views import Views

__all__ = ["Policies", "RegisteredPolicy"]


@dataclass(frozen=True, slots=True)
class RegisteredPolicy:
    """A policy on record, and where."""

    index: int
    leaf: str
    policy: Policy


class Policies:
    """The policies of one home."""

    def __init__(self, recorder: Recorder, archive: Archive, views: Views) -> None:
        self._recorder = recorder
        self._archive = archive
        self._views = views

    def register(self, policy: Policy | Path | str) -> RegisteredPolicy:
        """Records a policy, once, and returns where it stands.

        Raises:
            InvalidInput: When other rules are on record under the same name and version.
        """
        if not isinstance(policy, Policy):
            policy = Policy.from_toml(Path(policy))
        known = self.known(policy)
        if known is not None:
            return known
        same_version = (policies.c.name == policy.name) & (policies.c.version == policy.version)
        with self._views.reading() as connection:
            other = connection.execute(select(policies.c.idx).where(same_version)).scalar()
        if other is not None:
            raise InvalidInput(
                f"other rules are on record as {policy.name} {policy.version} (record {other})",
                hint="give the changed policy a version of its own",
            )
        keep_schema(self._recorder, self._archive, POLICY)
        written = self._recorder.write(policy_draft(policy), Private(POLICY, {"/document": policy.to_json()}))
        return RegisteredPolicy(written.index or 0, written.leaf.hex(), policy)

    def known(self, policy: Policy) -> RegisteredPolicy | None:
        """Returns where the same rules stand on record; None where they do not."""
        with self._views.reading() as connection:
            found = connection.execute(select(policies.c.idx).where(policies.c.sha256 == policy.digest())).scalar()
        return None if found is None else RegisteredPolicy(int(found), self._archive.leaf_hex(int(found)), policy)

    def all(self) -> list[RegisteredPolicy]:
        """Returns all policies on record, oldest first."""
        with self._views.reading() as connection:
            found = connection.execute(select(policies.c.idx).order_by(policies.c.idx)).scalars().all()
        return [RegisteredPolicy(index, self._archive.leaf_hex(index), self.at(index)) for index in found]

    def at(self, index: int) -> Policy:
        """Returns the policy whose record stands at `index`."""
        return _from_document(canonical.dumps(self._archive.tree(index).value("/document")))


@functools.lru_cache(maxsize=64)
def _from_document(document: bytes) -> Policy:
    return Policy.from_json(canonical.loads(document))
