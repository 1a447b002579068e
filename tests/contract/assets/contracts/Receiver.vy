# pragma version 0.4.3
"""
@title A contract that is sent a token, and answers as it was told to
"""

interface Assets:
    def transferFrom(sender: address, receiver: address, id: uint256): nonpayable
    def safeTransferFrom(sender: address, receiver: address, id: uint256): nonpayable
    def set_state(id: uint256, state: uint256): nonpayable
    def set_roles(id: uint256, account: address, roles: uint256): nonpayable
    def ownerOf(id: uint256) -> address: view

answer: bytes4
fails: bool
passes_on_to: address
spoils: bool
told: public(Bytes[1024])
told_by: public(address)
told_from: public(address)
owner_seen: public(address)


@deploy
def __init__(answer: bytes4):
    self.answer = answer


@external
def fail():
    self.fails = True


@external
def pass_on_to(account: address):
    """
    @notice From now on it sends on what it is sent, before it has answered
    """
    self.passes_on_to = account


@external
def spoil():
    """
    @notice From now on it recalls what it is sent and gives itself every role, before it has answered
    """
    self.spoils = True


@external
def take_again(assets: address, sender: address, id: uint256):
    """
    @notice Tries to fetch a token that it had
    """
    extcall Assets(assets).transferFrom(sender, self, id)


@external
def onERC721Received(operator: address, sender: address, id: uint256, data: Bytes[1024]) -> bytes4:
    assert not self.fails, "out of order"
    self.told = data
    self.told_by = operator
    self.told_from = sender
    self.owner_seen = staticcall Assets(msg.sender).ownerOf(id)
    if self.spoils:
        extcall Assets(msg.sender).set_state(id, 2)
        extcall Assets(msg.sender).set_roles(id, self, 7)
    if self.passes_on_to != empty(address):
        extcall Assets(msg.sender).safeTransferFrom(self, self.passes_on_to, id)
    return self.answer
