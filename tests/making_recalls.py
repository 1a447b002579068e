"""A home in which decisions rest on data: a raw dataset, a run, a clean one, a model trained on it, at work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from organisations import ROW, Bank, bank, estimator, policy, rows

from counterfoil.decisions import Decision, Deployment
from counterfoil.provenance import Dataset, Run

__all__ = ["Trained", "put_to_work", "table", "trained"]


@dataclass
class Trained:
    """The home, what the model came from, and the model at work; `bank.loans` is another, trained on nothing told."""

    bank: Bank
    raw: Dataset
    run: Run
    clean: Dataset
    credit: Deployment

    @property
    def org(self) -> Any:
        return self.bank.org

    def decide(self, subject: str | None = None) -> Decision:
        """Decides with the model that came from `raw`."""
        return self.credit.decide(ROW, subject=subject)

    def reopen(self) -> None:
        """Closes the home, opens it again, and takes up the same deployment."""
        index = deployment_index(self.org, self.credit)
        self.bank.reopen()
        self.credit = self.org.decisions.deployment(index)


def deployment_index(org: Any, deployment: Deployment) -> int:
    """Returns the place of a deployment's record."""
    return next(each.index for each in org.decisions.deployments() if each.leaf == deployment.leaf)


def table(folder: Path, name: str, text: str) -> Path:
    """Writes a small table."""
    path = folder / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    return path


def put_to_work(org: Any, name: str, training: Dataset | None, **more: Any) -> Deployment:
    """Registers the small model under a name, as trained on a dataset, and puts it to work."""
    return org.decisions.wrap(estimator(), policy(), name=name, training=training, background=rows(20), **more)


@contextmanager
def trained(folder: Path, **more: Any) -> Iterator[Trained]:
    """Opens such a home in a folder; `more` is for the deployment."""
    with bank(folder) as opened:
        org = opened.org
        raw = org.provenance.register_dataset(table(folder, "raw", "age,sum\n30,1\n31,2\n"))
        with org.provenance.run("clean", inputs=[raw]) as captured:
            clean = captured.output(table(folder, "clean", "age,sum\n30,1\n"))
        yield Trained(opened, raw, captured.recorded, clean, put_to_work(org, "credit", clean, **more))
