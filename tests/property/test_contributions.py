"""However shares change and whoever shares: never more than the whole, each with a proof, the same for everybody."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.merkle import is_included, leaf_hash
from counterfoil.errors import InvalidInput
from counterfoil.ledger.market.terms import Share, split_of
from counterfoil.market.contributions.dilution import with_contribution
from counterfoil.market.contributions.share_file import WHOLE, ShareFile

ACCOUNTS = st.integers(1, 2**160 - 1).map(lambda each: f"0x{each:040x}")
FEW = st.integers(1, 12).map(lambda each: f"0x{each:040x}")
STEPS = st.lists(st.tuples(FEW, st.integers(1, 9_999), st.sampled_from(["dilute", "fixed"])), max_size=20)


@given(STEPS)
def test_shares_are_never_more_than_the_whole_and_no_refusal_changes_them(steps) -> None:
    shares: tuple[Share, ...] = ()
    for account, bps, rule in steps:
        before = {each.payee: each.bps for each in shares}
        try:
            shares = with_contribution(shares, Share.of(account, bps), rule)
        except InvalidInput:
            continue
        split_of(shares)  # the contract takes them
        now = {each.payee: each.bps for each in shares}
        assert sum(now.values()) <= 10_000
        new = Share.of(account, bps).payee
        assert now[new] >= bps
        assert set(now) == {*before, new}
        kept = 10_000 - bps if rule == "dilute" else 10_000
        for payee, had in before.items():
            assert now[payee] - (bps if payee == new else 0) == had * kept // 10_000


@given(st.dictionaries(ACCOUNTS, st.integers(1, 10**6), min_size=1, max_size=40))
def test_every_account_has_its_part_to_the_last_one_and_a_proof(amounts) -> None:
    made = ShareFile.of(amounts)
    assert ShareFile.read(made.encode()) == made
    assert sum(weight for _, weight in made.claims) == WHOLE
    total = sum(amounts.values())
    for account, amount in amounts.items():
        claim = made.claim(account)
        exact = amount * WHOLE / total
        assert abs(claim.weight - exact) < 1.01
        word = bytes.fromhex(account[2:]).rjust(32, b"\0") + claim.weight.to_bytes(32)
        proof = [bytes.fromhex(each) for each in claim.proof]
        assert is_included(leaf_hash(word), claim.index, claim.size, proof, bytes.fromhex(made.root))
        assert not is_included(leaf_hash(word + b"\0"), claim.index, claim.size, proof, bytes.fromhex(made.root))


@given(st.lists(st.tuples(ACCOUNTS, st.integers(1, 1_000)), min_size=2, max_size=20, unique_by=lambda each: each[0]))
def test_the_order_in_which_accounts_are_named_changes_nothing(amounts) -> None:
    assert ShareFile.of(dict(amounts)).encode() == ShareFile.of(dict(amounts[::-1])).encode()
