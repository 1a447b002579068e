from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import making_gate as made
import pytest

from counterfoil.errors import DoesNotMatch, HomeDamaged, InvalidInput, NotFound, Stale
from counterfoil.market.compute.gate import Desk, Gated, check_outputs

NOW = "2026-11-23T19:00:00Z"
TEXT = {"name": "notes.txt", "type": "text", "maxBytes": 10_000}
NOTES = "grüße, all went well\n" * 10


@pytest.fixture
def gated(tmp_path: Path) -> Gated:
    out = tmp_path / "out"
    out.mkdir()
    rules = made.rules(made.json_rule(), TEXT, made.model_rule("safetensors", release="owner"))
    import numpy as np
    from safetensors.numpy import save

    return made.gated(
        out,
        rules,
        None,
        result_json={"count": 1},
        notes_txt=NOTES.encode(),
        model_safetensors=save({"a": np.array([0.5])}),
        stray_bin=b"left alone",
    )


@pytest.fixture
def desk(tmp_path: Path, gated: Gated) -> Iterator[Desk]:
    desk = Desk(tmp_path / "desk")
    desk.put(gated, NOW)
    yield desk
    desk.close()


def settle(desk: Desk, what: str, name: str, digest: str | None = None, **more: Any) -> Any:
    [pending] = [each for each in desk.pending(made.JOB) if each.name == name] or [None]
    chosen = digest or (pending.sha256 if pending else "0" * 64)
    told = {"by": "anna", "reason": "it names nobody", "now": NOW} | more
    return getattr(desk, what)(made.JOB, name, chosen, **told)


def test_only_what_passed_or_was_released_leaves(desk: Desk, gated: Gated) -> None:
    assert dict(desk.leaving(made.JOB)) == {"result.json": b'{"count":1}'}
    assert [(each.name, each.rule) for each in desk.pending()] == [
        ("model.safetensors", "owner"),
        ("notes.txt", "owner"),
    ]
    settled = settle(desk, "release", "notes.txt")
    assert (settled.verdict, settled.by, settled.reason, settled.size) == (
        "released",
        "anna",
        "it names nobody",
        len(NOTES.encode()),
    )
    settle(desk, "withhold", "model.safetensors")
    assert dict(desk.leaving(made.JOB)) == {"notes.txt": NOTES.encode(), "result.json": b'{"count":1}'}
    assert desk.pending() == []
    assert [(each.name, each.verdict) for each in desk.settled(made.JOB)] == [
        ("model.safetensors", "withheld"),
        ("notes.txt", "released"),
    ]
    assert desk.decision(made.JOB) == gated.decision


def test_what_was_withheld_is_deleted_and_does_not_come_back(desk: Desk, gated: Gated, tmp_path: Path) -> None:
    digest = sha256(gated.held["notes.txt"]).hexdigest()
    assert (tmp_path / "desk" / "files" / digest).exists()
    settle(desk, "withhold", "notes.txt")
    desk.put(gated, NOW)
    assert not (tmp_path / "desk" / "files" / digest).exists()
    assert [each.name for each in desk.pending()] == ["model.safetensors"]


def test_what_was_decided_stays(desk: Desk) -> None:
    [digest] = [each.sha256 for each in desk.pending() if each.name == "notes.txt"]
    first = settle(desk, "release", "notes.txt", digest)
    assert settle(desk, "release", "notes.txt", digest, by="ben", now="2027-01-01T00:00:00Z") == first
    with pytest.raises(Stale, match="released before"):
        settle(desk, "withhold", "notes.txt", digest)
    with pytest.raises(Stale, match="passed before"):
        settle(desk, "withhold", "result.json", digest)


def test_a_file_is_decided_on_by_what_was_looked_at(desk: Desk) -> None:
    with pytest.raises(Stale, match="not the file that was looked at"):
        settle(desk, "release", "notes.txt", "0" * 64)
    with pytest.raises(NotFound):
        settle(desk, "release", "stray.bin")
    for wrong in ({"reason": " "}, {"reason": "a\nb"}, {"reason": "a" * 501}, {"by": ""}):
        with pytest.raises(InvalidInput):
            settle(desk, "release", "notes.txt", **wrong)
    assert len(desk.pending()) == 2


def test_the_owner_sees_the_beginning(desk: Desk) -> None:
    shown = desk.preview(made.JOB, "notes.txt", 4)
    assert (shown.text, shown.is_text, shown.whole) == ("gr\u00fc", True, False)
    # cut within a character: what is shown is still text
    assert desk.preview(made.JOB, "notes.txt", 3).text == "gr"
    assert desk.preview(made.JOB, "notes.txt").text == NOTES
    binary = desk.preview(made.JOB, "model.safetensors", 8)
    assert (binary.is_text, len(binary.text)) == (False, 16)
    for name in ("result.json", "none"):
        with pytest.raises(NotFound):
            desk.preview(made.JOB, name)


def test_the_desk_remembers_after_a_restart_and_takes_a_job_once(desk: Desk, gated: Gated, tmp_path: Path) -> None:
    settle(desk, "release", "notes.txt")
    desk.close()
    again = Desk(tmp_path / "desk")
    again.put(gated, NOW)
    assert set(again.leaving(made.JOB)) == {"notes.txt", "result.json"}
    other = check_outputs(tmp_path / "out", made.rules(TEXT), None, job=made.JOB, exit_code=0)
    with pytest.raises(DoesNotMatch, match="another decision"):
        again.put(other, NOW)
    again.close()


@pytest.mark.parametrize("harm", ["changed", "gone"])
def test_a_file_that_is_not_what_was_decided_on_does_not_leave(desk: Desk, tmp_path: Path, harm: str) -> None:
    path = tmp_path / "desk" / "files" / sha256(b'{"count":1}').hexdigest()
    if harm == "changed":
        path.write_bytes(b'{"count":2}')
    else:
        path.unlink()
    with pytest.raises(HomeDamaged, match=harm):
        desk.leaving(made.JOB)


def test_the_same_bytes_of_another_job_are_not_deleted_under_it(desk: Desk, gated: Gated) -> None:
    """One thread withholds a file while another takes the same bytes of the next job: what waits is there."""
    [digest] = [each.sha256 for each in desk.pending(made.JOB) if each.name == "notes.txt"]
    jobs = [f"{number:064x}" for number in range(60)]
    following = [replace(gated, decision=replace(gated.decision, job=job)) for job in jobs]
    told = {"by": "anna", "reason": "it names nobody", "now": NOW}
    settle(desk, "withhold", "notes.txt")
    with ThreadPoolExecutor(2) as pool:
        desk.put(following[0], NOW)
        for this, after in pairwise(following):
            putting = pool.submit(desk.put, after, NOW)
            desk.withhold(this.decision.job, "notes.txt", digest, **told)
            putting.result()
            assert desk.preview(after.decision.job, "notes.txt").sha256 == digest


def test_a_job_that_was_never_put_down_has_nothing_to_leave(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.leaving("00" * 32)


def test_a_log_is_withheld_unless_the_rules_give_it_room(tmp_path: Path) -> None:
    log = b"epoch 1\nepoch 2\n"
    for log_bytes, held in ((0, {}), (8, {"log": b"epoch 1\n"})):
        rules = made.rules(logBytes=log_bytes)
        result = check_outputs(tmp_path, rules, None, job=made.JOB, exit_code=0, log=log)
        assert result.held == held
    refused = check_outputs(tmp_path, rules, None, job=made.JOB, exit_code=0, log=b"\x1b[2J")
    assert made.outcome(refused, "log") == ("refused", "text")
