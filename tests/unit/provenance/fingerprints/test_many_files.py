"""A folder of fifty thousand files; a million are in benchmarks/many_files.py."""

from __future__ import annotations

from hashlib import sha256

import pytest

from counterfoil.provenance.fingerprints.difference import difference_of
from counterfoil.provenance.fingerprints.entry import Entry
from counterfoil.provenance.fingerprints.fingerprint import Fingerprint
from counterfoil.provenance.fingerprints.reading import fingerprint_of
from counterfoil.provenance.fingerprints.stat_cache import StatCache

FILES = 50_000


@pytest.mark.slow
def test_one_changed_file_is_found_among_all(tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    contents = {f"{number:06d}": number.to_bytes(8, "big") for number in range(FILES)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    wanted = Fingerprint.of(
        (Entry(name.encode(), 8, "whole", sha256(content).digest()) for name, content in contents.items()), "sha256"
    )
    cache = StatCache(tmp_path / "cache", folder)
    before = fingerprint_of(folder, cache=cache)
    assert (before.root, before.files, before.size_bytes) == (wanted.root, FILES, 8 * FILES)
    assert fingerprint_of(folder, cache=cache).root == before.root
    (folder / "043210").write_bytes(b"changed!")
    after = fingerprint_of(folder, cache=cache)
    assert [(each.what, each.name) for each in difference_of(before, after).changes] == [("changed", "043210")]
    before.save(tmp_path / "was.json")
    assert Fingerprint.load(tmp_path / "was.json") == before
