"""Requests that bring whole numbers of any size are answered or refused like others."""

from __future__ import annotations

from making_node import serving


def test_a_whole_number_beyond_64_bits_is_refused_in_words(tmp_path):
    with serving(tmp_path) as node:
        told = {"name": "clean", "kind": "transformation", "inputs": [], "outputs": [], "parameters": {"n": 2**80}}
        refused = node.client.post("/api/v1/runs", json=told)
        assert refused.status_code == 422, refused.text
        assert refused.json()["code"] == "invalid_input"
