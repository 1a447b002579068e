"""Calls: recorded, found, erased, shown, put together again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from organisations import Bank, bank, full_log, table_rows

import counterfoil
from counterfoil.calls import Call
from counterfoil.calls.call import TracePlace, nanosecond_text
from counterfoil.calls.parts import INLINE_BYTES, MOST_PIECES, PIECE_BYTES
from counterfoil.calls.records import CALL, OPERATIONS, PART
from counterfoil.core.receipt import Promise
from counterfoil.errors import InvalidInput, LogUnavailable, MalformedEvidence, NotAllowed, NotFound

CHAT = Call(
    "chat",
    name="chat small-model",
    model="small-model",
    provider="acme",
    input=[{"role": "user", "content": "May I have a loan?"}],
    output=[{"role": "assistant", "content": "That depends."}],
    started="2026-11-23T19:00:00.000000001Z",
    place=TracePlace("a" * 32, "b" * 16),
    attributes={"gen_ai.usage.input_tokens": 5},
)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bank]:
    with bank(tmp_path) as opened:
        yield opened


def test_a_call_is_durable_and_only_its_operation_is_public(made: Bank) -> None:
    recorded = made.org.calls.record(CHAT, subject="p-1")

    assert recorded.index is not None
    record = made.org.archive.record(recorded.index)
    assert (record.kind, record.stream, record.seq) == ("call", "calls", 0)
    assert record.about == {"operation": "chat"}
    entry = made.org.archive.entry(recorded.index)
    for private in (b"loan", b"small-model", b"acme", b"p-1", b"aaaaaaaa"):
        assert private not in entry
    values = made.org.calls.values(recorded.index)
    assert values["/input"] == CHAT.input
    assert values["/trace"] == {"span": "b" * 16, "trace": "a" * 32}
    assert values["/subject"] == "p-1"
    assert "/tool" not in values


def test_another_word_for_an_operation_stays_private(made: Bank) -> None:
    recorded = made.org.calls.record(Call("tell Ada about her diagnosis"))

    assert recorded.index is not None
    assert made.org.archive.record(recorded.index).about == {"operation": "other"}
    assert b"diagnosis" not in made.org.archive.entry(recorded.index)
    assert made.org.calls.values(recorded.index)["/operation"] == "tell Ada about her diagnosis"


def test_the_reference_names_every_operation_field_and_digest() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "records.md").read_text(encoding="utf-8")
    section = page.partition("### Calls")[2].partition("###")[0]
    assert all(f"`{word}`" in section for word in (*OPERATIONS, "other"))
    assert all(f"`{field.pointer}`" in section for field in CALL.fields)
    assert CALL.digest in section
    assert f"{INLINE_BYTES:,}" in section
    assert f"{PIECE_BYTES:,}" in section


def test_a_call_is_not_shown_by_its_name() -> None:
    assert repr(CHAT) == "Call('chat')"


def test_search_by_person_operation_trace_failure_and_time(made: Bank) -> None:
    calls = made.org.calls
    first = calls.record(CHAT, subject="p-1")
    made.clock.move(60)
    second = calls.record(Call("execute_tool", tool="search", error={"type": "timeout"}), subject="p-2")

    def found(**wanted: Any) -> list[int]:
        return [row["idx"] for row in calls.search(**wanted)]

    assert found() == [second.index, first.index]
    assert found(limit=1) == [second.index]
    assert found(subject="p-1") == [first.index]
    assert found(operation="execute_tool") == [second.index]
    assert found(trace="a" * 32) == [first.index]
    assert found(failed=True) == [second.index]
    assert found(failed=False) == [first.index]
    assert found(since="2026-11-23T19:00:30Z") == [second.index]
    assert found(until="2026-11-23T19:00:30Z") == [first.index]
    assert found(subject="nobody") == []
    assert found(operation="\ud800") == []
    for wrong in ({"limit": 0}, {"since": "yesterday"}, {"subject": ""}):
        with pytest.raises(InvalidInput):
            found(**wrong)


def test_calls_build_on_earlier_ones_and_a_bundle_brings_them_along(made: Bank, tmp_path: Path) -> None:
    first = made.org.calls.record(CHAT)
    second = made.org.calls.record(Call("invoke_agent", agent="clerk"), builds_on=[first.leaf])

    assert second.index is not None
    assert made.org.archive.record(second.index).builds_on == (first.leaf,)
    written = made.org.bundles.write_records(tmp_path / "calls.zip", [second.index], show="everything")
    assert written.records == 2
    report = counterfoil.check(tmp_path / "calls.zip", issuer=str(made.org.issuer))
    assert report.verdict == "intact, and signed by the issuer you named"
    receipt = made.org.calls.receipt(second.index, ["/agent"])
    (tmp_path / "receipt.json").write_bytes(receipt.encode())
    assert counterfoil.check(tmp_path / "receipt.json", issuer=str(made.org.issuer)).is_intact


def test_erasing_a_person_empties_record_parts_and_table(made: Bank) -> None:
    large = "a secret, " * 30_000
    recorded = made.org.calls.record(
        Call("chat", model="m", input=large, error="e", place=TracePlace("t")), subject="p-1"
    )
    other = made.org.calls.record(CHAT, subject="p-2")
    assert recorded.index is not None
    parts = [made.org.calls.place_of(leaf) for leaf in made.org.archive.record(recorded.index).builds_on]
    assert parts
    made.org.calls.search()

    made.org.erasures.erase_person("p-1", basis="test")

    for index in (recorded.index, *parts):
        assert index is not None
        with pytest.raises(NotFound):
            made.org.archive.tree(index)
    row = next(row for row in made.org.calls.search() if row["idx"] == recorded.index)
    assert {row[name] for name in ("model", "trace", "has_failed", "subject")} == {None}
    assert [row["idx"] for row in made.org.calls.search(failed=False)] == [other.index]
    live = table_rows(made.org)
    made.org.rebuild()
    assert table_rows(made.org) == live


def test_erasing_a_field_empties_what_the_table_shows_of_it(made: Bank) -> None:
    recorded = made.org.calls.record(CHAT, subject="p-1")
    assert recorded.index is not None
    made.org.calls.search()
    made.org.erasures.erase_fields(recorded.index, ["/model", "/input"], basis="test")

    row = made.org.calls.search()[0]
    assert row["model"] is None
    assert row["trace"] == "a" * 32
    values = made.org.calls.values(recorded.index)
    assert "/model" not in values
    assert values["/output"] == CHAT.output


def test_a_retention_lock_holds_until_it_ends(made: Bank) -> None:
    until_s = int(made.clock.now_s) + 100
    recorded = made.org.calls.record(CHAT, subject="p-1", retain_until_s=until_s)
    assert recorded.index is not None
    made.org.erasures.erase_person("p-1", basis="test")
    with pytest.raises(NotAllowed):
        made.org.calls.values(recorded.index)
    made.clock.move(101)
    made.org.erasures.shred_due()
    with pytest.raises(NotFound):
        made.org.calls.values(recorded.index)


@pytest.mark.parametrize(
    "value",
    ["x" * 1_200_000, 'é"\\\n' * 400_000, {"deep": [["y" * 900_000], float("nan")]}, "\U0001f600" * 300_000],
    ids=["ascii", "escapes", "object", "emoji"],
)
def test_a_large_value_is_recorded_in_parts_and_put_together_again(made: Bank, value: Any, tmp_path: Path) -> None:
    recorded = made.org.calls.record(Call("chat", input=value, output=value, model="m"), subject="p-1")

    assert recorded.index is not None
    expected = {"deep": [["y" * 900_000], {"$number": "NaN"}]} if isinstance(value, dict) else value
    values = made.org.calls.values(recorded.index)
    assert values["/input"] == values["/output"] == expected
    record = made.org.archive.record(recorded.index)
    assert len(record.builds_on) >= 4
    kinds = {made.org.archive.record(made.org.views.index_of(leaf)).kind for leaf in record.builds_on}
    assert kinds == {"part"}
    made.org.bundles.write_records(tmp_path / "b.zip", [recorded.index], show="everything")
    assert counterfoil.check(tmp_path / "b.zip").is_intact


def test_a_value_beyond_all_bounds_is_cut_and_says_so(made: Bank) -> None:
    size = PIECE_BYTES * MOST_PIECES + 1
    recorded = made.org.calls.record(Call("chat", input="x" * size, output="short"))
    assert recorded.index is not None
    values = made.org.calls.values(recorded.index)
    assert values["/input"]["$cut"]["bytes"] == size + 2
    assert values["/input"]["$cut"]["text"].startswith('"xxx')
    assert values["/output"] == "short"


def test_a_value_that_reads_like_parts_is_not_taken_for_them(made: Bank) -> None:
    forged = {"$parts": {"bytes": 1, "leaves": ["0" * 64], "sha256": "0" * 64}}
    recorded = made.org.calls.record(Call("chat", input=forged))
    assert recorded.index is not None
    assert made.org.calls.values(recorded.index)["/input"] == {"$object": forged}


def test_parts_of_another_value_are_refused(made: Bank) -> None:
    from counterfoil.calls.parts import joined

    with pytest.raises(MalformedEvidence):
        joined({"$parts": {"bytes": 3, "leaves": ["0" * 64], "sha256": "0" * 64}}, lambda leaf: '"x"')


def test_without_the_log_a_call_is_refused_or_spooled(made: Bank) -> None:
    large = "x" * 300_000
    with full_log(made.org):
        with pytest.raises(LogUnavailable):
            made.org.calls.record(CHAT)
        waiting = [
            made.org.calls.record(call, on_log_failure="spool", subject="p-1")
            for call in (CHAT, Call("chat", input=large))
        ]
        assert all(each.index is None and isinstance(each.promise, Promise) for each in waiting)
        assert made.org.calls.place_of(waiting[0].leaf) is None
    made.reopen()
    places = [made.org.calls.place_of(each.leaf) for each in waiting]
    assert None not in places
    assert made.org.calls.values(places[1] or 0)["/input"] == large
    assert {schema.digest for schema in (CALL, PART)} <= {
        made.org.archive.record(index).about["name"] and made.org.archive.record(index).digest.hex()
        for index in range(made.org.archive.size)
        if made.org.archive.record(index).kind == "schema"
    }


@pytest.mark.parametrize(
    "wrong", [{"stream": "Not A Stream"}, {"builds_on": ["nothing"]}, {"subject": ""}, {"retain_until_s": -1}], ids=str
)
def test_what_cannot_be_is_refused_before_anything_is_recorded(made: Bank, wrong: dict[str, Any]) -> None:
    made.org.calls.record(CHAT)
    size = made.org.archive.size
    with pytest.raises(InvalidInput):
        made.org.calls.record(CHAT, **wrong)
    assert made.org.archive.size == size


def test_what_is_no_call_is_not_shown_as_one(made: Bank) -> None:
    with pytest.raises(NotFound, match="not a call"):
        made.org.calls.values(0)


def test_nanoseconds() -> None:
    assert nanosecond_text(1_795_460_400_123_456_789) == "2026-11-23T19:00:00.123456789Z"
    assert nanosecond_text(-5) == "-5"
    assert nanosecond_text(10**30) == str(10**30)


def test_a_call_travels_as_json_and_is_recorded_the_same(made: Bank) -> None:
    told = Call(
        "chat",
        input=[float("nan"), {"$number": "mine"}, b"x"],
        attributes={5: "five", "half": "\ud800"},
        events=[{"name": "e"}],
        ended="2026-11-23T19:00:01Z",
        place=TracePlace("t", parent="p"),
    )
    travelled = Call.from_json(json.loads(json.dumps(told.to_json())))
    assert travelled.to_json() == told.to_json()
    here, there = made.org.calls.record(told, subject="p"), made.org.calls.record(travelled, subject="p")
    assert made.org.calls.values(here.index or 0) == made.org.calls.values(there.index or 0)
    assert Call.from_json(CHAT.to_json()).model == "small-model"


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {},
        {"operation": 5},
        {"operation": "chat", "is_plain": True},
        {"operation": "chat", "started": 5},
        {"operation": "chat", "place": {"span": "s"}},
        {"operation": "chat", "place": {"trace": 5}},
        {"operation": "chat", "attributes": []},
        {"operation": "chat", "events": {}},
        {"operation": "chat", "input": {"$parts": {"bytes": 1, "leaves": ["0" * 64], "sha256": "0" * 64}}},
    ],
    ids=str,
)
def test_what_is_no_call_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidInput):
        Call.from_json(wrong)


def test_a_request_that_is_named_is_found_by_its_tag(made: Bank) -> None:
    tag = bytes(range(24))
    recorded = made.org.calls.record(CHAT, request=tag)
    about = made.org.archive.record(recorded.index or 0).about
    assert about == {"operation": "chat", "request": tag.hex()}
