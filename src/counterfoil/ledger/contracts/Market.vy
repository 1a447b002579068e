# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
# pragma nonreentrancy on
"""
@title Market: offers of assets, orders, and who is owed what
@notice An asset's owner, or an account with the role of a pricer, offers it: a licence for good, a licence for a
        period, a job next to the data, or the asset itself. Buying is one call. It makes an order, which names the
        buyer, the exact terms and a fresh key of the buyer's, 32 bytes, to which everything that follows is encrypted.

        Terms are held as their hash. Whoever buys says them all; so nobody buys at a price, under a sheet or with
        shares that they did not name, whatever changed meanwhile. Whom an order pays, and how much of it goes where,
        is settled when it is bought.

        Without a window the seller is owed the money at once. With one, and for every job, it is held: the seller
        delivers before a day, the window begins, and when it is over anybody settles. Before that the seller may
        refund, and the governor inside the window; where nothing was delivered in time, the buyer reclaims. A refund
        takes away what the order gave. Money leaves by `withdraw` alone, to whom it is owed, and never in a call
        that others wait for.

        The governor sets the market's fee, up to 10 %, pauses buying, and refunds inside windows: no more. Amounts are
        in the smallest unit of their token, times in seconds since 1970. Nothing personal belongs here.
@license Apache-2.0
"""

from ethereum.ercs import IERC20
from modules import agreement
from modules import governor
from modules import holders
from modules import purse

initializes: governor
initializes: holders
initializes: purse[governor := governor]
exports: (
    governor.set_fee,
    governor.set_paused,
    governor.offer_governor,
    governor.accept_governor,
    governor.market,
    holders.access_until,
    holders.access,
    purse.deposit,
    purse.withdraw,
    purse.withdraw_fees,
    purse.claim,
    purse.owed,
    purse.pot,
)

event Offered:
    offer: indexed(uint256)
    asset: indexed(uint256)
    seller: indexed(address)
    number: uint256
    supply: uint256
    token: address
    price: uint256
    rules: uint256
    sheet: bytes32
    split: bytes32

event Withdrawn:
    offer: indexed(uint256)
    by: indexed(address)

event SplitSet:
    asset: indexed(uint256)
    owner: indexed(address)
    split: indexed(bytes32)
    shares: Bytes[2112]

# An order that is paid at once.
event Bought:
    order: indexed(bytes32)
    offer: indexed(uint256)
    buyer: indexed(address)
    recipient: bytes32
    paid: uint256
    until: uint256
    referrer: address
    fee_bps: uint256

# An order whose money is held.
event Ordered:
    order: indexed(bytes32)
    offer: indexed(uint256)
    buyer: indexed(address)
    recipient: bytes32
    held: uint256
    until: uint256
    referrer: address
    rules: uint256
    job: bytes32
    due: uint256

event Sold:
    order: indexed(bytes32)
    asset: indexed(uint256)
    receiver: indexed(address)
    royalty: uint256

event Delivered:
    order: indexed(bytes32)
    digest: bytes32
    charge: uint256
    ends: uint256

event Settled:
    order: indexed(bytes32)
    charge: uint256

event Refunded:
    order: indexed(bytes32)
    by: indexed(address)

event Reviewed:
    offer: indexed(uint256)
    by: indexed(address)
    stars: uint256
    digest: bytes32

interface Assets:
    def asset(id: uint256) -> (address, uint256, uint256, uint256, uint256): view
    def may(id: uint256, account: address, role: uint256) -> bool: view
    def royaltyInfo(id: uint256, price: uint256) -> (address, uint256): view
    def transferFrom(sender: address, receiver: address, id: uint256): nonpayable

interface Authorized:
    def receiveWithAuthorization(
        sender: address, receiver: address, amount: uint256, after: uint256, before: uint256, nonce: bytes32,
        v: uint8, r: bytes32, s: bytes32,
    ): nonpayable

struct Purchase:
    asset: uint256
    number: uint256
    terms: agreement.Terms
    recipient: bytes32
    job: bytes32
    referrer: address

struct Registration:
    number: uint256
    supply: uint256
    terms: agreement.Terms

LAST_FOR_SALE: constant(uint256) = 1  # of an asset's states: active, deprecated
OPERATOR: constant(uint256) = 2
PRICER: constant(uint256) = 4
MAX_PURCHASES: constant(uint256) = 8
MAX_SHARES: constant(uint256) = agreement.MAX_SHARES
MAX_PRICE: constant(uint256) = 2**96 - 1
UNLIMITED: constant(uint256) = 2**32 - 1

ASSETS: immutable(address)

# 224 bits of the hash of the terms, and 32 bits for how many are left.
_offers: HashMap[uint256, uint256]
# Of an asset and its owner, the hash of the shares that pricers have to name.
_splits: HashMap[uint256, HashMap[address, bytes32]]
_orders: HashMap[bytes32, uint256]


@deploy
def __init__(assets: address):
    """
    @notice The deployer becomes the governor; there is no fee at first
    @param assets The Assets contract whose assets are sold here, for ever
    """
    ASSETS = assets
    governor.__init__()


# Offering


@external
def offer(asset: uint256, number: uint256, supply: uint256, terms: agreement.Terms) -> uint256:
    """
    @notice A pricer offers an asset; what was offered under this number before is replaced
    @dev Emits Offered. An offer lapses while somebody else than its seller owns the asset. A pricer other than the owner
         does not sell the asset itself, and names just the shares that the owner set.
    @param asset The asset
    @param number Any number; each stands for one offer of the asset
    @param supply How many may be bought, below 2**32 - 1; 2**32 - 1 for any number
    @param terms Seller (the owner now); token and price (below 2**96); rules, packed; sheet (SHA-256 of the offer sheet,
           32 bytes); split (keccak256 of the shares as abi_encode has them, zero for none)
    @return The offer's id: keccak256(abi_encode(asset, number))
    """
    owner: address = self._owner_and_state(asset)[0]
    if msg.sender != owner:
        assert staticcall Assets(ASSETS).may(asset, msg.sender, PRICER), "not in this role"
        assert terms.rules & agreement.MASK_8 != agreement.SALE, "only the owner may do this"
        assert terms.split == self._splits[asset][owner], "other shares than the owner set"
    return self._offer(asset, owner, Registration(number=number, supply=supply, terms=terms))


@external
def on_registered(asset: uint256, creator: address, data: Bytes[512]) -> bytes4:
    """
    @notice The same, said by Assets while an asset is registered
    @param asset The asset
    @param creator Its first owner
    @param data abi_encode(number, supply, terms): 8 words
    @return This function's selector
    """
    assert msg.sender == ASSETS, "not from these assets"
    self._offer(asset, creator, abi_decode(data, Registration))
    return method_id("on_registered(uint256,address,bytes)", output_type=bytes4)


@external
def withdraw_offer(asset: uint256, number: uint256):
    """
    @notice A pricer withdraws an offer; orders are not touched
    @param asset The asset
    @param number The offer's number
    """
    assert staticcall Assets(ASSETS).may(asset, msg.sender, PRICER), "not in this role"
    offer: uint256 = agreement._offer_id(asset, number)
    assert self._offers[offer] != 0, "no such offer"
    self._offers[offer] = 0
    log Withdrawn(offer=offer, by=msg.sender)


@external
def set_split(asset: uint256, shares: DynArray[agreement.Share, MAX_SHARES]) -> bytes32:
    """
    @notice The owner sets the shares that other pricers have to name from now on, and puts them where buyers can read
            them. What is offered and ordered already keeps its own
    @param asset The asset
    @param shares Up to 32: who, and hundredths of a percent of what is left after fees; 10,000 together at most
    @return Their hash, as terms name it
    """
    assert self._owner_and_state(asset)[0] == msg.sender, "only the owner may do this"
    split: bytes32 = agreement._split(shares)
    self._splits[asset][msg.sender] = split
    log SplitSet(asset=asset, owner=msg.sender, split=split, shares=abi_encode(shares))
    return split


# Buying


@external
def buy(purchase: Purchase, shares: DynArray[agreement.Share, MAX_SHARES]) -> bytes32:
    """
    @notice Buys what is offered, with tokens that the sender allowed the market to take
    @param purchase Asset, number, the exact terms; recipient (a fresh X25519 key, 32 bytes); job (SHA-256 of what is to
           be run, zero for what is no job); referrer (zero for nobody)
    @param shares The shares that the terms name by their hash
    @return The order: keccak256(abi_encode(offer, buyer, recipient))
    """
    offer: uint256 = self._take_from_supply(purchase)
    purse._pull(purchase.terms.token, msg.sender, purchase.terms.price)
    return self._complete(offer, msg.sender, purchase, shares)


@external
def buy_many(
    purchases: DynArray[Purchase, MAX_PURCHASES],
    shares: DynArray[DynArray[agreement.Share, MAX_SHARES], MAX_PURCHASES],
):
    """
    @notice Buys up to 8 offers, all or nothing, with tokens that the sender allowed the market to take
    @param purchases Each as for `buy`
    @param shares Of each, in their order
    """
    assert len(purchases) == len(shares), "each purchase has its shares"
    for index: uint256 in range(len(purchases), bound=MAX_PURCHASES):
        offer: uint256 = self._take_from_supply(purchases[index])
        purse._pull(purchases[index].terms.token, msg.sender, purchases[index].terms.price)
        self._complete(offer, msg.sender, purchases[index], shares[index])


@external
def buy_with_permit(
    purchase: Purchase,
    shares: DynArray[agreement.Share, MAX_SHARES],
    deadline: uint256,
    v: uint8,
    r: bytes32,
    s: bytes32,
) -> bytes32:
    """
    @notice The same as `buy`, with an allowance of just the price that the sender signed (ERC-2612)
    @dev Whether the permit is taken does not matter: somebody may have used it before. The transfer decides.
    @param purchase As for `buy`
    @param shares As for `buy`
    @param deadline Until when the permit holds
    @param v Of the permit's signature, 27 or 28
    @param r Of the same, 32 bytes
    @param s Of the same, 32 bytes
    @return The order
    """
    offer: uint256 = self._take_from_supply(purchase)
    _taken: bool = raw_call(
        purchase.terms.token,
        abi_encode(
            msg.sender, self, purchase.terms.price, deadline, v, r, s,
            method_id=method_id("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)"),
        ),
        revert_on_failure=False,
    )
    purse._pull(purchase.terms.token, msg.sender, purchase.terms.price)
    return self._complete(offer, msg.sender, purchase, shares)


@external
def buy_with_authorization(
    purchase: Purchase,
    shares: DynArray[agreement.Share, MAX_SHARES],
    buyer: address,
    after: uint256,
    before: uint256,
    v: uint8,
    r: bytes32,
    s: bytes32,
) -> bytes32:
    """
    @notice Buys for the account that signed the transfer (ERC-3009); whoever sends this pays the fee of the ledger alone
    @dev The transfer's nonce is keccak256(abi_encode(purchase)): it pays for this purchase and nothing else.
    @param purchase As for `buy`, at a price above zero
    @param shares As for `buy`
    @param buyer Who signed, and gets the order
    @param after The transfer holds after this time
    @param before And before this one
    @param v Of the signature, 27 or 28
    @param r Of the same, 32 bytes
    @param s Of the same, 32 bytes
    @return The order
    """
    assert purchase.terms.price != 0, "nothing to authorize"
    offer: uint256 = self._take_from_supply(purchase)
    token: address = purchase.terms.token
    price: uint256 = purchase.terms.price
    held: uint256 = staticcall IERC20(token).balanceOf(self)
    extcall Authorized(token).receiveWithAuthorization(
        buyer, self, price, after, before, keccak256(abi_encode(purchase)), v, r, s
    )
    assert staticcall IERC20(token).balanceOf(self) == held + price, "the token did not send the price"
    return self._complete(offer, buyer, purchase, shares)


@external
def buy_from_balance(purchase: Purchase, shares: DynArray[agreement.Share, MAX_SHARES]) -> bytes32:
    """
    @notice The same as `buy`, with what the market owes the sender
    @param purchase As for `buy`
    @param shares As for `buy`
    @return The order
    """
    offer: uint256 = self._take_from_supply(purchase)
    purse._spend(purchase.terms.token, msg.sender, purchase.terms.price)
    return self._complete(offer, msg.sender, purchase, shares)


# Orders whose money is held


@external
def deliver(
    order: bytes32, rules: uint256, price: uint256, deal: bytes32, charge: uint256, digest: bytes32
):
    """
    @notice The seller says that an order is delivered; its window begins
    @param order The order
    @param rules The order's, from Ordered
    @param price What is held
    @param deal keccak256(abi_encode(deal))
    @param charge What is asked in the end: the price, for a job also less
    @param digest SHA-256 of the delivery statement or execution receipt, 32 bytes
    """
    self._deliver(order, msg.sender, rules, price, deal, charge, digest)


@external
def deliver_as_operator(
    asset: uint256,
    number: uint256,
    recipient: bytes32,
    seller: address,
    rules: uint256,
    deal: agreement.Deal,
    charge: uint256,
    digest: bytes32,
):
    """
    @notice The same by an operator of the asset, while the order's seller owns it
    @param asset The asset
    @param number The offer's number
    @param recipient The order's key
    @param seller The order's seller
    @param rules The order's, from Ordered
    @param deal What was bought
    @param charge As for `deliver`
    @param digest As for `deliver`
    """
    self._require_operator(asset, number, seller, deal.offer)
    order: bytes32 = agreement._order_id(deal.offer, deal.buyer, recipient)
    self._deliver(order, seller, rules, deal.price, keccak256(abi_encode(deal)), charge, digest)


@external
def settle(
    order: bytes32,
    seller: address,
    rules: uint256,
    charge: uint256,
    deal: agreement.Deal,
    shares: DynArray[agreement.Share, MAX_SHARES],
):
    """
    @notice Pays out an order when its window is over; anybody may. The buyer may before: that accepts it
    @param order The order
    @param seller Its seller
    @param rules Its rules, from Ordered
    @param charge Its charge, from Delivered
    @param deal What was bought
    @param shares The shares it was bought with
    """
    word: uint256 = self._word(order, seller, rules, charge, deal)
    assert word & agreement.STATE_MASK == agreement.DELIVERED, "not delivered, or closed already"
    if msg.sender != deal.buyer:
        assert block.timestamp >= (word >> agreement.TIME_AT) & agreement.MASK_40, "the window is open"
    self._orders[order] = unsafe_add(word, agreement.SETTLED - agreement.DELIVERED)
    if charge < deal.price:
        purse._credit(deal.token, deal.buyer, unsafe_sub(deal.price, charge))
    self._pay(seller, deal.token, charge, rules, deal.referrer, deal.split, shares)
    log Settled(order=order, charge=charge)


@external
def deliver_and_settle(
    order: bytes32,
    rules: uint256,
    charge: uint256,
    deal: agreement.Deal,
    shares: DynArray[agreement.Share, MAX_SHARES],
    digest: bytes32,
):
    """
    @notice `deliver` and then `settle` in one call, where there is no window: anybody may settle at once then
    @dev Emits Delivered and Settled, and leaves just what the two calls leave
    @param order The order
    @param rules The order's, from Ordered
    @param charge As for `deliver`
    @param deal What was bought
    @param shares The shares it was bought with
    @param digest As for `deliver`
    """
    assert (rules >> agreement.WINDOW_AT) & agreement.MASK_32 == 0, "the window is open"
    self._deliver(order, msg.sender, rules, deal.price, keccak256(abi_encode(deal)), charge, digest)
    self._orders[order] = unsafe_add(self._orders[order], agreement.SETTLED - agreement.DELIVERED)
    if charge < deal.price:
        purse._credit(deal.token, deal.buyer, unsafe_sub(deal.price, charge))
    self._pay(msg.sender, deal.token, charge, rules, deal.referrer, deal.split, shares)
    log Settled(order=order, charge=charge)


@external
def refund(
    order: bytes32,
    asset: uint256,
    number: uint256,
    seller: address,
    rules: uint256,
    charge: uint256,
    deal: agreement.Deal,
):
    """
    @notice Gives the buyer everything back, and takes away what the order gave: by the seller or an operator of the asset
            before it is settled, by the governor inside its window, by the buyer when it was due and not delivered
    @param order The order
    @param asset The asset, for an operator; else anything
    @param number The offer's number, likewise
    @param seller The order's seller
    @param rules Its rules, from Ordered
    @param charge Its charge, from Delivered; the price before
    @param deal What was bought
    """
    word: uint256 = self._word(order, seller, rules, charge, deal)
    state: uint256 = word & agreement.STATE_MASK
    assert state == agreement.HELD or state == agreement.DELIVERED, "closed already"
    if msg.sender != seller:
        is_over: bool = block.timestamp >= (word >> agreement.TIME_AT) & agreement.MASK_40
        if msg.sender == deal.buyer and state == agreement.HELD:
            assert is_over, "not due yet"
        elif msg.sender == governor._governor() and msg.sender != deal.buyer and state == agreement.DELIVERED:
            assert not is_over, "the window is over"
        else:
            self._require_operator(asset, number, seller, deal.offer)
    self._orders[order] = (word & ~agreement.STATE_MASK) | agreement.REFUNDED
    if rules & agreement.MASK_8 <= agreement.PERIOD:
        duration_s: uint256 = (rules >> agreement.DURATION_AT) & agreement.MASK_32
        holders._take_away(deal.offer, deal.buyer, duration_s, rules >> agreement.BEGINNING_AT)
    purse._credit(deal.token, deal.buyer, deal.price)
    log Refunded(order=order, by=msg.sender)


# Reviews


@external
def review(offer: uint256, stars: uint256, digest: bytes32):
    """
    @notice Whoever bought access, and was not refunded, reviews an offer
    @param offer The offer's id
    @param stars 1 to 5
    @param digest SHA-256 of the review, 32 bytes
    """
    assert holders._was_bought(holders._words[offer][msg.sender]), "not bought"
    self._review(offer, stars, digest)


@external
def review_order(
    order: bytes32,
    seller: address,
    rules: uint256,
    charge: uint256,
    deal: agreement.Deal,
    stars: uint256,
    digest: bytes32,
):
    """
    @notice The buyer of an order that was settled reviews its offer; for jobs
    @param order The order
    @param seller Its seller
    @param rules Its rules
    @param charge Its charge
    @param deal What was bought
    @param stars 1 to 5
    @param digest SHA-256 of the review, 32 bytes
    """
    word: uint256 = self._word(order, seller, rules, charge, deal)
    assert word & agreement.STATE_MASK == agreement.SETTLED and msg.sender == deal.buyer, "not bought"
    self._review(deal.offer, stars, digest)


# What anybody may look up


@external
@view
def assets() -> address:
    """
    @notice The Assets contract whose assets are sold here
    @return Its address
    """
    return ASSETS


@external
@view
def offered(asset: uint256, number: uint256, terms: agreement.Terms) -> uint256:
    """
    @notice How many can be bought on exactly these terms now
    @param asset The asset
    @param number The offer's number
    @param terms The terms
    @return A number; 2**32 - 1 for any number; 0 where it was withdrawn, replaced or sold out, where the asset has another
            owner or is recalled or blocked, or where buying is paused
    """
    owner: address = empty(address)
    state: uint256 = 0
    owner, state = self._owner_and_state(asset)
    word: uint256 = self._offers[agreement._offer_id(asset, number)]
    if owner != terms.seller or state > LAST_FOR_SALE or governor._word >> governor.PAUSED_AT != 0:
        return 0
    return word & agreement.MASK_32 if (word ^ agreement._terms_hash(terms)) >> 32 == 0 else 0


@external
@view
def order(order: bytes32) -> (uint256, uint256):
    """
    @notice How an order stands whose money is or was held
    @param order The order
    @return 0 unknown (or paid at once), 1 held, 2 delivered, 3 settled, 4 refunded; and when it is due (1), or when its
            window is over (2)
    """
    word: uint256 = self._orders[order]
    return word & agreement.STATE_MASK, (word >> agreement.TIME_AT) & agreement.MASK_40


# Inside


@internal
@view
def _owner_and_state(asset: uint256) -> (address, uint256):
    owner: address = empty(address)
    state: uint256 = 0
    kind: uint256 = 0
    version: uint256 = 0
    royalty_bps: uint256 = 0
    owner, state, kind, version, royalty_bps = staticcall Assets(ASSETS).asset(asset)
    return owner, state


@internal
def _offer(asset: uint256, owner: address, made: Registration) -> uint256:
    """
    @notice Holds an offer whose terms make sense
    """
    terms: agreement.Terms = made.terms
    assert terms.seller == owner, "the seller is not the owner"
    assert terms.price <= MAX_PRICE, "price out of range"
    assert terms.price == 0 or terms.token != empty(address), "a price needs a token"
    assert terms.sheet != empty(bytes32), "an offer needs a sheet"
    assert made.supply != 0 and made.supply <= UNLIMITED, "supply out of range"
    agreement._require_rules(terms.rules)
    offer: uint256 = agreement._offer_id(asset, made.number)
    self._offers[offer] = ((agreement._terms_hash(terms) >> 32) << 32) | made.supply
    log Offered(
        offer=offer,
        asset=asset,
        seller=owner,
        number=made.number,
        supply=made.supply,
        token=terms.token,
        price=terms.price,
        rules=terms.rules,
        sheet=terms.sheet,
        split=terms.split,
    )
    return offer


@internal
def _take_from_supply(purchase: Purchase) -> uint256:
    """
    @notice Makes sure that this is offered on these terms, and takes one
    """
    offer: uint256 = agreement._offer_id(purchase.asset, purchase.number)
    word: uint256 = self._offers[offer]
    left: uint256 = word & agreement.MASK_32
    assert (word ^ agreement._terms_hash(purchase.terms)) >> 32 == 0, "not offered on these terms"
    assert left != 0, "sold out"
    if left != UNLIMITED:
        self._offers[offer] = unsafe_sub(word, 1)
    owner: address = empty(address)
    state: uint256 = 0
    owner, state = self._owner_and_state(purchase.asset)
    assert owner == purchase.terms.seller, "the asset has another owner"
    assert state <= LAST_FOR_SALE, "the asset is recalled or blocked"
    return offer


@internal
def _complete(
    offer: uint256, buyer: address, purchase: Purchase, shares: DynArray[agreement.Share, MAX_SHARES]
) -> bytes32:
    """
    @notice Makes the order of a purchase that is paid for
    """
    market: uint256 = governor._word
    assert market >> governor.PAUSED_AT == 0, "buying is paused"
    order: bytes32 = agreement._order_id(offer, buyer, purchase.recipient)
    rules: uint256 = purchase.terms.rules | ((market >> governor.FEE_AT) << agreement.FEE_AT)
    kind: uint256 = rules & agreement.MASK_8
    assert (purchase.job != empty(bytes32)) == (kind == agreement.JOB), "a job is named for a job"
    until: uint256 = 0
    if kind <= agreement.PERIOD:
        beginning: uint256 = 0
        until, beginning = holders._give(offer, buyer, (rules >> agreement.DURATION_AT) & agreement.MASK_32, order)
        rules |= beginning << agreement.BEGINNING_AT
    delivery_s: uint256 = (rules >> agreement.DELIVERY_AT) & agreement.MASK_32
    if delivery_s == 0:
        if kind == agreement.SALE:
            self._sell(order, purchase.asset, buyer, purchase.terms, rules, purchase.referrer, shares)
        else:
            self._pay(
                purchase.terms.seller, purchase.terms.token, purchase.terms.price, rules, purchase.referrer,
                purchase.terms.split, shares,
            )
        log Bought(
            order=order,
            offer=offer,
            buyer=buyer,
            recipient=purchase.recipient,
            paid=purchase.terms.price,
            until=until,
            referrer=purchase.referrer,
            fee_bps=(rules >> agreement.FEE_AT) & agreement.MASK_16,
        )
    else:
        assert agreement._split(shares) == purchase.terms.split, "other shares than the terms name"
        assert self._orders[order] == 0, "ordered already"
        deal: agreement.Deal = agreement.Deal(
            offer=offer,
            buyer=buyer,
            token=purchase.terms.token,
            price=purchase.terms.price,
            referrer=purchase.referrer,
            split=purchase.terms.split,
        )
        due: uint256 = block.timestamp + delivery_s
        self._orders[order] = agreement._sealed(
            agreement.HELD, due, purchase.terms.seller, rules, deal.price, keccak256(abi_encode(deal))
        )
        log Ordered(
            order=order,
            offer=offer,
            buyer=buyer,
            recipient=purchase.recipient,
            held=deal.price,
            until=until,
            referrer=deal.referrer,
            rules=rules,
            job=purchase.job,
            due=due,
        )
    return order


@internal
def _sell(
    order: bytes32,
    asset: uint256,
    buyer: address,
    terms: agreement.Terms,
    rules: uint256,
    referrer: address,
    shares: DynArray[agreement.Share, MAX_SHARES],
):
    """
    @notice Hands the asset over, and owes the royalty to whom it belongs
    """
    receiver: address = empty(address)
    royalty: uint256 = 0
    receiver, royalty = staticcall Assets(ASSETS).royaltyInfo(asset, terms.price)
    extcall Assets(ASSETS).transferFrom(terms.seller, buyer, asset)
    if royalty != 0:
        purse._credit(terms.token, receiver, royalty)
    self._pay(terms.seller, terms.token, terms.price - royalty, rules, referrer, terms.split, shares)
    log Sold(order=order, asset=asset, receiver=receiver, royalty=royalty)


@internal
def _pay(
    seller: address,
    token: address,
    amount: uint256,
    rules: uint256,
    referrer: address,
    split: bytes32,
    shares: DynArray[agreement.Share, MAX_SHARES],
):
    """
    @notice Owes an amount to all whom it is for: fees first, then shares of the rest, and what is left to the seller
    """
    assert agreement._split(shares) == split, "other shares than the terms name"
    if amount == 0:
        return
    fee: uint256 = unsafe_div(unsafe_mul(amount, (rules >> agreement.FEE_AT) & agreement.MASK_16), 10_000)
    left: uint256 = unsafe_sub(amount, fee)
    if referrer != empty(address):
        cut: uint256 = unsafe_div(unsafe_mul(amount, (rules >> agreement.REFERRER_AT) & agreement.MASK_16), 10_000)
        left = unsafe_sub(left, cut)
        purse._credit(token, referrer, cut)
    whole: uint256 = left
    for share: agreement.Share in shares:
        cut: uint256 = unsafe_div(unsafe_mul(whole, share.bps), 10_000)
        left = unsafe_sub(left, cut)
        purse._credit_payee(token, share.payee, cut)
    purse._credit(token, seller, unsafe_add(left, fee << 128))


@internal
@view
def _word(order: bytes32, seller: address, rules: uint256, charge: uint256, deal: agreement.Deal) -> uint256:
    """
    @notice The word of an order that was bought for just this
    """
    word: uint256 = self._orders[order]
    hash: uint256 = agreement._sealed(0, 0, seller, rules, charge, keccak256(abi_encode(deal)))
    assert word >> agreement.HASH_AT == hash >> agreement.HASH_AT, "no such order"
    return word


@internal
def _deliver(
    order: bytes32, seller: address, rules: uint256, price: uint256, deal: bytes32, charge: uint256, digest: bytes32
):
    word: uint256 = self._orders[order]
    agreed: uint256 = agreement._sealed(0, 0, seller, rules, price, deal)
    assert word >> agreement.HASH_AT == agreed >> agreement.HASH_AT, "no such order"
    assert word & agreement.STATE_MASK == agreement.HELD, "delivered or closed already"
    assert block.timestamp < (word >> agreement.TIME_AT) & agreement.MASK_40, "it was due before"
    assert charge == price or (charge < price and rules & agreement.MASK_8 == agreement.JOB), "more than was agreed"
    ends: uint256 = block.timestamp + ((rules >> agreement.WINDOW_AT) & agreement.MASK_32)
    self._orders[order] = agreement._sealed(agreement.DELIVERED, ends, seller, rules, charge, deal)
    log Delivered(order=order, digest=digest, charge=charge, ends=ends)


@internal
@view
def _require_operator(asset: uint256, number: uint256, seller: address, offer: uint256):
    """
    @notice Makes sure that the sender is an operator of an offer's asset, and that the order's seller still owns it
    """
    assert agreement._offer_id(asset, number) == offer, "another offer"
    assert self._owner_and_state(asset)[0] == seller, "the asset has another owner"
    assert staticcall Assets(ASSETS).may(asset, msg.sender, OPERATOR), "not in this role"


@internal
def _review(offer: uint256, stars: uint256, digest: bytes32):
    assert stars != 0 and stars <= 5, "one to five stars"
    log Reviewed(offer=offer, by=msg.sender, stars=stars, digest=digest)
