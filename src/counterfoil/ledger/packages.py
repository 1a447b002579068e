"""Whether the packages that the shared ledger needs are installed, and the fast ones among them put to use."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from counterfoil.core import keccak
from counterfoil.errors import INSTALL_LEDGER, NotSetUp

__all__ = ["PACKAGES", "require_packages", "use_fast_keccak"]

PACKAGES: Final = ("coincurve", "Crypto", "eth", "eth_abi", "eth_keyfile", "trie", "web3")


def require_packages() -> None:
    """Makes sure that they are all there.

    Raises:
        NotSetUp: One is missing.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise NotSetUp(f"the shared ledger needs packages that are missing: {', '.join(missing)}", hint=INSTALL_LEDGER)


def use_fast_keccak() -> None:
    """Has keccak computed in C from here on, in this process; loading that takes as long as hundreds of hashes."""
    keccak.use(_keccak_in_c)


def _keccak_in_c(data: bytes) -> bytes:
    from Crypto.Hash import keccak as compiled

    return compiled.new(digest_bits=256, data=data).digest()
