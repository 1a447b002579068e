# pragma version 0.4.3
"""
@title A market that keeps the terms of what is registered, and can be told to behave badly
"""

interface Assets:
    def transferFrom(sender: address, receiver: address, id: uint256): nonpayable
    def asset(id: uint256) -> (address, uint256, uint256, uint256, uint256): view
    def may(id: uint256, account: address, role: uint256) -> bool: view
    def royaltyInfo(id: uint256, price: uint256) -> (address, uint256): view
    def isApprovedForAll(owner: address, operator: address) -> bool: view
    def register(
        kind: uint256, manifest: bytes32, uri: String[128], royalty_bps: uint256, parents: DynArray[uint256, 16]
    ) -> uint256: nonpayable

ACTIVE: constant(uint256) = 0
PRICER: constant(uint256) = 4

assets: address
answer: bytes4
steals: bool
registers: public(bytes32)
prices: public(HashMap[uint256, uint256])


@deploy
def __init__(assets: address, answer: bytes4):
    self.assets = assets
    self.answer = answer


@external
def steal():
    """
    @notice From now on it tries to move what is registered to itself
    """
    self.steals = True


@external
def register_too(manifest: bytes32):
    """
    @notice From now on it registers this manifest itself, while it is told of a registration
    """
    self.registers = manifest


@external
def on_registered(id: uint256, creator: address, terms: Bytes[512]) -> bytes4:
    assert msg.sender == self.assets, "not the contract that registers"
    self.prices[id] = extract32(terms, 0, output_type=uint256)
    if self.steals:
        extcall Assets(msg.sender).transferFrom(creator, self, id)
    if self.registers != empty(bytes32):
        extcall Assets(msg.sender).register(1, self.registers, "", 0, [])
    return self.answer


@external
@view
def quote(id: uint256, seller: address) -> (uint256, address, uint256):
    """
    @notice What the next buyer pays, to whom the royalty goes and how much it is: four short questions to Assets
    """
    owner: address = empty(address)
    state: uint256 = 0
    kind: uint256 = 0
    version: uint256 = 0
    bps: uint256 = 0
    owner, state, kind, version, bps = staticcall Assets(self.assets).asset(id)
    assert state == ACTIVE, "not for sale"
    assert staticcall Assets(self.assets).may(id, seller, PRICER), "not the seller's to price"
    receiver: address = empty(address)
    royalty: uint256 = 0
    receiver, royalty = staticcall Assets(self.assets).royaltyInfo(id, self.prices[id])
    return self.prices[id], receiver, royalty
