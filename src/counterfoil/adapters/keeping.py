"""What an adapter asks of an organisation: an opened home has it, and so has a client of a node."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from counterfoil.calls import Call, RecordedCall
from counterfoil.errors import CounterfoilError, NotSetUp
from counterfoil.provenance.lineage.register import Register
from counterfoil.store.recorder import OnFailure

__all__ = [
    "CallBook",
    "DecisionBook",
    "KeepsCalls",
    "KeepsDecisions",
    "KeepsRuns",
    "missing_extra",
    "reason_of",
    "say_error",
]


_LOG: Final = logging.getLogger("counterfoil")


class CallBook(Protocol):
    """Where calls are recorded. Safe to call from many threads."""

    def record(
        self,
        call: Call,
        *,
        subject: str | None = None,
        builds_on: Sequence[str] = (),
        stream: str = "calls",
        on_log_failure: OnFailure = "deny",
    ) -> RecordedCall:
        """Records a call and returns when it is durable; see `Calls.record`."""


class KeepsCalls(Protocol):
    """An organisation that records calls."""

    @property
    def calls(self) -> CallBook:
        """Where they are recorded."""


class DecisionBook(Protocol):
    """Where models are put to work."""

    def wrap(
        self,
        model: Any,
        policy: Any,
        *,
        name: str = "",
        version: str = "",
        training: Any = None,
        background: Any = None,
        on_log_failure: OnFailure = "deny",
    ) -> Any:
        """Puts a model to work under a policy; see `Decisions.wrap`."""


class DatasetBook(Protocol):
    """Where datasets are registered."""

    def register_dataset(self, path: Any) -> Any:
        """Records a file's digest, rows and columns; see `Provenance.register_dataset`."""


class KeepsDecisions(Protocol):
    """An organisation that records decisions."""

    @property
    def decisions(self) -> DecisionBook:
        """Where models are put to work."""

    @property
    def provenance(self) -> DatasetBook:
        """Where datasets are registered."""


class KeepsRuns(Protocol):
    """An organisation that records runs, and what went in and came out."""

    @property
    def provenance(self) -> Register:
        """Where they are recorded."""


if TYPE_CHECKING:
    from counterfoil.client.remote import Remote
    from counterfoil.organisation import Organisation

    def _fits(home: Organisation) -> tuple[KeepsCalls, KeepsDecisions, KeepsRuns]:
        """Has mypy show that an opened home is all of them."""
        return home, home, home

    def _fits_too(node: Remote) -> KeepsRuns:
        """Has mypy show that a client of a node records runs."""
        return node


def missing_extra(what: str, extra: str) -> NotSetUp:
    """Returns the error for a package that is not installed."""
    return NotSetUp(
        f"this adapter needs {what}, which is not installed",
        hint=f"install the extra `{extra}`, e.g. pip install '.[{extra}]' in the repository's folder",
    )


def say_error(message: str, *parts: str) -> None:
    """Logs an error; a log that fails, too, must not raise into the code around the adapter."""
    with suppress(Exception):
        _LOG.error(message, *parts)


def reason_of(error: Exception) -> str:
    """Returns what may be logged of an error: messages of other people's errors may quote what was asked."""
    return error.message if isinstance(error, CounterfoilError) else type(error).__name__
