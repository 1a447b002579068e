"""`counterfoil fingerprint`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from counterfoil.cli.main import run


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = tmp_path / "data"
    (data / "raw").mkdir(parents=True)
    (data / "raw" / "a.csv").write_text("id,name\n1,Ada\n2,Grace\n")
    (data / "notes.txt").write_text("collected by hand")
    return data


@pytest.fixture
def typed(capsys):
    def typed(*args: object, code: int = 0) -> tuple[str, str]:
        assert run([str(each) for each in args]) == code
        found = capsys.readouterr()
        return found.out, found.err

    return typed


def test_what_changed_is_said_by_name(typed, folder):
    out, _ = typed("fingerprint", "data", "--out", "was.json")
    assert out.endswith("2 files, 39 bytes, by SHA-256.\n")
    out, _ = typed("fingerprint", "data", "--against", "was.json")
    assert "Nothing changed since was.json" in out
    (folder / "raw" / "a.csv").write_text("id,name\n1,Ada\n2,Grete\n")
    (folder / "notes.txt").rename(folder / "remarks.txt")
    out, _ = typed("fingerprint", "data", "--against", "was.json", code=4)
    assert "  ~ raw/a.csv\n  > remarks.txt (was notes.txt)\nNot as it was in was.json: 1 changed, 1 renamed.\n" in out
    told = json.loads(typed("fingerprint", "data", "--against", "was.json", "--json", code=4)[0])
    assert [each["what"] for each in told["changes"]] == ["changed", "renamed"]
    assert told["same"] is False


def test_the_old_fingerprint_says_how_the_new_one_is_made(typed, folder):
    typed("fingerprint", "data", "--algorithm", "blake3", "--ignore", "*.txt", "--out", "was.json")
    (folder / "more.txt").touch()
    out, _ = typed("fingerprint", "data", "--against", "was.json")
    assert "1 file, 22 bytes, by BLAKE3.\nLeft out: *.txt." in out
    _, err = typed("fingerprint", "data", "--against", "was.json", "--algorithm", "sha256", code=2)
    assert "hint: make the new one with --algorithm blake3" in err


def test_a_table_in_another_file_says_the_same(typed, folder):
    path = folder / "raw" / "a.csv"
    typed("fingerprint", path, "--rows", "--out", "was.json")
    pd.read_csv(path).to_parquet("a.parquet")
    out, _ = typed("fingerprint", "a.parquet", "--against", "was.json")
    assert out.endswith("Its columns and rows say the same: only the file is another.\n")
    pd.DataFrame({"id": [1, 2, 3], "name": ["Ada", "Grete", "Lise"]}).to_parquet("a.parquet")
    out, _ = typed("fingerprint", "a.parquet", "--against", "was.json", code=4)
    assert "Columns that hold something else: id, name.\nIt had 2 rows and has 3.\n" in out
    assert out.endswith("Rows that changed are among 1 to 3.\n")


def test_the_order_of_rows_counts_unless_it_is_said_otherwise(typed, folder):
    path = folder / "raw" / "a.csv"
    for name, more in (("kept.json", ["--rows"]), ("any.json", ["--any-order"])):
        typed("fingerprint", path, *more, "--out", name)
    path.write_text("id,name\n2,Grace\n1,Ada\n")
    assert "hold something else" in typed("fingerprint", path, "--against", "kept.json", code=4)[0]
    assert "say the same" in typed("fingerprint", path, "--against", "any.json")[0]
    _, err = typed("fingerprint", path, "--against", "kept.json", "--any-order", code=2)
    assert "the order of the rows counts" in err
    path.write_text("id,name\n2,Grace\n3,Ada\n")
    out, _ = typed("fingerprint", path, "--against", "any.json", code=4)
    assert "Some rows are others; which ones is not known where no order counts." in out


def test_the_same_bytes_under_another_name(typed, folder):
    path = folder / "raw" / "a.csv"
    typed("fingerprint", path, "--out", "bytes.json")
    typed("fingerprint", path, "--rows", "--out", "rows.json")
    path = path.rename("b.csv")
    for name, code in (("bytes.json", 4), ("rows.json", 0)):
        out, _ = typed("fingerprint", path, "--against", name, code=code)
        assert out.endswith(f"  > b.csv (was a.csv)\nThe same bytes as in {name}, under another name.\n")


def test_a_folder_against_one_file_in_it(typed, folder):
    typed("fingerprint", folder / "raw" / "a.csv", "--rows", "--out", "was.json")
    (folder / "raw" / "b.txt").write_text("more")
    out, err = typed("fingerprint", "data/raw", "--against", "was.json", code=4)
    assert out.endswith("  + b.txt\nNot as it was in was.json: 1 added.\n")
    assert "note: was.json is about one file; compare that: counterfoil fingerprint data/raw/a.csv" in err


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["data", "--rows"], 2, "data holds no table that can be read"),
        (["data/notes.txt", "--rows"], 2, "notes.txt is no table that can be read"),
        (["data/notes.txt", "--model"], 2, "not a usable ONNX model"),
        (["missing"], 3, "missing cannot be read: No such file"),
        (["data", "--against", "missing.json"], 3, "missing.json cannot be read"),
        (["data", "--against", "data/notes.txt"], 2, "error: notes.txt is no fingerprint and no passport"),
        (["data", "--against", "data/raw/a.csv"], 2, "hint: --against takes what `fingerprint --out` or"),
        (["data", "--out", "data/notes.txt"], 2, "already exists"),
        (["data", "--out", "nowhere/x.json"], 2, "cannot be written"),
        (["data", "--threads", "0"], 2, "--threads"),
        (["/dev/null"], 2, "is a device"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_slips_are_answered_in_words(typed, folder, args, code, said):
    _, err = typed("fingerprint", *args, code=code)
    assert said in err
