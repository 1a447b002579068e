"""Settings for the whole suite."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, settings
from postgres import PostgresServer, running_server

# No deadline: two workers share two cores, and a slow example is not a wrong one.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples in every run, so that a red build is red again when looked into.
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, database=None)
# Many more examples, for a night: HYPOTHESIS_PROFILE=long pytest tests/property
settings.register_profile("long", settings.get_profile("local"), max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "local"))

# titanoboa's plugin loads py_ecc, which lets Python recurse until the process dies: see ledger/recursion.py.
sys.setrecursionlimit(12_288)

# Python looks for garbage among all that lives, and the modules of tests hold a million objects: with its own settings
# that was a third of the time of tests that serve a node.
gc.set_threshold(50_000, 20, 10)

# Tests speak with this machine alone: none of their HTTP clients needs to read a hundred certificates first.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = os.devnull


def pytest_collection_finish() -> None:
    """Takes what was loaded until here out of the search for garbage: it stays to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real server, one for each process of the test run."""
    with running_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def views_on(request: pytest.FixtureRequest) -> Iterator[str]:
    """Homes of this test keep their searchable tables there; the test runs once for each."""
    import organisations  # heavy, and not for every test

    with database_on(request) as organisations.views_url:
        yield request.param
    organisations.views_url = ""


@pytest.fixture(params=["file", "postgres"])
def outbox_on(request: pytest.FixtureRequest) -> Iterator[str]:
    """Outboxes of this test keep their rows there; the test runs once for each."""
    import counter

    with database_on(request) as counter.outbox_url:
        yield request.param
    counter.outbox_url = ""


@contextmanager
def database_on(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty database where the test asks for PostgreSQL, and nothing where it asks for a file."""
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.empty_database() as url:
            yield url
    else:
        yield ""
