# pragma version 0.4.3
"""
@title What the offers and orders of a market are about: packed, checked and hashed
@notice Nothing is stored here. An offer's terms and an order are kept as a part of their hash, beside what changes.
@license Apache-2.0
"""

# `rules`: kind in bits 0..7, duration_s from 8, delivery_s from 40, window_s from 72, referrer_bps from 104 (16 bits).
# In an order also: the market's fee_bps from 120 (16 bits) and from 136 the beginning of the access it adds to.
struct Terms:
    seller: address
    token: address
    price: uint256
    rules: uint256
    sheet: bytes32
    split: bytes32

# An account, 12 zero bytes before it, or else the root of a tree of claims; and its part of what is left after fees.
struct Share:
    payee: bytes32
    bps: uint256

# What an order that is held was bought for; with seller, rules and charge its hash is in the order's word.
struct Deal:
    offer: uint256
    buyer: address
    token: address
    price: uint256
    referrer: address
    split: bytes32

LICENCE: constant(uint256) = 1
PERIOD: constant(uint256) = 2
JOB: constant(uint256) = 3
SALE: constant(uint256) = 4
DURATION_AT: constant(uint256) = 8
DELIVERY_AT: constant(uint256) = 40
WINDOW_AT: constant(uint256) = 72
REFERRER_AT: constant(uint256) = 104
FEE_AT: constant(uint256) = 120
BEGINNING_AT: constant(uint256) = 136
MASK_8: constant(uint256) = 2**8 - 1
MASK_16: constant(uint256) = 2**16 - 1
MASK_32: constant(uint256) = 2**32 - 1
MASK_40: constant(uint256) = 2**40 - 1

# States of an order, in bits 0..2 of its word; above a time of 40 bits, and the rest is the hash of what was agreed.
HELD: constant(uint256) = 1
DELIVERED: constant(uint256) = 2
SETTLED: constant(uint256) = 3
REFUNDED: constant(uint256) = 4
STATE_MASK: constant(uint256) = 7
TIME_AT: constant(uint256) = 3
HASH_AT: constant(uint256) = 43
MAX_REFERRER_BPS: constant(uint256) = 1_000
MAX_WAIT_S: constant(uint256) = 366 * 86_400
MAX_SHARES: constant(uint256) = 32


@internal
@pure
def _offer_id(asset: uint256, number: uint256) -> uint256:
    return convert(keccak256(abi_encode(asset, number)), uint256)


@internal
@pure
def _order_id(offer: uint256, buyer: address, recipient: bytes32) -> bytes32:
    return keccak256(abi_encode(offer, buyer, recipient))


@internal
@pure
def _terms_hash(terms: Terms) -> uint256:
    return convert(keccak256(abi_encode(terms)), uint256)


@internal
@pure
def _require_rules(rules: uint256):
    kind: uint256 = rules & MASK_8
    duration_s: uint256 = (rules >> DURATION_AT) & MASK_32
    delivery_s: uint256 = (rules >> DELIVERY_AT) & MASK_32
    window_s: uint256 = (rules >> WINDOW_AT) & MASK_32
    assert kind != 0 and kind <= SALE and rules >> FEE_AT == 0, "no such rules"
    assert rules >> REFERRER_AT <= MAX_REFERRER_BPS, "referrer's part above the ceiling"
    assert (duration_s != 0) == (kind == PERIOD), "a period has a duration, and nothing else has"
    assert window_s <= MAX_WAIT_S and delivery_s <= MAX_WAIT_S, "more than a year to wait"
    if kind == JOB or window_s != 0:
        assert delivery_s != 0 and kind != SALE, "no time to deliver"
    else:
        assert delivery_s == 0, "what is paid at once is not delivered"


@internal
@pure
def _split(shares: DynArray[Share, MAX_SHARES]) -> bytes32:
    """
    @notice The hash of shares that make sense; zero for none
    """
    if len(shares) == 0:
        return empty(bytes32)
    total: uint256 = 0
    for share: Share in shares:
        assert share.bps <= 10_000 and share.payee != empty(bytes32), "no such share"
        total = unsafe_add(total, share.bps)
    assert total <= 10_000, "more than the whole"
    return keccak256(abi_encode(shares))


@internal
@pure
def _sealed(state: uint256, time: uint256, seller: address, rules: uint256, charge: uint256, deal: bytes32) -> uint256:
    """
    @notice An order's word: its state, its time and 213 bits of the hash of what was agreed
    """
    agreed: uint256 = convert(keccak256(abi_encode(seller, rules, charge, deal)), uint256)
    return state | (time << TIME_AT) | ((agreed >> HASH_AT) << HASH_AT)
