# pragma version 0.4.3
"""
@title A token that answers with something else than the standard says
"""

allowance: public(HashMap[address, HashMap[address, uint256]])
balances: HashMap[address, uint256]
is_short: bool
is_odd: bool


@external
def mint(account: address, amount: uint256):
    self.balances[account] += amount


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
def answer(is_short: bool, is_odd: bool):
    """
    @notice From now on it answers too little where a balance is asked for, or with two where yes or no is
    """
    self.is_short = is_short
    self.is_odd = is_odd


@external
@view
@raw_return
def balanceOf(account: address) -> Bytes[32]:
    whole: Bytes[32] = slice(concat(convert(self.balances[account], bytes32), b""), 0, 32)
    return slice(whole, 0, 31) if self.is_short else whole


@external
@raw_return
def transfer(receiver: address, amount: uint256) -> Bytes[32]:
    return self._move(msg.sender, receiver, amount)


@external
@raw_return
def transferFrom(sender: address, receiver: address, amount: uint256) -> Bytes[32]:
    return self._move(sender, receiver, amount)


@internal
def _move(sender: address, receiver: address, amount: uint256) -> Bytes[32]:
    self.balances[sender] -= amount
    self.balances[receiver] += amount
    said: bytes32 = convert(2 if self.is_odd else 1, bytes32)
    return slice(concat(said, b""), 0, 31 if self.is_short else 32)


@external
def receiveWithAuthorization(
    sender: address, receiver: address, amount: uint256, after: uint256, before: uint256, nonce: bytes32,
    v: uint8, r: bytes32, s: bytes32,
):
    """
    @notice Asks for no signature, and answers too little about balances from now on where v is 28
    """
    self.balances[sender] -= amount
    self.balances[receiver] += amount
    self.is_short = v == 28
