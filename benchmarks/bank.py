"""A bank to measure: a home, a policy with 11 features, and the records it writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import counterfoil
from counterfoil.core.schema import Schema
from counterfoil.core.statement import Draft
from counterfoil.decisions.policy import Policy
from counterfoil.decisions.records import decision_schema
from counterfoil.organisation import Organisation
from counterfoil.store.prepared import Prepared, Private

ORIGIN = "bank.example/credit"
STREAM = "decisions/credit"
EVENTS = "events"
SCORE = 0.731234
NUMBERS = ("age", "amount", "existing_credits", "income", "months", "share_of_income")
CATEGORIES = ("employment", "history", "housing", "purpose", "savings")
WORDS = ("A: none or under 100", "B: 100 to 499", "C: 500 to 999", "D: 1000 and above")
REASONS = [
    {"code": "R01", "weight_micro": -183_112},
    {"code": "R04", "weight_micro": -91_004},
]

_HEAD = f"""
name = "credit"
version = "1"
author = "Ada"
approved_by = "Bo"
approved_on = 2020-01-01
effective_from = 2020-01-02
stream = "{STREAM}"
purpose = "Decide on credit."
score_of = "good"

[[outcome]]
label = "approve"
at_least = 0.6
[[outcome]]
label = "decline"
adverse = true
"""


def policy() -> Policy:
    """Returns the policy; with label, score, reasons and subject a decision has 16 private fields."""
    parts = [_HEAD]
    parts += [f'[features.{name}]\nkind = "number"\n' for name in NUMBERS]
    parts += [f'[features.{name}]\nkind = "category"\ncategories = {list(WORDS)}\n' for name in CATEGORIES]
    for number, name in enumerate(sorted(NUMBERS + CATEGORIES), 1):
        parts.append(f'[[reason]]\ncode = "R{number:02d}"\nfeatures = ["{name}"]\ntext = {{ en = "About {name}." }}\n')
    return Policy.from_toml("\n".join(parts))


def applicants(random: Random, count: int) -> list[dict[str, Any]]:
    """Returns made-up applicants."""
    found = []
    for _ in range(count):
        row: dict[str, Any] = {name: random.choice(WORDS) for name in CATEGORIES}
        row |= {"age": random.randint(18, 90), "amount": random.randint(500, 20_000), "months": random.randint(3, 72)}
        row |= {"existing_credits": random.randint(0, 4), "income": round(random.uniform(800, 9_000), 2)}
        row["share_of_income"] = round(random.random(), 4)
        found.append(row)
    return found


def constant(_applicant: Mapping[str, Any]) -> float:
    """Answers at once, so that only the recording is measured."""
    return SCORE


@contextmanager
def home(folder: Path) -> Iterator[Organisation]:
    """Makes a home in `folder` and opens it."""
    org = counterfoil.create(folder / "bank", name="Example Bank", origin=ORIGIN)
    try:
        yield org
    finally:
        org.close()


def deploy(org: Organisation) -> Callable[..., Any]:
    """Puts the constant model to work; returns the function that decides."""
    return org.decisions.decides(policy())(constant)


class Decisions:
    """Makes decision records as a deployment does, from values made beforehand.

    Args:
        org: An opened home; a model is put to work in it.
        random: Source of the applicants.
        count: How many different applicants.
    """

    def __init__(self, org: Organisation, random: Random, count: int) -> None:
        self.org = org
        self.decide = deploy(org)
        self.applicants = applicants(random, count)
        first = self.decide(self.applicants[0], subject="customer 0")
        self.leaf = org.archive.record(first.index).builds_on[0]
        self.schema: Schema = decision_schema(policy())
        self._values = [_values(row) for row in self.applicants]

    def prepare(self, number: int) -> Prepared:
        """Commits to and encrypts decision `number`, about a person of its own."""
        subject = f"customer {number}"
        values = self._values[number % len(self._values)] | {"/subject": subject}
        draft = Draft("decision", STREAM, "decision", (self.leaf,))
        return self.org.recorder.prepare(draft, Private(self.schema, values, subject))


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {f"/input/{name}": value for name, value in row.items()}
    return values | {
        "/output/label": "approve",
        "/output/score": SCORE,
        "/output/score_micro": 731_234,
        "/reasons": REASONS,
    }


def abouts(random: Random, count: int) -> list[dict[str, Any]]:
    """Returns public bodies that make entries of about 560 bytes."""
    return [
        {
            "amount": random.randint(100, 99_999),
            "channel": random.choice(("app", "branch", "web")),
            "label": "approve",
            "model": f"{random.getrandbits(256):064x}",
            "policyVersion": "2026-11",
            "reasons": ["R01", "R04"],
            "region": "north-west",
            "scoreMicro": random.randint(0, 1_000_000),
        }
        for _ in range(count)
    ]


def events(org: Organisation, bodies: Sequence[Mapping[str, Any]]) -> list[Prepared]:
    """Prepares one plain record for each body."""
    prepare = org.recorder.prepare
    return [prepare(Draft("event", EVENTS, "event", (), about)) for about in bodies]
