"""`counterfoil decide`, `override`, `appeal`, `outcome` and `receipt`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from counterfoil.decisions.batch.run import decide_table, preview_table
from counterfoil.decisions.policy import Policy
from counterfoil.decisions.shapes import decision_json
from counterfoil.errors import InvalidInput

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.decisions import FollowUp
    from counterfoil.decisions.batch.applicants import Applicant
    from counterfoil.decisions.decision import Decision
    from counterfoil.organisation import Organisation

__all__ = ["appeal", "decide", "outcome", "override", "receipt"]

PATH: Final = click.Path(path_type=Path)
SHOWN_LINES: Final = 20


@click.command()
@click.argument("file", type=PATH, metavar="FILE.csv", help="The applicants, with a header row, in UTF-8.")
@click.option("--model", required=True, metavar="NAME|INDEX", help="A registered model; of a name, the newest.")
@click.option("--policy", "policy_file", type=PATH, required=True, metavar="FILE", help="The policy's TOML file.")
@click.option("--subject", required=True, metavar="COLUMN", help="Column with your references of the people.")
@click.option("--ignore", multiple=True, metavar="COLUMN", help="Column to leave out; may be repeated.")
@click.option(
    "--on-log-failure",
    type=click.Choice(["deny", "spool"]),
    default="deny",
    show_default=True,
    help="Without a record: no decision, or a durable queue with promises, kept in --out.",
)
@click.option("--background", type=PATH, metavar="FILE.csv", help="Rows that reasons compare an applicant with.")
@click.option("--out", type=PATH, metavar="FILE.csv", help="New table of the decisions.")
@click.option("--dry-run", is_flag=True, help="Check every row, say what would be decided, record nothing.")
@click.option("--resume", is_flag=True, help="Go on after an interruption: skip people decided on, complete --out.")
@click.pass_obj
def decide(
    session: Session,
    file: Path,
    model: str,
    policy_file: Path,
    subject: str,
    ignore: tuple[str, ...],
    on_log_failure: Literal["deny", "spool"],
    background: Path | None,
    out: Path | None,
    dry_run: bool,
    resume: bool,
) -> None:
    """Decide on every row of a table and record each decision.

    Every row is checked before the first is decided. Columns are read as the policy's
    features say; a column that is no feature is refused unless --ignore names it.

    With --resume the log says which people were decided on by this model under this
    policy, whenever that was; only the others are decided on.
    """
    from counterfoil.decisions.batch.applicants import read_applicants, read_background, tell_doubled
    from counterfoil.decisions.batch.interruption import command_to_resume, told_where
    from counterfoil.decisions.batch.resume import remaining, restore_table

    if dry_run and out is not None:
        raise InvalidInput("--out has nothing to hold in a dry run", hint="leave one of them out")
    if on_log_failure == "spool" and not (out or session.as_json or dry_run):
        raise InvalidInput("promises need a place", hint="name a table with --out: it keeps them for the people")
    if dry_run and resume:
        raise InvalidInput("a dry run has nothing to resume", hint="leave one of --dry-run and --resume out")
    if out is not None:
        require_folder(out)
        if out.exists() and not resume:
            hint = "choose another name or remove it first; after an interruption, go on with --resume"
            raise InvalidInput(f"{out} already exists", hint=hint)
    rules = Policy.from_toml(policy_file)
    applicants = read_applicants(file, rules, subject, ignore)
    rows = read_background(background, rules) if background else None
    if not applicants:
        raise InvalidInput(f"{file.name} has a header row and no row below it: there is nobody to decide on")
    tell_doubled(applicants)
    previewed, decided, skipped, is_deferred = None, [], 0, False
    with session.open() as org, session.progress("Deciding") as progress:
        found = org.provenance.find_model(model)
        if dry_run:
            org.decisions.require_usable(found, rules)
            previewed = preview_table(org.provenance.scorer(found), rules, applicants, progress)
        else:
            deployment = org.decisions.wrap(found, rules, background=rows, on_log_failure=on_log_failure)
            is_deferred = deployment.finds_reasons_later
            to_decide: Sequence[Applicant] = applicants
            if resume:
                left = remaining(org, deployment, applicants)
                to_decide, skipped = left.to_decide, len(left.decided)
                if out is not None:
                    restore_table(out, org, left)
            with told_where(org, deployment, len(to_decide), command_to_resume()):
                decided = decide_table(deployment, to_decide, out, progress, goes_on=resume)
    if previewed is not None:
        _emit_preview(session, previewed)
    else:
        unexplained = [made for made in decided if not made.reasons and rules.is_adverse(made.label)]
        if is_deferred and unexplained:
            session.remark(_left_for_replay(unexplained))
        _emit_decided(session, decided, out, skipped if resume else None)


@click.command()
@click.argument("index", type=int, help="Place of the decision in the log.")
@click.option("--label", required=True, help="The new decision, one of the policy's labels.")
@click.option("--by", required=True, help="Who decides.")
@click.option("--reason", required=True, help="Why.")
@click.option("--saw", required=True, metavar="STATE", help="What that person saw: the state `log show` prints.")
@click.pass_obj
def override(session: Session, index: int, label: str, by: str, reason: str, saw: str) -> None:
    """Record that a person decided otherwise than the model.

    The first decision stays on record. STATE proves what the person had in front of
    them; when something was added since, the override is refused (exit code 6).
    """
    with session.open() as org:
        made = org.decisions.override(index, label=label, by=by, reason=reason, saw=saw)
        _emit_follow_up(session, org, index, made, f"Decision {index} is now {label}")


@click.command()
@click.argument("index", type=int, help="Place of the decision in the log.")
@click.option("--text", required=True, help="What the person says.")
@click.option("--by", required=True, help="Who received the appeal.")
@click.pass_obj
def appeal(session: Session, index: int, text: str, by: str) -> None:
    """Record what the person says against a decision."""
    with session.open() as org:
        made = org.decisions.appeal(index, text=text, by=by)
        _emit_follow_up(session, org, index, made, f"The appeal against decision {index} is on record")


@click.command()
@click.argument("index", type=int, help="Place of the decision in the log.")
@click.option("--outcome", "word", required=True, help='A word for what came of it, such as "repaid".')
@click.option("--note", default="", help="Remarks.")
@click.pass_obj
def outcome(session: Session, index: int, word: str, note: str) -> None:
    """Record what came of a decision."""
    with session.open() as org:
        made = org.decisions.outcome(index, outcome=word, note=note)
        _emit_follow_up(session, org, index, made, f"The outcome of decision {index} is on record")


@click.command()
@click.argument("index", type=int, help="Place of the decision in the log.")
@click.option("--out", type=PATH, required=True, metavar="FILE", help="The new file.")
@click.option("--show", multiple=True, metavar="POINTER", help="Field or group of fields to show, e.g. /output.")
@click.option("--page", type=PATH, metavar="FILE", help="Also write a page in plain words for the person.")
@click.option("--language", default="en", show_default=True, help="Language of the page's reasons.")
@click.option("--html", type=PATH, metavar="FILE", help="Also write receipt and checker page as one HTML file.")
@click.option(
    "--qr",
    type=PATH,
    metavar="FILE",
    help="Also write a QR code (SVG); with public_url set, it opens the checker page.",
)
@click.pass_obj
def receipt(
    session: Session,
    index: int,
    out: Path,
    show: tuple[str, ...],
    page: Path | None,
    language: str,
    html: Path | None,
    qr: Path | None,
) -> None:
    """Write the receipt of a decision: all its fields, or those named by --show."""
    from counterfoil.decisions.receipts import as_html, as_text, qr_svg

    for path in (out, page, html, qr):
        if path is not None:
            require_folder(path)
    with session.open() as org:
        record = org.archive.record(index)
        positions = org.archive.schema(record.schema).positions if record.schema else ()
        chosen = _covered(positions, show) if show else None
        made = org.decisions.receipt(index, chosen)
        files = {out: made.encode()}
        policy = org.decisions.history(index).policy if (page or html) and record.kind == "decision" else None
        if html is not None:
            files[html] = as_html(made, policy, language=language, name=org.home.settings.name, file=out.name).encode()
        if page is not None:
            files[page] = as_text(made, policy, language=language, name=org.home.settings.name, file=out.name).encode()
        if qr is not None:
            files[qr] = qr_svg(made, org.home.settings.public_url).encode()
        issuer = str(org.issuer)
    _write_new(files)
    shown = sorted(positions if chosen is None else chosen)
    session.emit(
        {
            "file": str(out),
            "html": str(html) if html else None,
            "index": index,
            "issuer": issuer,
            "page": str(page) if page else None,
            "qr": str(qr) if qr else None,
            "shown": shown,
            "size_bytes": len(files[out]),
        },
        [f"The receipt of record {index} is in {out}.", f"To check it: counterfoil check {out} --issuer '{issuer}'"],
    )


def require_folder(path: Path) -> None:
    """Refuses a file to be written in a folder that is not there (InvalidInput)."""
    if not path.parent.is_dir():
        raise InvalidInput(f"the folder {path.parent} does not exist", hint="make it first, or name another")


def _write_new(files: dict[Path, bytes]) -> None:
    """Writes new files, none where one of them exists already."""
    for path in files:
        require_folder(path)
        if path.exists():
            raise InvalidInput(f"{path} already exists", hint="choose another name or remove it first")
    for path, data in files.items():
        with path.open("xb") as file:
            file.write(data)


def _left_for_replay(unexplained: Sequence[Decision]) -> str:
    """Returns the remark that people are owed reasons which nobody has worked out yet."""
    counts = Counter(made.label for made in unexplained)
    have = "decision against people has" if len(unexplained) == 1 else "decisions against people have"
    return (
        f"note: {len(unexplained):,} {have} no reasons yet ({_counted(counts)}): they are found by `counterfoil replay`"
    )


def _emit_preview(session: Session, previewed: Sequence[tuple[int, str, str, int]]) -> None:
    counts = Counter(label for _, _, label, _ in previewed)
    rows = [(row, subject, label, f"{micro / 1_000_000:.6f}") for row, subject, label, micro in previewed]
    listed = [
        {"row": row, "subject": subject, "label": label, "score_micro": micro}
        for row, subject, label, micro in previewed
    ]
    session.emit(
        {"dry_run": True, "labels": dict(sorted(counts.items())), "rows": listed},
        [
            *session.table(("row", "subject", "would be", "score"), rows[:SHOWN_LINES]),
            *_more(len(rows)),
            f"{len(rows):,} rows can be decided: {_counted(counts)}. Nothing was recorded.",
        ],
    )


def _emit_decided(session: Session, decided: Sequence[Decision], out: Path | None, skipped: int | None) -> None:
    counts = Counter(each.label for each in decided)
    waiting = sum(each.index is None for each in decided)
    rows = [
        (
            "waiting" if each.index is None else each.index,
            each.subject,
            each.label,
            f"{each.score:.6f}",
            " ".join(reason.code for reason in each.reasons),
        )
        for each in decided[:SHOWN_LINES]
    ]
    lines = (
        [] if out else [*session.table(("record", "subject", "label", "score", "reasons"), rows), *_more(len(decided))]
    )
    on_record = "decision is" if len(decided) == 1 else "decisions are"
    if decided or not skipped:
        lines.append(f"{len(decided):,} {on_record} on record: {_counted(counts)}.")
    else:
        lines.append("Nothing was left to decide.")
    if waiting:
        lines.append(f"{waiting:,} of them wait in the queue, under a signed promise; run any command to try again.")
    if skipped is not None:
        lines.append(f"{skipped:,} {'row was' if skipped == 1 else 'rows were'} on record before and skipped.")
    if out:
        lines.append(f"The table is in {out}.")
    session.emit(
        {
            "decided": len(decided),
            "decisions": [decision_json(each) for each in decided],
            "labels": dict(sorted(counts.items())),
            "out": str(out) if out else None,
            "skipped": skipped or 0,
            "waiting": waiting,
        },
        lines,
    )


def _emit_follow_up(session: Session, org: Organisation, index: int, made: FollowUp, said: str) -> None:
    history = org.decisions.history(index)
    session.emit(
        {
            "decision": index,
            "index": made.index,
            "kind": made.kind,
            "label_now": history.label_now,
            "leaf": made.leaf,
            "state": history.state,
            "time": made.time,
        },
        [f"{said}; the {made.kind} is record {made.index}.", f"state {history.state}"],
    )


def _covered(pointers: Mapping[str, int] | Sequence[str], show: Sequence[str]) -> list[str]:
    """Returns the fields that --show names, alone or as a group.

    Raises:
        InvalidInput: When one names nothing.
    """
    chosen: dict[str, None] = {}
    for part in show:
        group = part.rstrip("/") + "/"
        found = [pointer for pointer in pointers if pointer == part or pointer.startswith(group)]
        if not found:
            slashed = f"/{part.strip('/')}"
            is_slip = any(pointer == slashed or pointer.startswith(slashed + "/") for pointer in pointers)
            hint = f'did you mean "{slashed}"?' if is_slip else f"it has {', '.join(list(pointers)[:40])}"
            raise InvalidInput(f"the record has no field {part!r}", hint=hint)
        chosen |= dict.fromkeys(found)
    return list(chosen)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {label}" for label, count in sorted(counts.items())) or "none"


def _more(total: int) -> list[str]:
    return [f"… and {total - SHOWN_LINES:,} more"] if total > SHOWN_LINES else []
