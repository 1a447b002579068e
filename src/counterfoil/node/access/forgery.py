"""Requests that another site makes a signed-in browser send, and how they are told apart.

1. a browser says where a request comes from: `Sec-Fetch-Site`, `Origin`;
2. every page of the console carries a token bound to the session, which no other site can read.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hmac import compare_digest
from hmac import digest as hmac_digest
from typing import Final
from urllib.parse import urlsplit

from counterfoil.errors import NotAllowed
from counterfoil.node.gate import Scope

__all__ = ["CSRF_FIELD", "CSRF_HEADER", "SAFE_METHODS", "csrf_token", "is_form", "require_csrf", "require_own_page"]

CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf"
"""Where a page's script, and a page's form, put the token."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN: Final = (b"same-origin", b"none")
_FORMS: Final = (b"application/x-www-form-urlencoded", b"multipart/form-data")
_LOOK_AGAIN: Final = "open the page again and repeat; nothing was changed"


def csrf_token(secret: bytes, session: bytes) -> str:
    """Returns the token of a session.

    Args:
        secret: Of this node.
        session: Digest of the session's own token.
    """
    key = hmac_digest(secret, b"csrf tokens", "sha256")
    return urlsafe_b64encode(hmac_digest(key, session, "sha256")).rstrip(b"=").decode()


def require_csrf(expected: str, given: str | None) -> None:
    """Checks the token that came with a request.

    Raises:
        NotAllowed: There is none, or it belongs to another session.
    """
    if not given or not compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        raise NotAllowed("this request does not come from a page of your session", hint=_LOOK_AGAIN)


def require_own_page(scope: Scope, public_url: str) -> None:
    """Refuses what a browser says another site's page sent; callers that are no browsers say nothing.

    Raises:
        NotAllowed: It comes from elsewhere.
    """
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    for name, value in scope["headers"]:
        is_foreign = name == b"sec-fetch-site" and value not in _OWN
        if is_foreign or (name == b"origin" and not _is_own(value.decode("latin-1"), host, public_url)):
            raise NotAllowed("this request comes from another site's page", hint=_LOOK_AGAIN)


def _is_own(origin: str, host: bytes, public_url: str) -> bool:
    """Whether an origin is the address by which this node was reached, or the one that others know it by."""
    found, own = origin.partition("://"), urlsplit(public_url)
    return bool(found[2]) and (found[2].encode("latin-1") == host or (found[0], found[2]) == (own.scheme, own.netloc))


def is_form(content_type: bytes | None) -> bool:
    """Whether a body is what an HTML form sends, so that the token may be in a field of it."""
    return (content_type or b"").partition(b";")[0].strip().lower() in _FORMS
