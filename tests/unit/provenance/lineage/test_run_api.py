"""Runs told to a node over HTTP."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

import pytest
from making_node import serving_home
from organisations import estimator

from counterfoil.errors import NotFound
from counterfoil.organisation import Organisation
from counterfoil.provenance.privacy.check import check_privacy
from counterfoil.store.home_settings import HomeSettings
from counterfoil.store.unlock import Unlock
from counterfoil.web.roles import Role


@pytest.fixture
def gated(tmp_path):
    """A home that asks for a privacy check of whatever a model rests on."""
    unlock = Unlock.create_key_file(tmp_path / "bank.key")
    settings = HomeSettings(name="Bank", origin="bank.example", key_file="../bank.key", dataset_gate=("privacy",))
    with Organisation.create(tmp_path / "home", settings, unlock) as org:
        yield org


def test_a_run_that_made_a_model_of_data_that_did_not_pass_is_refused_and_nothing_of_it_kept(gated, tmp_path):
    table = tmp_path / "train.csv"
    table.write_text("age,label\n30,1\n40,0\n")
    dataset = gated.provenance.register_dataset(table)
    gated.provenance.register_model(estimator(), name="loans")
    source = b"print(1)\n"
    code = {"name": "train.py", "sha256": sha256(source).hexdigest()}
    body = {"name": "fit", "inputs": ["train"], "code": code, "kept": [b64encode(source).decode()]}
    with serving_home(gated, Role.SERVICE) as node:
        answer = node.client.post("/api/v1/runs", json=body | {"outputs": ["loans"]})
        assert (answer.status_code, gated.provenance.runs.all()) == (403, [])
        assert "the rule privacy of this home asks for more" in answer.text
        with pytest.raises(NotFound):
            gated.provenance.runs.kept(code["sha256"])
        gated.provenance.reports.record_privacy(dataset, check_privacy(table))
        answer = node.client.post("/api/v1/runs", json=body | {"outputs": ["loans"]})
        assert (answer.status_code, answer.json()["inputs"]) == (201, [dataset.leaf])
        assert gated.provenance.runs.kept(code["sha256"]) == source
