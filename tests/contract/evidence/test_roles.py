"""Who may do what with a log, and how that is handed on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from contract.evidence.harness import NOBODY, OWNER, SIGNER, STRANGER, WRITER, Tree, anchor, events, refused

NOT_OFFERED = "not offered to this account"
ONLY_OWNER = "only the owner may do this"


@pytest.mark.parametrize(
    "call",
    [
        lambda evidence, log_id, by: evidence.offer_owner(log_id, by, sender=by),
        lambda evidence, log_id, by: evidence.offer_writer(log_id, by, sender=by),
        lambda evidence, log_id, by: evidence.revoke_writer(log_id, sender=by),
        lambda evidence, log_id, by: evidence.name_signer(log_id, by, sender=by),
    ],
    ids=["offer_owner", "offer_writer", "revoke_writer", "name_signer"],
)
@pytest.mark.parametrize("by", [WRITER, SIGNER, STRANGER], ids=lambda account: account.name)
def test_only_the_owner_may(evidence: Any, log_id: bytes, call: Callable[..., None], by: Any) -> None:
    with refused(ONLY_OWNER):
        call(evidence, log_id, by.address)


def test_a_log_is_handed_over_in_two_steps(evidence: Any, log_id: bytes) -> None:
    evidence.offer_owner(log_id, STRANGER.address, sender=OWNER.address)
    assert events(evidence) == [("OwnerOffered", log_id, STRANGER.address)]
    assert (evidence.owner(log_id), evidence.pending_owner(log_id)) == (OWNER.address, STRANGER.address)

    evidence.accept_owner(log_id, sender=STRANGER.address)
    assert events(evidence) == [("OwnerAssigned", log_id, STRANGER.address)]
    assert (evidence.owner(log_id), evidence.pending_owner(log_id)) == (STRANGER.address, NOBODY)
    with refused(ONLY_OWNER):
        evidence.revoke_writer(log_id, sender=OWNER.address)
    with refused(NOT_OFFERED):
        evidence.accept_owner(log_id, sender=STRANGER.address)


def test_only_who_was_offered_the_log_accepts_it(evidence: Any, log_id: bytes) -> None:
    with refused(NOT_OFFERED):
        evidence.accept_owner(log_id, sender=STRANGER.address)
    evidence.offer_owner(log_id, STRANGER.address, sender=OWNER.address)
    with refused(NOT_OFFERED):
        evidence.accept_owner(log_id, sender=WRITER.address)

    evidence.offer_owner(log_id, NOBODY, sender=OWNER.address)
    assert events(evidence) == [("OwnerOffered", log_id, NOBODY)]
    with refused(NOT_OFFERED):
        evidence.accept_owner(log_id, sender=STRANGER.address)


def test_what_the_former_owner_offered_lapses(evidence: Any, log_id: bytes) -> None:
    evidence.offer_writer(log_id, SIGNER.address, sender=OWNER.address)
    evidence.offer_owner(log_id, STRANGER.address, sender=OWNER.address)
    evidence.accept_owner(log_id, sender=STRANGER.address)

    assert evidence.pending_writer(log_id) == NOBODY
    with refused(NOT_OFFERED):
        evidence.accept_writer(log_id, sender=SIGNER.address)
    assert evidence.writer(log_id) == WRITER.address


def test_the_writer_changes_in_two_steps_and_the_head_stays(evidence: Any, log_id: bytes) -> None:
    anchor(evidence, log_id, Tree.of(3))
    held = evidence.head(log_id)

    evidence.offer_writer(log_id, STRANGER.address, sender=OWNER.address)
    assert events(evidence) == [("WriterOffered", log_id, STRANGER.address)]
    assert (evidence.writer(log_id), evidence.pending_writer(log_id)) == (WRITER.address, STRANGER.address)

    evidence.accept_writer(log_id, sender=STRANGER.address)
    assert events(evidence) == [("WriterAssigned", log_id, STRANGER.address)]
    assert (evidence.writer(log_id), evidence.pending_writer(log_id)) == (STRANGER.address, NOBODY)
    assert evidence.head(log_id) == held
    with refused("only the writer may anchor"):
        anchor(evidence, log_id, Tree.of(4))
    with refused(NOT_OFFERED):
        evidence.accept_writer(log_id, sender=STRANGER.address)


def test_only_who_was_offered_to_write_accepts_it(evidence: Any, log_id: bytes) -> None:
    evidence.offer_writer(log_id, STRANGER.address, sender=OWNER.address)
    with refused(NOT_OFFERED):
        evidence.accept_writer(log_id, sender=SIGNER.address)

    evidence.offer_writer(log_id, NOBODY, sender=OWNER.address)
    with refused(NOT_OFFERED):
        evidence.accept_writer(log_id, sender=STRANGER.address)


def test_a_lost_writer_is_stopped_at_once(evidence: Any, log_id: bytes) -> None:
    anchor(evidence, log_id, Tree.of(3))
    held = evidence.head(log_id)
    evidence.offer_writer(log_id, STRANGER.address, sender=OWNER.address)

    evidence.revoke_writer(log_id, sender=OWNER.address)

    assert events(evidence) == [("WriterAssigned", log_id, NOBODY)]
    assert evidence.writer(log_id) == evidence.pending_writer(log_id) == NOBODY
    assert evidence.head(log_id) == held
    with refused("only the writer may anchor"):
        anchor(evidence, log_id, Tree.of(4))
    with refused(NOT_OFFERED):
        evidence.accept_writer(log_id, sender=STRANGER.address)


def test_a_signer_counts_for_ever(evidence: Any, log_id: bytes) -> None:
    evidence.name_signer(log_id, STRANGER.address, sender=OWNER.address)
    assert events(evidence) == [("SignerNamed", log_id, STRANGER.address)]

    evidence.name_signer(log_id, STRANGER.address, sender=OWNER.address)

    assert evidence.is_signer(log_id, STRANGER.address)
    assert evidence.is_signer(log_id, SIGNER.address)


def test_nobody_is_no_signer(evidence: Any, log_id: bytes) -> None:
    with refused("a signer needs an address"):
        evidence.name_signer(log_id, NOBODY, sender=OWNER.address)


def test_one_log_has_no_power_over_another(evidence: Any, log_id: bytes) -> None:
    other = evidence.open("other.example", b"k" * 32, STRANGER.address, STRANGER.address, sender=STRANGER.address)

    with refused(ONLY_OWNER):
        evidence.revoke_writer(other, sender=OWNER.address)
    with refused("only the writer may anchor"):
        anchor(evidence, other, Tree.of(1))
    assert not evidence.is_signer(other, SIGNER.address)
