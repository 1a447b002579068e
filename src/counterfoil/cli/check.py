"""`counterfoil check`: for whoever was handed a file. Imports no database and no home; no ledger without --rpc."""

from __future__ import annotations

import json
import time as clock
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.cli.session import Session
from counterfoil.core.note import VerifierKey
from counterfoil.core.steps import Report, report_lines
from counterfoil.core.wording import counted, with_article
from counterfoil.errors import InvalidInput

if TYPE_CHECKING:
    from counterfoil.ledger.anchors.live_check import LedgerAnswer

__all__ = ["check"]

PATH: Final = click.Path(path_type=Path)

_MOST_SHOWN: Final = 1_000
"""Characters of a record's public part; more would move the verdict out of sight."""


@click.command()
@click.argument(
    "file",
    type=PATH,
    help="A receipt, a promise, a passport, a proof about rows, evidence of a false delivery, a signed"
    " document of the market, or a bundle.",
)
@click.option("--issuer", metavar="KEY|FILE", help="The issuer's public key, from somewhere you trust.")
@click.option("--against", type=PATH, metavar="FILE", help="Hold a receipt against a newer bundle, receipt or head.")
@click.option(
    "--since", type=PATH, metavar="FILE", help="For a bundle: a head, receipt or bundle you kept from before."
)
@click.option("--block", metavar="HASH", help="Hash of the anchor's block, from a node of the ledger you trust.")
@click.option("--rpc", multiple=True, metavar="URL", help="A node of the ledger to ask for it; may be repeated.")
@click.option(
    "--confirmations",
    type=click.IntRange(1),
    metavar="N",
    help="With --rpc: so many blocks make one final; by default what the node calls final.",
)
@click.option("--log-id", metavar="HASH", help="The id that the log must have on the ledger.")
@click.option("--contract", metavar="ADDRESS", help="The contract on the ledger that must hold the log.")
@click.option("--witnesses", type=PATH, metavar="POLICY", help="Whose cosignatures the head must carry: a policy file.")
@click.option("--data", type=PATH, metavar="PATH", help="For a passport: the file or folder that it is about.")
@click.option(
    "--require",
    multiple=True,
    metavar="STEP",
    help="Step that must have passed, or finding of a proof about an id (present, absent); may be repeated.",
)
@click.option("--now", is_flag=True, help="Judge promises by this machine's clock, too.")
@click.pass_obj
def check(
    session: Session,
    file: Path,
    issuer: str | None,
    against: Path | None,
    since: Path | None,
    block: str | None,
    rpc: tuple[str, ...],
    confirmations: int | None,
    log_id: str | None,
    contract: str | None,
    witnesses: Path | None,
    data: Path | None,
    require: tuple[str, ...],
    now: bool,
) -> int:
    """Check a receipt, a passport, a proof about rows, evidence, a market's document or a bundle, step by step.

    Works offline and needs no home; only --rpc uses the network. Without --issuer it
    can say that a file is intact, and not whose it is; without --block or --rpc, not
    whether the log's head is on a ledger; without --witnesses, not whether anybody
    else saw that head. With --data, a passport also says whether a file or folder is
    what it is about, and otherwise what changed. Of a delivery that does not match, the
    issuer is the seller's market key. Exit code 0: nothing failed; 4: something
    does not match, or a step named by --require did not pass.
    """
    from counterfoil.store.check_file import (
        check_file,
        named_issuer,
        other_file,
        read_head,
        read_witnesses,
        require_fitting,
    )

    with session.progress("Checking") as progress:
        key = named_issuer(issuer) if issuer is not None else None
        named = _hash(block, "--block")
        answer = _asked(file, rpc, confirmations, key)
        report = other_file(file) or check_file(
            file,
            issuer=key,
            against=against,
            since=read_head(since) if since else None,
            now=clock.strftime("%Y-%m-%dT%H:%M:%SZ", clock.gmtime()) if now else "",
            block=named or (answer.block if answer else None),
            log_id=_hash(log_id, "--log-id"),
            contract=_hash(contract, "--contract", 20),
            witnesses=read_witnesses(witnesses) if witnesses else None,
            progress=progress,
        )
    if answer is not None:
        report = answer.added_to(report)
    if data is not None:
        report = _with_data(session, report, file, data)
    require_fitting(report, against=against is not None, since=since is not None)
    code = report.exit_code(require)
    session.emit({"file": str(file), "exit_code": code} | report.to_json(), _lines(file, report, require))
    return code


def _lines(file: Path, report: Report, require: tuple[str, ...]) -> Iterator[str]:
    yield f"{file.name}: {with_article(report.what)}"
    yield ""
    yield from report_lines(report)
    yield from _fact_lines(report)
    yield ""
    if report.answer:
        yield f"Answer of the log: {report.answer}"
    missed = report.missed(require) if report.is_intact else []
    if missed:
        yield f"Verdict: {report.verdict}; but you required {', '.join(missed)}, which did not pass"
    else:
        yield f"Verdict: {report.verdict}"


def _fact_lines(report: Report) -> Iterator[str]:
    facts = report.facts
    shown = facts.get("fields") or ()
    if shown:
        yield ""
        yield "What it shows" if report.is_intact else "What it says (not proven: a step failed)"
        for field in shown:
            yield f"  {field['title']}: {value_text(field['value'])}  ({field['pointer']})"
    if facts.get("first_time") and report.is_intact:
        yield ""
        yield f"It holds {counted(facts['records'], 'record')}, from {facts['first_time']} to {facts['last_time']}."
    if facts.get("about"):
        yield ""
        yield from _about_lines(report)


def _about_lines(report: Report) -> Iterator[str]:
    """Yields a record's public part: a passport in words, all else as JSON, where it does not hide the verdict."""
    about = report.facts["about"]
    if report.what == "passport":
        from counterfoil.provenance.passports.passport import Passport
        from counterfoil.provenance.passports.shapes import passport_lines

        with suppress(InvalidInput):  # what is no passport in this version is shown as any other record
            lines = list(passport_lines(Passport.read(about)))
            yield lines[0] if report.is_intact else f"{lines[0]} (not proven: a step failed)"
            yield from lines[1:]
            return
    told = json.dumps(about, ensure_ascii=False, sort_keys=True)
    yield "Its public part"
    yield f"  {told}" if len(told) <= _MOST_SHOWN else f"  {len(told):,} characters of JSON; --json shows them"


def value_text(value: Any) -> str:
    """Returns a field's value for people."""
    if value is None:
        return "(left empty)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _with_data(session: Session, report: Report, file: Path, data: Path) -> Report:
    from counterfoil.provenance.passports.data_check import with_data

    with session.progress("Reading", in_bytes=True) as progress:
        return with_data(report, file, data, progress)


def _hash(text: str | None, option: str, size_bytes: int = 32) -> bytes | None:
    from counterfoil.store.check_file import read_hash

    try:
        return read_hash(text, size_bytes) if text is not None else None
    except InvalidInput as error:
        raise InvalidInput(f"{option}: {error.message}", hint=error.hint) from error


def _asked(
    file: Path, urls: tuple[str, ...], confirmations: int | None, issuer: VerifierKey | None
) -> LedgerAnswer | None:
    """Asks the ledger's nodes about the file's anchor; None where nobody is to be asked, or about nothing."""
    from counterfoil.store.check_file import read_anchor

    if confirmations is not None and not urls:
        raise InvalidInput("--confirmations is about a node's blocks", hint="name the node with --rpc")
    anchor = read_anchor(file) if urls else None
    if anchor is None:
        return None
    from counterfoil.ledger.packages import require_packages

    require_packages()
    from counterfoil.ledger.anchors.live_check import ask_nodes

    return ask_nodes(urls, anchor, issuer, confirmations=confirmations)
