"""Addresses of PostgreSQL databases in settings: no passwords in them, ever."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlsplit

from counterfoil.errors import InvalidInput

__all__ = ["require_database_url"]

_SCHEMES: Final = ("postgresql", "postgres")
_SECRETS: Final = ("password", "sslpassword", "oauth_client_secret")


def require_database_url(setting: str, url: str) -> None:
    """Refuses what does not name a PostgreSQL database, and what carries a secret.

    Args:
        setting: The setting's name, for errors.
        url: As libpq reads it, `postgresql://user@host/database?sslmode=verify-full`.

    Raises:
        InvalidInput: The url itself is not repeated: it may hold a password.
    """
    try:
        parts = urlsplit(url)
        given = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
        password = parts.password
    except ValueError as error:
        raise InvalidInput(f"{setting} is not an address", hint=_EXAMPLE) from error
    if parts.scheme not in _SCHEMES or parts.fragment:
        raise InvalidInput(f"{setting} does not name a PostgreSQL database", hint=_EXAMPLE)
    if password is not None or given.intersection(_SECRETS):
        raise InvalidInput(
            f"{setting} holds a password, and settings are no place for secrets",
            hint="take it out; keep it in a password file (~/.pgpass, or PGPASSFILE names another), in PGPASSWORD, "
            "or in a service file (?service=…); see docs/guides/deploy.md",
        )


_EXAMPLE: Final = "it looks like postgresql://counterfoil@db.bank.example/evidence?sslmode=verify-full"
