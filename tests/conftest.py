"""Settings for the whole suite."""

from __future__ import annotations

import os
import sys

from hypothesis import HealthCheck, settings

# No deadline: two workers share two cores, and a slow example is not a wrong one.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples in every run, so that a red build is red again when looked into.
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, database=None)
# Many more examples, for a night: HYPOTHESIS_PROFILE=long pytest tests/property
settings.register_profile("long", settings.get_profile("local"), max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "local"))

# titanoboa's plugin loads py_ecc, which lets Python recurse until the process dies: see ledger/recursion.py.
sys.setrecursionlimit(12_288)
