"""An object store for tests: a server that speaks S3, on loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import pytest

__all__ = ["BUCKET", "s3_server"]

BUCKET: Final = "evidence"


@contextmanager
def s3_server() -> Iterator[Any]:
    """A server that speaks S3, on loopback; s3fs finds it by the environment, as it finds any other."""
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    given = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    s3fs.S3FileSystem.clear_instance_cache()
    with suppress(FileExistsError):  # all servers of a process keep the same buckets
        s3fs.S3FileSystem().mkdir(BUCKET)
    try:
        yield running
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        running.stop()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
