"""Whose cosignatures make a log's head believable: the witness policy (C2SP tlog-policy).

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> <any|all|k> <name>...
    quorum <name>

Lines in this order of dependence: a group and the quorum name only what stands above
them. Spaces and tabs separate, `#` starts a line of remarks. The log that asks and the
checker who judges read the same file; addresses are for the one who asks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from counterfoil.core.note import COSIGNATURE, ED25519, VerifierKey
from counterfoil.errors import CounterfoilError, InvalidInput

__all__ = ["MAX_POLICY_BYTES", "NO_QUORUM", "Group", "PolicyLog", "PolicyWitness", "WitnessPolicy"]

MAX_POLICY_BYTES: Final = 65_536
MAX_OF_EACH: Final = 64
"""Most logs, witnesses and groups, each; a signed head carries at most 100 signatures."""

NO_QUORUM: Final = "none"
_MAX_SHOWN: Final = 80
_COUNT: Final = re.compile(r"[1-9][0-9]{0,3}")
_FORMS: Final = {
    "log": "log <vkey> [<url>]",
    "witness": "witness <name> <vkey> [<url>]",
    "group": "group <name> <any|all|k> <name>...",
    "quorum": "quorum <name>",
}


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """A log whose heads the policy speaks about."""

    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class PolicyWitness:
    """A witness: what the policy calls it, its key, and where it is asked (empty where it is not)."""

    name: str
    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """So many of these members.

    Attributes:
        name: What the policy calls it.
        rule: `any`, `all` or a number in decimal.
        members: Names of witnesses and of groups above it.
    """

    name: str
    rule: str
    members: tuple[str, ...]

    @property
    def threshold(self) -> int:
        """So many members must have signed."""
        return {"any": 1, "all": len(self.members)}.get(self.rule) or int(self.rule)


@dataclass(frozen=True, slots=True)
class WitnessPolicy:
    """A witness policy that was read and found to hold together.

    Attributes:
        logs: The logs it is about; empty when that is known from elsewhere.
        witnesses: In the order of the file.
        groups: In the order of the file.
        quorum: A witness or a group; `none` asks for no cosignature.
    """

    logs: tuple[PolicyLog, ...] = ()
    witnesses: tuple[PolicyWitness, ...] = ()
    groups: tuple[Group, ...] = ()
    quorum: str = NO_QUORUM

    @property
    def asks_for_none(self) -> bool:
        """Whether a head needs no cosignature."""
        return self.quorum == NO_QUORUM

    def is_met(self, seen: Collection[str]) -> bool:
        """Whether the witnesses named in `seen` are enough."""
        reached = {witness.name for witness in self.witnesses if witness.name in seen}
        for group in self.groups:  # a group names only what stands above it
            if sum(member in reached for member in group.members) >= group.threshold:
                reached.add(group.name)
        return self.asks_for_none or self.quorum in reached

    def wanted(self) -> str:
        """Returns the quorum in words: "2 of A, B, C"."""
        words = {witness.name: witness.name for witness in self.witnesses}
        for group in self.groups:
            count, inner = len(group.members), [words[member] for member in group.members]
            parts = ", ".join(f"({part})" if " " in part else part for part in inner)
            words[group.name] = inner[0] if count == 1 else f"{group.threshold} of {parts}"
        return words.get(self.quorum, "nobody")

    def text(self) -> str:
        """Returns the policy file."""
        rows: list[tuple[str, ...]] = [("log", str(log.key), log.url) for log in self.logs]
        rows += [("witness", each.name, str(each.key), each.url) for each in self.witnesses]
        rows += [("group", group.name, group.rule, *group.members) for group in self.groups]
        rows.append(("quorum", self.quorum))
        return "".join(f"{' '.join(part for part in row if part)}\n" for row in rows)

    @classmethod
    def parse(cls, data: bytes) -> WitnessPolicy:
        """Reads a policy file.

        Raises:
            InvalidInput: With the number of the line, for anything that is not a whole policy.
        """
        made = _Reading()
        for number, words in _rows(data):
            try:
                made.take(words)
            except CounterfoilError as error:
                raise InvalidInput(f"the witness policy, line {number}: {error.message}", hint=error.hint) from error
        if made.quorum is None:
            raise InvalidInput(
                "the witness policy has no quorum line", hint="end it with quorum and a name; `quorum none` asks nobody"
            )
        return cls(tuple(made.logs), tuple(made.witnesses), tuple(made.groups), made.quorum)


class _Reading:
    """What the lines so far have said."""

    def __init__(self) -> None:
        self.logs: list[PolicyLog] = []
        self.witnesses: list[PolicyWitness] = []
        self.groups: list[Group] = []
        self.quorum: str | None = None
        self._free: dict[str, bool] = {}  # every name so far, and whether no group has taken it yet

    def take(self, words: list[str]) -> None:
        """Takes one line (InvalidInput)."""
        kind = words[0]
        if kind == "log" and 2 <= len(words) <= 3:
            self._take_log(*words[1:])
        elif kind == "witness" and 3 <= len(words) <= 4:
            self._take_witness(*words[1:])
        elif kind == "group" and len(words) >= 4:
            self._take_group(words[1], words[2], tuple(words[3:]))
        elif kind == "quorum" and len(words) == 2:
            self._take_quorum(words[1])
        else:
            form = _FORMS.get(kind)
            if form is None:
                raise InvalidInput(
                    f"no line starts with {kind[:_MAX_SHOWN]!r}",
                    hint="known are log, witness, group and quorum",
                )
            raise InvalidInput(f"a {kind} line has another form", hint=f"write {form}")

    def _take_log(self, vkey: str, url: str = "") -> None:
        self.logs.append(PolicyLog(_key(vkey, ED25519, [log.key for log in self.logs], "a log's"), url))
        _require_few(self.logs, "logs")

    def _take_witness(self, name: str, vkey: str, url: str = "") -> None:
        self._define(name)
        key = _key(vkey, COSIGNATURE, [witness.key for witness in self.witnesses], "a witness's")
        self.witnesses.append(PolicyWitness(name, key, url))
        _require_few(self.witnesses, "witnesses")

    def _take_group(self, name: str, rule: str, members: tuple[str, ...]) -> None:
        for member in members:
            if not self._free.get(member, False):
                why = "is in a group already" if member in self._free else "is not defined above this line"
                raise InvalidInput(f"{member[:_MAX_SHOWN]!r} {why}", hint="each name may be in one group, once")
            self._free[member] = False
        if rule not in ("any", "all") and not (_COUNT.fullmatch(rule) and int(rule) <= len(members)):
            raise InvalidInput(
                f"a group of {len(members)} cannot ask for {rule[:_MAX_SHOWN]!r}", hint="any, all, or 1 to all of them"
            )
        self._define(name)
        self.groups.append(Group(name, rule, members))
        _require_few(self.groups, "groups")

    def _take_quorum(self, name: str) -> None:
        if self.quorum is not None:
            raise InvalidInput("there is a quorum line already", hint="a policy has one")
        if name != NO_QUORUM and name not in self._free:
            raise InvalidInput(f"{name[:_MAX_SHOWN]!r} is not defined above this line", hint="name a witness or group")
        self.quorum = name

    def _define(self, name: str) -> None:
        if name == NO_QUORUM or name in self._free:
            raise InvalidInput(
                f"the name {name[:_MAX_SHOWN]!r} is taken", hint="witnesses and groups share their names"
            )
        self._free[name] = True


def _rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yields number and words of every line that says something (InvalidInput)."""
    if len(data) > MAX_POLICY_BYTES:
        raise InvalidInput(f"the witness policy is larger than {MAX_POLICY_BYTES:,} bytes")
    if any((byte < 0x20 and byte not in (0x09, 0x0A)) or byte == 0x7F for byte in data):
        raise InvalidInput(
            "the witness policy holds control characters", hint="save it as plain text with Unix line ends"
        )
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError as error:
        raise InvalidInput("the witness policy is not UTF-8 text") from error
    for number, line in enumerate(lines, 1):
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if words and not words[0].startswith("#"):
            yield number, words


def _key(vkey: str, kind: int, others: Collection[VerifierKey], whose: str) -> VerifierKey:
    key = VerifierKey.parse(vkey)
    if key.kind != kind:
        raise InvalidInput(f"this is not {whose} key: it is of type {key.kind}, and {kind} is expected")
    if any(other.public == key.public for other in others):
        raise InvalidInput("the same key stands here twice", hint="a key counts once, whatever it is called")
    return key


def _require_few(rows: Collection[object], what: str) -> None:
    if len(rows) > MAX_OF_EACH:
        raise InvalidInput(f"the witness policy names more than {MAX_OF_EACH} {what}")
