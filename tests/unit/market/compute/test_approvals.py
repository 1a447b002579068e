from __future__ import annotations

import pytest
from making_algorithms import TOTAL, total

from counterfoil.core.signed_document import read_document
from counterfoil.errors import NotAllowed
from counterfoil.market.compute.approvals import PUBLICATION_FORMAT, Approvals, publish

SECRET, OTHER = bytes(range(32)), bytes(range(1, 33))


def publication_of(algorithm, secret=SECRET):
    return read_document(publish(algorithm, secret, "lab.example"), PUBLICATION_FORMAT)


def test_an_empty_list_approves_nothing():
    with pytest.raises(NotAllowed, match=total().digest_hex):
        Approvals().require(total(), publication_of(total()))


def test_each_way_of_approval_says_which_it_was():
    digest = total().digest_hex
    assert Approvals(digests=frozenset({digest})).require(total()).by == "digest"
    voted = Approvals(votes={digest: "vote-record"}).require(total())
    assert (voted.by, voted.reference) == ("vote", "vote-record")
    document = publication_of(total())
    published = Approvals(publishers=(document.key,)).require(total(), document)
    assert (published.by, published.reference) == ("publisher", document.key.fingerprint)


def test_one_byte_more_is_not_approved_by_any_way():
    swapped, document = total(TOTAL + b"#"), publication_of(total())
    every = Approvals(frozenset({total().digest_hex}), (document.key,), {total().digest_hex: "vote"})
    assert every.approval_of(total()) is not None
    assert every.approval_of(swapped, document) is None
    assert every.approval_of(swapped) is None


def test_another_key_of_the_same_name_does_not_publish():
    trusted = publication_of(total()).key
    assert Approvals(publishers=(trusted,)).approval_of(total(), publication_of(total(), OTHER)) is None
