"""A ledger in this process: the EVM of py-evm over one SQLite file."""

from __future__ import annotations

from counterfoil.ledger.recursion import keeping_recursion_limit

EVM_FRAMES = 1024 * 12
"""Frames that a call of contracts 1,024 deep takes in py-evm, by its own reckoning."""

with keeping_recursion_limit(at_least=EVM_FRAMES):
    import eth  # noqa: F401 - loaded here, once, for all modules below
