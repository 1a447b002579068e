"""`counterfoil lineage`: runs recorded, told by others, and run again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from cli_bank import bank, files, template
from making_events import told

__all__ = ["bank", "files", "template"]

CLEAN = """
from pathlib import Path
head, *rows = Path("raw.csv").read_text().splitlines()
Path("clean.csv").write_text("\\n".join([head, *rows[:1]]) + "\\n")
"""


@pytest.fixture
def data(bank):
    """Two datasets on record, and the code between them."""
    (bank.folder / "raw.csv").write_text("id,age\n1,30\n2,17\n")
    (bank.folder / "clean.csv").write_text("id,age\n1,30\n")
    (bank.folder / "clean.py").write_text(CLEAN)
    for name in ("raw", "clean"):
        bank.data("dataset", "add", f"{name}.csv")
    return bank


def recorded(data):
    args = ("--input", "raw", "--output", "clean", "--code", "clean.py", "--parameter", "least=18", "--seed", "7")
    return data.data("lineage", "record", "clean", *args)


AGAIN = ("lineage", "rederive", "clean", "--code", "clean.py", "--input", "raw.csv=raw.csv")
GIVEN = ("--code", "clean.py", "--input", "raw=raw.csv")


def test_a_run_is_recorded_listed_shown_and_run_again(data):
    assert data.text("lineage", "runs") == "No runs yet.\n"
    made = recorded(data)
    assert (made["parameters"], made["seed"]) == ({"least": 18}, 7)
    assert "declared" in data.text("lineage", "runs")
    assert "nobody ran it again" in data.text("lineage", "runs", "clean")
    said = data.text("lineage", "rederive", "clean", *GIVEN, "--", sys.executable, "clean.py")
    assert "the same came out" in said
    assert "does not show that the inputs are true" in said
    shown = data.data("lineage", "runs", str(made["index"]))
    assert (shown["standing"], shown["tries"][0]["by"]) == ("rederived", "command")
    assert data.data("lineage", "runs")["runs"][0]["standing"] == "rederived"  # as programs read it; people:
    assert " re-derived\n" in data.text("lineage", "runs")


def test_something_else_ends_with_4(data):
    (data.folder / "clean.py").write_text("open('clean.csv', 'w').write('id,age\\n9,9\\n')\n")
    recorded(data)
    said = data.text("lineage", "rederive", "clean", *GIVEN, "--", sys.executable, "clean.py", code=4)
    assert "something else came out" in said
    assert "differs" in data.text("lineage", "runs")


def test_what_cannot_be_run_again_is_refused_with_a_hint(data):
    recorded(data)
    assert "raw.csv" in data.error(*AGAIN, "--", sys.executable, "clean.py", code=2)
    assert "command of yours" in data.error("lineage", "rederive", "clean", *GIVEN, code=2)
    (data.folder / "clean.py").write_text(CLEAN + "#\n")
    said = data.error("lineage", "rederive", "clean", *GIVEN, "--", sys.executable, "clean.py", code=2)
    assert "is not what was run" in said
    assert "hint: " in said
    assert data.error("lineage", "rederive", "nothing", "--", "true", code=3)


def test_what_cannot_be_recorded_is_refused(data):
    assert "looks like a secret" in data.error("lineage", "record", "x", "--parameter", "api_key=1", code=2)
    assert "nan" in data.error("lineage", "record", "x", "--parameter", "rate=NaN", code=2).lower()
    assert "named twice" in data.error("lineage", "record", "x", "--output", "raw", "--output", "raw", code=2)
    assert "come from itself" in data.error("lineage", "record", "x", "--input", "raw", "--output", "raw", code=2)
    assert data.error("lineage", "record", "x", "--input", "nothing", code=3)
    assert data.error("lineage", "record", "x", "--code", "nothing.py", code=3)
    assert data.data("lineage", "runs")["runs"] == []


def test_events_of_a_file_are_imported_once_and_exported(data):
    events = data.folder / "events.ndjson"
    named = {"namespace": "counterfoil://bank.example/credit", "name": "raw"}
    lines = [told("START", inputs=["gone"]) | {"outputs": [named]}, told("COMPLETE")]
    events.write_text("".join(json.dumps(each) + "\n" for each in lines))
    said = data.text("lineage", "import", "openlineage", "events.ndjson")
    assert "1 run on record" in said
    assert "warehouse/gone" in said
    data.text("lineage", "import", "openlineage", "events.ndjson")
    (run,) = data.data("lineage", "runs")["runs"]
    assert len(run["outputs"]) == 1
    assert data.data("lineage", "export", "openlineage", "out.ndjson")["events"] == 2
    assert len((data.folder / "out.ndjson").read_text().splitlines()) == 2
    assert "already exists" in data.error("lineage", "export", "openlineage", "out.ndjson", code=2)


def test_a_file_with_a_wrong_line_is_refused_as_a_whole(data):
    events = data.folder / "events.ndjson"
    events.write_text(json.dumps(told("COMPLETE")) + "\n{}\n")
    assert "line 2 of events.ndjson" in data.error("lineage", "import", "openlineage", "events.ndjson", code=2)
    assert data.data("lineage", "runs")["runs"] == []
    assert data.error("lineage", "import", "openlineage", "nothing.ndjson", code=3)


@pytest.mark.filterwarnings("ignore:.*type hint is inferred as AnyType:UserWarning")
def test_a_run_of_mlflow_is_imported_once(data, monkeypatch):
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    uri = f"file://{data.folder}/mlruns"
    client = MlflowClient(tracking_uri=uri)
    run = client.create_run("0", run_name="nightly")
    client.log_param(run.info.run_id, "depth", 3)
    client.set_terminated(run.info.run_id)
    args = ("lineage", "import", "mlflow", run.info.run_id, "--tracking-uri", uri)
    assert data.data(*args)["parameters"] == {"depth": "3"}
    said = data.text(*args)
    assert "was on record before" in said
    assert "this run stands alone in the lineage" in said
    fed = client.create_run("0", run_name="fed")
    client.set_terminated(fed.info.run_id)
    args = (
        "lineage",
        "import",
        "mlflow",
        fed.info.run_id,
        "--tracking-uri",
        uri,
        "--input",
        str(data.folder / "raw.csv"),
    )
    assert "stands alone" not in data.text(*args)
    assert data.error("lineage", "import", "mlflow", "--model", "nothing@1", "--tracking-uri", uri, code=3)


RUNNING = """
import sys, time, counterfoil
with counterfoil.open(sys.argv[1]) as org, org.provenance.run("work", inputs=["raw"]) as run:
    run.output("clean.csv")
    print("under way", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("how", "statuses"), [(signal.SIGKILL, []), (signal.SIGINT, ["failed"])], ids=["kill -9", "Ctrl-C"]
)
def test_a_run_that_is_stopped_is_recorded_whole_or_not_at_all(data, how, statuses):
    with subprocess.Popen(
        [sys.executable, "-c", RUNNING, str(data.home)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as work:
        assert work.stdout.readline() == "under way\n"
        assert "is in use" in data.error("lineage", "runs", code=5).lower()  # two at once: one is told so
        work.send_signal(how)
        work.wait(30)
    assert [each["status"] for each in data.data("lineage", "runs")["runs"]] == statuses


def test_a_command_that_is_interrupted_leaves_nothing(data):
    recorded(data)
    before = data.data("log", "head")
    start = [sys.executable, "-c", "from counterfoil.cli.main import main; main()"]
    command = [*start, "lineage", "rederive", "clean", *GIVEN, "--", sys.executable, "-c"]
    mark = data.folder / "mark"
    slow = f"import pathlib, time; pathlib.Path({str(mark)!r}).touch(); time.sleep(60)"
    with subprocess.Popen([*command, slow], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as work:
        ends_s = time.monotonic() + 30
        while not mark.exists():
            assert work.poll() is None, work.stderr.read()
            assert time.monotonic() < ends_s
            time.sleep(0.05)
        work.send_signal(signal.SIGINT)
        assert work.wait(30) == 130
    assert data.data("lineage", "runs", "clean")["tries"] == []
    assert data.data("log", "head")["head"].splitlines()[1] == before["head"].splitlines()[1]
