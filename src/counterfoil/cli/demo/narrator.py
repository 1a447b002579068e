"""The demonstration's voice: chapters, sentences, and claims that must hold."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Sequence

import click

from counterfoil.cli.session import one_line, table
from counterfoil.core.steps import Report, Status

__all__ = ["Narrator"]

WIDTH = 78
_WORDS = {Status.PASSED: "passed", Status.FAILED: "FAILED", Status.NOT_CHECKED: "not checked"}


class Narrator:
    """Tells the story in lines of at most 80 columns, and counts what it claims.

    Attributes:
        claims: What was claimed, and whether it held.
    """

    def __init__(self, *, is_silent: bool = False) -> None:
        self.claims: list[tuple[str, bool]] = []
        self._is_silent = is_silent
        self._chapter = 0

    @property
    def all_held(self) -> bool:
        """Whether every claim held."""
        return all(held for _, held in self.claims)

    def title(self, text: str) -> None:
        """Begins the story."""
        self._print([text, "=" * len(text)])

    def chapter(self, text: str) -> None:
        """Begins a numbered chapter."""
        self._chapter += 1
        heading = f"{self._chapter}. {text}"
        self._print(["", heading, "-" * len(heading)])

    def say(self, *sentences: str) -> None:
        """Tells sentences in one paragraph."""
        self._print(textwrap.wrap(one_line(" ".join(sentences)), WIDTH))

    def quote(self, lines: Iterable[str]) -> None:
        """Shows lines as they are, indented: code, a page, a table."""
        self._print([f"    {line}".rstrip() for line in lines])

    def gap(self) -> None:
        """Leaves a line empty."""
        self._print([""])

    def table(self, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Shows a table."""
        self.quote(table(header, rows))

    def picture(self, text: str) -> None:
        """Shows block characters where they can be shown."""
        try:
            text.encode(sys.stdout.encoding or "ascii")
        except UnicodeEncodeError:
            self.say("(This terminal cannot show the picture; it is in the file.)")
            return
        self.quote(text.splitlines())

    def steps(self, report: Report) -> None:
        """Shows the steps of a check: how each ended, its question, what was found."""
        for step in report.steps:
            self._print([f"    {_WORDS[step.status]:<13}{step.title}"])
            self._found(step.detail)
        verdict = one_line(f"=> {report.verdict}")
        self._print(textwrap.wrap(verdict, WIDTH, initial_indent="    ", subsequent_indent="       "))

    def failure(self, report: Report) -> None:
        """Shows only the step that failed, or the log's answer."""
        for number, step in enumerate(report.steps, 1):
            if step.status is Status.FAILED:
                self._print([f"    FAILED at step {number}: {step.title}"])
                self._found(step.detail)

    def claim(self, what: str, held: bool) -> None:
        """Says that something held, or that it did not."""
        self.claims.append((what, held))
        first = "ok  " if held else "NOT AS TOLD: "
        self._print(textwrap.wrap(one_line(what), WIDTH, initial_indent=first, subsequent_indent="    "))

    def _found(self, detail: str) -> None:
        indent = " " * 17
        self._print(textwrap.wrap(one_line(detail), WIDTH, initial_indent=indent, subsequent_indent=indent))

    def _print(self, lines: Iterable[str]) -> None:
        if not self._is_silent:
            for line in lines:
                click.echo(line)
