"""Wrong passwords in a row: after a few, signing in is locked for a while, twice as long each time.

Counted by name, whether anybody has it or not, and by address. An attempt is counted
before the password is looked at, so that many at once are no way around it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from hmac import digest as hmac_digest
from typing import Final

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from counterfoil.errors import TooManyRequests
from counterfoil.node.access.tables import failures
from counterfoil.node.settings import NodeSettings
from counterfoil.node.state import NodeState

__all__ = ["ADDRESS_FACTOR", "Lockouts"]

ADDRESS_FACTOR: Final = 4
"""Of wrong passwords an address may send so many times more than a name may have: an office shares one."""

FORGOTTEN_S: Final = 86_400
"""A wrong password counts for a day; no lock lasts longer."""

MOST_ROWS: Final = 100_000
"""Names and addresses remembered; the oldest are forgotten first."""

MOST_DOUBLINGS: Final = 20


class Lockouts:
    """Counts wrong passwords at one node. Safe to use from many threads.

    Args:
        state: Where they are counted; a restart forgets none.
        settings: How many, and how long the first lock lasts.
        now: Returns Unix seconds.
    """

    def __init__(self, state: NodeState, settings: NodeSettings, now: Callable[[], float]) -> None:
        self._state = state
        self._settings = settings
        self._now = now

    def begin(self, name: str, address: str) -> bool:
        """Counts an attempt as wrong until `clear` says otherwise; returns whether it locks the name.

        Raises:
            TooManyRequests: Name or address is locked. The words are the same for names that nobody has.
        """
        now_s, most = int(self._now()), self._settings.logins_before_lockout
        user, place = self._digest("user", name), self._digest("address", _network(address))
        with self._state.writing() as connection:
            locked_until_s = max(self._locked_until(connection, user), self._locked_until(connection, place))
            if locked_until_s > now_s:
                raise _locked(locked_until_s - now_s)
            self._count(connection, place, most * ADDRESS_FACTOR, now_s)
            return self._count(connection, user, most, now_s)

    def clear(self, name: str, address: str) -> None:
        """Takes back the attempt: the password was right. An address keeps what it sent before."""
        user, place = self._digest("user", name), self._digest("address", _network(address))
        with self._state.writing() as connection:
            connection.execute(delete(failures).where(failures.c.who == user))
            connection.execute(
                update(failures)
                .where(failures.c.who == place, failures.c.wrong > 0)
                .values(wrong=failures.c.wrong - 1, locked_until_s=0)
            )

    def forgive(self, name: str) -> None:
        """Unlocks a name: its owner has a new password."""
        with self._state.writing() as connection:
            connection.execute(delete(failures).where(failures.c.who == self._digest("user", name)))

    def keep(self) -> None:
        """Forgets what is old."""
        with self._state.writing() as connection:
            connection.execute(delete(failures).where(failures.c.last_s < int(self._now()) - FORGOTTEN_S))
            rows = connection.execute(select(func.count()).select_from(failures)).scalar_one()
            if rows > MOST_ROWS:
                oldest = select(failures.c.who).order_by(failures.c.last_s).limit(rows - MOST_ROWS)
                connection.execute(delete(failures).where(failures.c.who.in_(oldest)))

    def _digest(self, kind: str, text: str) -> bytes:
        """Returns what stands for a name or an address: people type their passwords as names, too."""
        return hmac_digest(self._state.secret, f"failures {kind}\n{text}".encode("utf-8", "replace"), "sha256")[:16]

    def _locked_until(self, connection: Connection, who: bytes) -> int:
        query = select(failures.c.locked_until_s).where(failures.c.who == who)
        return connection.execute(query).scalar() or 0

    def _count(self, connection: Connection, who: bytes, most: int, now_s: int) -> bool:
        row = connection.execute(select(failures).where(failures.c.who == who)).one_or_none()
        wrong = 1 if row is None or row.last_s < now_s - FORGOTTEN_S else row.wrong + 1
        beyond = wrong - most
        lasts_s = min(self._settings.lockout_s << min(beyond, MOST_DOUBLINGS), FORGOTTEN_S) if beyond >= 0 else 0
        values = {"wrong": wrong, "last_s": now_s, "locked_until_s": now_s + lasts_s if lasts_s else 0}
        statement = insert(failures).values(who=who, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["who"], set_=values))
        return bool(lasts_s)


def _network(address: str) -> str:
    """Returns the part of an address that belongs to one customer: of IPv6, the first 64 bits."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def _locked(wait_s: int) -> TooManyRequests:
    if wait_s < 120:
        shown = f"{wait_s} seconds"
    else:
        shown = f"{-(-wait_s // 60)} minutes" if wait_s < 7_200 else f"{-(-wait_s // 3_600)} hours"
    return TooManyRequests(
        f"too many wrong passwords: signing in is locked for another {shown}",
        hint="wait so long, then try again; an admin can give a new password",
        retry_after_s=wait_s,
    )
