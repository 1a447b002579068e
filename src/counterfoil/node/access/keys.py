"""API keys: made at random, shown once, checked in memory.

Every request names its key, so finding it costs no query: all keys are in memory, and
the file is written only when one is made or revoked, and now and then to remember when
each was last used.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hmac import compare_digest
from typing import Any, Final

from sqlalchemy import bindparam, select, update

from counterfoil.errors import InvalidInput, LogUnavailable, NotFound, NotSignedIn
from counterfoil.node.access.admins import Admins
from counterfoil.node.access.records import AccessRecords, Change
from counterfoil.node.access.tables import keys as table
from counterfoil.node.access.tokens import (
    KEY_PREFIX,
    digest_of,
    expiry_s,
    new_secret,
    read_roles,
    require_name,
    roles_text,
)
from counterfoil.node.state import NodeState
from counterfoil.store.streams import time_text
from counterfoil.web.roles import Principal, Role

__all__ = ["Key", "Keys", "NewKey"]

_NOBODY: Final = Principal("", frozenset())
_NO_KEY: Final = bytes(32)
_MAKE_ONE: Final = "an admin makes a new one: counterfoil access add, or the console's page Access"


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key.

    Attributes:
        id: 8 random hexadecimal digits; the key itself carries them.
        name: What it is called.
        roles: What it may do.
        made_s: Unix seconds.
        expires_s: When it ends, None never.
        revoked_s: When it was revoked, None while it was not.
        used_s: When it was last used, None never; written down every few minutes.
        digest: SHA-256 of the key.
        principal: As whom its holder acts.
    """

    id: str
    name: str
    roles: frozenset[Role]
    made_s: int
    expires_s: int | None
    revoked_s: int | None
    used_s: int | None
    digest: bytes = field(repr=False)
    principal: Principal = field(default=_NOBODY, repr=False)

    def works_at(self, now_s: float) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_s is None and (self.expires_s is None or now_s < self.expires_s)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made.

    Attributes:
        key: What is known of it.
        token: The key itself; nobody can show it again.
        place: Of its record in the log.
    """

    key: Key
    token: str = field(repr=False)
    place: int


class Keys:
    """The keys of one node. `identify` may be called from any thread, at any time.

    Args:
        state: Where they are kept.
        records: Puts changes on record.
        admins: Learn from here which keys are an admin's; their lock covers whoever replaces a key in _keys.
        now: Returns Unix seconds.
    """

    def __init__(self, state: NodeState, records: AccessRecords, admins: Admins, now: Callable[[], float]) -> None:
        self._state = state
        self._records = records
        self._now = now
        self._admins = admins
        admins.sources.append(self._admin_ids)
        with state.reading() as connection:
            self._keys = {row.id: _key(row._asdict()) for row in connection.execute(select(table))}
        self._used: dict[str, int] = {}  # since `keep` was last called

    def identify(self, token: str) -> Principal:
        """Returns as whom the holder of a key acts.

        Raises:
            NotSignedIn: It is none of ours, was revoked or has expired.
        """
        key = self._keys.get(token[3:11]) if token.startswith(KEY_PREFIX) else None
        is_ours = compare_digest(digest_of(token), _NO_KEY if key is None else key.digest)
        if key is None or not is_ours:
            raise NotSignedIn("this key is none of this node's", hint=_MAKE_ONE)
        now_s = self._now()
        if not key.works_at(now_s):
            said = "was revoked" if key.revoked_s is not None else "has expired"
            raise NotSignedIn(f"this key {said}", hint=_MAKE_ONE)
        self._used[key.id] = int(now_s)
        return key.principal

    def all(self) -> list[Key]:
        """Returns every key, also revoked ones, newest first."""
        return sorted(map(self._with_use, list(self._keys.values())), key=lambda key: (-key.made_s, key.id))

    def find(self, key_id: str) -> Key:
        """Returns a key by its id.

        Raises:
            NotFound: There is none.
        """
        key = self._keys.get(key_id)
        if key is None:
            raise NotFound(
                f"there is no key {key_id[:40]!r}",
                hint="its id is the 8 digits after cf_; see: counterfoil access list",
            )
        return self._with_use(key)

    def add(self, name: str, roles: frozenset[Role], *, by: str, expires: str = "", tag: bytes | None = None) -> NewKey:
        """Makes a key; it is on record before it works.

        Args:
            name: What it is called: who or what will use it.
            roles: What it may do.
            by: Id of whoever makes it.
            expires: When it ends, UTC; empty for never.
            tag: Of the request that asks for it.

        Raises:
            InvalidInput: No usable name, no role, or an end that has passed.
            LogUnavailable: It could not be recorded or kept; then it does not work.
        """
        require_name(name)
        if not roles:
            raise InvalidInput("a key needs a role", hint=f"one or more of {', '.join(Role)}")
        now_s = int(self._now())
        expires_s = expiry_s(expires, now_s)
        with self._admins.changing:
            key_id = self._free_id()
            token = f"{KEY_PREFIX}{key_id}_{new_secret()}"
            until = "" if expires_s is None else time_text(expires_s)
            change = Change("add key", f"key:{key_id}", by, name=name, roles=roles, expires=until)
            place = self._records.write(change, tag)
            row = {
                "id": key_id,
                "name": name,
                "roles": roles_text(roles),
                "digest": digest_of(token),
                "made_s": now_s,
                "expires_s": expires_s,
                "revoked_s": None,
                "used_s": None,
            }
            with self._state.writing() as connection:
                connection.execute(table.insert().values(**row))
            self._keys[key_id] = key = _key(row)
        return NewKey(key, token, place)

    def revoke(self, key_id: str, *, by: str) -> Key:
        """Makes a key stop working, at once; the same again changes nothing.

        Raises:
            NotFound: There is no such key.
            NotAllowed: It is the only one with which an admin comes in, and no person is one.
            LogUnavailable: It works no more in this process, and that could not be kept or recorded yet.
        """
        with self._admins.changing:
            key = self.find(key_id)
            if key.revoked_s is None:
                self._admins.require_another(key.principal.id, by)
                self._keys[key_id] = key = replace(key, revoked_s=int(self._now()))  # first: it counts at once
            with self._state.writing() as connection:
                done = connection.execute(
                    update(table)
                    .where(table.c.id == key_id, table.c.revoked_s.is_(None))
                    .values(revoked_s=key.revoked_s)
                )
                if done.rowcount:
                    self._records.keep(connection, Change("revoke key", f"key:{key_id}", by, name=key.name))
        self._records.settle()
        return key

    def keep(self) -> None:
        """Writes down when keys were last used."""
        used, self._used = self._used, {}
        if not used:
            return
        statement = update(table).where(table.c.id == bindparam("key")).values(used_s=bindparam("at"))
        try:
            with self._state.writing() as connection:
                connection.execute(statement, [{"key": key_id, "at": used_s} for key_id, used_s in used.items()])
        except LogUnavailable:
            self._used = used | self._used  # for the next time
            raise
        with self._admins.changing:
            for key_id, used_s in used.items():
                self._keys[key_id] = replace(self._keys[key_id], used_s=used_s)

    def _admin_ids(self) -> list[str]:
        now_s = self._now()
        return [key.principal.id for key in self.all() if Role.ADMIN in key.roles and key.works_at(now_s)]

    def _with_use(self, key: Key) -> Key:
        used_s = self._used.get(key.id)
        return key if used_s is None else replace(key, used_s=used_s)

    def _free_id(self) -> str:
        while (found := os.urandom(4).hex()) in self._keys:
            pass
        return found


def _key(row: dict[str, Any]) -> Key:
    roles = read_roles(row["roles"])
    given = row | {"roles": roles, "digest": bytes(row["digest"])}
    return Key(**given, principal=Principal(f"key:{row['id']}", roles))
