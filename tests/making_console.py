"""A bank with a history to look at: two versions of a policy, weeks of decisions, and what people made of them."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from making_access import CHEAP
from making_node import running, settled
from making_passports import on_record
from organisations import DAY_S, START_S, Clock
from serving_witness import GrowingLog, serving, witness_signer

from counterfoil.cli.demo.model import REFERENCE, split_applicants, train
from counterfoil.data import german_credit_csv, german_credit_policy
from counterfoil.decisions import Policy
from counterfoil.node.access import HOME, RequestSigner
from counterfoil.node.app import build_app
from counterfoil.node.node import Node
from counterfoil.node.settings import NodeSettings
from counterfoil.organisation import Organisation
from counterfoil.provenance import Dataset
from counterfoil.provenance.passports.parts import Transformation
from counterfoil.provenance.privacy.check import check_privacy
from counterfoil.provenance.quality.check import check_quality
from counterfoil.store.home_settings import HomeSettings
from counterfoil.store.unlock import Unlock
from counterfoil.web.roles import Role
from counterfoil.witness.cosigner import Answer

__all__ = ["PASSWORD", "Shown", "credit_home", "empty_home", "showing", "troubled"]

DAYS = 36
A_DAY = 16
PASSWORD = "correct horse battery"
SETTINGS = json.dumps({"columns": {f"column_{place}": {"rule": "generalise"} for place in range(20)}, "version": 1})


@dataclass(frozen=True, slots=True)
class Shown:
    """A node that serves its console, and how to come in."""

    node: Node
    org: Organisation
    url: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


@contextmanager
def showing(home: Path, *roles: Role, settings: NodeSettings | None = None, now_s: float = 0) -> Iterator[Shown]:
    """Serves a home; the key's holder has `roles`, an admin's without any."""
    clock = Clock(now_s or START_S + DAYS * DAY_S)
    with Organisation.open(home, now=clock) as org:
        node = Node(org, settings or NodeSettings(), password_cost=CHEAP)
        made = node.access.keys.add("browser", frozenset(roles or (Role.ADMIN,)), by=HOME)
        with running(build_app(node), node.settings) as url:
            yield Shown(node, org, url, made.token)


@contextmanager
def troubled(shown: Shown) -> Iterator[None]:
    """Has a node know people, other nodes, a webhook that fails, witnesses, and two logs that lie."""
    node, witness = shown.node, shown.org.witness
    node.access.users.add("mira", PASSWORD, frozenset({Role.OPERATOR, Role.AUDITOR}), by=HOME)
    peer = RequestSigner("a-rather-long-name.of-another-bank.example/log/of/decisions", b"p" * 32)
    node.access.peers.add(str(peer.key), frozenset({Role.AUDITOR}), by=HOME)
    node.webhooks.add("https://hooks.example/a/long/path/that/somebody/made/up", ["job.finished"])
    node.webhooks.add("http://127.0.0.1:1/counterfoil", ())
    with node.state.writing() as connection:
        node.webhooks.tell(connection, "alarm.cleared", {})
    node.webhooks.wake()
    log = GrowingLog().grow(3)
    witness.add_log(str(log.signer.key))
    for request in (log.request(0), log.fork(2).grow(1, "other").request(0, 3), log.fork(2).grow(1, "x").request(3, 3)):
        witness.add_checkpoint(request)
    with serving(lambda _: Answer(422, "text/plain", b"no\n")) as url:
        witness.add_witness("club", str(witness_signer(1).key), url)
        witness.add_witness("quiet", str(witness_signer(2).key), rule="any")
        witness.collect()
        settled(lambda: any(each.said for each in node.webhooks.list()))
        assert witness.status().contradictions
        yield


def credit_home(folder: Path) -> Path:
    """Copies the bank into `folder` and returns its home."""
    shutil.copytree(_credit(), folder, dirs_exist_ok=True)
    return folder / "home"


def empty_home(folder: Path) -> Path:
    """Makes a home in which nothing has happened."""
    unlock = Unlock.create_key_file(folder / "bank.key")
    settings = HomeSettings(name="Example Bank plc", origin="bank.example/credit", key_file="../bank.key")
    Organisation.create(folder / "home", settings, unlock, now=Clock()).close()
    return folder / "home"


@cache
def _credit() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-console-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    clock = Clock()
    home = empty_home(folder)
    with Organisation.open(home, now=clock) as org:
        _fill(org, clock)
    return folder


def _fill(org: Organisation, clock: Clock) -> None:
    split, random = split_applicants(), Random(4)
    text = german_credit_policy()
    first = Policy.from_toml(text)
    second = Policy.from_toml(
        text.replace('version = "2026.1"', 'version = "2026.2"').replace("at_least = 0.62", "at_least = 0.7")
    )
    trained = train(split, first)
    data = org.provenance.register_dataset(
        german_credit_csv(), name="german-credit", notes={"licence": "CC BY 4.0", "source": "UCI"}
    )
    more = {"name": "credit", "training": data, "background": trained.background, "code": trained.code}
    loans = org.decisions.wrap(trained.estimator, first, **more)
    _check_part(org, data)
    people = split.applicants.to_dict("records")
    for day in range(DAYS):
        if day == DAYS // 2:
            loans = org.decisions.wrap(trained.estimator, second, **more)
        chosen = random.choices(people, k=A_DAY + random.randint(-6, 6) if day % 7 < 5 else 3)
        rows = [{name: value for name, value in each.items() if name != REFERENCE} for each in chosen]
        made = loans.decide_many(rows, subjects=[str(each[REFERENCE]) for each in chosen])
        _follow(org, made, random)
        clock.move(DAY_S)
    for each in (data, org.provenance.models()[-1]):
        on_record(org, each, transformation=Transformation("columns made coarser", parameters={"settings": SETTINGS}))


def _check_part(org: Organisation, whole: Dataset) -> None:
    """Registers a part of the data, in which some values are missing, and puts a check and a report on record."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.csv"
        lines = german_credit_csv().read_text(encoding="utf-8").splitlines(keepends=True)[:401]
        path.write_text("".join(lines).replace("unknown/ no savings account", ""), encoding="utf-8")
        part = org.provenance.register_dataset(path, name="german-credit-part")
        quasi = ("age_in_years", "personal_status_and_sex", "foreign_worker")
        org.provenance.reports.record_privacy(
            part, check_privacy(path, quasi=quasi, sensitive=("purpose", "credit_amount"))
        )
        groups = ("personal_status_and_sex", "foreign_worker")
        found = check_quality(path, groups=groups, label="creditability", parent=german_credit_csv())
        org.provenance.reports.record_quality(part, found, whole)


def _follow(org: Organisation, made: list[Any], random: Random) -> None:
    """Has people say what they think of some decisions."""
    for each in made:
        assert each.index is not None
        if each.label != "approve" and random.random() < 0.12:
            org.decisions.appeal(each.index, text="My income has risen since; please look again.", by="Branch 12")
            if random.random() < 0.6:
                saw = org.decisions.history(each.index).state
                org.decisions.override(
                    each.index, label="approve", by="Mira Chen", reason="New payslips were shown.", saw=saw
                )
        elif random.random() < 0.08:
            org.decisions.outcome(each.index, outcome="repaid" if random.random() < 0.8 else "default")
