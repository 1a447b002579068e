"""Signed documents: one sequence of bytes, one key, and nothing of it can be altered."""

from __future__ import annotations

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterfoil.core import canonical
from counterfoil.core.note import COSIGNATURE, VerifierKey
from counterfoil.core.signed_document import MAX_DOCUMENT_BYTES, document_digest, read_document, sign_document
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence

FORMAT = "counterfoil offer 1"
SECRET = bytes(range(32))
NAME = "bank.example/market"
DOCUMENT = {"format": FORMAT, "title": "Überweisungen", "number": 7, "terms": {"max": [1, 2]}}


def signed(document=DOCUMENT, secret=SECRET):
    return canonical.dumps(sign_document(document, secret, NAME))


def test_what_was_signed_is_read_again():
    read = read_document(signed(), FORMAT)
    assert read.document == DOCUMENT
    assert read.key.name == NAME
    assert read.key.public == Ed25519PrivateKey.from_private_bytes(SECRET).public_key().public_bytes_raw()
    assert read.encode() == signed()
    assert read.digest_hex == document_digest(DOCUMENT).hex()
    assert read_document(read.envelope(), FORMAT) == read
    assert read_document(signed().decode() + "\n", FORMAT) == read


def test_the_signature_is_over_the_domain_and_the_canonical_document():
    message = b"counterfoil document 1\n" + canonical.dumps(DOCUMENT)
    expected = b64encode(Ed25519PrivateKey.from_private_bytes(SECRET).sign(message)).decode()
    assert sign_document(DOCUMENT, SECRET, NAME)["signature"]["ed25519"] == expected


def test_no_byte_of_it_can_be_altered():
    data = signed()
    for at in range(len(data)):
        for bit in (0x01, 0x20):
            altered = bytearray(data)
            altered[at] ^= bit
            try:
                read = read_document(bytes(altered), FORMAT)
            except (MalformedEvidence, DoesNotMatch):
                continue
            # The name may differ only where the id, which binds it, does too: no single byte does that.
            pytest.fail(f"byte {at} was altered to {altered[at]:#x} and read as {read}")


@pytest.mark.parametrize("cut", [0, 1, 40, -1])
def test_no_part_of_it_is_enough(cut):
    with pytest.raises(MalformedEvidence):
        read_document(signed()[:cut], FORMAT)


def spoilt(change):
    value = sign_document(DOCUMENT, SECRET, NAME)
    change(value)
    return value


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param(lambda v: v.update(more=1), MalformedEvidence, id="unknown member"),
        pytest.param(lambda v: v["signature"].update(more=1), MalformedEvidence, id="unknown member of the signature"),
        pytest.param(lambda v: v.pop("signature"), MalformedEvidence, id="no signature"),
        pytest.param(lambda v: v.update(signature=None), MalformedEvidence, id="signature null"),
        pytest.param(lambda v: v.update(document=[]), MalformedEvidence, id="document no object"),
        pytest.param(lambda v: v["signature"].update(ed25519="AA=="), MalformedEvidence, id="short signature"),
        pytest.param(lambda v: v["signature"].update(ed25519=7), MalformedEvidence, id="signature a number"),
        pytest.param(lambda v: v["signature"].update(key="x"), MalformedEvidence, id="no key"),
        pytest.param(lambda v: v["signature"].update(ed25519=b64encode(bytes(64)).decode()), DoesNotMatch, id="zeros"),
        pytest.param(
            lambda v: v["signature"].update(key=str(VerifierKey(NAME, 1, bytes(32)))), DoesNotMatch, id="another key"
        ),
        pytest.param(
            lambda v: v["signature"].update(
                key=str(
                    VerifierKey(
                        NAME,
                        COSIGNATURE,
                        Ed25519PrivateKey.from_private_bytes(SECRET).public_key().public_bytes_raw(),
                    )
                )
            ),
            MalformedEvidence,
            id="key of a witness",
        ),
        pytest.param(lambda v: v["document"].update(title="other"), DoesNotMatch, id="another title"),
        pytest.param(lambda v: v["document"].update(format="counterfoil offer 2"), MalformedEvidence, id="format"),
        pytest.param(lambda v: v["document"].update(title=float("nan")), MalformedEvidence, id="no JSON"),
    ],
)
def test_what_is_no_signed_document_is_refused(change, error):
    with pytest.raises(error):
        read_document(spoilt(change), FORMAT)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b" " + signed(), id="a space before"),
        pytest.param(signed() + b"\n\n", id="two newlines after"),
        pytest.param(signed().replace(b'"number":7', b'"number":7.0'), id="another spelling of a number"),
        pytest.param(b'{"document":{},' + signed()[1:], id="a member twice"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"\xff", id="no UTF-8"),
        pytest.param("\ud800", id="half a character"),
    ],
)
def test_only_canonical_json_is_read(data):
    with pytest.raises(MalformedEvidence):
        read_document(data, FORMAT)


def test_another_format_is_refused_with_what_was_found():
    with pytest.raises(MalformedEvidence) as caught:
        read_document(signed(), "counterfoil delivery 1")
    assert FORMAT in caught.value.hint


def test_the_size_is_bounded_both_ways():
    large = DOCUMENT | {"title": "x" * MAX_DOCUMENT_BYTES}
    with pytest.raises(InvalidInput, match="too large"):
        sign_document(large, SECRET, NAME)
    with pytest.raises(MalformedEvidence, match="too large"):
        read_document(signed(), FORMAT, max_bytes=len(signed()) - 1)
    assert read_document(signed(), FORMAT, max_bytes=len(signed())).document == DOCUMENT


@pytest.mark.parametrize(
    ("document", "secret"),
    [
        pytest.param({"title": "x"}, SECRET, id="no format"),
        pytest.param({"format": 1}, SECRET, id="format a number"),
        pytest.param({"format": FORMAT, "n": 2**60}, SECRET, id="no JSON"),
        pytest.param(DOCUMENT, b"short", id="short secret"),
    ],
)
def test_what_cannot_be_signed_is_refused(document, secret):
    with pytest.raises(InvalidInput):
        sign_document(document, secret, NAME)


def test_a_reader_names_the_key_it_expects():
    read = read_document(signed(), FORMAT)
    assert read.require_key(read.key) is read
    with pytest.raises(DoesNotMatch):
        read_document(signed(secret=bytes(32)), FORMAT).require_key(read.key)


def test_a_reader_names_the_members_it_knows():
    read = read_document(signed(), FORMAT)
    assert read.require_members({"title", "number"}, {"terms", "sample"}) is read
    with pytest.raises(MalformedEvidence, match="lacks 'seller'"):
        read.require_members({"title", "number", "terms", "seller"})
    with pytest.raises(MalformedEvidence, match="unknown member 'terms'"):
        read.require_members({"title", "number"})
