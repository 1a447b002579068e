from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.errors import InvalidInput, MalformedEvidence
from counterfoil.store.bundle_file import BundleReader, BundleWriter


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    with BundleWriter(path) as bundle:
        bundle.write("one", b"1")
        bundle.write_lines("lines", iter([b"a\n", b"b\n"]))
        assert not path.exists()
    with BundleReader(path) as members:
        assert members.names() == {"one", "lines"}
        assert members.read("one", 1) == b"1"
        assert list(members.lines("lines", 10)) == [b"a", b"b"]


def test_limits_hold(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    with BundleWriter(path) as bundle:
        bundle.write("one", b"12345")
    with BundleReader(path) as members:
        with pytest.raises(MalformedEvidence, match="limit"):
            members.read("one", 4)
        with pytest.raises(MalformedEvidence, match="longer"):
            list(members.lines("one", 4))
        with pytest.raises(MalformedEvidence, match="no two"):
            members.read("two", 4)


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> object:
        with BundleWriter(tmp_path / "b.zip") as bundle:
            bundle.write("one", b"1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InvalidInput):
        BundleWriter(tmp_path)


def test_a_folder_or_a_missing_file_is_no_bundle(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(MalformedEvidence):
            BundleReader(path)
