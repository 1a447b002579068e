"""The age format: published vectors, the age tool and another library in both directions, hostile headers."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import zlib
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

import pyrage
import pytest

from counterfoil.core import age, age_payload
from counterfoil.core.age import make_header, open_header, parse_header, recipient_of
from counterfoil.core.age_payload import AGE_CHUNK_BYTES, Payload, decrypt, encrypt, opened_size, sealed_size
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "age.json").read_text())["vectors"]
SECRET, FILE_KEY, EPHEMERAL, NONCE = bytes(range(32)), bytes(range(16)), bytes(range(7, 39)), bytes(range(9, 25))
SIZES = [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000]
needs_age = pytest.mark.skipif(shutil.which("age") is None, reason="the age tool is not installed here")


def made(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def sealed(data: bytes, secret: bytes = SECRET) -> bytes:
    header = make_header(FILE_KEY, [(recipient_of(secret), EPHEMERAL)])
    return encrypt(data, header, FILE_KEY, NONCE)


def opened_by_any(data: bytes, identities: list[str]) -> bytes:
    """What a file holds for whichever of several identities it is."""
    for text in identities[:-1]:
        try:
            return decrypt(data, age.read_secret(text))
        except DoesNotMatch:
            continue
    return decrypt(data, age.read_secret(identities[-1]))


@pytest.mark.parametrize("vector", VECTORS, ids=[each["name"] for each in VECTORS])
def test_the_published_files_open_or_are_refused_as_they_should(vector):
    data = b64decode(vector["file"])
    if vector["compressed"] == "zlib":
        data = zlib.decompress(data)
    if vector["expect"] == "success":
        assert sha256(opened_by_any(data, vector["identities"])).hexdigest() == vector["payloadSha256"]
        return
    expected = {"no match": DoesNotMatch, "HMAC failure": DoesNotMatch}.get(
        vector["expect"], (DoesNotMatch, MalformedEvidence)
    )
    with pytest.raises(expected):
        opened_by_any(data, vector["identities"])


def test_there_are_vectors_of_every_outcome():
    outcomes = {each["expect"] for each in VECTORS}
    assert outcomes >= {"success", "no match", "HMAC failure", "header failure", "payload failure"}


@pytest.mark.parametrize("size", SIZES)
def test_another_library_opens_what_is_made_here_and_the_other_way_round(size):
    data, recipient = made(size), age.recipient_text(recipient_of(SECRET))
    assert pyrage.decrypt(sealed(data), [pyrage.x25519.Identity.from_str(age.secret_text(SECRET))]) == data
    assert decrypt(pyrage.encrypt(data, [pyrage.x25519.Recipient.from_str(recipient)]), SECRET) == data


@needs_age
@pytest.mark.parametrize("size", [0, 65_536, 200_000])
def test_the_age_tool_opens_what_is_made_here_and_the_other_way_round(size, tmp_path):
    data, key = made(size), tmp_path / "key.txt"
    key.write_text(age.secret_text(SECRET) + "\n")
    opened = subprocess.run(["age", "-d", "-i", str(key)], input=sealed(data), capture_output=True, check=True)
    assert opened.stdout == data
    recipient = age.recipient_text(recipient_of(SECRET))
    theirs = subprocess.run(["age", "-r", recipient], input=data, capture_output=True, check=True).stdout
    assert decrypt(theirs, SECRET) == data


@needs_age
def test_a_key_of_age_keygen_is_read(tmp_path):
    made_key = subprocess.run(["age-keygen"], capture_output=True, check=True, text=True).stdout.splitlines()
    secret = age.read_secret(made_key[-1])
    assert age.recipient_text(recipient_of(secret)) == made_key[1].removeprefix("# public key: ")


def test_keys_are_read_as_they_were_written():
    recipient = recipient_of(SECRET)
    assert age.read_recipient(age.recipient_text(recipient)) == recipient
    assert age.read_secret(age.secret_text(SECRET)) == SECRET


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        pytest.param("", age.read_secret, id="empty"),
        pytest.param("age1", age.read_recipient, id="no key"),
        pytest.param(age.recipient_text(SECRET), age.read_secret, id="a recipient for a secret"),
        pytest.param(age.secret_text(SECRET), age.read_recipient, id="a secret for a recipient"),
        pytest.param(age.secret_text(SECRET).lower(), age.read_secret, id="a secret in small letters"),
        pytest.param(age.secret_text(SECRET)[:-1] + "l", age.read_secret, id="mixed cases"),
        pytest.param(age.recipient_text(SECRET)[:-1] + "q", age.read_recipient, id="another last letter"),
        pytest.param(age.recipient_text(SECRET) + "é", age.read_recipient, id="a foreign letter"),
        pytest.param("age1b" + "q" * 60, age.read_recipient, id="a letter none has"),
        pytest.param("q" * 2_000, age.read_recipient, id="long"),
    ],
)
def test_what_is_no_key_is_refused_and_not_quoted(text, reads):
    with pytest.raises(InvalidInput) as caught:
        reads(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize("size", SIZES)
def test_any_range_of_the_payload_is_made_and_opened_alone(size):
    data = made(size)
    whole = b"".join(Payload(FILE_KEY, NONCE).seal(data, 0, ends=True))
    assert len(whole) == sealed_size(size)
    assert opened_size(len(whole)) == size
    count = max(1, -(-size // AGE_CHUNK_BYTES))
    payload = Payload(FILE_KEY, NONCE)
    for number in reversed(range(count)):
        plain = data[number * AGE_CHUNK_BYTES : (number + 1) * AGE_CHUNK_BYTES]
        ends = number == count - 1
        (chunk,) = payload.seal(plain, number, ends=ends)
        assert chunk == whole[number * 65_552 : number * 65_552 + len(chunk)]
        assert payload.open(chunk, number, ends=ends) == [plain]
        with pytest.raises((DoesNotMatch, MalformedEvidence)):
            payload.open(chunk, number + 1, ends=ends)


@pytest.mark.parametrize("size", [-1, 0, 15, 65_552 + 15, 65_552 * 2 + 16])
def test_lengths_that_no_payload_has_are_refused(size):
    with pytest.raises(MalformedEvidence):
        opened_size(size)


def test_chunks_are_cut_only_where_the_file_ends():
    with pytest.raises(InvalidInput):
        Payload(FILE_KEY, NONCE).seal(b"short", 0, ends=False)
    with pytest.raises(MalformedEvidence):
        Payload(FILE_KEY, NONCE).open(bytes(100), 0, ends=False)


def test_no_byte_of_a_file_can_be_altered():
    data = sealed(b"twelve bytes")
    for at in range(len(data)):
        altered = bytearray(data)
        altered[at] ^= 1
        with pytest.raises((DoesNotMatch, MalformedEvidence)):
            decrypt(bytes(altered), SECRET)


def test_no_file_can_be_cut_anywhere():
    data = sealed(b"twelve bytes")
    for at in range(len(data)):
        with pytest.raises(MalformedEvidence if at < len(data) - 12 else DoesNotMatch):
            decrypt(data[:at], SECRET)


def test_a_key_that_hides_nothing_is_refused():
    for low in (bytes(32), b"\x01" + bytes(31)):
        with pytest.raises(InvalidInput):
            make_header(FILE_KEY, [(low, EPHEMERAL)])


def test_a_header_for_several_opens_for_each():
    others = [bytes([each]) * 32 for each in range(1, 4)]
    header = make_header(FILE_KEY, [(recipient_of(each), each[::-1]) for each in others])
    for each in others:
        assert open_header(parse_header(header), each) == FILE_KEY
    with pytest.raises(DoesNotMatch):
        open_header(parse_header(header), SECRET)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(age.AGE_VERSION_LINE, id="the first line alone"),
        pytest.param(age.AGE_VERSION_LINE + b"--- " + b"A" * 43 + b"\n", id="no recipient"),
        pytest.param(age.AGE_VERSION_LINE + b"-> X25519 " + b"A" * 2**17, id="a line without end"),
        pytest.param(age.AGE_VERSION_LINE + b"-> x\n" + b"A" * 64 + b"\n" + b"B" * 65, id="a body without end"),
        pytest.param(age.AGE_VERSION_LINE + b"-> x\n\n" * 20_000, id="recipients without end"),
        pytest.param(age.AGE_VERSION_LINE.replace(b"v1", b"v2"), id="another version"),
    ],
)
def test_hostile_headers_are_refused(header):
    with pytest.raises(MalformedEvidence):
        parse_header(header)


def test_sizes_of_keys_are_held():
    with pytest.raises(InvalidInput):
        make_header(bytes(15), [(recipient_of(SECRET), EPHEMERAL)])
    with pytest.raises(InvalidInput):
        recipient_of(bytes(31))
    with pytest.raises(InvalidInput):
        Payload(FILE_KEY, bytes(12))
    assert age_payload.TAG_BYTES == 16
