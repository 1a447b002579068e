"""Opening a log, and notes."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import boa
import pytest
from contract.evidence.harness import (
    LOG_KEY,
    NOBODY,
    ORIGIN,
    OWNER,
    SIGNER,
    STRANGER,
    WRITER,
    deploy,
    events,
    open_log,
    refused,
)
from eth_abi import encode
from vyper.utils import keccak256

from counterfoil.ledger.contracts.artefact import Artefact


def test_the_tests_run_the_code_that_is_shipped(evidence: Any) -> None:
    shipped = Artefact.load("Evidence")

    assert keccak256(evidence.bytecode) == shipped.runtime_code_hash
    assert evidence.compiler_data.bytecode == shipped.bytecode


def test_every_deployment_has_the_same_code(evidence: Any) -> None:
    with boa.env.anchor():
        boa.env.evm.patch.chain_id = 8453
        boa.env.time_travel(seconds=1000)
        elsewhere = deploy()

    assert elsewhere.address != evidence.address
    assert elsewhere.bytecode == evidence.bytecode


def test_opening_tells_everything(evidence: Any) -> None:
    log_id = open_log(evidence)

    assert events(evidence) == [
        ("Opened", log_id, OWNER.address, LOG_KEY, ORIGIN),
        ("WriterAssigned", log_id, WRITER.address),
        ("SignerNamed", log_id, SIGNER.address),
    ]
    assert evidence.owner(log_id) == OWNER.address
    assert evidence.writer(log_id) == WRITER.address
    assert evidence.is_signer(log_id, SIGNER.address)
    assert not evidence.is_signer(log_id, OWNER.address)
    assert evidence.pending_owner(log_id) == evidence.pending_writer(log_id) == NOBODY
    assert evidence.head(log_id) == (0, bytes(32), 0)
    assert not evidence.equivocated(log_id)


@pytest.mark.parametrize("origin", ["a", "ü" * 100, "x" * 200])
def test_the_id_follows_from_who_opens_what(evidence: Any, origin: str) -> None:
    log_id = open_log(evidence, origin)

    assert log_id == evidence.log_id_of(OWNER.address, origin)
    assert log_id == keccak256(encode(["address", "string"], [OWNER.address, origin]))


def test_nobody_can_take_anothers_id(evidence: Any) -> None:
    theirs = evidence.open(ORIGIN, LOG_KEY, STRANGER.address, STRANGER.address, sender=STRANGER.address)
    ours = open_log(evidence)

    assert ours != theirs
    assert evidence.owner(ours) == OWNER.address


def test_a_log_is_opened_once(evidence: Any, log_id: bytes) -> None:
    with refused("this log is open already"):
        open_log(evidence)

    open_log(evidence, "another.example")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"origin": ""}, "a log needs an origin"),
        ({"log_key": bytes(32)}, "a log needs a key"),
        ({"writer": NOBODY}, "a log needs a writer"),
        ({"signer": NOBODY}, "a signer needs an address"),
    ],
)
def test_a_log_needs_all_of_its_parts(evidence: Any, change: dict[str, Any], reason: str) -> None:
    whole = {"origin": ORIGIN, "log_key": LOG_KEY, "writer": WRITER.address, "signer": SIGNER.address}

    with refused(reason):
        evidence.open(*(whole | change).values(), sender=OWNER.address)


def test_anybody_adds_a_note(evidence: Any, log_id: bytes) -> None:
    digest = sha256(b"not so").digest()

    evidence.note(log_id, 7, digest, sender=STRANGER.address)

    assert events(evidence) == [("Noted", log_id, 7, STRANGER.address, digest)]


def test_a_note_needs_a_log(evidence: Any) -> None:
    with refused("no such log"):
        evidence.note(evidence.log_id_of(OWNER.address, ORIGIN), 0, bytes(32))
