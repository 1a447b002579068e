"""What every command is given: the options that all share, and the way to speak."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.errors import InvalidInput, NotSetUp

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation
    from counterfoil.store.home import Home
    from counterfoil.store.unlock import Unlock

__all__ = ["ENV_HOME", "Session", "is_debugging", "one_line", "table"]

ENV_HOME: Final = "COUNTERFOIL_HOME"

_HOME_MARK: Final = "counterfoil.toml"

Progress = Callable[[int, int], None]


@dataclass
class Session:
    """One run of the command line.

    Commands speak through `emit`, once, so that `--json` is one object and nothing
    that came out of a file can move the cursor or forge a line.

    Attributes:
        home: The folder named by --home or COUNTERFOIL_HOME.
        as_json: Whether one JSON object is wanted.
        key_file: Opens the keys, when named.
        passphrase_file: Opens the keys, when named.
    """

    home: Path | None = None
    as_json: bool = False
    key_file: Path | None = None
    passphrase_file: Path | None = None

    def folder(self) -> Path:
        """Returns the home's folder: the one named, else the current one when it is a home.

        Raises:
            NotSetUp: When neither is there.
        """
        if self.home is not None:
            return self.home
        if Path(_HOME_MARK).is_file():
            return Path()
        raise NotSetUp(
            "no home was named, and this folder is none",
            hint=f"name it with --home or {ENV_HOME}; `counterfoil init` makes one",
        )

    def open(self) -> Organisation:
        """Opens the home, asking for a passphrase only where somebody can answer."""
        from counterfoil.organisation import Organisation
        from counterfoil.store.home import Home

        home = Home.open(self.folder())
        organisation = Organisation.open(home.paths.folder, self.unlock(home))
        if not self.as_json and sys.stdin.isatty():
            organisation.ledger.ask_passphrase = lambda: _ask_passphrase("Passphrase of the account's key file")
        return organisation

    def unlock(self, home: Home) -> Unlock:
        """Returns what opens the keys: the options, the environment, the settings, a question."""
        from counterfoil.store.unlock import Unlock

        if self.key_file is not None and self.passphrase_file is not None:
            raise InvalidInput("a key file and a passphrase file were given", hint="give the one that fits")
        if self.key_file is not None:
            return Unlock.from_key_file(self.key_file)
        if self.passphrase_file is not None:
            return Unlock.from_passphrase_file(self.passphrase_file)
        prompt = None if self.as_json or not sys.stdin.isatty() else _ask_passphrase
        return Unlock.from_environment(home.key_file, prompt=prompt)

    def new_passphrase(self) -> Unlock:
        """Asks twice for a new passphrase.

        Raises:
            NotSetUp: When nobody is there to answer.
        """
        from counterfoil.store.unlock import Unlock

        if self.as_json or not sys.stdin.isatty():
            raise NotSetUp("nobody is here to type a passphrase", hint="give a key file or a passphrase file")
        return Unlock.from_passphrase(
            click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)
        )

    def emit(self, data: Mapping[str, Any], lines: Iterable[str]) -> None:
        """Prints the result: `data` as one JSON object, or `lines` for people."""
        if self.as_json:
            click.echo(json.dumps(data, indent=2, default=str))
        else:
            click.echo("\n".join(one_line(line) for line in lines))

    def say(self, line: str) -> None:
        """Prints one line for people at once, where the whole takes long; nothing with --json."""
        if not self.as_json:
            click.echo(one_line(line))
            sys.stdout.flush()

    def remark(self, line: str) -> None:
        """Says on stderr how far the work is, where no bar is drawn."""
        if not self.as_json:
            click.echo(one_line(line), err=True)

    def confirm(self, told: Iterable[str], question: str, *, hint: str) -> None:
        """Tells what would happen and asks for a typed yes.

        Raises:
            InvalidInput: When nobody is there to answer, or the answer is another.
        """
        if self.as_json or not sys.stdin.isatty():
            raise InvalidInput("this needs a yes, and nobody is here to give it", hint=hint)
        for line in told:
            click.echo(one_line(line), err=True)
        try:
            answer = click.prompt(f"{question} Type yes", err=True, default="no", show_default=False)
        except click.Abort:
            click.echo(err=True)  # no answer ended the line of the question
            raise
        if answer.strip().lower() != "yes":
            raise InvalidInput("nothing was changed: the answer was not yes", hint=f"type the word yes; or {hint}")

    @contextmanager
    def progress(self, title: str, *, in_bytes: bool = False) -> Iterator[Progress | None]:
        """Shows a bar on stderr while the block runs, where a person is looking.

        Args:
            title: What is being done.
            in_bytes: Whether bytes are counted, so that the bar tells how many a second there are.
        """
        if self.as_json or not sys.stderr.isatty():
            yield None
            return
        bar = _Bar(title, in_bytes=in_bytes)
        try:
            yield bar
        finally:
            bar.close()

    @staticmethod
    def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
        """Returns the lines of a table with aligned columns."""
        return table(header, rows)


class _Bar:
    """A progress bar that appears with the first report, so that short work draws none."""

    def __init__(self, title: str, *, in_bytes: bool) -> None:
        self._title = title
        self._in_bytes = in_bytes
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            from rich import progress as rich
            from rich.console import Console

            counts = (rich.DownloadColumn(), rich.TransferSpeedColumn())
            told = counts if self._in_bytes else (rich.MofNCompleteColumn(),)
            columns = (rich.TextColumn("{task.description}"), rich.BarColumn(), *told, rich.TimeRemainingColumn())
            # Lines said meanwhile pass above the bar on a terminal; in a pipe they are none of its business.
            above = sys.stdout.isatty()
            self._bar = rich.Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=above)
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=total)
        self._bar.update(self._task, completed=done, total=total)

    def close(self) -> None:
        """Removes the bar."""
        if self._bar is not None:
            self._bar.stop()


def one_line(text: str) -> str:
    """Returns text that stays on one line and moves nothing on a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape", "replace").decode() for char in text)


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Returns the lines of a table with aligned columns; None reads as an empty place."""
    cells = [list(header), *(["" if cell is None else one_line(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(header))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _ask_passphrase(what: str = "Passphrase") -> str:
    return str(click.prompt(what, hide_input=True, err=True))


def is_debugging() -> bool:
    """Whether COUNTERFOIL_DEBUG asks for the place in the code where an error arose."""
    return os.environ.get("COUNTERFOIL_DEBUG", "") not in ("", "0")
