"""What must hold of any table: groups really reach k, pseudonyms tell nothing, dates keep their distances."""

from __future__ import annotations

import csv
import tempfile
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from counterfoil.errors import InvalidInput
from counterfoil.provenance.deidentification.deidentify import deidentify, preview
from counterfoil.provenance.deidentification.keys import ProjectKey
from counterfoil.provenance.deidentification.settings import Settings
from counterfoil.provenance.groups import group_rows, group_sizes
from counterfoil.provenance.privacy.check import check_privacy
from counterfoil.provenance.privacy.measures import diversity_of
from counterfoil.provenance.text_table import CodedColumn

AGE = {"rule": "generalise", "levels": [{"width": 5}, {"width": 20}]}
TOWN = {"rule": "generalise", "levels": [{"keep": 2}, {"keep": 1}]}
SEX = {"rule": "generalise", "levels": [{"groups": {"f": "p", "m": "p"}, "others": "p"}]}

people = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 99).map(str), st.sampled_from(["", "unknown", "-0.0", "nan", "1e3"])),
        st.text("ab", max_size=3),
        st.sampled_from(["f", "m", "", "x"]),
    ),
    min_size=1,
    max_size=60,
)


def write(folder: Path, rows) -> Path:
    path = folder / "people.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("age", "town", "sex"), *rows])
    return path


@settings(max_examples=120, deadline=None)
@given(people, st.integers(2, 6), st.sampled_from([0, 0.05, 0.3]))
def test_every_group_reaches_k_or_it_is_refused(rows, least, suppressed):
    told = Settings.read(
        {
            "version": 1,
            "columns": {"age": AGE, "town": TOWN, "sex": SEX},
            "k": {"least": least, "most_suppressed": suppressed, "allow_emptied": True},
        }
    )
    with tempfile.TemporaryDirectory() as name:
        path, out = write(Path(name), rows), Path(name) / "out.csv"
        if len(rows) < least and int(suppressed * len(rows)) < len(rows):
            with pytest.raises(InvalidInput, match="cannot be reached"):
                deidentify(path, out, told, bytes(32))
            assert not out.exists()
            return
        made = deidentify(path, out, told, bytes(32))
        with out.open(encoding="utf-8", newline="") as file:
            groups = Counter(tuple(row) for row in list(csv.reader(file))[1:])
        assert all(size >= least for size in groups.values())
        assert made.k == min(groups.values(), default=0)
        assert made.groups == len(groups)
        assert made.suppressed == len(rows) - sum(groups.values()) <= suppressed * len(rows)
        if groups:
            assert check_privacy(out, quasi=["age", "town", "sex"]).groups.k == made.k


@settings(max_examples=60, deadline=None)
@given(people, st.integers(2, 5))
def test_no_choice_with_less_loss_would_do(rows, least):
    """Every combination of levels below the chosen one leaves a group that is too small."""
    assume(len(rows) >= least)
    columns = {"age": AGE, "town": TOWN}
    told = {"version": 1, "others": "drop", "columns": columns, "k": {"least": least, "allow_emptied": True}}
    with tempfile.TemporaryDirectory() as name:
        path = write(Path(name), rows)
        chosen = [each.level for each in preview(path, Settings.read(told)).columns[:2]]
        for place, column in enumerate(columns):
            if chosen[place] > 0:
                finer = list(chosen)
                finer[place] -= 1
                assert _smallest(rows, finer) < least, column


def _smallest(rows, levels):
    from counterfoil.provenance.deidentification.lattice import at_level
    from counterfoil.provenance.deidentification.levels import read_level

    makers = []
    for rule, level in zip((AGE, TOWN), levels, strict=True):
        makers.append((at_level([read_level(each, "") for each in rule["levels"]], level), level > len(rule["levels"])))
    groups = Counter(
        tuple((make(value) if value or top else None) for (make, top), value in zip(makers, row[:2], strict=True))
        for row in rows
    )
    return min(groups.values())


@given(
    st.binary(min_size=32, max_size=32), st.text(max_size=20), st.lists(st.text(max_size=12), unique=True, max_size=20)
)
def test_pseudonyms_are_the_same_each_time_and_different_for_each(secret, project, values):
    key, again = ProjectKey.of(secret, project), ProjectKey.of(secret, project)
    made = [key.pseudonym("person", value) for value in values]
    assert made == [again.pseudonym("person", value) for value in values]
    assert len(set(made)) == len(values)
    other = ProjectKey.of(secret, project + "x")
    assert set(made).isdisjoint(other.pseudonym("person", value) for value in values)
    assert set(made).isdisjoint(key.pseudonym("doctor", value) for value in values)


def test_bits_of_pseudonyms_do_not_follow_those_of_the_values():
    """Of 4,000 neighbouring numbers each bit is set about half the time: within 5 standard deviations."""
    key = ProjectKey.of(b"k" * 32, "study")
    made = [int(key.pseudonym("person", str(number))[2:], 16) for number in range(4_000)]
    for bit in range(128):
        ones = sum(value >> bit & 1 for value in made)
        assert abs(ones - 2_000) < 5 * 4_000**0.5 / 2


@given(st.binary(min_size=32, max_size=32), st.text(min_size=1, max_size=8), st.integers(1, 3_650))
def test_a_shift_stays_within_its_days_and_is_never_none(secret, person, most_days):
    days = ProjectKey.of(secret, "study").shift_days(person, most_days)
    assert 1 <= abs(days) <= most_days


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.dates(date(1900, 1, 1), date(2100, 1, 1))), min_size=1, max_size=20)
)
def test_the_days_between_a_persons_dates_stay(visits):
    told = {
        "version": 1,
        "project": "study",
        "person": {"column": "age", "shift_days": 400},
        "columns": {"age": {"rule": "keep"}, "town": {"rule": "shift"}, "sex": {"rule": "keep"}},
    }
    with tempfile.TemporaryDirectory() as name:
        path = write(Path(name), [(person, day.isoformat(), number) for number, (person, day) in enumerate(visits)])
        deidentify(path, Path(name) / "out.csv", Settings.read(told), b"k" * 32)
        with (Path(name) / "out.csv").open(encoding="utf-8", newline="") as file:
            moved = [date.fromisoformat(row["town"]) for row in csv.DictReader(file)]
    shifts = {}
    for (person, day), after in zip(visits, moved, strict=True):
        assert shifts.setdefault(person, after - day) == after - day
        assert after != day


codes = st.integers(1, 40).flatmap(
    lambda rows: st.tuples(
        st.lists(st.integers(0, 4), min_size=rows, max_size=rows),
        st.lists(st.integers(0, 6), min_size=rows, max_size=rows),
    )
)


@settings(max_examples=200, deadline=None)
@given(codes, st.booleans())
def test_distances_are_those_of_the_formula_written_out(columns, ordered):
    import numpy as np

    quasi, sensitive = columns
    assume(any(sensitive))
    found = sorted({each for each in sensitive if each})
    values = tuple(str(each) if ordered else f"v{each}" for each in found)
    recoded = np.array([0 if each == 0 else found.index(each) + 1 for each in sensitive], np.int32)
    places, _ = group_rows([np.array(quasi)], len(quasi))
    measured = diversity_of(CodedColumn("s", recoded, values), places)
    there = [each for each in sensitive if each]
    q = [there.count(value) / len(there) for value in found]
    worst = 0.0
    for group in set(quasi):
        mine = [s for g, s in zip(quasi, sensitive, strict=True) if g == group and s]
        if mine:
            gaps = [mine.count(value) / len(mine) - share for value, share in zip(found, q, strict=True)]
            if ordered:
                sums = [abs(sum(gaps[: place + 1])) for place in range(len(gaps))]
                distance = sum(sums) / max(1, len(found) - 1)
            else:
                distance = sum(map(abs, gaps)) / 2
            worst = max(worst, distance)
    assert measured.ordered == ordered
    assert measured.t_micro == pytest.approx(worst * 1e6, abs=1.01)


@given(st.lists(st.lists(st.integers(0, 3), min_size=12, max_size=12), min_size=1, max_size=40))
def test_groups_are_those_of_a_dictionary_however_many_columns(columns):
    """Forty columns of four values are more groups than 64 bits can number."""
    import numpy as np

    arrays = [np.array(each) for each in columns]
    expected = Counter(zip(*columns, strict=True))
    assert sorted(group_sizes(arrays, 12).tolist()) == sorted(expected.values())
    places, sizes = group_rows(arrays, 12)
    assert [int(sizes[place]) for place in places] == [expected[row] for row in zip(*columns, strict=True)]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(alphabet="0123456789-+./:@ ()abcxyzABCXYZTé\u00a0_\n", max_size=30), max_size=8))
def test_both_ways_of_searching_find_the_same(values):
    import numpy as np
    import pyarrow as pa

    from counterfoil.provenance.privacy import identifiers

    texts = pa.array(values, pa.string())
    for pattern in [each.within for each in identifiers.PATTERNS] + [identifiers._YEAR, identifiers._FINE_ZIP]:
        with pytest.MonkeyPatch.context() as patch:
            few = identifiers._matching(texts, pattern)
            patch.setattr(identifiers, "_WORTH_ARROW", -1)
            many = identifiers._matching(texts, pattern)
        assert np.array_equal(few, many)
