"""The serving side: answers as C2SP tlog-witness says, byte for byte."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from organisations import full_disk
from serving_witness import ORIGIN, GrowingLog

from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.core.note import VerifierKey, parse_note
from counterfoil.core.witness import SIZE_TYPE
from counterfoil.store.keyring import Keyring
from counterfoil.store.unlock import Unlock
from counterfoil.witness.cosigner import Answer, Cosigner
from counterfoil.witness.settings import WitnessPaths

LOG = GrowingLog().grow(30)
NOW_S = 1_795_000_000.9


class Made:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.unlock = Unlock.create_key_file(folder / "key")
        self.ring = Keyring.create(folder / "keys.json", self.unlock, "2026-11-23T19:00:00Z")
        self.cosigner = self.open()

    def open(self) -> Cosigner:
        made = Cosigner(WitnessPaths(self.folder / "witness"), self.ring, "club.example", lambda: NOW_S)
        made.keys = {ORIGIN: (LOG.signer.key,)}
        return made


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    home = Made(tmp_path)
    yield home
    home.cosigner.close()


def time_of(answer: Answer, log: GrowingLog, size: int, key: VerifierKey) -> int | None:
    assert (answer.status, answer.content_type) == (200, "text/plain; charset=utf-8")
    assert answer.body.decode().count("\n") == 1
    return parse_note(log.head(size) + answer.body.decode()).cosigned_at(key)


def test_an_extension_is_signed_with_the_time(made: Made) -> None:
    answer = made.cosigner.add_checkpoint(LOG.request(0, 10))
    assert time_of(answer, LOG, 10, made.cosigner.key) == int(NOW_S)
    assert time_of(made.cosigner.add_checkpoint(LOG.request(10, 25)), LOG, 25, made.cosigner.key) == int(NOW_S)
    assert str(made.cosigner.key).startswith("club.example/witness+")


def test_the_same_head_is_signed_again(made: Made) -> None:
    made.cosigner.add_checkpoint(LOG.request(0, 10))
    assert time_of(made.cosigner.add_checkpoint(LOG.request(10, 10)), LOG, 10, made.cosigner.key) is not None


def test_another_size_is_told_which_one_it_is(made: Made) -> None:
    made.cosigner.add_checkpoint(LOG.request(0, 10))
    assert made.cosigner.add_checkpoint(LOG.request(0, 20)) == Answer(409, SIZE_TYPE, b"10\n")
    assert made.cosigner.add_checkpoint(LOG.request(7, 20)) == Answer(409, SIZE_TYPE, b"10\n")
    assert made.cosigner.add_checkpoint(LOG.request(0, 5)) == Answer(409, SIZE_TYPE, b"10\n"), "a replay of an old one"


def test_a_fork_is_refused_and_kept_as_evidence(made: Made) -> None:
    made.cosigner.add_checkpoint(LOG.request(0, 10))
    fork = LOG.fork(5).grow(15, "other ")
    assert made.cosigner.add_checkpoint(fork.request(10, 20)).status == 422
    assert made.cosigner.contradictions() == []
    answer = made.cosigner.add_checkpoint(fork.request(10, 10))
    assert (answer.status, answer.content_type) == (409, "text/plain; charset=utf-8")
    (pair,) = made.cosigner.contradictions()
    first, second = SignedCheckpoint.parse(pair.signed), SignedCheckpoint.parse(pair.refused)
    assert first.head.size == second.head.size
    assert first.head.root != second.head.root
    assert all(each.note.signed_by(LOG.signer.key) for each in (first, second))


def test_who_is_not_known_leaves_no_trace(made: Made) -> None:
    made.cosigner.keys = {}
    assert made.cosigner.add_checkpoint(LOG.request(0, 10)).status == 404
    assert not (made.folder / "witness").exists()
    assert not made.cosigner.has_key


def test_it_goes_on_where_it_stopped(made: Made) -> None:
    made.cosigner.add_checkpoint(LOG.request(0, 10))
    key = made.cosigner.key
    made.cosigner.close()
    made.ring = Keyring.open(made.folder / "keys.json", made.unlock)
    made.cosigner = made.open()
    assert made.cosigner.key == key
    assert made.cosigner.add_checkpoint(LOG.request(0, 20)) == Answer(409, SIZE_TYPE, b"10\n")


def test_a_full_disk_is_an_answer_and_no_signature(made: Made) -> None:
    made.cosigner.add_checkpoint(LOG.request(0, 10))
    with full_disk(1):
        answer = made.cosigner.add_checkpoint(LOG.request(10, 20))
    assert (answer.status, answer.body) == (503, b"this witness cannot sign now\n")
    assert made.cosigner.add_checkpoint(LOG.request(10, 20)).status == 200


def test_a_damaged_file_is_an_answer_and_no_signature(made: Made) -> None:
    made.cosigner.add_checkpoint(LOG.request(0, 10))
    made.cosigner.close()
    made.cosigner = made.open()
    (made.folder / "witness" / "witnessed.db").write_bytes(b"damage" * 1_000)
    assert made.cosigner.add_checkpoint(LOG.request(0, 10)).status == 500


def test_a_new_key_signs_and_the_old_secret_is_gone(made: Made) -> None:
    old = made.cosigner.key
    made.cosigner.add_checkpoint(LOG.request(0, 10))
    new = made.cosigner.rotate_key()
    assert new != old
    answer = made.cosigner.add_checkpoint(LOG.request(10, 20))
    assert time_of(answer, LOG, 20, new) is not None
    assert parse_note(LOG.head(20) + answer.body.decode()).cosigned_at(old) is None
    kept = [entry for entry in made.ring.entries() if entry.use == "witness"]
    assert [entry.has_secret for entry in kept] == [False, True]


def test_a_rotation_that_a_crash_interrupted_is_finished(made: Made) -> None:
    old = made.cosigner.key
    made.ring.rotate("witness", "2026-11-23T19:00:00Z")  # and then the power fails
    made.cosigner.close()
    made.ring = Keyring.open(made.folder / "keys.json", made.unlock)
    made.cosigner = made.open()
    assert made.ring.pending("witness") is None
    assert made.cosigner.key != old
    assert made.cosigner.rotate_key() != old


def test_a_copy_of_an_older_home_would_sign_anew(made: Made) -> None:
    """Why a witness that was restored from a backup takes a new key: docs/guides/witnesses.md."""
    made.cosigner.add_checkpoint(LOG.request(0, 10))
    made.cosigner.close()
    shutil.rmtree(made.folder / "witness")
    made.cosigner = made.open()
    fork = LOG.fork(5).grow(15, "other ")
    assert made.cosigner.add_checkpoint(fork.request(0, 20)).status == 200
