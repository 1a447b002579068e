"""Who may come in: keys, people and other nodes, behind the one question that the gate asks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from counterfoil.core.note import VerifierKey
from counterfoil.errors import InvalidInput, LogUnavailable, NotAllowed, NotSignedIn
from counterfoil.market.delivery.tickets import is_ticket
from counterfoil.node.access.admins import HOME, Admins
from counterfoil.node.access.forgery import (
    CSRF_FIELD,
    CSRF_HEADER,
    SAFE_METHODS,
    csrf_token,
    is_form,
    require_csrf,
    require_own_page,
)
from counterfoil.node.access.keys import Keys, NewKey
from counterfoil.node.access.lockouts import Lockouts
from counterfoil.node.access.nonces import Nonces
from counterfoil.node.access.passwords import COST, Cost, Passwords
from counterfoil.node.access.peers import Peers
from counterfoil.node.access.records import AccessRecords, Change
from counterfoil.node.access.sessions import Session, Sessions
from counterfoil.node.access.signing import RequestSigner
from counterfoil.node.access.tokens import digest_of
from counterfoil.node.access.users import User, Users, user_name
from counterfoil.node.gate import Scope
from counterfoil.node.settings import NodeSettings
from counterfoil.node.state import NodeState
from counterfoil.web.roles import FORM_GUARD, Principal, Role

if TYPE_CHECKING:
    from fastapi import Request

    from counterfoil.organisation import Organisation

__all__ = ["HOME", "Access", "LoggedIn"]

COOKIE: Final = "counterfoil"
_SESSION: Final = "session"


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Somebody who has just signed in.

    Attributes:
        token: Goes into the cookie, and nowhere else; see `Access.cookie`.
        csrf: Goes into every form of the session's pages.
    """

    token: str = field(repr=False)
    csrf: str = field(repr=False)


class Access:
    """Lets into one node who may come in.

    Args:
        state: The node's state.
        settings: How long sessions last, and when an account is locked.
        org: The organisation, whose log tells of every change.
        now: Returns Unix seconds.
        cost: Of hashing one password.

    Attributes:
        keys: Keys of applications and people.
        users: People with passwords.
        sessions: Theirs, while they are signed in.
        peers: Other nodes.
        now_s: Returns Unix seconds.
    """

    def __init__(
        self,
        state: NodeState,
        settings: NodeSettings,
        org: Organisation,
        now: Callable[[], float] = time.time,
        cost: Cost = COST,
    ) -> None:
        self._settings = settings
        self._org = org
        self.now_s = now
        self._secret = state.secret
        self._public_url = org.home.settings.public_url
        self._is_secure = bool(settings.tls_cert) or org.home.settings.public_url.startswith("https://")
        self._cookie = f"__Host-{COOKIE}" if self._is_secure else COOKIE
        self._records = AccessRecords(state, org.recorder, org.archive)
        self._lockouts = Lockouts(state, settings, now)
        self._admins = Admins()
        self.keys = Keys(state, self._records, self._admins, now)
        self.sessions = Sessions(state, settings, now)
        self.users = Users(state, self._records, self._admins, self.sessions, Passwords(cost), self._lockouts, now)
        self.peers = Peers(
            state, self._records, Nonces(state, now), settings, org.home.settings.public_url, now, self._not_a_peer
        )
        org.witness.not_a_log = self._not_a_log
        self._settle()

    # What the gate asks

    def identify(self, scope: Scope) -> Principal | None:
        """Returns who sends a request; see `node.gate.Identify`.

        A key in Authorization counts before a signature, and that before a session's cookie. A ticket for something
        that was bought is no key: the market looks at it, and here it is nobody's. A session that has
        ended is nobody's, not an error: whoever has the old cookie must be able to sign in.

        Raises:
            NotSignedIn: The key is wrong, revoked or expired; or the signature does not hold.
            NotAllowed: A browser sends it for another site's page.
        """
        given: list[bytes] = []
        cookies = b""
        is_signed = False
        for name, value in scope["headers"]:
            if name == b"authorization":
                given.append(value)
            elif name == b"cookie":
                cookies += b";" + value
            elif name == b"signature-input":
                is_signed = True
        if given:
            if len(given) > 1:
                raise NotSignedIn("this request names two keys", hint="send one Authorization header")
            key = _bearer(given[0])
            return None if is_ticket(key) else self.keys.identify(key)  # tickets are for the market's own routes
        if is_signed:
            return self.peers.identify(scope)
        if scope["method"] not in SAFE_METHODS:
            require_own_page(scope, self._public_url)
        return self._identify_session(scope, cookies) if cookies else None

    # What the console's pages ask

    def login(self, name: str, password: str, address: str) -> LoggedIn:
        """Signs somebody in; takes a tenth of a second, so never call it in the event loop.

        Raises:
            NotSignedIn: Name and password do not belong together; in the same words for names that nobody has.
            TooManyRequests: Too many wrong passwords; the error says how long to wait.
            NotAllowed: Others on the network could read the password.
            LogUnavailable: It could not be recorded; then nobody is signed in.
        """
        if not self._is_secure and not self._settings.is_local:
            raise NotAllowed("signing in needs https", hint="set tls_cert and tls_key, or public_url behind a proxy")
        name = name.strip().lower()
        is_last = self._lockouts.begin(name, address)
        user = self.users.check(name, password)
        if user is None:
            raise self._refuse_login(self.users.get(name), address, is_last=is_last)
        self._records.write(Change("sign in", user.principal.id, user.principal.id, address=address))
        self._lockouts.clear(name, address)
        return self._begin(user)

    def change_password(self, who: Principal, old: str, new: str, address: str) -> LoggedIn:
        """Gives somebody the password they chose; slow as `login`.

        1. the attempt is counted, as one to sign in; 2. the old password is theirs; 3. the new one is on record as
        set by themself, and kept; 4. all their sessions end; 5. another begins, with a token of its own.

        Raises:
            NotAllowed: A key or another node asks; those have no password.
            InvalidInput: The old password is wrong; or the new one is too short, too long or the old one.
            TooManyRequests: Too many wrong passwords; the error says how long to wait.
            Stale: The password was changed meanwhile.
            LogUnavailable: It could not be recorded or kept; the old one goes on to work.
        """
        name = user_name(who)
        is_last = self._lockouts.begin(name, address)
        user = self.users.check(name, old)
        if user is None:
            what = "lock sign-in" if is_last else "refuse password"
            self._records.write(Change(what, who.id, who.id, address=address))
            raise InvalidInput(
                "the old password is wrong", hint="after a few wrong ones, signing in is locked for a while"
            )
        self._lockouts.clear(name, address)
        if new == old:
            raise InvalidInput("the new password is the old one", hint="choose another")
        return self._begin(self.users.set_password(name, new, by=who.id, known=user))

    def logout(self, token: str) -> None:
        """Ends a session; one that has ended already is no error."""
        ended = self.sessions.end(token)
        if ended is not None:
            self._records.write_or_keep(Change("sign out", f"user:{ended.user}", f"user:{ended.user}"))

    def token_in(self, scope: Scope) -> str | None:
        """Returns the token in the session cookie of a request, None without one."""
        return self._token(b";".join(value for name, value in scope["headers"] if name == b"cookie"))

    def csrf_of(self, scope: Scope) -> str:
        """Returns what every form of a page must carry; empty where nobody has signed in."""
        session: Session | None = scope["state"].get(_SESSION)
        return "" if session is None else csrf_token(self._secret, session.digest)

    def require_csrf(self, scope: Scope, given: str | None) -> None:
        """Checks what a form carried; done already for every route that says which roles it needs.

        Raises:
            NotAllowed: It does not come from a page of this session.
        """
        expected = self.csrf_of(scope)
        if expected:
            require_csrf(expected, given)

    def cookie(self, token: str) -> str:
        """Returns the Set-Cookie header of somebody who has signed in."""
        secure = "; Secure" if self._is_secure else ""
        lasts_s = self._settings.session_most_s
        return f"{self._cookie}={token}; Path=/; Max-Age={lasts_s}; HttpOnly; SameSite=Strict{secure}"

    def no_cookie(self) -> str:
        """Returns the Set-Cookie header of somebody who has signed out."""
        secure = "; Secure" if self._is_secure else ""
        return f"{self._cookie}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict{secure}"

    # What the node asks

    def first_admin(self) -> NewKey | None:
        """Makes a key for an admin where nobody could come in as one; returns it, to be shown once."""
        if self._admins.all():
            return None
        return self.keys.add("first admin", frozenset({Role.ADMIN}), by=HOME)

    def signer(self) -> RequestSigner:
        """Returns what signs requests to other nodes; its key is made at first use."""
        return RequestSigner(self._org.home.settings.origin, self._org.own_keys.node())

    def public_key(self) -> str | None:
        """Returns the key that other nodes' admins list for this node; None until `signer` has made it."""
        return str(self.signer().key) if self._org.keyring.has("node") else None

    def keep(self) -> None:
        """Writes down what is in memory only, forgets what is old, and records what could not be recorded before."""
        self.keys.keep()
        self.sessions.keep()
        self._lockouts.keep()
        self._settle()

    def _not_a_peer(self, key: VerifierKey) -> str:
        """Returns why a key is no other node's, as far as this home knows; empty where it may be one."""
        use = self._org.keyring.use_of(key.public)
        if use is not None:
            return "that is this node's own key" if use == "node" else "that is the key of this home's own log"
        watched = (each.public for keys in self._org.witness.settings.keys.values() for each in keys)
        return f"that is the key of the log {key.name}, whose heads this node signs" if key.public in watched else ""

    def _not_a_log(self, key: VerifierKey) -> str:
        """Returns why a key is no log's, as far as the list of other nodes knows; empty where it may be one."""
        is_peer = any(each.key.public == key.public for each in self.peers.all())
        return f"that is the key of the node of {key.name}, which is listed under other nodes" if is_peer else ""

    def _begin(self, user: User) -> LoggedIn:
        token = self.sessions.begin(user.name)
        if self.users.note_login(user) is None:  # removed, or given other rights, since the password was checked
            self.sessions.end(token)
            raise _wrong()
        return LoggedIn(token, csrf_token(self._secret, digest_of(token)))

    def _identify_session(self, scope: Scope, cookies: bytes) -> Principal | None:
        token = self._token(cookies)
        session = None if token is None else self.sessions.find(token)
        user = None if session is None else self.users.get(session.user)
        if session is None or user is None:
            return None
        scope["state"][_SESSION] = session
        if scope["method"] not in SAFE_METHODS:
            self._guard(scope)
        return user.principal

    def _guard(self, scope: Scope) -> None:
        """Checks the token in the header; has that in a form checked before anything acts on it; refuses all else."""
        headers = dict(scope["headers"])
        given = headers.get(CSRF_HEADER.encode())
        if given is None and is_form(headers.get(b"content-type")):
            scope["state"][FORM_GUARD] = self._guard_form
            return
        self.require_csrf(scope, None if given is None else given.decode("latin-1"))

    async def _guard_form(self, request: Request) -> None:
        given = (await request.form()).get(CSRF_FIELD)
        self.require_csrf(request.scope, given if isinstance(given, str) else None)

    def _token(self, cookies: bytes) -> str | None:
        start = f"{self._cookie}=".encode()
        found = [each.strip()[len(start) :] for each in cookies.split(b";") if each.strip().startswith(start)]
        return found[0].decode("latin-1") if len(found) == 1 else None  # of two, one was planted

    def _refuse_login(self, user: User | None, address: str, *, is_last: bool) -> NotSignedIn:
        """Records an attempt that failed; of a name that nobody has, not even the name: it may be a password."""
        who = "nobody" if user is None else user.principal.id
        self._records.write(Change("lock sign-in" if is_last else "refuse sign-in", who, "unknown", address=address))
        return _wrong()

    def _settle(self) -> None:
        try:
            self._records.settle()
        except LogUnavailable:
            return  # who may come in is known without it; whoever changes that is told


def _wrong() -> NotSignedIn:
    return NotSignedIn(
        "name and password do not belong together", hint="after a few wrong passwords, signing in is locked for a while"
    )


def _bearer(header: bytes) -> str:
    """Returns the key in an Authorization header (RFC 6750, 2.1)."""
    scheme, _, token = header.partition(b" ")
    if scheme.lower() != b"bearer":
        raise NotSignedIn("this node takes no such credentials", hint="send the key as `Authorization: Bearer …`")
    return token.strip().decode("latin-1")
