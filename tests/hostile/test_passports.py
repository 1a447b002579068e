"""Passports in hostile hands: forged, mixed, stuffed; and other formats made to mislead whoever imports them."""

from __future__ import annotations

import json
import os
import socket
import tracemalloc
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from making import ORIGIN, BankLog, signer
from making_passports import fingerprint_of_bytes, handed_out, whole_passport

from counterfoil.core import canonical
from counterfoil.core.check_passport import check_passport
from counterfoil.core.note import VerifierKey
from counterfoil.core.passport_file import PassportFile
from counterfoil.core.receipt import Receipt
from counterfoil.core.statement import Draft
from counterfoil.core.steps import EXIT_MISMATCH, Report, Status
from counterfoil.errors import CounterfoilError, DoesNotMatch, InvalidInput, MalformedEvidence, NotFound
from counterfoil.provenance.passports.croissant import croissant_of
from counterfoil.provenance.passports.croissant_import import from_croissant
from counterfoil.provenance.passports.data_check import passport_in, read_passport_file, with_data
from counterfoil.provenance.passports.importing import imported_from
from counterfoil.provenance.passports.mlbom import mlbom_of
from counterfoil.provenance.passports.mlbom_import import from_mlbom
from counterfoil.provenance.passports.parts import Party
from counterfoil.provenance.passports.toml_form import MOST_TOML_BYTES, read_toml

DATA = b"a,b\n1,x\n2,y\n"
FINGERPRINT = fingerprint_of_bytes({"people.csv": DATA})
PASSPORT = whole_passport(DATA)
FILE = handed_out(PASSPORT, FINGERPRINT)
GOOD = FILE.encode()
KEY = signer().key
ISSUER = PASSPORT.who[0]


def require_refused(data: bytes, at: str, issuer: VerifierKey | None = KEY) -> Report:
    """Holds that the check fails at a step, and says so in words and in its exit code."""
    report = check_passport(data, issuer=issuer)
    step = report.step(at)
    assert step is not None
    assert step.status is Status.FAILED, step
    assert report.exit_code() == EXIT_MISMATCH
    assert report.verdict.startswith("does not match: ")
    json.dumps(report.to_json())
    return report


def test_of_a_forged_passport_nothing_is_said_of_a_log():
    report = require_refused(GOOD.replace(b"Train the credit model.", b"Sell the credit model."), "log")
    assert report.step("passport").status is Status.NOT_CHECKED
    assert check_passport(GOOD).step("passport").status is Status.PASSED


def changed(**parts: Any) -> bytes:
    return canonical.dumps(canonical.loads(GOOD) | parts)


def test_what_the_receipt_cannot_be_read_for_is_no_exception():
    shown = replace(FILE.receipt.shown, entry=b"garbage", handovers=("no note",))
    require_refused(replace(FILE, receipt=replace(FILE.receipt, shown=shown)).encode(), "format")


@pytest.mark.parametrize("root", [None, 7, "", "x" * 64, []], ids=["none", "number", "empty", "no digest", "list"])
def test_a_fingerprint_without_a_root_is_refused(root):
    fingerprint = {} if root is None else {"root": root}
    named = {"sha256": sha256(canonical.dumps(fingerprint)).hexdigest()} | fingerprint
    log = BankLog(key=signer(7, "mallory.example/log"))
    about = {
        "subject": {"fingerprint": named, "kind": "dataset", "name": "x"},
        "who": [{"origin": log.origin, "role": "issuer"}],
    }
    index = log.append(Draft("passport", "provenance", "x", about=about))
    shown = replace(FILE.receipt.shown, origin=log.origin, entry=log.entries[index], schema=None, handovers=())
    receipt = Receipt(shown, index, log.path(index, index + 1), log.checkpoint())
    require_refused(PassportFile(receipt, fingerprint).encode(), "fingerprint", None)


@pytest.mark.parametrize("part", [b"{}", b"[]", b"1", b'{"a":1}'], ids=["objects", "lists", "numbers", "members"])
def test_a_file_that_would_fill_the_memory_is_refused_before_it_is_read(part):
    stuffed = b'{"fingerprint":{"a":[' + b",".join([part] * 1_000_000) + b"]}," + GOOD[GOOD.index(b'"format"') :]
    tracemalloc.start()
    require_refused(stuffed, "format")
    assert tracemalloc.get_traced_memory()[1] < 2 * len(stuffed)
    tracemalloc.stop()


@pytest.mark.parametrize("count", [1, 5_000], ids=["one", "many"])
def test_a_fingerprint_of_short_names_is_no_stuffed_file(count):
    files = fingerprint_of_bytes({f"{place:x}": b"" for place in range(count)})
    assert check_passport(handed_out(whole_passport(b""), files).encode()).step("format").status is Status.PASSED


def test_the_good_one_passes():
    report = check_passport(GOOD, issuer=KEY)
    assert report.verdict == "intact, and signed by the issuer you named"
    assert report.exit_code(("format", "record", "log", "issuer", "passport", "fingerprint")) == 0


def test_a_passport_that_claims_anothers_key_is_refused():
    # Its own log, called like the bank's, signed with a key of its own.
    forged = handed_out(PASSPORT, FINGERPRINT, BankLog(key=signer(7)))
    require_refused(forged.encode(), "issuer")
    assert check_passport(forged.encode()).verdict == "intact, issuer unknown"  # a name proves nothing
    # Its own log under its own name, and a passport that names the bank as its issuer.
    other = BankLog(key=signer(7, "mallory.example/log"))
    claimed = handed_out(PASSPORT, FINGERPRINT, other).encode()
    require_refused(claimed, "passport", other.key.key)
    require_refused(claimed, "passport", None)
    require_refused(claimed, "issuer", KEY)


def test_a_head_of_the_bank_does_not_vouch_for_a_record_of_another_log():
    mine = handed_out(replace(PASSPORT, purpose="Anything goes."), FINGERPRINT, BankLog(key=signer(7)))
    mixed = PassportFile(replace(mine.receipt, checkpoint=FILE.receipt.checkpoint), mine.fingerprint)
    require_refused(mixed.encode(), "log")
    mixed = PassportFile(replace(FILE.receipt, shown=mine.receipt.shown), mine.fingerprint)
    require_refused(mixed.encode(), "log")


@pytest.mark.parametrize("who", [(), (ISSUER, ISSUER), (Party("x", "author", ORIGIN),)], ids=["none", "two", "author"])
def test_a_passport_has_one_issuer(who):
    require_refused(handed_out(replace(PASSPORT, who=who), FINGERPRINT).encode(), "passport")


def test_another_record_is_no_passport():
    log = BankLog().fill(2)
    index = log.decide()
    size = len(log.entries)
    file = PassportFile(log.receipt(index, size), None)
    require_refused(file.encode(), "passport")
    with pytest.raises(InvalidInput, match="is no passport; its kind is decision"):
        passport_in(file)


def test_a_fingerprint_is_the_one_on_record():
    other = fingerprint_of_bytes({"people.csv": DATA + b"3,z\n"})
    for told in (other.to_json(), {}, {"root": FINGERPRINT.root.hex()}, FINGERPRINT.to_json() | {"ignored": ["*"]}):
        require_refused(PassportFile(FILE.receipt, told).encode(), "fingerprint")
    with pytest.raises(InvalidInput, match="not the one its record names"):
        passport_in(PassportFile(FILE.receipt, other.to_json()))
    unnamed = replace(PASSPORT, subject=replace(PASSPORT.subject, fingerprint=None))
    require_refused(handed_out(unnamed, FINGERPRINT).encode(), "fingerprint")


def test_odd_parts_of_a_public_body_fail_a_step_and_nothing_else():
    good = PASSPORT.to_json()
    for about in (
        {"who": 7}, {"who": [7, None]}, {"who": [{"role": "issuer", "origin": [1]}]}, {"subject": []},
        {"subject": {"name": 7}}, good | {"subject": 7}, good | {"subject": {"kind": [], "name": []}},
    ):  # fmt: skip
        log = BankLog()
        log.append(Draft("passport", "provenance", "x", ("a" * 64,), about))
        log.fill(2)
        shown = replace(FILE.receipt.shown, entry=log.entries[0])
        receipt = replace(FILE.receipt, shown=shown, index=0, path=log.path(0, 2), checkpoint=log.checkpoint(2))
        require_refused(PassportFile(receipt, None).encode(), "passport")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"fingerprint":',
        b'{"fingerprint":' * 100_000,
        b'{"fingerprint":null,"format":"counterfoil-passport/2","receipt":{}}',
        b'{"fingerprint":null,"format":"counterfoil-passport/1","receipt":{}}',
        b'{"fingerprint":null,"format":"counterfoil-passport/1","receipt":null}',
        b'{"fingerprint":[],"format":"counterfoil-passport/1","receipt":{}}',
        changed(format=["counterfoil-passport/1"]),
        changed(more=1),
        changed(fingerprint=7),
        changed(receipt=canonical.loads(BankLog().fill(9).promise(4, "2026-11-23T19:00:00Z").encode())),
        changed(receipt=canonical.loads(GOOD)),
        GOOD.replace(b'"format"', b'"format":"x","format"', 1),
        b" " + GOOD,
    ],
    ids=range(15),
)
def test_what_is_no_passport_is_refused(data):
    require_refused(data, "format")


def test_every_tail_cut():
    for length in range(0, len(GOOD), 7):
        require_refused(GOOD[:length], "format")
    require_refused(GOOD + GOOD, "format")


def test_data_are_not_held_against_a_passport_that_does_not_hold(tmp_path):
    path, data = tmp_path / "p.json", tmp_path / "people.csv"
    data.write_bytes(DATA)
    path.write_bytes(GOOD)
    report = with_data(check_passport(GOOD, issuer=KEY), path, data)
    assert report.exit_code(("data",)) == 0
    forged = with_data(check_passport(GOOD, issuer=signer(7).key), path, data)
    step = forged.step("data")
    assert step is not None
    assert step.status is Status.NOT_CHECKED
    with pytest.raises(InvalidInput, match="held against a passport"):
        with_data(Report("receipt", ()), path, data)
    with pytest.raises(NotFound):
        with_data(check_passport(GOOD, issuer=KEY), path, tmp_path / "missing")


def test_a_passport_that_is_signed_and_nonsense_fails_where_the_data_come_in(tmp_path):
    nonsense = PASSPORT.to_json() | {"created": "soon"}
    log = BankLog()
    log.append(Draft("passport", "provenance", "x", ("a" * 64,), nonsense))
    log.fill(2)
    receipt = replace(
        FILE.receipt,
        shown=replace(FILE.receipt.shown, entry=log.entries[0]),
        index=0,
        path=log.path(0, 2),
        checkpoint=log.checkpoint(2),
    )
    path, data = tmp_path / "p.json", tmp_path / "people.csv"
    data.write_bytes(DATA)
    path.write_bytes(PassportFile(receipt, None).encode())
    report = with_data(check_passport(path.read_bytes(), issuer=KEY), path, data)
    step = report.step("data")
    assert step is not None
    assert step.status is Status.FAILED
    assert "created is 'soon'" in step.detail


def test_other_files_are_told_apart_before_they_are_read(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(canonical.dumps(FINGERPRINT.to_json()))
    assert read_passport_file(path) is None
    path.write_bytes(b'{"fingerprint":null}')
    with pytest.raises(MalformedEvidence, match="not a passport"):
        read_passport_file(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"\xff\xfe", "not text in UTF-8"),
        (b"a = " + b"[" * 20_000, "no TOML"),
        (b"a" + b".a" * 5_000 + b" = 1", "no subject"),
        (b"x" * (MOST_TOML_BYTES + 1), "is the limit"),
        (b"[subject]\nkind = 'dataset'\nkind = 'model'", "no TOML"),
        (b"subject = 1", "subject is the number 1"),
        (b"[subject]\ncolour = 1", "has no key 'subject.colour'"),
        (b"[subject]\nrows = -1", "subject.rows is the number -1"),
        (b"[subject]\nrows = true", "subject.rows is true"),
        (b"[subject]\nrows = 9007199254740992", "subject.rows"),
        (b"[subject]\nname = '\\u0000'\nleaf = 'A'", "subject.leaf is 'A'; expected a SHA-256"),
        (b'[subject]\nname = "\\u202e"', "cannot be printed"),
        (b"[subject]\n[[parents]]\nname = 'x'", "has neither leaf nor sha256"),
        (b"[subject]\n[[parents]]\nleaf = 'x'", "parents[1].leaf"),
        (b"parents = [" + b"{}," * 65 + b"]\n[subject]", "has 65 items; 64 is the limit"),
        (b"[subject]\n[transformation]\nparameters = {a = [1]}", "transformation.parameters.a is a list"),
        (b"[subject]\n[licence]\nurl = 'javascript:alert(1)'", "licence.url is"),
        (b"[subject]\n[licence]\nexpression = 'MIT OR'", "licence.expression is"),
        (b"[subject]\n[licence]\nexpression = '(MIT'", "licence.expression is"),
        (b"[subject]\n[collection]\nfrom = 2026-02-01\nuntil = 2026-01-01", "before its from"),
        (b"created = '2026-02-30'\n[subject]", "created is '2026-02-30'"),
    ],
    ids=range(21),
)
def test_what_is_filled_in_wrongly_is_named(text, words):
    with pytest.raises(InvalidInput) as refused:
        read_toml(text)
    assert words in refused.value.message


def test_importing_never_asks_the_network(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/context.jsonld"
        told = croissant_of(PASSPORT) | {"@context": url, "url": url}
        told["distribution"][0]["contentUrl"] = url
        found = from_croissant(json.dumps(told).encode(), ISSUER)
        assert found.passport.subject.name == "people"
        with pytest.raises(NotFound):
            from_croissant(json.dumps(told).encode(), ISSUER, tmp_path)
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("place", ["../people.csv", "/etc/passwd", "a/../../people.csv", "", "."])
def test_a_file_outside_the_folder_is_not_opened(tmp_path, place):
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "people.csv").write_bytes(DATA)
    told = croissant_of(PASSPORT)
    told["distribution"][0] |= {"contentUrl": place, "name": place or "x"}
    with pytest.raises((InvalidInput, NotFound)) as refused:
        from_croissant(json.dumps(told).encode(), ISSUER, folder)
    assert "outside the folder" in refused.value.message or "cannot be read" in refused.value.message


@pytest.mark.parametrize("kind", ["link", "folder link", "pipe"])
def test_an_import_opens_plain_files_of_the_folder_alone(kind, tmp_path):
    folder, place = tmp_path / "data", "sub/people.csv" if kind == "folder link" else "people.csv"
    folder.mkdir()
    (tmp_path / "people.csv").write_bytes(DATA)
    if kind == "pipe":
        os.mkfifo(folder / place)
    else:
        link = folder / place if kind == "link" else folder / "sub"
        link.symlink_to(tmp_path / "people.csv" if kind == "link" else tmp_path)
    told = croissant_of(PASSPORT)
    told["distribution"][0] |= {"contentUrl": place, "name": place}
    with pytest.raises(InvalidInput, match="plain file"):
        from_croissant(json.dumps(told).encode(), ISSUER, folder)


def test_other_data_are_refused(tmp_path):
    (tmp_path / "people.csv").write_bytes(DATA + b"3,z\n")
    for told in (croissant_of(PASSPORT), mlbom_of(PASSPORT)):
        with pytest.raises(DoesNotMatch, match="has the SHA-256"):
            imported_from(json.dumps(told).encode(), ISSUER, tmp_path / "people.csv")


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"7", b"{}", b"\xff", b"[" * 100_000, b'{"a":1,"a":2}', b'{"@type":"sc:Dataset"}',
        b'{"bomFormat":"CycloneDX"}', b'{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":7}',
        b'{"bomFormat":"CycloneDX","specVersion":"1.6"}', b'{"bomFormat":"CycloneDX","specVersion":[1]}',
        b'{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"data","name":"a"},'
        b'{"type":"data","name":"b"}]}',
        b'{"@type":["sc:Dataset"],"conformsTo":["http://evil.example/"]}',
        json.dumps({"a": "x" * (16 * 2**20)}).encode(),
    ],
    ids=range(15),
)  # fmt: skip
def test_what_is_no_croissant_and_no_cyclonedx_is_refused(data):
    with pytest.raises(InvalidInput):
        imported_from(data, ISSUER)


def test_what_a_bill_of_materials_says_wrongly_is_refused_by_its_schema():
    good = mlbom_of(PASSPORT)
    assert from_mlbom(json.dumps(good).encode(), ISSUER).passport.subject.name == "people"
    for key, value in (("version", "x"), ("metadata", {"component": {"type": "data"}}), ("serialNumber", "urn:x")):
        with pytest.raises(InvalidInput, match="no valid CycloneDX 1.6"):
            from_mlbom(json.dumps(good | {key: value}).encode(), ISSUER)


def test_whatever_is_put_into_a_croissant_file_is_read_or_refused():
    odd: list[Any] = [
        None,
        7,
        True,
        "x",
        [],
        {},
        [[]],
        [{}],
        [7],
        {"@id": 7},
        {"@value": []},
        "\u202e\x00",
        "x" * 9_000,
    ]
    good = croissant_of(PASSPORT)
    for key in good:
        for value in odd:
            told = good | {key: value}
            try:
                found = from_croissant(canonical.dumps(told), ISSUER)
            except CounterfoilError:
                continue
            json.dumps(found.passport.to_json())
            assert all(line.isprintable() for line in found.unmapped), (key, value)
