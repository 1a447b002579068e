"""Files that anybody may send: bounded together by what has arrived, and for each caller by their number."""

from __future__ import annotations

import pytest
from fastapi import Request

from counterfoil.errors import TooManyRequests
from counterfoil.web.intake import Intake
from counterfoil.web.roles import Principal


def asked(address: str, who: Principal | None = None) -> Request:
    return Request({"type": "http", "headers": [], "client": (address, 1), "state": {"principal": who}})


def test_each_caller_has_a_number_of_files_under_way():
    intake = Intake(100, 1)
    known = Principal("key:a", frozenset())
    with intake.file_of(asked("192.0.2.1")), intake.file_of(asked("192.0.2.2")):
        with intake.file_of(asked("192.0.2.1", known)):
            pass
        with pytest.raises(TooManyRequests, match="1 files of yours"), intake.file_of(asked("192.0.2.1")):
            pass
    with intake.file_of(asked("192.0.2.1")):
        pass


def test_all_files_together_take_up_so_much():
    intake = Intake(100, 4)
    with intake.file_of(asked("192.0.2.1")) as first:
        first(90)
        with intake.file_of(asked("192.0.2.2")) as second:
            second(10)
            with pytest.raises(TooManyRequests, match="as it can hold"):
                first(1)
        first(10)
    with intake.file_of(asked("192.0.2.3")) as third:
        third(100)
