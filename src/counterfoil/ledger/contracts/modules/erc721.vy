# pragma version 0.4.3
"""
@title Tokens with one owner each (ERC-721), kept in one word of storage
@notice A token's word holds its owner and its tenure, which counts how often it changed hands;
        the bits between them are for whoever imports this. What an owner granted for a token
        is stamped with the tenure and counts during it only, so that nothing has to be
        cleared, however much was granted, when the token changes hands.

        There is no list of tokens: the events are one. Transferring and minting are left to
        the importer, who also says which tokens there are to be.
@license Apache-2.0
"""

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    id: indexed(uint256)

event Approval:
    owner: indexed(address)
    approved: indexed(address)
    id: indexed(uint256)

event ApprovalForAll:
    owner: indexed(address)
    operator: indexed(address)
    approved: bool

interface Receiver:
    def onERC721Received(operator: address, sender: address, id: uint256, data: Bytes[1024]) -> bytes4: nonpayable

# Of a word: the owner in bits 0..159, the importer's own in bits 160..231, the tenure in bits 232..255.
ADDRESS_MASK: constant(uint256) = 2**160 - 1
TENURE_AT: constant(uint256) = 232
# What a contract answers that takes a token.
TAKEN: constant(bytes4) = 0x150b7a02

_words: HashMap[uint256, uint256]
_balances: HashMap[address, uint256]
_approved: HashMap[uint256, uint256]
_operators: HashMap[address, HashMap[address, bool]]


@external
@view
def balanceOf(account: address) -> uint256:
    """
    @notice How many tokens an account owns
    @param account The account, not the zero address
    @return A number of tokens
    """
    assert account != empty(address), "nobody owns nothing"
    return self._balances[account]


@external
@view
def ownerOf(id: uint256) -> address:
    """
    @notice The owner of a token
    @param id The token
    @return The account; the call is refused where there is no such token
    """
    return self._owner(self._word(id))


@external
def approve(account: address, id: uint256):
    """
    @notice The owner, or an operator of the owner, lets an account transfer a token, and do nothing else with it
    @dev It lapses when the token changes hands.
    @param account The account; the zero address withdraws it
    @param id The token
    """
    word: uint256 = self._word(id)
    owner: address = self._owner(word)
    assert msg.sender == owner or self._operators[owner][msg.sender], "only the owner or an operator may do this"
    self._approved[id] = self._stamped(word, convert(account, uint256))
    log Approval(owner=owner, approved=account, id=id)


@external
@view
def getApproved(id: uint256) -> address:
    """
    @notice The account beside owner and operators that may transfer a token
    @param id The token
    @return The account; the zero address where there is none
    """
    return convert(self._granted(self._word(id), self._approved[id]), address)


@external
def setApprovalForAll(operator: address, approved: bool):
    """
    @notice Lets an account transfer every token of the sender, now and later, and do nothing else with them
    @param operator The account
    @param approved False withdraws it
    """
    self._operators[msg.sender][operator] = approved
    log ApprovalForAll(owner=msg.sender, operator=operator, approved=approved)


@external
@view
def isApprovedForAll(owner: address, operator: address) -> bool:
    """
    @notice Whether an account may transfer every token of another
    @param owner The account whose tokens they are
    @param operator The account that may transfer them
    @return True until it is withdrawn
    """
    return self._operators[owner][operator]


# Inside


@internal
@view
def _word(id: uint256) -> uint256:
    """
    @notice A token's word; refused where there is no such token
    """
    word: uint256 = self._words[id]
    assert word != 0, "no such asset"
    return word


@internal
@pure
def _owner(word: uint256) -> address:
    return convert(word & ADDRESS_MASK, address)


@internal
@pure
def _stamped(word: uint256, granted: uint256) -> uint256:
    """
    @notice What is stored for a grant below 2**232 that counts while the token has the owner it has now
    """
    return ((word >> TENURE_AT) << TENURE_AT) | granted


@internal
@pure
def _granted(word: uint256, stored: uint256) -> uint256:
    """
    @notice The grant that `_stamped` was given; zero where the token has changed hands since
    """
    if stored >> TENURE_AT != word >> TENURE_AT:
        return 0
    return stored & (2**TENURE_AT - 1)


@internal
def _mint(owner: address, id: uint256, own_bits: uint256):
    """
    @notice Makes a token; that there is none with this id, the importer has seen to
    @param own_bits The importer's bits, at their place in the word
    """
    self._words[id] = convert(owner, uint256) | own_bits
    self._balances[owner] = unsafe_add(self._balances[owner], 1)
    log Transfer(sender=empty(address), receiver=owner, id=id)


@internal
def _transfer(word: uint256, sender: address, receiver: address, id: uint256):
    """
    @notice Moves a token from its owner `sender`, if msg.sender may; a new tenure begins, to the same owner too
    @param word The token's word, read before
    """
    assert sender == self._owner(word), "not the owner's to send"
    assert receiver != empty(address), "nobody can be sent an asset"
    if msg.sender != sender and not self._operators[sender][msg.sender]:
        assert msg.sender == convert(self._granted(word, self._approved[id]), address), "not allowed to transfer this"
    self._words[id] = (word - convert(sender, uint256) + (1 << TENURE_AT)) | convert(receiver, uint256)
    self._balances[sender] = unsafe_sub(self._balances[sender], 1)
    self._balances[receiver] = unsafe_add(self._balances[receiver], 1)
    log Transfer(sender=sender, receiver=receiver, id=id)


@internal
def _require_taken(sender: address, receiver: address, id: uint256, data: Bytes[1024]):
    """
    @notice Asks a receiver that is a contract whether it takes a token; all that the transfer changes has changed before
    """
    if receiver.is_contract:
        answer: bytes4 = extcall Receiver(receiver).onERC721Received(msg.sender, sender, id, data)
        assert answer == TAKEN, "the receiver does not take it"
