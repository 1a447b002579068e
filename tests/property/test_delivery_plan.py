"""Where everything lies in an encrypted file, for any size; and that any span of it is the same bytes."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as some

from counterfoil.core.age import recipient_of
from counterfoil.core.age_payload import decrypt
from counterfoil.core.bech32 import decode_bech32, encode_bech32
from counterfoil.core.delivery import (
    CHUNK_BYTES,
    MAX_CONTENT_BYTES,
    Content,
    DeliveryPlan,
    delivery_secrets,
    open_piece,
    seal_chunk,
)
from counterfoil.market.delivery.ranges import span_of

SECRET = bytes(range(32))
edges = some.sampled_from([1, 65_535, 65_536, 65_537, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, MAX_CONTENT_BYTES])
roots = some.binary(min_size=32, max_size=32)
sizes = some.integers(1, MAX_CONTENT_BYTES) | edges


@given(sizes, some.data())
def test_pieces_lie_one_after_the_other_and_each_byte_in_one(size, data):
    plan = DeliveryPlan(size)
    number = data.draw(some.integers(0, plan.pieces - 1))
    start = plan.piece_start(number)
    end = start + plan.piece_bytes(number)
    assert plan.piece_at(start) == plan.piece_at(end - 1) == number
    assert end == (plan.piece_start(number + 1) if number + 1 < plan.pieces else plan.sent_bytes)
    assert plan.is_last(plan.chunks - 1)
    assert sum(plan.chunk_bytes(each) for each in (0, plan.chunks - 1)) <= size or plan.chunks == 1


@settings(max_examples=15, deadline=None)
@given(
    some.integers(1, 3 * CHUNK_BYTES) | edges.filter(lambda size: size < MAX_CONTENT_BYTES),
    some.binary(min_size=32, max_size=32),
)
def test_the_pieces_make_a_file_that_opens(size, order):
    data, plan = random.Random(size).randbytes(size), DeliveryPlan(size)
    secrets = delivery_secrets(b"s" * 32, order, Content(order, size), recipient_of(SECRET))
    sealed = []
    for number in range(plan.chunks):
        chunk = data[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES]
        parts = seal_chunk(secrets.payload, number, chunk, is_last=plan.is_last(number))
        sealed.append(b"".join(parts))
        assert len(sealed[-1]) == plan.piece_bytes(number + 1)
        assert b"".join(open_piece(secrets.payload, number, sealed[-1], is_last=plan.is_last(number))) == chunk
    whole = secrets.head + b"".join(sealed)
    assert len(whole) == plan.sent_bytes
    assert decrypt(whole, SECRET) == data


@given(some.binary(min_size=1, max_size=80))
def test_bech32_gives_back_what_it_was_given(data):
    assert decode_bech32(encode_bech32("age", data)) == ("age", data)


@given(some.text(max_size=30) | some.from_regex(r"bytes=\d{0,12}-\d{0,12}", fullmatch=True), some.integers(1, 10**9))
def test_any_range_gives_a_span_within_the_file_or_none(text, size):
    found = span_of(text, size)
    if isinstance(found, tuple):
        assert 0 <= found[0] < found[1] <= size
    else:
        assert found in (None, False)
