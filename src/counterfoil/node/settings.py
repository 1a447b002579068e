"""How a node serves: the settings in node.toml of its home."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from counterfoil.errors import HomeDamaged, InvalidInput
from counterfoil.store.networks import require_networks
from counterfoil.store.toml_settings import parse_settings, settings_toml

__all__ = ["NODE_FILE", "NODE_FORMAT", "NodeSettings"]

NODE_FILE: Final = "node.toml"
NODE_FORMAT: Final = 1

HEADING: Final = "How this home's node serves; docs/reference/node.md says what each setting means."
_LISTEN: Final = re.compile(r"(?:\[[0-9a-f:]+\]|[a-z0-9.-]+):\d{1,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """The settings.

    Attributes:
        listen: Address and port; port 0 takes a free one.
        tls_cert: File with the certificate and its chain, PEM; empty behind a proxy.
        tls_key: File with its secret key, PEM.
        proxies: Addresses of proxies whose word about the client's address is taken.
        public_entries: Whether anybody may read the log's entries; otherwise auditors only. They hold no private
            values, but streams, counts and times.
        snapshot_networks: Networks beside the public internet that snapshots asked for over HTTP may be fetched from.
        most_body_bytes: Largest body of a request, and largest line of many.
        most_file_bytes: Largest file that may be sent: a model, a table, evidence to check.
        body_timeout_s: Longest that sending a body may take.
        head_timeout_s: Longest that sending a request's head may take.
        take_timeout_s: Longest that taking a part of an answer may take.
        idle_timeout_s: A connection that is silent so long is closed.
        stop_timeout_s: Longest that requests under way are waited for when the node stops.
        most_connections: Connections at once; more are refused.
        most_connections_from_one: Connections of one address at once; not counted behind a proxy. 0 sets no limit.
        requests_per_s: Requests that one key may make in a second, on average; 0 sets no limit.
        request_burst: Requests it may make at once.
        public_requests_per_s: The same for one address without a key.
        public_request_burst: Requests such an address may make at once.
        job_files_s: Files that jobs made are kept so long.
        session_s: A console session ends after so many seconds without a click.
        session_most_s: And after so many in any case.
        logins_before_lockout: Wrong passwords in a row before an account is locked for a while.
        lockout_s: How long it is locked; doubled each time, up to a day.
    """

    listen: str = "127.0.0.1:8000"
    tls_cert: str = ""
    tls_key: str = ""
    proxies: tuple[str, ...] = ()
    public_entries: bool = False
    snapshot_networks: tuple[str, ...] = ()
    most_body_bytes: int = 1_048_576
    most_file_bytes: int = 1_073_741_824
    body_timeout_s: int = 30
    head_timeout_s: int = 10
    take_timeout_s: int = 30
    idle_timeout_s: int = 75
    stop_timeout_s: int = 30
    most_connections: int = 1_024
    most_connections_from_one: int = 256
    requests_per_s: int = 0
    request_burst: int = 2_000
    public_requests_per_s: int = 50
    public_request_burst: int = 500
    job_files_s: int = 604_800
    session_s: int = 3_600
    session_most_s: int = 43_200
    logins_before_lockout: int = 5
    lockout_s: int = 60

    def __post_init__(self) -> None:
        if not _LISTEN.fullmatch(self.listen) or int(self.listen.rpartition(":")[2]) > 65_535:
            raise InvalidInput(f"listen is {self.listen[:80]!r}", hint="address and port, like 127.0.0.1:8000")
        if bool(self.tls_cert) != bool(self.tls_key):
            raise InvalidInput("tls_cert and tls_key go together", hint="name both files, or neither")
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name} is {getattr(self, name)}", hint="1 or more")
        for name in ("most_connections_from_one", "requests_per_s", "public_requests_per_s"):
            if getattr(self, name) < 0:
                raise InvalidInput(f"{name} is {getattr(self, name)}", hint="0 sets no limit")
        for name in ("proxies", "snapshot_networks"):
            require_networks(name, getattr(self, name))

    @property
    def host(self) -> str:
        """The address it listens on, without the port."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.listen.rpartition(":")[2])

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @classmethod
    def load(cls, home: Path) -> Self:
        """Reads node.toml of a home; the defaults where there is none.

        Raises:
            HomeDamaged: It cannot be read.
        """
        path = home / NODE_FILE
        if not path.exists():
            return cls()
        try:
            data = path.read_bytes()
        except OSError as error:
            raise HomeDamaged(f"{NODE_FILE} cannot be read: {error.strerror}") from error
        return parse_settings(cls, data, NODE_FILE, NODE_FORMAT)

    def to_toml(self) -> str:
        """Returns the text of node.toml; settings left at their default are left out."""
        return settings_toml(self, HEADING, NODE_FORMAT)


_AT_LEAST_ONE: Final = (
    "most_body_bytes",
    "most_file_bytes",
    "body_timeout_s",
    "head_timeout_s",
    "take_timeout_s",
    "idle_timeout_s",
    "stop_timeout_s",
    "most_connections",
    "request_burst",
    "public_request_burst",
    "job_files_s",
    "session_s",
    "session_most_s",
    "logins_before_lockout",
    "lockout_s",
)
