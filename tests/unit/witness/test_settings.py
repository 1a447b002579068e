"""Settings and policy of the witnesses, and what may be put into them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from organisations import copy_home, open_home
from serving_witness import GrowingLog, witness_signer

from counterfoil.errors import HomeDamaged, InvalidInput, NotFound
from counterfoil.organisation import Organisation
from counterfoil.witness.settings import WitnessPaths, WitnessSettings

LOG = str(GrowingLog().signer.key)
A, B, C = (str(witness_signer(number).key) for number in (1, 2, 3))
GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "witnesses.md"


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Organisation]:
    with open_home(copy_home(tmp_path)) as opened:
        yield opened


def test_the_guide_lists_every_setting_with_its_default() -> None:
    table = GUIDE.read_text(encoding="utf-8").partition("\n## Every setting\n")[2]
    told = dict(re.findall(r"^\| `(\w+)` \| `(.+?)` \|", table, re.M))
    assert told == {each.name: json.dumps(each.default) for each in fields(WitnessSettings)} | {"logs": "[]"}


def test_settings_are_saved_and_read_strictly(tmp_path: Path) -> None:
    paths = WitnessPaths(tmp_path / "witness")
    assert WitnessSettings.load(paths) == WitnessSettings()
    made = WitnessSettings(logs=(LOG,), collect_age_s=5)
    made.save(paths)
    assert WitnessSettings.load(paths) == made
    for text in ("format = 1\nlog = []\n", "format = 1\nlogs = ['x']\n", "format = 1\ntimeout_s = 0\n", "logs = []\n"):
        paths.settings.write_text(text)
        with pytest.raises(HomeDamaged):
            WitnessSettings.load(paths)


def test_logs_come_and_go(org: Organisation) -> None:
    added = org.witness.add_log(LOG)
    with pytest.raises(InvalidInput, match="already"):
        org.witness.add_log(LOG)
    assert org.witness.status().logs[0].origin == added.name
    assert org.witness.remove_log(added.name, dry_run=True) == [added]
    assert org.witness.remove_log(added.name) == [added]
    with pytest.raises(NotFound):
        org.witness.remove_log(added.name)
    with pytest.raises(InvalidInput, match="key of a witness"):
        org.witness.add_log(A)
    with pytest.raises(InvalidInput):
        org.witness.add_log("nonsense")


def test_removing_a_log_forgets_nothing_of_it(org: Organisation) -> None:
    log = GrowingLog().grow(10)
    org.witness.add_log(LOG)
    assert org.witness.add_checkpoint(log.request(0)).status == 200
    org.witness.remove_log(log.signer.key.name)
    assert org.witness.add_checkpoint(log.request(10)).status == 404
    org.witness.add_log(LOG)
    fork = log.fork(5).grow(9, "other ")
    assert org.witness.add_checkpoint(fork.request(0)).body == b"10\n"


def test_the_policy_grows_and_shrinks_with_its_rule(org: Organisation) -> None:
    assert org.witness.add_witness("a", A, "https://a.example/").wanted() == "a"
    assert org.witness.add_witness("b", B).wanted() == "2 of a, b"
    assert org.witness.add_witness("c", C, rule="2").wanted() == "2 of a, b, c"
    before = org.witness.paths.policy.read_text()
    assert org.witness.remove_witness("a", dry_run=True).wanted() == "2 of b, c"
    assert org.witness.paths.policy.read_text() == before
    assert org.witness.remove_witness("a").wanted() == "2 of b, c"
    with pytest.raises(InvalidInput, match="cannot ask for '2'"):
        org.witness.remove_witness("b")
    with pytest.raises(NotFound):
        org.witness.remove_witness("a")
    assert org.witness.policy is not None
    assert org.witness.policy.logs[0].key == org.issuer


@pytest.mark.parametrize(
    ("name", "key", "url", "rule"),
    [
        ("a b", A, "", None),
        ("", A, "", None),
        ("none", A, "", None),
        ("witnesses", A, "", None),
        ("a\nquorum none", A, "", None),
        ("a", LOG, "", None),
        ("a", "nonsense", "", None),
        ("a", A, "nowhere", None),
        ("a", A, "", "2"),
        ("a", A, "", "some"),
    ],
)
def test_what_cannot_go_into_the_policy(org: Organisation, name: str, key: str, url: str, rule: str | None) -> None:
    with pytest.raises(InvalidInput):
        org.witness.add_witness(name, key, url, rule=rule)
    assert org.witness.policy is None
    assert not org.witness.paths.policy.exists()
