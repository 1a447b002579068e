"""Settings of a de-identification are read strictly, and say nothing to the log that they should not."""

from __future__ import annotations

import json

import pytest

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.deidentification.settings import Settings

WHOLE = """
version = 1
project = "heart study"
others = "drop"
[person]
column = "patient"
shift_days = 30
[k]
least = 5
most_suppressed = 0.02
also = ["sex"]
[columns]
patient = { rule = "pseudonym" }
zip = { rule = "truncate", keep = 3, rare = "us-zip3-2000", rare_as = "000" }
age = { rule = "generalise", levels = [{ width = 5, top = 90 }, { edges = [18, 65] }] }
town = { rule = "generalise", levels = [{ groups = { "Chur" = "east" }, others = "west" }] }
visit = { rule = "shift" }
remarks = { rule = "mask", as = "[gone]", within = ["email"] }
sex = { rule = "keep" }
"""


def read(text: str) -> Settings:
    return Settings.from_bytes(text.encode(), "settings.toml")


def test_toml_and_json_say_the_same():
    found = read(WHOLE)
    again = Settings.from_bytes(json.dumps(found.told).encode(), "settings.json")
    assert again == found
    assert again.to_bytes() == found.to_bytes()
    assert Settings.from_bytes(found.to_bytes()).told == found.told
    assert found.needs_key
    assert found.rule_of("nowhere") == "drop"


def test_the_log_learns_of_no_value_that_groups_name():
    told = canonical.dumps(read(WHOLE.replace('"us-zip3-2000"', '["036"]')).to_record()).decode()
    assert "Chur" not in told
    assert "036" not in told
    assert '"rare":{"entries":1}' in told
    assert '"groups":{"entries":1}' in told
    assert '"width":5' in told


@pytest.mark.parametrize(
    ("changed", "to", "words"),
    [
        ("version = 1", "version = 2", "do not name their version"),
        ("version = 1", "version = 1\nprojekt = 'x'", "'projekt' does not belong there"),
        ('project = "heart study"', "", "hang on a project, and none is named"),
        ("shift_days = 30", "", "it is not said whose"),
        ("shift_days = 30", "shift_days = true", "shift_days is a number of days"),
        ("shift_days = 30", "shift_days = -1", "shift_days is a number of days"),
        ("least = 5", "least = 1", "the size that every group must have"),
        ("0.02", "1.5", "a share of the rows"),
        ('also = ["sex"]', 'also = ["zip"]', "which is not kept"),
        ('"drop"', '"delete"', "columns without a rule"),
        ('rule = "shift"', 'rule = "move"', "'move' is no rule"),
        ('rule = "shift"', 'rule = "shift", days = 3', "'days' does not belong there"),
        ("width = 5", "width = 0", "width is 0"),
        ("width = 5", "width = nan", "too large, or no number"),
        ("width = 5", "width = 5, edges = [1]", "width or edges, not both"),
        ("top = 90", "tops = 90", "'tops' does not belong there"),
        ("[18, 65]", "[65, 18]", "edges ascend"),
        ("[18, 65]", "[]", "edges are a list"),
        ('groups = { "Chur" = "east" }', "groups = {}", "value = group"),
        ("keep = 3", "keep = 0", "how many characters stay"),
        ("keep = 3", "keep = 4", "rare lists texts of 4 characters"),
        ("us-zip3-2000", "us-zip3-1790", "there is no list"),
        ('within = ["email"]', 'within = ["mail"]', "within lists what is masked"),
        ('[columns]\npatient = { rule = "pseudonym" }', "[columns]\npatient = 3", "columns.patient is no table"),
    ],
    ids=lambda value: value[:24],
)
def test_what_is_not_understood_is_refused(changed, to, words):
    assert changed in WHOLE
    with pytest.raises(InvalidInput) as caught:
        read(WHOLE.replace(changed, to))
    assert words in caught.value.message


@pytest.mark.parametrize(
    "data", [b"\xff", b"= 3", b"[" * 5_000, b"", b"[]"], ids=["bytes", "toml", "deep", "empty", "list"]
)
def test_what_is_no_file_of_settings_is_refused(data):
    for name in ("settings.toml", "settings.json"):
        with pytest.raises(InvalidInput):
            Settings.from_bytes(data, name)


def test_settings_that_are_not_there(tmp_path):
    with pytest.raises(NotFound, match="cannot be read"):
        Settings.load(tmp_path / "settings.toml")
