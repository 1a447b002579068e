# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Who is owed what, in any token, and how it leaves
@notice What an account is owed is one word: the amount, 128 bits, and above it the market's fees from its sales, which
        leave when it withdraws, or when the governor collects them. Money that is for many is kept under the root of
        a tree of claims, each root a pot of its own for ever: nobody replaces a root, later terms name another.
@license Apache-2.0
"""

from ethereum.ercs import IERC20
from modules import governor
from modules import tree

uses: governor

event Deposited:
    token: indexed(address)
    account: indexed(address)
    amount: uint256

event Paid:
    token: indexed(address)
    account: indexed(address)
    amount: uint256
    fees: uint256

event FeesPaid:
    token: indexed(address)
    account: indexed(address)
    amount: uint256

event Claimed:
    root: indexed(bytes32)
    token: indexed(address)
    account: indexed(address)
    amount: uint256

ADDRESS_MASK: constant(uint256) = 2**160 - 1
MASK_128: constant(uint256) = 2**128 - 1
MAX_AMOUNT: constant(uint256) = 2**96 - 1
# A weight is in parts of this.
WHOLE: constant(uint256) = 10**12

_owed: HashMap[address, HashMap[address, uint256]]
# Of a root and a token, what came in (128 bits), and above what went out.
_pots: HashMap[bytes32, HashMap[address, uint256]]
_claimed: HashMap[bytes32, HashMap[address, HashMap[address, uint256]]]


@external
def deposit(token: address, amount: uint256):
    """
    @notice Puts tokens that the sender allowed the market to take where `buy_from_balance` finds them
    @param token The token
    @param amount The amount, below 2**96
    """
    assert amount != 0 and amount <= MAX_AMOUNT, "amount out of range"
    self._pull(token, msg.sender, amount)
    self._credit(token, msg.sender, amount)
    log Deposited(token=token, account=msg.sender, amount=amount)


@external
def withdraw(token: address, account: address) -> uint256:
    """
    @notice Sends an account what it is owed; anybody may ask for it
    @param token The token
    @param account The account
    @return The amount
    """
    word: uint256 = self._owed[token][account]
    amount: uint256 = word & MASK_128
    fees: uint256 = word >> 128
    assert account != self and amount != 0, "nothing is owed"
    self._owed[token][account] = 0
    if fees != 0:
        self._owed[token][self] += fees
    log Paid(token=token, account=account, amount=amount, fees=fees)
    self._send(token, account, amount)
    return amount


@external
def withdraw_fees(token: address, accounts: DynArray[address, 64]) -> uint256:
    """
    @notice Sends the governor the market's fees; anybody may ask for it
    @param token The token
    @param accounts Up to 64 sellers whose sales it takes the fees of; of those that withdrew they are there
    @return The amount
    """
    amount: uint256 = self._owed[token][self]
    self._owed[token][self] = 0
    for seller: address in accounts:
        word: uint256 = self._owed[token][seller]
        amount += word >> 128
        self._owed[token][seller] = word & MASK_128
    assert amount != 0, "nothing is owed"
    account: address = governor._governor()
    log FeesPaid(token=token, account=account, amount=amount)
    self._send(token, account, amount)
    return amount


@external
def claim(
    root: bytes32, token: address, account: address, weight: uint256, index: uint256, size: uint256,
    proof: DynArray[bytes32, 64],
) -> uint256:
    """
    @notice Sends an account its part of what came in under a root of claims; anybody may ask for it
    @dev A root is its own pot: another root in later terms changes nothing for this one.
    @param root Root of the tree (RFC 9162, SHA-256), 32 bytes
    @param token The token
    @param account The account
    @param weight Its part, in millionths of a millionth; more than the whole is never paid out
    @param index Place of its leaf, SHA-256(0x00 || abi_encode(account, weight)), from 0
    @param size Leaves of the tree
    @param proof Hashes of 32 bytes
    @return The amount: all that the account's part came to, less what it was sent before
    """
    leaf: bytes32 = sha256(concat(0x00, abi_encode(account, weight)))
    assert size < 2**48 and tree._is_included(leaf, index, size, proof, root), "not in the tree"
    word: uint256 = self._pots[root][token]
    before: uint256 = self._claimed[root][token][account]
    due: uint256 = (word & MASK_128) * weight // WHOLE
    assert due > before, "nothing is owed"
    amount: uint256 = min(due - before, (word & MASK_128) - (word >> 128))
    assert amount != 0, "nothing is left"
    self._claimed[root][token][account] = before + amount
    self._pots[root][token] = word + (amount << 128)
    log Claimed(root=root, token=token, account=account, amount=amount)
    self._send(token, account, amount)
    return amount


@external
@view
def owed(token: address, account: address) -> (uint256, uint256):
    """
    @notice What an account is owed
    @param token The token
    @param account The account
    @return The amount, and the market's fees from its sales that were not collected; the market's own for its own address
    """
    word: uint256 = self._owed[token][account]
    return word & MASK_128, word >> 128


@external
@view
def pot(root: bytes32, token: address, account: address) -> (uint256, uint256, uint256):
    """
    @notice What came in under a root of claims
    @param root The root, 32 bytes
    @param token The token
    @param account An account
    @return All that came in, all that was sent, and what the account was sent
    """
    word: uint256 = self._pots[root][token]
    return word & MASK_128, word >> 128, self._claimed[root][token][account]


# Inside


@internal
def _pull(token: address, buyer: address, price: uint256):
    """
    @notice Takes the price, to the unit, from what the buyer allowed
    """
    if price != 0:
        held: uint256 = staticcall IERC20(token).balanceOf(self)
        assert extcall IERC20(token).transferFrom(buyer, self, price, default_return_value=True), "the token refuses"
        assert staticcall IERC20(token).balanceOf(self) == held + price, "the token did not send the price"


@internal
def _credit(token: address, account: address, amount: uint256):
    """
    @notice Owes an account more; the market's fees from its sales are in the upper half
    @dev With prices below 2**96 no half can run over before 2**32 payments.
    """
    self._owed[token][account] = unsafe_add(self._owed[token][account], amount)


@internal
def _send(token: address, account: address, amount: uint256):
    assert extcall IERC20(token).transfer(account, amount, default_return_value=True), "the token refuses"


@internal
def _spend(token: address, account: address, amount: uint256):
    """
    @notice Takes an amount from what an account is owed
    """
    word: uint256 = self._owed[token][account]
    assert word & MASK_128 >= amount, "not owed as much"
    self._owed[token][account] = unsafe_sub(word, amount)


@internal
def _credit_payee(token: address, payee: bytes32, amount: uint256):
    """
    @notice Owes more to an account, 12 zero bytes before it, or to the pot of a root
    """
    if convert(payee, uint256) <= ADDRESS_MASK:
        self._credit(token, convert(convert(payee, uint256), address), amount)
    else:
        self._pots[payee][token] = unsafe_add(self._pots[payee][token], amount)
