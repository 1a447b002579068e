# pragma version 0.4.3
"""
@title Typed data that people and wallets sign (EIP-712), and the way to find its domain (ERC-5267)
@notice Nothing is stored at deployment: name and version are constants of whoever imports this,
        chain id and address are read at each call. So the code is the same on every chain, and
        a signature is worth nothing on another chain or for another contract.
@license Apache-2.0
"""

DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
# Bits for name, version, chainId and verifyingContract (ERC-5267); no salt.
DOMAIN_FIELDS: constant(bytes1) = 0x0f


@internal
@view
def _digest(name_hash: bytes32, version_hash: bytes32, struct_hash: bytes32) -> bytes32:
    """
    @notice The 32 bytes to sign: keccak256(0x1901 || domain separator || struct hash)
    """
    separator: bytes32 = keccak256(abi_encode(DOMAIN_TYPE, name_hash, version_hash, chain.id, self))
    return keccak256(concat(0x1901, separator, struct_hash))


@internal
@view
def _domain(
    name: String[50], version: String[20]
) -> (bytes1, String[50], String[20], uint256, address, bytes32, DynArray[uint256, 1]):
    """
    @notice The domain as ERC-5267 lists it: fields, name, version, chainId, verifyingContract, salt, extensions
    """
    return DOMAIN_FIELDS, name, version, chain.id, self, empty(bytes32), []
