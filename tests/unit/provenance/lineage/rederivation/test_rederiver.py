"""A run that is run again: the same, something else, or refused; and the originals are never touched."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from sklearn.linear_model import LogisticRegression

import counterfoil
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.lineage.records import RunRecord

CLEAN = """
import sys
from pathlib import Path
head, *rows = Path("raw.csv").read_text().splitlines()
kept = [row for row in rows if int(row.split(",")[1]) >= 18]
Path("clean.csv").write_text("\\n".join([head, *kept]) + "\\n")
"""
RUN = [sys.executable, "clean.py"]
THEN_CLEAN = "import runpy; runpy.run_path('clean.py')"


@pytest.fixture
def org(tmp_path):
    with counterfoil.create(tmp_path / "home", name="Example", origin="example.org/data") as made:
        yield made


@pytest.fixture
def files(tmp_path):
    """What is there: the table, the code, and what the code makes of the table."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "raw.csv").write_text("id,age\n1,30\n2,17\n3,40\n")
    (folder / "clean.py").write_text(CLEAN)
    (folder / "clean.csv").write_text("id,age\n1,30\n3,40\n")
    return folder


@pytest.fixture
def run(org, files):
    org.provenance.register_dataset(files / "raw.csv")
    with org.provenance.run("clean", inputs=["raw"], code=files / "clean.py") as made:
        made.output(files / "clean.csv")
    return made.recorded


def again(org, run, files, work=RUN, **changed):
    told = {"inputs": {"raw": files / "raw.csv"}, "code": files / "clean.py"} | changed
    return org.provenance.rederive(run, work, **told)


def contents(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mode) for path in folder.iterdir()}


def test_the_same_comes_out(org, run, files):
    before = contents(files)
    made = again(org, run, files)
    digest = org.provenance.find_dataset("clean").record.sha256
    assert made.is_same
    assert made.outputs == (("clean 1", digest, digest, "bytes"),)
    assert made.record.by == "command"
    assert org.provenance.runs.tries(run) == [(made.index, made.record)]
    assert org.provenance.runs.standing(run) == "rederived"
    assert contents(files) == before
    edges = org.provenance.lineage.graph(run.index).edges
    assert {each.standing for each in edges} == {"rederived"}


def test_something_else_comes_out(org, files):
    org.provenance.register_dataset(files / "raw.csv")
    (files / "clean.csv").write_text("id,age\n1,30\n")  # not what the code makes
    with org.provenance.run("clean", inputs=["raw"], code=files / "clean.py") as run:
        run.output(files / "clean.csv")
    assert org.provenance.runs.standing(run.recorded) == "declared"
    made = again(org, run.recorded, files)
    assert not made.is_same
    assert org.provenance.runs.standing(run.recorded) == "differs"


def test_rows_that_are_the_same_in_other_bytes_count_as_the_same(org, files):
    """The same table with other quotes: the record says that rows were compared, for the bytes are not the same."""
    org.provenance.register_dataset(files / "raw.csv")
    (files / "clean.csv").write_text('"id","age"\n"1","30"\n"3","40"\n')
    with org.provenance.run("clean", inputs=["raw"], code=files / "clean.py") as run:
        run.output(files / "clean.csv")
    (compared,) = again(org, run.recorded, files).outputs
    assert (compared.match, compared.is_same) == ("table", True)
    assert compared.found == org.provenance.find_dataset("clean").record.table_sha256


def test_what_was_not_made_is_refused_and_nothing_recorded(org, files):
    (files / "clean.py").write_text("print('nothing is made')\n")
    org.provenance.register_dataset(files / "raw.csv")
    with org.provenance.run("clean", inputs=["raw"], code=files / "clean.py") as run:
        run.output(files / "clean.csv")
    size = org.archive.size
    with pytest.raises(InvalidInput, match="the output clean was looked for as clean.csv") as refused:
        again(org, run.recorded, files)
    assert refused.value.hint == "it left nothing there"
    assert org.archive.size == size


def test_outputs_may_lie_elsewhere_in_the_folder(org, files):
    (files / "clean.py").write_text(CLEAN.replace('"clean.csv"', '"other.csv"'))
    org.provenance.register_dataset(files / "raw.csv")
    with org.provenance.run("clean", inputs=["raw"], code=files / "clean.py") as run:
        run.output(files / "clean.csv")
    with pytest.raises(InvalidInput) as refused:
        again(org, run.recorded, files)
    assert refused.value.hint == "it left other.csv: say which it is, --output clean=other.csv"
    assert again(org, run.recorded, files, outputs={"clean": "other.csv"}).is_same
    with pytest.raises(InvalidInput, match="is not there"):
        again(org, run.recorded, files, outputs={"clean": str(files / "clean.csv")})


def test_other_code_is_refused(org, run, files):
    size = org.archive.size
    other = files / "other.py"
    other.write_text(CLEAN + "# changed\n")
    for code in (other, [files / "clean.py", other], None):
        with pytest.raises(InvalidInput, match="is not what was run"):
            again(org, run, files, code=code)
    assert org.archive.size == size


def test_other_inputs_are_refused(org, run, files):
    size = org.archive.size
    with pytest.raises(InvalidInput, match="raw is not what the run read"):
        again(org, run, files, inputs={"raw": files / "clean.csv"})
    with pytest.raises(InvalidInput, match="has no input 'more'"):
        again(org, run, files, inputs={"raw": files / "raw.csv", "more": files / "raw.csv"})
    with pytest.raises(InvalidInput, match="read raw, which was not handed over"):
        again(org, run, files, inputs={})
    with pytest.raises(NotFound, match="cannot be read"):
        again(org, run, files, inputs={"raw": files / "nothing.csv"})
    assert org.archive.size == size


@pytest.mark.parametrize(
    ("command", "words", "kind"),
    [
        ([sys.executable, "-c", "raise SystemExit('wrong \\x1b[31m input')"], "ended with status 1", InvalidInput),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "not done within 0.5 seconds", InvalidInput),
        (["no-such-program-here"], "cannot be run", NotFound),
        ("python clean.py", "is a list of program", InvalidInput),
        ([], "by a command of yours", InvalidInput),
    ],
    ids=["fails", "too long", "missing", "text", "empty"],
)
def test_work_that_fails_records_nothing(org, run, files, command, words, kind):
    size = org.archive.size
    with pytest.raises(kind, match=words) as caught:
        again(org, run, files, command, timeout_s=0.5 if "sleep" in str(command) else 30)
    assert org.archive.size == size
    assert caught.value.hint.isprintable()


def test_what_a_command_started_ends_with_it(org, run, files, tmp_path):
    mark = tmp_path / "mark"
    later = f"import time, pathlib; time.sleep(1); pathlib.Path({str(mark)!r}).touch()"
    start = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {later!r}])"
    assert again(org, run, files, [sys.executable, "-c", f"{start}; {THEN_CLEAN}"]).is_same
    with pytest.raises(InvalidInput, match="not done"):  # a second later, still nothing
        again(org, run, files, [sys.executable, "-c", "import time; time.sleep(60)"], timeout_s=1.5)
    assert not mark.exists()


def test_a_command_sees_no_secrets_of_this_program(org, run, files, monkeypatch):
    monkeypatch.setenv("COUNTERFOIL_PASSPHRASE", "word")
    monkeypatch.setenv("SERVICE_API_KEY", "word")
    monkeypatch.setenv("ORDINARY", "kept")
    look = "import os; assert 'word' not in os.environ.values(); assert os.environ['ORDINARY']"
    assert again(org, run, files, [sys.executable, "-c", f"{look}; {THEN_CLEAN}"]).is_same


def test_a_command_cannot_reach_the_originals_through_its_inputs(org, run, files):
    spoil = (
        "import os, runpy; runpy.run_path('clean.py'); os.chmod('raw.csv', 0o600); open('raw.csv', 'w').write('spoilt')"
    )
    before = contents(files)
    assert again(org, run, files, [sys.executable, "-c", spoil]).is_same
    assert contents(files) == before


@pytest.mark.parametrize(
    ("work", "outputs"),
    [
        pytest.param(["true"], {"published": "x/../raw.csv"}, id="another-way-there"),
        pytest.param(lambda folder: {"published": folder / "raw.csv"}, {}, id="answered-by-a-function"),
        pytest.param(["ln", "-s", "raw.csv", "made.csv"], {"published": "made.csv"}, id="by-a-link"),
    ],
)
def test_an_input_is_not_passed_off_as_output_by_another_name(org, files, work, outputs):
    raw = org.provenance.register_dataset(files / "raw.csv")
    with org.provenance.run("publish", inputs=[raw], code=files / "clean.py") as run:
        (files / "other.csv").write_bytes((files / "raw.csv").read_bytes())
        run.output(files / "other.csv", name="published")
    with pytest.raises(InvalidInput, match="would lie where the input raw lies"):
        again(org, run.recorded, files, work, outputs=outputs)


def test_a_part_of_an_input_folder_is_not_passed_off_as_output(org, files):
    folder = files / "parts"
    folder.mkdir()
    (folder / "two.csv").write_text("a\n2\n")
    (folder / "one.csv").write_text("a\n1\n")
    with org.provenance.run("pick", inputs=[org.provenance.register_dataset(folder)], code=files / "clean.py") as run:
        run.output(folder / "one.csv", name="one")
    with pytest.raises(InvalidInput, match="would lie where the input parts lies"):
        again(org, run.recorded, files, ["true"], inputs={"parts": folder}, outputs={"one": "parts/one.csv"})


def test_an_input_that_is_passed_off_as_output_is_refused(org, files):
    """Without this, doing nothing would re-derive a run whose output has the name and content of its input."""
    org.provenance.register_dataset(files / "raw.csv")
    with org.provenance.run("publish", inputs=["raw"], code=files / "clean.py") as run:
        run.output(files / "raw.csv", name="published")
    with pytest.raises(InvalidInput, match="would lie where the input raw lies"):
        again(org, run.recorded, files, [sys.executable, "-c", "pass"])
    with pytest.raises(InvalidInput, match="is not there"):
        again(org, run.recorded, files, [sys.executable, "-c", "pass"], outputs={"published": "out.csv"})


def test_inputs_of_one_name_are_told_apart(org, files, tmp_path):
    org.provenance.register_dataset(files / "raw.csv")
    second = tmp_path / "later.csv"
    second.write_text("id,age\n9,50\n")
    org.provenance.register_dataset(second, name="raw")
    with org.provenance.run("clean", inputs=["raw@1", "raw@2"], code=files / "clean.py") as run:
        run.output(files / "clean.csv")
    both = {"raw@1": files / "raw.csv", "raw@2": second}
    assert again(org, run.recorded, files, inputs=both).is_same
    shutil.copy(second, files / "raw2.csv")
    with pytest.raises(InvalidInput, match="read raw@2"):
        again(org, run.recorded, files, inputs={"raw@1": files / "raw.csv"})


def fit(folder: Path) -> LogisticRegression:
    """Trains on what lies in the folder."""
    rows = [line.split(",") for line in (folder / "raw.csv").read_text().splitlines()[1:]]
    ages = [[float(age)] for _, age in rows]
    return LogisticRegression().fit(ages, [age[0] >= 18 for age in ages])


def refit(folder: Path) -> dict[str, LogisticRegression]:
    return {"grown up": fit(folder)}


def test_a_function_makes_a_model_again(org, files):
    org.provenance.register_dataset(files / "raw.csv")
    with org.provenance.run("train", inputs=["raw"], kind="training", code=fit) as run:
        run.model(fit(files), name="grown up")
    made = org.provenance.rederive(run.recorded, refit, inputs={"raw": files / "raw.csv"}, code=fit)
    assert made.is_same
    assert made.record.by == "function"
    with pytest.raises(InvalidInput, match="is not what was run"):
        org.provenance.rederive(run.recorded, refit, inputs={"raw": files / "raw.csv"})
    with pytest.raises(InvalidInput, match="has no output 'other'"):
        org.provenance.rederive(
            run.recorded, lambda folder: {"other": fit(folder)}, inputs={"raw": files / "raw.csv"}, code=fit
        )


def use(folder: Path) -> None:
    """Reads the model that this home keeps."""
    (folder / "scores.txt").write_bytes((folder / "grown_up").read_bytes()[:10])


def test_models_that_went_in_come_from_this_home(org, files):
    model = org.provenance.register_model(fit(files), name="grown up")
    with org.provenance.run("score", inputs=[model], code=use) as run:
        (files / "scores.txt").write_bytes(org.objects.get(model.record.file_sha256)[:10])
        run.output(files / "scores.txt")
    assert org.provenance.rederive(run.recorded, use).is_same


class Upper:
    """Work that this program does itself, in capitals."""

    def rerun(self, run, inputs, folder):
        target = folder / "upper.txt"
        target.write_text(inputs["words"].read_text().upper() * run.parameters["times"])
        return {"upper": target}


def test_built_in_work_needs_no_command(org, files):
    (files / "words.txt").write_text("word")
    (files / "upper.txt").write_text("WORDWORD")
    org.provenance.register_dataset(files / "words.txt")
    with org.provenance.run("upper", inputs=["words"], kind="capitals", parameters={"times": 2}) as run:
        run.output(files / "upper.txt")
    with pytest.raises(InvalidInput, match="run again by a command of yours"):
        org.provenance.rederive(run.recorded, inputs={"words": files / "words.txt"})
    org.provenance.built_in["capitals"] = Upper()
    made = org.provenance.rederive("upper", inputs={"words": files / "words.txt"})
    assert (made.is_same, made.record.by) == (True, "built-in")


def test_runs_with_nothing_to_compare_are_refused(org, files):
    table = org.provenance.register_dataset(files / "raw.csv")
    with pytest.raises(ZeroDivisionError), org.provenance.run("fails", inputs=[table], code=files / "clean.py"):
        _ = 1 / 0
    with pytest.raises(InvalidInput, match="of nothing that it came out"):
        again(org, "fails", files)
    told = RunRecord("told", "transformation", (), (table.leaf,), None, {}, {}, None, "", "")
    with pytest.raises(InvalidInput, match="says nothing of its code"):
        again(org, org.provenance.runs.record(told), files, inputs={})
    with pytest.raises(NotFound, match="there is no run"):
        again(org, "nothing", files)


def test_a_file_name_never_leads_out_of_the_folder(org, files):
    """A name comes with the record, and a record may come from elsewhere."""
    org.provenance.register_dataset(files / "raw.csv", name="up", file_name="../../up.csv")
    (files / "clean.py").write_text(CLEAN.replace('"raw.csv"', '"_.._.._up.csv"'))
    with org.provenance.run("clean", inputs=["up"], code=files / "clean.py") as run:
        run.output(files / "clean.csv")
    assert again(org, run.recorded, files, inputs={"up": files / "raw.csv"}).is_same


def test_code_that_is_no_text_is_code_all_the_same(org, files):
    code = files / "latin.py"
    code.write_bytes(b"# -*- coding: latin-1 -*-\n# \xe9\xff\n" + CLEAN.encode("latin-1"))
    org.provenance.register_dataset(files / "raw.csv")
    with org.provenance.run("clean", inputs=["raw"], code=code) as run:
        run.output(files / "clean.csv")
    assert again(org, run.recorded, files, [sys.executable, "latin.py"], code=code).is_same


def test_a_folder_with_a_single_file_is_what_the_run_read(org, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "one.bin").write_bytes(b"1")
    code = tmp_path / "copy_one.py"
    code.write_text("import shutil\n\nshutil.copy('pictures/one.bin', 'out.txt')\n")
    org.provenance.register_dataset(folder)
    with org.provenance.run("copy", inputs=["pictures"], code=code) as run:
        (tmp_path / "out.txt").write_bytes(b"1")
        run.output(tmp_path / "out.txt", name="out")
    again = org.provenance.rederive(
        run.recorded, [sys.executable, "copy_one.py"], code=code, inputs={"pictures": folder}
    )
    assert again.is_same
