# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Until when accounts have access to what they bought: for good, or for periods that follow each other
@notice Periods that join each other end at their beginning and all that was bought and not refunded. So a refund takes
        away just what an order gave, in whatever order refunds come.
@license Apache-2.0
"""

# Of a word: until and beginning (40 bits each), licences for good (32), and the first 144 bits of the newest order.
BEGINNING_AT: constant(uint256) = 40
LICENCES_AT: constant(uint256) = 80
TAG_AT: constant(uint256) = 112
MASK_32: constant(uint256) = 2**32 - 1
MASK_40: constant(uint256) = 2**40 - 1
FOR_GOOD: constant(uint256) = max_value(uint256)

_words: HashMap[uint256, HashMap[address, uint256]]


@external
@view
def access_until(offer: uint256, holder: address) -> uint256:
    """
    @notice Until when a holder has access
    @param offer The offer's id
    @param holder The account
    @return Seconds since 1970; 2**256 - 1 for good; 0 or a time that is over where there is none
    """
    return self._until(self._words[offer][holder])


@external
@view
def access(offer: uint256, holder: address) -> (uint256, uint256, uint256, bytes18):
    """
    @notice What access is made of
    @param offer The offer's id
    @param holder The account
    @return Until when periods reach; when they began; licences for good; the first 18 bytes of the newest order
    """
    word: uint256 = self._words[offer][holder]
    tag: bytes18 = convert(convert(word >> TAG_AT, uint144), bytes18)
    return word & MASK_40, (word >> BEGINNING_AT) & MASK_40, (word >> LICENCES_AT) & MASK_32, tag


# Inside


@internal
def _give(offer: uint256, buyer: address, duration_s: uint256, order: bytes32) -> (uint256, uint256):
    """
    @notice Gives access: a licence for good where the duration is zero, else a period added to what is left
    @return Until when there is access now, and the beginning of the periods that this one joins, zero for a licence
    """
    word: uint256 = self._words[offer][buyer]
    tag: uint256 = convert(order, uint256) >> TAG_AT
    assert word >> TAG_AT != tag, "ordered already"
    until: uint256 = word & MASK_40
    beginning: uint256 = (word >> BEGINNING_AT) & MASK_40
    licences: uint256 = (word >> LICENCES_AT) & MASK_32
    if duration_s == 0:
        licences = unsafe_add(licences, 1)
    else:
        if until <= block.timestamp:
            beginning = block.timestamp
            until = beginning
        until = unsafe_add(until, duration_s)
    assert until <= MASK_40 and licences <= MASK_32, "more than can be held"
    word = until | (beginning << BEGINNING_AT) | (licences << LICENCES_AT) | (tag << TAG_AT)
    self._words[offer][buyer] = word
    return self._until(word), beginning if duration_s != 0 else 0


@internal
def _take_away(offer: uint256, buyer: address, duration_s: uint256, beginning: uint256):
    """
    @notice Takes away what `_give` gave. Of a period that is over since, with others begun anew, nothing is left to take
    """
    word: uint256 = self._words[offer][buyer]
    if duration_s == 0:
        self._words[offer][buyer] = unsafe_sub(word, 1 << LICENCES_AT)
    elif (word >> BEGINNING_AT) & MASK_40 == beginning:
        self._words[offer][buyer] = unsafe_sub(word, duration_s)


@internal
@pure
def _until(word: uint256) -> uint256:
    return FOR_GOOD if (word >> LICENCES_AT) & MASK_32 != 0 else word & MASK_40


@internal
@pure
def _was_bought(word: uint256) -> bool:
    """
    @notice Whether anything was bought that was not refunded, over or not
    """
    return (word >> LICENCES_AT) & MASK_32 != 0 or word & MASK_40 > (word >> BEGINNING_AT) & MASK_40
