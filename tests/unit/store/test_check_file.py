from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from making_deliveries import CHUNKS, MadeDelivery
from organisations import DAY_S, START_S, Bank, bank, full_log, open_home, put_to_work

from counterfoil.core.note import Signer, VerifierKey
from counterfoil.core.steps import Report
from counterfoil.core.trust import sign_handover
from counterfoil.decisions import Decision
from counterfoil.errors import MalformedEvidence, NotFound
from counterfoil.store.check_file import check_file, read_head, read_issuer
from counterfoil.store.streams import time_text


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Bank]:
    with bank(tmp_path / "bank") as made:
        yield made


def save(decision: Decision, path: Path) -> Path:
    return decision.save_receipt(path)


def kept(report: Report) -> str:
    step = report.step("kept")
    assert step is not None
    return f"{report.answer}/{step.status}"


def twin(home: Bank, folder: Path) -> Bank:
    """The same log with the same keys, going another way from here on."""
    home.org.close()
    shutil.copytree(home.folder.parent, folder)
    home.org = open_home(home.folder, home.clock)
    home.loans = put_to_work(home.org)
    org = open_home(folder / "home", home.clock)
    return Bank(folder / "home", home.clock, org, put_to_work(org))


def test_a_receipt_is_kept_in_a_later_bundle_head_and_receipt(home: Bank, tmp_path: Path) -> None:
    receipt = save(home.decide("anna"), tmp_path / "anna.receipt")
    same = tmp_path / "same.head"
    same.write_text(home.org.checkpoint())
    issuer = home.org.issuer
    assert kept(check_file(receipt, issuer=issuer, against=same)) == "kept/passed"
    assert kept(check_file(receipt, issuer=issuer, against=receipt)) == "kept/passed"
    later = home.decide("ben")
    home.org.bundles.write_range(tmp_path / "all.zip")
    report = check_file(receipt, issuer=issuer, against=tmp_path / "all.zip")
    assert kept(report) == "kept/passed"
    assert report.exit_code() == 0
    head = tmp_path / "later.head"
    head.write_text(home.org.checkpoint())
    assert kept(check_file(receipt, issuer=issuer, against=head)) == "unanswered/not checked"
    other = save(later, tmp_path / "ben.receipt")
    assert kept(check_file(receipt, issuer=issuer, against=other)) == "unanswered/not checked"


def test_a_bundle_of_chosen_records_answers_for_them(home: Bank, tmp_path: Path) -> None:
    decision = home.decide("anna")
    receipt = save(decision, tmp_path / "anna.receipt")
    other = home.decide("ben")
    home.org.bundles.write_records(tmp_path / "b.zip", [other.index or 0])
    assert kept(check_file(receipt, issuer=home.org.issuer, against=tmp_path / "b.zip")) == "unanswered/not checked"


def test_two_histories_under_one_key_convict_the_issuer(home: Bank, tmp_path: Path) -> None:
    forged = twin(home, tmp_path / "forged")
    mine, theirs = home.decide("anna"), forged.decide("ben")
    assert mine.index == theirs.index
    receipt = save(mine, tmp_path / "anna.receipt")
    issuer = home.org.issuer
    head = tmp_path / "head"
    head.write_text(forged.org.checkpoint())
    against = [head, save(theirs, tmp_path / "ben.receipt")]
    forged.org.bundles.write_range(tmp_path / "same.zip")
    forged.decide("cleo")
    forged.org.bundles.write_range(tmp_path / "longer.zip")
    against += [tmp_path / "same.zip", tmp_path / "longer.zip", save(forged.decide("dora"), tmp_path / "dora.receipt")]
    answers = [kept(check_file(receipt, issuer=issuer, against=path)) for path in against]
    assert answers[:4] == ["convicted/failed"] * 4
    assert answers[4] == "unanswered/not checked"  # it shows neither that size nor that place
    assert check_file(receipt, issuer=issuer, against=head).exit_code() == 4
    assert kept(check_file(receipt, against=head)) == "unanswered/not checked"  # nobody's key was named
    forged.org.close()


def test_another_record_at_the_same_place_convicts_too(home: Bank, tmp_path: Path) -> None:
    forged = twin(home, tmp_path / "forged")
    mine, theirs = home.decide("anna"), forged.decide("ben")
    home.decide("cleo")
    receipt = save(mine, tmp_path / "anna.receipt")
    forged.decide("dora")
    forged.decide("emil")
    other = save(theirs, tmp_path / "ben.receipt")
    assert kept(check_file(receipt, issuer=home.org.issuer, against=other)) == "convicted/failed"
    forged.org.close()


def test_an_earlier_head_shows_whether_the_log_was_rewritten(home: Bank, tmp_path: Path) -> None:
    forged = twin(home, tmp_path / "forged")
    mine = home.decide("anna")
    since = read_head(save(mine, tmp_path / "anna.receipt"))
    forged.decide("ben")
    forged.org.bundles.write_range(tmp_path / "forged.zip")
    home.org.bundles.write_range(tmp_path / "good.zip")
    assert check_file(tmp_path / "good.zip", since=since, issuer=home.org.issuer).exit_code(["earlier"]) == 0
    assert check_file(tmp_path / "forged.zip", since=since, issuer=home.org.issuer).exit_code() == 4
    forged.org.close()


def test_promises_are_kept_overdue_or_unanswered(tmp_path: Path) -> None:
    with bank(tmp_path / "bank", on_log_failure="spool") as home:
        before = tmp_path / "before.zip"
        home.org.bundles.write_range(before)
        with full_log(home.org):
            decision = home.decide("anna", note="x" * 5_000)
            promise = save(decision, tmp_path / "anna.promise")
            assert decision.index is None
            assert "promise" in check_file(promise, issuer=home.org.issuer).what
        issuer = home.org.issuer
        assert kept(check_file(promise, issuer=issuer, against=before)) == "unanswered/not checked"
        late = time_text(START_S + DAY_S + 1)
        report = check_file(promise, issuer=issuer, against=before, now=late)
        assert (kept(report), report.exit_code()) == ("overdue/failed", 4)
        home.org.recorder.drain()
        home.org.bundles.write_range(tmp_path / "after.zip")
        after = tmp_path / "after.zip"
        assert kept(check_file(promise, issuer=issuer, against=after, now=late)) == "kept/passed"
        receipt = save(decision, tmp_path / "anna.receipt")  # the same decision has a receipt by now
        assert kept(check_file(receipt, issuer=issuer, against=after)) == "kept/passed"
        assert kept(check_file(promise, issuer=issuer, against=receipt)) == "kept/passed"


def test_a_log_that_goes_on_without_the_promised_record_is_overdue(tmp_path: Path) -> None:
    with bank(tmp_path / "bank", on_log_failure="spool") as home:
        with full_log(home.org):
            promise = save(home.decide("anna", note="x" * 5_000), tmp_path / "anna.promise")
        home.org.close()
        (home.folder / "spool" / "waiting").unlink()  # an issuer that breaks its word
        home.clock.move(2 * DAY_S)
        home.org = open_home(home.folder, home.clock)
        put_to_work(home.org)
        home.org.bundles.write_range(tmp_path / "all.zip")
        report = check_file(promise, issuer=home.org.issuer, against=tmp_path / "all.zip")
        assert kept(report) == "overdue/failed"


def test_a_new_log_key_is_followed_and_a_forged_one_is_not(home: Bank, tmp_path: Path) -> None:
    old = home.org.issuer
    early = save(home.decide("anna"), tmp_path / "anna.receipt")
    new = home.org.rotate_log_key()
    assert new != old
    late = save(home.decide("ben"), tmp_path / "ben.receipt")
    for issuer in (old, new):
        assert check_file(late, issuer=issuer).exit_code(["issuer"]) == 0
    assert check_file(early, issuer=old).exit_code(["issuer"]) == 0
    assert check_file(early, issuer=new).exit_code() == 4
    home.org.bundles.write_range(tmp_path / "all.zip")
    for issuer in (old, new):
        assert check_file(tmp_path / "all.zip", issuer=issuer).exit_code(["issuer", "complete"]) == 0
    assert kept(check_file(early, issuer=old, against=tmp_path / "all.zip")) == "kept/passed"
    thief = Signer(old.name, bytes(32))
    home.org.archive.handovers = (sign_handover(thief, thief.key, 1),)
    home.org.recorder.sign_with(thief)
    home.org.archive.forget_signature()
    forged = tmp_path / "forged.receipt"
    forged.write_bytes(home.org.decisions.receipt(6).encode())
    for issuer in (old, new):
        assert check_file(forged, issuer=issuer).exit_code() == 4


def test_heads_are_read_from_heads_receipts_and_bundles(home: Bank, tmp_path: Path) -> None:
    receipt = save(home.decide("anna"), tmp_path / "r")
    (tmp_path / "head").write_text(home.org.checkpoint())
    home.org.bundles.write_records(tmp_path / "b.zip", [6])
    heads = [read_head(path).head for path in (receipt, tmp_path / "head", tmp_path / "b.zip")]
    assert heads[0] == heads[1] == heads[2]
    for data in (b"", b"\xff\xfe", b"{}", b"PK", b"PK\x03\x04", b"x" * 10_000_000, b"[" * 100_000, b'{"a":' * 60_000):
        (tmp_path / "bad").write_bytes(data)
        with pytest.raises(MalformedEvidence):
            read_head(tmp_path / "bad")
    for path in (tmp_path, tmp_path / "nothing here"):
        with pytest.raises(NotFound):
            read_head(path)


def test_an_issuer_is_a_key_or_a_file_with_one(home: Bank, tmp_path: Path) -> None:
    assert read_issuer(str(home.org.issuer)) == home.org.issuer
    assert read_issuer(str(home.folder / "issuer.vkey")) == home.org.issuer
    for text in ("", "nothing", "a+b", "a+b+c", "x" * 5_000, "x+" * 3_000, "\0", "a+\0", str(tmp_path)):
        with pytest.raises((NotFound, MalformedEvidence)):
            read_issuer(text)
    (tmp_path / "bad").write_bytes(b"\xff\xfe")
    with pytest.raises(MalformedEvidence):
        read_issuer(str(tmp_path / "bad"))


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[", b"[" * 100_000, b'{"a":' * 100_000, b"\xff", b"null", b"PKPK", b"1e999"]
)
def test_files_that_are_something_else_fail_their_first_step(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "f").write_bytes(data)
    report = check_file(tmp_path / "f")
    assert [str(step.status) for step in report.steps] == ["failed"]
    assert report.exit_code() == 4
    assert len(report.verdict) < 400


def test_comparing_with_something_else_is_refused_in_words(home: Bank, tmp_path: Path) -> None:
    receipt = save(home.decide("anna"), tmp_path / "r")
    for data in (b"", b"{}", b"PK", b"[" * 100_000, b'{"a":' * 60_000):
        (tmp_path / "bad").write_bytes(data)
        with pytest.raises(MalformedEvidence):
            check_file(receipt, against=tmp_path / "bad")
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(NotFound):
            check_file(receipt, against=path)
        with pytest.raises(NotFound):
            check_file(path)
    (tmp_path / "deep").write_bytes(b'{"a":' * 60_000)
    home.org.bundles.write_range(tmp_path / "b.zip")
    assert check_file(tmp_path / "deep", against=tmp_path / "b.zip").exit_code() == 4


def test_evidence_of_a_false_delivery_is_checked_against_the_sellers_key(tmp_path: Path) -> None:
    made = MadeDelivery([CHUNKS[0], bytes(len(CHUNKS[1])), CHUNKS[2]])
    path = tmp_path / "scans.mismatch.json"
    path.write_bytes(made.evidence().encode())
    report = check_file(path, issuer=made.sheet.key)
    assert report.what == "delivery that does not match"
    assert report.exit_code(["issuer", "mismatch"]) == 0
    assert check_file(path, issuer=VerifierKey("other", 1, bytes(32))).exit_code() == 4
    path.write_bytes(made.evidence().encode()[:-1])
    assert [step.id for step in check_file(path).steps] == ["format"]
