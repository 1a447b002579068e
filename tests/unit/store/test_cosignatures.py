"""The cosignatures a home was given, in one file."""

from __future__ import annotations

from pathlib import Path

import pytest
from organisations import full_disk
from serving_witness import GrowingLog

from counterfoil.errors import HomeDamaged, LogUnavailable
from counterfoil.store.cosignatures import Cosignatures

HEAD = GrowingLog().grow(3).head()


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "cosignatures.json"
    assert Cosignatures.load(path) == Cosignatures()
    kept = Cosignatures({}, None, HEAD).acknowledging("a+1+b", 3).acknowledging("c+1+d", 4)
    kept.save(path)
    assert Cosignatures.load(path) == kept
    assert kept.acknowledged == {"a+1+b": 3, "c+1+d": 4}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"acknowledged":{},"enough":null,"format":2,"newest":null}',
        b'{"acknowledged":{"a":-1},"enough":null,"format":1,"newest":null}',
        b'{"acknowledged":{"a":true},"enough":null,"format":1,"newest":null}',
        b'{"acknowledged":[],"enough":null,"format":1,"newest":null}',
        b'{"acknowledged":{},"enough":"no head","format":1,"newest":null}',
        b'{"acknowledged":{},"enough":5,"format":1,"newest":null}',
        b'{"acknowledged":{},"enough":null,"format":1,"newest":null,"more":1}',
    ],
)
def test_anything_else_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "cosignatures.json"
    path.write_bytes(data)
    with pytest.raises(HomeDamaged, match=r"cosignatures[.]json"):
        Cosignatures.load(path)


def test_a_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "cosignatures.json"
    Cosignatures({"a": 1}).save(path)
    with full_disk(0), pytest.raises(LogUnavailable):
        Cosignatures({"a": 2}, HEAD, HEAD).save(path)
    assert Cosignatures.load(path).acknowledged == {"a": 1}
