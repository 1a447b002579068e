import pytest

from counterfoil.ledger.amounts import amount


@pytest.mark.parametrize(
    ("wei", "said"),
    [
        (0, "nothing"),
        (1, "0 gwei"),
        (35_760 * 10**9, "35,760 gwei"),
        (10**15, "0.0010 coins"),
        (1_234_567 * 10**18, "1,234,567.0000 coins"),
    ],
)
def test_amounts_read_as_people_count(wei, said):
    assert amount(wei) == said
