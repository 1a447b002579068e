from __future__ import annotations

import platform
from dataclasses import replace

import pytest

from counterfoil.market.compute.environment import Environment, environment_of
from counterfoil.market.compute.sandbox import Sandbox

HERE = Environment(
    "CPython 3.11.7", (("numpy", "2.4.6"), ("scikit-learn", "1.9.0")), "bubblewrap 0.8.0", "Linux", "x86"
)


def test_it_tells_what_is_here():
    found = environment_of(Sandbox.open())
    assert found.python == f"CPython {platform.python_version()}"
    assert {"counterfoil", "cryptography"} <= dict(found.packages).keys()
    assert found.walls.startswith("bubblewrap ")
    assert found.digest_hex == environment_of(Sandbox.open()).digest_hex


def test_any_difference_is_another_digest_and_is_named():
    newer = replace(HERE, packages=(("numpy", "2.5.0"), ("scikit-learn", "1.9.0")), machine="arm")
    assert newer.digest_hex != HERE.digest_hex
    assert HERE.differences(newer) == ("machine: x86, and arm", "package numpy: 2.4.6, and 2.5.0")
    assert HERE.differences(HERE) == ()


@pytest.mark.parametrize(
    ("python", "packages", "unmet"),
    [
        pytest.param("3.11", ["numpy", "NumPy>=2", "numpy==2.4.6", "scikit_learn"], 0, id="all-here"),
        pytest.param("3.12", [], 1, id="python"),
        pytest.param("3.9", [], 0, id="older-python"),
        pytest.param("", ["numpy>=2.10"], 1, id="numbers-not-letters"),
        pytest.param("", ["numpy==2.4"], 1, id="exact"),
        pytest.param("", ["torch"], 1, id="missing"),
        pytest.param("", ["numpy; rm"], 1, id="unreadable"),
    ],
)
def test_what_an_algorithm_needs_is_held_against_what_is_here(python, packages, unmet):
    assert len(HERE.unmet(python, packages)) == unmet
