import json
from pathlib import Path

import pytest

from counterfoil.errors import InvalidInput
from counterfoil.ledger.costs import ANCHOR_GAS, Assumptions, anchors_per_month, monthly_costs


def test_the_cost_depends_on_the_interval_and_not_on_the_volume():
    few, many = (monthly_costs(volume, 3_600, Assumptions()) for volume in (10_000, 10_000_000))
    assert [each.low_usd for each in few] == [each.low_usd for each in many]
    assert many[2].per_record_usd(300_000_000)[0] < few[2].per_record_usd(300_000)[0]


def test_an_hourly_anchor_costs_what_its_gas_costs():
    _, _, ethereum = monthly_costs(10_000, 3_600, Assumptions(coin_usd=2_000, l1_gwei=(1, 3)))
    assert ethereum.low_usd == pytest.approx(720 * ANCHOR_GAS * 1e-9 * 2_000)
    assert ethereum.high_usd == pytest.approx(3 * ethereum.low_usd)


def test_the_embedded_ledger_costs_disk_and_no_fee():
    embedded = monthly_costs(10_000, 3_600, Assumptions())[0]
    assert (embedded.low_usd, embedded.high_usd) == (0, 0)
    assert embedded.disk_bytes == 720 * 4_000


@pytest.mark.parametrize(
    ("volume", "interval_s", "count"), [(0, 60, 0), (1, 60, 30), (10_000, 60, 43_200), (24, 3_600, 720)]
)
def test_intervals_without_a_record_take_no_anchor(volume, interval_s, count):
    assert anchors_per_month(volume, interval_s) == count


@pytest.mark.parametrize(("volume", "interval_s"), [(-1, 60), (1, 0)])
def test_impossible_volumes_are_refused(volume, interval_s):
    with pytest.raises(InvalidInput):
        anchors_per_month(volume, interval_s)


def test_prices_below_zero_are_refused():
    with pytest.raises(InvalidInput):
        Assumptions(coin_usd=-1)


def test_the_gas_of_an_anchor_is_the_measured_one_rounded_up():
    snapshot = json.loads((Path(__file__).parents[3] / "docs/reference/gas.json").read_text())
    assert 0 <= ANCHOR_GAS - snapshot["Evidence.anchor at 1e6 records"] < 1_500
