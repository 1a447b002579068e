"""One name and version is one record, also where several threads register at once."""

from __future__ import annotations

import threading

from making_recalls import table
from organisations import bank, estimator


def at_once(works):
    """Runs works in threads, all from the same moment on; returns what they made."""
    begin, made = threading.Barrier(len(works)), []

    def run(work):
        begin.wait(20)
        made.append(work())

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert len(made) == len(works)
    return made


def test_threads_that_register_the_same_get_one_record(tmp_path):
    with bank(tmp_path) as home:
        provenance = home.org.provenance
        path = table(tmp_path, "same", "a\n1\n")
        assert len({each.index for each in at_once([lambda: provenance.register_dataset(path)] * 4)}) == 1
        model = estimator()
        made = at_once([lambda: provenance.register_model(model, name="same")] * 4)
        assert len({each.index for each in made}) == 1
        made = at_once([lambda: provenance.register_function(len, "fun", "def fun(row): ...", ["a"])[0]] * 4)
        assert len({each.index for each in made}) == 1


def test_threads_that_register_different_data_under_one_name_get_versions_of_their_own(tmp_path):
    with bank(tmp_path) as home:
        provenance = home.org.provenance
        paths = [table(tmp_path, f"part{number}", f"a\n{number}\n") for number in range(4)]
        made = at_once([lambda path=path: provenance.register_dataset(path, name="one") for path in paths])
        assert sorted(each.record.version for each in made) == ["1", "2", "3", "4"]
