"""Commitments to rows: made, proven from, checked, made anew, forgotten."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from making_rows import ABSENT, PEOPLE, register, write_people
from organisations import open_home

from counterfoil.core.check_rows import check_rows_proof
from counterfoil.errors import HomeDamaged, InvalidInput, LogUnavailable, NotFound, TooLarge
from counterfoil.provenance.fingerprints.table_source import table_source
from counterfoil.provenance.rows import commitments
from counterfoil.store.check_file import check_file, read_head


@pytest.fixture
def made(tmp_path):
    with register(tmp_path) as found:
        yield found


def files_of(made) -> Path:
    return made.org.home.paths.rows / made.commitment.record.rows.root.hex()


def finding(proof) -> tuple[str, bool]:
    report = check_rows_proof(proof.encode())
    return report.facts["finding"], report.is_intact


def test_every_id_is_proven_present_and_others_absent(made):
    rows = made.org.provenance.rows
    for number in range(PEOPLE):
        proof = rows.prove(made.commitment, f"p{number}")
        assert finding(proof) == ("present", True)
        assert proof.place.count == (2 if number % 5 == 0 else 1)
    for text in (ABSENT, "p40", "P1", "p1 ", "0", "é"):
        assert finding(rows.prove(made.commitment, text)) == ("absent", True)


def test_the_record_names_the_dataset_and_nobody(made):
    record = made.org.archive.record(made.commitment.index)
    assert (record.kind, record.stream, record.builds_on) == ("rows", "provenance", (made.dataset.leaf,))
    assert record.about["dataset"] == "consents 1"
    assert record.about["ids"]["count"] == PEOPLE
    assert record.about["rows"]["count"] == PEOPLE + PEOPLE // 5
    assert made.org.provenance.rows.at(made.commitment.index) == made.commitment
    assert made.org.provenance.rows.newest(made.dataset) == made.commitment


def test_a_training_run_names_the_version_that_a_proof_is_about(made):
    with made.org.provenance.run("train", inputs=[made.dataset], kind="training"):
        pass
    run = made.org.archive.record(made.org.archive.size - 1)
    report = check_rows_proof(made.proof(ABSENT))
    assert run.kind == "run"
    assert report.facts["dataset_leaf"] in run.builds_on


def test_what_a_killed_process_left_goes_at_the_next_opening(made):
    left = made.org.home.paths.rows / "0123456789abcdef.unfinished"
    left.mkdir()
    (left / "part00").write_bytes(b"tags")
    home = made.org.home.paths.folder
    made.org.close()
    made.org = open_home(home)
    assert not left.exists()
    assert check_rows_proof(made.proof("p1")).is_intact


def test_no_id_and_no_value_is_kept(made):
    kept = b"".join(each.read_bytes() for each in sorted(files_of(made).rglob("*")) if each.is_file())
    assert len(kept) > 32 * PEOPLE
    for told in (b"p39", b"withdrawn", b"2026-01-0"):
        assert told not in kept


def test_two_commitments_to_one_dataset_have_nothing_in_common(made):
    rows = made.org.provenance.rows
    again = rows.commit(made.dataset, made.data, id_column="id")
    one, two = (rows.prove(each, "p1") for each in (made.commitment, again))
    assert one.place.tag != two.place.tag
    assert one.place.root != two.place.root
    assert made.commitment.record.rows.root != again.record.rows.root
    assert rows.newest(made.dataset) == again
    assert rows.all() == [made.commitment, again]


def test_without_ids_rows_alone_are_proven(tmp_path):
    with register(tmp_path, id_column="") as made:
        assert made.commitment.record.ids is None
        assert not list(files_of(made).glob("part*"))
        with pytest.raises(InvalidInput, match="knows no ids"):
            made.proof("p1")
        for number in (0, 17, PEOPLE + PEOPLE // 5 - 1):
            assert check_rows_proof(made.row_proof(number)).is_intact
        with pytest.raises(NotFound, match="there is no row 48"):
            made.row_proof(48)


def test_the_same_data_checks_and_other_data_does_not(made):
    rows = made.org.provenance.rows
    assert rows.check(made.commitment, made.data).is_intact
    text = made.data.read_text()
    made.data.write_text(text.replace("p39,given", "p39,asked"))
    report = rows.check(made.commitment, made.data)
    assert [str(each.status) for each in report.steps] == ["failed", "failed"]
    with pytest.raises(InvalidInput, match="not the one that was committed to"):
        rows.rebuild(made.commitment, made.data)
    with pytest.raises(InvalidInput, match="not the ones that were committed to"):
        rows.prove(made.commitment, "p39", data=made.data)
    write_people(made.data, 5)
    with pytest.raises(InvalidInput, match="not the ones that were committed to"):
        rows.prove(made.commitment, "p39", data=made.data)


def test_only_the_data_on_record_is_committed_to(made):
    made.data.write_text(made.data.read_text() + "p99,given,2026-03-01,1\n")
    with pytest.raises(InvalidInput, match="not the data that is on record as consents 1"):
        made.org.provenance.rows.commit(made.dataset, made.data, id_column="id")
    assert len(list(made.org.home.paths.rows.iterdir())) == 1


def test_files_that_are_lost_are_made_anew(made):
    rows = made.org.provenance.rows
    before = made.proof("p7")
    secret = (files_of(made) / "secret").read_bytes()
    shutil.rmtree(files_of(made))
    files_of(made).mkdir()
    (files_of(made) / "secret").write_bytes(secret)
    with pytest.raises(HomeDamaged):
        made.proof("p7")
    rows.rebuild(made.commitment, made.data)
    assert made.proof("p7") == before


@pytest.mark.parametrize("name", ["ids.tags", "ids.rows", "ids.parts", "tree/0"])
@pytest.mark.parametrize("harm", ["cut", "altered", "gone"])
def test_damaged_files_are_noticed_before_a_proof_leaves(made, name, harm):
    path = files_of(made) / name
    data = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(data[:-1] if harm == "cut" else bytes(byte ^ 0x55 for byte in data))
    with pytest.raises(HomeDamaged):
        made.proof("p7")


def test_a_secret_belongs_to_one_commitment(made):
    rows = made.org.provenance.rows
    again = rows.commit(made.dataset, made.data, id_column="id")
    theirs = made.org.home.paths.rows / again.record.rows.root.hex() / "secret"
    shutil.copy(theirs, files_of(made) / "secret")
    with pytest.raises(HomeDamaged, match="secret"):
        made.proof("p1")


def test_what_is_forgotten_is_not_proven_any_more_and_old_proofs_hold(made):
    before = made.proof("p1")
    made.org.provenance.rows.forget(made.commitment)
    assert not files_of(made).exists()
    with pytest.raises(NotFound, match="not here any more"):
        made.proof("p1")
    with pytest.raises(NotFound):
        made.org.provenance.rows.check(made.commitment, made.data)
    assert check_rows_proof(before, issuer=made.org.issuer).is_intact
    made.org.provenance.rows.forget(made.commitment)


def test_the_home_is_opened_again_and_keys_are_rotated(made):
    before = made.proof("p1", with_record=False)
    made.org.rotate_vault_key()
    home = made.org.home.paths.folder
    made.org.close()
    made.org = open_home(home)
    assert made.proof("p1", with_record=False) == before
    assert [entry.algorithm for entry in made.org.keyring.entries() if entry.use == "rows"] == ["AES-256-GCM"]


def test_a_table_in_another_form_has_integer_ids(tmp_path, made):
    path = tmp_path / "people.parquet"
    pq.write_table(pa.table({"id": pa.array([42, 7, 42], pa.int32()), "name": ["a", "b", "c"]}), path)
    dataset = made.org.provenance.register_dataset(path)
    found = made.org.provenance.rows.commit(dataset, path, id_column="id")
    proof = made.org.provenance.rows.prove(found, "42", data=path)
    report = check_rows_proof(proof.encode())
    assert report.is_intact
    assert [each["value"] for each in report.facts["fields"]] == ["42", "a", "42", "c"]
    assert finding(made.org.provenance.rows.prove(found, "042")) == ("absent", True)


def test_progress_is_told(made):
    told: list[tuple[int, int]] = []
    made.org.provenance.rows.commit(
        made.dataset, made.data, id_column="id", progress=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (48, 48)


def test_a_proof_file_is_checked_like_a_receipt(made, tmp_path):
    path = tmp_path / "proof.json"
    path.write_bytes(made.proof("p1"))
    report = check_file(path, issuer=made.org.issuer, against=path)
    assert report.answer == "kept"
    assert read_head(path).head.size == made.org.archive.size
    path.write_bytes(made.proof("p1", with_record=False))
    assert check_file(path, issuer=made.org.issuer).verdict.endswith("; intact, issuer unknown")


def test_dictionaries_and_large_texts_are_ids(made, tmp_path):
    path = tmp_path / "coded.parquet"
    ids = pa.array(["a", "b", "a"]).dictionary_encode()
    pq.write_table(pa.table({"id": ids, "n": [1, 2, 3]}), path)
    dataset = made.org.provenance.register_dataset(path)
    found = made.org.provenance.rows.commit(dataset, path, id_column="id")
    assert made.org.provenance.rows.prove(found, "a").place.count == 2


def test_many_rows_fill_many_parts(made, tmp_path):
    path = tmp_path / "many.parquet"
    count = 3_000
    pq.write_table(pa.table({"id": [f"{number % 2_900}" for number in range(count)]}), path)
    dataset = made.org.provenance.register_dataset(path)
    rows = made.org.provenance.rows
    found = rows.commit(dataset, path, id_column="id")
    folder = made.org.home.paths.rows / found.record.rows.root.hex()
    assert (folder / "ids.parts").stat().st_size > 8 * 72
    for number in range(0, 2_900, 97):
        assert rows.prove(found, str(number)).place.count == (2 if number < 100 else 1)
    for number in range(2_900, 2_930):
        assert finding(rows.prove(found, str(number))) == ("absent", True)


def test_the_json_of_a_proof_is_canonical_and_small(made):
    data = made.proof(ABSENT, with_record=False)
    assert len(data) < 2_000
    assert sorted(json.loads(data)) == ["format", "id", "ids", "kind", "place", "steps", "vrf"]


@pytest.mark.parametrize("when", ["digest", "trees"])
def test_data_that_is_changed_while_it_is_read_is_not_committed_to(made, when, monkeypatch):
    text, stat = made.data.read_text(), made.data.stat()

    def changed() -> None:
        with made.data.open("r+") as file:
            file.write(text.replace("p1,", "z1,"))
        os.utime(made.data, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    if when == "digest":
        taken = commitments.content_sha256
        monkeypatch.setattr(commitments, "content_sha256", lambda path: (taken(path), changed())[0])
    else:
        build = commitments.build_trees

        def changed_first(_source, *args, **more):
            changed()
            return build(table_source(made.data), *args, **more)

        monkeypatch.setattr(commitments, "build_trees", changed_first)
    size = made.org.archive.size
    with pytest.raises(InvalidInput, match="was changed while it was read"):
        made.org.provenance.rows.commit(made.dataset, made.data, id_column="id")
    assert made.org.archive.size == size


def test_a_proof_that_no_checker_reads_is_refused(made, tmp_path):
    data = tmp_path / "many.csv"
    data.write_text("id,text\n" + "".join(f"p1,{'x' * 9_000}{place}\n" for place in range(2_000)))
    rows, dataset = made.org.provenance.rows, made.org.provenance.register_dataset(data)
    commitment = rows.commit(dataset, data, id_column="id")
    with pytest.raises(TooLarge, match=r"is the limit") as refused:
        rows.prove(commitment, "p1", data=data)
    assert "leave out the data" in refused.value.hint
    assert rows.prove(commitment, "p1").place.count == 2_000


def test_a_commitment_whose_record_was_refused_goes_at_the_next_opening(made, monkeypatch):
    folder, settled = made.org.home.paths.rows, files_of(made)

    def refused(_draft):
        raise LogUnavailable("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(made.org.provenance.rows._recorder, "write", refused)
        with pytest.raises(LogUnavailable):
            made.org.provenance.rows.commit(made.dataset, made.data, id_column="id")
    assert len(list(folder.iterdir())) == 2
    (settled / "unrecorded").touch()  # as a crash right behind the record leaves it
    made.org.close()
    with open_home(made.org.home.paths.folder) as org:
        assert list(folder.iterdir()) == [settled]
        assert not (settled / "unrecorded").exists()
        assert org.provenance.rows.prove(made.commitment, "p1").is_present
