# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Who governs a market, its fee, and whether buying is paused
@notice One word of storage, which every purchase reads: governor, fee in hundredths of a percent (16 bits), paused.
@license Apache-2.0
"""

event FeeSet:
    bps: uint256

event PausedSet:
    paused: bool

event GovernorOffered:
    account: indexed(address)

event GovernorSet:
    account: indexed(address)

FEE_AT: constant(uint256) = 160
PAUSED_AT: constant(uint256) = 176
FEE_MASK: constant(uint256) = 2**16 - 1
ADDRESS_MASK: constant(uint256) = 2**160 - 1
MAX_FEE_BPS: constant(uint256) = 1_000

_word: uint256
_next_governor: address


@deploy
def __init__():
    self._word = convert(msg.sender, uint256)
    log GovernorSet(account=msg.sender)


@external
def set_fee(bps: uint256):
    """
    @notice The governor sets the market's fee for orders from now on; others keep theirs
    @param bps Hundredths of a percent of the price, up to 1,000
    """
    word: uint256 = self._require_governor()
    assert bps <= MAX_FEE_BPS, "fee above the ceiling"
    self._word = (word & ~(FEE_MASK << FEE_AT)) | (bps << FEE_AT)
    log FeeSet(bps=bps)


@external
def set_paused(paused: bool):
    """
    @notice The governor pauses buying, and nothing else, or lets it go on
    @param paused Whether nothing can be bought
    """
    word: uint256 = self._require_governor()
    self._word = (word & ~(1 << PAUSED_AT)) | (convert(paused, uint256) << PAUSED_AT)
    log PausedSet(paused=paused)


@external
def offer_governor(account: address):
    """
    @notice The governor names the next one, who has to accept
    @param account The account; the zero address withdraws it
    """
    self._require_governor()
    self._next_governor = account
    log GovernorOffered(account=account)


@external
def accept_governor():
    """
    @notice Whom the governor named becomes the governor
    """
    assert msg.sender == self._next_governor, "not named"
    self._next_governor = empty(address)
    self._word = (self._word & ~ADDRESS_MASK) | convert(msg.sender, uint256)
    log GovernorSet(account=msg.sender)


@external
@view
def market() -> (address, uint256, bool, address):
    """
    @notice How the market is governed
    @return Governor; fee in hundredths of a percent; whether buying is paused; who was named the next governor
    """
    word: uint256 = self._word
    return self._governor(), (word >> FEE_AT) & FEE_MASK, word >> PAUSED_AT != 0, self._next_governor


# Inside


@internal
@view
def _governor() -> address:
    return convert(self._word & ADDRESS_MASK, address)


@internal
@view
def _require_governor() -> uint256:
    word: uint256 = self._word
    assert msg.sender == convert(word & ADDRESS_MASK, address), "only the governor may do this"
    return word
