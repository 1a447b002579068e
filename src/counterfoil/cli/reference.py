"""The reference pages of commands, errors, settings and the HTTP API, made from what they describe.

python -m counterfoil.cli.reference docs/reference
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from inspect import cleandoc
from pathlib import Path
from typing import Final

import click

from counterfoil.cli.main import INTERRUPTED, USAGE, cli
from counterfoil.errors import ERROR_TABLE, CounterfoilError, ErrorRow, row_for
from counterfoil.store.home_settings import CONFIG_FILE, HomeSettings

__all__ = ["api_page", "commands", "commands_page", "errors_page", "pages", "settings_page", "write_pages"]

EXIT_CODES: Final = {
    0: "Done. For `check` and `replay`: nothing failed.",
    1: "Failed for a reason that none of the others names; for `doctor`: something needs doing.",
    2: "Used wrongly, or given something that cannot be used. Nothing was changed.",
    3: "Not found.",
    4: "Checked, and it does not match.",
    5: "Not set up, busy, damaged, or not reachable.",
    6: "Not allowed, locked, or out of date.",
    130: "Interrupted.",
}


def commands(root: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yields every command that does something, with the words that call it."""
    context = click.Context(root, info_name="counterfoil")
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def commands_page() -> str:
    """Returns docs/reference/cli.md."""
    parts = [
        "# Commands",
        _MADE,
        "Every command takes `--json` and then prints one JSON object on standard output and nothing else, errors "
        'included: `{"error": {"code": …, "hint": …, "message": …}}`. Without it, an error is two lines on '
        "standard error: `error:` says what was found, `hint:` what to try next. `COUNTERFOIL_DEBUG=1` shows the "
        "place in the code as well. [Errors](errors.md) lists the codes.",
        "A home is named by `--home`, else by `COUNTERFOIL_HOME`, else it is the current folder. Its keys open with "
        "`--key-file` or `--passphrase-file`, else with what `COUNTERFOIL_KEY_FILE`, `COUNTERFOIL_PASSPHRASE_FILE` "
        "or `COUNTERFOIL_PASSPHRASE` name, else with the key file that the home's settings name; else the passphrase "
        "is asked for.",
        "| Exit code | Meaning |\n|---|---|\n" + "\n".join(f"| {code} | {text} |" for code, text in EXIT_CODES.items()),
        *(_command_text(path, command) for path, command in commands()),
    ]
    return "\n\n".join(parts) + "\n"


def errors_page() -> str:
    """Returns docs/reference/errors.md."""
    kinds = "\n".join(_error_row(row, _first_line(kind)) for kind, row in ERROR_TABLE.items())
    others = [
        (row_for(CounterfoilError("")), "Something that was not foreseen, or that the system refused."),
        (USAGE, "A command or option that does not exist, or that is missing."),
        (INTERRUPTED, "Somebody stopped the command."),
    ]
    parts = [
        "# Errors",
        _MADE,
        "Every error has a code that stays the same, says what was found and what was expected, and mostly a hint: "
        "the next thing to try. A check that fails is not an error but a result: `counterfoil check` prints its "
        "steps and ends with exit code 4.",
        "| Code | Exit code | HTTP | Title | When |\n|---|---|---|---|---|\n"
        + "\n".join([kinds, *(_error_row(row, text) for row, text in others)]),
        "In Python, each of the first rows is a class in `counterfoil.errors`; its `message` and `hint` are what the "
        "command line prints.",
    ]
    return "\n\n".join(parts) + "\n"


def api_page() -> str:
    """Returns docs/reference/api.md."""
    from counterfoil.cli.api_reference import operations_text
    from counterfoil.node.app import description
    from counterfoil.web.room import API

    parts = [
        "# HTTP API",
        _MADE,
        f"What a node serves; `GET {API}/openapi.json` describes it for programs. A key goes into the "
        "header `Authorization: Bearer …`, and has one or more roles; an admin may do everything. What is for anybody "
        "needs no key.",
        "**Errors** are `application/problem+json` (RFC 9457): `code` is one of [these](errors.md), `detail` says what "
        "was found and expected, `hint` what to try next. Nothing that was refused has changed anything. `retry-after` "
        "says when to ask again.",
        "**Once and not twice.** Every POST takes an `Idempotency-Key`, up to 200 visible ASCII characters of your "
        "own. The same request sent again under it is not done again: it is answered as before, with "
        "`Idempotency-Replayed: true`. The key with another request is refused. For records it holds for ever; for "
        "erasures, keys, the ledger and long work, 30 days. Where such a request broke off half-way, its repeat is "
        "refused as `stale`: look how things stand, then ask under a new key.",
        "**Who looked** is a record: reading private values, searching, taking a receipt or a bundle, before anything "
        "is shown.",
        "**Pages.** A list of decisions holds `limit` items and `next`; give it as `before` for the page after.",
        *operations_text(description()),
    ]
    return "\n\n".join(parts) + "\n"


def settings_page() -> str:
    """Returns docs/reference/settings.md."""
    said = cleandoc(HomeSettings.__doc__ or "").partition("Attributes:")[2]
    texts = dict(part.partition(": ")[::2] for part in re.split(r"\n    (?=[a-z_]+: )", said)[1:])
    rows = [f"| `{each.name}` | {_default(each)} | {_cell(texts[each.name])} |" for each in fields(HomeSettings)]
    parts = [
        "# The settings of a home",
        _MADE,
        f"`{CONFIG_FILE}` in the home's folder, in TOML: texts stand in quotes, lists in `[` and `]`. "
        "`counterfoil init` writes the first lines; what is left out is as below. An unknown name is refused. "
        "A home that is open reads them when it is opened next. What a node does is in its own file, `node.toml`: "
        "[the node](node.md); the ledger's settings are written by `counterfoil ledger connect`.",
        "| Setting | Without it | What it is |\n|---|---|---|\n" + "\n".join(rows),
    ]
    return "\n\n".join(parts) + "\n"


def pages() -> dict[str, str]:
    """Returns the text of every page by the name of its file."""
    return {
        "cli.md": commands_page(),
        "errors.md": errors_page(),
        "api.md": api_page(),
        "settings.md": settings_page(),
    }


def write_pages(folder: Path) -> None:
    """Writes all pages into a folder."""
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


_MADE: Final = "<!-- Made by python -m counterfoil.cli.reference docs/reference; a test compares. -->"


def _command_text(path: tuple[str, ...], command: click.Command) -> str:
    name = " ".join(path)
    context = click.Context(command, info_name=f"counterfoil {name}")
    usage = " ".join(command.collect_usage_pieces(context))
    rows = [record for param in command.params if (record := param.get_help_record(context)) is not None]
    table = "\n".join(f"| `{_cell(option)}` | {_cell(text)} |" for option, text in rows)
    text = cleandoc(command.help or "")
    return f"## {name}\n\n```text\ncounterfoil {name} {usage}\n```\n\n{text}\n\n| Option | |\n|---|---|\n{table}"


def _default(setting: Field[object]) -> str:
    if setting.default is MISSING:
        return "has to be there"
    return f"`{json.dumps(setting.default)}`"


def _error_row(row: ErrorRow, text: str) -> str:
    return f"| `{row.code}` | {row.exit_code} | {row.http_status} | {row.title} | {_cell(text)} |"


def _first_line(kind: type) -> str:
    return cleandoc(kind.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference"))
