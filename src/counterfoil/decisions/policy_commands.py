"""`counterfoil policy`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.decisions.policy import Policy
from counterfoil.decisions.shapes import policy_json, registered_policy_json

if TYPE_CHECKING:
    from counterfoil.cli.session import Session

__all__ = ["policy"]

PATH: Final = click.Path(path_type=Path)


@click.group()
def policy() -> None:
    """Check and register the rules by which a score becomes a decision."""


@policy.command("check")
@click.argument("file", type=PATH, help="The policy, in TOML.")
@click.pass_obj
def check_policy(session: Session, file: Path) -> None:
    """Read a policy strictly and say what it leaves open. Needs no home."""
    rules = Policy.from_toml(file)
    gaps = rules.gaps()
    lines = [*_policy_lines(rules), "It leaves nothing open." if not gaps else "It leaves open:"]
    session.emit(policy_json(rules) | {"gaps": gaps}, [*lines, *(f"  {gap}" for gap in gaps)])


@policy.command("add")
@click.argument("file", type=PATH, help="The policy, in TOML.")
@click.pass_obj
def add_policy(session: Session, file: Path) -> None:
    """Record a policy. The same rules are recorded once."""
    rules = Policy.from_toml(file)
    with session.open() as org:
        found = org.decisions.register_policy(rules)
    place = {"index": found.index, "leaf": found.leaf}
    session.emit(
        place | policy_json(rules) | {"gaps": rules.gaps()},
        [f"Policy {rules.name} {rules.version} is record {found.index}.", f"SHA-256 {rules.digest()}"],
    )


@policy.command("list")
@click.pass_obj
def list_policies(session: Session) -> None:
    """List the registered policies, oldest first."""
    with session.open() as org:
        found = org.decisions.policies()
    rows = [
        (each.index, each.policy.name, each.policy.version, each.policy.effective_from, each.policy.digest()[:16])
        for each in found
    ]
    header = ("record", "name", "version", "in force from", "sha256")
    session.emit(
        {"policies": [registered_policy_json(each) for each in found]},
        session.table(header, rows) if rows else ["No policies yet."],
    )


def _policy_lines(rules: Policy) -> Iterator[str]:
    yield f"Policy {rules.name} {rules.version}: {rules.purpose}"
    yield f"written by {rules.author}, approved by {rules.approved_by} on {rules.approved_on}"
    yield f"in force from {rules.effective_from}; decisions go to {rules.stream}"
    yield f"labels: {', '.join(rules.labels)}; {len(rules.features)} features, {len(rules.reasons)} reasons"
    yield f"SHA-256 {rules.digest()}"
