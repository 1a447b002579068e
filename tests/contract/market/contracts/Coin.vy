# pragma version 0.4.3
"""
@title A token that can be told to behave badly: to keep a part of what is sent, to refuse accounts, to call others
       back, to say no, to send nothing
"""

decimals: public(uint8)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
refuses: public(HashMap[address, bool])
keeps: uint256
says_no: bool
sends_nothing: bool
calls: address
data: Bytes[4096]
was_refused: public(bool)
was_called: public(uint256)


@deploy
def __init__(decimals: uint8):
    self.decimals = decimals


@external
def mint(account: address, amount: uint256):
    self.balanceOf[account] += amount


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
def keep(amount: uint256):
    """
    @notice From now on it takes this much out of each transfer
    """
    self.keeps = amount


@external
def refuse(account: address, refused: bool):
    self.refuses[account] = refused


@external
def say_no(no: bool):
    self.says_no = no


@external
def send_nothing(nothing: bool):
    self.sends_nothing = nothing


@external
def call_back(target: address, data: Bytes[4096]):
    """
    @notice From now on it calls this during each transfer, and notes whether that was refused
    """
    self.calls = target
    self.data = data


@external
def transfer(receiver: address, amount: uint256) -> bool:
    return self._move(msg.sender, receiver, amount)


@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    self.allowance[sender][msg.sender] -= amount
    return self._move(sender, receiver, amount)


@internal
def _move(sender: address, receiver: address, amount: uint256) -> bool:
    assert not self.refuses[sender] and not self.refuses[receiver], "on the list"
    if self.calls != empty(address):
        success: bool = raw_call(self.calls, self.data, revert_on_failure=False)
        self.was_refused = not success
        self.was_called += 1
    if self.says_no:
        return False
    if not self.sends_nothing:
        self.balanceOf[sender] -= amount
        self.balanceOf[receiver] += amount - min(self.keeps, amount)
    return True
