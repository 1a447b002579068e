"""A node in a thread of this process, for programs that hold several homes at once."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from counterfoil.errors import NotSetUp
from counterfoil.node.app import build_app
from counterfoil.node.node import Node
from counterfoil.node.server import Server, bind
from counterfoil.node.settings import NodeSettings
from counterfoil.organisation import Organisation

__all__ = ["reserve", "serving"]

_LOOK_S = 0.01


def reserve(listen: str = "127.0.0.1:0") -> tuple[socket.socket, str]:
    """Returns a socket to serve on, and its address: a home's settings name it before its node is there.

    Raises:
        InvalidInput: The address cannot be used.
    """
    listening = bind(NodeSettings(listen=listen))
    return listening, f"http://{listen.rpartition(':')[0]}:{listening.getsockname()[1]}"


@contextmanager
def serving(
    org: Organisation, listening: socket.socket | None = None, settings: NodeSettings | None = None
) -> Iterator[Node]:
    """Serves an opened home until the block is left; then the node has stopped, and the home is still open.

    Args:
        org: The home.
        listening: Where to serve; a free port of loopback by default.
        settings: What node.toml would say.

    Raises:
        NotSetUp: It did not start; its log says why.
    """
    settings = settings or NodeSettings()
    listening = listening or reserve()[0]
    node = Node(org, settings)
    server = Server(build_app(node), settings)
    thread = threading.Thread(target=server.run, args=([listening],), name="counterfoil-node")
    thread.start()
    try:
        while not server.started:
            thread.join(_LOOK_S)
            if not thread.is_alive():
                raise NotSetUp("the node did not start", hint="its log says why")
        yield node
    finally:
        server.stop()
        thread.join()
