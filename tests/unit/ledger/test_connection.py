import stat

import pytest

from counterfoil.errors import HomeDamaged, InvalidInput, NotSetUp
from counterfoil.ledger.connection import Connection, LedgerPaths
from counterfoil.ledger.rpc.chain import GWEI, Finality

ACCOUNT = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
LOG_ID = "0x" + "ab" * 32


def _settings(**other):
    return Connection(chain_id=31_337, contract=ACCOUNT, log_id=LOG_ID, account=ACCOUNT, opened_at=7, **other)


def test_what_is_saved_is_read_again(tmp_path):
    saved = _settings(rpc=("https://one.example/key", "https://two.example"), anchor_age_s=60, finality="safe")
    saved.save(LedgerPaths(tmp_path))
    assert Connection.load(LedgerPaths(tmp_path)) == saved


def test_only_its_owner_may_read_the_file(tmp_path):
    _settings().save(LedgerPaths(tmp_path))
    assert stat.S_IMODE(LedgerPaths(tmp_path).settings.stat().st_mode) == 0o600


def test_a_home_without_the_file_is_not_connected(tmp_path):
    with pytest.raises(NotSetUp, match="not connected"):
        Connection.load(LedgerPaths(tmp_path))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chain = 1", "unknown setting: chain"),
        ("rpc = [1]", "rpc must be a list of texts"),
        ("confirmations = 0", "confirmations is 0"),
        ('finality = "soon"', "finality is 'soon'"),
        ("anchor_records = true", "anchor_records must be a whole number"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path, line, message):
    paths = LedgerPaths(tmp_path)
    _settings().save(paths)
    paths.settings.write_text(paths.settings.read_text() + line + "\n")
    with pytest.raises(HomeDamaged, match=message):
        Connection.load(paths)


def test_a_misspelt_address_is_refused():
    with pytest.raises(InvalidInput, match="misspelt"):
        Connection(chain_id=1, contract=ACCOUNT.replace("7E5F", "7e5F"), log_id=LOG_ID, account=ACCOUNT, opened_at=0)


def test_confirmations_stand_in_where_a_chain_has_no_name_for_final():
    assert _settings(finality="confirmations", confirmations=3).finality_rule == Finality("", 3)
    assert _settings(finality="safe").finality_rule.tag == "safe"


def test_the_days_limit_is_for_money_only():
    assert _settings(rpc=("https://one.example",), spend_per_day_gwei=5).spend_per_day_wei == 5 * GWEI
    assert _settings(spend_per_day_gwei=5).spend_per_day_wei > 10**24
