"""Files in stores, a real S3 server among them."""

from __future__ import annotations

import os
import uuid

import pytest
from objects3 import BUCKET, s3_server

from counterfoil.errors import InvalidInput, NodeUnreachable, NotFound, Stale, TooLarge
from counterfoil.provenance.snapshots import Limits, PathSource

TABLE = b"id,rate\n1,0.5\n"


@pytest.fixture(scope="module")
def s3():
    with s3_server():
        yield f"s3://{BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture(params=["file", "memory", "s3"])
def store(request, tmp_path):
    import fsspec

    if request.param == "file":
        (tmp_path / "there").mkdir()
        yield f"file://{tmp_path}/there"
    elif request.param == "memory":
        yield "memory://there"
        fsspec.filesystem("memory").store.clear()
    else:
        yield request.getfixturevalue("s3")


def put(url, data):
    import fsspec

    with fsspec.open(url, "wb") as file:
        file.write(data)


def test_a_file_in_a_store_is_kept_and_a_changed_one_is_its_next_version(org, store):
    snapshots = org.provenance.snapshots
    put(f"{store}/rates.csv", TABLE)
    first = snapshots.take(PathSource(f"{store}/rates.csv"), name="rates")
    assert first.run.record.parameters["source"]["url"] == f"{store}/rates.csv"
    assert not snapshots.take(PathSource(f"{store}/rates.csv"), name="rates").is_new
    put(f"{store}/rates.csv", TABLE + b"2,0.7\n")
    assert snapshots.take(PathSource(f"{store}/rates.csv"), name="rates").dataset.record.version == "2"
    assert snapshots.open("rates@1").read() == TABLE


def test_s3_says_which_state_of_the_object_it_was(org, s3):
    put(f"{s3}/tagged.csv", TABLE)
    source = org.provenance.snapshots.take(PathSource(f"{s3}/tagged.csv"), name="tagged").run.record.parameters[
        "source"
    ]
    assert len(source["eTag"]) == 32
    assert source["size"] == str(len(TABLE))


def test_a_file_that_is_not_there_is_not_found(store, tmp_path):
    with pytest.raises(NotFound):
        PathSource(f"{store}/nothing.csv").fetch(tmp_path, Limits(), None)


def test_a_file_larger_than_the_limit_is_refused(store, tmp_path):
    put(f"{store}/big.bin", bytes(100_000))
    with pytest.raises(TooLarge):
        PathSource(f"{store}/big.bin").fetch(tmp_path, Limits(most_bytes=99_999), None)


def test_a_bucket_that_is_not_there_is_an_error(s3, tmp_path):
    with pytest.raises((NotFound, NodeUnreachable)):
        PathSource("s3://no-such-bucket-here/x.csv").fetch(tmp_path, Limits(), None)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    path = tmp_path / "moving.bin"
    path.write_bytes(bytes(3 << 20))

    def meddle(done, _total):
        if done == 1 << 20:
            with path.open("ab") as file:
                file.write(b"more")

    with pytest.raises(Stale, match="was changed"):
        PathSource(f"file://{path}").fetch(tmp_path / "..", Limits(), meddle)


@pytest.mark.parametrize(
    "url",
    [
        "rates.csv",
        "/etc/passwd",
        "s3://bucket",
        "s3://key:MARKER@bucket/x",
        "s3://bucket/x?token=MARKER",
        "https://data.example/x",
        "simplecache::s3://bucket/x",
        "s3://bucket/a\nb",
    ],
)
def test_what_is_no_file_in_a_store_is_refused_unrepeated(url):
    with pytest.raises(InvalidInput) as refused:
        PathSource(url)
    assert "MARKER" not in f"{refused.value.message} {refused.value.hint}"


def test_a_store_of_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(NodeUnreachable):
        PathSource("nonsense://bucket/x").fetch(tmp_path, Limits(), None)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    (tmp_path / "made").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InvalidInput, match="a pipe or a device"):
        PathSource(f"file://{tmp_path}/pipe.csv").fetch(tmp_path / "made", Limits(), None)
