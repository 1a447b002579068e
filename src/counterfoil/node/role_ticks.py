"""Roles as a form offers them: a box to tick for each, with what it lets somebody do."""

from __future__ import annotations

from typing import Final

from counterfoil.errors import InvalidInput
from counterfoil.web.pages import Form
from counterfoil.web.roles import Role

__all__ = ["ROLE_WORDS", "ticked"]

ROLE_WORDS: Final = {
    Role.ADMIN: "everything, also keys, people and erasures",
    Role.OPERATOR: "reviews decisions, registers models and policies",
    Role.AUDITOR: "reads everything and changes nothing",
    Role.SERVICE: "an application: decides and reports outcomes",
}
"""What each role may do, in a few words."""


def ticked(form: Form) -> frozenset[Role]:
    """Returns the roles that were ticked.

    Raises:
        InvalidInput: One of them is none.
    """
    try:
        return frozenset(Role(each) for each in form.texts("role"))
    except ValueError:
        raise InvalidInput("there is no such role", hint=f"one or more of {', '.join(Role)}") from None
