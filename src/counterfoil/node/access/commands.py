"""`counterfoil access`: who may come in, worked on at the home itself while no node has it open."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.errors import INSTALL_NODE, HomeBusy, InvalidInput, NotSetUp

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.node.access.access import Access
    from counterfoil.web.roles import Role

__all__ = ["access"]

ROLES: Final = ("admin", "operator", "auditor", "service")
PEER_ROLES: Final = ("operator", "auditor", "service")
BY: Final = "home"
PATH: Final = click.Path(path_type=Path)
MOST_PASSWORD_FILE_BYTES: Final = 8_192

_password_file = click.option("--password-file", type=PATH, metavar="FILE", help="Read the password from this file.")


def _role(needed: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    choice = click.Choice(ROLES if needed else PEER_ROLES)
    said = "What they may do; may be given more than once."
    return click.option("--role", "roles", multiple=True, required=needed, type=choice, help=said)


@click.group()
def access() -> None:
    """Say who may come in at the node: keys, people, other nodes.

    These commands work on the home while no node has it open. While one runs, an
    admin does the same in the console, on the page Access, or over the HTTP API.
    """


@access.command()
@click.argument("name", help="Who or what will use the key.")
@_role()
@click.option("--expires", default="", metavar="TIME", help="When it ends, UTC: 2027-01-31, or 2027-01-31T12:00:00Z.")
@click.pass_obj
def add(session: Session, name: str, roles: Sequence[str], expires: str) -> None:
    """Make a key and show it, this once: nothing brings it back."""
    with _opened(session) as found:
        made = found.keys.add(name, _roles(roles), by=BY, expires=expires)
        told = _key_json(found, made.key.id) | {"key": made.token}
    session.emit(
        told,
        [
            f"The key of {name}, which may act as {' and '.join(told['roles'])}:",
            f"  {made.token}",
            "It is shown this once; only its digest is kept. Send it as `Authorization: Bearer …`.",
            f"To end it: counterfoil access revoke {made.key.id}",
        ],
    )


@access.command("list")
@click.pass_obj
def list_access(session: Session) -> None:
    """List keys, people and other nodes that may come in."""
    from counterfoil.node.access.shapes import key_json, peer_json, user_json

    with _opened(session) as found:
        keys = [key_json(each, found.now_s()) for each in found.keys.all()]
        users = [user_json(each) for each in found.users.all()]
        peers = [peer_json(each) for each in found.peers.all()]
        node_key = found.public_key()
    header = ("kind", "id", "name", "roles", "made", "last used", "ends")
    rows = [
        ("key", each["id"], each["name"], _words(each["roles"]), each["made"], each["used"] or "never", _end(each))
        for each in keys
    ]
    rows += [
        ("user", each["name"], "", _words(each["roles"]), each["made"], each["login"] or "never", "never")
        for each in users
    ]
    rows += [("peer", each["origin"], "", _words(each["roles"]), each["made"], "", "never") for each in peers]
    said = list(session.table(header, rows)) if rows else ["Nobody may come in yet; make a key: counterfoil access add"]
    if node_key:
        said.append(f"This node's own key, for the admins of other nodes: {node_key}")
    session.emit({"keys": keys, "node_key": node_key, "peers": peers, "users": users}, said)


@access.command()
@click.argument("key_id", metavar="ID", help="The 8 digits after cf_ in the key.")
@click.pass_obj
def revoke(session: Session, key_id: str) -> None:
    """Revoke a key, for good. The same again changes nothing."""
    with _opened(session) as found:
        found.keys.revoke(key_id, by=BY)
        told = _key_json(found, key_id)
    session.emit(told, [f"The key {key_id} of {told['name']} works no more."])


@access.command("user-add")
@click.argument("name", help="By which they sign in.")
@_role()
@_password_file
@click.pass_obj
def user_add(session: Session, name: str, roles: Sequence[str], password_file: Path | None) -> None:
    """Let somebody sign in to the console. Asks for a password."""
    from counterfoil.node.access.shapes import user_json

    with _opened(session) as found:
        user, _ = found.users.add(name, _password(session, password_file), _roles(roles), by=BY)
    told = user_json(user)
    session.emit(told, [f"{name} may sign in, and act as {' and '.join(told['roles'])}."])


@access.command("user-remove")
@click.argument("name", help="By which they sign in.")
@click.pass_obj
def user_remove(session: Session, name: str) -> None:
    """Let somebody sign in no more."""
    with _opened(session) as found:
        found.users.remove(name, by=BY)
    session.emit({"removed": name}, [f"{name} can sign in no more."])


@access.command("user-roles")
@click.argument("name", help="By which they sign in.")
@_role()
@click.pass_obj
def user_roles(session: Session, name: str, roles: Sequence[str]) -> None:
    """Change what somebody may do."""
    from counterfoil.node.access.shapes import user_json

    with _opened(session) as found:
        told = user_json(found.users.set_roles(name, _roles(roles), by=BY))
    session.emit(told, [f"{name} may act as {' and '.join(told['roles'])} from here on."])


@access.command()
@click.argument("name", help="By which they sign in.")
@_password_file
@click.pass_obj
def password(session: Session, name: str, password_file: Path | None) -> None:
    """Give somebody a new password, and end their sessions. Asks for it."""
    from counterfoil.node.access.shapes import user_json

    with _opened(session) as found:
        found.users.require(name)
        told = user_json(found.users.set_password(name, _password(session, password_file), by=BY))
    session.emit(told, [f"{name} has a new password."])


@access.command("peer-add")
@click.argument("vkey", metavar="KEY", help="The node's public key, like bank.example+1a2b3c4d+AVt5…")
@_role(needed=False)
@click.pass_obj
def peer_add(session: Session, vkey: str, roles: Sequence[str]) -> None:
    """List another organisation's node by its key; a listed one gets this key and these roles."""
    from counterfoil.node.access.shapes import peer_json

    with _opened(session) as found:
        peer, _ = found.peers.add(vkey, _roles(roles), by=BY)
    told = peer_json(peer)
    session.emit(
        told, [f"The node of {peer.origin} is known here, and may act as {_words(told['roles']) or 'nobody'}."]
    )


@access.command("peer-remove")
@click.argument("origin", help="Name of its log.")
@click.pass_obj
def peer_remove(session: Session, origin: str) -> None:
    """Take another organisation's node off the list."""
    with _opened(session) as found:
        found.peers.remove(origin, by=BY)
    session.emit({"removed": origin}, [f"The node of {origin} is not known here any more."])


@contextmanager
def _opened(session: Session) -> Iterator[Access]:
    """Opens the home and what it says about access."""
    try:
        from counterfoil.node.access.access import Access
        from counterfoil.node.settings import NodeSettings
        from counterfoil.node.state import STATE_FILE, NodeState
    except ImportError as error:
        raise NotSetUp(f"the node needs the package {error.name}", hint=INSTALL_NODE) from error
    try:
        org = session.open()
    except HomeBusy as error:
        hint = "while the node runs, an admin does this in the console, on the page Access, or over /api/v1/access"
        raise HomeBusy(error.message, hint=hint) from error
    with org:
        folder = org.home.paths.folder
        state = NodeState(folder / STATE_FILE)
        try:
            yield Access(state, NodeSettings.load(folder), org, org.recorder.now_s)
        finally:
            state.close()


def _password(session: Session, path: Path | None) -> str:
    """Returns a password that somebody typed twice, or the first line of a file; never one from the command line."""
    if path is None:
        if session.as_json or not sys.stdin.isatty():
            raise NotSetUp("nobody is here to type a password", hint="give a file: --password-file FILE")
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    with path.open("rb") as file:
        data = file.read(MOST_PASSWORD_FILE_BYTES + 1)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path.name} is not text in UTF-8", hint="one line with the password") from error
    line = text.removesuffix("\n").removesuffix("\r")
    if len(data) > MOST_PASSWORD_FILE_BYTES or "\n" in line:
        raise InvalidInput(f"{path.name} holds more than one line", hint="one line with the password")
    return line


def _key_json(found: Access, key_id: str) -> dict[str, Any]:
    from counterfoil.node.access.shapes import key_json

    return key_json(found.keys.find(key_id), found.now_s())


def _roles(names: Sequence[str]) -> frozenset[Role]:
    from counterfoil.web.roles import Role

    return frozenset(Role(name) for name in names)


def _words(roles: Sequence[str]) -> str:
    return ", ".join(roles)


def _end(key: dict[str, Any]) -> str:
    return f"revoked {key['revoked']}" if key["revoked"] else key["expires"] or "never"
