"""Access over HTTP: keys, people and peers, for admins only; and for everybody, who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.node.access.access import Access
from counterfoil.node.access.bodies import (
    KeyMade,
    KeyOnList,
    Me,
    NewPassword,
    NewRoles,
    OwnPassword,
    PeerOnList,
    ToAdd,
    ToInvite,
    ToList,
    UserOnList,
)
from counterfoil.node.access.shapes import key_json, peer_json, user_json
from counterfoil.node.access.users import user_name
from counterfoil.node.bodies import Nothing
from counterfoil.store.requests import other_request
from counterfoil.web.answer import answered, json_answer
from counterfoil.web.desk import REPLAYED_HEADER, Answer, Desk
from counterfoil.web.roles import READERS, Role, principal_of
from counterfoil.web.room import API, Room

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["AccessRoutes"]

ADMIN: tuple[Role, ...] = ()


class AccessRoutes:
    """The routes of this room.

    Args:
        org: The organisation.
        desk: The node that serves them.
        access: Who may come in.
    """

    def __init__(self, org: Organisation, desk: Desk, access: Access) -> None:
        self._org = org
        self._desk = desk
        self._access = access

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = Room("access", f"{API}/access")
        room.reads("/me", self.me, READERS, Me)
        room.writes("/me/password", self.change_password, READERS, UserOnList, status=200)
        room.reads("/keys", self.list_keys, ADMIN, list[KeyOnList])
        room.writes("/keys", self.add_key, ADMIN, KeyMade)
        room.writes("/keys/{key_id}", self.revoke_key, ADMIN, KeyOnList, method="DELETE", status=200)
        room.reads("/users", self.list_users, ADMIN, list[UserOnList])
        room.writes("/users", self.add_user, ADMIN, UserOnList)
        room.writes("/users/{name}", self.remove_user, ADMIN, Nothing, method="DELETE", status=200)
        room.writes("/users/{name}/password", self.set_password, ADMIN, UserOnList, status=200)
        room.writes("/users/{name}/roles", self.set_roles, ADMIN, UserOnList, status=200)
        room.reads("/peers", self.list_peers, ADMIN, list[PeerOnList])
        room.writes("/peers", self.add_peer, ADMIN, PeerOnList)
        room.writes("/peers/{origin:path}", self.remove_peer, ADMIN, Nothing, method="DELETE", status=200)
        return room.router

    def me(self, request: Request) -> dict[str, Any]:
        """Says who you are, and what you may do."""
        who = principal_of(request)
        return {"id": who.id, "roles": sorted(who.roles), "node_key": self._access.public_key()}

    def change_password(self, wanted: OwnPassword, request: Request) -> Response:
        """Gives you another password, ends all your sessions, and begins a new one, whose cookie the answer sets.

        For people who have signed in: keys and other nodes have no password. A wrong old password counts as one at
        signing in does. Sent again it is refused: the old password is the old one no more.
        """
        who, address = principal_of(request), request.client.host if request.client else ""
        old, new = wanted.old.get_secret_value(), wanted.new.get_secret_value()
        begun = self._access.change_password(who, old, new, address)
        answer = json_answer(user_json(self._access.users.require(user_name(who))))
        answer.headers.append("set-cookie", self._access.cookie(begun.token))
        return answer

    def list_keys(self) -> list[dict[str, Any]]:
        """Lists every key, also revoked ones, newest first."""
        return [key_json(each, self._access.now_s()) for each in self._access.keys.all()]

    def add_key(self, wanted: ToAdd, request: Request) -> Response:
        """Makes a key and shows it, this once: nothing brings it back.

        Sent again under the same `Idempotency-Key`, no second one is made, and the first is not shown.
        """
        tag = self._desk.tag(request, wanted.model_dump_json().encode())
        shown: list[str] = []

        def make() -> int:
            made = self._access.keys.add(
                wanted.name, frozenset(wanted.roles), by=principal_of(request).id, expires=wanted.expires, tag=tag
            )
            shown.append(made.token)
            return made.place

        place, replayed = self._desk.once(tag, make)
        key = self._access.keys.find(self._whom(place).removeprefix("key:"))
        told = key_json(key, self._access.now_s()) | {"key": shown[0] if shown else None}
        return json_answer(told, 200 if replayed else 201, replayed=replayed)

    def revoke_key(self, key_id: str, request: Request) -> dict[str, Any]:
        """Revokes a key, at once. The same again changes nothing."""
        return key_json(self._access.keys.revoke(key_id, by=principal_of(request).id), self._access.now_s())

    def list_users(self) -> list[dict[str, Any]]:
        """Lists everybody with a password."""
        return [user_json(each) for each in self._access.users.all()]

    def add_user(self, wanted: ToInvite, request: Request) -> Response:
        """Lets somebody sign in with a password."""
        by = principal_of(request).id
        # Without the password: a tag is public, and anybody who had its key could try passwords against it.
        tag = self._desk.tag(request, wanted.model_dump_json(exclude={"password"}).encode())
        roles = frozenset(wanted.roles)
        place, replayed = self._desk.once(
            tag,
            lambda: self._access.users.add(wanted.name, wanted.password.get_secret_value(), roles, by=by, tag=tag)[1],
        )
        user = self._access.users.require(self._whom(place).removeprefix("user:"))
        if replayed:
            self._require_password(user.name, wanted.password.get_secret_value())
        return json_answer(user_json(user), 200 if replayed else 201, replayed=replayed)

    def remove_user(self, name: str, request: Request) -> dict[str, bool]:
        """Removes somebody, and ends their sessions."""
        self._access.users.remove(name, by=principal_of(request).id)
        return {"done": True}

    def set_password(self, name: str, wanted: NewPassword, request: Request) -> Response:
        """Gives somebody a new password, and ends their sessions."""
        by, password = principal_of(request).id, wanted.password.get_secret_value()

        def change() -> Answer:
            return 200, user_json(self._access.users.set_password(name, password, by=by))

        answer = answered(self._desk, request, {}, change)  # without the password, as in `add_user`
        if REPLAYED_HEADER in answer.headers:
            self._require_password(name, password)
        return answer

    def set_roles(self, name: str, wanted: NewRoles, request: Request) -> Response:
        """Changes what somebody may do, and ends their sessions."""
        by, roles = principal_of(request).id, frozenset(wanted.roles)

        def change() -> Answer:
            return 200, user_json(self._access.users.set_roles(name, roles, by=by))

        return answered(self._desk, request, {"roles": sorted(roles)}, change)

    def list_peers(self) -> list[dict[str, Any]]:
        """Lists the other nodes that this one knows."""
        return [peer_json(each) for each in self._access.peers.all()]

    def add_peer(self, wanted: ToList, request: Request) -> Response:
        """Lists another node by its key; a listed one gets this key and these roles."""
        by = principal_of(request).id
        tag = self._desk.tag(request, wanted.model_dump_json().encode())
        roles = frozenset(wanted.roles)
        place, replayed = self._desk.once(tag, lambda: self._access.peers.add(wanted.vkey, roles, by=by, tag=tag)[1])
        peer = self._access.peers.require(self._whom(place).removeprefix("node:"))
        return json_answer(peer_json(peer), 200 if replayed else 201, replayed=replayed)

    def remove_peer(self, origin: str, request: Request) -> dict[str, bool]:
        """Takes another node off the list."""
        self._access.peers.remove(origin, by=principal_of(request).id)
        return {"done": True}

    def _require_password(self, name: str, password: str) -> None:
        """Refuses a repeat that comes with another password than the first request did."""
        if self._access.users.check(name, password) is None:
            raise other_request()

    def _whom(self, place: int) -> str:
        """Returns whom a record is about."""
        return str((self._org.views.values_of(place) or {}).get("/who", ""))
