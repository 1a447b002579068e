"""Requests to a witness that are not what they should be: an answer each, never a signature, never a trace."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving_witness import ORIGIN, GrowingLog, witness_signer

from counterfoil.core.note import MAX_NOTE_BYTES, Signer
from counterfoil.core.witness import MAX_REQUEST_BYTES
from counterfoil.store.keyring import Keyring
from counterfoil.store.unlock import Unlock
from counterfoil.witness.cosigner import Cosigner
from counterfoil.witness.settings import WitnessPaths

LOG = GrowingLog().grow(20)
BODY = LOG.request(8, 20)
HASH = b64encode(b"h" * 32)


@pytest.fixture(scope="module")
def cosigner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cosigner]:
    """A witness that has signed the head over 8 records."""
    folder: Path = tmp_path_factory.mktemp("witness")
    ring = Keyring.create(folder / "keys.json", Unlock.create_key_file(folder / "key"), "2026-11-23T19:00:00Z")
    made = Cosigner(WitnessPaths(folder / "witness"), ring, "club.example", lambda: 1_795_000_000)
    made.keys = {ORIGIN: (LOG.signer.key,)}
    assert made.add_checkpoint(LOG.request(0, 8)).status == 200
    yield made
    made.close()


def signed(text: str) -> bytes:
    """Returns a request whose head has this text, with the log's true signature."""
    return b"old 8\n\n" + LOG.signer.sign(text).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"old 8\n",
        b"old 8",
        b"\n\n\n\n",
        BODY[:-1],
        BODY.replace(b"old 8", b"new 8"),
        BODY.replace(b"old 8", b"OLD 8"),
        BODY.replace(b"old 8", b"old  8"),
        BODY.replace(b"old 8", b"old 08"),
        BODY.replace(b"old 8", b"old +8"),
        BODY.replace(b"old 8", b"old -8"),
        BODY.replace(b"old 8", b"old 8 "),
        BODY.replace(b"old 8", b" old 8"),
        BODY.replace(b"old 8", b"old 0x8"),
        BODY.replace(b"old 8", b"old 8_0"),
        BODY.replace(b"old 8", b"old "),
        BODY.replace(b"old 8", "old \u0668".encode()),
        BODY.replace(b"old 8", b"old 9223372036854775808"),
        BODY.replace(b"old 8", b"old 18446744073709551624"),
        BODY.replace(b"old 8", b"old " + b"9" * 5_000),
        BODY.replace(b"\n", b"\r\n"),
        BODY.replace(b"old 8\n", b"old 8\r\n"),
        BODY.replace(b"old 8\n", b"old 8\n\x00"),
        b"\xef\xbb\xbf" + BODY,
        BODY.replace(b"\n", b"\n\xff", 1),
        b"old 8\n" + b"h" * 43 + b"=\n\n" + LOG.head().encode(),  # spare bits set
        b"old 8\n" + b64encode(b"h" * 31) + b"\n\n" + LOG.head().encode(),
        b"old 8\n" + b64encode(b"h" * 33) + b"\n\n" + LOG.head().encode(),
        b"old 8\n" + HASH[:-1] + b"\n\n" + LOG.head().encode(),
        b"old 8\n" + HASH.replace(b"a", b"-") + b"\n\n" + LOG.head().encode(),
        b"old 8\n " + HASH + b"\n\n" + LOG.head().encode(),
        b"old 8\n" + (HASH + b"\n") * 64 + b"\n" + LOG.head().encode(),
        b"old 8\n\n" + LOG.head().encode() + b"\x00",
        b"old 8\n\n" + LOG.head().replace("\u2014", "-").encode(),
        b"old 8\n\n" + LOG.head().partition("\n\n")[0].encode() + b"\n\n",
        b"old 8\n\n" + (LOG.head() + LOG.head().rpartition("\n\n")[2] * 100).encode(),
        b"old 21\n\n" + LOG.head().encode(),
        signed(f"{ORIGIN}\n9223372036854775808\n{HASH.decode()}\n"),
        signed(f"{ORIGIN}\n18446744073709551615\n{HASH.decode()}\n"),
        signed(f"{ORIGIN}\n{'9' * 400}\n{HASH.decode()}\n"),
        signed(f"{ORIGIN}\n-1\n{HASH.decode()}\n"),
        signed(f"{ORIGIN}\n020\n{HASH.decode()}\n"),
        signed(f"{ORIGIN}\n20\n{HASH.decode()}\nan extension line\n"),
        signed(f"{ORIGIN}\n20\n{HASH.decode()[:-2]}==\n"),
        signed(f"{ORIGIN}\n20\n\n"),
        signed("\n20\n" + HASH.decode() + "\n"),
        b"x" * (MAX_REQUEST_BYTES + 1),
        BODY + b"\n" * MAX_REQUEST_BYTES,
        LOG.request(8, 20).replace(b"\n\n", b"\n\n" + b"y" * MAX_NOTE_BYTES, 1),
    ],
)
def test_what_is_malformed_gets_a_400(cosigner: Cosigner, body: bytes) -> None:
    answer = cosigner.add_checkpoint(body)
    assert answer.status == 400
    assert answer.body.decode().isprintable() or answer.body.endswith(b"\n")
    assert b"\xe2\x80\x94" not in answer.body
    assert cosigner.witnessed.seen(ORIGIN).size == 8


@pytest.mark.parametrize(
    "head",
    [
        GrowingLog(LOG.leaves, Signer(ORIGIN, sha256(b"a stranger").digest())).head(),
        LOG.head().replace("\n20\n", "\n21\n"),  # the signature is of another text
        LOG.head(19).rpartition("\n\n")[0] + "\n\n" + LOG.head(20).rpartition("\n\n")[2],
        LOG.head().rpartition("\n\n")[0] + "\n\n" + witness_signer(1).line("x\n"),
    ],
)
def test_a_forged_signature_gets_a_403(cosigner: Cosigner, head: str) -> None:
    assert cosigner.add_checkpoint(b"old 8\n\n" + head.encode()).status == 403
    assert cosigner.witnessed.seen(ORIGIN).size == 8


def test_a_cosignature_under_a_logs_name_is_no_signature_of_the_log(cosigner: Cosigner) -> None:
    from counterfoil.core.note import COSIGNATURE

    same_secret = Signer(ORIGIN, sha256(b"the log").digest(), COSIGNATURE)
    text = LOG.head().rpartition("\n\n")[0] + "\n"
    assert cosigner.add_checkpoint(b"old 8\n\n" + f"{text}\n{same_secret.line(text)}".encode()).status == 403


@pytest.mark.parametrize("size", [7, 8])
def test_a_replay_of_what_was_signed_before_moves_nothing(cosigner: Cosigner, size: int) -> None:
    assert cosigner.add_checkpoint(LOG.request(0, size)).status == 409
    assert cosigner.witnessed.seen(ORIGIN).size == 8


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(BODY) - 1), bit=st.integers(0, 7))
def test_no_flipped_bit_gets_a_signature(cosigner: Cosigner, place: int, bit: int) -> None:
    body = bytearray(BODY)
    body[place] ^= 1 << bit
    assert cosigner.add_checkpoint(bytes(body)).status in (400, 403, 404, 409, 422)
    assert cosigner.witnessed.seen(ORIGIN).size == 8


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300))
def test_no_noise_gets_a_signature(cosigner: Cosigner, body: bytes) -> None:
    assert cosigner.add_checkpoint(body).status == 400
    assert cosigner.add_checkpoint(b"old 8\n\n" + body).status == 400
