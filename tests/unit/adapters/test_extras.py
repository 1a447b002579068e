"""An adapter whose package is missing says which extra to install; none is loaded unasked."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("adapter", "package", "extra"),
    [("starlette", "starlette", "node"), ("sklearn", "sklearn", "ml"), ("opentelemetry", "opentelemetry", "otel")],
)
def test_a_missing_package_names_its_extra(adapter: str, package: str, extra: str) -> None:
    code = f"""
import sys
import counterfoil.adapters
from counterfoil.errors import NotSetUp
assert {package!r} not in sys.modules
sys.modules[{package!r}] = None
try:
    import counterfoil.adapters.{adapter}
except NotSetUp as error:
    print(error.hint)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"install the extra `{extra}`" in done.stdout
