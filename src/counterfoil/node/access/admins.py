"""Who may do what an admin may: at a node that serves, one of them must be left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Final

from counterfoil.errors import NotAllowed

__all__ = ["HOME", "Admins"]

HOME: Final = "home"
"""In the place of an id: whoever works on the home itself."""


class Admins:
    """The admins of one node: people and working keys. Other nodes are never admins.

    Attributes:
        changing: Covers whoever adds, changes or removes a key or a person, so that no two of them remove each other.
        sources: Each returns the ids of some.
    """

    def __init__(self) -> None:
        self.changing = threading.Lock()
        self.sources: list[Callable[[], Collection[str]]] = []

    def all(self) -> set[str]:
        """Returns their ids, such as `user:ada`."""
        return {each for source in self.sources for each in source()}

    def require_another(self, who: str, by: str) -> None:
        """Checks, under `changing`, that somebody is left when one of them is an admin no more.

        Whoever works on the home itself can always make another, and may do it.

        Raises:
            NotAllowed: They are the only one.
        """
        if by != HOME and self.all() == {who}:
            raise NotAllowed(
                "nobody would be left with the role admin, and nobody could change that here",
                hint="give that role to another person or key first; or stop the node and use `counterfoil access`",
            )
