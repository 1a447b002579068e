# pragma version 0.4.3
"""
@title A contract that answers rightly, and leaves more in the word than belongs there
"""


@external
@raw_return
def onERC721Received(operator: address, sender: address, id: uint256, data: Bytes[1024]) -> Bytes[32]:
    return slice(concat(0x150b7a02, keccak256("more")), 0, 32)


@external
@raw_return
def on_registered(id: uint256, creator: address, terms: Bytes[512]) -> Bytes[32]:
    return slice(concat(method_id("on_registered(uint256,address,bytes)", output_type=bytes4), keccak256("more")), 0, 32)
