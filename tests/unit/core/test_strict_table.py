from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from counterfoil.core.strict_table import StrictTable, is_real_time
from counterfoil.errors import InvalidInput

NOW = "2026-11-23T19:00:00Z"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (NOW, NOW),
        (datetime(2026, 11, 23, 19, tzinfo=UTC), NOW),
        (datetime(2026, 11, 23, 20, tzinfo=timezone(timedelta(hours=1))), NOW),
    ],
    ids=str,
)
def test_a_time_is_utc_in_whole_seconds(value: Any, read: str) -> None:
    assert StrictTable({"at": value}, "it").time("at") == read


@pytest.mark.parametrize(
    "value",
    [
        "2026-02-30T00:00:00Z",
        "2026-11-23",
        5,
        datetime.fromisoformat("2026-11-23T00:00:00"),
        datetime(2026, 11, 23, 0, 0, 0, 1, tzinfo=UTC),
    ],
    ids=str,
)
def test_what_is_no_such_time_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match="at in it"):
        StrictTable({"at": value}, "it").time("at")


def test_what_is_not_there_has_a_default_or_is_missed() -> None:
    table = StrictTable({"inner": {"a": 1}}, "it")
    assert (table.has("at"), table.has("inner"), table.time("at", default=None)) == (False, True, None)
    assert table.mapping("inner") == {"a": 1}
    with pytest.raises(InvalidInput, match="no at"):
        table.time("at")
    with pytest.raises(InvalidInput, match="a table"):
        StrictTable({"inner": 1}, "it").mapping("inner")


def test_what_nobody_asked_for_is_refused_with_the_nearest_word() -> None:
    table = StrictTable({"naem": "a"}, "it")
    with pytest.raises(InvalidInput) as caught:
        table.text("name")
    assert caught.value.hint == "did you mean 'naem' to be 'name'?"
    with pytest.raises(InvalidInput, match="unknown key"):
        table.require_empty()


@pytest.mark.parametrize(("text", "real"), [(NOW, True), ("2026-02-29T00:00:00Z", False), ("now", False)], ids=str)
def test_a_real_time_is_on_a_day_that_there_is(text: str, real: bool) -> None:
    assert is_real_time(text) is real
