"""What something came from, by its passports: no passport may make it its own ancestor."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from counterfoil.errors import InvalidInput

__all__ = ["require_no_circle"]


def require_no_circle(subject: int, parents: Iterable[int], before: Callable[[set[int]], set[int]]) -> None:
    """Refuses parents that came from the subject itself.

    Args:
        subject: Place of what the passport is about.
        parents: Places of what it was made from.
        before: Returns the places of everything that is known to have come before some; called until nothing new
            is found, at most once for each record.

    Raises:
        InvalidInput: The subject is one of its parents, or among what they came from.
    """
    known: set[int] = set()
    front = set(parents)
    while front:
        if subject in front:
            raise InvalidInput(
                f"record {subject} would be its own ancestor: a parent in the passport came from it",
                hint="leave that parent out, or mend the passport of whichever names it wrongly",
            )
        known |= front
        front = before(front) - known
