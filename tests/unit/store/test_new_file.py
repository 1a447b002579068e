"""Files for people: new ones only."""

from __future__ import annotations

import pytest

from counterfoil.errors import InvalidInput
from counterfoil.store.new_file import require_new, write_new


def test_a_new_file_is_written_and_never_overwritten(tmp_path):
    path = tmp_path / "out"
    require_new(path)
    write_new(path, b"first")
    with pytest.raises(InvalidInput, match="out already exists"):
        require_new(path)
    with pytest.raises(InvalidInput, match="out already exists"):
        write_new(path, b"second")
    assert path.read_bytes() == b"first"


def test_no_name_is_not_taken():
    require_new(None)


def test_where_there_is_no_folder_it_cannot_be_written(tmp_path):
    with pytest.raises(InvalidInput, match="out cannot be written: No such file or directory"):
        write_new(tmp_path / "none" / "out", b"")
