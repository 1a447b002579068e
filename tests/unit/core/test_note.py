"""Signed notes: who signed, and what is refused before anybody is asked."""

from __future__ import annotations

import pytest
from making import ORIGIN, signer

from counterfoil.core.note import COSIGNATURE, ED25519, Note, Signer, VerifierKey, parse_note
from counterfoil.errors import InvalidInput, MalformedEvidence

TEXT = "bank.example/credit\n3\nroot\n"


def test_a_signature_counts_for_its_text_and_key_only() -> None:
    key = signer()
    note = parse_note(key.sign(TEXT))
    assert note.signed_by(key.key)
    assert not note.signed_by(signer(2).key)
    assert not note.signed_by(signer(1, "bank.example/other").key)
    assert not Note(TEXT.replace("3", "4"), note.signatures).signed_by(key.key)


def test_several_signers_and_unknown_ones() -> None:
    key, witness = signer(), Signer("witness.example", b"w" * 32, COSIGNATURE)
    data = key.sign(TEXT) + witness.line(TEXT, time_s=1_700_000_000) + "\u2014 stranger AAAAAAAAAAA=\n"
    note = parse_note(data)
    assert note.signed_by(key.key)
    assert note.signed_by(witness.key)
    assert [line.name for line in note.signatures] == [ORIGIN, "witness.example", "stranger"]


def test_a_cosignature_binds_its_time_and_never_passes_for_a_signature() -> None:
    witness = Signer("witness.example", b"w" * 32, COSIGNATURE)
    plain = VerifierKey("witness.example", ED25519, witness.key.public)
    note = parse_note(f"{TEXT}\n{witness.line(TEXT, time_s=5)}")
    (line,) = note.signatures
    assert not note.signed_by(plain)
    assert witness.key.is_signed(TEXT, line.value)
    assert not witness.key.is_signed(TEXT, (6).to_bytes(8, "big") + line.value[8:])
    assert not witness.key.is_signed(TEXT, line.value[:-1])
    assert not plain.is_signed(TEXT, line.value[8:])


def test_a_text_may_hold_empty_lines() -> None:
    text = "a\n\nb\n\n\nc\n"
    note = parse_note(signer().sign(text))
    assert note.text == text
    assert note.signed_by(signer().key)


GOOD = signer().sign(TEXT)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "needs a text"),
        (TEXT, "needs a text"),
        (TEXT + "\n", "another shape|needs a text|base64"),
        (GOOD[:-1], "needs a text"),
        (GOOD.replace("\u2014", "-"), "another shape|base64"),
        (GOOD.replace("\u2014 ", "\u2014  "), "another shape|base64"),
        (GOOD[:-2] + "\n", "base64|shape"),
        (GOOD + "\u2014 name AAAA\n", "another shape"),
        (GOOD + "\u2014 na+me AAAAAAAA\n", "another shape"),
        (GOOD + "\u2014 name AAAAAAB=\n", "another shape"),
        (GOOD + "trailing\n", "another shape|base64"),
        (GOOD.replace("root", "ro\tot"), "control"),
        (GOOD.replace("root", "ro\rot"), "control"),
        (GOOD.replace("root", "ro\ud800ot"), "control"),
        (GOOD + "\u2014 name AAAAAAAA\n" * 100, "100 is the limit"),
        ("x" * 70_000 + GOOD, "65536 is the limit"),
    ],
    ids=range(16),
)
def test_notes_of_another_shape_are_refused(data: str, reason: str) -> None:
    with pytest.raises(MalformedEvidence, match=reason):
        parse_note(data)


def test_keys_read_back() -> None:
    for key in (signer().key, Signer("w.example", b"w" * 32, COSIGNATURE).key):
        assert VerifierKey.parse(str(key)) == key
        assert str(key).startswith(key.fingerprint)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(ORIGIN, "bank.example/else"),
        lambda text: text[:-3] + "AA=",
        lambda text: text.replace("+", "-", 1),
        lambda text: text.partition("+")[2],
        lambda text: text.upper(),
        lambda text: text + "A",
        lambda text: "",
        lambda text: "a+b",
        lambda text: "a+00000000+",
        lambda text: "a+00000000+AAAA",
        lambda text: "\ud800" + text,
    ],
    ids=range(11),
)
def test_altered_keys_are_refused(change: object) -> None:
    assert callable(change)
    with pytest.raises(MalformedEvidence):
        VerifierKey.parse(change(str(signer().key)))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\x9bb", "\u202eb", "\u00a0"])
def test_names_that_could_mislead_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        Signer(name, b"s" * 32)


def test_a_key_that_is_no_point_signs_nothing() -> None:
    assert not VerifierKey("a", ED25519, b"\xff" * 32).is_signed(TEXT, b"\0" * 64)


def test_misuse_is_refused() -> None:
    with pytest.raises(InvalidInput):
        Signer("a", b"short")
    with pytest.raises(InvalidInput):
        signer().sign("no newline")
    with pytest.raises(InvalidInput):
        VerifierKey("a", 9, b"\0" * 32)


def test_what_is_no_public_key_is_never_quoted() -> None:
    secret = "/u5JpRAcO7t5UXmlAAAAAAAAAAAAAAAAAAAA+PHc8aa="
    with pytest.raises(MalformedEvidence) as caught:
        VerifierKey.parse(secret)
    assert not any(part in str(caught.value) + caught.value.hint for part in ("u5JpRAcO", "PHc8"))
