"""Everything that can go wrong, by who must act.

    CounterfoilError
    ├── CallerError            the caller asked for something that cannot be done
    │   ├── InvalidInput         a value, a file or an argument is not usable
    │   ├── NotFound             the named thing is not here
    │   ├── NotAllowed           the rules forbid it
    │   │   └── Recalled           it rests on data or a model that was recalled
    │   ├── NotSignedIn          nobody knows who is asking
    │   ├── TooLarge             more was sent than is taken at once
    │   ├── TooManyRequests      the caller asks more often than is allowed
    │   └── Stale                what the caller saw is no longer the newest state
    ├── OtherPartyError        what somebody else handed over is at fault
    │   ├── MalformedEvidence    a receipt, bundle or head cannot be read
    │   ├── DoesNotMatch         it can be read, and a check failed
    │   ├── QuorumMissed         too few witnesses signed the log's head
    │   └── NodeUnreachable      somebody's node does not answer, or answers what cannot be
    ├── LedgerError            the shared ledger, or the way to it, is at fault
    │   ├── LedgerUnreachable    no node of the ledger answers in time
    │   ├── LedgerContradicts    nodes disagree, or one answers what cannot be
    │   ├── WrongChain           the node serves another chain than the one expected
    │   ├── Reverted             a contract refused the call
    │   ├── OutOfFunds           the account cannot pay the fee
    │   ├── OverLimit            it would cost more than the settings allow
    │   └── LedgerBusy           another process holds this embedded ledger or outbox
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
    "INSTALL_CLIENT",
    "INSTALL_COMPUTE",
    "INSTALL_FINGERPRINT",
    "INSTALL_LEDGER",
    "INSTALL_ML",
    "INSTALL_NODE",
    "INSTALL_OBJECTS",
    "INSTALL_PASSPORT",
    "INSTALL_POSTGRES",
    "CallerError",
    "CounterfoilError",
    "DoesNotMatch",
    "ErrorRow",
    "HomeBusy",
    "HomeDamaged",
    "InvalidInput",
    "LedgerBusy",
    "LedgerContradicts",
    "LedgerError",
    "LedgerUnreachable",
    "Locked",
    "LogUnavailable",
    "MalformedEvidence",
    "NodeError",
    "NodeUnreachable",
    "NotAllowed",
    "NotFound",
    "NotSetUp",
    "NotSignedIn",
    "OtherPartyError",
    "OutOfFunds",
    "OverLimit",
    "QuorumMissed",
    "Recalled",
    "Reverted",
    "Stale",
    "TooLarge",
    "TooManyRequests",
    "WrongChain",
    "row_for",
]

INSTALL_ML: Final = "install the extra `ml`, e.g. pip install '.[ml]' in the repository's folder"
"""What to do where a package that models need is missing."""

INSTALL_LEDGER: Final = "install the extra `ledger`, e.g. pip install '.[ledger]' in the repository's folder"
"""What to do where a package that the shared ledger needs is missing."""

INSTALL_NODE: Final = "install the extra `node`, e.g. pip install '.[node]' in the repository's folder"
"""What to do where a package that the node needs is missing."""

INSTALL_POSTGRES: Final = "install the extra `postgres`, e.g. pip install '.[postgres]' in the repository's folder"
"""What to do where the package that PostgreSQL needs is missing."""

INSTALL_FINGERPRINT: Final = (
    "install the extra `fingerprint`, e.g. pip install '.[fingerprint]' in the repository's folder"
)
"""What to do where a package that fingerprints need is missing."""

INSTALL_OBJECTS: Final = "install the extra `objects`, e.g. pip install '.[objects]' in the repository's folder"
"""What to do where the package that object stores need is missing."""

INSTALL_PASSPORT: Final = "install the extra `passport`, e.g. pip install '.[passport]' in the repository's folder"
"""What to do where a package that other formats of passports need is missing."""

INSTALL_CLIENT: Final = "install the extra `client`, e.g. pip install '.[client]' in the repository's folder"
"""What to do where a package that the client needs is missing."""

INSTALL_COMPUTE: Final = "install the extra `compute`, e.g. pip install '.[compute]' in the repository's folder"
"""What to do where a package that computing next to the data needs is missing."""


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


class Recalled(NotAllowed):
    """It rests on data or a model that was recalled. Whoever waits for a decision needs another model, or a person."""


class NotSignedIn(CallerError):
    """Nobody knows who is asking: no key, a wrong one, or a session that has ended."""


class TooLarge(CallerError):
    """More was sent than is taken at once. Nothing was changed."""


class TooManyRequests(CallerError):
    """The caller asks more often than is allowed. Wait as long as the answer says, then repeat."""

    def __init__(self, message: str, *, hint: str = "", retry_after_s: int = 1) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class Stale(CallerError):
    """The caller acted on a state that has since changed. Look again, then repeat."""


class OtherPartyError(CounterfoilError):
    """What somebody else handed over is at fault."""


class MalformedEvidence(OtherPartyError):
    """A receipt, bundle, head or key cannot be read as what it claims to be."""


class DoesNotMatch(OtherPartyError):
    """Evidence was readable and a check on it failed (raised by `require_*` only)."""


class QuorumMissed(OtherPartyError):
    """Too few witnesses signed the log's head. Work goes on; they are asked again."""


class NodeUnreachable(OtherPartyError):
    """A node does not answer, or answers what cannot be. Whether it took the request is not known."""


class LedgerError(CounterfoilError):
    """The shared ledger, or the way to it, is at fault. What waits to be sent stays in the outbox."""


class LedgerUnreachable(LedgerError):
    """No node of the ledger answers in time. Work goes on; sending is tried again by itself."""


class LedgerContradicts(LedgerError):
    """Nodes of the ledger disagree, or one answers what cannot be. Nothing it said was believed."""


class WrongChain(LedgerError):
    """The node serves another chain than the one this home is connected to. Nothing was sent."""


class Reverted(LedgerError):
    """A contract refused the call; the message carries its reason."""

    def __init__(self, message: str, *, hint: str = "", data: bytes = b"") -> None:
        super().__init__(message, hint=hint)
        self.data = data
        """What the contract returned: ABI-encoded `Error(string)`, or empty."""


class OutOfFunds(LedgerError):
    """The account cannot pay the fee. Send it funds; what waits goes out by itself then."""


class OverLimit(LedgerError):
    """It would cost more than the fee ceiling or the day's spending limit allows. Nothing was sent."""


class LedgerBusy(LedgerError):
    """Another process holds this embedded ledger or outbox."""


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
    Recalled: ErrorRow("recalled", 6, 409, "Recalled"),
    NotSignedIn: ErrorRow("not_signed_in", 6, 401, "Who is asking?"),
    TooLarge: ErrorRow("too_large", 2, 413, "That is too large"),
    TooManyRequests: ErrorRow("too_many_requests", 5, 429, "Too many requests"),
    Stale: ErrorRow("stale", 6, 409, "Something changed in the meantime"),
    MalformedEvidence: ErrorRow("malformed_evidence", 4, 422, "This file cannot be read"),
    DoesNotMatch: ErrorRow("does_not_match", 4, 409, "This does not match"),
    QuorumMissed: ErrorRow("quorum_missed", 5, 503, "Too few witnesses signed"),
    NodeUnreachable: ErrorRow("node_unreachable", 5, 502, "The node does not answer"),
    LedgerUnreachable: ErrorRow("ledger_unreachable", 5, 503, "The ledger does not answer"),
    LedgerContradicts: ErrorRow("ledger_contradicts", 4, 502, "The ledger contradicts itself"),
    WrongChain: ErrorRow("wrong_chain", 5, 502, "This is another ledger"),
    Reverted: ErrorRow("reverted", 6, 409, "The contract refused"),
    OutOfFunds: ErrorRow("out_of_funds", 5, 503, "The account is empty"),
    OverLimit: ErrorRow("over_limit", 6, 403, "It would cost more than is allowed"),
    LedgerBusy: ErrorRow("ledger_busy", 5, 503, "Somebody else is using this ledger"),
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
