"""Whether data are what a passport is about, and otherwise what changed."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from making import signer
from making_passports import handed_out, whole_passport

from counterfoil.core import canonical
from counterfoil.core.check_passport import check_passport
from counterfoil.core.steps import Step
from counterfoil.provenance.fingerprints.fingerprint import Fingerprint
from counterfoil.provenance.fingerprints.model import model_digest
from counterfoil.provenance.fingerprints.reading import fingerprint_of
from counterfoil.provenance.fingerprints.table_source import table_of
from counterfoil.provenance.passports.data_check import with_data
from counterfoil.provenance.passports.subject import FingerprintOf, Subject, SubjectFile

KEY = signer().key


def step_of(folder: Path, subject: Subject, data: Path, fingerprint: Fingerprint | None = None) -> Step:
    """Returns step 11 of the check of a passport about `subject`."""
    path = folder / "x.passport.json"
    path.write_bytes(handed_out(replace(whole_passport(), subject=subject), fingerprint).encode())
    report = with_data(check_passport(path.read_bytes(), issuer=KEY), path, data)
    step = report.step("data")
    assert step is not None
    assert report.is_intact == (step.status != "failed")
    return step


def about(made: Fingerprint, **more) -> Subject:
    named = FingerprintOf(
        made.algorithm, made.root.hex(), sha256(canonical.dumps(made.to_json())).hexdigest(), made.ignored
    )
    return Subject("dataset", "people", "1", "a" * 64, named, (), made.files, made.size_bytes, **more)


@pytest.fixture
def data(tmp_path):
    made = tmp_path / "data"
    (made / "raw").mkdir(parents=True)
    (made / "raw" / "a.csv").write_text("id\n1\n")
    (made / "raw" / "b.csv").write_text("id\n2\n")
    (made / "scratch.tmp").write_text("x")
    return made


def test_a_folder_says_which_files_changed(tmp_path, data):
    made = fingerprint_of(data, ignore=("*.tmp",))
    assert step_of(tmp_path, about(made), data, made).status == "passed"
    (data / "scratch.tmp").write_text("y")
    assert step_of(tmp_path, about(made), data, made).status == "passed"
    (data / "raw" / "a.csv").write_text("id\n7\n")
    (data / "raw" / "b.csv").rename(data / "raw" / "c.csv")
    step = step_of(tmp_path, about(made), data, made)
    assert step.status == "failed"
    assert step.detail == (
        "~ raw/a.csv; > raw/c.csv (was raw/b.csv); Not as it was in the passport: 1 changed, 1 renamed."
    )


def test_a_renamed_file_in_a_folder_is_a_change_and_alone_it_is_none(tmp_path, data):
    made = fingerprint_of(data)
    (data / "raw" / "b.csv").rename(data / "raw" / "c.csv")
    assert step_of(tmp_path, about(made), data, made).status == "failed"
    alone = fingerprint_of(data / "raw" / "a.csv")
    moved = (data / "raw" / "a.csv").rename(tmp_path / "other.csv")
    assert step_of(tmp_path, about(alone), moved, alone).status == "passed"


def test_how_far_the_data_were_read_is_told_with_and_without_a_whole_fingerprint(tmp_path, data):
    made, path = fingerprint_of(data), tmp_path / "x.passport.json"
    for fingerprint in (made, None):
        path.write_bytes(handed_out(replace(whole_passport(), subject=about(made)), fingerprint).encode())
        told: list[tuple[int, int]] = []
        report = check_passport(path.read_bytes(), issuer=KEY)
        with_data(report, path, data, lambda done, total, told=told: told.append((done, total)))
        assert told[-1] == (made.size_bytes, made.size_bytes)


@pytest.mark.parametrize("algorithm", ["sha256", "blake3"])
def test_a_root_alone_says_same_or_other(tmp_path, data, algorithm):
    made = fingerprint_of(data, algorithm=algorithm, ignore=("*.tmp",))
    assert step_of(tmp_path, about(made), data).status == "passed"
    (data / "raw" / "a.csv").write_text("id\n7\n")
    step = step_of(tmp_path, about(made), data)
    assert (step.status, step.detail) == (
        "failed",
        "they are others; the passport carries no whole fingerprint to say which file changed",
    )


def test_a_table_in_another_form_says_the_same(tmp_path):
    import pandas as pd

    frame = pd.DataFrame({"id": range(300), "city": ["Oslo"] * 300})
    frame.to_parquet(tmp_path / "a.parquet")
    made = replace(fingerprint_of(tmp_path / "a.parquet"), table=table_of(tmp_path / "a.parquet"))
    frame.to_parquet(tmp_path / "b.parquet", compression="gzip")
    step = step_of(tmp_path, about(made), tmp_path / "b.parquet", made)
    assert step.status == "passed"
    assert "Its columns and rows say the same: only the file is another." in step.detail
    frame.loc[270, "city"] = "Bergen"
    frame.to_parquet(tmp_path / "b.parquet")
    step = step_of(tmp_path, about(made), tmp_path / "b.parquet", made)
    assert step.status == "failed"
    assert "Columns that hold something else: city. Rows that changed are among 257 to 300." in step.detail


def test_what_is_no_table_any_more_is_told_by_its_files(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id\n1\n")
    made = replace(fingerprint_of(path), table=table_of(path))
    path.write_text("id\n1,2,3\n")
    step = step_of(tmp_path, about(made), path, made)
    assert (step.status, step.detail) == ("failed", "~ a.csv; Not as it was in the passport: 1 changed.")


def test_a_model_saved_otherwise_means_the_same(tmp_path):
    import numpy as np
    from safetensors.numpy import save_file

    path, tensors = tmp_path / "model.safetensors", {"w": np.ones(3, dtype=np.float32)}
    save_file(tensors, path, metadata={"by": "one"})
    known, meaning = path.read_bytes(), model_digest(path).hex()
    files = (SubjectFile("model.safetensors", len(known), sha256(known).hexdigest()),)
    subject = Subject("model", "credit", "1", "a" * 64, None, files, 1, len(known), meaning=meaning)
    assert "has the SHA-256 on record" in step_of(tmp_path, subject, path).detail
    save_file(tensors, path, metadata={"by": "another"})
    assert step_of(tmp_path, subject, path).detail == "it means the same model; only its file is another"
    assert step_of(tmp_path, replace(subject, meaning=""), path).status == "failed"
    save_file({"w": np.zeros(3, dtype=np.float32)}, path)
    assert step_of(tmp_path, subject, path).status == "failed"
    path.write_bytes(b"nonsense")
    assert step_of(tmp_path, subject, path).status == "failed"
    assert step_of(tmp_path, replace(subject, files=(), count=0), path).status == "not checked"
