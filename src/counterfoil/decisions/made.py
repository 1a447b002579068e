"""Which deployment made which decisions: what lineage asks of this room."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import func, select

from counterfoil.decisions.tables import decision_counts, decisions, deployments
from counterfoil.store.record_places import portions
from counterfoil.store.views import Views

__all__ = ["Made"]


class Made:
    """Decisions by the deployments that made them.

    Args:
        views: Finds them.
    """

    def __init__(self, views: Views) -> None:
        self._views = views

    def made_by(self, wanted: Collection[int]) -> Mapping[int, int]:
        """Returns how many decisions each of these deployments made; costs the number of days, not of decisions."""
        made: dict[int, int] = {}
        count = func.sum(decision_counts.c.decisions)
        with self._views.reading() as connection:
            for some in portions(wanted):
                query = (
                    select(deployments.c.idx, func.coalesce(count, 0))
                    .outerjoin(decision_counts, decision_counts.c.deployment_idx == deployments.c.idx)
                    .where(deployments.c.idx.in_(some))
                    .group_by(deployments.c.idx)
                )
                made |= {int(place): int(number) for place, number in connection.execute(query)}
        return made

    def deployment_of(self, decision: int) -> int | None:
        """Returns the place of the deployment that made a decision; None when there is no such decision."""
        with self._views.reading() as connection:
            found = connection.execute(select(decisions.c.deployment_idx).where(decisions.c.idx == decision)).scalar()
        return None if found is None else int(found)
