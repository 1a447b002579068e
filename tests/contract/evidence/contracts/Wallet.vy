# pragma version 0.4.3
"""
@title A wallet that signs by ERC-1271, and can be told to behave oddly
"""

accepted: HashMap[bytes32, HashMap[bytes32, bool]]
answer: Bytes[64]
fails: bool
counts: bool
asked: public(uint256)


@external
def accept(digest: bytes32, signature: Bytes[1024]):
    self.accepted[digest][keccak256(signature)] = True


@external
def answer_with(answer: Bytes[64]):
    self.answer = answer


@external
def fail():
    self.fails = True


@external
def count():
    """
    @notice From now on answering changes something, which a call that may change nothing does not let it
    """
    self.counts = True


@external
@raw_return
def isValidSignature(digest: bytes32, signature: Bytes[1024]) -> Bytes[64]:
    assert not self.fails, "out of order"
    if self.counts:
        self.asked += 1
    if self.answer != b"":
        return self.answer
    if self.accepted[digest][keccak256(signature)]:
        return abi_encode(0x1626ba7e00000000000000000000000000000000000000000000000000000000)
    return abi_encode(empty(bytes32))
