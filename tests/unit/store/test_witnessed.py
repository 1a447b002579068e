"""What a witness remembers: durable before it signs, judged and replaced in one step."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from organisations import full_disk
from serving_witness import ORIGIN, GrowingLog

from counterfoil.core.witness import NOTHING_SEEN, AddCheckpoint, Refusal, Seen, judge
from counterfoil.errors import HomeDamaged, LogUnavailable, NotSetUp
from counterfoil.store.witnessed import MAX_CONTRADICTIONS, SAME_TIME_S, WITNESSED_VERSION, Witnessed

LOG = GrowingLog().grow(30)
NOW_S = 1_795_000_000


def advance(kept: Witnessed, log: GrowingLog, old: int, size: int, now_s: int = NOW_S) -> tuple[Refusal | None, int]:
    request = AddCheckpoint.parse(log.request(old, size))
    return kept.advance(request, lambda seen: judge(request, (log.signer.key,), seen), now_s)


def test_what_was_signed_is_known_to_the_next_one_who_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "witness" / "witnessed.db"
    kept = Witnessed.open(path)
    assert kept.seen(ORIGIN) == NOTHING_SEEN
    assert advance(kept, LOG, 0, 10) == (None, NOW_S)
    other = Witnessed.open(path)  # without closing the first: it is on disk already
    assert other.seen(ORIGIN) == Seen(10, LOG.root(10), NOW_S)
    assert other.all() == {ORIGIN: Seen(10, LOG.root(10), NOW_S)}
    other.close()
    kept.close()


def test_a_refusal_changes_nothing(tmp_path: Path) -> None:
    kept = Witnessed.open(tmp_path / "w.db")
    advance(kept, LOG, 0, 10)
    refusal, _ = advance(kept, LOG, 5, 20)
    assert refusal is not None
    assert refusal.size == 10
    assert kept.seen(ORIGIN).size == 10
    kept.close()


def test_times_do_not_go_back(tmp_path: Path) -> None:
    kept = Witnessed.open(tmp_path / "w.db")
    assert advance(kept, LOG, 0, 10, NOW_S) == (None, NOW_S)
    assert advance(kept, LOG, 10, 11, NOW_S - 500) == (None, NOW_S)
    kept.close()


def test_the_same_head_gets_the_same_time_for_a_while_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    kept = Witnessed.open(path)
    advance(kept, LOG, 0, 11)
    before = path.read_bytes()
    assert advance(kept, LOG, 11, 11, NOW_S + SAME_TIME_S - 1) == (None, NOW_S)
    assert advance(kept, LOG, 11, 11, NOW_S - 5) == (None, NOW_S)
    assert path.read_bytes() == before
    assert advance(kept, LOG, 11, 11, NOW_S + SAME_TIME_S) == (None, NOW_S + SAME_TIME_S)
    assert advance(kept, LOG, 11, 12, NOW_S + SAME_TIME_S + 1) == (None, NOW_S + SAME_TIME_S + 1)
    kept.close()


def test_two_heads_of_one_size_are_kept_as_evidence(tmp_path: Path) -> None:
    kept = Witnessed.open(tmp_path / "w.db")
    fork = LOG.fork(5).grow(5, "other ")
    advance(kept, LOG, 0, 10)
    for _ in range(2):  # once is enough
        refusal, _ = advance(kept, fork, 10, 10)
        assert refusal is not None
        assert refusal.is_contradiction
    (pair,) = kept.contradictions(ORIGIN)
    assert (pair.signed, pair.refused, pair.size) == (LOG.head(10), fork.head(10), 10)
    assert kept.contradictions("another.example") == []
    for number in range(2 * MAX_CONTRADICTIONS):
        advance(kept, LOG.fork(5).grow(5, f"{number} "), 10, 10)
    assert len(kept.contradictions()) == MAX_CONTRADICTIONS
    kept.close()


def test_of_many_at_once_each_size_is_signed_for_one_history(tmp_path: Path) -> None:
    kept = Witnessed.open(tmp_path / "w.db")
    advance(kept, LOG, 0, 10)
    forks = [LOG.fork(10).grow(5, f"{number} ") for number in range(8)]
    done: list[GrowingLog] = []
    gate = threading.Barrier(len(forks))

    def ask(log: GrowingLog) -> None:
        gate.wait()
        if advance(kept, log, 10, 15)[0] is None:
            done.append(log)

    threads = [threading.Thread(target=ask, args=(log,)) for log in forks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    assert kept.seen(ORIGIN).root == done[0].root()
    kept.close()


def test_a_full_disk_signs_nothing_and_forgets_nothing(tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    kept = Witnessed.open(path)
    advance(kept, LOG, 0, 10)
    with full_disk(1), pytest.raises(LogUnavailable, match="nothing was signed|cannot be kept"):
        advance(kept, LOG, 10, 20)
    assert kept.seen(ORIGIN).size == 10
    assert advance(kept, LOG, 10, 20)[0] is None
    kept.close()


@pytest.mark.parametrize("damage", ["text", "other", "newer", "row"])
def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "w.db"
    kept = Witnessed.open(path)
    advance(kept, LOG, 0, 10)
    kept.close()
    if damage == "text":
        path.write_bytes(b"this is not a database, but long enough to look like one" * 200)
    else:
        with sqlite3.connect(path) as db:
            if damage == "other":
                db.execute("PRAGMA user_version = 0")
            elif damage == "newer":
                db.execute(f"PRAGMA user_version = {WITNESSED_VERSION + 1}")
            else:
                db.execute("UPDATE seen SET root = x'00'")
        db.close()
    before = path.read_bytes()
    with pytest.raises(NotSetUp if damage == "newer" else HomeDamaged):
        Witnessed.open(path).seen(ORIGIN)
    assert path.read_bytes() == before
