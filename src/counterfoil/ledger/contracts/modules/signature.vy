# pragma version 0.4.3
"""
@title Whether an account signed 32 bytes: secp256k1 for keys, ERC-1271 for contracts
@license Apache-2.0
"""

# Half the order of secp256k1: of the two forms of a signature only the one with s up to here counts (EIP-2).
HIGHEST_S: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168
# What a contract answers that accepts a signature (ERC-1271).
ACCEPTED: constant(bytes32) = 0x1626ba7e00000000000000000000000000000000000000000000000000000000


@internal
@view
def _is_by(signer: address, digest: bytes32, signature: Bytes[1024]) -> bool:
    """
    @notice Whether `signature` over `digest` is by `signer`
    @dev The key comes first: an account that has a key cannot disown it by acquiring code (EIP-7702).
         Only where the key does not fit is the account's code asked, with a call that can change nothing.
    """
    if signer == empty(address):
        return False
    if self._is_by_key(signer, digest, signature):
        return True
    return signer.is_contract and self._is_accepted(signer, digest, signature)


@internal
@pure
def _is_by_key(signer: address, digest: bytes32, signature: Bytes[1024]) -> bool:
    """
    @notice Whether `signature` is the 65 bytes r || s || v, with low s and v of 27 or 28, by the key of `signer`
    @dev ecrecover gives zero for any other v and for r or s out of range; `signer` is not zero.
    """
    if len(signature) != 65:
        return False
    r: uint256 = convert(slice(signature, 0, 32), uint256)
    s: uint256 = convert(slice(signature, 32, 32), uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    return s <= HIGHEST_S and ecrecover(digest, v, r, s) == signer


@internal
@view
def _is_accepted(signer: address, digest: bytes32, signature: Bytes[1024]) -> bool:
    """
    @notice Whether the contract `signer` accepts `signature` (ERC-1271); one that reverts or answers oddly does not
    """
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        signer,
        abi_encode(digest, signature, method_id=method_id("isValidSignature(bytes32,bytes)")),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    return success and len(answer) == 32 and convert(answer, bytes32) == ACCEPTED
