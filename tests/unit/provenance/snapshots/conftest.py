"""A home and a live source."""

from __future__ import annotations

import pytest
import sources

import counterfoil


@pytest.fixture
def org(tmp_path):
    with counterfoil.create(tmp_path / "home", name="Example", origin="example.org/data") as made:
        yield made


@pytest.fixture
def web():
    with sources.source() as found:
        yield found
