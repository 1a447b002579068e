from __future__ import annotations

import pytest

from counterfoil.core.wording import counted


@pytest.mark.parametrize(("number", "said"), [(0, "0 records"), (1, "1 record"), (1200, "1,200 records")])
def test_one_is_spoken_of_as_one(number, said):
    assert counted(number, "record") == said
