"""Reading what people name."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.errors import InvalidInput
from counterfoil.store.named_file import read_named


def test_what_cannot_be_read_is_said_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "terms.toml").write_bytes(b"\xff\n")
    assert read_named(tmp_path / "terms.toml") == b"\xff\n"
    for name, words in (("other.toml", "No such file"), ("", "Is a directory")):
        with pytest.raises(InvalidInput, match=f"{name} cannot be read: {words}") as refused:
            read_named(tmp_path / name)
        assert refused.value.hint == "check the file's name"
