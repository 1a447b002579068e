"""PostgreSQL as this program uses it: how it is reached, whose schema is whose, what its errors mean.

Passwords are found by libpq itself (password file, service file, PGPASSWORD); none passes
through here. Sessions are set up once and kept, so a pooler between must hold sessions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError

from counterfoil.errors import INSTALL_POSTGRES, CounterfoilError, HomeDamaged, InvalidInput, LogUnavailable, NotSetUp

if TYPE_CHECKING:
    import psycopg

__all__ = ["copy_rows", "database_fault", "ensure_schema", "is_away", "open_engine", "require_package", "schema_name"]

POOL_SIZE: Final = 4
"""Connections that stay open between uses."""

PATIENCE: Final[dict[str, str | int]] = {
    "connect_timeout": 5,  # seconds
    "keepalives_idle": 15,  # seconds
    "keepalives_interval": 5,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}
"""How long a server that went silent is waited for; the address may say otherwise."""

_SLUG_CHARS: Final = 24  # a PostgreSQL name has at most 63 bytes
_DIGEST_CHARS: Final = 16


def require_package() -> None:
    """Makes sure that the driver is installed.

    Raises:
        NotSetUp: It is not.
    """
    if find_spec("psycopg") is None:
        raise NotSetUp("PostgreSQL needs a package that is missing: psycopg", hint=INSTALL_POSTGRES)


def schema_name(use: str, origin: str, identity: bytes) -> str:
    """Returns the schema that holds one home's tables: readable, and no other home's.

    Args:
        use: What the tables are for, one word.
        origin: The log's name.
        identity: What no other home has, such as the hash of the log's first record.
    """
    slug = re.sub(r"[^a-z0-9]+", "_", origin.lower())[:_SLUG_CHARS].strip("_")
    digest = sha256(origin.encode() + bytes(1) + identity).hexdigest()[:_DIGEST_CHARS]
    return f"counterfoil_{use}_{slug}_{digest}"


def _parsed(url: str) -> dict[str, Any]:
    """Returns what libpq makes of an address."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        return conninfo_to_dict(url)
    except ProgrammingError as error:
        raise InvalidInput(
            f"the address of the database cannot be used: {error}", hint="mend it in counterfoil.toml"
        ) from error


def _connect(given: Mapping[str, Any], settings: Mapping[str, str]) -> psycopg.Connection[Any]:
    """Opens a session and sets it up."""
    import psycopg

    session = psycopg.connect(**given)
    try:
        for name, value in settings.items():
            session.execute("SELECT set_config(%s, %s, false)", (name, value))
        session.commit()
    except BaseException:
        session.close()
        raise
    return session


def open_engine(url: str, schema: str, settings: Mapping[str, str]) -> Engine:
    """Returns a pool of sessions for one schema; it connects when it is used.

    A session that the server has ended meanwhile is replaced before it is handed out.
    """
    require_package()
    given = {**PATIENCE, "application_name": "counterfoil", **_parsed(url)}

    def creator() -> Any:
        return _connect(given, {"search_path": f'"{schema}"', **settings})

    engine = create_engine(
        "postgresql+psycopg://",
        creator=creator,
        hide_parameters=True,
        pool_size=POOL_SIZE,
        max_overflow=-1,
        pool_pre_ping=True,
    )
    event.listen(engine, "handle_error", _hide_rows_of)
    return engine


def copy_rows(connection: Connection, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """Sends rows by COPY; errors are SQLAlchemy's, as those of other statements.

    Args:
        connection: In a transaction.
        statement: `COPY … FROM STDIN`.
        rows: Their values.
    """
    import psycopg

    session = connection.connection.driver_connection
    assert isinstance(session, psycopg.Connection)
    try:
        with session.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        _hide_rows(error)
        if session.closed:
            connection.invalidate(error)
        raise DBAPIError.instance(
            statement, None, error, psycopg.Error, True, session.closed, connection.dialect
        ) from error


def _hide_rows_of(context: Any) -> None:
    error = context.original_exception
    _hide_rows(error)
    if context.sqlalchemy_exception is not None:
        context.sqlalchemy_exception.args = (f"({type(error).__name__}) {_first_line(error)}",)


def _hide_rows(error: BaseException) -> None:
    """Cuts what the server adds to an error: it quotes rows, and errors go to logs."""
    error.args = (_first_line(error),)


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().partition("\n")[0]


def ensure_schema(connection: Connection, schema: str) -> None:
    """Makes the schema unless it is there: then the right to make one is not needed."""
    known = connection.execute(text("SELECT 1 FROM pg_namespace WHERE nspname = :name"), {"name": schema}).scalar()
    if known is None:
        connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')


def is_away(error: DBAPIError) -> bool:
    """Whether the server cannot be reached, refuses, or has no room: what was asked may work later."""
    return error.connection_invalidated or isinstance(error, (OperationalError, InterfaceError, InternalError))


def database_fault(what: str, error: DBAPIError, damaged_hint: str) -> CounterfoilError:
    """Returns our error for one of the server's.

    Args:
        what: The tables in question, in words.
        error: As SQLAlchemy raised it.
        damaged_hint: What to do where the tables are not as they should be.
    """
    state, said = getattr(error.orig, "sqlstate", None) or "", _first_line(error.orig)
    if state == "42501":
        return NotSetUp(
            f"the database does not allow this home to keep {what}: {said}",
            hint="GRANT CREATE ON DATABASE … TO …, or make the schema beforehand and give it to that user",
        )
    if state.startswith("53"):  # no disk, memory or connections left
        return LogUnavailable(f"{what} cannot be used: {said}", hint="give the database server room, then try again")
    if is_away(error):
        return LogUnavailable(
            f"{what} cannot be used: {said or 'the connection to PostgreSQL was lost'}",
            hint="start PostgreSQL or mend the way to it; recording goes on, and what was recorded is read then",
        )
    return HomeDamaged(f"{what} are not as they should be: {said}", hint=damaged_hint)
