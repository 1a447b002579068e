"""What pages ask about sessions: signing in and out, and the mark that every form carries."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Protocol

__all__ = ["LoggedIn", "Sessions"]

Scope = MutableMapping[str, Any]


class LoggedIn(Protocol):
    """Somebody who has just signed in."""

    @property
    def token(self) -> str:
        """Goes into the cookie, and nowhere else."""


class Sessions(Protocol):
    """Console sessions, as far as pages know them."""

    def login(self, name: str, password: str, address: str) -> LoggedIn:
        """Signs somebody in; slow on purpose.

        Raises:
            NotSignedIn: Name and password do not belong together.
            TooManyRequests: Too many wrong passwords.
            NotAllowed: Others on the network could read the password.
        """

    def logout(self, token: str) -> None:
        """Ends a session; one that has ended already is no error."""

    def token_in(self, scope: Scope) -> str | None:
        """Returns the token in the session cookie of a request, None without one."""

    def csrf_of(self, scope: Scope) -> str:
        """Returns what every form of a page must carry; empty where nobody has signed in."""

    def require_csrf(self, scope: Scope, given: str | None) -> None:
        """Raises NotAllowed where a form does not come from a page of its session."""

    def cookie(self, token: str) -> str:
        """Returns the Set-Cookie header of somebody who has signed in."""

    def no_cookie(self) -> str:
        """Returns the Set-Cookie header of somebody who has signed out."""
