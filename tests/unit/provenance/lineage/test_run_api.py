"""Runs told to a node over HTTP."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

import pytest
from making_node import serving_home
from organisations import estimator, gated

from counterfoil.errors import NotFound
from counterfoil.provenance.privacy.check import check_privacy
from counterfoil.web.roles import Role


def test_a_run_that_made_a_model_of_data_that_did_not_pass_is_refused_and_nothing_of_it_kept(tmp_path):
    with gated(tmp_path, "privacy") as org, serving_home(org, Role.SERVICE) as node:
        table = tmp_path / "train.csv"
        table.write_text("age,label\n30,1\n40,0\n")
        dataset = org.provenance.register_dataset(table)
        org.provenance.register_model(estimator(), name="loans")
        source = b"print(1)\n"
        code = {"name": "train.py", "sha256": sha256(source).hexdigest()}
        body = {"name": "fit", "inputs": ["train"], "code": code, "kept": [b64encode(source).decode()]}
        answer = node.client.post("/api/v1/runs", json=body | {"outputs": ["loans"]})
        assert (answer.status_code, org.provenance.runs.all()) == (403, [])
        assert "the rule privacy of this home asks for more" in answer.text
        with pytest.raises(NotFound):
            org.provenance.runs.kept(code["sha256"])
        org.provenance.reports.record_privacy(dataset, check_privacy(table))
        answer = node.client.post("/api/v1/runs", json=body | {"outputs": ["loans"]})
        assert (answer.status_code, answer.json()["inputs"]) == (201, [dataset.leaf])
        assert org.provenance.runs.kept(code["sha256"]) == source
