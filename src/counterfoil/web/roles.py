"""Who may do what: four roles, and the mark by which a route says which of them it needs.

service    an application: decides, logs, reports outcomes; reads nothing about people, and gets the receipt of a
           decision in the answer to it, where it asks for it
operator   a member of staff: all that a service may, reviews decisions, registers models and policies
auditor    reads everything, private values too, and changes nothing
admin      everything, also keys, access, erasures and the ledger
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from fastapi import Depends, Request

from counterfoil.errors import NotAllowed, NotSignedIn

__all__ = [
    "FORM_GUARD",
    "JOBS",
    "READERS",
    "STAFF",
    "WRITERS",
    "Needs",
    "Principal",
    "Role",
    "needs",
    "principal_of",
    "require",
]


class Role(StrEnum):
    """What somebody may do."""

    ADMIN = "admin"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    SERVICE = "service"


FORM_GUARD: Final = "form_guard"
"""Where the node leaves, in the scope's state, what checks a form of the console before anything acts on it."""

WRITERS: Final = (Role.SERVICE, Role.OPERATOR)
"""Who makes decisions."""

STAFF: Final = (Role.OPERATOR, Role.AUDITOR)
"""Who looks at decisions about people."""

READERS: Final = (Role.SERVICE, Role.OPERATOR, Role.AUDITOR)
"""Who sees what says nothing about people."""

JOBS: Final[Mapping[str, tuple[Role, ...]]] = {
    "anchor": (),
    "bundle": STAFF,
    "fetch": (Role.OPERATOR,),
    "push": (),
    "rebuild": (),
    "replay": STAFF,
    "snapshot": (Role.OPERATOR,),
    "trade": (Role.OPERATOR,),
}
"""Who may start which long work, over the API and in the console alike; empty for admins only."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever asks, once known.

    Attributes:
        id: `key:<8 hex digits>`, `user:<name>` or `node:<origin>`.
        roles: What it may do.
    """

    id: str
    roles: frozenset[Role]

    def may(self, roles: frozenset[Role]) -> bool:
        """Whether it has one of `roles`; an admin has them all."""
        return Role.ADMIN in self.roles or not self.roles.isdisjoint(roles)


@dataclass(frozen=True, slots=True)
class Needs:
    """A route's requirement: one of these roles."""

    roles: frozenset[Role]

    async def __call__(self, request: Request) -> Principal:
        """Returns who asks.

        Raises:
            NotSignedIn: Nobody knows who it is.
            NotAllowed: It has none of the roles, or another site's page sent the form.
        """
        who = require(request, self.roles)
        guard = request.scope["state"].get(FORM_GUARD)
        if guard is not None:
            await guard(request)
        return who


def needs(*roles: Role) -> Any:
    """Returns the dependency by which a route says what it needs; without a role, an admin."""
    return Depends(Needs(frozenset(roles)))


def require(request: Request, roles: Iterable[Role]) -> Principal:
    """Returns who asks, where it has one of `roles`; an admin has them all.

    Raises:
        NotSignedIn: Nobody knows who it is.
        NotAllowed: It has none of the roles.
    """
    who, wanted = principal_of(request), frozenset(roles)
    if not who.may(wanted):
        needed = " or ".join(sorted({*wanted, Role.ADMIN}))
        wanted_of = "to give you that role" if who.id.startswith("user:") else "for a key with that role"
        raise NotAllowed(f"this needs the role {needed}", hint=f"ask an admin of this node {wanted_of}")
    return who


def principal_of(request: Request) -> Principal:
    """Returns who asks, as the node found out before the route was reached.

    Raises:
        NotSignedIn: Nobody knows who it is.
    """
    who = request.scope.get("state", {}).get("principal")
    if not isinstance(who, Principal):
        raise NotSignedIn(
            "this needs a key", hint="send it as `Authorization: Bearer …`; an admin makes one: counterfoil access add"
        )
    return who
