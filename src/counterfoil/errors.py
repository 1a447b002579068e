"""Everything that can go wrong, by who must act.

    CounterfoilError
    ├── CallerError            the caller asked for something that cannot be done
    │   ├── InvalidInput         a value, a file or an argument is not usable
    │   ├── NotFound             the named thing is not here
    │   ├── NotAllowed           the rules forbid it
    │   └── Stale                what the caller saw is no longer the newest state
    ├── OtherPartyError        what somebody else handed over is at fault
    │   ├── MalformedEvidence    a receipt, bundle or head cannot be read
    │   └── DoesNotMatch         it can be read, and a check failed
    └── NodeError              this organisation's own home must be mended
        ├── NotSetUp             no home here, or something it needs is missing
        ├── Locked               the keys stay closed: wrong or no passphrase
        ├── HomeBusy             another process is writing
        ├── HomeDamaged          the files contradict each other
        └── LogUnavailable       a record could not be made durable

Each error has a stable code, says what was found and what was expected, and may
carry a hint: the next thing to try. A failed check is a result, not an error;
these are raised only where the work cannot go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = [
    "ERROR_TABLE",
    "INSTALL_ML",
    "CallerError",
    "CounterfoilError",
    "DoesNotMatch",
    "ErrorRow",
    "HomeBusy",
    "HomeDamaged",
    "InvalidInput",
    "Locked",
    "LogUnavailable",
    "MalformedEvidence",
    "NodeError",
    "NotAllowed",
    "NotFound",
    "NotSetUp",
    "OtherPartyError",
    "Stale",
    "row_for",
]

INSTALL_ML: Final = "install the extra `ml`, e.g. pip install '.[ml]' in the repository's folder"
"""What to do where a package that models need is missing."""


class CounterfoilError(Exception):
    """Base of every error this package raises on purpose.

    Args:
        message: What was found and what was expected, in plain words.
        hint: The next thing to try, or an empty string.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # shown below a traceback


class CallerError(CounterfoilError):
    """The caller asked for something that cannot be done."""


class InvalidInput(CallerError):
    """A value, a file or an argument is not usable. Nothing was changed."""


class NotFound(CallerError):
    """The named thing is not here."""


class NotAllowed(CallerError):
    """The rules (a policy, a retention lock, a trust list) forbid it."""


class Stale(CallerError):
    """The caller acted on a state that has since changed. Look again, then repeat."""


class OtherPartyError(CounterfoilError):
    """What somebody else handed over is at fault."""


class MalformedEvidence(OtherPartyError):
    """A receipt, bundle, head or key cannot be read as what it claims to be."""


class DoesNotMatch(OtherPartyError):
    """Evidence was readable and a check on it failed (raised by `require_*` only)."""


class NodeError(CounterfoilError):
    """This organisation's own home must be mended before work can go on."""


class NotSetUp(NodeError):
    """There is no home here, or an optional part that is needed is not installed."""


class Locked(NodeError):
    """The keys stay closed: no passphrase or key file, or the wrong one."""


class HomeBusy(NodeError):
    """Another process holds the writer's lock of this home."""


class HomeDamaged(NodeError):
    """The files of the home contradict each other. Nothing was changed."""


class LogUnavailable(NodeError):
    """A record could not be made durable (disk full, read-only, I/O error)."""


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """How one error is shown: stable code, process exit code, HTTP status, title."""

    code: str
    exit_code: int
    http_status: int
    title: str


ERROR_TABLE: dict[type[CounterfoilError], ErrorRow] = {
    InvalidInput: ErrorRow("invalid_input", 2, 422, "That cannot be used"),
    NotFound: ErrorRow("not_found", 3, 404, "Not found"),
    NotAllowed: ErrorRow("not_allowed", 6, 403, "Not allowed"),
    Stale: ErrorRow("stale", 6, 409, "Something changed in the meantime"),
    MalformedEvidence: ErrorRow("malformed_evidence", 4, 422, "This file cannot be read"),
    DoesNotMatch: ErrorRow("does_not_match", 4, 409, "This does not match"),
    NotSetUp: ErrorRow("not_set_up", 5, 503, "Not set up"),
    Locked: ErrorRow("locked", 6, 503, "The keys are locked"),
    HomeBusy: ErrorRow("home_busy", 5, 503, "Somebody else is writing"),
    HomeDamaged: ErrorRow("home_damaged", 5, 500, "This home is damaged"),
    LogUnavailable: ErrorRow("log_unavailable", 5, 503, "The record could not be saved"),
}
"""The one table from errors to exit code, HTTP status and words."""

_FALLBACK = ErrorRow("failed", 1, 500, "Failed")


def row_for(error: BaseException) -> ErrorRow:
    """Returns how `error` is shown: the row of its nearest class in the table."""
    for kind in type(error).__mro__:
        if kind in ERROR_TABLE:
            return ERROR_TABLE[kind]
    return _FALLBACK
