"""Networks as settings name them."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network

from counterfoil.errors import InvalidInput

__all__ = ["require_networks"]


def require_networks(setting: str, networks: Sequence[str]) -> None:
    """Refuses what is neither an address nor a network (InvalidInput names the setting)."""
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            raise InvalidInput(
                f"{setting} names {network[:60]!r}", hint="an address or a network, 10.0.0.0/8"
            ) from None
