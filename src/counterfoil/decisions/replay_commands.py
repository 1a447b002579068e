"""`counterfoil replay`."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.core.steps import Report
from counterfoil.errors import InvalidInput, NotAllowed, NotFound

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.organisation import Organisation

__all__ = ["replay"]

EXIT_MISMATCH: Final = 4
EXIT_NOT_FOUND: Final = 3
TOLD: Final = ("different", "not replayed")
SHOWN_LINES: Final = 20
REPORTED_EVERY: Final = 100
"""Decisions between two remarks on how far a long replay is, where no bar is drawn."""


@click.command()
@click.argument("indices", type=int, nargs=-1, metavar="[INDEX]...", help="Places of decisions in the log.")
@click.option("--all", "every", is_flag=True, help="Every decision on record.")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="N decisions drawn by chance.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the draw.")
@click.pass_obj
def replay(session: Session, indices: tuple[int, ...], every: bool, sample: int | None, seed: int) -> int:
    """Run the registered model again on recorded decisions and compare.

    Each result is printed as it comes; of more than 20, only those that need a look.
    Exit code 0: all answered as recorded; 4: one did not; 3: nothing could be replayed.
    """
    if bool(indices) + every + (sample is not None) != 1:
        raise click.UsageError("give places in the log, or --all, or --sample")
    counts: Counter[str] = Counter()
    listed: list[dict[str, Any]] = []
    with session.open() as org:
        chosen = list(indices) if indices else _drawn(org, sample, seed)
        try:
            with session.progress("Replaying") as progress:
                for done, (index, result) in enumerate(_replayed(org, chosen), 1):
                    word, why = _in_words(result)
                    counts[word] += 1
                    if session.as_json:
                        report = None if isinstance(result, str) else result.to_json()
                        listed.append({"index": index, "result": word, "report": report})
                    elif len(chosen) <= SHOWN_LINES or word in TOLD:
                        session.say(f"{index}  {word}: {why}")
                    if progress is not None:
                        progress(done, len(chosen))
                    elif not session.as_json and done % REPORTED_EVERY == 0 and done < len(chosen):
                        session.remark(f"replayed {done:,} of {len(chosen):,}")
        except KeyboardInterrupt as error:
            told = f"interrupted: {counts.total():,} of {len(chosen):,} were replayed, {_counted(counts)}"
            raise KeyboardInterrupt(told, "") from error
    session.emit({"counts": dict(sorted(counts.items())), "replays": listed}, [_counted(counts)])
    if counts["different"]:
        return EXIT_MISMATCH
    return EXIT_NOT_FOUND if counts["not replayed"] == len(chosen) else 0


def _replayed(org: Organisation, indices: Sequence[int]) -> Iterator[tuple[int, Report | str]]:
    """Yields each report, or why there is none. A wrong place in the log is still an error when it is the only one."""
    if len(indices) == 1:
        yield indices[0], org.decisions.replay(indices[0])
        return
    for index in indices:
        try:
            yield index, org.decisions.replay(index)
        except (NotFound, NotAllowed, InvalidInput) as error:
            yield index, error.message


def _drawn(org: Organisation, sample: int | None, seed: int) -> list[int]:
    known = sorted(int(row["idx"]) for row in org.decisions.search(limit=max(1, org.archive.size)))
    if not known:
        raise NotFound("there are no decisions yet")
    if sample is None or sample >= len(known):
        return known
    return sorted(random.Random(seed).sample(known, sample))  # noqa: S311 - a draw to repeat, not a secret


def _in_words(result: Report | str) -> tuple[str, str]:
    """Returns the result in a word or two, and what is behind it."""
    if isinstance(result, str):
        return "not replayed", result
    word = "as recorded" if result.is_intact else "different"
    if result.is_intact and all(str(step.status) != "passed" for step in result.steps[1:]):
        word = "not comparable"
    return word, "; ".join(step.detail for step in result.steps if step.id != "artefact")


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {word}" for word, count in sorted(counts.items())) or "none"
