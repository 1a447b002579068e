"""Which addresses a source may have: whoever asks from afar must not reach what only this machine can.

A name is resolved once, every address it leads to is judged, and the connection goes to an
address that was judged: asking for it again cannot lead elsewhere (DNS rebinding).
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from counterfoil.errors import InvalidInput, NodeUnreachable, NotAllowed

__all__ = ["Reach", "is_public"]

_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
"""Addresses that stand for IPv4 ones at a gateway (RFC 6052)."""

_TRANSLATED_HERE: Final = IPv6Network("64:ff9b:1::/48")
"""The same within a network (RFC 8215): for which IPv4 address, only that network's gateway knows."""


_SNAPSHOTS: Final = "take it on this machine with `counterfoil snapshot take`, or name its network in snapshot_networks"


class Reach:
    """Says which addresses may be asked.

    Args:
        networks: Beside the public internet these, such as `10.1.0.0/16`; None for every address.
        hint: What to do where another address is meant.

    Raises:
        InvalidInput: For what is no network.
    """

    def __init__(self, networks: Sequence[str] | None = None, hint: str = _SNAPSHOTS) -> None:
        self._hint = hint
        try:
            self._networks = None if networks is None else tuple(ip_network(each) for each in networks)
        except ValueError as error:
            raise InvalidInput(f"{error}", hint="an address or a network, 10.0.0.0/8") from error

    def resolve(self, host: str, port: int) -> str:
        """Returns the address to connect to.

        Raises:
            NodeUnreachable: The name leads nowhere.
            NotAllowed: It leads, also among others, to an address that may not be asked.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NodeUnreachable(f"the name {host[:100]!r} leads to no address", hint="check the address") from error
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        for address in addresses:
            self.require(host, address)
        return addresses[0]

    def require(self, host: str, address: str) -> None:
        """Raises NotAllowed where an address may not be asked."""
        if self._networks is None:
            return
        where = ip_address(address.partition("%")[0])
        if is_public(where) or any(where in each for each in self._networks):
            return
        raise NotAllowed(
            f"{host[:100]!r} leads to an address that is not public",
            hint=self._hint,
        )


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether anybody on the internet could ask this address; one that stands for an IPv4 address counts as that."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _TRANSLATED:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local or address in _TRANSLATED_HERE:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
