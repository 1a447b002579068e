"""A node served in a thread of this process: the real server on loopback, and a client of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import orjson
from making_access import CHEAP
from organisations import ROW, bank

from counterfoil.node.access import HOME
from counterfoil.node.app import build_app
from counterfoil.node.node import Node
from counterfoil.node.server import Server, bind
from counterfoil.node.settings import NodeSettings
from counterfoil.organisation import Organisation
from counterfoil.web.roles import Role

__all__ = ["Serving", "applicant", "asking", "running", "serving", "settled"]


@dataclass(frozen=True, slots=True)
class Serving:
    """A node and a client of it."""

    node: Node
    org: Organisation
    client: httpx.Client
    url: str
    deployment: int
    who: str

    @property
    def applicant(self) -> dict[str, Any]:
        return applicant()

    @property
    def encoded(self) -> bytes:
        return orjson.dumps(applicant())


def applicant(**changes: Any) -> dict[str, Any]:
    """Returns an applicant whom the model would give the loan, with some values changed."""
    return ROW | changes


@contextmanager
def serving(folder: Path, *roles: Role | None, settings: NodeSettings | None = None) -> Iterator[Serving]:
    """Serves a small bank to somebody with `roles`: an admin without any, nobody known with None."""
    with bank(folder) as made, serving_home(made.org, *roles, settings=settings) as found:
        yield found


@contextmanager
def serving_home(org: Organisation, *roles: Role | None, settings: NodeSettings | None = None) -> Iterator[Serving]:
    """Serves an opened home; see `serving`."""
    node = Node(org, settings or NodeSettings(), password_cost=CHEAP)
    deployments = org.decisions.deployments()
    who, headers = "", {}
    if None not in roles:
        added = node.access.keys.add("test", frozenset(roles or (Role.ADMIN,)), by=HOME)
        who, headers = added.key.principal.id, {"authorization": f"Bearer {added.token}"}
    with (
        running(build_app(node), node.settings) as url,
        httpx.Client(base_url=url, timeout=30, headers=headers) as client,
    ):
        yield Serving(node, org, client, url, deployments[-1].index if deployments else -1, who)


@contextmanager
def asking(node: Serving, *roles: Role) -> Iterator[Serving]:
    """Yields the same node with the client of somebody else, with a key of `roles`: made sooner than another node."""
    added = node.node.access.keys.add("another", frozenset(roles), by=HOME)
    with httpx.Client(base_url=node.url, timeout=30, headers={"authorization": f"Bearer {added.token}"}) as client:
        yield replace(node, client=client, who=added.key.principal.id)


def settled(is_so: Callable[[], bool], within_s: float = 60) -> None:
    """Returns when something that happens in another thread has happened."""
    ends_s = time.monotonic() + within_s
    pause = Event()
    while not is_so():
        assert time.monotonic() < ends_s, "it did not happen in time"
        pause.wait(0.01)


@contextmanager
def running(app: Any, settings: NodeSettings, listen: str = "127.0.0.1:0") -> Iterator[str]:
    """Runs the real server, on a free port of loopback by default, and yields its address."""
    server = Server(app, settings)
    listening = bind(replace(settings, listen=listen))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        started = Event()  # uvicorn has no signal of its own
        while not server.started and thread.is_alive():
            started.wait(0.005)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.stop()
        thread.join()
