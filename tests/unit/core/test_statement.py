"""Records: written from a template, read by one pattern, nothing else gets through."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from making import SCHEMA, signer

from counterfoil.core import canonical
from counterfoil.core.statement import Draft, is_time, parse_record
from counterfoil.core.tiles import MAX_ENTRY_BYTES
from counterfoil.errors import InvalidInput, MalformedEvidence

ISSUER = signer().key.fingerprint
LEAF = "ab" * 32
TIME = "2026-11-23T19:00:00Z"
PLAIN = Draft("model", "models", "credit-v1", (LEAF, "cd" * 32), {"b": [1, {"x": "\u00e9"}], "a": None})
PRIVATE = Draft("decision", "decisions/credit", "decision 7", schema=SCHEMA.digest, fields_root=b"r" * 32)
FILE = Draft("dataset", "datasets", "", sha256="12" * 32)


def entry(draft: Draft, seq: int = 3) -> bytes:
    return draft.template(ISSUER).entry(seq, TIME)


@pytest.mark.parametrize(
    "draft", [PLAIN, PRIVATE, FILE, replace(PRIVATE, about={"note": '},"buildsOn":['})], ids=range(4)
)
def test_reads_back_and_is_canonical(draft: Draft) -> None:
    data = entry(draft)
    assert canonical.dumps(json.loads(data)) == data
    record = parse_record(data)
    assert (record.kind, record.stream, record.seq, record.time) == (draft.kind, draft.stream, 3, TIME)
    assert (record.issuer, record.builds_on, record.name) == (ISSUER, draft.builds_on, draft.name)
    assert (record.schema, dict(record.about)) == (draft.schema, dict(draft.about))
    assert record.has_fields == (draft.fields_root is not None)
    assert json.loads(data)["subject"][0]["digest"] == {
        "counterfoilFields1" if record.has_fields else "sha256": record.digest.hex()
    }


def test_a_public_body_that_looks_like_a_record_stays_a_body() -> None:
    inner = entry(PLAIN)[len('{"_type":"https://in-toto.io/Statement/v1","predicate":{') :].decode()
    for about in ({"a": inner}, {"about": json.loads(entry(PLAIN))}, {"buildsOn": [], "issuer": "x"}):
        assert dict(parse_record(entry(replace(PLAIN, about=about))).about) == about


def change(data: bytes, old: str, new: str) -> bytes:
    assert old.encode() in data
    return data.replace(old.encode(), new.encode(), 1)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"seq":3', '"seq":03'),
        ('"seq":3', '"seq":-1'),
        ('"seq":3', '"seq":3.0'),
        ('"seq":3', '"seq": 3'),
        ('"seq":3', '"seq":1000000000000000'),
        (TIME, "2026-13-23T19:00:00Z"),
        (TIME, "2026-11-32T19:00:00Z"),
        (TIME, "2026-11-23T24:00:00Z"),
        (TIME, "2026-11-23T19:00:00+00:00"),
        (TIME, "2026-11-23T19:00:00.5Z"),
        (f'"{LEAF}",', f'"{LEAF}"'),
        (f'"{LEAF}"', f'"{LEAF.upper()}"'),
        (f'"{LEAF}"', f'"{LEAF[:-1]}"'),
        (f'["{LEAF}"', f'[,"{LEAF}"'),
        ('"a":null,"b"', '"c":null,"b"'),
        ('"a":null', '"a": null'),
        ('"a":null', '"a":null,"a":null'),
        ('"a":null', '"a":1e400'),
        ('"a":null', '"a":1.0'),
        ('"a":null', '"a":"\\u0041"'),
        (ISSUER, "bank.example"),
        (ISSUER, "bank.example+zzzzzzzz"),
        (ISSUER, "bank.example+x+1a2b3c4d"),
        (ISSUER, "bank example+1a2b3c4d"),
        (ISSUER, "bank\\nexample+1a2b3c4d"),
        (ISSUER, "bank\u009bexample+1a2b3c4d"),
        (ISSUER, "+1a2b3c4d"),
        ('"models"', '"Models"'),
        ('"models"', '"/models"'),
        ("/model/v1", "/model/v2"),
        ("counterfoil.dev", "counterfoil_dev"),
        ('"sha256"', '"counterfoilFields1"'),
        ('"sha256"', '"md5"'),
        ('"credit-v1"', '"credit\\u002dv1"'),
        ('"credit-v1"', '"credit\n"'),
        ('{"_type"', ' {"_type"'),
        ('credit-v1"}]}', 'credit-v1"}]}\n'),
        ('credit-v1"}]}', 'credit-v1"}],"x":1}'),
    ],
)
def test_what_only_parses_as_json_is_refused(old: str, new: str) -> None:
    with pytest.raises(MalformedEvidence):
        parse_record(change(entry(PLAIN), old, new))


def test_fields_without_schema_and_schema_without_fields_are_refused() -> None:
    data = entry(PRIVATE)
    with pytest.raises(MalformedEvidence):
        parse_record(change(data, "counterfoilFields1", "sha256"))
    with pytest.raises(MalformedEvidence):
        parse_record(change(data, f'"schema":"{SCHEMA.digest}",', ""))


def test_empty_bodies_and_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(MalformedEvidence):
        parse_record(change(entry(FILE), '"predicate":{', '"predicate":{"about":{},'))
    for draft, old in ((PLAIN, b"credit-v1"), (PLAIN, b"bank"), (PLAIN, "\u00e9".encode())):
        with pytest.raises(MalformedEvidence):
            parse_record(entry(draft).replace(old, b"\xff\xfe"))


@pytest.mark.parametrize(
    "data",
    [
        entry(PLAIN).replace(b'"a":null', b'"a":"' + b'},"buildsOn":[' * 4_000 + b'"'),
        entry(PLAIN).replace(b'"a":null', b'"a":' + b"[" * 60_000),
        entry(PLAIN).replace(b'"' + LEAF.encode() + b'",', (b'"' + LEAF.encode() + b'",') * 950)[:-2],
        b'{"_type":"https://in-toto.io/Statement/v1","predicate":{"about":{' + b'},"buildsOn":[],"issuer":"' * 1_700,
        entry(PLAIN) * 30_000,
    ],
    ids=range(5),
)
def test_hostile_entries_are_refused_at_once(data: bytes) -> None:
    with pytest.raises(MalformedEvidence):
        parse_record(data)


@pytest.mark.parametrize(
    "changes",
    [
        {"stream": ""},
        {"stream": "A"},
        {"stream": 'a"'},
        {"stream": "a" * 129},
        {"kind": "Decision"},
        {"kind": ""},
        {"name": 'a"b'},
        {"name": "a\\b"},
        {"name": "a\nb"},
        {"name": "\ud800"},
        {"name": "a" * 257},
        {"builds_on": ("ab",)},
        {"builds_on": (LEAF.upper(),)},
        {"builds_on": (LEAF, f'{LEAF}"],"x":["')},
        {"builds_on": (f"{LEAF},{LEAF}"[:64] + ",",)},
        {"sha256": "12"},
        {"sha256": "Z" * 64},
        {"schema": SCHEMA.digest},
        {"fields_root": b"r" * 32},
        {"schema": "x", "fields_root": b"r" * 32},
        {"schema": SCHEMA.digest, "fields_root": b"r" * 31},
        {"schema": SCHEMA.digest, "fields_root": b"r" * 32, "sha256": "12" * 32},
        {"about": {"x": float("nan")}},
        {"about": {"x": "\ud800"}},
    ],
    ids=range(24),
)
def test_drafts_nobody_could_read_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        replace(PLAIN, **changes).template(ISSUER)


@pytest.mark.parametrize(
    "issuer", ["", "bank", 'b"+1a2b3c4d', "b\\+1a2b3c4d", "a b+1a2b3c4d", "b+1A2B3C4D", "\x9b+1a2b3c4d"]
)
def test_an_issuer_that_would_break_the_record_is_refused(issuer: str) -> None:
    with pytest.raises(InvalidInput):
        PLAIN.template(issuer)


def test_names_in_any_script() -> None:
    draft = replace(PLAIN, name="\U0001f600" * 256)
    assert parse_record(entry(draft)).name == draft.name


def test_the_largest_entry() -> None:
    spare = MAX_ENTRY_BYTES - len(entry(replace(PLAIN, about={"x": ""})))
    assert len(entry(replace(PLAIN, about={"x": "y" * spare}))) == MAX_ENTRY_BYTES
    parse_record(entry(replace(PLAIN, about={"x": "y" * spare})))
    with pytest.raises(InvalidInput, match="65535 is the limit"):
        entry(replace(PLAIN, about={"x": "y" * (spare + 1)}))


def test_times() -> None:
    assert is_time(TIME)
    assert not any(map(is_time, ("", "soon", TIME + "\n", TIME[:-1], "9999-99-99T99:99:99Z")))
