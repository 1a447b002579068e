"""What is known of answered requests: derived from the log alone, and right whatever happens to its file."""

from __future__ import annotations

import pytest
from organisations import bank

from counterfoil.errors import InvalidInput
from counterfoil.store.requests import REQUESTS_FILE, WAITING, Requests

SECRET = b"s" * 32


@pytest.fixture
def made(tmp_path):
    with bank(tmp_path, on_log_failure="spool") as found:
        yield found


def opened(made, name: str = REQUESTS_FILE) -> Requests:
    requests = Requests(made.folder / name, SECRET, made.org.archive, made.org.recorder)
    requests.load()
    return requests


def decide(made, tag: bytes) -> int:
    return made.loans.decide({"credit_amount": 2500, "duration_in_month": 12, "housing": "own"}, request=tag).index


def test_a_request_is_found_by_the_record_it_left(made):
    requests = opened(made)
    tag = requests.tag("key:a", "order 1", b"body")
    index = decide(made, tag)
    requests.noticed([(tag, index)])
    assert requests.find([tag]) == {tag: index}
    requests.settle()
    assert requests.find([tag]) == {tag: index}
    requests.close()
    again = opened(made)
    assert again.find([tag]) == {tag: index}
    again.close()


def test_it_is_found_after_a_crash_that_told_nobody(made):
    tag = opened(made).tag("key:a", "order 1", b"body")
    index = decide(made, tag)
    assert opened(made, "another.db").find([tag]) == {tag: index}


def test_who_asks_and_what_for_are_told_apart(made):
    requests = opened(made)
    tag = requests.tag("key:a", "order 1", b"body")
    requests.noticed([(tag, decide(made, tag))])
    assert requests.find([requests.tag("key:b", "order 1", b"body")]) == {}
    other = requests.tag("key:a", "order 1", b"another body")
    assert isinstance(requests.find([other])[other], InvalidInput)


@pytest.mark.parametrize("harm", ["torn", "missing", "of another log"])
def test_a_file_that_cannot_be_used_is_made_anew(made, harm):
    requests = opened(made)
    tag = requests.tag("key:a", "order 1", b"body")
    index = decide(made, tag)
    requests.settle()
    requests.close()
    path = made.folder / REQUESTS_FILE
    if harm == "torn":
        path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5_000)
    elif harm == "missing":
        path.unlink()
    else:
        import sqlite3

        with sqlite3.connect(path) as file:
            file.execute("UPDATE cursor SET leaf = x'00'")
            file.execute("DELETE FROM requests")
        file.close()
    for suffix in ("-wal", "-shm"):
        (made.folder / f"{REQUESTS_FILE}{suffix}").unlink(missing_ok=True)
    assert opened(made).find([tag]) == {tag: index}


def test_a_rebuild_of_the_tables_forgets_no_request(made):
    requests = opened(made)
    tags = [requests.tag("key:a", f"order {number}", b"body") for number in range(5)]
    places = [decide(made, tag) for tag in tags]
    requests.settle()
    made.org.views.close()
    (made.folder / "views.db").unlink()
    assert requests.find(tags) == dict(zip(tags, places, strict=True))


def test_a_request_waits_in_the_queue_and_is_found_when_it_is_in_the_log(made):
    from organisations import full_log

    requests = opened(made)
    tag = requests.tag("key:a", "order 1", b"body")
    with full_log(made.org):
        assert decide(made, tag) is None
        requests.noticed([(tag, None)])
        assert requests.find([tag]) == {tag: WAITING}
        assert opened(made, "another.db").find([tag]) == {tag: WAITING}  # after a restart
    made.org.recorder.drain()
    found = requests.find([tag])[tag]
    assert made.org.archive.record(found).kind == "decision"
