"""`counterfoil recall`: what a dataset reached, whom, and what must not go on because of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.core.wording import counted
from counterfoil.errors import InvalidInput

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.organisation.notices import Written
    from counterfoil.organisation.reach import Reach
    from counterfoil.organisation.recalls import Recalls
    from counterfoil.provenance import Node, Recall

__all__ = ["recall"]

PATH: Final = click.Path(path_type=Path)
YES: Final = "repeat with --yes, or look first with --dry-run"
MOST_SHOWN: Final = 20


class RecallGroup(click.Group):
    """A group whose first word may be what is to be recalled: `recall WHAT` is `recall open WHAT`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts `open` in front of what names no command of the group."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["open", *args]
        return super().parse_args(ctx, args)


@click.group(cls=RecallGroup)
def recall() -> None:
    """Recall a dataset, model or policy: whom it reached, and nothing more decided on it.

    `counterfoil recall WHAT` is short for `counterfoil recall open WHAT`.
    """


@recall.command("open")
@click.argument("wanted", metavar="WHAT", help="What is wrong: NAME, NAME@VERSION, or its place in the log.")
@click.option("--reason", metavar="TEXT", help="Why, in plain words. It is public: name nobody.")
@click.option("--by", metavar="NAME", help="Who recalls it; private.")
@click.option(
    "--action",
    type=click.Choice(["block", "warn"]),
    default="block",
    show_default=True,
    help="Refuse decisions that rest on it, or only say so.",
)
@click.option("--notices", type=PATH, metavar="FILE", help="New list of the people: .csv or .ndjson.")
@click.option("--dry-run", is_flag=True, help="Say what would be reached, record nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def open_recall(
    session: Session,
    wanted: str,
    reason: str | None,
    by: str | None,
    action: str,
    notices: Path | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Recall a dataset, a model, a policy, a run or a deployment.

    Shows every model, policy, deployment and decision that it reached, and how many
    people; then asks. From then on nothing is decided on what came from it, until
    `counterfoil recall end`.
    """
    from counterfoil.organisation.notices import require_new_list
    from counterfoil.organisation.recall_shapes import reach_json, recall_json, written_json

    if dry_run and notices is not None:
        raise InvalidInput("--notices has nothing to hold in a dry run", hint="leave one of them out")
    if notices is not None:
        require_new_list(notices)
    with session.open() as org:
        recalls: Recalls = org.recalls
        reach = recalls.preview(wanted)
        overlooked = recalls.not_reached(reach)
        lines = list(_reach_lines(reach, overlooked))
        if dry_run:
            session.emit(reach_json(reach, overlooked) | {"recall": None}, [*lines, "Nothing was changed."])
            return
        reason, by = _told(reason, "--reason", "why"), _told(by, "--by", "who recalls it")
        if not yes:
            question = "Nothing more will be decided on it." if action == "block" else "It will be marked."
            session.confirm(lines, question, hint=YES)
        opened = recalls.open(reach.root.index, reason=reason, by=by, action=action)  # type: ignore[arg-type]
        data: dict[str, Any] = reach_json(opened.reach, overlooked) | {"recall": recall_json(opened.recall)}
        said = [*(_reach_lines(opened.reach, overlooked) if yes else ()), *_opened_lines(opened.recall)]
        if notices is not None:
            with session.progress("Writing notices") as progress:
                made = recalls.notices(opened.recall, notices, by=by, progress=progress)
            data |= {"notices": written_json(made)}
            said += _written_lines(made)
    session.emit(data, said)


@recall.command("list")
@click.pass_obj
def list_recalls(session: Session) -> None:
    """List the recalls, oldest first."""
    from counterfoil.organisation.recall_shapes import recall_json

    with session.open() as org:
        found = org.recalls.all()
    rows = [
        (
            each.index,
            f"{each.record.kind} {each.record.name}",
            each.record.action,
            each.opened,
            each.ended.time if each.ended else "open",
            f"{each.record.reached.decisions:,}",
            f"{each.record.reached.people:,}",
        )
        for each in found
    ]
    header = ("record", "what", "action", "opened", "ended", "decisions", "people")
    lines = session.table(header, rows) if rows else ["No recalls yet."]
    session.emit({"recalls": [recall_json(each) for each in found]}, lines)


@recall.command("show")
@click.argument("index", type=int, metavar="INDEX", help="Place of the recall's record.")
@click.pass_obj
def show_recall(session: Session, index: int) -> None:
    """Show a recall, and what it reaches now."""
    from counterfoil.organisation.recall_shapes import reach_json, recall_json

    with session.open() as org:
        found = org.recalls.at(index)
        reach = org.recalls.reach(found)
        overlooked = org.recalls.not_reached(reach)
    session.emit(
        reach_json(reach, overlooked) | {"recall": recall_json(found)},
        [*_recall_lines(found), "", *_reach_lines(reach, overlooked)],
    )


@recall.command("notices")
@click.argument("index", type=int, metavar="INDEX", help="Place of the recall's record.")
@click.option("--out", type=PATH, required=True, metavar="FILE", help="New list of the people: .csv or .ndjson.")
@click.option("--by", required=True, metavar="NAME", help="Who makes the list; private, and on record.")
@click.pass_obj
def write_notices(session: Session, index: int, out: Path, by: str) -> None:
    """Write the list of the people whom a recall affects, one line each.

    The file names people: only its owner can read it. That it was made is on record.
    """
    from counterfoil.organisation.recall_shapes import written_json

    with session.open() as org, session.progress("Writing notices") as progress:
        made = org.recalls.notices(org.recalls.at(index), out, by=by, progress=progress)
    session.emit(written_json(made), _written_lines(made))


@recall.command("end")
@click.argument("index", type=int, metavar="INDEX", help="Place of the recall's record.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, in plain words. It is public: name nobody.")
@click.option("--by", required=True, metavar="NAME", help="Who ends it; private.")
@click.pass_obj
def end_recall(session: Session, index: int, reason: str, by: str) -> None:
    """End a recall: what it held back goes on."""
    from counterfoil.organisation.recall_shapes import recall_json

    with session.open() as org:
        found = org.recalls.end(index, reason=reason, by=by)
    assert found.ended is not None
    session.emit(recall_json(found), [f"Recall {index} has ended (record {found.ended.index})."])


def _told(text: str | None, option: str, what: str) -> str:
    if text is None:
        raise click.UsageError(f"{option} is missing: a recall says {what}")
    return text


def _recall_lines(found: Recall) -> Iterator[str]:
    told = found.record
    yield f"Recall {found.index} of the {told.kind} {told.name}, opened {found.opened} ({told.action})"
    yield f"why         {told.reason}"
    if found.ended is not None:
        yield f"ended       {found.ended.time} (record {found.ended.index}): {found.ended.reason}"


def _opened_lines(found: Recall) -> list[str]:
    does = "nothing more is decided on it" if found.record.action == "block" else "decisions go on, and it is said"
    return [f"Recall {found.index} is open: {does}, until counterfoil recall end {found.index}."]


def _written_lines(made: Written) -> list[str]:
    lines = [f"{made.path} names {counted(made.people, 'person', 'people')}. Keep it private."]
    if made.gone or made.erased or made.unnamed:
        lines.append(
            f"Not in it: {made.gone:,} whose reference is gone, {counted(made.unnamed, 'decision')} that name nobody, "
            f"{counted(made.erased, 'decision')} whose values were erased."
        )
    return lines


def _reach_lines(reach: Reach, overlooked: Sequence[Node]) -> Iterator[str]:
    root = reach.root
    yield f"{root.kind.capitalize()} {root.name} (record {root.index}) reached:"
    for kind in ("dataset", "run", "model"):
        found = reach.of_kind(kind)
        yield from _some_lines(f"{kind}s", [f"{each.name} (record {each.index})" for each in found])
    yield from _some_lines("policies", [f"{each.name} (record {each.index})" for each in reach.policies])
    told = [
        f"{each.model.name} under {each.policy.name} (record {each.index}): {_decided(each)}"
        for each in reach.deployments
    ]
    yield from _some_lines("at work", told)
    yield f"  decisions  {reach.decisions:,}"
    people = f"{reach.people:,}"
    if reach.erased or reach.unnamed:
        people = (
            f"at least {reach.people:,}; besides {counted(reach.unnamed, 'decision')} that name nobody, and "
            f"{counted(reach.erased, 'decision')} whose values were erased"
        )
    yield f"  people     {people}"
    if overlooked:
        listed = ", ".join(f"{each.name} (record {each.index})" for each in overlooked[:MOST_SHOWN])
        yield f"Not reached, of the same name with other content: {listed}."


def _decided(each: Any) -> str:
    if not each.decisions:
        return "no decisions"
    labels = ", ".join(f"{number:,} {label or 'erased'}" for label, number in each.labels.items())
    return f"{counted(each.decisions, 'decision')} from {each.first} to {each.last} ({labels})"


def _some_lines(title: str, found: Sequence[str]) -> Iterator[str]:
    for place, line in enumerate(found[:MOST_SHOWN]):
        yield f"  {title if not place else '':<9}  {line}"
    if len(found) > MOST_SHOWN:
        yield f"  {'':<9}  and {len(found) - MOST_SHOWN:,} more; --json has all"
    if not found:
        yield f"  {title:<9}  none"
