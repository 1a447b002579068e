"""The entry point: finds the command, runs it, and turns what goes wrong into words and a number.

0 done                        4 checked, and does not match
1 failed                      5 unreachable or not set up
2 used wrongly                6 not allowed
3 not found                   130 interrupted
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import click

from counterfoil.cli.commands import COMMANDS, WITHOUT_HOME
from counterfoil.cli.session import ENV_HOME, Session, is_debugging, one_line
from counterfoil.errors import CounterfoilError, ErrorRow, row_for

__all__ = ["EXIT_INTERRUPTED", "INTERRUPTED", "USAGE", "cli", "main", "run"]

EXIT_INTERRUPTED: Final = 130
USAGE: Final = ErrorRow("usage", 2, 400, "That is not how the command is used")
INTERRUPTED: Final = ErrorRow("interrupted", EXIT_INTERRUPTED, 499, "Interrupted")

PATH: Final = click.Path(path_type=Path)


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Puts a shared option where every command finds it."""
    if value and param.name is not None:
        setattr(ctx.ensure_object(Session), param.name, value)


def _json_option() -> click.Option:
    return click.Option(
        ["--json", "as_json"], is_flag=True, expose_value=False, callback=_keep, help="Print one JSON object."
    )


def _home_option(envvar: str | None = None) -> click.Option:
    return click.Option(
        ["--home"],
        type=PATH,
        envvar=envvar,
        show_envvar=True,
        expose_value=False,
        callback=_keep,
        help="The organisation's folder; the current one by default.",
    )


def _unlock_options() -> list[click.Option]:
    return [
        click.Option(
            ["--key-file"], type=PATH, expose_value=False, callback=_keep, help="Key file that opens the keys."
        ),
        click.Option(
            ["--passphrase-file"],
            type=PATH,
            expose_value=False,
            callback=_keep,
            help="File with the passphrase that opens the keys.",
        ),
    ]


class LazyGroup(click.Group):
    """The root: lists every command from the table and imports only the one that is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        _share_options(command, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.summary) for name, place in COMMANDS.items()])


def _share_options(command: click.Command, path: str) -> None:
    """Gives a command, or each command of a group, the options that all have, and a summary that is not cut off."""
    command.short_help = " ".join((command.help or "").partition("\n\n")[0].split()) or None
    if isinstance(command, click.Group):
        for name, sub in command.commands.items():
            _share_options(sub, f"{path} {name}")
        return
    if any(param.name == "as_json" for param in command.params):
        return
    if path not in WITHOUT_HOME:
        command.params += [_home_option(), *_unlock_options()]
    command.params.append(_json_option())


@click.group(
    cls=LazyGroup,
    params=[_home_option(ENV_HOME), _json_option()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="counterfoil", message="counterfoil %(version)s")
def cli() -> None:
    """Counterfoil gives AI decisions the two halves of a receipt.

    A decision leaves a record that its organisation cannot change, and the person
    decided on gets a receipt that anyone can check.
    """


def run(args: Sequence[str]) -> int:
    """Runs one command and returns its exit code. Prints, and never raises."""
    session = Session()
    wants_json = "--json" in args
    _listen(session, wants_json)

    def tell(row: ErrorRow, message: str, hint: str) -> int:
        _tell(row, message, hint, as_json=session.as_json or wants_json)
        return row.exit_code

    return _guarded(lambda: cli.main(list(args), "counterfoil", standalone_mode=False, obj=session), tell)


class _Notes(logging.Handler):
    """What the library remarks, in the voice of the terminal: `note: …` on stderr, nothing with --json."""

    def __init__(self, session: Session, is_silent: bool) -> None:
        super().__init__(logging.WARNING)
        self._session = session
        self._is_silent = is_silent

    def emit(self, record: logging.LogRecord) -> None:
        if not self._is_silent and not self._session.as_json:
            click.echo(f"note: {one_line(record.getMessage())}", err=True)


def _listen(session: Session, wants_json: bool) -> None:
    logger = logging.getLogger("counterfoil")
    logger.handlers = [_Notes(session, wants_json)]
    logger.propagate = False


def _guarded(work: Callable[[], Any], tell: Callable[[ErrorRow, str, str], int]) -> int:
    """Runs `work` and turns whatever it raises into an exit code."""
    try:
        result = work()
    except CounterfoilError as error:
        if is_debugging():
            raise
        return tell(row_for(error), error.message, error.hint)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        hint = f"see `{error.ctx.command_path} --help`" if isinstance(error, click.UsageError) and error.ctx else ""
        return tell(USAGE, _plain(error.format_message()), hint)
    except (click.Abort, KeyboardInterrupt) as error:
        return tell(INTERRUPTED, *_interruption(error))
    except BrokenPipeError:
        _silence_stdout()
        return 1
    except OSError as error:
        if is_debugging():
            raise
        where = f"{error.filename}: " if error.filename else ""
        return tell(row_for(error), f"{where}{error.strerror or error}", "")
    except Exception as error:
        if is_debugging():
            raise
        message = f"something went wrong that was not foreseen: {type(error).__name__}: {error}"
        return tell(row_for(error), message, "run it again with COUNTERFOIL_DEBUG=1 and report what it prints")
    return result if isinstance(result, int) else 0


def _interruption(error: BaseException) -> tuple[str, str]:
    """Returns what a command said of where it was interrupted, message and hint; click wraps it."""
    said = error if isinstance(error, KeyboardInterrupt) else error.__cause__
    if isinstance(said, KeyboardInterrupt) and len(said.args) == 2:
        return str(said.args[0]), str(said.args[1])
    return "interrupted", ""


def main() -> None:
    """Runs the command line of this process."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def _tell(row: ErrorRow, message: str, hint: str, *, as_json: bool) -> None:
    """Prints an error: two lines for people on stderr, or one JSON object on stdout."""
    if as_json:
        click.echo(json.dumps({"error": {"code": row.code, "hint": hint, "message": message}}, indent=2))
        return
    click.echo(f"error: {one_line(message)}", err=True)
    if hint:
        click.echo(f"hint: {one_line(hint)}", err=True)


def _plain(text: str) -> str:
    """Click's sentence in our voice: no capital, no full stop, one line."""
    text = " ".join(text.split()).removesuffix(".")
    return text[:1].lower() + text[1:]


def _silence_stdout() -> None:
    """Whoever read our output has left; nothing more can be said there."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
