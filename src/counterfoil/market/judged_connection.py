"""A connection to the node of somebody else, whose address anybody may have put on the ledger.

Its name is resolved once, where it leads is judged, and the connection goes to the address that was judged:
asking for the name again cannot lead elsewhere. The name is said all the same, to TLS and in `Host`.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from http.client import HTTPConnection
from typing import Final

from counterfoil.provenance.snapshots.addresses import Reach

__all__ = ["JudgedConnection"]

_PORTS: Final = {"http": 80, "https": 443}


class JudgedConnection(HTTPConnection):
    """One connection; used by one thread, and cut by any.

    Args:
        scheme: `http` or `https`.
        host: Name of the node.
        port: None for the scheme's own.
        reach: Which addresses may be asked.
        silence_s: How long one sign of life is waited for.
    """

    def __init__(self, scheme: str, host: str, port: int | None, reach: Reach, silence_s: float) -> None:
        self.default_port = _PORTS[scheme]  # so that `Host` names no port that goes without saying
        super().__init__(host, port or self.default_port, timeout=silence_s)
        self._reach = reach
        self._tls = ssl.create_default_context() if scheme == "https" else None
        self._opened: socket.socket | None = None  # also when only an answer that is still being read has it

    def connect(self) -> None:
        """Connects.

        Raises:
            NodeUnreachable: The name leads nowhere.
            NotAllowed: It leads where nobody may go.
            OSError: Nobody answers there, or the certificate does not hold.
        """
        self.sock = socket.create_connection((self._reach.resolve(self.host, self.port), self.port), self.timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)
        self._opened = self.sock

    def cut(self) -> None:
        """Ends the connection whatever another thread is doing with it."""
        if self._opened is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._opened, socket.SHUT_RDWR)  # of TLS, the connection below
