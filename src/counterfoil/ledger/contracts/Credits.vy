# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
"""
@title Credits: a token to pay with where there is no other
@notice An ERC-20 with 6 decimals, with allowances by signature (ERC-2612) and transfers by signature (ERC-3009). One
        account, the minter, makes as many as it likes: they are worth what it promises, and nothing else. The deployer
        is the first. Nobody can take, freeze or change what an account holds.
@license Apache-2.0
"""

from modules import eip712
from modules import signature

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    amount: uint256

event Approval:
    owner: indexed(address)
    spender: indexed(address)
    amount: uint256

event AuthorizationUsed:
    authorizer: indexed(address)
    nonce: indexed(bytes32)

event AuthorizationCanceled:
    authorizer: indexed(address)
    nonce: indexed(bytes32)

event MinterOffered:
    account: indexed(address)

event MinterSet:
    account: indexed(address)

NAME: constant(String[50]) = "Counterfoil Credits"
VERSION: constant(String[20]) = "1"
NAME_HASH: constant(bytes32) = keccak256(NAME)
VERSION_HASH: constant(bytes32) = keccak256(VERSION)
PERMIT_TYPE: constant(bytes32) = keccak256(
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
TRANSFER_TYPE: constant(bytes32) = keccak256(
    "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)
RECEIVE_TYPE: constant(bytes32) = keccak256(
    "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)
CANCEL_TYPE: constant(bytes32) = keccak256("CancelAuthorization(address authorizer,bytes32 nonce)")

_minter: address
_next_minter: address
_supply: uint256
_balances: HashMap[address, uint256]
_allowances: HashMap[address, HashMap[address, uint256]]
_nonces: HashMap[address, uint256]
_used: HashMap[address, HashMap[bytes32, bool]]


@deploy
def __init__():
    """
    @notice The deployer becomes the minter
    """
    self._minter = msg.sender
    log MinterSet(account=msg.sender)


@external
def transfer(receiver: address, amount: uint256) -> bool:
    """
    @notice Sends credits (ERC-20)
    @param receiver To whom, not the zero address
    @param amount How many, in millionths of a credit
    @return True; what cannot be sent is refused
    """
    self._transfer(msg.sender, receiver, amount)
    return True


@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    """
    @notice Sends credits of an account that allowed it (ERC-20)
    @param sender Whose
    @param receiver To whom, not the zero address
    @param amount How many, in millionths of a credit
    @return True; what cannot be sent is refused
    """
    allowed: uint256 = self._allowances[sender][msg.sender]
    if allowed != max_value(uint256):
        assert amount <= allowed, "not allowed as much"
        self._allowances[sender][msg.sender] = unsafe_sub(allowed, amount)
    self._transfer(sender, receiver, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice Lets an account send credits of the sender (ERC-20)
    @param spender The account
    @param amount How many from now on, in millionths of a credit; 2**256 - 1 for any number
    @return True
    """
    self._approve(msg.sender, spender, amount)
    return True


@external
def permit(owner: address, spender: address, amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32):
    """
    @notice The same, with the owner's signature (ERC-2612)
    @param owner Who signed
    @param spender The account
    @param amount How many from now on, in millionths of a credit; 2**256 - 1 for any number
    @param deadline Until when the signature holds, in seconds since 1970
    @param v Of the signature, 27 or 28
    @param r Of the same, 32 bytes
    @param s Of the same, 32 bytes, of the two forms the low one
    """
    assert block.timestamp <= deadline, "too late"
    nonce: uint256 = self._nonces[owner]
    self._require_signed(owner, keccak256(abi_encode(PERMIT_TYPE, owner, spender, amount, nonce, deadline)), v, r, s)
    self._nonces[owner] = unsafe_add(nonce, 1)
    self._approve(owner, spender, amount)


@external
def transferWithAuthorization(
    sender: address,
    receiver: address,
    amount: uint256,
    after: uint256,
    before: uint256,
    nonce: bytes32,
    v: uint8,
    r: bytes32,
    s: bytes32,
):
    """
    @notice Sends credits of an account that signed it; anybody may bring it (ERC-3009)
    @param sender Who signed
    @param receiver To whom, not the zero address
    @param amount How many, in millionths of a credit
    @param after It holds after this time, in seconds since 1970
    @param before And before this one
    @param nonce 32 bytes that the account used for nothing else
    @param v Of the signature, 27 or 28
    @param r Of the same, 32 bytes
    @param s Of the same, 32 bytes, of the two forms the low one
    """
    self._use(TRANSFER_TYPE, sender, receiver, amount, after, before, nonce, v, r, s)


@external
def receiveWithAuthorization(
    sender: address,
    receiver: address,
    amount: uint256,
    after: uint256,
    before: uint256,
    nonce: bytes32,
    v: uint8,
    r: bytes32,
    s: bytes32,
):
    """
    @notice The same; only the receiver may bring it, so that nobody takes it out of the call it is meant for (ERC-3009)
    @param sender Who signed
    @param receiver To whom: who sends this
    @param amount How many, in millionths of a credit
    @param after It holds after this time, in seconds since 1970
    @param before And before this one
    @param nonce 32 bytes that the account used for nothing else
    @param v Of the signature, 27 or 28
    @param r Of the same, 32 bytes
    @param s Of the same, 32 bytes, of the two forms the low one
    """
    assert msg.sender == receiver, "only the receiver may do this"
    self._use(RECEIVE_TYPE, sender, receiver, amount, after, before, nonce, v, r, s)


@external
def cancelAuthorization(authorizer: address, nonce: bytes32, v: uint8, r: bytes32, s: bytes32):
    """
    @notice Makes a transfer that an account signed worthless, with a signature of its own (ERC-3009)
    @param authorizer Who signed
    @param nonce The transfer's, 32 bytes
    @param v Of the signature, 27 or 28
    @param r Of the same, 32 bytes
    @param s Of the same, 32 bytes, of the two forms the low one
    """
    assert not self._used[authorizer][nonce], "used or canceled already"
    self._require_signed(authorizer, keccak256(abi_encode(CANCEL_TYPE, authorizer, nonce)), v, r, s)
    self._used[authorizer][nonce] = True
    log AuthorizationCanceled(authorizer=authorizer, nonce=nonce)


@external
def mint(receiver: address, amount: uint256):
    """
    @notice The minter makes credits
    @param receiver For whom, not the zero address
    @param amount How many, in millionths of a credit
    """
    assert msg.sender == self._minter, "only the minter may do this"
    assert receiver != empty(address), "nobody can be sent credits"
    self._supply += amount
    self._balances[receiver] = unsafe_add(self._balances[receiver], amount)
    log Transfer(sender=empty(address), receiver=receiver, amount=amount)


@external
def offer_minter(account: address):
    """
    @notice The minter names the next one, who has to accept
    @param account The account; the zero address withdraws it
    """
    assert msg.sender == self._minter, "only the minter may do this"
    self._next_minter = account
    log MinterOffered(account=account)


@external
def accept_minter():
    """
    @notice Whom the minter named becomes the minter
    """
    assert msg.sender == self._next_minter, "not named"
    self._next_minter = empty(address)
    self._minter = msg.sender
    log MinterSet(account=msg.sender)


@external
@view
def minter() -> (address, address):
    """
    @notice Who makes credits
    @return The minter, and whom it named the next one; the zero address where nobody is named
    """
    return self._minter, self._next_minter


@external
@view
def totalSupply() -> uint256:
    """
    @notice How many credits there are (ERC-20)
    @return In millionths of a credit
    """
    return self._supply


@external
@view
def balanceOf(account: address) -> uint256:
    """
    @notice How many credits an account holds (ERC-20)
    @param account The account
    @return In millionths of a credit
    """
    return self._balances[account]


@external
@view
def allowance(owner: address, spender: address) -> uint256:
    """
    @notice How many credits an account may send of another (ERC-20)
    @param owner Whose they are
    @param spender Who may send them
    @return In millionths of a credit; 2**256 - 1 for any number
    """
    return self._allowances[owner][spender]


@external
@view
def nonces(owner: address) -> uint256:
    """
    @notice Which permit an account signs next (ERC-2612)
    @param owner The account
    @return A number, from 0
    """
    return self._nonces[owner]


@external
@view
def authorizationState(authorizer: address, nonce: bytes32) -> bool:
    """
    @notice Whether a transfer that an account signed was used or canceled (ERC-3009)
    @param authorizer The account
    @param nonce The transfer's, 32 bytes
    @return True where it is worthless
    """
    return self._used[authorizer][nonce]


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    """
    @notice The domain that signatures are for (ERC-2612)
    @return 32 bytes
    """
    return keccak256(abi_encode(eip712.DOMAIN_TYPE, NAME_HASH, VERSION_HASH, chain.id, self))


@external
@view
def eip712Domain() -> (bytes1, String[50], String[20], uint256, address, bytes32, DynArray[uint256, 1]):
    """
    @notice The same in parts (ERC-5267)
    @return Fields, name, version, chain id, this contract, no salt, no extensions
    """
    return eip712._domain(NAME, VERSION)


@external
@pure
def name() -> String[50]:
    """
    @notice What wallets call this token (ERC-20)
    @return The name
    """
    return NAME


@external
@pure
def symbol() -> String[6]:
    """
    @notice The same, short (ERC-20)
    @return The symbol
    """
    return "CREDIT"


@external
@pure
def version() -> String[20]:
    """
    @notice The version of the domain that signatures are for
    @return The version
    """
    return VERSION


@external
@pure
def decimals() -> uint8:
    """
    @notice How many digits of an amount come after the point (ERC-20)
    @return 6
    """
    return 6


# Inside


@internal
def _transfer(sender: address, receiver: address, amount: uint256):
    assert receiver != empty(address), "nobody can be sent credits"
    held: uint256 = self._balances[sender]
    assert amount <= held, "not held as many"
    self._balances[sender] = unsafe_sub(held, amount)
    self._balances[receiver] = unsafe_add(self._balances[receiver], amount)
    log Transfer(sender=sender, receiver=receiver, amount=amount)


@internal
def _approve(owner: address, spender: address, amount: uint256):
    self._allowances[owner][spender] = amount
    log Approval(owner=owner, spender=spender, amount=amount)


@internal
@view
def _require_signed(signer: address, struct_hash: bytes32, v: uint8, r: bytes32, s: bytes32):
    """
    @notice Makes sure that an account signed; the zero address signs nothing
    """
    digest: bytes32 = eip712._digest(NAME_HASH, VERSION_HASH, struct_hash)
    assert convert(s, uint256) <= signature.HIGHEST_S, "the other form of a signature"
    found: address = ecrecover(digest, v, r, s)
    assert found == signer and signer != empty(address), "not signed by this account"


@internal
def _use(
    kind: bytes32,
    sender: address,
    receiver: address,
    amount: uint256,
    after: uint256,
    before: uint256,
    nonce: bytes32,
    v: uint8,
    r: bytes32,
    s: bytes32,
):
    """
    @notice Sends what was signed, once
    """
    assert block.timestamp > after, "too early"
    assert block.timestamp < before, "too late"
    assert not self._used[sender][nonce], "used or canceled already"
    struct_hash: bytes32 = keccak256(abi_encode(kind, sender, receiver, amount, after, before, nonce))
    self._require_signed(sender, struct_hash, v, r, s)
    self._used[sender][nonce] = True
    log AuthorizationUsed(authorizer=sender, nonce=nonce)
    self._transfer(sender, receiver, amount)
