"""What a witness is asked and how it judges; hostile requests are in tests/hostile/test_witness_requests.py."""

from __future__ import annotations

from dataclasses import replace

import pytest
from serving_witness import ORIGIN, GrowingLog, witness_signer

from counterfoil.core.merkle import EMPTY_ROOT
from counterfoil.core.note import MAX_NOTE_BYTES, Signer
from counterfoil.core.witness import MAX_REQUEST_BYTES, NOTHING_SEEN, AddCheckpoint, Refusal, Seen, judge

LOG = GrowingLog().grow(20)
KEYS = (LOG.signer.key,)


def asked(log: GrowingLog, old: int, size: int | None = None) -> AddCheckpoint:
    return AddCheckpoint.parse(log.request(old, size))


def seen(size: int, log: GrowingLog = LOG) -> Seen:
    return Seen(size, log.root(size), 5) if size else NOTHING_SEEN


def status(found: Refusal | None) -> int:
    return 200 if found is None else found.status


def test_a_request_reads_back() -> None:
    body = LOG.request(7)
    assert AddCheckpoint.parse(body).encode() == body
    assert asked(LOG, 7).old_size == 7


def test_the_largest_request_fits() -> None:
    hashes = 63 * len("A" * 43 + "=\n")
    assert len("old 9999999999999999\n") + hashes + 1 + MAX_NOTE_BYTES <= MAX_REQUEST_BYTES


@pytest.mark.parametrize("old", range(21))
@pytest.mark.parametrize("size", range(21))
def test_every_extension_of_what_was_seen_is_signed_and_nothing_else(old: int, size: int) -> None:
    if old > size:
        request = replace(asked(LOG, size, size), old_size=old)
        assert status(judge(request, KEYS, seen(old))) == 400
        return
    request = asked(LOG, old, size)
    assert judge(request, KEYS, seen(old)) is None
    other = seen(old + 1)
    found = judge(request, KEYS, other)
    assert found is not None
    assert (found.status, found.size) == (409, old + 1)


def test_a_log_nobody_named_is_not_known() -> None:
    assert status(judge(asked(LOG, 0), (), NOTHING_SEEN)) == 404


def test_the_first_head_is_taken_as_it_is() -> None:
    assert judge(asked(LOG, 0), KEYS, NOTHING_SEEN) is None
    empty = GrowingLog()
    assert judge(asked(empty, 0), KEYS, NOTHING_SEEN) is None
    assert empty.root() == EMPTY_ROOT


def test_a_head_of_an_unknown_key_is_forbidden() -> None:
    stranger = GrowingLog(LOG.leaves, Signer(ORIGIN, b"s" * 32))
    assert status(judge(asked(stranger, 0), KEYS, NOTHING_SEEN)) == 403
    both = AddCheckpoint.make(0, (), LOG.head() + stranger.head().rpartition("\n\n")[2])
    assert judge(both, KEYS, NOTHING_SEEN) is None, "signatures of strangers are passed over"
    assert judge(asked(stranger, 0), (*KEYS, stranger.signer.key), NOTHING_SEEN) is None, "either key will do"


def test_a_key_counts_for_its_own_log_only() -> None:
    key = Signer("other.example", b"o" * 32)
    note = GrowingLog(LOG.leaves, key).head()
    request = AddCheckpoint.make(0, (), LOG.head().rpartition("\n\n")[0] + "\n\n" + note.rpartition("\n\n")[2])
    assert status(judge(request, (key.key,), NOTHING_SEEN)) == 403


def test_another_head_of_the_same_size_convicts() -> None:
    fork = LOG.fork(10).grow(10, "other ")
    found = judge(asked(fork, 20), KEYS, seen(20))
    assert found is not None
    assert (found.status, found.size, found.is_contradiction) == (409, None, True)


def test_a_longer_fork_is_refused_whatever_its_proof() -> None:
    fork = LOG.fork(10).grow(15, "other ")
    for proof in (fork.proof(20), LOG.proof(19), (), fork.proof(10)):
        found = judge(replace(asked(fork, 20), proof=proof), KEYS, seen(20))
        assert found is not None
        assert found.status == 422
        assert not found.is_contradiction, "anybody can send a true head with a wrong proof"


def test_a_proof_where_none_belongs_is_refused() -> None:
    assert status(judge(replace(asked(LOG, 0), proof=(b"h" * 32,)), KEYS, NOTHING_SEEN)) == 422
    assert status(judge(replace(asked(LOG, 20), proof=(b"h" * 32,)), KEYS, seen(20))) == 422


def test_a_witness_signs_what_the_checker_reads() -> None:
    signer = witness_signer(1)
    note = AddCheckpoint.make(0, (), LOG.head() + signer.line(asked(LOG, 0).signed.note.text, time_s=77)).signed.note
    assert note.cosigned_at(signer.key) == 77
    assert note.cosigned_at(witness_signer(2).key) is None
    assert note.cosigned_at(LOG.signer.key) is None, "a log's own signature has no time"


def test_the_newest_of_several_times_counts_and_impossible_ones_do_not() -> None:
    signer, text = witness_signer(1), asked(LOG, 0).signed.note.text
    lines = [signer.line(text, time_s=time_s) for time_s in (5, 9, 2**63, 7)]
    note = AddCheckpoint.make(0, (), LOG.head() + "".join(lines)).signed.note
    assert note.cosigned_at(signer.key) == 9
    assert note.only(note.signatures[3]).cosigned_at(signer.key) is None
