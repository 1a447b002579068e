"""Every branch of the shipped code that can be reached is reached by the tests of the contract, both ways."""

from __future__ import annotations

from pathlib import Path

from contract.branches import require_both_ways

TESTS = ("offers", "buying", "orders", "at_once", "money", "hostile", "governing", "calls")
CHECKED = "what the compiler checks here was checked before"
OURS = "Assets is a contract of this version: it has code, and answers in the form that it says"
LISTS = "not tried: what the compiler checks of lists whose place or length wraps around"
NO_CODE = "a token whose balance was told before has code"
OUT_OF_GAS = "the hash runs out of gas, and then so does the call"
UNREACHABLE: dict[str, str] = {
    "amount += word >> 128": CHECKED,
    "amount: uint256 = min(due - before, (word & MASK_128) - (word >> 128))": CHECKED,
    'assert extcall IERC20(token).transfer(account, amount, default_return_value=True), "the token refuses"': NO_CODE,
    'assert extcall IERC20(token).transferFrom(buyer, self, price, default_return_value=True), "the token refuses"': (
        NO_CODE
    ),
    'assert msg.sender == convert(word & ADDRESS_MASK, address), "only the governor may do this"': CHECKED,
    'assert staticcall Assets(ASSETS).may(asset, msg.sender, OPERATOR), "not in this role"': OURS,
    'assert staticcall Assets(ASSETS).may(asset, msg.sender, PRICER), "not in this role"': OURS,
    "due: uint256 = block.timestamp + delivery_s": CHECKED,
    "ends: uint256 = block.timestamp + ((rules >> agreement.WINDOW_AT) & agreement.MASK_32)": CHECKED,
    "extcall Assets(ASSETS).transferFrom(terms.seller, buyer, asset)": OURS,
    "extcall Authorized(token).receiveWithAuthorization(": NO_CODE,
    "for index: uint256 in range(len(purchases), bound=MAX_PURCHASES):": CHECKED,
    "for share: Share in shares:": CHECKED,
    "for share: agreement.Share in shares:": CHECKED,
    "for sibling: bytes32 in proof:  # (4)": CHECKED,
    "leaf: bytes32 = sha256(concat(0x00, abi_encode(account, weight)))": OUT_OF_GAS,
    "log SplitSet(asset=asset, owner=msg.sender, split=split, shares=abi_encode(shares))": CHECKED,
    "offer: uint256 = self._take_from_supply(purchases[index])": CHECKED,
    "owner, state, kind, version, royalty_bps = staticcall Assets(ASSETS).asset(asset)": OURS,
    "purse._pull(purchases[index].terms.token, msg.sender, purchases[index].terms.price)": CHECKED,
    "reached = sha256(concat(0x01, reached, sibling))": OUT_OF_GAS,
    "reached = sha256(concat(0x01, sibling, reached))": OUT_OF_GAS,
    "receiver, royalty = staticcall Assets(ASSETS).royaltyInfo(asset, terms.price)": OURS,
    "return convert(self._word & ADDRESS_MASK, address)": CHECKED,
    "return keccak256(abi_encode(shares))": CHECKED,
    "self._claimed[root][token][account] = before + amount": CHECKED,
    "self._complete(offer, msg.sender, purchases[index], shares[index])": CHECKED,
    "self._credit(token, convert(convert(payee, uint256), address), amount)": CHECKED,
    "self._owed[token][self] += fees": CHECKED,
    "self._pay(terms.seller, terms.token, terms.price - royalty, rules, referrer, terms.split, shares)": CHECKED,
    "self._pots[root][token] = word + (amount << 128)": CHECKED,
    "tag: bytes18 = convert(convert(word >> TAG_AT, uint144), bytes18)": CHECKED,
    "def withdraw_fees(token: address, accounts: DynArray[address, 64]) -> uint256:": LISTS,
    "purchases: DynArray[Purchase, MAX_PURCHASES],": LISTS,
    "shares: DynArray[DynArray[agreement.Share, MAX_SHARES], MAX_PURCHASES],": LISTS,
    "self._offer(asset, creator, abi_decode(data, Registration))": CHECKED,
}
"""Lines with a branch that no call can reach, or that is not tried, and why."""


def test_every_branch_goes_both_ways(tmp_path: Path) -> None:
    require_both_ways("Market", TESTS, UNREACHABLE, tmp_path)
