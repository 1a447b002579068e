# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
"""
@title The module `signature` for tests
"""

from modules import signature as signatures


@external
@view
def is_by(signer: address, digest: bytes32, signature: Bytes[1024]) -> bool:
    return signatures._is_by(signer, digest, signature)
