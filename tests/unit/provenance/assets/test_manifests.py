"""What a dataset or model is called on a ledger: the leaf hash of its record, which a stranger computes."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from organisations import DATA, Clock, copy_home, open_home

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.organisation import Organisation
from counterfoil.provenance.assets.manifests import find_manifest


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Organisation]:
    with open_home(copy_home(tmp_path), Clock()) as opened:
        yield opened


def test_a_stranger_who_is_shown_the_record_computes_the_digest(org: Organisation) -> None:
    model = org.provenance.models()[0]
    for wanted in (model.record.name, str(model.index)):
        found = find_manifest(org.provenance, wanted)
        assert (found.kind, found.leaf) == ("model", model.leaf)
        assert found.sha256 == sha256(b"\0" + org.archive.entry(model.index)).hexdigest()


def test_a_name_that_two_have_needs_a_kind(org: Organisation) -> None:
    name = org.provenance.models()[0].record.name
    org.provenance.register_dataset(DATA, name=name)

    with pytest.raises(InvalidInput, match="a dataset and a model are called"):
        find_manifest(org.provenance, name)
    assert [find_manifest(org.provenance, name, kind).kind for kind in ("dataset", "model")] == ["dataset", "model"]


def test_what_is_not_registered_is_not_found(org: Organisation) -> None:
    model = org.provenance.models()[0]
    for wanted, kind in [("nothing", None), ("999999", None), (model.record.name, "dataset"), ("0", None)]:
        with pytest.raises(NotFound):
            find_manifest(org.provenance, wanted, kind)
