"""Small homes, made quickly: a bank with a credit model, its clock in the test's hand.

The first home of a session is made in full and kept as a template; every test gets a
copy of it. The model is a logistic regression on four columns of the German credit data.
"""

from __future__ import annotations

import atexit
import resource
import shutil
import tempfile
from calendar import timegm
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from counterfoil.core.statement import Draft
from counterfoil.data import german_credit_csv
from counterfoil.decisions import Decision, Deployment, Policy
from counterfoil.organisation import Organisation
from counterfoil.store.home_settings import HomeSettings
from counterfoil.store.recorder import OnFailure
from counterfoil.store.unlock import Unlock

DATA = german_credit_csv()
ORIGIN = "bank.example/credit"
STREAM = "decisions/loans"
START_S = timegm((2026, 11, 23, 19, 0, 0))
"""When the template was made: 2026-11-23T19:00:00Z, the first second of an epoch."""

DAY_S = 86_400
TRAINING_ROWS = 80

ROW: dict[str, Any] = {"credit_amount": 2500, "duration_in_month": 12, "housing": "own"}
"""An applicant whom the model would give the loan."""

POLICY = """
name = "loans"
version = "{version}"
author = "Ada"
approved_by = "Bo"
approved_on = 2026-09-01
effective_from = {effective_from}
stream = "decisions/loans"
purpose = "Decide on small loans."
score_of = "good"
retain_days = {retain_days}

[[outcome]]
label = "approve"
at_least = 0.6
[[outcome]]
label = "decline"
adverse = true

[features.credit_amount]
kind = "number"
min = 0
[features.duration_in_month]
kind = "integer"
max = 1000
[features.housing]
kind = "category"
categories = ["for free", "own", "rent"]
[features.note]
kind = "text"
required = false
protected = true
max_chars = 100000

[[reason]]
code = "R01"
features = ["credit_amount"]
text = {{ en = "The amount of the loan." }}
[[reason]]
code = "R02"
features = ["duration_in_month"]
text = {{ en = "How long the loan runs." }}
[[reason]]
code = "R03"
features = ["housing"]
text = {{ en = "How you live." }}
"""


views_url = ""
"""Where homes copied from now on keep their searchable tables; set by the fixture `views_on`."""


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_s: float = START_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def move(self, seconds: float) -> None:
        self.now_s += seconds


def policy(*, version: str = "1", retain_days: int = 0, effective_from: str = "2026-09-02") -> Policy:
    """Returns a small policy that fits `estimator`."""
    version = f"{version} kept {retain_days} days" if retain_days else version  # other rules are another version
    return Policy.from_toml(POLICY.format(version=version, retain_days=retain_days, effective_from=effective_from))


def rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Returns applicants from the German credit data."""
    frame = _frame().iloc[start : start + count]
    return [dict(row) for row in frame[list(ROW)].to_dict("records")]


@cache
def _frame() -> Any:
    import pandas as pd

    return pd.read_csv(german_credit_csv(), keep_default_na=False)


@cache
def estimator() -> Any:
    """Returns the fitted model."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    train = _frame().iloc[:TRAINING_ROWS]
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["credit_amount", "duration_in_month"]),
            ("texts", OneHotEncoder(handle_unknown="ignore"), ["housing"]),
        ]
    )
    return make_pipeline(columns, LogisticRegression()).fit(train[list(ROW)], train["creditability"])


@dataclass
class Bank:
    """An opened home and its model at work."""

    folder: Path
    clock: Clock
    org: Organisation
    loans: Deployment

    def decide(self, subject: str | None = None, **changes: Any) -> Decision:
        """Decides on `ROW` with some values changed."""
        return self.loans.decide(ROW | changes, subject=subject)

    def reopen(self) -> None:
        """Closes the home and opens it again."""
        self.org.close()
        self.org = open_home(self.folder, self.clock)
        self.loans = put_to_work(self.org)


@contextmanager
def bank(folder: Path, *, retain_days: int = 0, on_log_failure: OnFailure = "deny") -> Iterator[Bank]:
    """Copies the template to `folder`/home, opens it and puts its model to work."""
    home = copy_home(folder)
    clock = Clock()
    org = open_home(home, clock)
    made = Bank(home, clock, org, put_to_work(org, retain_days=retain_days, on_log_failure=on_log_failure))
    try:
        yield made
    finally:
        made.org.close()


def gated(folder: Path, *rules: str) -> Organisation:
    """Creates a home that asks so much of a dataset before a model may rest on it."""
    unlock = Unlock.create_key_file(folder / "bank.key")
    settings = HomeSettings(name="Bank", origin="bank.example", key_file="../bank.key", dataset_gate=rules)
    return Organisation.create(folder / "gated", settings, unlock)


def copy_home(folder: Path, settings: str = "") -> Path:
    """Copies the template and its key file into `folder`, adds settings, and returns the home."""
    shutil.copytree(_template(), folder, dirs_exist_ok=True)
    if views_url:
        settings += f'views_url = "{views_url}"\n'
    with (folder / "home" / "counterfoil.toml").open("a") as file:
        file.write(settings)
    return folder / "home"


def open_home(home: Path, clock: Clock | None = None) -> Organisation:
    """Opens a home made by `copy_home`."""
    return Organisation.open(home, now=clock or Clock())


def back_up(home: Path, folder: Path) -> Path:
    """Copies a home made by `copy_home`, with the key file beside it, into a new folder; returns the copy."""
    shutil.copytree(home, folder / "home")
    shutil.copy(home.with_name("bank.key"), folder / "bank.key")
    return folder / "home"


def put_in_place(copied: Path, place: Path) -> None:
    """Replaces a folder by a copy of another one."""
    shutil.rmtree(place)
    shutil.copytree(copied, place)


def write_events(org: Organisation, count: int = 1) -> None:
    """Writes small records at once."""
    org.recorder.record([org.recorder.prepare(Draft("event", "events", str(place))) for place in range(count)])


def put_to_work(
    org: Organisation, *, version: str = "1", retain_days: int = 0, on_log_failure: OnFailure = "deny"
) -> Deployment:
    """Puts the template's model to work under the small policy."""
    return org.decisions.wrap(
        org.provenance.models()[0],
        policy(version=version, retain_days=retain_days),
        background=rows(20),
        on_log_failure=on_log_failure,
    )


def table_rows(org: Organisation) -> dict[str, list[tuple[Any, ...]]]:
    """Returns every row of every searchable table, brought up to date; numbers of names become names."""
    from sqlalchemy import inspect, text

    with org.views.reading() as connection:
        tables = sorted(inspect(connection).get_table_names())
        found = {name: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {name}"))] for name in tables}
    found["cursor"] = [row[:2] for row in found["cursor"]]  # who keeps them, and whether to wipe, is no content
    names = dict(found.pop("names"))
    found["records"] = [(row[0], names[row[1]], names[row[2]], *row[3:]) for row in found["records"]]
    return {name: sorted(found[name], key=repr) for name in found}


@contextmanager
def full_disk(limit_bytes: int) -> Iterator[None]:
    """Makes the kernel refuse to let any file of this process grow beyond a size, for any user."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def full_log(org: Organisation) -> Iterator[None]:
    """Makes the log, and nothing smaller than it, unable to grow."""
    segment = org.home.paths.log / "entries" / "000.seg"
    padding = 600_000 - segment.stat().st_size
    if padding > 0:  # larger than the vault and its write-ahead file
        drafts = [Draft("event", "events", "padding", about={"text": "x" * 40_000})] * (padding // 40_000 + 1)
        org.recorder.record([org.recorder.prepare(draft) for draft in drafts])
    with full_disk(segment.stat().st_size):
        yield


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-homes-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    unlock = Unlock.create_key_file(folder / "bank.key")
    settings = HomeSettings(name="Example Bank plc", origin=ORIGIN, key_file="../bank.key")
    with Organisation.create(folder / "home", settings, unlock, now=Clock()) as org:
        org.decisions.wrap(estimator(), policy(), name="loans", background=rows(20))
    return folder
