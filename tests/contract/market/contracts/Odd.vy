# pragma version 0.4.3
"""
@title A token that answers with something else than the standard says
@notice Modes: 0 as the standard says; 1 too little to whoever asks for a balance; 2 nothing but a refusal; 3 and 4 the
        same from the next transfer on; 5 two where yes or no is asked for; 6 too little there; 7 refuses to send; 8 as much as
        there can be
"""

allowance: public(HashMap[address, HashMap[address, uint256]])
balances: HashMap[address, uint256]
mode: uint256


@external
def mint(account: address, amount: uint256):
    self.balances[account] += amount


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
def behave(mode: uint256):
    self.mode = mode


@external
@view
@raw_return
def balanceOf(account: address) -> Bytes[32]:
    assert self.mode != 2, "no answer"
    if self.mode == 8:
        return slice(concat(convert(max_value(uint256), bytes32), b""), 0, 32)
    whole: Bytes[32] = slice(concat(convert(self.balances[account], bytes32), b""), 0, 32)
    return slice(whole, 0, 31) if self.mode == 1 else whole


@external
@raw_return
def transfer(receiver: address, amount: uint256) -> Bytes[32]:
    return self._move(msg.sender, receiver, amount)


@external
@raw_return
def transferFrom(sender: address, receiver: address, amount: uint256) -> Bytes[32]:
    return self._move(sender, receiver, amount)


@external
def receiveWithAuthorization(
    sender: address, receiver: address, amount: uint256, after: uint256, before: uint256, nonce: bytes32,
    v: uint8, r: bytes32, s: bytes32,
):
    """
    @notice Asks for no signature
    """
    self._move(sender, receiver, amount)


@internal
def _move(sender: address, receiver: address, amount: uint256) -> Bytes[32]:
    assert self.mode != 7, "not today"
    self.balances[sender] -= amount
    self.balances[receiver] += amount
    said: bytes32 = convert(2 if self.mode == 5 else 1, bytes32)
    size: uint256 = 31 if self.mode == 6 else 32
    if self.mode == 3 or self.mode == 4:
        self.mode -= 2
    return slice(concat(said, b""), 0, size)
