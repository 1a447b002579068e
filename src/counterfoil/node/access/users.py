"""People who sign in to the console, by name and password."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy import delete, select, update

from counterfoil.errors import InvalidInput, NotAllowed, NotFound, Stale
from counterfoil.node.access.admins import Admins
from counterfoil.node.access.lockouts import Lockouts
from counterfoil.node.access.passwords import Passwords
from counterfoil.node.access.records import AccessRecords, Change
from counterfoil.node.access.sessions import Sessions
from counterfoil.node.access.tables import users as table
from counterfoil.node.access.tokens import read_roles, roles_text
from counterfoil.node.state import NodeState
from counterfoil.web.roles import Principal, Role

__all__ = ["User", "Users", "user_name"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with a password.

    Attributes:
        name: By which they sign in.
        roles: What they may do.
        made_s: Unix seconds.
        login_s: When they last signed in, None never.
        password: Its Argon2id hash.
        principal: As whom they act.
    """

    name: str
    roles: frozenset[Role]
    made_s: int
    login_s: int | None
    password: str = field(repr=False)
    principal: Principal = field(repr=False)


class Users:
    """The people of one node. Safe to use from many threads.

    Whatever changes what somebody may do ends their sessions: they sign in anew, and get
    a new token.

    Args:
        state: Where they are kept.
        records: Puts changes on record.
        admins: Learn from here who is one; their lock covers whoever replaces a user in _users.
        sessions: Theirs.
        passwords: Hashes and checks.
        lockouts: Ended by a new password.
        now: Returns Unix seconds.
    """

    def __init__(
        self,
        state: NodeState,
        records: AccessRecords,
        admins: Admins,
        sessions: Sessions,
        passwords: Passwords,
        lockouts: Lockouts,
        now: Callable[[], float],
    ) -> None:
        self._state = state
        self._records = records
        self._sessions = sessions
        self._passwords = passwords
        self._lockouts = lockouts
        self._now = now
        self._admins = admins
        admins.sources.append(self._admin_ids)
        with state.reading() as connection:
            rows = connection.execute(select(table)).all()
        self._users = {
            row.name: _user(row.name, read_roles(row.roles), row.made_s, row.login_s, row.password) for row in rows
        }

    def get(self, name: str) -> User | None:
        """Returns somebody by name, None for nobody."""
        return self._users.get(name)

    def require(self, name: str) -> User:
        """Returns somebody by name.

        Raises:
            NotFound: There is nobody of that name.
        """
        user = self._users.get(name)
        if user is None:
            raise NotFound(f"there is no user {name[:64]!r}", hint="see who there is: counterfoil access list")
        return user

    def all(self) -> list[User]:
        """Returns everybody, by name."""
        return sorted(self._users.values(), key=lambda user: user.name)

    def add(
        self, name: str, password: str, roles: frozenset[Role], *, by: str, tag: bytes | None = None
    ) -> tuple[User, int]:
        """Lets somebody sign in; returns them and the place of the record.

        Raises:
            InvalidInput: No usable name or password, no role, or the name is taken.
            LogUnavailable: It could not be recorded or kept.
        """
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                "that cannot name a user", hint="1 to 64 of a-z, 0-9 and . _ @ -, beginning with a letter or digit"
            )
        _require_roles(roles)
        kept = self._passwords.hash(password)
        with self._admins.changing:
            if name in self._users:
                raise InvalidInput(f"there is a user {name} already", hint="give a new password, or remove them first")
            user = _user(name, roles, int(self._now()), None, kept)
            place = self._records.write(Change("add user", user.principal.id, by, roles=roles), tag)
            with self._state.writing() as connection:
                connection.execute(
                    table.insert().values(name=name, roles=roles_text(roles), password=kept, made_s=user.made_s)
                )
            self._users[name] = user
        return user, place

    def remove(self, name: str, *, by: str) -> None:
        """Lets somebody in no more, from now on.

        Raises:
            NotFound: There is nobody of that name.
            NotAllowed: They are the only admin.
            LogUnavailable: It could not be kept, and they stay; or it is done, and not on record yet.
        """
        with self._admins.changing:
            user = self.require(name)
            self._admins.require_another(user.principal.id, by)
            self._sessions.end_all(name)
            with self._state.writing() as connection:
                connection.execute(delete(table).where(table.c.name == name))
                self._records.keep(connection, Change("remove user", user.principal.id, by))
            del self._users[name]
        self._sessions.end_all(name)
        self._records.settle()

    def set_roles(self, name: str, roles: frozenset[Role], *, by: str) -> User:
        """Changes what somebody may do, and ends their sessions.

        Raises:
            NotFound: There is nobody of that name.
            InvalidInput: No role is left.
            NotAllowed: They are the only admin, and would be none.
            LogUnavailable: It could not be recorded or kept; nothing was changed.
        """
        _require_roles(roles)
        with self._admins.changing:
            user = self.require(name)
            if Role.ADMIN not in roles:
                self._admins.require_another(user.principal.id, by)
            self._records.write(Change("change roles", user.principal.id, by, roles=roles))
            with self._state.writing() as connection:
                connection.execute(update(table).where(table.c.name == name).values(roles=roles_text(roles)))
            self._users[name] = changed = _user(name, roles, user.made_s, user.login_s, user.password)
        self._sessions.end_all(name)
        return changed

    def set_password(self, name: str, password: str, *, by: str, known: User | None = None) -> User:
        """Gives somebody a new password, unlocks their name, and ends their sessions.

        Args:
            name: Whom.
            password: The new one.
            by: Id of whoever does it.
            known: Them, as they were when their old password was checked; None where it was not.

        Raises:
            NotFound: There is nobody of that name.
            InvalidInput: The password is too short or too long.
            Stale: They have another password than `known`, by now.
            LogUnavailable: It could not be recorded or kept; the old one goes on to work.
        """
        self.require(name)
        kept = self._passwords.hash(password)
        with self._admins.changing:
            user = self.require(name)
            if known is not None and user.password != known.password:
                raise Stale("the password was changed meanwhile", hint="sign in with the new one")
            self._records.write(Change("set password", user.principal.id, by))
            changed = self._keep_password(user, kept)
        self._sessions.end_all(name)
        self._lockouts.forgive(name)
        return changed

    def check(self, name: str, password: str) -> User | None:
        """Returns whoever a name and a password belong to; None for a wrong one, and as late for no such name."""
        user = self._users.get(name)
        if not self._passwords.is_right(user.password if user else None, password) or user is None:
            return None
        if self._passwords.is_dated(user.password):
            kept = self._passwords.hash(password)
            with self._admins.changing:
                if self._users.get(name) is user:
                    user = self._keep_password(user, kept)
        return user

    def note_login(self, user: User) -> User | None:
        """Remembers that somebody signed in; None where they were changed in the meantime."""
        with self._admins.changing:
            now = self._users.get(user.name)
            if now is None or (now.password, now.roles) != (user.password, user.roles):
                return None
            with self._state.writing() as connection:
                login_s = int(self._now())
                connection.execute(update(table).where(table.c.name == user.name).values(login_s=login_s))
            self._users[user.name] = noted = replace(user, login_s=login_s)
        return noted

    def _admin_ids(self) -> list[str]:
        return [user.principal.id for user in self.all() if Role.ADMIN in user.roles]

    def _keep_password(self, user: User, kept: str) -> User:
        with self._state.writing() as connection:
            connection.execute(update(table).where(table.c.name == user.name).values(password=kept))
        self._users[user.name] = changed = replace(user, password=kept)
        return changed


def user_name(who: Principal) -> str:
    """Returns the name by which a person signs in.

    Raises:
        NotAllowed: It is a key, or another node.
    """
    kind, _, name = who.id.partition(":")
    if kind != "user":
        raise NotAllowed(
            "only people have a password, and you came in without one",
            hint="sign in at /login; a key that leaked is revoked, and another is made",
        )
    return name


def _user(name: str, roles: frozenset[Role], made_s: int, login_s: int | None, password: str) -> User:
    return User(name, roles, made_s, login_s, password, Principal(f"user:{name}", roles))


def _require_roles(roles: frozenset[Role]) -> None:
    if not roles:
        raise InvalidInput("a user needs a role", hint=f"one or more of {', '.join(Role)}")
