"""The asking side: what each answer of a witness means, and that nobody waits for one that says nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from organisations import Clock, copy_home, open_home
from serving_witness import serving, witness_signer

from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.core.statement import Draft
from counterfoil.core.witness import SIZE_TYPE, AddCheckpoint
from counterfoil.core.witness_policy import PolicyWitness, WitnessPolicy
from counterfoil.errors import CounterfoilError, NotSetUp
from counterfoil.organisation import Organisation
from counterfoil.witness.asking import MAX_TRIES, Asking, Given
from counterfoil.witness.collecting import Collecting
from counterfoil.witness.cosigner import Answer
from counterfoil.witness.endpoint import Reply, Unanswered
from counterfoil.witness.settings import WitnessPaths

SIGNER = witness_signer(1)
WITNESS = PolicyWitness("w", SIGNER.key, "https://w.example")
PLAIN = "text/plain"


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Organisation]:
    with open_home(copy_home(tmp_path), Clock()) as opened:
        yield opened


def ask(org: Organisation, known: int, *replies: Reply | Exception | Callable[[AddCheckpoint], Reply]) -> Given:
    """Asks a witness that gives these answers in turn."""
    left = list(replies)

    def post(url: str, body: bytes, timeout_s: float) -> Reply:
        assert url == "https://w.example"
        assert 0 < timeout_s <= 5
        reply = left.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, Reply) else reply(AddCheckpoint.parse(body))

    found = Asking(org.archive, org.archive.own_checkpoint(), 5, post).ask(WITNESS, known)
    assert not left
    return found


def signs(request: AddCheckpoint) -> Reply:
    return Reply(200, PLAIN, SIGNER.line(request.signed.note.text, time_s=7).encode())


def test_a_cosignature_is_taken(org: Organisation) -> None:
    found = ask(org, 0, signs)
    assert (found.fault, found.acknowledged) == ("", org.archive.size)
    note = SignedCheckpoint.parse(org.archive.own_checkpoint() + found.line).note
    assert note.cosigned_at(SIGNER.key) == 7


def test_the_size_that_is_told_is_believed_and_proven_from(org: Organisation) -> None:
    def judges(request: AddCheckpoint) -> Reply:
        assert (request.old_size, request.proof) == (2, org.archive.consistency(2, org.archive.size))
        return signs(request)

    assert not ask(org, 0, Reply(409, SIZE_TYPE, b"2\n"), judges).fault
    assert not ask(org, 1, Reply(409, SIZE_TYPE, b"2\n"), judges).fault
    own = str(org.archive.size).encode()
    assert not ask(org, 0, Reply(409, SIZE_TYPE, own + b"\n"), signs).fault, "it had signed, and its answer was lost"


def test_who_names_another_size_each_time_is_given_up(org: Organisation) -> None:
    found = ask(org, 0, *[Reply(409, SIZE_TYPE, b"%d\n" % (number + 1)) for number in range(MAX_TRIES)])
    assert "another size each time" in found.fault


@pytest.mark.parametrize(
    ("reply", "words", "is_alarm"),
    [
        (Reply(404, PLAIN, b""), "does not watch this log", False),
        (Reply(403, PLAIN, b""), "does not know the key", False),
        (Reply(429, PLAIN, b""), "too often", False),
        (Reply(500, PLAIN, b""), "HTTP status 500", False),
        (Reply(301, PLAIN, b""), "HTTP status 301", False),
        (Reply(422, PLAIN, b""), "another history", True),
        (Reply(409, PLAIN, b"no"), "another history", True),
        (Reply(409, SIZE_TYPE, b"999999\n"), "older copy of the home", True),
        (Reply(409, SIZE_TYPE, b"0\n"), "HTTP status 409", False),
        (Reply(409, SIZE_TYPE, b"x\n"), "HTTP status 409", False),
        (Reply(409, SIZE_TYPE, b"9" * 5_000), "HTTP status 409", False),
        (Reply(409, SIZE_TYPE, b"01\n"), "HTTP status 409", False),
        (Reply(200, PLAIN, b""), "does not hold", False),
        (Reply(200, PLAIN, b"\xff"), "does not hold", False),
        (Reply(200, PLAIN, SIGNER.line("another text\n").encode()), "does not hold", False),
        (Unanswered("Connection refused"), "does not answer: Connection refused", False),
    ],
)
def test_every_other_answer_is_a_fault_in_words(
    org: Organisation, reply: Reply | Exception, words: str, is_alarm: bool
) -> None:
    found = ask(org, 0, reply)
    assert words in found.fault
    assert (found.is_alarm, found.line) == (is_alarm, "")


def test_strangers_lines_in_an_answer_are_left_out(org: Organisation) -> None:
    def adds(request: AddCheckpoint) -> Reply:
        text = request.signed.note.text
        lines = [witness_signer(2).line(text), "\u2014 w AAAAAAAA\n", SIGNER.line(text, time_s=7)]
        return Reply(200, PLAIN, "".join(lines).encode())

    found = ask(org, 0, adds)
    assert found.line.count("\n") == 1
    assert found.line.startswith("\u2014 witness1.example ")


@pytest.mark.parametrize("body", [b"\n\nbank.example\n1\n\n", b"x\n\n\xe2\x80\x94 a AAAAAAAA\n"])
def test_an_answer_cannot_replace_the_head(org: Organisation, body: bytes) -> None:
    def adds(request: AddCheckpoint) -> Reply:
        return Reply(200, PLAIN, body + SIGNER.line(request.signed.note.text).encode())

    assert "does not hold" in ask(org, 0, adds).fault


def test_a_witness_that_says_nothing_keeps_nobody_waiting_for_the_others(tmp_path: Path, org: Organisation) -> None:
    other = witness_signer(2)
    gate = threading.Event()

    def post(url: str, body: bytes, timeout_s: float) -> Reply:
        if url == "https://slow.example":
            gate.wait(60)
            raise Unanswered("too late")
        text = AddCheckpoint.parse(body).signed.note.text
        return Reply(200, PLAIN, other.line(text, time_s=9).encode())

    policy = WitnessPolicy(
        witnesses=(
            PolicyWitness("slow", SIGNER.key, "https://slow.example"),
            PolicyWitness("quick", other.key, "https://quick.example"),
        ),
        quorum="quick",
    )
    collecting = Collecting(WitnessPaths(tmp_path / "asked"), org.archive, post)
    (tmp_path / "asked").mkdir()
    found = collecting.collect(policy, 0.1, lambda: False)
    gate.set()
    assert found.signed == ("quick",)
    assert found.is_enough
    assert "slow did not answer in time" in found.faults()
    again = Collecting(WitnessPaths(tmp_path / "asked"), org.archive, post)
    assert again.enough is not None
    assert again.acknowledged(policy.witnesses[1]) == org.archive.size


def test_closing_the_home_ends_the_waiting(tmp_path: Path, org: Organisation) -> None:
    gate = threading.Event()

    def post(url: str, body: bytes, timeout_s: float) -> Reply:
        gate.wait(60)
        raise Unanswered("too late")

    policy = WitnessPolicy(witnesses=(WITNESS,), quorum="w")
    (tmp_path / "asked").mkdir()
    collecting = Collecting(WitnessPaths(tmp_path / "asked"), org.archive, post)
    assert not collecting.collect(policy, 500, lambda: True).is_enough
    gate.set()


def test_cosignatures_given_earlier_for_the_same_head_stay(tmp_path: Path, org: Organisation) -> None:
    other = witness_signer(2)
    turn: list[str] = ["https://a.example"]

    def post(url: str, body: bytes, timeout_s: float) -> Reply:
        if url not in turn:
            raise Unanswered("away")
        signer = SIGNER if url == "https://a.example" else other
        return Reply(200, PLAIN, signer.line(AddCheckpoint.parse(body).signed.note.text, time_s=9).encode())

    text = f"witness a {SIGNER.key} https://a.example\nwitness b {other.key} https://b.example\ngroup g all a b\n"
    policy = WitnessPolicy.parse(f"{text}quorum g\n".encode())
    (tmp_path / "asked").mkdir()
    collecting = Collecting(WitnessPaths(tmp_path / "asked"), org.archive, post)
    assert collecting.collect(policy, 5, lambda: False).signed == ("a",)
    assert collecting.enough is None
    turn[:] = ["https://b.example"]
    assert collecting.collect(policy, 5, lambda: False).signed == ("a", "b")
    assert collecting.enough is not None
    size = org.archive.size
    org.recorder.write(Draft("event", "events", "e", about={}))
    turn.clear()
    assert not collecting.collect(policy, 5, lambda: False).is_enough
    assert collecting.enough is not None
    assert collecting.enough.head.size == size, "the newest head that enough signed is not lost to a newer one"


def test_the_background_asks_by_itself_and_recording_does_not_wait(tmp_path: Path) -> None:
    asked, gate = threading.Event(), threading.Event()
    clock = Clock()

    def serve(body: bytes) -> Answer:
        asked.set()
        gate.wait(60)
        return Answer(200, PLAIN, signs(AddCheckpoint.parse(body)).body)

    with serving(serve) as url, open_home(copy_home(tmp_path), clock) as org:
        org.witness.add_witness("w", str(SIGNER.key), url)
        clock.move(3_600)
        org.recorder.write(Draft("event", "events", "e", about={}))  # starts the background, which finds it due
        assert asked.wait(60)
        size = org.archive.size
        org.recorder.write(Draft("event", "events", "e", about={}))  # while the witness thinks
        assert org.archive.size > size
        gate.set()


def test_faults_in_the_background_are_told_and_it_goes_on(org: Organisation) -> None:
    org.witness.add_witness("w", str(SIGNER.key), "http://127.0.0.1:1")
    with pytest.raises(CounterfoilError, match="too few cosignatures: w does not answer"):
        org.witness._background_step()
    assert any("does not answer" in problem for problem in org.witness.status().problems)


def test_a_policy_without_addresses_asks_nobody(org: Organisation) -> None:
    org.witness.add_witness("w", str(SIGNER.key))
    assert org.witness.due() == ""
    with pytest.raises(NotSetUp, match="no witness has an address"):
        org.witness.collect()
