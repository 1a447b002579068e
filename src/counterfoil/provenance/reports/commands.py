"""`counterfoil dataset privacy` and `counterfoil dataset quality`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.organisation import Organisation
    from counterfoil.provenance.datasets import Dataset
    from counterfoil.provenance.reports.dataset_gate import RuleAnswer
    from counterfoil.store.dataset_rules import DatasetRule

__all__ = ["privacy", "quality"]

PATH: Final = click.Path(path_type=Path)
_RULES: Final = "may be repeated. Exit code 4 where it is not met."
_UNRECORDED: Final = "Look only: no home is opened, nothing is recorded."


@click.command()
@click.argument("file", type=PATH, help="The table, as it is registered: CSV with a header row, Parquet or Arrow.")
@click.option("--quasi", multiple=True, metavar="COLUMN", help="A column that may help to find a person; repeatable.")
@click.option("--sensitive", multiple=True, metavar="COLUMN", help="A column nobody should learn; repeatable.")
@click.option("--require", "rules", multiple=True, metavar="RULE", help=f"safe-harbor, k=5, l=2, t=0.3; {_RULES}")
@click.option("--unrecorded", is_flag=True, help=_UNRECORDED)
@click.pass_obj
def privacy(
    session: Session,
    file: Path,
    quasi: tuple[str, ...],
    sensitive: tuple[str, ...],
    rules: tuple[str, ...],
    unrecorded: bool,
) -> int:
    """Look for what points to persons in a table, and record what was found.

    By name and pattern for the 18 identifiers of HIPAA's Safe Harbor; for columns that
    single out rows, alone or up to three together; and, with --quasi, for k-anonymity,
    with --sensitive also for l-diversity and t-closeness. Only columns and counts are
    told and recorded, never a value.
    """
    from counterfoil.provenance.privacy.check import check_privacy
    from counterfoil.provenance.reports.dataset_gate import judge_privacy

    wanted = _rules(rules, about_privacy=True)
    if unrecorded:
        with session.progress("Checking") as progress:
            report = check_privacy(file, quasi=quasi, sensitive=sensitive, progress=progress)
        recorded = None
    else:
        with session.open() as org, session.progress("Checking") as progress:
            dataset = registered(org, file)
            report = check_privacy(file, quasi=quasi, sensitive=sensitive, progress=progress)
            recorded = org.provenance.reports.record_privacy(dataset, report).index
    answers = [judge_privacy(rule, report) for rule in wanted]
    return _tell(session, {"index": recorded, "report": report.to_json()}, [*report.lines()], answers, recorded)


@click.command()
@click.argument("file", type=PATH, help="The table, as it is registered: CSV with a header row, Parquet or Arrow.")
@click.option("--group", "groups", multiple=True, metavar="COLUMN", help="A column of groups of people; repeatable.")
@click.option("--label", default="", metavar="COLUMN", help="The column of what is to be learned.")
@click.option("--parent", type=PATH, metavar="FILE", help="The table that this one came from, as it is registered.")
@click.option(
    "--require",
    "rules",
    multiple=True,
    metavar="RULE",
    help=f"missing=0.05, duplicates=0, group=50, drift=0.2; {_RULES}",
)
@click.option("--unrecorded", is_flag=True, help=_UNRECORDED)
@click.pass_obj
def quality(
    session: Session,
    file: Path,
    groups: tuple[str, ...],
    label: str,
    parent: Path | None,
    rules: tuple[str, ...],
    unrecorded: bool,
) -> int:
    """Say how good a table is and whom it represents, and record it.

    What is missing, constant or far out in each column; rows that are there twice; how
    many rows and which labels each group has; and how far columns moved from the
    parent's. Groups and labels are named where they have 10 rows or more.
    """
    from counterfoil.provenance.quality.check import check_quality
    from counterfoil.provenance.reports.dataset_gate import judge_quality

    wanted = _rules(rules, about_privacy=False)
    if unrecorded:
        with session.progress("Reading") as progress:
            report = check_quality(file, groups=groups, label=label, parent=parent, progress=progress)
        recorded, changed = None, dict[str, str]()
    else:
        with session.open() as org, session.progress("Reading") as progress:
            dataset = registered(org, file)
            before = registered(org, parent) if parent is not None else None
            report = check_quality(file, groups=groups, label=label, parent=parent, progress=progress)
            recorded = org.provenance.reports.record_quality(dataset, report, before).index
            changed = _changed_on_purpose(org, dataset, before)
    answers = [judge_quality(rule, report) for rule in wanted]
    told: dict[str, object] = {"index": recorded, "report": report.to_json()}
    return _tell(session, told, [*report.lines(changed)], answers, recorded)


def _changed_on_purpose(org: Organisation, dataset: Dataset, parent: Dataset | None) -> dict[str, str]:
    """Returns the columns that a recorded de-identification of the parent was to change, with their rules."""
    from counterfoil.provenance.deidentification.deidentifications import KIND

    if parent is None:
        return {}
    for node in org.provenance.lineage.graph(dataset.index, forth=False, depth=1).nodes:
        record = org.provenance.runs.at(node.index).record if (node.kind, node.what) == ("run", KIND) else None
        if record is not None and parent.leaf in record.inputs:
            columns = (record.parameters["settings"] or {}).get("columns", {})
            return {name: rule["rule"] for name, rule in columns.items() if rule["rule"] != "keep"}
    return {}


def registered(org: Organisation, path: Path) -> Dataset:
    """Returns the dataset on record that a file or folder is.

    Raises:
        NotFound: There is no such file, or it is not on record as it is now.
    """
    from counterfoil.provenance.text_table import digest_of

    if not path.exists():
        raise NotFound(f"there is no file {path}", hint="name the table's file; a record does not hold its rows")
    found = org.provenance.dataset_with(digest_of(path))
    if found is None:
        raise NotFound(
            f"the file {path} is not registered as a dataset, in the form it has now",
            hint=f"register it: counterfoil dataset add {path}; or look only, with --unrecorded",
        )
    return found


def _rules(texts: tuple[str, ...], *, about_privacy: bool) -> Sequence[DatasetRule]:
    from counterfoil.store.dataset_rules import PRIVACY_RULES, QUALITY_RULES, read_rules

    wanted = read_rules(texts)
    for rule in wanted:
        if rule.is_about_privacy != about_privacy:
            known = ", ".join(PRIVACY_RULES if about_privacy else QUALITY_RULES)
            raise InvalidInput(f"this command does not answer the rule {rule.text}", hint=f"it answers {known}")
    return wanted


def _tell(
    session: Session,
    data: dict[str, object],
    lines: list[str],
    answers: Sequence[RuleAnswer],
    recorded: int | None,
) -> int:
    verdicts = [f"{'met' if each.is_met else 'NOT MET'}: {each.rule} ({each.found})" for each in answers]
    last = "Nothing was recorded." if recorded is None else f"It is record {recorded}."
    session.emit(data | {"rules": [each.to_json() for each in answers]}, [*lines, *verdicts, last])
    return 0 if all(each.is_met for each in answers) else 4
