"""What `counterfoil decide` says when it is interrupted: how far it came, and the command that goes on."""

from __future__ import annotations

import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from counterfoil.decisions.batch.resume import on_record

if TYPE_CHECKING:
    from counterfoil.decisions import Deployment
    from counterfoil.organisation import Organisation

__all__ = ["command_to_resume", "told_where"]


@contextmanager
def told_where(org: Organisation, deployment: Deployment, total: int, command: str) -> Iterator[None]:
    """Lets an interruption (Ctrl-C, or a polite kill) say how many rows are on record and how to go on."""

    def interrupt(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    since = org.archive.size
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, interrupt) if is_main else None
    try:
        yield
    except KeyboardInterrupt as error:
        done = sum(map(len, on_record(org, deployment, since).values()))
        told = f"interrupted: {done:,} of {total:,} rows are on record"
        raise KeyboardInterrupt(told, f"go on with: {command}") from error
    finally:
        if is_main:
            signal.signal(signal.SIGTERM, before)


def command_to_resume() -> str:
    """Returns the command line that goes on with this one."""
    context = click.get_current_context()
    words = ["counterfoil", "decide", str(context.params["file"])]
    session = context.obj
    given = {"home": session.home, "key_file": session.key_file, "passphrase_file": session.passphrase_file}
    for name, value in (context.params | given).items():
        if name in ("file", "out", "resume") or value in (None, False, ()):
            continue
        option = "--policy" if name == "policy_file" else f"--{name.replace('_', '-')}"
        for each in value if isinstance(value, tuple) else (value,):
            words += [option, str(each)]
    out = context.params["out"]
    return f"{shlex.join(words)} --resume --out {shlex.quote(str(out)) if out else 'FILE'}"
