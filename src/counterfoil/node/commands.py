"""`counterfoil up`: serves a home until it is told to stop."""

from __future__ import annotations

import gc
import logging
import shlex
import sys
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.errors import INSTALL_NODE, InvalidInput, NotSetUp

if TYPE_CHECKING:
    from pathlib import Path

    from counterfoil.cli.session import Session

__all__ = ["up"]

PACKAGES: Final = ("argon2", "fastapi", "httptools", "jinja2", "multipart", "orjson", "prometheus_client", "uvicorn")

GARBAGE_AFTER: Final = 20_000
"""New objects after which Python looks for garbage among them; its default of 700 is less than one request makes."""

_NOT_ENCRYPTED: Final = (
    "This address can be reached from other machines, and nothing is encrypted: "
    "put a proxy with TLS before it, or name tls_cert and tls_key in node.toml."
)


@click.command()
@click.option("--listen", metavar="ADDRESS:PORT", help="Where to listen; port 0 takes a free one.")
@click.option("--open-to-network", is_flag=True, help="Listen beyond this machine though nothing is encrypted.")
@click.pass_obj
def up(session: Session, listen: str | None, open_to_network: bool) -> None:
    """Serve this home over HTTP: the API, the console, and the log for whoever checks it.

    The settings are in node.toml of the home; --listen goes before them. The first
    start makes a key for an admin and shows it once. Ctrl-C or SIGTERM finishes what is
    under way, signs the newest head and stops.
    """
    require_packages()
    from counterfoil.node.app import build_app
    from counterfoil.node.node import Node
    from counterfoil.node.server import Server, bind
    from counterfoil.node.settings import NodeSettings

    settings = NodeSettings.load(session.folder())
    settings = settings if listen is None else replace(settings, listen=listen)
    if not (settings.is_local or settings.tls_cert or settings.proxies or open_to_network):
        hint = "name tls_cert and tls_key, or your proxies, in node.toml; --open-to-network does without"
        raise InvalidInput(f"{settings.listen} is open to other machines, and nothing would be encrypted", hint=hint)
    with session.open() as org, bind(settings) as listening:
        node = Node(org, settings)
        server = Server(build_app(node), settings)
        first = node.access.first_admin()
        url = org.home.settings.public_url or _address(settings, listening.getsockname()[1])
        lines = [f"The node of {org.home.settings.name} answers at {url}. Interrupt it to stop."]
        if first is not None:
            lines += _first_lines(first.token, session.folder(), has_people=bool(node.access.users.all()))
        if open_to_network and not settings.tls_cert:
            session.remark(f"note: {_NOT_ENCRYPTED}")
        session.emit({"admin_key": first.token if first else None, "url": url}, lines)
        sys.stdout.flush()
        _write_log()
        # What was made until here stays: looking for garbage among it again and again costs a tenth of all work.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_AFTER, 20, 50)
        server.run([listening])
    session.remark("Stopped: what was under way is finished, and the newest head is signed.")


def require_packages() -> None:
    """Makes sure that what the node needs is installed.

    Raises:
        NotSetUp: A package is missing.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise NotSetUp(f"the node needs packages that are missing: {', '.join(missing)}", hint=INSTALL_NODE)


def _first_lines(token: str, home: Path, *, has_people: bool) -> list[str]:
    """Returns what the first start says: the key, and how somebody comes to sign in."""
    shown = ["A key for an admin, shown this once:", f"  {token}"]
    if has_people:
        return shown
    return [
        *shown,
        "Programs send it; to sign in to the console takes a person, whom you add with the node stopped:",
        f"  counterfoil access user-add NAME --role admin --home {shlex.quote(str(home))}",
    ]


def _address(settings: Any, port: int) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.tls_cert else 'http'}://{host}:{port}"


def _write_log() -> None:
    """What the server remarks goes to stderr, one line each, with the time; no request is ever quoted there."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for name in ("counterfoil", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO if name == "counterfoil" else logging.WARNING)
        logger.propagate = False
